// The confidence along a shot as a curve. A frame can be chosen with the pointer and with keys.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 150;
const EDGE = { left: 34, right: 22, top: 22, bottom: 20 };
const LABEL = 46; // px, width of a frame number

export class Plot {
  #host;
  #svg;
  #data = { frames: [], keyframes: [], weakest: [], total: 0 };
  #shown = null;
  #x = (frame) => frame;

  /** host: an element with role slider. choose: called with the chosen frame, or null to follow the newest. */
  constructor(host, choose) {
    this.#host = host;
    this.#svg = host.appendChild(node("svg", { "aria-hidden": "true", height: HEIGHT }));
    host.addEventListener("keydown", (event) => this.#key(event, choose));
    host.addEventListener("pointerdown", (event) => {
      host.setPointerCapture(event.pointerId);
      choose(this.#nearest(event));
    });
    host.addEventListener("pointermove", (event) => event.buttons & 1 && choose(this.#nearest(event)));
    new ResizeObserver(() => this.#draw()).observe(host);
  }

  /** data: the answer of /frames, plus the total number of frames. shown: the frame that the pictures show. */
  show(data, shown) {
    this.#data = data;
    this.#shown = shown;
    this.#draw();
  }

  #key(event, choose) {
    const numbers = this.#data.frames.map(({ frame }) => frame);
    const place = numbers.indexOf(this.#shown);
    const last = numbers.length - 1;
    const to = {
      ArrowLeft: place - 1, ArrowDown: place - 1, ArrowRight: place + 1, ArrowUp: place + 1,
      PageDown: place - 10, PageUp: place + 10, Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") choose(null);
    else if (to !== undefined && last >= 0) choose(numbers[Math.min(last, Math.max(0, to))]);
    else return;
    event.preventDefault();
  }

  #nearest(event) {
    const at = event.clientX - this.#svg.getBoundingClientRect().left;
    const far = (frame) => Math.abs(this.#x(frame) - at);
    return this.#data.frames.reduce((best, { frame }) => (best === null || far(frame) < far(best) ? frame : best), null);
  }

  #draw() {
    const { frames, keyframes, weakest, total } = this.#data;
    const width = this.#host.clientWidth;
    if (!width || !frames.length) return;
    const numbers = [...frames.map(({ frame }) => frame), ...keyframes];
    const first = Math.min(...numbers);
    const last = Math.max(...numbers, first + total - 1, first + 1);
    const known = frames.filter(({ confidence }) => confidence !== null);
    const floor = Math.min(0.5, ...known.map(({ confidence }) => Math.floor(confidence * 10) / 10));
    const curve = runs(known, Math.max(1, (Math.max(...numbers) - first) / (total - 1)));
    const bottom = HEIGHT - EDGE.bottom;
    const x = (frame) => EDGE.left + ((frame - first) / (last - first)) * (width - EDGE.left - EDGE.right);
    const y = (value) => bottom - ((value - floor) / (1 - floor)) * (bottom - EDGE.top);
    this.#x = x;
    this.#svg.setAttribute("width", width);
    this.#svg.replaceChildren(
      ...grid(floor, y, width), ...ticks(first, last, x, width),
      ...curve.map((run) => node("path", { class: "area", d: `${path(run, x, y)}V${bottom}H${x(run[0].frame)}Z` })),
      ...curve.map((run) => node("path", { class: "line", d: path(run, x, y) })),
      ...keyframes.flatMap((frame) => keyframe(x(frame), bottom)),
      ...known.filter(({ frame }) => weakest.includes(frame)).flatMap((weak) => dip(weak, x, y)),
      ...this.#cursor(known, x, y, bottom),
    );
    this.#say(first, last);
  }

  #cursor(known, x, y, bottom) {
    if (this.#shown === null) return [];
    const at = x(this.#shown);
    const value = known.find(({ frame }) => frame === this.#shown)?.confidence;
    const line = node("line", { class: "cursor", x1: at, x2: at, y1: EDGE.top, y2: bottom });
    return value === undefined ? [line] : [line, node("circle", { class: "cursor", cx: at, cy: y(value), r: 3.5 })];
  }

  #say(first, last) {
    const shown = this.#data.frames.find(({ frame }) => frame === this.#shown);
    const words = [`frame ${this.#shown}`];
    if (shown && shown.confidence !== null) words.push(`confidence ${shown.confidence.toFixed(2)}`);
    if (this.#data.keyframes.includes(this.#shown)) words.push("a keyframe");
    if (this.#data.weakest.includes(this.#shown)) words.push("a candidate for the next keyframe");
    for (const [name, value] of [["min", first], ["max", last], ["now", this.#shown ?? first], ["text", words.join(", ")]]) {
      this.#host.setAttribute(`aria-value${name}`, value);
    }
  }
}

function node(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.textContent = text;
  return made;
}

function grid(floor, y, width) {
  const step = floor < 0.5 ? 0.25 : 0.1;
  const values = [];
  for (let value = 1; value > floor - 0.01; value -= step) values.push(value);
  return values.flatMap((value) => [
    node("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
    node("text", { class: "axis", x: EDGE.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, String(+value.toFixed(2))),
  ]);
}

function ticks(first, last, x, width) {
  const most = Math.max(2, Math.floor((width - EDGE.left - EDGE.right) / (LABEL * 1.6)));
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500, 5000, 10000].find((s) => (last - first) / s <= most) ?? 50000;
  const marks = [];
  for (let frame = Math.ceil(first / step) * step; frame <= last; frame += step) marks.push(frame);
  return marks.map((frame) => node("text", { class: "axis", x: x(frame), y: HEIGHT - 5, "text-anchor": "middle" }, String(frame)));
}

/** Return the finished frames as runs; a frame that is not finished ends a run. */
function runs(known, step) {
  const found = [];
  for (const point of known) {
    const run = found.at(-1);
    if (run && point.frame - run.at(-1).frame <= step) run.push(point);
    else found.push([point]);
  }
  return found;
}

function path(run, x, y) {
  const points = run.map(({ frame, confidence }) => `${x(frame).toFixed(1)},${y(confidence).toFixed(1)}`);
  return `M${points.join("L")}${run.length === 1 ? "h1" : ""}`;
}

function keyframe(at, bottom) {
  return [
    node("line", { class: "key", x1: at, x2: at, y1: EDGE.top, y2: bottom }),
    node("path", { class: "key", d: `M${at},${EDGE.top - 12}l5,6l-5,6l-5,-6Z` }),
  ];
}

function dip({ frame, confidence }, x, y) {
  const below = y(confidence) < HEIGHT - EDGE.bottom - 20;
  return [
    node("circle", { class: "weak", cx: x(frame), cy: y(confidence), r: 4.5 }),
    node("text", { class: "weak", x: x(frame), y: y(confidence) + (below ? 17 : -9), "text-anchor": "middle" }, String(frame)),
  ];
}
