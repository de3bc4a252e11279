// Steps of a gated, dilated, causal network, for several streams at once: the whole loop of
// sampling, from the symbol drawn last to the next.
//
// Compiled for one network and one processor: a header of constants that `engines/gated/layout.py`
// lays down stands before this text. It holds two structs of type Stack, `Main` and `Context`, the
// shapes of input and output, and the places of the weights.
//
// What makes it fast, in this order: no dispatch between products; weights laid out in the order
// of their use, so that they stream; taps that look back at least CHUNK samples are multiplied for
// CHUNK samples at once, which reads their weights once for all of them; with several streams,
// tiles of rows share each weight that is loaded; one division for both sides of a gate.

#include "products.cpp"

// tanh(a) sigmoid(b) = (1 - u) / ((1 + u) (1 + v)), u = exp(-2 a), v = exp(-b).
inline Vector gated(Vector a, Vector b) {
  a = lower_of(higher_of(a, all(-20)), all(20));
  b = lower_of(higher_of(b, all(-40)), all(40));
  const Vector u = exponential(a * -2.0f), v = exponential(-b);
  return (1.0f - u) / ((1.0f + u) * (1.0f + v));
}

// ---- the network ----------------------------------------------------------------------------

#include "block.cpp"

struct Call : Block {
  // What is read.
  const float* label;      // (count, LABEL)
  const float* local;      // (length, count, LOCAL)
  // What is changed.
  float* recent;           // (RECENT, count), a ring of symbols
  float* rings;            // of each layer (memory, count, channels)
  float* context_rings;
  float* now;              // (count, Context::SKIP): what the context network says
  // Of searches, or null. Hypotheses that leave and split move no data: where the past of a stream
  // lies is looked up, time by time.
  int32_t* ancestors;          // (ancestry, count), a ring: streams that were each one's past
  int32_t* context_ancestors;  // (context_ancestry, count), the same of frames
  double* scores;              // (count,): a beam search; log-probabilities of hypotheses
  int32_t* parents;            // (length, count): streams that the hypotheses go on from
  int64_t ancestry, context_ancestry;
  int64_t width;               // hypotheses that compete with one another
};

struct Buffers {
  int chunk;  // samples that `before` has room for
  float *x, *gates, *product, *skips, *before, *outputs, *one, *two, *three;
  int32_t* keys;
  const float** from;
  float** to;
};

// A step of one layer behind its gates: product, residual path, skips.
template <class S>
inline void leave_layer(const Call& call, int layer, int rows, const float* all_gates,
                        const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    const float* gates = all_gates + r * 2 * S::GATE;
    float* product = b.product + r * S::GATE;
    for (int i = 0; i < S::GATE; i += LANES)
      store(product + i, gated(load(gates + i), load(gates + S::GATE + i)));
  }
  const float* bias = call.fixed + S::BIAS_AT[layer] + 2 * S::GATE;
  for (int r = 0; r < rows; r++) b.from[r] = b.product + r * S::GATE;
  if (layer < S::LAYERS - 1) {  // nothing reads the residual path behind the last layer
    for (int r = 0; r < rows; r++) {
      float* x = b.to[r] = b.x + r * S::CHANNELS;
      for (int i = 0; i < S::CHANNELS; i += LANES) store(x + i, load(x + i) + load(bias + i));
    }
    multiply<WEIGHTS, S::GATE, S::CHANNELS>(call.weights + S::RESIDUAL_AT[layer], b.from, b.to,
                                            rows);
  }
  for (int r = 0; r < rows; r++) b.to[r] = b.skips + r * S::SKIP;
  multiply<WEIGHTS, S::GATE, S::SKIP>(call.weights + S::SKIP_AT[layer], b.from, b.to, rows);
}

inline int64_t place(int64_t time, int64_t size) { return (time % size + size) % size; }

// A stack's past: rings, and who was whose.
struct Past {
  float* rings;
  const int32_t* ancestors;
  int64_t ancestry;

  // The stream that was this stream's past at a time.
  int64_t of(const Call& call, int64_t time, int64_t stream) const {
    return ancestors ? ancestors[place(time, ancestry) * call.count + stream] : stream;
  }
};

inline Past past_of(const Call& call) { return {call.rings, call.ancestors, call.ancestry}; }

inline Past context_past_of(const Call& call) {
  return {call.context_rings, call.context_ancestors, call.context_ancestry};
}

// The row at `time` of a layer's ring, for one stream.
template <class S>
inline float* ring_row(float* rings, const Call& call, int layer, int64_t time, int64_t stream) {
  const int64_t memory = S::MEMORY[layer];
  float* ring = rings + S::RING_AT[layer] * call.count;
  return ring + (place(time, memory) * call.count + stream) * S::CHANNELS;
}

template <class S>
inline const float* past_row(const Past& past, const Call& call, int layer, int64_t time,
                             int64_t stream) {
  return ring_row<S>(past.rings, call, layer, time, past.of(call, time, stream));
}

// One step of a stack. `gates` holds what is before them already, (layers, rows, 2 GATE), a layer
// `pitch` floats after another; taps nearer than `far` samples are added to it in place.
template <class S>
inline void stack_step(const Call& call, const Past& past, int64_t time, int rows, int far,
                       float* gates, size_t pitch, const Buffers& b) {
  for (int layer = 0; layer < S::LAYERS; layer++, gates += pitch) {
    for (int r = 0; r < rows; r++) b.to[r] = gates + r * 2 * S::GATE;
    for (int tap = 0; tap < S::KERNEL - 1; tap++) {
      const int back = (S::KERNEL - 1 - tap) * S::DILATION[layer];
      if (back >= far) continue;
      for (int r = 0; r < rows; r++)
        b.from[r] = past_row<S>(past, call, layer, time - back, call.begin + r);
      multiply<WEIGHTS, S::CHANNELS, 2 * S::GATE>(call.weights + S::TAP_AT[layer][tap], b.from,
                                                  b.to, rows);
    }
    for (int r = 0; r < rows; r++) b.from[r] = b.x + r * S::CHANNELS;
    if constexpr (S::KERNEL > 1)
      for (int r = 0; r < rows; r++)
        memcpy(ring_row<S>(past.rings, call, layer, time, call.begin + r), b.from[r],
               sizeof(float) * S::CHANNELS);
    multiply<WEIGHTS, S::CHANNELS, 2 * S::GATE>(call.weights + S::TAP_AT[layer][S::KERNEL - 1],
                                                b.from, b.to, rows);
    leave_layer<S>(call, layer, rows, gates, b);
  }
}

// Bias and label before the gates of each layer, (layers, streams, 2 GATE): they never change. The
// context network is told no label.
template <class S, int TOLD>
inline void constant_drive(const Call& call, int rows, float* drive, const Buffers& b) {
  for (int layer = 0; layer < S::LAYERS; layer++) {
    const float* bias = call.fixed + S::BIAS_AT[layer];
    for (int r = 0; r < rows; r++) {
      b.to[r] = drive + ((size_t)layer * rows + r) * 2 * S::GATE;
      memcpy(b.to[r], bias, sizeof(float) * 2 * S::GATE);
      if (TOLD) b.from[r] = call.label + (call.begin + r) * TOLD;
    }
    if constexpr (TOLD > 0)
      multiply<WEIGHTS, TOLD, 2 * S::GATE>(call.weights + S::LABEL_AT[layer], b.from, b.to, rows);
  }
}

// What the context network says, before the gates of each layer; it changes once a frame.
inline void context_drive(const Call& call, int rows, float* told, const Buffers& b) {
  if constexpr (CONTEXT > 0) {
    constexpr int G = 2 * Main::GATE;
    memset(told, 0, sizeof(float) * Main::LAYERS * rows * G);
    for (int layer = 0; layer < Main::LAYERS; layer++) {
      for (int r = 0; r < rows; r++) {
        b.from[r] = call.now + (call.begin + r) * CONTEXT;
        b.to[r] = told + ((size_t)layer * rows + r) * G;
      }
      multiply<WEIGHTS, CONTEXT, G>(call.weights + Main::CONTEXT_AT[layer], b.from, b.to, rows);
    }
  }
}

// Before the gates for `steps` samples from `time`: constants, the local condition, and all taps
// that look back at least a chunk. `before` is (layers, chunk, streams, 2 GATE).
inline void prepare(const Call& call, int64_t done, int steps, int rows, const float* drive,
                    const Buffers& b) {
  constexpr int G = 2 * Main::GATE;
  const int64_t time = call.time + done;
  const int many = steps * rows;
  for (int layer = 0; layer < Main::LAYERS; layer++) {
    for (int i = 0; i < many; i++) {
      b.to[i] = b.before + ((size_t)layer * b.chunk * rows + i) * G;
      memcpy(b.to[i], drive + ((size_t)layer * rows + i % rows) * G, sizeof(float) * G);
    }
    if constexpr (LOCAL > 0) {
      for (int i = 0; i < many; i++)
        b.from[i] = call.local + ((done + i / rows) * call.count + call.begin + i % rows) * LOCAL;
      multiply<WEIGHTS, LOCAL, G>(call.weights + Main::LOCAL_AT[layer], b.from, b.to, many);
    }
    for (int tap = 0; tap < Main::KERNEL - 1; tap++) {
      const int back = (Main::KERNEL - 1 - tap) * Main::DILATION[layer];
      if (back < b.chunk) continue;
      for (int i = 0; i < many; i++)
        b.from[i] = past_row<Main>(past_of(call), call, layer, time + i / rows - back,
                                   call.begin + i % rows);
      multiply<WEIGHTS, Main::CHANNELS, G>(call.weights + Main::TAP_AT[layer][tap], b.from, b.to,
                                           many);
    }
  }
}

inline float symbol_at(const Call& call, int64_t time, int64_t stream) {
  stream = past_of(call).of(call, time, stream);
  return call.recent[place(time, RECENT) * call.count + stream];
}

// x += the first convolution's row for the window of symbols that ends at `time`.
template <class I>
inline void read_symbols(const Call& call, int64_t time, int64_t stream, float* x) {
  for (int tap = 0; tap < TAPS; tap++) {
    const float symbol = symbol_at(call, time - TAPS + 1 + tap, stream);
    const float* row = call.fixed + I::TABLE_AT;
    if (IS_SCALAR) {
      const float value = LEVELS ? 2 * symbol / (LEVELS - 1) - 1 : symbol;
      row += tap * I::CHANNELS;
      for (int i = 0; i < I::CHANNELS; i += LANES)
        store(x + i, load(x + i) + load(row + i) * value);
    } else {
      row += ((size_t)tap * LEVELS + (size_t)symbol) * I::CHANNELS;
      for (int i = 0; i < I::CHANNELS; i += LANES) store(x + i, load(x + i) + load(row + i));
    }
  }
}

// The context network reads the frame that ended with the symbol at `time`.
inline void context_step(const Call& call, int64_t time, int rows, const float* drive,
                         const Buffers& b) {
  if constexpr (CONTEXT > 0) {
    for (int r = 0; r < rows; r++) {
      float* x = b.x + r * Context::CHANNELS;
      memset(x, 0, sizeof(float) * Context::CHANNELS);
      for (int i = 0; i < POOL; i++) {
        read_symbols<ContextInput>(call, time - i, call.begin + r, x);
      }
      const float* bias = call.fixed + ContextInput::BIAS_AT;
      for (int i = 0; i < Context::CHANNELS; i += LANES)
        store(x + i, load(x + i) * (1.0f / POOL) + load(bias + i));
      memcpy(b.skips + r * Context::SKIP, call.fixed + Context::SKIP_BIAS_AT,
             sizeof(float) * Context::SKIP);
    }
    constexpr size_t G = 2 * Context::GATE;
    memcpy(b.gates, drive, sizeof(float) * Context::LAYERS * rows * G);
    stack_step<Context>(call, context_past_of(call), time / POOL, rows, 1 << 30, b.gates, rows * G,
                        b);
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < Context::SKIP; i += LANES)
        store(call.now + (call.begin + r) * CONTEXT + i,
              higher_of(load(b.skips + r * Context::SKIP + i), Vector{}));
  }
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
  if constexpr (LAYER + 2 < HEAD_WIDTHS) head_layer<LAYER + 1>(call, rows, to, from, b);
}

// ---- drawing --------------------------------------------------------------------------------

#include "levels.cpp"

inline float draw_mixture(const Call& call, const float* outputs, const float* uniform) {
  const float *logits = outputs, *mean = outputs + COMPONENTS, *scale = outputs + 2 * COMPONENTS;
  float most = logits[0], total = 0, weights[COMPONENTS > 0 ? COMPONENTS : 1];
  for (int i = 1; i < COMPONENTS; i++) most = std::fmax(most, logits[i]);
  for (int i = 0; i < COMPONENTS; i++)
    total += weights[i] = std::exp((logits[i] - most) / call.temperature);
  float threshold = uniform[0] * total;
  int chosen = 0;
  while (chosen < COMPONENTS - 1 && threshold >= weights[chosen]) threshold -= weights[chosen++];
  const float floored = std::fmax(scale[chosen], LOG_SCALE_FLOOR);
  const float u = std::fmin(std::fmax(uniform[1], 1e-38f), 1 - 1e-7f);
  const float noise = std::log(u) - std::log1p(-u);
  float amplitude = mean[chosen] + call.temperature * std::exp(floored) * noise;
  amplitude = std::fmin(std::fmax(amplitude, -1.0f), 1.0f);
  return std::nearbyint((amplitude + 1) / 2 * (LEVELS - 1));
}

inline float draw_gaussian(const Call& call, const float* outputs, const float* uniform) {
  const float scale = std::exp(std::fmax(outputs[1], LOG_SCALE_FLOOR));
  const float u = std::fmax(uniform[0], 1e-38f);
  const float noise = std::sqrt(-2 * std::log(u)) * std::cos(6.2831853f * uniform[1]);
  const float amplitude = outputs[0] + scale * std::sqrt(call.temperature) * noise;
  return std::fmin(std::fmax(amplitude, -1.0f), 1.0f);
}

inline float next_symbol(const Call& call, const float* outputs, int64_t at, const Buffers& b) {
  const float* uniform = call.uniforms ? call.uniforms + at * DRAWS : nullptr;
  const float* forced = call.forced ? call.forced + at : nullptr;
  if constexpr (KIND == 0) return draw_level(call, outputs, uniform, forced, at, b);
  if (forced) return *forced;
  if constexpr (KIND == 1) return draw_mixture(call, outputs, uniform);
  return draw_gaussian(call, outputs, uniform);
}

// What `told` holds for a stream, where hypotheses may have moved since.
struct Told {
  const float* rows;    // (layers, streams, 2 GATE)
  const int32_t* of;    // (streams,): whose row it is, or null
};

// The network's outputs for one symbol of each stream, (streams, OUTPUTS): `step` of a chunk of
// which `prepare` has done its part.
inline const float* forward(const Call& call, int64_t done, int step, int rows, const Told& told,
                            const Buffers& b) {
  constexpr int G = 2 * Main::GATE;
  const int64_t time = call.time + done;
  for (int r = 0; r < rows; r++) {
    const int64_t stream = call.begin + r;
    call.recent[(time % RECENT) * call.count + stream] = call.previous[stream];
    if (call.ancestors) call.ancestors[time % call.ancestry * call.count + stream] = stream;
    float* x = b.x + r * Main::CHANNELS;
    memcpy(x, call.fixed + MainInput::BIAS_AT, sizeof(float) * Main::CHANNELS);
    read_symbols<MainInput>(call, time, stream, x);
    memcpy(b.skips + r * Main::SKIP, call.fixed + Main::SKIP_BIAS_AT, sizeof(float) * Main::SKIP);
  }
  float* ready = b.before + (size_t)step * rows * G;
  const size_t pitch = (size_t)b.chunk * rows * G;
  if constexpr (CONTEXT > 0) {
    for (int layer = 0; layer < Main::LAYERS; layer++)
      for (int r = 0; r < rows; r++) {
        const int whose = told.of ? told.of[r] : r;
        const float* from = told.rows + ((size_t)layer * rows + whose) * G;
        float* to = ready + layer * pitch + r * G;
        for (int i = 0; i < G; i += LANES) store(to + i, load(to + i) + load(from + i));
      }
  }
  stack_step<Main>(call, past_of(call), time, rows, b.chunk, ready, pitch, b);
  head_layer<0>(call, rows, b.skips, b.outputs, b);
  return HEAD_WIDTHS % 2 == 0 ? b.outputs : b.skips;
}

// Lets the context network read a frame that has become full; returns whether it has.
inline bool read_frame(const Call& call, int64_t time, int rows, float* told,
                       const float* context_constant, const Buffers& b) {
  if constexpr (CONTEXT > 0) {
    if ((time + 1) % POOL) return false;
    for (int r = 0; r < rows && call.context_ancestors; r++) {
      int32_t* now = call.context_ancestors + time / POOL % call.context_ancestry * call.count;
      now[call.begin + r] = call.begin + r;
    }
    context_step(call, time, rows, context_constant, b);
    context_drive(call, rows, told, b);
    return true;
  }
  return false;
}

// One symbol of each stream is drawn.
inline void one_step(const Call& call, int64_t done, int step, int rows, float* told,
                     const float* context_constant, const Buffers& b) {
  const float* outputs = forward(call, done, step, rows, {told, nullptr}, b);
  for (int r = 0; r < rows; r++) {
    const int64_t at = done * call.count + call.begin + r;
    const float* row = outputs + r * OUTPUTS;
    if (call.outputs) memcpy(call.outputs + at * OUTPUTS, row, sizeof(float) * OUTPUTS);
    call.previous[call.begin + r] = call.symbols[at] = next_symbol(call, row, at, b);
  }
  read_frame(call, call.time + done, rows, told, context_constant, b);
}

// ---- beam search ----------------------------------------------------------------------------

struct Candidate {
  double score;
  int32_t row, symbol;
};

// Of equal ones the hypothesis that stood higher comes first, then the lower symbol.
inline bool is_better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.symbol < b.symbol;
}

struct Heap {
  Candidate* best;  // the worst of them in front
  int64_t places, count;

  void offer(const Candidate& one) {
    if (count == places) {
      if (!is_better(one, best[0])) return;
      std::pop_heap(best, best + count--, is_better);
    }
    best[count++] = one;
    std::push_heap(best, best + count, is_better);
  }
};

// Offers all continuations of a hypothesis.
inline void continuations(const Call& call, const float* logits, int64_t at, int row, double score,
                          Heap& heap, const Buffers& b) {
  alignas(64) float parts[OUTPUTS / LANES];
  const float most = largest_of(logits);
  const float total = softmax(logits, 1, most, b.one, parts);
  const float normaliser = most + std::log(total);
  if (call.entropy) tell_spread(call, logits, normaliser, b.one, total, at);
  if (score == -INFINITY) return;
  for (int i = 0; i < LEVELS; i += LANES) {
    const Vector log_prob = load(logits + i) - normaliser;
    if (heap.count == heap.places && score + largest(log_prob) < heap.best[0].score) continue;
    for (int j = 0; j < LANES && i + j < LEVELS; j++)
      heap.offer({score + log_prob[j], row, i + j});
  }
}

// Lets streams take the places of others: in a ring of ancestors, from the last time backwards. At
// a time when nothing changes all older ones are alike too.
inline void take_places(int32_t* ring, int64_t size, int64_t last, const Call& call, int rows,
                        const int32_t* parents, int32_t* spare) {
  for (int64_t back = 0; back < size; back++) {
    int32_t* at = ring + place(last - back, size) * call.count;
    bool is_same = true;
    for (int r = 0; r < rows; r++) {
      spare[r] = at[parents[r]];
      is_same &= spare[r] == at[call.begin + r];
    }
    if (is_same) return;
    memcpy(at + call.begin, spare, sizeof(int32_t) * rows);
  }
}

struct Search {
  Candidate* best;   // (width,)
  int32_t *spare, *told_of;
  float* now;        // (streams, CONTEXT)
};

// The best continuations of each beam become its hypotheses.
inline void choose(const Call& call, int64_t done, int rows, const float* outputs,
                   const Search& search, const Buffers& b) {
  const int64_t at = done * call.count + call.begin, time = call.time + done;
  for (int first = 0; first < rows; first += call.width) {
    Heap heap{search.best, call.width, 0};
    double* scores = call.scores + call.begin + first;
    for (int r = 0; r < call.width; r++)
      continuations(call, outputs + (first + r) * OUTPUTS, at + first + r, r, scores[r], heap, b);
    while (heap.count < heap.places) heap.offer({-INFINITY, (int32_t)heap.count, 0});
    std::sort_heap(heap.best, heap.best + heap.count, is_better);
    for (int r = 0; r < call.width; r++) {
      scores[r] = heap.best[r].score;
      call.parents[at + first + r] = call.begin + first + heap.best[r].row;
      call.symbols[at + first + r] = call.previous[call.begin + first + r] = heap.best[r].symbol;
    }
  }
  const int32_t* parents = call.parents + at;
  take_places(call.ancestors, call.ancestry, time, call, rows, parents, search.spare);
  if constexpr (CONTEXT > 0) {
    take_places(call.context_ancestors, call.context_ancestry, time / POOL - 1, call, rows,
                parents, search.spare);
    for (int r = 0; r < rows; r++) {
      search.spare[r] = search.told_of[parents[r] - call.begin];
      memcpy(search.now + r * CONTEXT, call.now + parents[r] * CONTEXT, sizeof(float) * CONTEXT);
    }
    memcpy(search.told_of, search.spare, sizeof(int32_t) * rows);
    memcpy(call.now + call.begin * CONTEXT, search.now, sizeof(float) * rows * CONTEXT);
  }
}

// One symbol is added to each hypothesis.
inline void beam_step(const Call& call, int64_t done, int rows, float* told,
                      const float* context_constant, const Search& search, const Buffers& b) {
  const float* outputs = forward(call, done, 0, rows, {told, search.told_of}, b);
  choose(call, done, rows, outputs, search, b);
  if (read_frame(call, call.time + done, rows, told, context_constant, b))
    for (int r = 0; r < rows; r++) search.told_of[r] = r;
}

constexpr size_t widest() {
  size_t most = Main::CHANNELS > Main::SKIP ? Main::CHANNELS : Main::SKIP;
  for (int i = 0; i < HEAD_WIDTHS; i++) most = most > HEAD[i] ? most : HEAD[i];
  if (CONTEXT) most = most > Context::CHANNELS ? most : Context::CHANNELS;
  return most;
}

void run_streams(const Call& call) {
  constexpr size_t G = CONTEXT && Context::GATE > Main::GATE ? Context::GATE : Main::GATE;
  constexpr size_t CG = CONTEXT ? (size_t)Context::LAYERS * 2 * Context::GATE : 0;
  constexpr size_t MG = (size_t)Main::LAYERS * 2 * Main::GATE;
  Buffers b;
  // Hypotheses change places after each symbol.
  b.chunk = call.ancestors ? 1 : CHUNK;
  const size_t rows = call.end - call.begin, many = rows * b.chunk;
  const size_t floats = rows * (3 * widest() + G + (b.chunk + 2) * MG + 2 * CG) + 4 * OUTPUTS;
  const size_t searched = call.scores ? rows * (sizeof(Candidate) + 8 + 4 * CONTEXT) : 0;
  Arena arena(floats * sizeof(float) + 2 * many * sizeof(float*) + searched + 22 * 64);
  b.x = arena.take<float>(rows * widest());
  b.skips = arena.take<float>(rows * widest());
  b.outputs = arena.take<float>(rows * widest());
  b.gates = arena.take<float>(rows * CG);
  b.product = arena.take<float>(rows * G);
  b.before = arena.take<float>(rows * b.chunk * MG);
  b.one = arena.take<float>(OUTPUTS);
  b.two = arena.take<float>(OUTPUTS);
  b.three = arena.take<float>(OUTPUTS);
  b.keys = arena.take<int32_t>(OUTPUTS);
  b.from = arena.take<const float*>(many);
  b.to = arena.take<float*>(many);
  float* drive = arena.take<float>(rows * MG);
  float* told = arena.take<float>(rows * MG);
  float* context_constant = arena.take<float>(rows * CG);
  constant_drive<Main, LABEL>(call, rows, drive, b);
  if constexpr (CONTEXT > 0) {
    constant_drive<Context, 0>(call, rows, context_constant, b);
    context_drive(call, rows, told, b);
  }
  if (call.scores) {
    Search search;
    search.best = arena.take<Candidate>(rows);
    search.spare = arena.take<int32_t>(rows);
    search.told_of = arena.take<int32_t>(rows);
    search.now = arena.take<float>(rows * CONTEXT);
    for (size_t r = 0; r < rows; r++) search.told_of[r] = r;
    for (int64_t done = 0; done < call.length; done++) {
      prepare(call, done, 1, rows, drive, b);
      beam_step(call, done, rows, told, context_constant, search, b);
    }
    return;
  }
  for (int64_t done = 0; done < call.length; done += CHUNK) {
    const int steps = call.length - done < CHUNK ? call.length - done : CHUNK;
    prepare(call, done, steps, rows, drive, b);
    for (int step = 0; step < steps; step++)
      one_step(call, done + step, step, rows, told, context_constant, b);
  }
}

}  // namespace

// Draws `length` symbols of the streams from `begin` to `end`, a group of them after another.
extern "C" void draw(const Call* given) {
  Call call = *given;
  // Streams whose pasts change places, or that compete, are not told apart.
  const int64_t beams = call.scores && call.width < GROUP ? GROUP / call.width : 1;
  const int64_t all = given->end - given->begin;
  const int64_t group = call.scores ? beams * call.width : call.ancestors ? all : GROUP;
  for (int64_t begin = given->begin; begin < given->end; begin += group) {
    call.begin = begin;
    call.end = begin + group < given->end ? begin + group : given->end;
    run_streams(call);
  }
}
