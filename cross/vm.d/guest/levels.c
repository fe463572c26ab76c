/* Looks at the lines of the simulated GPIO chip two hundred times a second, and tells every change: a line of text
 * with the milliseconds since the machine began, and a digit for each line, its level.
 *
 * usage: levels FOLDER COUNT
 *
 * FOLDER is the chip's in /sys: sim_gpioN/value there is what is on line N.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16, PAUSE_NS = 5 * 1000 * 1000 };

int main(int argc, char **words) {
  int count = argc == 3 ? atoi(words[2]) : 0;
  if (count < 1 || count > MOST) {
    fprintf(stderr, "usage: levels FOLDER COUNT\n");
    return 2;
  }
  int files[MOST];
  for (int n = 0; n < count; n++) {
    char path[256];
    snprintf(path, sizeof path, "%s/sim_gpio%d/value", words[1], n);
    files[n] = open(path, O_RDONLY | O_CLOEXEC);
    if (files[n] < 0) {
      fprintf(stderr, "levels: cannot open %s: %s\n", path, strerror(errno));
      return 1;
    }
  }
  char before[MOST + 1] = "", now[MOST + 1] = "";
  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  for (;; nanosleep(&pause, NULL)) {
    for (int n = 0; n < count; n++)
      if (pread(files[n], now + n, 1, 0) != 1) {
        fprintf(stderr, "levels: cannot read line %d: %s\n", n, strerror(errno));
        return 1;
      }
    if (strcmp(before, now) != 0) {
      struct timespec at;
      clock_gettime(CLOCK_MONOTONIC, &at);
      printf("%lld %s\n", at.tv_sec * 1000LL + at.tv_nsec / 1000000, now);
      fflush(stdout);
      strcpy(before, now);
    }
  }
}
