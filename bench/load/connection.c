// Sockets: opening them a bounded number at a time, reading, writing, and saying why one ended.
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define READ_BYTES (1 << 18)
#define EVENTS 1024
// Ports run short beyond some 28,000 connections to one address: every so many come from an address of their own.
#define CONNECTIONS_PER_ADDRESS 10000
static const uint32_t WATCHED = UINT32_MAX;

Connection *connections;
uint64_t bytesReceived, bytesSent;
int startedConnections, closedConnections;
bool isStopping;
static int poller;
#ifdef WITH_TLS
static SSL_CTX *tls;
#endif

void startSockets(void) {
  poller = epoll_create1(0);
#ifdef WITH_TLS
  if (options.tls) tls = SSL_CTX_new(TLS_client_method());
#endif
}

void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = WATCHED};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

void end(Connection *connection, const char *why) {
  if (connection->state == CLOSED) return;
  if (closedConnections < 5) fprintf(stderr, "connection %d ended: %s\n", connection->number, why);
  bool wasReady = connection->state == READY;
  connection->state = CLOSED;
  closedConnections++;
  close(connection->fd);
  if (!wasReady) exit(1);
}

static void interest(Connection *connection, bool wantsWrite) {
  if (connection->wantsWrite == wantsWrite) return;
  connection->wantsWrite = wantsWrite;
  struct epoll_event event = {.events = wantsWrite ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.u32 = (uint32_t)connection->number};
  epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

static void openOne(Connection *connection) {
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (connection->fd < 0) { perror("socket"); exit(1); }
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (strncmp(options.host, "127.", 4) == 0) {
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    uint32_t address = INADDR_LOOPBACK + (uint32_t)(connection->number / CONNECTIONS_PER_ADDRESS);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    if (bind(connection->fd, (struct sockaddr *)&own, sizeof own) != 0) { perror("bind"); exit(1); }
  }
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  inet_pton(AF_INET, options.host, &peer.sin_addr);
  connection->startedNs = monotonicNs();
  if (connect(connection->fd, (struct sockaddr *)&peer, sizeof peer) != 0 && errno != EINPROGRESS) { perror("connect"); exit(1); }
  connection->wantsWrite = true;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u32 = (uint32_t)connection->number};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event) != 0) { perror("epoll_ctl"); exit(1); }
}

void openNext(void) {
  while (startedConnections < options.connections && startedConnections - readyConnections < options.concurrency)
    openOne(&connections[startedConnections++]);
}

static ssize_t readSome(Connection *connection, char *into, size_t capacity) {
#ifdef WITH_TLS
  if (connection->ssl) {
    int n = SSL_read(connection->ssl, into, (int)capacity);
    if (n > 0) return n;
    int error = SSL_get_error(connection->ssl, n);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
  }
#endif
  return read(connection->fd, into, capacity);
}

static ssize_t writeSome(Connection *connection, const char *from, size_t length) {
#ifdef WITH_TLS
  if (connection->ssl) {
    int n = SSL_write(connection->ssl, from, (int)length);
    if (n > 0) return n;
    int error = SSL_get_error(connection->ssl, n);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
  }
#endif
  return send(connection->fd, from, length, MSG_NOSIGNAL);
}

void send_(Connection *connection, const char *data, size_t length) {
  if (connection->state == CLOSED) return;
  if (connection->outLength + length > connection->outCapacity) {
    connection->outCapacity = (connection->outLength + length) * 2;
    connection->out = realloc(connection->out, connection->outCapacity);
    if (!connection->out) { perror("realloc"); exit(1); }
  }
  memcpy(connection->out + connection->outLength, data, length);
  connection->outLength += length;
}

void flush(Connection *connection) {
  if (connection->state == CLOSED || connection->state == CONNECTING) return;
  while (connection->outOffset < connection->outLength) {
    ssize_t n = writeSome(connection, connection->out + connection->outOffset, connection->outLength - connection->outOffset);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) { interest(connection, true); return; }
    if (n < 0) { end(connection, strerror(errno)); return; }
    connection->outOffset += (size_t)n;
    bytesSent += (uint64_t)n;
  }
  connection->outOffset = connection->outLength = 0;
  interest(connection, false);
  // Many thousand idle connections need no buffers.
  if (connection->outCapacity > 0 && options.hold) {
    free(connection->out);
    connection->out = NULL;
    connection->outCapacity = 0;
  }
}

// The kernel holds back the acknowledgements of a socket that has just written. On loopback they then leave on the time of
// the server's core, at its next write, and not on this one's at the next read: up to a fifth of what a server can do.
void acknowledgeAtOnce(Connection *connection) {
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static void upgrade(Connection *connection) {
  char request[2048];
  connection->state = UPGRADING;
  send_(connection, request, writeHandshake(request, sizeof request));
  flush(connection);
}

static void secure(Connection *connection) {
#ifdef WITH_TLS
  if (!connection->ssl) {
    connection->state = SECURING;
    connection->ssl = SSL_new(tls);
    SSL_set_mode(connection->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_fd(connection->ssl, connection->fd);
  }
  int result = SSL_connect(connection->ssl);
  if (result == 1) { upgrade(connection); return; }
  int error = SSL_get_error(connection->ssl, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) end(connection, "TLS handshake failed");
  else interest(connection, error == SSL_ERROR_WANT_WRITE);
#else
  end(connection, "built without TLS");
#endif
}

static void connected(Connection *connection) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) { end(connection, strerror(error)); return; }
  if (options.tls) secure(connection);
  else upgrade(connection);
}

static void greet(Connection *connection) {
  static char frame[1 << 17], rendered[1 << 16];
  connection->state = GREETING;
  for (int i = 0; i < connection->hello->frameCount; i++) {
    Rendering values = {.number = connection->number, .payloadBytes = options.payloadBytes};
    size_t length = render(rendered, sizeof rendered, connection->hello->frames[i], &values);
    send_(connection, frame, clientFrame(frame, 1, rendered, length));
  }
  flush(connection);
  if (!options.ready) becameReady(connection);
}

static void readAll(Connection *connection) {
  static char data[READ_BYTES];
  for (;;) {
    ssize_t n = readSome(connection, data, sizeof data);
    if (n == 0) { end(connection, "the server closed"); return; }
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) end(connection, strerror(errno));
      return;
    }
    bytesReceived += (uint64_t)n;
    readNs = monotonicNs();
    size_t used = 0;
    if (connection->state == UPGRADING) {
      // A response that comes in pieces is not supported: no server sends it so on loopback.
      if (!readHandshake(connection, data, (size_t)n, &used)) { end(connection, "handshake incomplete"); return; }
      greet(connection);
    }
    if (!receive(connection, data + used, (size_t)n - used)) return;
    publishCredits(connection);
    // One read takes all of it, but for TLS, which keeps what it has read ahead.
    if (!options.tls && n < (ssize_t)sizeof data) return;
  }
}

// Waits for what happens and handles it; false if nothing did.
bool handleEvents(int timeoutMs) {
  static struct epoll_event events[EVENTS];
  int count = epoll_wait(poller, events, EVENTS, timeoutMs);
  for (int i = 0; i < count; i++) {
    if (events[i].data.u32 == WATCHED) { watchedIsReadable(); continue; }
    Connection *connection = &connections[events[i].data.u32];
    if (connection->state == CLOSED) continue;
    if (connection->state == CONNECTING) { connected(connection); continue; }
    if (connection->state == SECURING) { secure(connection); continue; }
    if (events[i].events & EPOLLOUT) flush(connection);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readAll(connection);
    publishWhatIsDue();
  }
  return count > 0;
}
