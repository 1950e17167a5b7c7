// Publishing: in a closed loop, where the return of one's own publication (or its acknowledgement) sends the next, or in an
// open loop at a rate or along a schedule, whatever comes back.
#include "load.h"
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

static Lines publications;
static uint32_t sequence;
static uint64_t turn, nextDueNs, periodNs, scheduleStartNs, lateNs;
static int timer = -1, scheduled;
static bool isOpen, isReplaying;

void startPublishing(void) {
  publications = options.scheduleFile ? readLines(options.scheduleFile, true) : readLines(options.publishFile, false);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  watch(timer);
}

static void tick(uint64_t everyNs) {
  struct itimerspec spec = {.it_interval = {.tv_sec = (time_t)(everyNs / NS_PER_S), .tv_nsec = (long)(everyNs % NS_PER_S)}};
  spec.it_value = spec.it_interval;
  timerfd_settime(timer, 0, &spec, NULL);
}

void watchedIsReadable(void) {
  uint64_t expirations;
  if (timer >= 0 && read(timer, &expirations, sizeof expirations) > 0) publishWhatIsDue();
}

static void publishLine(Connection *publisher, const Line *line, uint64_t nowNs) {
  static char rendered[1 << 16], frame[(1 << 16) + 16];
  sequence++;
  Rendering values = {.sequence = sequence, .number = publisher->number, .nowNs = nowNs, .payloadBytes = options.payloadBytes};
  size_t length = render(rendered, sizeof rendered, line->frames[0], &values);
  send_(publisher, frame, clientFrame(frame, 1, rendered, length));
  expectPublication(line->topics[0], sequence, publisher);
}

static void publishOne(Connection *publisher, uint64_t nowNs) {
  uint64_t number = (uint64_t)publisher->number + (uint64_t)publisher->turns++ * (uint64_t)options.publishers;
  publishLine(publisher, &publications.items[number % (uint64_t)publications.count], nowNs);
}

static void late(uint64_t nowNs, uint64_t dueNs) {
  if (nowNs - dueNs > lateNs) lateNs = nowNs - dueNs;
}

void publishWhatIsDue(void) {
  if (!isOpen && !isReplaying) return;
  uint64_t nowNs = monotonicNs();
  while (isOpen && !isStopping && nextDueNs <= nowNs) {
    Connection *publisher = &connections[turn++ % (uint64_t)options.publishers];
    late(nowNs, nextDueNs);
    publishOne(publisher, nowNs);
    flush(publisher);
    nextDueNs += periodNs;
  }
  while (isReplaying && scheduled < publications.count && scheduleStartNs + publications.items[scheduled].atUs * 1000 <= nowNs) {
    Connection *publisher = &connections[turn++ % (uint64_t)options.publishers];
    late(nowNs, scheduleStartNs + publications.items[scheduled].atUs * 1000);
    publishLine(publisher, &publications.items[scheduled++], nowNs);
    flush(publisher);
  }
}

// With as many in flight as publishers or more, each keeps its share; with fewer, the next in turn goes on.
static bool keepsShare(void) { return options.window >= options.publishers; }

void publishCredits(Connection *connection) {
  uint32_t credits = connection->credits;
  connection->credits = 0;
  if (credits == 0 || options.window == 0 || isStopping) return;
  for (; credits > 0; credits--) {
    Connection *publisher = keepsShare() ? connection : &connections[turn++ % (uint64_t)options.publishers];
    publishOne(publisher, readNs);
    if (!keepsShare()) flush(publisher);
  }
  flush(connection);
}

static void fillWindow(void) {
  for (int i = 0; i < options.window; i++) publishOne(&connections[turn++ % (uint64_t)options.publishers], monotonicNs());
  for (int i = 0; i < options.publishers; i++) flush(&connections[i]);
}

static Window snapshot(void) {
  return (Window){.published = sequence, .deliveries = deliveries, .bytesReceived = bytesReceived, .bytesSent = bytesSent,
                  .cpuSeconds = usageOf(options.watchPid).cpuSeconds, .ownCpuSeconds = ownCpuSeconds()};
}

static void close_(Window *window, const Window *begin, uint64_t beginNs) {
  Window now = snapshot();
  window->seconds = (double)(monotonicNs() - beginNs) / 1e9;
  window->cpuSeconds = now.cpuSeconds - begin->cpuSeconds;
  window->ownCpuSeconds = now.ownCpuSeconds - begin->ownCpuSeconds;
  window->published = now.published - begin->published;
  window->deliveries = now.deliveries - begin->deliveries;
  window->bytesReceived = now.bytesReceived - begin->bytesReceived;
  window->bytesSent = now.bytesSent - begin->bytesSent;
  window->lateMs = (double)lateNs / 1e6;
}

// Waits for what is on its way; false when nothing more comes although something is missing.
static bool drain(void) {
  const uint64_t patienceNs = 5 * NS_PER_S;
  uint64_t lastNs = monotonicNs(), last = deliveries;
  while (deliveries < expectedDeliveries) {
    handleEvents(100);
    if (deliveries != last) last = deliveries, lastNs = monotonicNs();
    else if (monotonicNs() - lastNs > patienceNs || closedConnections > 0) return false;
  }
  // What comes twice would come about now.
  for (uint64_t untilNs = monotonicNs() + NS_PER_S / 5; monotonicNs() < untilNs;) handleEvents(50);
  return true;
}

// Tells a server that is profiled (src/run/profiled-server.mjs) where a measurement begins and ends; others ignore it.
static void tellServer(void) {
  if (options.watchPid > 0) kill(options.watchPid, SIGWINCH);
}

static void measure(double warmupSeconds, double seconds, Window *window) {
  uint64_t startNs = monotonicNs(), beginNs = startNs + (uint64_t)(warmupSeconds * 1e9);
  while (monotonicNs() < beginNs) handleEvents(50);
  tellServer();
  beginNs = monotonicNs();
  memset(&latencies, 0, sizeof latencies);
  lateNs = 0;
  Window begin = snapshot();
  uint64_t endNs = beginNs + (uint64_t)(seconds * 1e9);
  while (monotonicNs() < endNs && closedConnections == 0) handleEvents(50);
  close_(window, &begin, beginNs);
  tellServer();
}

bool publishFor(double rate, double warmupSeconds, double seconds, Window *window) {
  isStopping = false;
  if (rate > 0) {
    const uint64_t shortestNs = 100000;
    periodNs = (uint64_t)(1e9 / rate);
    nextDueNs = monotonicNs();
    isOpen = true;
    tick(periodNs > shortestNs ? periodNs : shortestNs);
  } else fillWindow();
  measure(warmupSeconds, seconds, window);
  isStopping = true;
  isOpen = false;
  tick(0);
  return drain();
}

bool replaySchedule(Window *window) {
  scheduleStartNs = monotonicNs();
  isReplaying = true;
  tick(500000);
  measure(0, (double)publications.items[publications.count - 1].atUs / 1e6, window);
  isReplaying = false;
  isStopping = true;
  return drain();
}
