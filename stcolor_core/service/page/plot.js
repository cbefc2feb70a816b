// The time line: the confidence along a shot as a curve, its keyframes, and the frame shown.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 132;
const EDGE = { left: 40, right: 22, top: 22, bottom: 20 };
const LABEL = 46; // px, width of a frame number
const GRID = [0, 0.5, 0.8, 0.9, 0.97, 1];
const STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500, 5000, 10000];

/**
 * Return the place of a confidence on its scale, 0 to 1, here and in Nuke's panel: 1 - √(1 - confidence).
 * A linear scale would have 0.97 and 1 in one place, and most frames between them.
 */
export const place = (confidence) => 1 - Math.sqrt(1 - Math.min(1, Math.max(0, confidence)));

export class Plot {
  #host;
  #svg;
  #choose;
  #data = { numbers: [], frames: [], keyframes: [], patches: [], colorless: {}, suggestions: [] };
  #shown = null;
  #range = null;
  #cursorNodes = node("g", {});
  #cursorAt = () => [];
  #x = (frame) => frame;

  /** host: an element with role slider. choose: called with the chosen frame. */
  constructor(host, choose) {
    this.#host = host;
    this.#choose = choose;
    this.#svg = host.appendChild(node("svg", { "aria-hidden": "true", height: HEIGHT }));
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault(); // else the numbers of the axis would be selected
      host.focus();
      host.setPointerCapture(event.pointerId);
      this.#point(event);
    });
    host.addEventListener("pointermove", (event) => event.buttons & 1 && this.#point(event));
    new ResizeObserver(() => this.#draw()).observe(host);
  }

  /**
   * data: numbers (all frames, in order), frames (the finished ones), keyframes, those of them that are patches, those
   * that give no colour (frame -> reason), suggestions; a new object for each change. shown: the frame shown. range:
   * [in, out], or null for all.
   */
  show(data, shown, range) {
    const same = data === this.#data && range === this.#range;
    [this.#data, this.#shown, this.#range] = [data, shown, range];
    if (!same || !this.#svg.children.length) return this.#draw();
    this.#cursorNodes.replaceChildren(...this.#cursorAt());
    this.#describe();
  }

  #key(event) {
    const { numbers } = this.#data;
    const at = numbers.indexOf(this.#shown);
    const last = numbers.length - 1;
    const to = { ArrowDown: at - 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.#choose(numbers[Math.min(last, Math.max(0, to))]);
  }

  #point(event) {
    const at = event.clientX - this.#svg.getBoundingClientRect().left;
    const far = (frame) => Math.abs(this.#x(frame) - at);
    const { numbers } = this.#data;
    if (numbers.length) this.#choose(numbers.reduce((best, frame) => (far(frame) < far(best) ? frame : best)));
  }

  #draw() {
    const { numbers, frames, keyframes, patches, colorless, suggestions } = this.#data;
    const width = this.#host.clientWidth;
    if (!width || !numbers.length) return;
    const first = Math.min(...numbers, ...keyframes);
    const last = Math.max(...numbers, ...keyframes, first + 1);
    const known = frames.filter(({ confidence }) => confidence !== null);
    const step = (numbers.at(-1) - numbers[0]) / Math.max(1, numbers.length - 1);
    const curve = runs(known, Math.max(1, step));
    const bottom = HEIGHT - EDGE.bottom;
    const x = (frame) => EDGE.left + ((frame - first) / (last - first)) * (width - EDGE.left - EDGE.right);
    const y = (confidence) => bottom - place(confidence) * (bottom - EDGE.top);
    const weak = known.filter(({ frame }) => suggestions.includes(frame));
    this.#x = x;
    this.#svg.setAttribute("width", width);
    this.#svg.replaceChildren(
      ...outside(this.#range, x, width, bottom),
      ...grid(y, width), ...ticks(first, last, x, width),
      ...curve.map((run) => node("path", { class: "area", d: `${path(run, x, y)}V${bottom}H${x(run[0].frame)}Z` })),
      ...curve.map((run) => node("path", { class: "line", d: path(run, x, y) })),
      ...keyframes.flatMap((frame) => keyframe(x(frame), bottom, { isPatch: patches.includes(frame), flawed: frame in colorless })),
      ...weak.flatMap((point) => helpful(point, x, y)),
      this.#cursorNodes,
    );
    this.#cursorAt = () => this.#cursor(known, x, y, bottom);
    this.#cursorNodes.replaceChildren(...this.#cursorAt());
    this.#describe();
  }

  #cursor(known, x, y, bottom) {
    if (this.#shown === null) return [];
    const at = x(this.#shown);
    const value = known.find(({ frame }) => frame === this.#shown)?.confidence;
    const line = node("line", { class: "cursor", x1: at, x2: at, y1: EDGE.top, y2: bottom });
    const label = node("text", { class: "cursor", x: at, y: EDGE.top - 6, "text-anchor": "middle" }, String(this.#shown));
    const dot = value === undefined ? [] : [node("circle", { class: "cursor", cx: at, cy: y(value), r: 3.5 })];
    return [line, label, ...dot];
  }

  #describe() {
    const { numbers, frames, keyframes, patches, colorless, suggestions } = this.#data;
    const [first, last] = [numbers[0], numbers.at(-1)];
    const shown = frames.find(({ frame }) => frame === this.#shown);
    const words = [`frame ${this.#shown}`];
    if (!shown) words.push("not coloured yet");
    else if (shown.confidence !== null) words.push(`confidence ${shown.confidence.toFixed(2)}`);
    if (this.#shown in colorless) words.push("a keyframe without colour");
    else if (patches.includes(this.#shown)) words.push("has a patch");
    else if (keyframes.includes(this.#shown)) words.push("a keyframe");
    if (suggestions.includes(this.#shown)) words.push("suggested as the next keyframe");
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

function outside(range, x, width, bottom) {
  if (!range) return [];
  const [left, right] = [x(range[0]), x(range[1])];
  const shade = (from, to) => node("rect", { class: "outside", x: from, y: EDGE.top, width: Math.max(0, to - from), height: bottom - EDGE.top });
  return [shade(EDGE.left, left), shade(right, width - EDGE.right)];
}

function grid(y, width) {
  return GRID.flatMap((value) => [
    node("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
    node("text", { class: "axis", x: EDGE.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, String(value)),
  ]);
}

function ticks(first, last, x, width) {
  const most = Math.max(2, Math.floor((width - EDGE.left - EDGE.right) / (LABEL * 1.6)));
  const step = STEPS.find((size) => (last - first) / size <= most) ?? 50000;
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

/** Return the mark of a keyframe: a diamond, hollow for a patch, crossed out if its reference gives no colour. */
function keyframe(at, bottom, { isPatch, flawed }) {
  const kind = flawed ? "key flawed" : isPatch ? "key patch" : "key";
  const cross = node("path", { class: "key cross", d: `M${at - 6},${bottom - 6}l12,12m0,-12l-12,12` });
  return [
    node("line", { class: kind, x1: at, x2: at, y1: EDGE.top, y2: bottom }),
    node("path", { class: kind, d: `M${at},${bottom - 6}l5,6l-5,6l-5,-6Z` }),
    ...(flawed ? [cross] : []),
  ];
}

function helpful({ frame, confidence }, x, y) {
  const below = y(confidence) < HEIGHT - EDGE.bottom - 20;
  return [
    node("circle", { class: "weak", cx: x(frame), cy: y(confidence), r: 4.5 }),
    node("text", { class: "weak", x: x(frame), y: y(confidence) + (below ? 17 : -9), "text-anchor": "middle" }, String(frame)),
  ];
}
