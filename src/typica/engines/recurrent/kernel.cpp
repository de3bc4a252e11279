// Steps of recurrent tiers above a perceptron, for several streams at once: the whole loop of
// sampling, from the symbol drawn last to the next.
//
// Compiled for one network and one processor: a header of constants that
// `engines/recurrent/layout.py` lays down stands before this text. Tiers come slowest first; what
// differs between them lies in arrays by tier, or by tier and layer.
//
// A tier takes a step where its frame begins, once in FRAME samples, and tells all parts of the
// frame at once. The products of levels' vectors and the perceptron's first layer are tables.

#include "products.cpp"

// ---- the network ----------------------------------------------------------------------------

#include "block.cpp"

struct Call : Block {
  const float* label;      // (count, TIERS, WIDTH), or null
  // What is changed.
  float* recent;           // (RECENT, count), a ring of symbols
  float* hidden;           // (TIERS, LAYERS, count, WIDTH)
  float* cell;             // the same of LSTMs
  float* words;            // of each tier (count, RATIO, WIDTH)
};

struct Buffers {
  float *x, *y, *given, *gates, *frame, *outputs, *one, *two, *three;
  int32_t* keys;
  const float** from;
  const float** past;
  float** to;
};

inline Vector sigmoid(Vector a) {
  a = lower_of(higher_of(a, all(-40)), all(40));
  return 1.0f / (1.0f + exponential(-a));
}

inline Vector tangent(Vector a) {
  a = lower_of(higher_of(a, all(-20)), all(20));
  const Vector u = exponential(a * -2.0f);
  return (1.0f - u) / (1.0f + u);
}

inline float* row(float* rows, int64_t stream) { return rows + stream * WIDTH; }

inline float symbol_at(const Call& call, int64_t time, int64_t stream) {
  return call.recent[(time % RECENT + RECENT) % RECENT * call.count + stream];
}

// From what a GRU's gates are of, (n of the input, r, z, n of the past), to its next state. With u =
// exp(-z) and v = exp(-2 a), (1 - sigmoid(z)) tanh(a) + sigmoid(z) h.
inline void leave_gru(const float* gates, float* hidden) {
  for (int i = 0; i < WIDTH; i += LANES) {
    const Vector r = sigmoid(load(gates + WIDTH + i)), z = sigmoid(load(gates + 2 * WIDTH + i));
    const Vector n = tangent(load(gates + i) + r * load(gates + 3 * WIDTH + i));
    store(hidden + i, n + z * (load(hidden + i) - n));
  }
}

// The same of an LSTM's, (i, f, g, o).
inline void leave_lstm(const float* gates, float* hidden, float* cell) {
  for (int i = 0; i < WIDTH; i += LANES) {
    const Vector in = sigmoid(load(gates + i)), forget = sigmoid(load(gates + WIDTH + i));
    const Vector out = sigmoid(load(gates + 3 * WIDTH + i));
    const Vector c = forget * load(cell + i) + in * tangent(load(gates + 2 * WIDTH + i));
    store(cell + i, c);
    store(hidden + i, out * tangent(c));
  }
}

// One step of a layer, from rows `b.from`; its new states are its outputs. A GRU's products go to
// three of four places each: the input's n must not be reset.
template <int T>
inline void layer_step(const Call& call, int layer, int rows, const Buffers& b) {
  constexpr int PASSED = IS_LSTM ? 4 : 3, BEGINS = IS_LSTM ? 0 : WIDTH;
  float* hidden = call.hidden + (int64_t)(T * LAYERS + layer) * call.count * WIDTH;
  float* cell = IS_LSTM ? call.cell + (int64_t)(T * LAYERS + layer) * call.count * WIDTH : nullptr;
  const float* bias = call.fixed + BIAS_AT[T][layer];
  for (int r = 0; r < rows; r++) {
    b.to[r] = b.gates + (size_t)r * 4 * WIDTH;
    memcpy(b.to[r], bias, sizeof(float) * 4 * WIDTH);
  }
  multiply<WEIGHTS, WIDTH, PASSED * WIDTH>(call.weights + INPUTS_AT[T][layer], b.from, b.to, rows);
  if (SKIPS && layer) {
    for (int r = 0; r < rows; r++) b.past[r] = b.given + (size_t)r * WIDTH;
    multiply<WEIGHTS, WIDTH, PASSED * WIDTH>(call.weights + GIVEN_AT[T][layer], b.past, b.to, rows);
  }
  for (int r = 0; r < rows; r++) {
    b.past[r] = row(hidden, call.begin + r);
    b.to[r] += BEGINS;
  }
  multiply<WEIGHTS, WIDTH, PASSED * WIDTH>(call.weights + PAST_AT[T][layer], b.past, b.to, rows);
  for (int r = 0; r < rows; r++) {
    const float* gates = b.gates + (size_t)r * 4 * WIDTH;
    float* own = row(hidden, call.begin + r);
    if (IS_LSTM) leave_lstm(gates, own, row(cell, call.begin + r));
    else leave_gru(gates, own);
    b.from[r] = own;
  }
}

inline float* words_of(const Call& call, int tier, int64_t stream) {
  return call.words + WORDS_AT[tier] * call.count + stream * RATIO[tier] * WIDTH;
}

// What a tier says to those below where a sample stands at `time`.
inline const float* said(const Call& call, int tier, int64_t time, int64_t stream) {
  const int64_t part = FRAME[tier] / RATIO[tier];
  return words_of(call, tier, stream) + time % FRAME[tier] / part * WIDTH;
}

// A tier reads the frame that ends with the symbol read at `time`, if one does, and those below it.
template <int T>
inline void tier_step(const Call& call, int64_t time, int rows, const Buffers& b) {
  if (time % FRAME[T] == 0) {
    for (int r = 0; r < rows; r++) {
      const int64_t stream = call.begin + r;
      float *frame = b.frame + (size_t)r * FRAME[0], *x = row(b.x, r);
      for (int i = 0; i < FRAME[T]; i++)
        frame[i] = call.fixed[NUMBERS_AT + (int)symbol_at(call, time - FRAME[T] + 1 + i, stream)];
      memcpy(x, call.fixed + INPUT_BIAS_AT[T], sizeof(float) * WIDTH);
      const float* above = T ? said(call, T ? T - 1 : 0, time, stream) : nullptr;
      const float* label = call.label ? call.label + (stream * TIERS + T) * WIDTH : nullptr;
      for (int i = 0; i < WIDTH; i += LANES) {
        if (above) store(x + i, load(x + i) + load(above + i));
        if (label) store(x + i, load(x + i) + load(label + i));
      }
      b.from[r] = frame;
      b.to[r] = x;
    }
    multiply<WEIGHTS, FRAME[T], WIDTH>(call.weights + INPUT_AT[T], b.from, b.to, rows);
    for (int r = 0; r < rows; r++) {
      b.from[r] = row(b.x, r);
      if (SKIPS) {
        memcpy(row(b.given, r), row(b.x, r), sizeof(float) * WIDTH);
        memcpy(row(b.y, r), call.fixed + SPEAK_BIAS_AT[T], sizeof(float) * WIDTH);
      }
    }
    for (int layer = 0; layer < LAYERS; layer++) {
      layer_step<T>(call, layer, rows, b);
      if (!SKIPS) continue;
      for (int r = 0; r < rows; r++) b.to[r] = row(b.y, r);
      multiply<WEIGHTS, WIDTH, WIDTH>(call.weights + SPEAK_AT[T][layer], b.from, b.to, rows);
    }
    for (int r = 0; r < rows; r++) {
      if (SKIPS) b.from[r] = row(b.y, r);
      b.to[r] = words_of(call, T, call.begin + r);
      memcpy(b.to[r], call.fixed + WORDS_BIAS_AT[T], sizeof(float) * RATIO[T] * WIDTH);
    }
    multiply<WEIGHTS, WIDTH, RATIO[T] * WIDTH>(call.weights + UPSAMPLING_AT[T], b.from, b.to, rows);
  }
  if constexpr (T + 1 < TIERS) tier_step<T + 1>(call, time, rows, b);
}

// The perceptron's first layer without its ReLU: what it is told, and a row for each symbol.
inline void read_symbols(const Call& call, int64_t time, int64_t stream, float* x) {
  memcpy(x, said(call, TIERS - 1, time, stream), sizeof(float) * WIDTH);
  const float* rows[TAPS > 0 ? TAPS : 1];
  for (int tap = 0; tap < TAPS; tap++) {
    const int64_t level = (int64_t)symbol_at(call, time - TAPS + 1 + tap, stream);
    rows[tap] = call.fixed + TABLES_AT + (tap * LEVELS + level) * WIDTH;
    __builtin_prefetch(rows[tap]);
  }
  for (int tap = 0; tap < TAPS; tap++)
    for (int i = 0; i < WIDTH; i += LANES) store(x + i, load(x + i) + load(rows[tap] + i));
}

template <int LAYER>
inline void head_layer(const Call& call, int rows, float* from, float* to, const Buffers& b) {
  constexpr int K = HEAD[LAYER], O = HEAD[LAYER + 1];
  for (int r = 0; r < rows; r++) {
    float* x = from + r * K;
    for (int i = 0; i < K; i += LANES) store(x + i, higher_of(load(x + i), Vector{}));
    b.from[r] = x;
    b.to[r] = to + r * O;
    memcpy(b.to[r], call.fixed + HEAD_BIAS_AT[LAYER], sizeof(float) * O);
  }
  multiply<WEIGHTS, K, O>(call.weights + HEAD_AT[LAYER], b.from, b.to, rows);
}

// ---- drawing --------------------------------------------------------------------------------

#include "levels.cpp"

// One symbol of each stream is read, and one drawn.
inline void one_step(const Call& call, int64_t done, int rows, const Buffers& b) {
  const int64_t time = call.time + done;
  for (int64_t stream = call.begin; stream < call.end; stream++)
    call.recent[time % RECENT * call.count + stream] = call.previous[stream];
  tier_step<0>(call, time, rows, b);
  for (int r = 0; r < rows; r++) read_symbols(call, time, call.begin + r, row(b.x, r));
  head_layer<0>(call, rows, b.x, b.y, b);
  head_layer<1>(call, rows, b.y, b.outputs, b);
  draw_levels(call, done, rows, b.outputs, b);
}

void run_streams(const Call& call) {
  const size_t rows = call.end - call.begin;
  Buffers b;
  const size_t floats = rows * (7 * WIDTH + FRAME[0] + OUTPUTS + 16) + 4 * OUTPUTS;
  Arena arena(floats * sizeof(float) + 3 * rows * sizeof(float*) + 16 * 64);
  b.x = arena.take<float>(rows * WIDTH);
  b.y = arena.take<float>(rows * WIDTH);
  b.given = arena.take<float>(rows * WIDTH);
  b.gates = arena.take<float>(rows * 4 * WIDTH);
  b.frame = arena.take<float>(rows * FRAME[0]);
  b.outputs = arena.take<float>(rows * OUTPUTS);
  b.one = arena.take<float>(OUTPUTS);
  b.two = arena.take<float>(OUTPUTS);
  b.three = arena.take<float>(OUTPUTS);
  b.keys = arena.take<int32_t>(OUTPUTS);
  b.from = arena.take<const float*>(rows);
  b.past = arena.take<const float*>(rows);
  b.to = arena.take<float*>(rows);
  for (int64_t done = 0; done < call.length; done++) one_step(call, done, rows, b);
}

}  // namespace

#include "streams.cpp"
