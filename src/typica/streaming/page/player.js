import { Line } from "./line.js";
import { Words } from "./words.js";

const TELL_EVERY_MS = 5000;

/** Lets a stream sound, by a worklet where the browser has one, else by an audio element. */
export async function play(rate, page) {
  const context = contextOf(rate);
  const out = outputOf(context);
  const source = context.audioWorklet
    ? await WorkletSource.open(context, out, rate, page)
    : new ElementSource(context, out, rate, page);
  await context.resume();
  return { context, source, ...out, close: () => close(context, source) };
}

/** A context at the stream's own rate where the browser can; `?rate=48000` asks for another. */
function contextOf(rate) {
  const asked = Number(new URLSearchParams(location.search).get("rate")) || rate;
  try {
    return new AudioContext({ sampleRate: asked, latencyHint: "playback" });
  } catch {
    return new AudioContext({ latencyHint: "playback" });
  }
}

function outputOf(context) {
  const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
  const volume = new GainNode(context);
  analyser.connect(volume).connect(context.destination);
  return { analyser, volume };
}

function close(context, source) {
  source.close();
  context.close();
}

/** Samples of the socket, played by a worklet; words are told when their sound is heard. */
class WorkletSource {
  static async open(context, out, rate, page) {
    await context.audioWorklet.addModule("worklet.js");
    return new WorkletSource(context, out, rate, page);
  }

  constructor(context, out, rate, page) {
    this.page = page;
    this.waiting = new Words();
    this.fares = { underruns: 0, buffer: 0 };
    this.node = new AudioWorkletNode(context, "stream", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { rate },
    });
    this.node.connect(out.analyser);
    this.node.port.onmessage = ({ data }) => this.follow(data);
    this.line = new Line(this);
    this.timer = setInterval(() => this.tell(), TELL_EVERY_MS);
  }

  samples(at, codes) {
    this.node.port.postMessage({ at, codes });
  }

  words(message) {
    if (message.type === "block") {
      this.waiting.add(message);
      return;
    }
    if (message.type === "state") this.greet(message.began);
    if (message.type === "end") this.end();
    this.page.words(message);
  }

  /** A line that was opened again may lead to another stream. */
  greet(began) {
    const anew = began !== this.began;
    this.began = began;
    this.waiting.clear();
    this.node.port.postMessage({ ended: false, anew });
  }

  /** What is in the buffer is still heard. */
  end() {
    this.node.port.postMessage({ ended: true });
    this.line.close();
  }

  broken() {
    this.page.broken();
  }

  follow(fares) {
    this.fares = fares;
    for (const message of this.waiting.until(fares.position)) this.page.words(message);
    this.page.fares({ ...fares, forgotten: this.waiting.forgotten });
  }

  tell() {
    this.line.say({ underruns: this.fares.underruns, buffer_s: this.fares.buffer });
  }

  close() {
    clearInterval(this.timer);
    this.line.close();
    this.node.port.onmessage = null; // what it told before it was stopped may still come
    this.node.disconnect();
  }
}

/** A browser allows worklets only at localhost or over HTTPS; an element plays anywhere. */
class ElementSource {
  constructor(context, out, rate, page) {
    Object.assign(this, { rate, page, stalls: -1 }); // it always waits once, at first
    this.element = new Audio("stream.flac");
    context.createMediaElementSource(this.element).connect(out.analyser);
    this.element.onwaiting = () => (this.stalls += 1);
    this.element.onerror = () => page.broken();
    this.element.play();
    this.timers = [setInterval(() => this.follow(), 250), setInterval(() => page.poll(), 1000)];
  }

  follow() {
    const { buffered, currentTime, readyState } = this.element;
    this.page.fares({
      position: currentTime * this.rate,
      buffer: buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0,
      underruns: Math.max(0, this.stalls),
      lost: 0,
      forgotten: 0,
      filling: readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
    });
  }

  close() {
    this.timers.forEach(clearInterval);
    this.element.onerror = null;
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
  }
}
