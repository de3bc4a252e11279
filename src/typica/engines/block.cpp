// What every kernel is handed: a block of draws. Text that kernels include behind products.cpp;
// `Call` of each adds what is its own.

typedef WEIGHTS::Element Weight;

struct Block {
  // What is read.
  const float* fixed;      // biases and small tables
  const Weight* weights;   // matrices, in the order of their use
  const float* forced;     // (length, count), or null: symbols that follow, instead of drawn ones
  const float* uniforms;   // (length, count, draws)
  float* previous;         // (count,), changed
  // What is told.
  float* symbols;          // (length, count)
  float* outputs;          // (length, count, OUTPUTS), or null
  float* log_prob;         // (length, count), or null, as the three below
  float* log_draw;
  float* entropy;
  float* varentropy;
  // Of strategies, or null.
  const float* program;    // (turns, 3): what each turn does, and its numbers
  float* memory;           // (count, numbers): what it remembers of each stream, changed
  int64_t time, length, count;
  int64_t turns, numbers;
  int64_t begin, end;      // streams
  float temperature;       // 0 takes the most likely
};
