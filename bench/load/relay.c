// The kernel's limit: a relay over WebSocket that does nothing but write. What one round of epoll brings from the publishers
// becomes one buffer, written once to every connection (or, with "each", one write for every publication). It keeps no order
// between channels, no history and no slow consumer: whoever does not take everything at once waits for writability.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Peer { int fd; bool upgraded; size_t have, room; char *in; size_t pending, pendingRoom; char *out; } Peer;
static Peer *peers[1 << 17];
static int poller, open_[1 << 17], openCount;
static char batch[1 << 22];
static size_t batchLength, ends[1 << 16], endCount;

static void drop(Peer *peer) {
  for (int i = 0; i < openCount; i++) if (open_[i] == peer->fd) { open_[i] = open_[--openCount]; break; }
  peers[peer->fd] = NULL;
  close(peer->fd);
  free(peer->in);
  free(peer->out);
  free(peer);
}

static void watch(int fd, bool wantsWrite, int operation) {
  struct epoll_event event = {.events = wantsWrite ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = fd};
  epoll_ctl(poller, operation, fd, &event);
}

static void put(Peer *peer, const char *data, size_t length) {
  ssize_t n = peer->pending == 0 ? send(peer->fd, data, length, MSG_NOSIGNAL) : 0;
  if (n < 0) n = 0;
  if ((size_t)n == length) return;
  size_t rest = length - (size_t)n;
  if (peer->pending + rest > peer->pendingRoom) peer->out = realloc(peer->out, peer->pendingRoom = (peer->pending + rest) * 2);
  memcpy(peer->out + peer->pending, data + n, rest);
  if (peer->pending == 0) watch(peer->fd, true, EPOLL_CTL_MOD);
  peer->pending += rest;
}

static void writable(Peer *peer) {
  ssize_t n = send(peer->fd, peer->out, peer->pending, MSG_NOSIGNAL);
  if (n <= 0) return;
  peer->pending -= (size_t)n;
  memmove(peer->out, peer->out + n, peer->pending);
  if (peer->pending == 0) watch(peer->fd, false, EPOLL_CTL_MOD);
}

static void addToBatch(const char *payload, size_t length) {
  if (batchLength + length + 4 > sizeof batch || endCount == sizeof ends / sizeof *ends) { fprintf(stderr, "too much at once\n"); exit(1); }
  batch[batchLength++] = (char)0x81;
  if (length < 126) batch[batchLength++] = (char)length;
  else { batch[batchLength++] = 126; batch[batchLength++] = (char)(length >> 8); batch[batchLength++] = (char)length; }
  memcpy(batch + batchLength, payload, length);
  batchLength += length;
  ends[endCount++] = batchLength;
}

// One frame from a client, unmasked in place; the bytes it took, 0 if it is not whole yet.
static size_t takeFrame(char *in, size_t have) {
  if (have < 2) return 0;
  size_t length = in[1] & 127, at = 2;
  if (length == 126) {
    if (have < 4) return 0;
    length = (size_t)(uint8_t)in[2] << 8 | (uint8_t)in[3];
    at = 4;
  } else if (length == 127) { fprintf(stderr, "frame too large\n"); exit(1); }
  if (have < at + 4 + length) return 0;
  char *payload = in + at + 4;
  for (size_t i = 0; i < length; i++) payload[i] ^= in[at + (i & 3)];
  if ((in[0] & 15) == 1) addToBatch(payload, length);
  return at + 4 + length;
}

static void upgrade(Peer *peer) {
  char *stop = memmem(peer->in, peer->have, "\r\n\r\n", 4);
  if (!stop) return;
  // Load generators do not check the accept key, and it costs nothing per delivery.
  static const char response[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  put(peer, response, sizeof response - 1);
  peer->upgraded = true;
  peer->have -= (size_t)(stop + 4 - peer->in);
  memmove(peer->in, stop + 4, peer->have);
}

static bool readable(Peer *peer) {
  if (peer->room - peer->have < 65536) peer->in = realloc(peer->in, peer->room += 65536);
  ssize_t n = read(peer->fd, peer->in + peer->have, peer->room - peer->have);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
  if (n > 0) peer->have += (size_t)n;
  if (!peer->upgraded) upgrade(peer);
  size_t at = 0;
  for (size_t used; peer->upgraded && (used = takeFrame(peer->in + at, peer->have - at)) > 0;) at += used;
  peer->have -= at;
  memmove(peer->in, peer->in + at, peer->have);
  if (peer->have == 0) { free(peer->in); peer->in = NULL; peer->room = 0; }
  return true;
}

static void fanOut(bool each) {
  for (int i = 0; i < openCount; i++) {
    Peer *peer = peers[open_[i]];
    if (!peer->upgraded) continue;
    if (!each) { put(peer, batch, batchLength); continue; }
    for (size_t k = 0, from = 0; k < endCount; from = ends[k++]) put(peer, batch + from, ends[k] - from);
  }
  batchLength = endCount = 0;
}

static void acceptAll(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers[fd] = calloc(1, sizeof(Peer));
    peers[fd]->fd = fd;
    open_[openCount++] = fd;
    watch(fd, false, EPOLL_CTL_ADD);
  }
}

int main(int count, char **words) {
  bool each = count > 1 && strcmp(words[1], "each") == 0;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 4096) != 0) { perror("listen"); return 1; }
  getsockname(listener, (struct sockaddr *)&address, &length);
  poller = epoll_create1(0);
  watch(listener, false, EPOLL_CTL_ADD);
  printf("listening on %d\n", ntohs(address.sin_port));
  fflush(stdout);
  static struct epoll_event events[1024];
  for (;;) {
    int ready = epoll_wait(poller, events, 1024, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) { acceptAll(listener); continue; }
      Peer *peer = peers[fd];
      if (!peer) continue;
      if (events[i].events & EPOLLOUT) writable(peer);
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !readable(peer)) drop(peer);
    }
    if (endCount > 0) fanOut(each);
  }
}
