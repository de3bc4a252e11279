// Steps of a causal transformer over a table, for several streams at once: the whole loop of
// sampling, from the symbol drawn last to the next.
//
// Compiled for one network and one processor: a header of constants that
// `engines/attending/layout.py` lays down stands before this text.
//
// Symbols fill a table of ROWS rows and STRIDE columns. When it is full, its later half (AGAIN
// symbols) is read again as the beginning of another. That is not done at once, which would hold up
// a stream, but along the way: as soon as CHUNK more symbols of the later half are known, they are
// read into the next table. Their rows share the weights, so that it costs little.

#include "products.cpp"

// ---- the network ----------------------------------------------------------------------------

#include "block.cpp"

struct Call : Block {
  const float* label;      // (count, WIDE), or null
  const float* local;      // (length, count, WIDE), or null: what frames add to symbols
  // What is added to.
  float* now;              // (count, TABLE): of each stream what was read, and its keys and values
  float* next;             // the table that follows
  int64_t held, followed;  // symbols that lie in each
};

struct Place {
  float* table;
  int64_t position;
};

struct Buffers {
  float *x, *y, *read, *seen, *inner, *outputs, *scores, *one, *two, *three;
  int32_t* keys;
  Place* places;
  const float** from;
  float** to;
};

// In the order of `Kind` of sparse_attention.py.
enum Kind { WINDOW, COLUMN, STRIDED, ROW, SUMMARY, FIXED, PREVIOUS, DENSE };

constexpr bool sees_column(int64_t kind) { return kind == COLUMN || kind == STRIDED; }
constexpr bool sees_summaries(int64_t kind) { return kind == SUMMARY || kind == FIXED; }

// ---- keys and values ------------------------------------------------------------------------

// Those of a head, at so many places: keys in blocks of PAD places, channel after channel; values
// in pieces of PAD channels, place after place. So both are matrices that `one_row` multiplies by.
struct Shelf {
  float *keys, *values;
  int64_t places;
};

inline Shelf shelf(float* at, int head, int64_t places) {
  at += head * (SIZE + SPAN) * places;
  return {at, at + SIZE * places, places};
}

inline void put(const Shelf& shelf, int64_t place, const float* key, const float* value) {
  float* keys = shelf.keys + place / PAD * PAD * SIZE + place % PAD;
  for (int i = 0; i < SIZE; i++) keys[i * PAD] = key[i];
  for (int piece = 0; piece < SPAN / PAD; piece++)
    memcpy(shelf.values + (piece * shelf.places + place) * PAD, value + piece * PAD,
           sizeof(float) * PAD);
}

// Keeps what a row was read as, (3, INNER): queries, keys, values.
inline void keep(int layer, const Place& at, const float* read) {
  const int64_t row = at.position / STRIDE, column = at.position % STRIDE, kind = KIND[layer];
  for (int head = 0; head < HEADS; head++) {
    const float *key = read + INNER + head * SIZE, *value = key + INNER;
    if (kind != COLUMN) put(shelf(at.table + NEAR_AT[layer], head, NEAR), at.position, key, value);
    const Shelf far = shelf(at.table + FAR_AT[layer], head, FAR);
    if (sees_column(kind)) put(far, column * ROWS + row, key, value);
    const int64_t before = column ? SUMMED[head][column - 1] : 0;
    if (sees_summaries(kind) && SUMMED[head][column] > before)
      put(far, row * SUMMARIES + before, key, value);
  }
}

// Places that are seen, from `begin` to before `end`.
struct Part {
  Shelf shelf;
  int64_t begin, end;
};

// What a head sees from a place, in one or two parts.
inline int look(int layer, int head, const Place& at, Part* parts) {
  const int64_t position = at.position, row = position / STRIDE, column = position % STRIDE;
  const Shelf near = shelf(at.table + NEAR_AT[layer], head, NEAR);
  const Shelf far = shelf(at.table + FAR_AT[layer], head, FAR);
  const Part window = {near, std::max<int64_t>(0, position - STRIDE + 1), position + 1};
  const Part own_row = {near, row * STRIDE, position + 1}, self = {near, position, position + 1};
  const int64_t summed = SUMMED[head][column], before = column ? SUMMED[head][column - 1] : 0;
  switch ((Kind)KIND[layer]) {
    case WINDOW: parts[0] = window; return 1;
    case COLUMN: parts[0] = {far, column * ROWS, column * ROWS + row + 1}; return 1;
    case STRIDED:
      parts[0] = window;
      parts[1] = {far, column * ROWS, column * ROWS + row};
      return row ? 2 : 1;
    case ROW: parts[0] = own_row; return 1;
    case SUMMARY:
      parts[0] = {far, 0, row * SUMMARIES + summed};
      if (summed > before) return 1;  // it sees itself as a summary
      parts[parts[0].end ? 1 : 0] = self;
      return row * SUMMARIES + summed ? 2 : 1;
    case FIXED:
      parts[0] = own_row;
      parts[1] = {far, 0, row * SUMMARIES};
      return row ? 2 : 1;
    case PREVIOUS:
      parts[0] = self;
      parts[1] = {near, (row - 1) * STRIDE, row * STRIDE};
      return row ? 2 : 1;
    case DENSE: parts[0] = {near, 0, position + 1}; return 1;
  }
  return 0;
}

// Scores of a part's keys into blocks that begin at multiples of PAD, -inf beyond its ends; moves
// `to` behind them and returns the largest of each lane and `most`.
inline Vector score(const Part& part, const float* query, float*& to, Vector most) {
  Words lanes;
  for (int i = 0; i < LANES; i++) lanes[i] = i;
  for (int64_t place = part.begin / PAD * PAD; place < part.end; place += PAD, to += PAD) {
    memset(to, 0, sizeof(float) * PAD);
    one_row<Float32, PAD / (2 * LANES)>(part.shelf.keys + place * SIZE, query, to, SIZE);
    for (int i = 0; i < PAD; i += LANES) {
      const Words at = lanes + (int32_t)(place + i);
      const Words inside = (at >= (int32_t)part.begin) & (at < (int32_t)part.end);
      const Vector one = inside ? load(to + i) : all(-INFINITY);
      store(to + i, one);
      most = higher_of(one, most);
    }
  }
  return most;
}

// What a head sees, SIZE numbers into `to`.
inline void attend(const Part* parts, int count, const float* query, float* to, const Buffers& b) {
  float* end = b.scores;
  Vector highest = all(-INFINITY), totals = Vector{};
  for (int i = 0; i < count; i++) highest = score(parts[i], query, end, highest);
  const float most = largest(highest);
  for (float* at = b.scores; at < end; at += LANES) {
    const Vector weight = exponential(higher_of(load(at) - most, all(-87)));
    store(at, weight);
    totals += weight;
  }
  alignas(64) float mixed[SPAN] = {};
  const float* weights = b.scores;
  for (int i = 0; i < count; i++) {
    const Part& part = parts[i];
    const int64_t first = part.begin / PAD * PAD;
    for (int piece = 0; piece < SPAN / PAD; piece++)
      one_row<Float32, PAD / (2 * LANES)>(
          part.shelf.values + (piece * part.shelf.places + part.begin) * PAD,
          weights + part.begin - first, mixed + piece * PAD, part.end - part.begin);
    weights += (part.end - first + PAD - 1) / PAD * PAD;
  }
  const float by = 1 / sum(totals);
  for (int i = 0; i < SIZE; i++) to[i] = mixed[i] * by;
}

// ---- layers ---------------------------------------------------------------------------------

// A row less its mean, over its deviation. Padding is 0, and stays so.
inline void normalise(const Call& call, const float* x, float* y) {
  Vector total = Vector{}, squares = Vector{};
  for (int i = 0; i < WIDE; i += LANES) total += load(x + i);
  const float mean = sum(total) / WIDTH;
  for (int i = 0; i < WIDE; i += LANES) {
    Vector off = load(x + i) - mean;
    if (WIDE != WIDTH) off *= load(call.fixed + ONES_AT + i);
    store(y + i, off);
    squares += off * off;
  }
  const float by = 1 / std::sqrt(sum(squares) / WIDTH + LEAST_VARIANCE);
  for (int i = 0; i < WIDE; i += LANES) store(y + i, load(y + i) * by);
}

inline void normalise_all(const Call& call, int rows, const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    normalise(call, b.x + r * WIDE, b.y + r * WIDE);
    b.from[r] = b.y + r * WIDE;
  }
}

// Rows of a product begin with its bias.
template <int O>
inline void begin_rows(const Call& call, int64_t bias_at, int rows, float* to, const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    b.to[r] = to + r * O;
    memcpy(b.to[r], call.fixed + bias_at, sizeof(float) * O);
  }
}

// Adds a product of rows (rows, K) and its bias to the rows that pass through.
template <int K>
inline void add_product(const Call& call, const Weight* weights, int64_t bias_at, int rows,
                        const float* given, const Buffers& b) {
  const float* bias = call.fixed + bias_at;
  for (int r = 0; r < rows; r++) {
    float* x = b.to[r] = b.x + r * WIDE;
    for (int i = 0; i < WIDE; i += LANES) store(x + i, load(x + i) + load(bias + i));
    b.from[r] = given + r * K;
  }
  multiply<WEIGHTS, K, WIDE>(weights, b.from, b.to, rows);
}

inline void layer_step(const Call& call, int layer, int rows, const Buffers& b) {
  normalise_all(call, rows, b);
  begin_rows<3 * INNER>(call, READ_BIAS_AT[layer], rows, b.read, b);
  multiply<WEIGHTS, WIDE, 3 * INNER>(call.weights + READ_AT[layer], b.from, b.to, rows);
  for (int r = 0; r < rows; r++) keep(layer, b.places[r], b.read + r * 3 * INNER);
  for (int r = 0; r < rows; r++)
    for (int head = 0; head < HEADS; head++) {
      Part parts[2];
      const int count = look(layer, head, b.places[r], parts);
      attend(parts, count, b.read + r * 3 * INNER + head * SIZE, b.seen + r * INNER + head * SIZE,
             b);
    }
  add_product<INNER>(call, call.weights + WRITE_AT[layer], WRITE_BIAS_AT[layer], rows, b.seen, b);
  normalise_all(call, rows, b);
  begin_rows<HIDDEN>(call, INNER_BIAS_AT[layer], rows, b.inner, b);
  multiply<WEIGHTS, WIDE, HIDDEN>(call.weights + INNER_AT[layer], b.from, b.to, rows);
  for (float* at = b.inner; at < b.inner + rows * HIDDEN; at += LANES) {
    const Vector value = load(at);
    const Vector power = lower_of(higher_of(value * -1.702f, all(-87)), all(87));
    store(at, value / (1.0f + exponential(power)));
  }
  add_product<HIDDEN>(call, call.weights + OUT_AT[layer], OUT_BIAS_AT[layer], rows, b.inner, b);
}

inline float* given_at(const Place& at) { return at.table + at.position * WIDE; }

// What lies at `b.places` passes the layers, into `b.x`. Places of one table follow one another.
inline void read_places(const Call& call, int rows, const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    const float* given = given_at(b.places[r]);
    const float* row = call.fixed + ROWS_AT + b.places[r].position / STRIDE * WIDE;
    const float* column = call.fixed + COLUMNS_AT + b.places[r].position % STRIDE * WIDE;
    for (int i = 0; i < WIDE; i += LANES)
      store(b.x + r * WIDE + i, load(given + i) + (load(row + i) + load(column + i)));
  }
  for (int layer = 0; layer < LAYERS; layer++) layer_step(call, layer, rows, b);
}

// Reads what is known of the next table, where `held` symbols lie in this one: whole chunks of it,
// or the rest where it is full. They end at the same symbols wherever blocks of draws do.
inline int64_t follow(const Call& call, int64_t held, int64_t followed, const Buffers& b) {
  constexpr int64_t BEHIND = POSITIONS - AGAIN;
  const int64_t end = held == POSITIONS ? AGAIN : (held - BEHIND) / CHUNK * CHUNK;
  while (followed < end) {
    const int64_t next = std::min<int64_t>(end, (followed / CHUNK + 1) * CHUNK);
    for (int64_t stream = call.begin; stream < call.end; stream++) {
      for (int64_t position = followed; position < next; position++) {
        const Place at = {call.next + stream * TABLE, position};
        const Place before = {call.now + stream * TABLE, position + BEHIND};
        memcpy(given_at(at), given_at(before), sizeof(float) * WIDE);
        b.places[position - followed] = at;
      }
      read_places(call, next - followed, b);
    }
    followed = next;
  }
  return followed;
}

// ---- drawing --------------------------------------------------------------------------------

#include "levels.cpp"

// The vector of a stream's last symbol and of what it is told.
inline void give(const Call& call, int64_t done, int64_t stream, float* to) {
  const float* symbol = call.fixed + SYMBOLS_AT + (int64_t)call.previous[stream] * WIDE;
  const float* label = call.label ? call.label + stream * WIDE : nullptr;
  const float* local = call.local ? call.local + (done * call.count + stream) * WIDE : nullptr;
  for (int i = 0; i < WIDE; i += LANES) {
    Vector x = load(symbol + i);
    if (label) x += load(label + i);
    if (local) x += load(local + i);
    store(to + i, x);
  }
}

// One symbol of each stream is read, and one drawn.
inline void one_step(const Call& call, int64_t done, int rows, const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    b.places[r] = {call.now + (call.begin + r) * TABLE, call.held + done};
    give(call, done, call.begin + r, given_at(b.places[r]));
  }
  read_places(call, rows, b);
  normalise_all(call, rows, b);
  begin_rows<OUTPUTS>(call, HEAD_BIAS_AT, rows, b.outputs, b);
  multiply<WEIGHTS, WIDE, OUTPUTS>(call.weights + HEAD_AT, b.from, b.to, rows);
  draw_levels(call, done, rows, b.outputs, b);
}

void run_streams(const Call& call) {
  const size_t streams = call.end - call.begin, rows = std::max<size_t>(streams, CHUNK);
  constexpr size_t SCORES = NEAR + FAR + 4 * PAD;
  const size_t each = 2 * WIDE + 4 * INNER + HIDDEN + OUTPUTS;
  const size_t bytes = (rows * each + SPAN + SCORES + 4 * OUTPUTS) * sizeof(float);
  Arena arena(bytes + rows * (sizeof(Place) + 2 * sizeof(float*)) + 14 * 64);
  Buffers b;
  b.x = arena.take<float>(rows * WIDE);
  b.y = arena.take<float>(rows * WIDE);
  b.read = arena.take<float>(rows * 3 * INNER + SPAN);  // values of the last head are cut too long
  b.seen = arena.take<float>(rows * INNER);
  b.inner = arena.take<float>(rows * HIDDEN);
  b.outputs = arena.take<float>(rows * OUTPUTS);
  b.scores = arena.take<float>(SCORES);
  b.one = arena.take<float>(OUTPUTS);
  b.two = arena.take<float>(OUTPUTS);
  b.three = arena.take<float>(OUTPUTS);
  b.keys = arena.take<int32_t>(OUTPUTS);
  b.places = arena.take<Place>(rows);
  b.from = arena.take<const float*>(rows);
  b.to = arena.take<float*>(rows);
  memset(b.read, 0, sizeof(float) * (rows * 3 * INNER + SPAN));
  memset(b.seen, 0, sizeof(float) * rows * INNER);
  // Of a table that was entered from the module's own state, none has been read along yet.
  int64_t followed = follow(call, call.held, call.followed, b);
  for (int64_t done = 0; done < call.length; done++) {
    one_step(call, done, streams, b);
    followed = follow(call, call.held + done + 1, followed, b);
  }
}

}  // namespace

#include "streams.cpp"
