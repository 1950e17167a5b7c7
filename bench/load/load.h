// The load generator: one thread, epoll, raw sockets. It speaks just enough WebSocket to hold many connections and counts
// deliveries by a marker in the payload, whatever a server puts around it. See ../README.md for what is measured.
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif
#ifdef WITH_DEFLATE
#include <zlib.h>
#endif

// A marker: '~', 8 hex digits of sequence, 14 hex digits of CLOCK_MONOTONIC in ns, '!'.
#define MARKER_BYTES 24
#define TAIL_BYTES 96
#define NS_PER_S 1000000000ull

typedef struct Options {
  const char *host, *path, *subprotocol, *helloFile, *publishFile, *scheduleFile, *ready, *ping, *pong;
  int port, connections, concurrency, publishers, window, payloadBytes, readyCount, topics;
  double rates[64], warmupSeconds, seconds, limitMs;
  int rateCount;
  pid_t watchPid;
  bool hold, echo, tls, deflate;
} Options;

typedef enum { CONNECTING, SECURING, UPGRADING, GREETING, READY, CLOSED } State;

typedef struct Connection {
  int fd, number;
  State state;
  uint64_t startedNs;
  // Parser of incoming frames.
  uint8_t header[14], headerLength, opcode, messageOpcode, controlLength, control[125];
  bool final, compressed, wantsWrite;
  uint64_t payloadLeft, messageBytes;
  // The end of what came of an unfinished message: a marker may go on in the next read.
  uint8_t tailLength;
  char tail[TAIL_BYTES];
  // What arrived, to compare with what should have.
  uint64_t received, checksum, ownPublished, ownChecksum;
  uint32_t lastSequence, readySeen, credits, turns;
  const struct Line *hello;
  char *out;
  size_t outLength, outCapacity, outOffset;
#ifdef WITH_TLS
  SSL *ssl;
#endif
#ifdef WITH_DEFLATE
  z_stream *inflater;
  bool ownContext;
#endif
} Connection;

// plan.c: the files that say what connections send.
typedef struct Line { int topics[64], topicCount, frameCount; char **frames; uint64_t atUs; } Line;
typedef struct Lines { Line *items; int count; } Lines;
Lines readLines(const char *path, bool timed);
typedef struct Rendering { uint32_t sequence; int number; uint64_t nowNs; int payloadBytes; } Rendering;
size_t render(char *into, size_t capacity, const char *template, const Rendering *values);

// websocket.c: frames.
size_t clientFrame(char *into, uint8_t opcode, const char *payload, size_t length);
bool receive(Connection *connection, const char *data, size_t length);
bool readHandshake(Connection *connection, const char *data, size_t length, size_t *used);
size_t writeHandshake(char *into, size_t capacity);

// connection.c: sockets.
void openNext(void);
void send_(Connection *connection, const char *data, size_t length);
void flush(Connection *connection);
void end(Connection *connection, const char *why);
void acknowledgeAtOnce(Connection *connection);
bool handleEvents(int timeoutMs);
void startSockets(void);
void watch(int fd);

// deliveries.c: what arrived.
typedef struct Histogram { uint64_t counts[1 << 14], total, maxUs; } Histogram;
void record(Histogram *histogram, uint64_t us);
double percentileUs(const Histogram *histogram, double fraction);
void text(Connection *connection, const char *data, size_t length, bool last);
typedef struct Verdict { uint64_t lost, extra, mismatched, outOfOrder; } Verdict;
Verdict verify(void);
void expectPublication(int topic, uint32_t sequence, Connection *publisher);

// process.c: what a process used.
typedef struct Usage { double cpuSeconds, rssKib, peakKib; } Usage;
Usage usageOf(pid_t pid);
double ownCpuSeconds(void);

// publish.c: closed and open loops.
typedef struct Window { double seconds, cpuSeconds, ownCpuSeconds, lateMs; uint64_t published, deliveries, bytesReceived, bytesSent; } Window;
void startPublishing(void);
bool publishFor(double rate, double warmupSeconds, double seconds, Window *window);
bool replaySchedule(Window *window);
uint64_t monotonicNs(void);
void publishCredits(Connection *connection);
void becameReady(Connection *connection);
void publishWhatIsDue(void);
void watchedIsReadable(void);

extern Options options;
extern Connection *connections;
extern uint64_t readNs;
extern Histogram latencies, connectTimes;
extern uint64_t deliveries, expectedDeliveries, bytesReceived, bytesSent, readyMatches;
extern int readyConnections, closedConnections, startedConnections;
extern bool isStopping;
#endif
