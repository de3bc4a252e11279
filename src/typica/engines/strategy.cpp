// Strategies in the loop: what is left of a distribution over levels after each turn of a program,
// and a draw from it. Text that levels.cpp includes.
//
// Nothing is sorted. A filter keeps the levels whose key is smallest, up to a share of probability
// or to a number: the bound is found by bisection among the keys there are, each pass a masked sum
// over vectors, some ten passes for 256 levels. Keys are integers: bits of non-negative floats have
// the order of what they stand for. What is kept is what `typica.decoding.filters` keeps.

// Names of turns: see `TURNS` of job.py.
enum Turn { TEMPERATURE, TOP_K, NUCLEUS, TYPICAL, EPSILON, ETA, MIN_P, MIROSTAT };

constexpr float ROUNDING = 1e-6f;          // of shares, and nats of thresholds: as in filters.py
constexpr float LEAST_SHARE = 1e-30f;      // of probability times `total`: above nothing
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

// Keeps what a mask of each vector keeps.
template <class Mask>
inline void keep(Left& left, const Mask& mask) {
  Vector total = Vector{}, most = all(-INFINITY);
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Vector p = (Vector)((Words)load(left.p + i) & mask(i));
    store(left.p + i, p);
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
  // The smallest above is the largest of those turned round.
  Words below = Words{} - 1, above = Words{} - GONE;
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words key = load_words(left.key + i);
    const Words inside = key <= middle;
    const Vector one = COUNTS ? all(1) : load(left.p + i);
    weight += (Vector)((Words)one & inside);
    const Words lower = inside ? key : Words{} - 1, upper = inside ? Words{} - GONE : -key;
    below = lower > below ? lower : below;
    above = upper > above ? upper : above;
  }
  return {sum(weight), largest(below), -largest(above)};
}

// Keeps the levels of the smallest keys, in the order of levels where keys are equal, up to the one
// at which their weights reach `needed`. The largest key is `bound`.
template <bool COUNTS>
inline void keep_first(Left& left, float needed, int32_t bound) {
  int32_t next = 0;
  float before = 0;  // what keys below `next` weigh
  while (next < bound) {
    const Pass pass = weigh<COUNTS>(left, next + (bound - next) / 2);
    if (pass.weight >= needed) bound = pass.below;
    else next = pass.above, before = pass.weight;
  }
  Words ties = Words{};  // less than none
  keep(left, [&](int i) {
    const Words key = load_words(left.key + i);
    ties += key == bound;
    return key <= bound;
  });
  if (fold<int32_t, LANES>([](auto a, auto b) { return a + b; }, ties) == -1) return;
  for (int i = 0; i < LEVELS; i++) {
    if (left.key[i] != bound) continue;
    const float one = COUNTS ? 1 : left.p[i];
    if (before >= needed) left.p[i] = 0;
    before += one;
  }
  keep(left, [](int) { return Words{} - 1; });
}

// Gives each level a key of its own; returns the largest.
template <class Key>
inline int32_t set_keys(Left& left, const Key& key_of) {
  Words most = Words{};
  for (int i = 0; i < OUTPUTS; i += LANES) {
    const Words key = key_of(load(left.l + i)), kept = load(left.p + i) > 0.0f;
    store_words(left.key + i, kept ? key : Words{} + GONE);
    const Words known = kept ? key : Words{};
    most = known > most ? known : most;
  }
  return largest(most);
}

// Keys by likelihood: the most likely have the smallest.
inline int32_t key_by_likelihood(Left& left) {
  return set_keys(left, [&](Vector l) { return (Words)(left.most - l); });
}

// Keys by how far surprisals are from the entropy.
inline int32_t key_by_gap(Left& left) {
  const float expected = std::log(left.total) - entropy_of(left);
  return set_keys(left, [=](Vector l) {
    const Vector off = l - expected;
    const Vector gap = lower_of(higher_of(off, -off), all(WIDEST_GAP));
    return __builtin_convertvector(gap * TIES_PER_NAT + 0.5f, Words);
  });
}

inline void keep_likeliest(Left& left, float count) {
  const int32_t bound = key_by_likelihood(left);
  keep_first<true>(left, count, bound);
}

inline void keep_share(Left& left, float share, int32_t bound) {
  // A share of nothing keeps one level all the same.
  keep_first<false>(left, std::fmax((share - ROUNDING) * left.total, LEAST_SHARE), bound);
}

// Keeps the levels of at least so much `l`, or the most likely if there are none.
inline void keep_above(Left& left, float floor) {
  if (floor > left.most) return keep_likeliest(left, 1);
  keep(left, [&](int i) { return load(left.l + i) >= floor; });
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
  keep(left, [](int) { return Words{} - 1; });
}

inline void take_turn(Left& left, const float* turn, float bits) {
  const float value = turn[1], log_total = std::log(left.total);
  const float log_value = value > 0 ? std::log(value) : -INFINITY;
  switch ((Turn)(int)turn[0]) {
    case TEMPERATURE: return temper(left, value);
    case TOP_K: return keep_likeliest(left, value);
    case NUCLEUS: return keep_share(left, value, key_by_likelihood(left));
    case TYPICAL: return keep_share(left, value, key_by_gap(left));
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
// and moves the stream's memory. `p` holds probabilities times `total`, which are lost; `l` and `key`
// are room.
inline int draw_left(const Call& call, int64_t stream, const float* logits, float most, float scale,
                     float uniform, float* p, float total, float* l, int32_t* key,
                     float* log_draw) {
  for (int i = 0; i < OUTPUTS; i += LANES) store(l + i, (load(logits + i) - most) * scale);
  for (int i = LEVELS; i < OUTPUTS; i++) p[i] = 0;
  Left left = {p, l, key, total, 0, scale, 0};
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
  total = 0;
  for (int i = 0; i < OUTPUTS; i += LANES) total += parts[i / LANES] = sum(load(p + i));
  int level = look_up(p, parts, uniform * total);
  while (level > 0 && p[level] == 0) level--;  // rounding ran past the last one that is left
  while (level < LEVELS - 1 && p[level] == 0) level++;
  *log_draw = p[level] > 0 ? l[level] - std::log(total) : NAN;
  for (int turn = 0, at = 0; turn < call.turns; turn++) {
    const float* told = call.program + 3 * turn;
    if ((int)told[0] != MIROSTAT) continue;
    const float then = (logits[level] - most) * seen[at].by - seen[at].less;
    const float bits = (seen[at].log_total - then) / NATS_PER_BIT;
    memory[at++] -= told[2] * (bits - told[1]);
  }
  return level;
}
