const HISTORY = 240; // points of a curve
const EVERY_S = 0.5; // of the stream, between points
const EVENTS = 100;
const SVG = "http://www.w3.org/2000/svg";

/** The monitor's readings, whatever they are: value, curve, and the band of usual values. */
export class Readings {
  constructor(place, rate, limits) {
    this.place = place;
    this.rate = rate;
    this.limits = limits;
    this.rows = new Map();
    this.last = -Infinity;
  }

  show(at, reading) {
    const due = Math.abs(at - this.last) >= EVERY_S * this.rate;
    if (due) this.last = at;
    for (const [name, value] of Object.entries(reading)) this.row(name).show(value, due);
  }

  row(name) {
    if (!this.rows.has(name)) {
      this.rows.set(name, new Row(name, this.limits[name] ?? [null, null]));
      this.sort();
    }
    return this.rows.get(name);
  }

  sort() {
    const names = [...this.rows.keys()].sort(new Intl.Collator("en", { numeric: true }).compare);
    this.place.replaceChildren(...names.map((name) => this.rows.get(name).element));
  }
}

class Row {
  constructor(name, [low, high]) {
    Object.assign(this, { low, high, values: [] });
    this.element = element("div", "reading");
    this.value = element("b");
    this.curve = svg("path");
    this.band = svg("rect", { class: "band", x: 0, width: HISTORY });
    this.drawing = svg("svg", { viewBox: `0 0 ${HISTORY} 1`, preserveAspectRatio: "none" });
    this.drawing.append(this.band, this.curve);
    const words = element("div");
    words.append(element("span", "", name.replaceAll("_", " ")), element("small", "", this.usual()));
    this.element.append(words, this.drawing, this.value);
  }

  usual() {
    const { low, high } = this;
    if (low !== null && high !== null) return `${short(low)} to ${short(high)}`;
    if (low !== null) return `at least ${short(low)}`;
    return high !== null ? `at most ${short(high)}` : "";
  }

  show(value, keep) {
    this.value.textContent = value === null ? "none" : short(value);
    this.element.classList.toggle("outside", this.outside(value));
    if (!keep || value === null) return;
    this.values.push(value);
    if (this.values.length > HISTORY) this.values.shift();
    this.draw();
  }

  outside(value) {
    if (value === null) return false;
    return (this.low !== null && value < this.low) || (this.high !== null && value > this.high);
  }

  draw() {
    const { least, most } = this.extent();
    const y = (value) => (1 - (value - least) / (most - least)).toFixed(4);
    const begin = HISTORY - this.values.length;
    const points = this.values.map((value, i) => `${begin + i} ${y(value)}`);
    this.curve.setAttribute("d", `M${points.join("L")}`);
    this.band.setAttribute("y", y(this.high ?? most));
    this.band.setAttribute("height", y(this.low ?? least) - y(this.high ?? most));
    this.band.toggleAttribute("hidden", this.low === null && this.high === null);
  }

  /** All values and limits, with a little room around them. */
  extent() {
    const known = [...this.values, this.low, this.high].filter((value) => value !== null);
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const room = 0.1 * (most - least) || 0.5;
    return { least: least - room, most: most + room };
  }
}

/** What happened, the newest first. */
export class Events {
  constructor(place, rate) {
    this.place = place;
    this.rate = rate;
    this.seen = new Set();
  }

  /** Show an event, unless it is shown already; return whether it is new. */
  add(event) {
    const identity = JSON.stringify(event);
    if (this.seen.has(identity)) return false;
    this.seen.add(identity);
    const line = element("li");
    const text = element("span", "", event.text ?? "");
    text.prepend(element("strong", "", event.kind));
    line.append(element("time", "", clock(event.at / this.rate)), text);
    this.place.prepend(line);
    while (this.place.children.length > EVENTS) this.place.lastChild.remove();
    return true;
  }
}

/** Seconds as 1:02:03. */
export function clock(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A number in at most five figures and signs. */
function short(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return size >= 0.1 || size === 0 ? String(Number(value.toPrecision(3))) : value.toPrecision(1);
}

function element(name, kind = "", text = "") {
  return Object.assign(document.createElement(name), { className: kind, textContent: text });
}

function svg(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
