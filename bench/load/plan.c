// Files of what to send, one line each: topics, a tab, then frames separated by tabs. Connection n uses line n modulo the
// number of lines, and so does publication n. Within a frame \t, \n, \r and \\ are escaped; %m is the marker and filler, %s
// the publication's sequence, %d the connection's number. A schedule's lines begin with their time in microseconds.
#include "load.h"

static char *unescaped(const char *from, size_t length) {
  char *frame = malloc(length + 1);
  size_t n = 0;
  for (size_t i = 0; i < length; i++) {
    if (from[i] == '\\' && i + 1 < length) {
      i++;
      frame[n++] = from[i] == 't' ? '\t' : from[i] == 'n' ? '\n' : from[i] == 'r' ? '\r' : from[i];
    } else frame[n++] = from[i];
  }
  frame[n] = 0;
  return frame;
}

static void parseLine(Line *line, char *from, bool timed) {
  if (timed) {
    line->atUs = strtoull(from, &from, 10);
    if (*from == '\t') from++;
  }
  while (*from && *from != '\t') {
    line->topics[line->topicCount++] = (int)strtol(from, &from, 10);
    if (*from == ',') from++;
    if (line->topicCount == 64) break;
  }
  while (*from == '\t') {
    from++;
    size_t length = strcspn(from, "\t");
    line->frames = realloc(line->frames, (line->frameCount + 1) * sizeof *line->frames);
    line->frames[line->frameCount++] = unescaped(from, length);
    from += length;
  }
}

Lines readLines(const char *path, bool timed) {
  Lines lines = {0};
  FILE *file = fopen(path, "r");
  if (!file) { perror(path); exit(1); }
  char *text = NULL;
  size_t capacity = 0;
  int room = 0;
  for (ssize_t length; (length = getline(&text, &capacity, file)) > 0;) {
    if (text[length - 1] == '\n') text[length - 1] = 0;
    if (lines.count == room) lines.items = realloc(lines.items, (room = room ? room * 2 : 16) * sizeof *lines.items);
    Line *line = &lines.items[lines.count++];
    memset(line, 0, sizeof *line);
    parseLine(line, text, timed);
  }
  free(text);
  fclose(file);
  if (lines.count == 0) { fprintf(stderr, "%s is empty\n", path); exit(1); }
  return lines;
}

static size_t renderMarker(char *into, const Rendering *values) {
  size_t n = (size_t)sprintf(into, "~%08x%014llx!", values->sequence, (unsigned long long)values->nowNs & 0xffffffffffffffull);
  for (; n < (size_t)values->payloadBytes; n++) into[n] = 'x';
  return n;
}

size_t render(char *into, size_t capacity, const char *template, const Rendering *values) {
  size_t n = 0;
  for (const char *at = template; *at; at++) {
    if (n + values->payloadBytes + MARKER_BYTES + 16 > capacity) { fprintf(stderr, "a frame is too long\n"); exit(1); }
    if (*at != '%') into[n++] = *at;
    else switch (*++at) {
      case 'm': n += renderMarker(into + n, values); break;
      case 's': n += (size_t)sprintf(into + n, "%u", values->sequence); break;
      case 'd': n += (size_t)sprintf(into + n, "%d", values->number); break;
      default: into[n++] = *at; break;
    }
  }
  return n;
}
