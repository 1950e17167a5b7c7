// Options, the order of a run, and its result as one line of JSON on standard output.
#include "load.h"
#include <getopt.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

Options options = {.host = "127.0.0.1", .path = "/", .connections = 1, .concurrency = 200, .publishers = 1, .payloadBytes = 64,
                   .readyCount = 1, .topics = 1, .warmupSeconds = 1, .seconds = 5};
int readyConnections;
static uint64_t firstNs, lastReadyNs;

uint64_t monotonicNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void becameReady(Connection *connection) {
  connection->state = READY;
  acknowledgeAtOnce(connection);
  readyConnections++;
  lastReadyNs = monotonicNs();
  record(&connectTimes, (lastReadyNs - connection->startedNs) / 1000);
}

static void readRates(const char *list) {
  char *at = (char *)list;
  while (*at && options.rateCount < 64) {
    options.rates[options.rateCount++] = strtod(at, &at);
    if (*at == ',') at++;
  }
}

static void readOptions(int count, char **words) {
  static const struct option known[] = {
      {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'a'}, {"subprotocol", 1, 0, 'u'}, {"connections", 1, 0, 'n'},
      {"concurrency", 1, 0, 'c'}, {"hello", 1, 0, 'i'}, {"ready", 1, 0, 'r'}, {"ready-count", 1, 0, 'R'}, {"ping", 1, 0, 'g'},
      {"pong", 1, 0, 'G'}, {"publish", 1, 0, 'm'}, {"schedule", 1, 0, 's'}, {"publishers", 1, 0, 'k'}, {"window", 1, 0, 'w'},
      {"rates", 1, 0, 'f'}, {"limit-ms", 1, 0, 'l'}, {"payload", 1, 0, 'b'}, {"warmup", 1, 0, 'W'}, {"seconds", 1, 0, 'd'},
      {"watch", 1, 0, 'P'}, {"topics", 1, 0, 't'}, {"hold", 0, 0, 'H'}, {"echo", 0, 0, 'e'}, {"tls", 0, 0, 'T'}, {"deflate", 0, 0, 'z'}, {0}};
  for (int letter; (letter = getopt_long(count, words, "", known, NULL)) != -1;) switch (letter) {
    case 'h': options.host = optarg; break;
    case 'p': options.port = atoi(optarg); break;
    case 'a': options.path = optarg; break;
    case 'u': options.subprotocol = optarg; break;
    case 'n': options.connections = atoi(optarg); break;
    case 'c': options.concurrency = atoi(optarg); break;
    case 'i': options.helloFile = optarg; break;
    case 'r': options.ready = optarg; break;
    case 'R': options.readyCount = atoi(optarg); break;
    case 'g': options.ping = optarg; break;
    case 'G': options.pong = optarg; break;
    case 'm': options.publishFile = optarg; break;
    case 's': options.scheduleFile = optarg; break;
    case 'k': options.publishers = atoi(optarg); break;
    case 'w': options.window = atoi(optarg); break;
    case 'f': readRates(optarg); break;
    case 'l': options.limitMs = strtod(optarg, NULL); break;
    case 'b': options.payloadBytes = atoi(optarg); break;
    case 'W': options.warmupSeconds = strtod(optarg, NULL); break;
    case 'd': options.seconds = strtod(optarg, NULL); break;
    case 'P': options.watchPid = atoi(optarg); break;
    case 't': options.topics = atoi(optarg); break;
    case 'H': options.hold = true; break;
    case 'e': options.echo = true; break;
    case 'T': options.tls = true; break;
    case 'z': options.deflate = true; break;
    default: exit(2);
  }
  if (!options.helloFile || (!options.hold && !options.publishFile && !options.scheduleFile)) {
    fprintf(stderr, "--hello and one of --hold, --publish and --schedule are needed\n");
    exit(2);
  }
}

static void connectAll(void) {
  Lines hello = readLines(options.helloFile, false);
  connections = calloc((size_t)options.connections, sizeof *connections);
  for (int i = 0; i < options.connections; i++) {
    connections[i].number = i;
    connections[i].hello = &hello.items[i % hello.count];
  }
  const uint64_t patienceNs = 30 * NS_PER_S;
  firstNs = lastReadyNs = monotonicNs();
  while (readyConnections < options.connections) {
    openNext();
    handleEvents(100);
    if (monotonicNs() - lastReadyNs > patienceNs) {
      fprintf(stderr, "only %d of %d connections became ready\n", readyConnections, options.connections);
      exit(1);
    }
  }
}

static double connectSeconds(void) { return (double)(lastReadyNs - firstNs) / 1e9; }

static void printConnects(void) {
  printf("\"connections\":%d,\"connectSeconds\":%.4f,\"connectP50Us\":%.0f,\"connectP99Us\":%.0f", options.connections,
         connectSeconds(), percentileUs(&connectTimes, .5), percentileUs(&connectTimes, .99));
}

static void printLatencies(void) {
  printf("\"p50Us\":%.0f,\"p90Us\":%.0f,\"p99Us\":%.0f,\"maxUs\":%llu", percentileUs(&latencies, .5),
         percentileUs(&latencies, .9), percentileUs(&latencies, .99), (unsigned long long)latencies.maxUs);
}

static void printWindow(const Window *window) {
  printf("\"seconds\":%.4f,\"published\":%llu,\"deliveries\":%llu,\"bytesReceived\":%llu,\"bytesSent\":%llu,"
         "\"serverCpuSeconds\":%.3f,\"loadCpuSeconds\":%.3f,\"lateMs\":%.3f,",
         window->seconds, (unsigned long long)window->published, (unsigned long long)window->deliveries,
         (unsigned long long)window->bytesReceived, (unsigned long long)window->bytesSent, window->cpuSeconds,
         window->ownCpuSeconds, window->lateMs);
  printLatencies();
}

// Says that all are ready, holds them until standard input ends, and says how many were lost meanwhile.
static void hold(void) {
  printf("{\"ready\":true,");
  printConnects();
  printf("}\n");
  fflush(stdout);
  char byte;
  watch(STDIN_FILENO);
  for (bool isHeld = true; isHeld;) {
    handleEvents(1000);
    struct timespec none = {0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(STDIN_FILENO, &set);
    if (pselect(1, &set, NULL, NULL, &none, NULL) == 1 && read(STDIN_FILENO, &byte, 1) <= 0) isHeld = false;
  }
  isStopping = true;
  printf("{");
  printConnects();
  printf(",\"closed\":%d,\"readyMatches\":%llu}\n", closedConnections, (unsigned long long)readyMatches);
}

static void printVerdict(void) {
  Verdict verdict = verify();
  printf(",\"delivered\":%llu,\"expected\":%llu,\"lost\":%llu,\"extra\":%llu,\"mismatched\":%llu,\"outOfOrder\":%llu,\"closed\":%d",
         (unsigned long long)deliveries, (unsigned long long)expectedDeliveries, (unsigned long long)verdict.lost,
         (unsigned long long)verdict.extra, (unsigned long long)verdict.mismatched, (unsigned long long)verdict.outOfOrder, closedConnections);
}

// Rates one after the other, until one is too much.
static void runSteps(void) {
  printf("\"steps\":[");
  for (int i = 0; i < options.rateCount; i++) {
    Window window = {0};
    bool drained = publishFor(options.rates[i], i == 0 ? options.warmupSeconds : 0.2, options.seconds, &window);
    printf("%s{\"rate\":%.1f,\"drained\":%s,", i ? "," : "", options.rates[i], drained ? "true" : "false");
    printWindow(&window);
    printf("}");
    if (!drained || (options.limitMs > 0 && percentileUs(&latencies, .99) > options.limitMs * 1000)) break;
  }
  printf("]");
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  readOptions(count, words);
  startSockets();
  connectAll();
  if (options.hold) { hold(); return 0; }
  startPublishing();
  // Servers may still be busy with the last that came.
  for (uint64_t untilNs = monotonicNs() + (uint64_t)(options.warmupSeconds * 1e9 / 3); monotonicNs() < untilNs;) handleEvents(50);
  printf("{");
  printConnects();
  printf(",");
  if (options.rateCount > 0) runSteps();
  else {
    Window window = {0};
    if (options.scheduleFile) replaySchedule(&window);
    else publishFor(0, options.warmupSeconds, options.seconds, &window);
    printWindow(&window);
  }
  printVerdict();
  printf("}\n");
  return 0;
}
