// What one core of this machine can do at most: multiply and add in registers, and read memory.

#include <cstddef>
#include <cstdint>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16, SUMS = 24;
#elif defined(__AVX__)
constexpr int LANES = 8, SUMS = 12;
#else
constexpr int LANES = 4, SUMS = 12;
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));

inline float total(const Vector* sums, int count) {
  float all = 0;
  for (int i = 0; i < count; i++)
    for (int lane = 0; lane < LANES; lane++) all += sums[i][lane];
  return all;
}

}  // namespace

// Multiplies and adds SUMS vectors `turns` times: returns the operations, two for each lane.
extern "C" double multiply_add(int64_t turns, float* out) {
  Vector sums[SUMS];
  for (int i = 0; i < SUMS; i++) sums[i] = Vector{} + float(i);
  Vector by = Vector{} + 0.9999999f, more = Vector{} + 1e-9f;
  for (int64_t turn = 0; turn < turns; turn++) {
    asm volatile("" : "+x"(by), "+x"(more));  // or a compiler would do it once for all turns
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * by + more;
  }
  *out = total(sums, SUMS);
  return 2.0 * SUMS * LANES * turns;
}

// Reads `count` floats, a multiple of 256, from beginning to end, `turns` times.
extern "C" void read_all(const float* from, int64_t count, int64_t turns, float* out) {
  Vector sums[8] = {};
  for (int64_t turn = 0; turn < turns; turn++) {
    for (int64_t at = 0; at < count; at += 16 * LANES) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) sums[i % 8] += *(const Vector*)(from + at + i * LANES);
    }
    asm volatile("" : : : "memory");
  }
  *out = total(sums, 8);
}
