// Vectors of float32, products with packed matrices, and room: what all kernels stand on. Text that
// they include; constants, PAD, PANEL and the type WEIGHTS among them, stand before it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

// Keeps a value in a register that the compiler would load anew for each use.
#if defined(__x86_64__)
#define HOLD(value) asm("" : "+x"(value))
#else
#define HOLD(value)
#endif
static_assert(PAD % (2 * LANES) == 0, "rows are padded to pairs of vectors");

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef float Loose __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Words __attribute__((vector_size(4 * LANES)));
typedef int32_t LooseWords __attribute__((vector_size(4 * LANES), aligned(4)));

inline Vector load(const float* from) { return *(const Loose*)from; }
inline void store(float* to, Vector value) { *(Loose*)to = value; }
inline Vector all(float value) { return value - Vector{}; }
inline Vector lower_of(Vector a, Vector b) { return a < b ? a : b; }
inline Vector higher_of(Vector a, Vector b) { return a > b ? a : b; }

template <class Number, int WIDTH>
struct Lanes {
  typedef Number Of __attribute__((vector_size(4 * WIDTH)));
};

// Lanes folded in halves by an operation on two vectors, or two numbers, down to one number.
template <class Number, int WIDTH, class Operation>
inline Number fold(const Operation& both, typename Lanes<Number, WIDTH>::Of a) {
  if constexpr (WIDTH == 4) {
    return both(both(a[0], a[2]), both(a[1], a[3]));
  } else {
    typename Lanes<Number, WIDTH / 2>::Of parts[2];
    memcpy(parts, &a, sizeof(a));
    return fold<Number, WIDTH / 2>(both, both(parts[0], parts[1]));
  }
}
inline float sum(Vector a) {
  return fold<float, LANES>([](auto a, auto b) { return a + b; }, a);
}
inline float largest(Vector a) {
  return fold<float, LANES>([](auto a, auto b) { return a > b ? a : b; }, a);
}
inline int32_t largest(Words a) {
  return fold<int32_t, LANES>([](auto a, auto b) { return a > b ? a : b; }, a);
}

// exp to a relative error of about 1e-7: 2^n times a polynomial of the rest. For |x| up to 87.
inline Vector exponential(Vector x) {
  const Vector shifted = x * 1.44269504f + 12582912.0f;  // rounds to an integer in the low bits
  const Vector n = shifted - 12582912.0f;
  Vector rest = x - n * 0.693145752f;
  rest = rest - n * 1.42860677e-6f;
  Vector p = all(1.9875691500e-4f);
  p = p * rest + 1.3981999507e-3f;
  p = p * rest + 8.3334519073e-3f;
  p = p * rest + 4.1665795894e-2f;
  p = p * rest + 1.6666665459e-1f;
  p = p * rest + 5.0000001201e-1f;
  p = p * (rest * rest) + (rest + 1.0f);
  // A power of two is a sum in the exponent's bits.
  return (Vector)((Words)p + ((Words)shifted << 23));
}

// ---- products -------------------------------------------------------------------------------
// A matrix of K rows and O columns lies in panels of PANEL columns (the last may be narrower),
// within a panel row after row.

// Weights in float32: a pair of vectors as they lie.
struct Float32 {
  typedef float Element;
  static constexpr bool IS_WHOLE = false;
  static inline void pair(const Element* at, Vector& one, Vector& two) {
    one = load(at);
    two = load(at + LANES);
  }
};

// Weights in bfloat16: a word holds one of the first vector below, one of the second above. The
// second is taken with the first as its low bits, which packing has allowed for.
struct BFloat16 {
  typedef uint16_t Element;
  static constexpr bool IS_WHOLE = false;
  static inline void pair(const Element* at, Vector& one, Vector& two) {
    Words both = *(const LooseWords*)at;
    HOLD(both);
    one = (Vector)(both << 16);
    two = (Vector)both;
  }
};

// Weights in int8, two rows beside each other; each panel begins with the scales of its columns.
// Rows are rounded to 14 bits, so that products add up in int32 without overflow.
struct Int8 {
  typedef int8_t Element;
  static constexpr bool IS_WHOLE = true;
#if defined(__AVX512BW__)
  typedef __m512i Wide;
  static inline Wide widen(const Element* at) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)at));
  }
  static inline Words dot(Wide w, Words x) { return (Words)_mm512_madd_epi16(w, (Wide)x); }
#elif defined(__AVX2__)
  typedef __m256i Wide;
  static inline Wide widen(const Element* at) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)at));
  }
  static inline Words dot(Wide w, Words x) { return (Words)_mm256_madd_epi16(w, (Wide)x); }
#else
  typedef const Element* Wide;
  static inline Wide widen(const Element* at) { return at; }
  static inline Words dot(Wide w, Words x) {
    Words sums;
    for (int i = 0; i < LANES; i++)
      sums[i] = w[2 * i] * (int16_t)x[i] + w[2 * i + 1] * (x[i] >> 16);
    return sums;
  }
#endif
};

constexpr float LARGEST = 8191;  // of a rounded row
constexpr int ROUNDED_AT_ONCE = 16;

// Rounds a row; returns what a unit of the result stands for.
template <int K>
inline float round_row(const float* x, int16_t* to) {
  constexpr int VECTORS = K / LANES;
  typedef int16_t Shorts __attribute__((vector_size(2 * LANES), aligned(2)));
  Vector highest = Vector{};
  for (int i = 0; i < VECTORS; i++) {
    const Vector value = load(x + i * LANES);
    highest = higher_of(highest, higher_of(value, -value));
  }
  float most = largest(highest);
  for (int k = VECTORS * LANES; k < K; k++) most = std::fmax(most, std::fabs(x[k]));
  const float by = most > 0 ? LARGEST / most : 0;
  for (int i = 0; i < VECTORS; i++) {
    const Vector shifted = load(x + i * LANES) * by + 12582912.0f;
    *(Shorts*)(to + i * LANES) = __builtin_convertvector((Words)shifted - 0x4B400000, Shorts);
  }
  for (int k = VECTORS * LANES; k < K; k++) to[k] = (int16_t)std::lrint(x[k] * by);
  return most / LARGEST;
}

template <int ROWS, int VECTORS>
inline void whole_tile(const int8_t* w, int stride, const float* scales, const int32_t* const* x,
                       const float* units, float* const* y, int column, int K) {
  Words sums[ROWS][VECTORS] = {};
  for (int k = 0; k < K; k++) {
#pragma GCC unroll 8
    for (int i = 0; i < VECTORS; i++) {
      const Int8::Wide wide = Int8::widen(w + (size_t)k * stride + 2 * i * LANES);
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++) sums[r][i] += Int8::dot(wide, x[r][k] - Words{});
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++) {
      float* at = y[r] + column + i * LANES;
      const Vector more = __builtin_convertvector(sums[r][i], Vector);
      store(at, load(at) + more * (load(scales + i * LANES) * units[r]));
    }
}

template <int WIDTH>
inline void whole_panel(const int8_t* w, const int32_t* const* x, const float* units,
                        float* const* y, int rows, int column, int K) {
  const float* scales = (const float*)w;
  w += sizeof(float) * WIDTH;
  if (rows == 1)
    return whole_tile<1, WIDTH / LANES>(w, 2 * WIDTH, scales, x, units, y, column, K);
  int r = 0;
  for (; rows - r >= 4; r += 4)
    for (int i = 0; i < WIDTH; i += 2 * LANES)
      whole_tile<4, 2>(w + 2 * i, 2 * WIDTH, scales + i, x + r, units + r, y + r, column + i, K);
  for (; r < rows; r++)
    whole_tile<1, WIDTH / LANES>(w, 2 * WIDTH, scales, x + r, units + r, y + r, column, K);
}

template <int K, int O>
inline void multiply_whole(const int8_t* w, const float* const* x, float* const* y, int rows) {
  constexpr int PAIRS = (K + 1) / 2, WHOLE = O / PANEL * PANEL, REST = O - WHOLE;
  constexpr int BYTES = 4 + 2 * PAIRS;  // of a column
  alignas(64) int32_t rounded[ROUNDED_AT_ONCE][PAIRS];
  const int32_t* from[ROUNDED_AT_ONCE];
  float units[ROUNDED_AT_ONCE];
  for (int begin = 0; begin < rows; begin += ROUNDED_AT_ONCE) {
    const int some = rows - begin < ROUNDED_AT_ONCE ? rows - begin : ROUNDED_AT_ONCE;
    for (int r = 0; r < some; r++) {
      rounded[r][PAIRS - 1] = 0;
      units[r] = round_row<K>(x[begin + r], (int16_t*)rounded[r]);
      from[r] = rounded[r];
    }
    for (int column = 0; column < WHOLE; column += PANEL)
      whole_panel<PANEL>(w + (size_t)column * BYTES, from, units, y + begin, some, column, PAIRS);
    if constexpr (REST > 0)
      whole_panel<REST>(w + (size_t)WHOLE * BYTES, from, units, y + begin, some, WHOLE, PAIRS);
  }
}

// One row: as many sums at a time as hide the latency of a multiplication.
template <class W, int PAIRS>
inline void one_row(const typename W::Element* w, const float* x, float* y, int K) {
  constexpr int SETS = PAIRS >= 4 ? 1 : 2, STRIDE = PAIRS * 2 * LANES;
  constexpr int AHEAD = 1024;  // bytes: where a page ends the processor begins to guess anew
  Vector sums[SETS][2 * PAIRS];
#pragma GCC unroll 16
  for (int i = 0; i < 2 * PAIRS; i++) {
    sums[0][i] = load(y + i * LANES);
    if (SETS > 1) sums[SETS - 1][i] = Vector{};
  }
  int k = 0;
  for (; k + SETS <= K; k += SETS) {
#pragma GCC unroll 2
    for (int set = 0; set < SETS; set++) {
      const Vector by = all(x[k + set]);
#pragma GCC unroll 8
      for (int i = 0; i < PAIRS; i++) {
        const typename W::Element* at = w + (size_t)(k + set) * STRIDE + i * 2 * LANES;
        Vector one, two;
        __builtin_prefetch((const char*)at + AHEAD);
        W::pair(at, one, two);
        sums[set][2 * i] += one * by;
        sums[set][2 * i + 1] += two * by;
      }
    }
  }
  for (; k < K; k++) {
    const Vector by = all(x[k]);
    for (int i = 0; i < PAIRS; i++) {
      Vector one, two;
      W::pair(w + (size_t)k * STRIDE + i * 2 * LANES, one, two);
      sums[0][2 * i] += one * by;
      sums[0][2 * i + 1] += two * by;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < 2 * PAIRS; i++)
    store(y + i * LANES, SETS > 1 ? sums[0][i] + sums[SETS - 1][i] : sums[0][i]);
}

// A tile of ROWS rows by two vectors of columns: each weight that is loaded serves all rows. Their
// stride is too long for the processor's own foresight.
template <class W, int ROWS>
inline void tile(const typename W::Element* w, int stride, const float* const* x, float* const* y,
                 int column, int K) {
  Vector sums[ROWS][2];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++) {
    sums[r][0] = load(y[r] + column);
    sums[r][1] = load(y[r] + column + LANES);
  }
  const float* rows[ROWS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++) rows[r] = x[r];
  for (int k = 0; k < K; k++) {
    Vector one, two;
    __builtin_prefetch(w + (size_t)(k + 16) * stride);
    W::pair(w + (size_t)k * stride, one, two);
    HOLD(one);
    HOLD(two);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
      const Vector by = all(rows[r][k]);
      sums[r][0] += one * by;
      sums[r][1] += two * by;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++) {
    store(y[r] + column, sums[r][0]);
    store(y[r] + column + LANES, sums[r][1]);
  }
}

template <class W, int ROWS>
inline void tiles(const typename W::Element* w, int width, const float* const* x, float* const* y,
                  int column, int K) {
  for (int i = 0; i < width; i += 2 * LANES) tile<W, ROWS>(w + i, width, x, y, column + i, K);
}

template <class W, int K, int WIDTH>
inline void panel(const typename W::Element* w, const float* const* x, float* const* y, int rows,
                  int column) {
  if (rows == 1) return one_row<W, WIDTH / (2 * LANES)>(w, x[0], y[0] + column, K);
  int r = 0;
  // Six rows use all registers; of eight, twice four are better than six and two.
  for (; rows - r >= 6 && rows - r != 8; r += 6) tiles<W, 6>(w, WIDTH, x + r, y + r, column, K);
  for (; rows - r >= 4; r += 4) tiles<W, 4>(w, WIDTH, x + r, y + r, column, K);
  if (rows - r == 3) tiles<W, 3>(w, WIDTH, x + r, y + r, column, K);
  if (rows - r == 2) tiles<W, 2>(w, WIDTH, x + r, y + r, column, K);
  if (rows - r == 1) tiles<W, 1>(w, WIDTH, x + r, y + r, column, K);
}

template <class W, int K, int O>
inline void multiply_floats(const typename W::Element* w, const float* const* x, float* const* y,
                            int rows) {
  constexpr int WHOLE = O / PANEL * PANEL, REST = O - WHOLE;
  for (int column = 0; column < WHOLE; column += PANEL)
    panel<W, K, PANEL>(w + (size_t)column * K, x, y, rows, column);
  if constexpr (REST > 0) panel<W, K, REST>(w + (size_t)WHOLE * K, x, y, rows, WHOLE);
}

// y += x W for `rows` rows.
template <class W, int K, int O>
inline void multiply(const typename W::Element* w, const float* const* x, float* const* y,
                     int rows) {
  if constexpr (W::IS_WHOLE) multiply_whole<K, O>(w, x, y, rows);
  else multiply_floats<W, K, O>(w, x, y, rows);
}

// ---- memory ---------------------------------------------------------------------------------

// Room that is given out piece by piece, each at the beginning of a cache's line.
struct Arena {
  char *memory, *next;
  explicit Arena(size_t bytes) : memory((char*)aligned_alloc(64, (bytes + 63) / 64 * 64)) {
    next = memory;
  }
  ~Arena() { free(memory); }
  template <class T>
  T* take(size_t count) {
    T* place = (T*)next;
    next += (count * sizeof(T) + 63) / 64 * 64;
    return place;
  }
};
