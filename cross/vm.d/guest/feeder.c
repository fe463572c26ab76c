/* Plays a scene into a v4l2loopback device, at five frames a second, over and over.
 *
 * usage: feeder DEVICE LAYOUT SCENE
 *
 * LAYOUT is YUYV or MJPG. SCENE is a link to a file of frames (scenes.py writes it): each is its length
 * (four bytes, least significant first) and its bytes. On SIGHUP the link is followed again, so that the
 * scene changes while the device goes on streaming. What is shown is told to systemd: READY=1 after the
 * first frame, STATUS= with the file's name after the first frame of each scene.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, PAUSE_NS = 200 * 1000 * 1000 };

static volatile sig_atomic_t is_changed;

static void change(int number) {
  (void)number;
  is_changed = 1;
}

static void fail(const char *doing, const char *what) {
  fprintf(stderr, "feeder: cannot %s %s: %s\n", doing, what, strerror(errno));
  exit(1);
}

struct scene {
  char name[256];
  uint8_t *bytes;
  size_t size;
};

/* Maps the file that the link points to. */
static void load(struct scene *scene, const char *link) {
  char target[256];
  struct stat about;
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0)
    fail("follow", link);
  target[length] = 0;
  int file = open(target, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &about) < 0)
    fail("open", target);
  if (scene->bytes)
    munmap(scene->bytes, scene->size);
  scene->size = about.st_size;
  scene->bytes = mmap(NULL, scene->size, PROT_READ, MAP_PRIVATE, file, 0);
  if (scene->bytes == MAP_FAILED)
    fail("read", target);
  close(file);
  const char *slash = strrchr(target, '/');
  strcpy(scene->name, slash ? slash + 1 : target);
}

static void set_format(int device, const char *path, const char *layout) {
  struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
  format.fmt.pix.width = WIDTH;
  format.fmt.pix.height = HEIGHT;
  format.fmt.pix.pixelformat = v4l2_fourcc(layout[0], layout[1], layout[2], layout[3]);
  format.fmt.pix.field = V4L2_FIELD_NONE;
  format.fmt.pix.colorspace = V4L2_COLORSPACE_SRGB;
  uint32_t wanted = format.fmt.pix.pixelformat;
  if (ioctl(device, VIDIOC_S_FMT, &format) < 0)
    fail("set the format of", path);
  if (format.fmt.pix.pixelformat != wanted || format.fmt.pix.width != WIDTH || format.fmt.pix.height != HEIGHT) {
    fprintf(stderr, "feeder: %s took another format than %s\n", path, layout);
    exit(1);
  }
}

/* Says to systemd, or to nobody where it did not start this program. */
static void tell(const char *text) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!path || strlen(path) >= sizeof address.sun_path)
    return;
  strcpy(address.sun_path, path);
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(path);
  if (path[0] == '@')
    address.sun_path[0] = 0;
  int way = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (way < 0 || sendto(way, text, strlen(text), 0, (struct sockaddr *)&address, size) < 0)
    fail("speak to", path);
  close(way);
}

int main(int count, char **words) {
  if (count != 4 || strlen(words[2]) != 4) {
    fprintf(stderr, "usage: feeder DEVICE YUYV|MJPG SCENE\n");
    return 2;
  }
  struct scene scene = {0};
  load(&scene, words[3]);
  /* A pause that a signal breaks off; the loop looks at the flag. */
  struct sigaction action = {.sa_handler = change};
  sigaction(SIGHUP, &action, NULL);
  int device = open(words[1], O_RDWR | O_CLOEXEC);
  if (device < 0)
    fail("open", words[1]);
  set_format(device, words[1], words[2]);

  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  size_t at = 0;
  for (int is_new = 1;; nanosleep(&pause, NULL)) {
    if (is_changed) {
      is_changed = 0;
      load(&scene, words[3]);
      is_new = 1;
      at = 0;
    }
    const uint8_t *head = scene.bytes + at;
    uint32_t length = 0;
    if (scene.size - at >= 4)
      length = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
    if (length == 0 || scene.size - at - 4 < length) {
      fprintf(stderr, "feeder: %s is damaged at byte %zu\n", scene.name, at);
      return 1;
    }
    if (write(device, head + 4, length) != (ssize_t)length)
      fail("write a frame to", words[1]);
    at += 4 + length;
    if (at == scene.size)
      at = 0;
    if (is_new) {
      char text[320];
      snprintf(text, sizeof text, "READY=1\nSTATUS=%s", scene.name);
      tell(text);
      is_new = 0;
    }
  }
}
