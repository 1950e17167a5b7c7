// What a process used, from /proc.
#include "load.h"
#include <sys/resource.h>
#include <unistd.h>

static double field(const char *status, const char *name) {
  const char *at = strstr(status, name);
  return at ? strtod(at + strlen(name), NULL) : 0;
}

static size_t slurp(const char *path, char *into, size_t capacity) {
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(into, 1, capacity - 1, file) : 0;
  into[length] = 0;
  if (file) fclose(file);
  return length;
}

static Usage usageOfOne(pid_t pid) {
  Usage usage = {0};
  char path[64], content[8192];
  if (pid == 0) return usage;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (slurp(path, content, sizeof content) == 0) return usage;
  unsigned long user = 0, kernel = 0;
  const char *afterName = strrchr(content, ')');
  if (afterName) sscanf(afterName + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
  usage.cpuSeconds = (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  slurp(path, content, sizeof content);
  usage.rssKib = field(content, "VmRSS:");
  usage.peakKib = field(content, "VmHWM:");
  return usage;
}

// With the processes it started, as far as the kernel lists them.
Usage usageOf(pid_t pid) {
  Usage usage = usageOfOne(pid);
  char path[64], children[1024];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  slurp(path, children, sizeof children);
  char *at = children;
  for (long child; (child = strtol(at, &at, 10)) > 0;) {
    Usage more = usageOf((pid_t)child);
    usage.cpuSeconds += more.cpuSeconds;
    usage.rssKib += more.rssKib;
    usage.peakKib += more.peakKib;
  }
  return usage;
}

double ownCpuSeconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  return seconds + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}
