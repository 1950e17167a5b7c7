// What arrived: markers found in the bytes, how long they took, and whether every connection got exactly what it should.
#include "load.h"

Histogram latencies, connectTimes;
uint64_t deliveries, expectedDeliveries, readyMatches;
static uint64_t outOfOrder;

// 128 steps for each power of two, so that a step is less than 1 %.
static int bucketOf(uint64_t us) {
  if (us < 128) return (int)us;
  int exponent = 63 - __builtin_clzll(us);
  int bucket = ((exponent - 6) << 7) + (int)((us >> (exponent - 7)) & 127);
  return bucket < (1 << 14) ? bucket : (1 << 14) - 1;
}

void record(Histogram *histogram, uint64_t us) {
  histogram->counts[bucketOf(us)]++;
  histogram->total++;
  if (us > histogram->maxUs) histogram->maxUs = us;
}

double percentileUs(const Histogram *histogram, double fraction) {
  uint64_t wanted = (uint64_t)((double)histogram->total * fraction), seen = 0;
  for (int bucket = 0; bucket < (1 << 14); bucket++) {
    seen += histogram->counts[bucket];
    if (seen <= wanted) continue;
    if (bucket < 128) return bucket;
    return (double)((1ull << ((bucket >> 7) + 6)) + ((uint64_t)(bucket & 127) << ((bucket >> 7) - 1)));
  }
  return 0;
}

// Sums of these tell apart "all of them once" from "as many, but other ones".
static uint64_t mixed(uint32_t sequence) {
  uint64_t x = sequence + 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  return (x ^ (x >> 27)) * 0x94d049bb133111ebull;
}

typedef struct Topic { uint64_t count, checksum; int subscribers; } Topic;
static Topic *topics;
static int *ownerOf; // the publisher of the last 2^20 publications
#define OWNERS (1 << 20)

static void prepareTopics(void) {
  if (topics) return;
  topics = calloc((size_t)options.topics, sizeof *topics);
  ownerOf = calloc(OWNERS, sizeof *ownerOf);
  for (int i = 0; i < options.connections; i++)
    for (int k = 0; k < connections[i].hello->topicCount; k++) topics[connections[i].hello->topics[k]].subscribers++;
}

void expectPublication(int topic, uint32_t sequence, Connection *publisher) {
  prepareTopics();
  ownerOf[sequence % OWNERS] = publisher->number;
  publisher->ownPublished++;
  publisher->ownChecksum += mixed(sequence);
  if (options.echo) { expectedDeliveries++; return; }
  topics[topic].count++;
  topics[topic].checksum += mixed(sequence);
  expectedDeliveries += (uint64_t)topics[topic].subscribers;
}

Verdict verify(void) {
  Verdict verdict = {.outOfOrder = outOfOrder};
  prepareTopics();
  for (int i = 0; i < options.connections; i++) {
    const Connection *connection = &connections[i];
    uint64_t count = options.echo ? connection->ownPublished : 0, checksum = options.echo ? connection->ownChecksum : 0;
    for (int k = 0; !options.echo && k < connection->hello->topicCount; k++) {
      count += topics[connection->hello->topics[k]].count;
      checksum += topics[connection->hello->topics[k]].checksum;
    }
    if (connection->received < count) verdict.lost += count - connection->received;
    else if (connection->received > count) verdict.extra += connection->received - count;
    else if (connection->checksum != checksum) verdict.mismatched++;
  }
  return verdict;
}

static const int8_t hexDigit[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

static bool hexNumber(const char *from, int digits, uint64_t *number) {
  uint64_t value = 0;
  for (int i = 0; i < digits; i++) {
    int digit = hexDigit[(uint8_t)from[i]];
    if (digit == 0) return false;
    value = value << 4 | (uint64_t)(digit - 1);
  }
  *number = value;
  return true;
}

uint64_t readNs; // when the bytes at hand were read

static void delivered(Connection *connection, uint32_t sequence, uint64_t sentNs) {
  deliveries++;
  connection->received++;
  connection->checksum += mixed(sequence);
  // Sequences rise over all channels and publishers; only one channel with one publisher promises to keep them rising.
  bool isOrdered = options.publishers == 1 && connection->hello->topicCount == 1;
  if (isOrdered && connection->received > 1 && sequence <= connection->lastSequence) outOfOrder++;
  connection->lastSequence = sequence;
  record(&latencies, readNs > sentNs ? (readNs - sentNs) / 1000 : 0);
  if (connection->number < options.publishers && ownerOf && ownerOf[sequence % OWNERS] == connection->number) connection->credits++;
}

// Finds the markers that begin before `limit` and end within `length`.
static void findMarkers(Connection *connection, const char *data, size_t length, size_t limit) {
  const char *at = data, *stop = data + (limit < length ? limit : length);
  while (at < stop && (at = memchr(at, '~', (size_t)(stop - at)))) {
    uint64_t sequence, sentNs;
    if ((size_t)(data + length - at) >= MARKER_BYTES && at[MARKER_BYTES - 1] == '!' && hexNumber(at + 1, 8, &sequence) &&
        hexNumber(at + 9, 14, &sentNs)) {
      delivered(connection, (uint32_t)sequence, sentNs);
      at += MARKER_BYTES;
    } else at++;
  }
}

static void findReady(Connection *connection, const char *data, size_t length, size_t limit) {
  size_t wanted = strlen(options.ready);
  const char *at = data;
  while ((at = memmem(at, (size_t)(data + length - at), options.ready, wanted)) && (size_t)(at - data) < limit) {
    connection->readySeen++;
    readyMatches++;
    if (connection->state == GREETING && connection->readySeen == (uint32_t)options.readyCount) becameReady(connection);
    at += wanted;
  }
}

static void find(Connection *connection, const char *data, size_t length, size_t limit) {
  if (options.ready && (connection->state == GREETING || options.hold)) findReady(connection, data, length, limit);
  if (connection->state == READY && !options.hold) findMarkers(connection, data, length, limit);
}

void text(Connection *connection, const char *data, size_t length, bool last) {
  size_t longest = MARKER_BYTES;
  if (options.ready && strlen(options.ready) > longest) longest = strlen(options.ready);
  if (connection->tailLength > 0) {
    char joined[2 * TAIL_BYTES];
    size_t more = length < longest - 1 ? length : longest - 1;
    memcpy(joined, connection->tail, connection->tailLength);
    memcpy(joined + connection->tailLength, data, more);
    find(connection, joined, connection->tailLength + more, connection->tailLength);
  }
  find(connection, data, length, length);
  if (last) { connection->tailLength = 0; return; }
  size_t keep = longest - 1;
  if (length >= keep) {
    memcpy(connection->tail, data + length - keep, keep);
    connection->tailLength = (uint8_t)keep;
    return;
  }
  size_t old = connection->tailLength + length > keep ? keep - length : connection->tailLength;
  memmove(connection->tail, connection->tail + connection->tailLength - old, old);
  memcpy(connection->tail + old, data, length);
  connection->tailLength = (uint8_t)(old + length);
}
