import { clock, Events, Readings } from "./monitor.js";
import { play } from "./player.js";
import { Roll } from "./roll.js";

const POLL_EVERY_MS = 2000;
const FREQUENCIES = [100, 200, 500, 1000, 2000, 5000, 10000];
const at = (id) => document.getElementById(id);

/** What the page shows, of a stream that it has read the state of. */
class Page {
  constructor(state) {
    this.state = state;
    this.player = null;
    this.troubled = false;
    this.readings = new Readings(at("readings"), state.rate, state.limits);
    this.events = new Events(at("events"), state.rate);
    this.roll = new Roll(at("waveform"), at("spectrogram"), state.rate);
    this.introduce();
    this.words({ type: "state", ...state });
    this.say("Ready");
    at("play").onclick = () => (this.player ? this.stop() : this.start());
    at("volume").oninput = () => this.turn();
    setInterval(() => this.player || this.poll(), POLL_EVERY_MS);
  }

  introduce() {
    document.title = `${this.state.title} · typica`;
    at("title").textContent = this.state.title;
    at("engine").textContent = this.state.engine && `Computed by ${this.state.engine}, at ${this.state.rate} Hz.`;
    for (const frequency of FREQUENCIES.filter((f) => f < 0.45 * this.state.rate)) {
      const label = document.createElement("li");
      label.textContent = frequency < 1000 ? `${frequency} Hz` : `${frequency / 1000} kHz`;
      label.style.bottom = `${100 * this.roll.heightOf(frequency)}%`;
      at("frequencies").append(label);
    }
  }

  async start() {
    this.show({ playing: true, busy: true });
    this.say("Filling the buffer");
    try {
      this.player = await play(this.state.rate, this);
      this.turn();
      this.roll.start(this.player.analyser);
    } catch (error) {
      this.say(`This browser cannot play it: ${error.message}`);
    }
    this.show({ playing: this.player !== null, busy: false });
  }

  show({ playing, busy }) {
    at("play").setAttribute("aria-pressed", playing);
    at("play").setAttribute("aria-label", playing ? "Stop" : "Play");
    at("play").disabled = busy;
    at("idle").hidden ||= playing;
  }

  stop(reason = "Stopped") {
    this.show({ playing: false, busy: false });
    this.roll.stop();
    this.player.close();
    this.player = null;
    this.say(reason);
  }

  turn() {
    if (this.player) this.player.volume.gain.value = at("volume").value ** 2;
  }

  async poll() {
    const wasTroubled = this.troubled;
    try {
      const response = await fetch("state");
      this.words({ type: "state", ...(await response.json()) });
      if (wasTroubled && !this.player) this.say("Ready");
    } catch {
      this.broken();
    }
  }

  words(message) {
    if (message.type === "metrics") this.measure(message);
    if (message.type === "end") this.ended = true;
    if (message.type === "block") this.watch(message.at, message.reading, message.events);
    if (message.type !== "state") return;
    this.ended = message.ended;
    this.troubled = false;
    this.measure(message.metrics);
    this.watch(message.metrics.samples, message.reading, message.events);
  }

  watch(position, reading, events) {
    if (Object.keys(reading).length) at("unwatched").hidden = true;
    this.readings.show(position, reading);
    for (const event of events) this.happen(event);
  }

  happen(event) {
    if (!this.events.add(event)) return;
    at("uneventful").hidden = true;
    if (this.player) this.roll.mark();
  }

  measure(metrics) {
    at("listeners").textContent = metrics.listeners;
    const factor = metrics.real_time_factor_now;
    at("speed").textContent = factor ? `${Number(factor.toPrecision(2))} × real time` : "–";
    this.slow = factor > 0 && factor < 1;
  }

  fares({ position, buffer, underruns, lost, filling, forgotten }) {
    at("played").textContent = clock(position / this.state.rate);
    at("buffer").textContent = `${buffer.toFixed(1)} s`;
    at("fill").value = buffer;
    at("underruns").textContent = underruns;
    this.say(this.mood(lost, filling, forgotten));
    if (this.ended && buffer === 0) this.stop("The stream has ended");
  }

  mood(lost, filling, forgotten) {
    if (filling && this.troubled) return "The stream is gone; trying again";
    if (filling && this.slow) return "Filling the buffer: the model is slower than real time";
    if (filling) return "Filling the buffer";
    if (!lost) return "Playing";
    const words = forgotten ? `, ${forgotten} readings with them` : "";
    return `Playing; ${(lost / this.state.rate).toFixed(1)} s were lost on the way${words}`;
  }

  broken() {
    this.troubled = true;
    this.say(this.ended ? "The stream has ended" : "The stream is gone; trying again");
  }

  say(sentence) {
    if (at("status").textContent !== sentence) at("status").textContent = sentence;
  }
}

async function open() {
  try {
    const response = await fetch("state");
    new Page(await response.json());
  } catch {
    at("status").textContent = "The stream is gone; trying again";
    setTimeout(open, POLL_EVERY_MS);
  }
}

open();
