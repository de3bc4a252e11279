import { Resampler } from "./resampler.js";
import { Ring } from "./ring.js";

const ENOUGH_S = 1; // in the buffer before it sounds
const MOST_S = 8; // that it waits for after underruns
const CAPACITY_S = 30;
const REPORT_EVERY_S = 0.1;

/** Plays what the page sends it, and tells how it fares. */
class Stream extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.rate = rate;
    this.ring = new Ring(CAPACITY_S * rate);
    this.resampler = rate === sampleRate ? null : new Resampler(rate, sampleRate);
    this.enough = ENOUGH_S * rate;
    this.underruns = 0;
    this.filling = true;
    this.ended = false;
    this.reported = 0;
    this.port.onmessage = ({ data }) => this.hear(data);
  }

  hear({ at, codes, ended, anew }) {
    if (anew) this.ring.restart();
    if (codes) this.ring.push(at, codes);
    if (ended !== undefined) this.ended = ended;
  }

  process(_, [[out]]) {
    if (this.filling && (this.ended || this.ring.length >= this.enough)) this.filling = false;
    if (!this.filling) this.play(out);
    if (currentTime - this.reported >= REPORT_EVERY_S) this.report();
    return true;
  }

  play(out) {
    const wanted = this.resampler ? this.resampler.needs(out.length) : out.length;
    const input = this.resampler ? new Float32Array(wanted) : out;
    if (this.ring.pull(input, wanted) < wanted) this.runDry();
    this.resampler?.run(input, out);
  }

  /** Wait for more than the last time: the line is slower than was thought. */
  runDry() {
    if (this.ended) return;
    this.underruns += 1;
    this.filling = true;
    this.enough = Math.min(2 * this.enough, MOST_S * this.rate);
  }

  report() {
    this.reported = currentTime;
    const { position, length, lost } = this.ring;
    this.port.postMessage({
      position,
      buffer: length / this.rate,
      lost,
      underruns: this.underruns,
      filling: this.filling,
    });
  }
}

registerProcessor("stream", Stream);
