/* Stops one named thread of a process, as a real hang of one stage would, while the others go on.
 *
 * usage: hold NAME PID
 *
 * NAME is the thread's name as /proc shows it. The thread stays stopped until this program is killed, which
 * lets it go on, or until the process ends, at which this program ends too. Nothing in the process sees it
 * coming: no signal is delivered.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* The thread's number, or 0. The kernel keeps fifteen letters of a name. */
static pid_t find(const char *name, const char *pid) {
  char path[320], comm[32];
  pid_t found = 0;
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *threads = opendir(path);
  if (!threads) {
    fprintf(stderr, "hold: there is no process %s\n", pid);
    exit(1);
  }
  for (struct dirent *thread; !found && (thread = readdir(threads));) {
    if (!isdigit((unsigned char)thread->d_name[0]))
      continue;
    snprintf(path, sizeof path, "/proc/%s/task/%s/comm", pid, thread->d_name);
    FILE *file = fopen(path, "r");
    if (!file)
      continue;
    if (fgets(comm, sizeof comm, file)) {
      comm[strcspn(comm, "\n")] = 0;
      if (strncmp(comm, name, 15) == 0)
        found = atoi(thread->d_name);
    }
    fclose(file);
  }
  closedir(threads);
  return found;
}

int main(int count, char **words) {
  if (count != 3) {
    fprintf(stderr, "usage: hold NAME PID\n");
    return 2;
  }
  pid_t thread = find(words[1], words[2]);
  if (!thread) {
    fprintf(stderr, "hold: process %s has no thread named %s\n", words[2], words[1]);
    return 1;
  }
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) < 0) {
    fprintf(stderr, "hold: cannot stop thread %d: %s\n", thread, strerror(errno));
    return 1;
  }
  /* Whatever else the thread might stop for, it is not told to go on. */
  for (int status, is_told = 0; waitpid(thread, &status, __WALL) == thread;) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      printf("hold: the process has ended\n");
      return 0;
    }
    if (!is_told) {
      printf("hold: thread %d, %s, of process %s stands still\n", thread, words[1], words[2]);
      fflush(stdout);
      is_told = 1;
    }
  }
  fprintf(stderr, "hold: lost thread %d: %s\n", thread, strerror(errno));
  return 1;
}
