const HALF = 24;

/** Changes the rate of a signal that comes in parts, by windowed sinc filters of exact phases. */
export class Resampler {
  constructor(from, to) {
    const divisor = gcd(from, to);
    this.step = from / divisor;
    this.phases = to / divisor;
    this.phase = 0;
    this.filters = filters(this.phases, Math.min(1, to / from));
    this.past = new Float32Array(2 * HALF);
  }

  /** Samples that must come in for `count` to go out. */
  needs(count) {
    return Math.floor((this.phase + count * this.step) / this.phases);
  }

  /** Fill `out` from `input`, whose length is what `needs` said. */
  run(input, out) {
    const work = new Float32Array(2 * HALF + input.length);
    work.set(this.past);
    work.set(input, 2 * HALF);
    for (let i = 0; i < out.length; i++) {
      const at = this.phase + i * this.step;
      out[i] = dot(this.filters[at % this.phases], work, Math.floor(at / this.phases));
    }
    this.phase = (this.phase + out.length * this.step) % this.phases;
    this.past = work.slice(input.length);
  }
}

function filters(phases, cutoff) {
  return Array.from({ length: phases }, (_, phase) => filter(phase / phases, cutoff));
}

/** The samples of a sinc that is centred a fraction after tap HALF - 1; they sum to one. */
function filter(fraction, cutoff) {
  const taps = Float32Array.from({ length: 2 * HALF }, (_, tap) => {
    const time = tap - (HALF - 1) - fraction;
    return sinc(cutoff * time) * Math.cos((Math.PI / 2) * Math.min(1, Math.abs(time) / HALF)) ** 2;
  });
  const sum = taps.reduce((a, b) => a + b);
  return taps.map((tap) => tap / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function dot(filter, work, offset) {
  let sum = 0;
  for (let tap = 0; tap < filter.length; tap++) sum += filter[tap] * work[offset + tap];
  return sum;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}
