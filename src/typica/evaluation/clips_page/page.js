// Hearing clips and choosing from them. What is chosen is kept on the server that serves the page,
// or, opened as a file, in this browser, from where it can be downloaded.

const $ = (selector, within = document) => within.querySelector(selector);
const told = JSON.parse($("#data").textContent);
const clips = new Map(told.clips.map((clip) => [clip.name, clip]));
const served = location.protocol.startsWith("http");
const key = `typica album ${told.id}`;
const player = new Audio();
player.preload = "auto";
const rows = new Map();
let chosen = null; // the name of the clip that keys speak of
let loaded = null; // of the clip in the player
let choices = complete(told.curation);

// Return a curation in which every clip has its place and its choice.
function complete(found) {
  const known = (found?.order ?? []).filter((name) => clips.has(name));
  const rest = told.clips.map((clip) => clip.name).filter((name) => !known.includes(name));
  const blank = (name) => ({ verdict: null, title: "", note: "", ...found?.clips?.[name] });
  return {
    order: [...known, ...rest],
    clips: Object.fromEntries(told.clips.map(({ name }) => [name, blank(name)])),
    title: found?.title ?? "",
    join: found?.join ?? "crossfade",
    seconds: found?.seconds ?? 2,
  };
}

async function restore() {
  try {
    if (served) {
      const answer = await fetch("curation.json", { cache: "no-store" });
      seen = answer.headers.get("ETag");
      return answer.ok ? await answer.json() : null;
    }
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

let saving = Promise.resolve();
let waiting = null;
let seen = null; // the mark of what the server has, as this page last knew it
let unsent = false;

// Keep the choices, a moment after the last change; one after the other.
function save() {
  show();
  clearTimeout(waiting);
  say("…");
  unsent = true;
  waiting = setTimeout(() => (saving = saving.then(keep)), 250);
}

async function keep() {
  const text = JSON.stringify(choices);
  unsent = false;
  try {
    if (served) {
      await send(text);
      say("saved");
    } else {
      localStorage.setItem(key, text);
      say("kept in this browser");
    }
  } catch (error) {
    say(`not saved: ${error.message}`);
  }
}

async function send(text) {
  const headers = { "Content-Type": "application/json", ...(seen && { "If-Match": seen }) };
  // A page that goes away may leave no more than 64 kB behind.
  const options = { method: "PUT", headers, body: text, keepalive: text.length < 16000 };
  const answer = await fetch("curation.json", options);
  if (!answer.ok) throw new Error(await answer.text());
  seen = answer.headers.get("ETag");
}

// What was changed a moment ago is kept before the page goes away.
addEventListener("pagehide", () => {
  clearTimeout(waiting);
  if (unsent) keep();
});

const say = (words) => ($("#saved").textContent = words);

const clock = (seconds) => {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
};

// The seconds of the album that the kept clips would make, as the export joins them.
function total() {
  const kept = choices.order.filter((name) => choices.clips[name].verdict === "keep");
  let seconds = 0;
  kept.forEach((name, number) => {
    const own = clips.get(name).seconds;
    seconds += own;
    if (number === 0) return;
    const fade = Math.min(choices.seconds, own / 2, clips.get(kept[number - 1]).seconds / 2);
    seconds += choices.join === "gap" ? choices.seconds : -fade;
  });
  return seconds;
}

function figures(clip) {
  const first = [`${clip.place}. by the rules`, clock(clip.seconds), `seed ${clip.seed}`];
  const parts = [...first.map((words) => ({ words, odd: false })), ...clip.figures];
  return parts.flatMap(({ words, odd }, number) => {
    const part = document.createElement(odd ? "b" : "span");
    part.textContent = words;
    return number ? [" · ", part] : [part];
  });
}

function build(clip) {
  const row = $("#clip").content.firstElementChild.cloneNode(true);
  row.dataset.name = clip.name;
  $("img", row).src = clip.picture;
  $(".figures", row).replaceChildren(...figures(clip));
  $(".name", row).placeholder = clip.name;
  const act = (selector, does) => $(selector, row).addEventListener("click", () => does(clip.name));
  act(".play", toggle);
  act(".keep", (name) => judge(name, "keep"));
  act(".drop", (name) => judge(name, "drop"));
  act(".up", (name) => move(name, -1));
  act(".down", (name) => move(name, 1));
  row.addEventListener("pointerdown", () => choose(clip.name));
  row.addEventListener("focusin", () => choose(clip.name));
  $(".sound", row).addEventListener("click", (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    seek(clip.name, (clip.seconds * (event.clientX - left)) / width);
  });
  for (const [selector, field] of [[".name", "title"], [".note", "note"]]) {
    const input = $(selector, row);
    input.value = choices.clips[clip.name][field];
    input.addEventListener("input", () => {
      choices.clips[clip.name][field] = input.value;
      save();
    });
  }
  draggable(row, clip.name);
  rows.set(clip.name, row);
}

function draggable(row, name) {
  const handle = $(".handle", row);
  handle.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", name);
    event.dataTransfer.setDragImage(row, 0, 0);
  });
  row.addEventListener("dragover", (event) => {
    event.preventDefault();
    row.classList.add("over");
  });
  row.addEventListener("dragleave", () => row.classList.remove("over"));
  row.addEventListener("drop", (event) => {
    event.preventDefault();
    row.classList.remove("over");
    const moved = event.dataTransfer.getData("text/plain");
    if (!clips.has(moved) || moved === name) return;
    const down = choices.order.indexOf(moved) < choices.order.indexOf(name);
    choices.order = choices.order.filter((one) => one !== moved);
    choices.order.splice(choices.order.indexOf(name) + (down ? 1 : 0), 0, moved);
    save();
  });
}

function outline(row, peaks) {
  const canvas = $("canvas", row);
  canvas.width = peaks.length;
  canvas.height = 64;
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  peaks.forEach((peak, x) => pen.fillRect(x, 32 - 0.32 * peak, 1, Math.max(1, 0.64 * peak)));
}

const visible = () => {
  const shown = $("#shown").value;
  const verdict = shown === "undecided" ? null : shown;
  return choices.order.filter((name) => shown === "all" || choices.clips[name].verdict === verdict);
};

function show() {
  const list = $("#clips");
  const names = visible();
  const now = [...list.children].map((row) => row.dataset.name);
  if (now.join() !== names.join()) {
    const focused = document.activeElement;
    list.replaceChildren(...names.map((name) => rows.get(name)));
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }
  const counts = { keep: 0, drop: 0, null: 0 };
  for (const [name, row] of rows) {
    const { verdict } = choices.clips[name];
    counts[verdict] += 1;
    row.dataset.verdict = verdict ?? "";
    $(".keep", row).ariaPressed = String(verdict === "keep");
    $(".drop", row).ariaPressed = String(verdict === "drop");
    row.ariaCurrent = String(name === chosen);
  }
  $("#kept").textContent = counts.keep;
  $("#dropped").textContent = counts.drop;
  $("#undecided").textContent = counts[null];
  $("#length").textContent = clock(total());
  const file = new Blob([JSON.stringify(choices, null, 2)], { type: "application/json" });
  URL.revokeObjectURL($("#download").href);
  $("#download").href = URL.createObjectURL(file);
}

function choose(name, scrolls = false) {
  if (name === undefined) return;
  chosen = name;
  for (const [one, row] of rows) row.ariaCurrent = String(one === name);
  if (scrolls) rows.get(name).scrollIntoView({ block: "nearest" });
}

function step(by) {
  const names = visible();
  const at = names.indexOf(chosen);
  choose(names[Math.min(names.length - 1, Math.max(0, at < 0 ? 0 : at + by))], true);
}

function judge(name, verdict) {
  const choice = choices.clips[name];
  const before = visible();
  choice.verdict = choice.verdict === verdict ? null : verdict;
  save();
  if (!visible().includes(name)) choose(before[before.indexOf(name) + 1] ?? visible()[0], true);
}

function move(name, by) {
  const names = visible();
  const other = names[names.indexOf(name) + by];
  if (other === undefined) return;
  const order = choices.order.filter((one) => one !== name);
  order.splice(order.indexOf(other) + (by > 0 ? 1 : 0), 0, name);
  choices.order = order;
  save();
  choose(name, true);
}

function load(name) {
  if (loaded === name) return;
  loaded = name;
  player.src = clips.get(name).sound;
}

function toggle(name) {
  choose(name);
  if (loaded === name && !player.paused) return player.pause();
  load(name);
  player.play().catch((error) => say(`cannot play ${name}: ${error.message}`));
}

function seek(name, seconds) {
  choose(name);
  load(name);
  const go = () => (player.currentTime = Math.max(0, seconds));
  if (player.readyState) go();
  else player.addEventListener("loadedmetadata", go, { once: true });
  player.play().catch((error) => say(`cannot play ${name}: ${error.message}`));
}

function follow() {
  for (const [name, row] of rows) {
    const mine = name === loaded;
    $(".play", row).ariaPressed = String(mine && !player.paused);
    const head = $(".head", row);
    head.style.display = mine ? "block" : "none";
    if (mine) head.style.left = `${(100 * player.currentTime) / clips.get(name).seconds}%`;
  }
  if (!player.paused) requestAnimationFrame(follow);
}
for (const event of ["play", "pause", "seeked", "ended", "emptied"]) player.addEventListener(event, follow);

const keys = {
  " ": () => toggle(chosen),
  k: () => judge(chosen, "keep"),
  d: () => judge(chosen, "drop"),
  u: () => judge(chosen, choices.clips[chosen].verdict),
  ArrowDown: (event) => (event.shiftKey ? move(chosen, 1) : step(1)),
  ArrowUp: (event) => (event.shiftKey ? move(chosen, -1) : step(-1)),
  ArrowRight: () => loaded === chosen && seek(chosen, player.currentTime + 5),
  ArrowLeft: () => loaded === chosen && seek(chosen, player.currentTime - 5),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, a");
  if (event.key === "Escape") document.activeElement?.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  if (chosen === null) step(0);
  if (chosen !== null) keys[event.key](event);
});

async function begin() {
  const found = await restore();
  if (found) choices = complete(found);
  told.clips.forEach(build);
  told.clips.forEach((clip) => outline(rows.get(clip.name), clip.peaks));
  $("#about").textContent = told.about;
  for (const name of ["title", "join", "seconds"]) {
    $(`#${name}`).value = choices[name];
    $(`#${name}`).addEventListener("input", ({ target }) => {
      choices[name] = name === "seconds" ? Math.min(30, Math.max(0, Number(target.value) || 0)) : target.value;
      save();
    });
  }
  $("#shown").addEventListener("input", show);
  $("#arrange").addEventListener("click", () => {
    choices.order = told.clips.map((clip) => clip.name);
    save();
  });
  choose(visible()[0]);
  show();
  say(served ? "what you choose is saved as you go" : "kept in this browser: download it to export");
  document.body.dataset.ready = "true";
}

begin();
