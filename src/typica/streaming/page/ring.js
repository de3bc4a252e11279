/** Samples that have arrived and were not yet played, and where in the stream they belong. */
export class Ring {
  constructor(capacity) {
    this.samples = new Float32Array(capacity);
    this.read = 0;
    this.written = 0;
    this.origin = null;
    this.lost = 0;
  }

  get length() {
    return this.written - this.read;
  }

  /** Number, in the stream, of the next sample to be played. */
  get position() {
    return (this.origin ?? 0) + this.read;
  }

  /** Take 16-bit samples of which the first is number `at` of the stream; old ones are known. */
  push(at, codes) {
    const known = this.origin === null ? 0 : Math.max(0, this.origin + this.written - at);
    if (known < codes.length) this.append(at + known, codes.subarray(known));
  }

  append(at, codes) {
    this.notice(at);
    for (let i = 0; i < codes.length; i++) {
      this.samples[(this.written + i) % this.samples.length] = codes[i] / 32768;
    }
    this.written += codes.length;
    const excess = Math.max(0, this.length - this.samples.length);
    this.read += excess;
    this.lost += excess;
  }

  /** Count what is missing before sample `at`. */
  notice(at) {
    if (this.origin !== null) this.lost += at - this.origin - this.written;
    this.origin = at - this.written;
  }

  /** Go on with another stream, whose numbers begin anew. */
  restart() {
    this.origin = null;
  }

  /** Move samples into `out`, as many as there are; return how many that was. */
  pull(out, count) {
    const taken = Math.min(count, this.length);
    for (let i = 0; i < taken; i++) {
      out[i] = this.samples[(this.read + i) % this.samples.length];
    }
    this.read += taken;
    return taken;
  }
}
