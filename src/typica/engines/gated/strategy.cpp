// Strategies in the loop: what is left of a distribution over levels after each turn of a program,
// and a draw from it. Text of kernel.cpp, which includes it where drawing begins.
//
// Nothing is sorted. A filter keeps the levels whose key is smallest, up to a share of probability
// or to a number: the bound is found by bisection among the keys there are, each pass a masked sum
// over vectors, some ten passes for 256 levels. Keys are integers: bits of non-negative floats have
// the order of what they stand for. What is kept is what `typica.decoding.filters` keeps.

// Names of turns: see `TURNS` of native.py.
enum Turn { TEMPERATURE, TOP_K, NUCLEUS, TYPICAL, EPSILON, ETA, MIN_P, MIROSTAT };

constexpr float ROUNDING = 1e-6f;          // of shares, and nats of thresholds: as in filters.py
constexpr float TIES_PER_NAT = 1 << 20;    // gaps as near as that are ties: as in filters.py
constexpr float WIDEST_GAP = 2000;         // nats: wider ones are as wide
constexpr float NATS_PER_BIT = 0.69314718f;
constexpr int32_t GONE = INT32_MAX;        // key of a level that is not kept
constexpr int MOST_TURNS = 16;              // as in job.py

inline Words load_words(const int32_t* from) { return *(const LooseWords*)from; }
inline void store_words(int32_t* to, Words value) { *(LooseWords*)to = value; }

// What is left. Levels of probability 0 are gone; none that is left has so little.
struct Left {
  float* p;            // probabilities times `total`
  float* l;            // their logarithms, but for a constant
  int32_t* key;
  float total, most;   // sum of `p`, largest of `l`
  float by, less;      // l = by * (logit - largest logit) - less
};

inline void measure(Left& left) {
  Vector total = Vector{}, most = all(-INFINITY);
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector p = load(left.p + i);
    total += p;
    most = higher_of(most, p > 0.0f ? load(left.l + i) : all(-INFINITY));
  }
  left.total = sum(total);
  left.most = largest(most);
}

inline float entropy_of(const Left& left) {
  Vector mean = Vector{};
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector p = load(left.p + i);
    mean += p * (p > 0.0f ? load(left.l + i) : Vector{});
  }
  return std::log(left.total) - sum(mean) / left.total;
}

// A pass of the bisection: what keys up to `middle` weigh, the largest of them, the next larger key.
struct Pass {
  float weight;
  int32_t below, above;
};

template <bool COUNTS>
inline Pass weigh(const Left& left, int32_t middle) {
  Vector weight = Vector{};
  Words below = Words{} - 1, above = Words{} + GONE;
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words key = load_words(left.key + i);
    const Words inside = key <= middle;
    const Vector one = COUNTS ? all(1) : load(left.p + i);
    weight += (Vector)((Words)one & inside);
    const Words lower = inside ? key : Words{} - 1, upper = inside ? Words{} + GONE : key;
    below = lower > below ? lower : below;
    above = upper < above ? upper : above;
  }
  Pass pass = {sum(weight), below[0], above[0]};
  for (int i = 1; i < LANES; i++) {
    pass.below = below[i] > pass.below ? below[i] : pass.below;
    pass.above = above[i] < pass.above ? above[i] : pass.above;
  }
  return pass;
}

// Keeps the levels of the smallest keys, in the order of levels where keys are equal, up to the one
// at which their weights reach `needed`.
template <bool COUNTS>
inline void keep_first(Left& left, float needed) {
  const Pass whole = weigh<COUNTS>(left, GONE - 1);
  int32_t next = weigh<COUNTS>(left, -1).above, bound = whole.below;
  float before = 0;  // what keys below `next` weigh
  while (next < bound) {
    const Pass pass = weigh<COUNTS>(left, next + (bound - next) / 2);
    if (pass.weight >= needed) bound = pass.below;
    else next = pass.above, before = pass.weight;
  }
  int ties = 0;
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words key = load_words(left.key + i);
    const Words tie = key == bound;
    store(left.p + i, (Vector)((Words)load(left.p + i) & (key <= bound)));
    for (int lane = 0; lane < LANES; lane++) ties -= tie[lane];
  }
  for (int i = 0; ties > 1 && i < LEVELS; i++) {
    if (left.key[i] != bound) continue;
    if (before >= needed) left.p[i] = 0;
    before += COUNTS ? 1 : left.p[i];
  }
  measure(left);
}

// Keys by likelihood: the most likely have the smallest.
inline void key_by_likelihood(Left& left) {
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words key = (Words)(left.most - load(left.l + i));
    store_words(left.key + i, load(left.p + i) > 0.0f ? key : Words{} + GONE);
  }
}

// Keys by how far surprisals are from the entropy.
inline void key_by_gap(Left& left) {
  const float expected = std::log(left.total) - entropy_of(left);
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector off = load(left.l + i) - expected;
    const Vector gap = lower_of(higher_of(off, -off), all(WIDEST_GAP));
    const Words key = __builtin_convertvector(gap * TIES_PER_NAT + 0.5f, Words);
    store_words(left.key + i, load(left.p + i) > 0.0f ? key : Words{} + GONE);
  }
}

inline void keep_likeliest(Left& left, float count) {
  key_by_likelihood(left);
  keep_first<true>(left, count);
}

// Keeps the levels of at least so much `l`, or the most likely if there are none.
inline void keep_above(Left& left, float floor) {
  if (floor > left.most) return keep_likeliest(left, 1);
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words kept = load(left.l + i) >= floor;
    store(left.p + i, (Vector)((Words)load(left.p + i) & kept));
  }
  measure(left);
}

inline void temper(Left& left, float temperature) {
  if (temperature == 0) return keep_likeliest(left, 1);
  const float by = 1 / temperature, most = left.most;
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector l = (load(left.l + i) - most) * by;
    const Vector p = exponential(lower_of(higher_of(l, all(-87)), Vector{}));
    store(left.l + i, l);
    store(left.p + i, load(left.p + i) > 0.0f ? p : Vector{});
  }
  left.by *= by;
  left.less = (left.less + most) * by;
  measure(left);
}

inline void take_turn(Left& left, const float* turn, float bits) {
  const float value = turn[1], log_total = std::log(left.total);
  const float log_value = value > 0 ? std::log(value) : -INFINITY;
  switch ((Turn)(int)turn[0]) {
    case TEMPERATURE: return temper(left, value);
    case TOP_K: return keep_likeliest(left, value);
    case NUCLEUS:
      key_by_likelihood(left);
      return keep_first<false>(left, (value - ROUNDING) * left.total);
    case TYPICAL:
      key_by_gap(left);
      return keep_first<false>(left, (value - ROUNDING) * left.total);
    case EPSILON: return keep_above(left, log_value + log_total - ROUNDING);
    case ETA: {
      const float floor = 0.5f * log_value - entropy_of(left);
      return keep_above(left, std::fmin(floor, log_value) + log_total - ROUNDING);
    }
    case MIN_P: return keep_above(left, left.most + log_value - ROUNDING);
    case MIROSTAT: return keep_above(left, log_total - bits * NATS_PER_BIT - ROUNDING);
  }
}

// What a turn that remembers has seen: enough to tell how surprising a level was then.
struct Seen {
  float by, less, log_total;
};

// Draws a level from what a program leaves of logits times `scale`; tells its log-probability there
// and moves the stream's memory. `p` holds probabilities, which are lost; `l` and `key` are room.
inline int draw_left(const Call& call, int64_t stream, const float* logits, float most, float scale,
                     float uniform, float* p, float* l, int32_t* key, float* log_draw) {
  for (int i = 0; i < OUTPUTS; i += LANES) store(l + i, (load(logits + i) - most) * scale);
  for (int i = LEVELS; i < OUTPUTS; i++) p[i] = 0;
  Left left = {p, l, key, 0, 0, scale, 0};
  measure(left);
  float* memory = call.memory ? call.memory + stream * call.numbers : nullptr;
  Seen seen[MOST_TURNS];
  int remembered = 0;
  for (int turn = 0; turn < call.turns; turn++) {
    const float* told = call.program + 3 * turn;
    const bool remembers = (int)told[0] == MIROSTAT;
    if (remembers) seen[remembered] = {left.by, left.less, std::log(left.total)};
    take_turn(left, told, remembers ? memory[remembered] : 0);
    remembered += remembers;
  }
  alignas(64) float parts[OUTPUTS / LANES];
  float total = 0;
  for (int i = 0; i < OUTPUTS; i += LANES) total += parts[i / LANES] = sum(load(p + i));
  int level = look_up(p, parts, uniform * total);
  while (level > 0 && p[level] == 0) level--;  // rounding ran past the last one that is left
  while (p[level] == 0) level++;
  *log_draw = l[level] - std::log(total);
  for (int turn = 0, at = 0; turn < call.turns; turn++) {
    const float* told = call.program + 3 * turn;
    if ((int)told[0] != MIROSTAT) continue;
    const float then = (logits[level] - most) * seen[at].by - seen[at].less;
    const float bits = (seen[at].log_total - then) / NATS_PER_BIT;
    memory[at++] -= told[2] * (bits - told[1]);
  }
  return level;
}
