// Where a kernel is entered whose streams have nothing to do with one another. Text that it ends
// with, behind its `run_streams`.

// Draws `length` symbols of the streams from `begin` to `end`, a group of them after another.
extern "C" void draw(const Call* given) {
  Call call = *given;
  for (int64_t begin = given->begin; begin < given->end; begin += GROUP) {
    call.begin = begin;
    call.end = begin + GROUP < given->end ? begin + GROUP : given->end;
    run_streams(call);
  }
}
