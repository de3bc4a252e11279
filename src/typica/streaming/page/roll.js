const SPEED = 40; // CSS pixels a second
const LOWEST = 50; // hertz
const QUIETEST = -95; // decibels
const LOUDEST = -25;

/** Waveform and spectrogram, rolling to the left along one axis of time. */
export class Roll {
  constructor(waveform, spectrogram, rate) {
    this.waveform = new Strip(waveform);
    this.spectrogram = new Strip(spectrogram);
    this.rate = rate;
    this.due = 0;
  }

  start(analyser) {
    this.analyser = analyser;
    this.bins = new Float32Array(analyser.frequencyBinCount);
    this.last = performance.now();
    this.colours = coloursOf();
    this.frame = requestAnimationFrame((now) => this.draw(now));
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  draw(now) {
    const elapsed = (now - this.last) / 1000;
    this.last = now;
    this.due += elapsed * SPEED * devicePixelRatio;
    const columns = Math.floor(this.due);
    this.due -= columns;
    if (columns) this.roll(columns, columns / SPEED / devicePixelRatio);
    this.frame = requestAnimationFrame((next) => this.draw(next));
  }

  roll(columns, seconds) {
    for (const strip of [this.waveform, this.spectrogram]) strip.shift(columns);
    this.drawWave(columns, seconds);
    this.drawSpectrum(columns);
  }

  drawWave(columns, seconds) {
    const heard = Math.min(this.analyser.fftSize, Math.ceil(seconds * this.analyser.context.sampleRate));
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    const recent = samples.subarray(samples.length - heard);
    const { pen, canvas } = this.waveform;
    pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--wave");
    for (let column = 0; column < columns; column++) {
      const part = recent.subarray((column * heard) / columns, ((column + 1) * heard) / columns + 1);
      const [top, bottom] = [Math.max(...part), Math.min(...part)].map((a) => ((1 - a) / 2) * canvas.height);
      pen.fillRect(canvas.width - columns + column, top, 1, Math.max(1, bottom - top));
    }
  }

  drawSpectrum(columns) {
    this.analyser.getFloatFrequencyData(this.bins);
    const { pen, canvas } = this.spectrogram;
    const column = pen.createImageData(columns, canvas.height);
    const pixels = new Uint32Array(column.data.buffer);
    for (let y = 0; y < canvas.height; y++) {
      pixels.fill(this.colourAt(y, canvas.height), y * columns, (y + 1) * columns);
    }
    pen.putImageData(column, canvas.width - columns, 0);
  }

  /** The loudest bin among those that fall on one row: of a high octave there are many. */
  colourAt(y, height) {
    const [low, high] = [y + 1, y].map((row) => this.frequencyAt(1 - row / height));
    const width = this.analyser.context.sampleRate / this.analyser.fftSize;
    const first = Math.round(low / width);
    let level = this.bins[first];
    for (let bin = first + 1; bin < high / width; bin++) level = Math.max(level, this.bins[bin]);
    const share = (level - QUIETEST) / (LOUDEST - QUIETEST);
    return this.colours[Math.max(0, Math.min(255, Math.round(255 * share)))] ?? this.colours[0];
  }

  frequencyAt(share) {
    return LOWEST * (this.rate / 2 / LOWEST) ** share;
  }

  /** Where, as a share of the height, a frequency stands. */
  heightOf(frequency) {
    return Math.log(frequency / LOWEST) / Math.log(this.rate / 2 / LOWEST);
  }

  /** Draw a line at the present, for an event. */
  mark() {
    for (const { pen, canvas } of [this.waveform, this.spectrogram]) {
      pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--warm");
      pen.fillRect(canvas.width - 2 * devicePixelRatio, 0, 2 * devicePixelRatio, canvas.height);
    }
  }
}

/** A canvas that is shifted to the left, and keeps what it shows when its size changes. */
class Strip {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: true });
    this.fit();
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  fit() {
    const width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    const height = Math.round(this.canvas.clientHeight * devicePixelRatio);
    if (!width || (width === this.canvas.width && height === this.canvas.height)) return;
    const old = copyOf(this.canvas);
    Object.assign(this.canvas, { width, height });
    this.pen.drawImage(old, width - old.width, 0, old.width, height);
  }

  shift(columns) {
    const { width, height } = this.canvas;
    this.pen.globalCompositeOperation = "copy";
    this.pen.drawImage(this.canvas, columns, 0, width - columns, height, 0, 0, width - columns, height);
    this.pen.globalCompositeOperation = "source-over";
  }
}

function copyOf(canvas) {
  const copy = new OffscreenCanvas(Math.max(1, canvas.width), Math.max(1, canvas.height));
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

const DARK = ["#101216", "#1b2a4a", "#2f5fb3", "#4fb3b0", "#e8d37a", "#fff6dc"];
const LIGHT = ["#fbfbf9", "#d9e6f5", "#8fb4e6", "#3f6fc4", "#3b2f7f", "#1a1233"];

/** 256 colours from quiet to loud, as the pixels of an image hold them. */
function coloursOf() {
  const stops = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
  const ramp = new OffscreenCanvas(256, 1).getContext("2d");
  const gradient = ramp.createLinearGradient(0, 0, 256, 0);
  stops.forEach((colour, i) => gradient.addColorStop(i / (stops.length - 1), colour));
  ramp.fillStyle = gradient;
  ramp.fillRect(0, 0, 256, 1);
  return new Uint32Array(ramp.getImageData(0, 0, 256, 1).data.buffer);
}
