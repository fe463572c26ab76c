/* A badge reader that types like a keyboard, made by uinput: whatever line comes on standard input it types, as
 * on an American keyboard, with Enter at its end.
 *
 * usage: typist <FIFO
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const struct row {
  int first;
  const char *plain, *shifted;
} ROWS[] = {
    {KEY_1, "1234567890-=", "!@#$%^&*()_+"},
    {KEY_Q, "qwertyuiop", "QWERTYUIOP"},
    {KEY_A, "asdfghjkl;", "ASDFGHJKL:"},
    {KEY_Z, "zxcvbnm,./", "ZXCVBNM<>?"},
};
enum { COUNT = sizeof ROWS / sizeof *ROWS, PAUSE_NS = 2 * 1000 * 1000 };

static void fail(const char *doing) {
  fprintf(stderr, "typist: cannot %s: %s\n", doing, strerror(errno));
  exit(1);
}

static void emit(int device, int type, int code, int value) {
  struct input_event event = {.type = type, .code = code, .value = value};
  if (write(device, &event, sizeof event) != sizeof event)
    fail("write an event");
}

static void key(int device, int code, int value) {
  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  emit(device, EV_KEY, code, value);
  emit(device, EV_SYN, SYN_REPORT, 0);
  nanosleep(&pause, NULL);
}

static void press(int device, int code) {
  key(device, code, 1);
  key(device, code, 0);
}

static void type(int device, char sign) {
  for (int n = 0; n < COUNT; n++) {
    const char *plain = strchr(ROWS[n].plain, sign), *shifted = strchr(ROWS[n].shifted, sign);
    if (plain)
      return press(device, ROWS[n].first + (int)(plain - ROWS[n].plain));
    if (shifted) {
      key(device, KEY_LEFTSHIFT, 1);
      press(device, ROWS[n].first + (int)(shifted - ROWS[n].shifted));
      return key(device, KEY_LEFTSHIFT, 0);
    }
  }
  fprintf(stderr, "typist: no key types '%c'\n", sign);
  exit(1);
}

int main(void) {
  int device = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
  if (device < 0)
    fail("open /dev/uinput");
  struct uinput_setup setup = {.id = {.bustype = BUS_USB, .vendor = 0x1209, .product = 1}, .name = "Limen test reader"};
  if (ioctl(device, UI_SET_EVBIT, EV_KEY) < 0)
    fail("have keys");
  for (int code = KEY_ESC; code <= KEY_SPACE; code++)
    if (ioctl(device, UI_SET_KEYBIT, code) < 0)
      fail("have a key");
  if (ioctl(device, UI_DEV_SETUP, &setup) < 0 || ioctl(device, UI_DEV_CREATE) < 0)
    fail("make the reader");
  char line[256];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    for (char *sign = line; *sign; sign++)
      type(device, *sign);
    press(device, KEY_ENTER);
  }
  return 0;
}
