// WebSocket (RFC 6455) as a client: the handshake, frames out, and a parser of frames in that keeps nothing but its place.
#include "load.h"

static const char MASK[4] = {0x5a, 0x13, 0x77, 0x2c};

size_t writeHandshake(char *into, size_t capacity) {
  return (size_t)snprintf(into, capacity,
      "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGlkaW5ncyBiZW5jaG1hcg==\r\n%s%s%s%s\r\n",
      options.path, options.host, options.port, options.subprotocol ? "Sec-WebSocket-Protocol: " : "",
      options.subprotocol ? options.subprotocol : "", options.subprotocol ? "\r\n" : "",
      options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
}

#ifdef WITH_DEFLATE
static void startInflater(Connection *connection, const char *response, size_t length) {
  if (!options.deflate) return;
  if (!memmem(response, length, "permessage-deflate", 18)) { end(connection, "no permessage-deflate"); return; }
  connection->ownContext = !memmem(response, length, "server_no_context_takeover", 26);
  connection->inflater = calloc(1, sizeof *connection->inflater);
  inflateInit2(connection->inflater, -15);
}

static void inflateText(Connection *connection, const char *data, size_t length, bool last) {
  static char plain[1 << 18];
  z_stream *stream = connection->inflater;
  if (!stream) { end(connection, "compressed without being asked"); return; }
  for (int part = 0; part < (last ? 2 : 1); part++) {
    stream->next_in = (Bytef *)(part == 0 ? data : "\0\0\xff\xff");
    stream->avail_in = part == 0 ? (uInt)length : 4;
    do {
      stream->next_out = (Bytef *)plain;
      stream->avail_out = sizeof plain;
      int result = inflate(stream, Z_SYNC_FLUSH);
      if (result != Z_OK && result != Z_BUF_ERROR) { end(connection, "compressed data is damaged"); return; }
      size_t n = sizeof plain - stream->avail_out;
      if (n > 0) text(connection, plain, n, false);
      if (result == Z_BUF_ERROR) break;
    } while (stream->avail_in > 0 || stream->avail_out == 0);
  }
  if (last) {
    text(connection, "", 0, true);
    if (!connection->ownContext) inflateReset(stream);
  }
}
#else
static void startInflater(Connection *connection, const char *response, size_t length) {
  (void)connection, (void)response, (void)length;
}
static void inflateText(Connection *connection, const char *data, size_t length, bool last) {
  (void)data, (void)length, (void)last;
  end(connection, "built without zlib");
}
#endif

bool readHandshake(Connection *connection, const char *data, size_t length, size_t *used) {
  const char *stop = memmem(data, length, "\r\n\r\n", 4);
  if (!stop) return false;
  *used = (size_t)(stop + 4 - data);
  if (strncmp(data, "HTTP/1.1 101", 12) != 0) {
    fprintf(stderr, "refused: %.*s\n", (int)(length < 400 ? length : 400), data);
    end(connection, "handshake refused");
    return false;
  }
  startInflater(connection, data, *used);
  return connection->state != CLOSED;
}

size_t clientFrame(char *into, uint8_t opcode, const char *payload, size_t length) {
  size_t n = 0;
  into[n++] = (char)(0x80 | opcode);
  if (length < 126) into[n++] = (char)(0x80 | length);
  else if (length < 65536) {
    into[n++] = (char)(0x80 | 126);
    into[n++] = (char)(length >> 8);
    into[n++] = (char)length;
  } else {
    into[n++] = (char)(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) into[n++] = (char)((uint64_t)length >> shift);
  }
  memcpy(into + n, MASK, 4);
  n += 4;
  for (size_t i = 0; i < length; i++) into[n + i] = payload[i] ^ MASK[i & 3];
  return n + length;
}

static void answer(Connection *connection, uint8_t opcode, const char *payload, size_t length) {
  char frame[140];
  send_(connection, frame, clientFrame(frame, opcode, payload, length));
  flush(connection);
  acknowledgeAtOnce(connection);
}

static void answerControl(Connection *connection) {
  if (connection->opcode == 9) answer(connection, 10, (const char *)connection->control, connection->controlLength);
  else if (connection->opcode == 8) {
    int code = connection->controlLength >= 2 ? connection->control[0] << 8 | connection->control[1] : 0;
    char why[200];
    snprintf(why, sizeof why, "the server closed with %d %.*s", code, connection->controlLength > 2 ? connection->controlLength - 2 : 0, connection->control + 2);
    end(connection, why);
  }
}

// Whether a line of these bytes is the ping of the application's protocol: Centrifugo puts several lines into a frame. The
// bytes are a message or a part of one; a ping that two reads cut in half is not seen.
static bool hasAppPing(const char *data, size_t length, bool first, bool last) {
  size_t wanted = strlen(options.ping);
  const char *at = data, *stop = data + length;
  while ((size_t)(stop - at) >= wanted && (at = memmem(at, (size_t)(stop - at), options.ping, wanted))) {
    bool begins = at == data ? first : at[-1] == '\n';
    bool ends = at + wanted == stop ? last : at[wanted] == '\n';
    if (begins && ends) return true;
    at += wanted;
  }
  return false;
}

static size_t headerSize(const uint8_t *header) {
  uint8_t length = header[1] & 127;
  return length < 126 ? 2 : length == 126 ? 4 : 10;
}

static bool takeHeader(Connection *connection, const uint8_t *header) {
  uint64_t length = header[1] & 127;
  if (length == 126) length = (uint64_t)header[2] << 8 | header[3];
  else if (length == 127) {
    length = 0;
    for (int i = 2; i < 10; i++) length = length << 8 | header[i];
  }
  connection->opcode = header[0] & 15;
  connection->final = (header[0] & 0x80) != 0;
  connection->payloadLeft = length;
  connection->headerLength = 0;
  if (connection->opcode >= 8) {
    connection->controlLength = 0;
    if (length <= 125) return true;
    end(connection, "a control frame is too long");
    return false;
  }
  if (connection->opcode != 0) {
    connection->messageBytes = 0;
    connection->compressed = (header[0] & 0x40) != 0;
  }
  return true;
}

static void takePayload(Connection *connection, const char *data, size_t length) {
  connection->payloadLeft -= length;
  if (connection->opcode >= 8) {
    memcpy(connection->control + connection->controlLength, data, length);
    connection->controlLength += (uint8_t)length;
    if (connection->payloadLeft == 0) answerControl(connection);
    return;
  }
  bool first = connection->messageBytes == 0;
  connection->messageBytes += length;
  bool last = connection->final && connection->payloadLeft == 0;
  if (options.ping && hasAppPing(data, length, first, last)) answer(connection, 1, options.pong, strlen(options.pong));
  if (connection->compressed) inflateText(connection, data, length, last);
  else text(connection, data, length, last);
}

// Takes what was read; false once the connection has ended.
bool receive(Connection *connection, const char *data, size_t length) {
  size_t at = 0;
  bool inPayload = connection->payloadLeft > 0;
  while (at < length) {
    if (!inPayload) {
      if (connection->headerLength == 0 && length - at >= 10) {
        const uint8_t *header = (const uint8_t *)data + at;
        at += headerSize(header);
        if (!takeHeader(connection, header)) return false;
      } else {
        connection->header[connection->headerLength++] = (uint8_t)data[at++];
        if (connection->headerLength < 2 || connection->headerLength < headerSize(connection->header)) continue;
        if (!takeHeader(connection, connection->header)) return false;
      }
    }
    size_t chunk = length - at < connection->payloadLeft ? length - at : (size_t)connection->payloadLeft;
    takePayload(connection, data + at, chunk);
    at += chunk;
    inPayload = connection->payloadLeft > 0;
    if (connection->state == CLOSED) return false;
  }
  return true;
}
