// A level drawn from logits, and what the model thinks of it. Text that kernels include behind
// their `Call` and `Buffers`.

// exp of `scale` times logits, less the largest, into `p`, and sums of each vector into `parts`;
// returns the sum.
inline float softmax(const float* logits, float scale, float most, float* p, float* parts) {
  float total = 0;
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector e = exponential(higher_of((load(logits + i) - most) * scale, all(-87)));
    store(p + i, e);
    total += parts[i / LANES] = sum(e);
  }
  return total;
}

inline int look_up(const float* p, const float* parts, float threshold) {
  int part = 0;
  while (part < OUTPUTS / LANES - 1 && threshold >= parts[part]) threshold -= parts[part++];
  int i = part * LANES;
  const int last = i + LANES - 1;
  while (i < last && threshold >= p[i]) threshold -= p[i++];
  // Rounding may run past the last; columns beyond it are padding.
  return i < LEVELS ? i : LEVELS - 1;
}

// Entropy and varentropy; `p` are probabilities times `total`.
inline void tell_spread(const Call& call, const float* logits, float normaliser, const float* p,
                        float total, int64_t at) {
  Vector mean = Vector{};
  for (int i = 0; i < OUTPUTS; i += LANES) {
    mean += load(p + i) * (load(logits + i) - normaliser);
  }
  const float entropy = -sum(mean) / total;
  Vector square = Vector{};
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector off = higher_of(load(logits + i) - normaliser, all(-1e4f)) + entropy;
    square += load(p + i) * off * off;
  }
  call.entropy[at] = entropy;
  call.varentropy[at] = sum(square) / total;
}

inline float largest_of(const float* logits) {
  Vector highest = load(logits);
  for (int i = LANES; i < OUTPUTS; i += LANES) highest = higher_of(highest, load(logits + i));
  return largest(highest);
}

#include "strategy.cpp"

inline float draw_level(const Call& call, const float* logits, const float* uniform,
                        const float* forced, int64_t at, const Buffers& b) {
  alignas(64) float parts[OUTPUTS / LANES];
  float* p = b.one;
  const float most = largest_of(logits);
  const float total = softmax(logits, 1, most, p, parts);
  const float normaliser = most + std::log(total);
  int level;
  float* q = p;
  float q_total = total, scale = 1, log_draw = 0;
  if (forced) {
    level = (int)*forced;
  } else if (call.temperature == 0) {
    for (level = 0; level < LEVELS - 1 && logits[level] != most; level++) continue;
  } else {
    if (call.temperature != 1) {
      scale = 1 / call.temperature;
      q = b.two;
      q_total = softmax(logits, scale, most, q, parts);
    }
    if (call.program) {
      if (q == p) memcpy(q = b.two, p, sizeof(float) * OUTPUTS);  // the spread is of all of `p`
      level = draw_left(call, at % call.count, logits, most, scale, *uniform, q, q_total, b.three,
                        b.keys, &log_draw);
    } else {
      level = look_up(q, parts, *uniform * q_total);
      log_draw = (logits[level] - most) * scale - std::log(q_total);
    }
  }
  if (call.log_prob) {
    call.log_prob[at] = logits[level] - normaliser;
    call.log_draw[at] = log_draw;
  }
  if (call.entropy) tell_spread(call, logits, normaliser, p, total, at);
  return (float)level;
}

// A level of each stream, from logits (rows, OUTPUTS).
inline void draw_levels(const Call& call, int64_t done, int rows, const float* outputs,
                        const Buffers& b) {
  for (int r = 0; r < rows; r++) {
    const int64_t stream = call.begin + r, at = done * call.count + stream;
    const float* logits = outputs + r * OUTPUTS;
    if (call.outputs) memcpy(call.outputs + at * OUTPUTS, logits, sizeof(float) * OUTPUTS);
    const float* uniform = call.uniforms ? call.uniforms + at : nullptr;
    const float* forced = call.forced ? call.forced + at : nullptr;
    call.previous[stream] = call.symbols[at] = draw_level(call, logits, uniform, forced, at, b);
  }
}
