// The viewer: which pictures it needs, and what it shows of them. A picture is drawn together with its caption, so the
// caption always names the job and the frame that are seen.

import { $, write } from "/dom.js";
import { Loader } from "/loader.js";
import { keyColor } from "/pixels.js";
import { compose, Frame } from "/screen.js";

const LINES = 540; // of the pictures that the core keeps, see PREVIEW_LINES in stcolor_core/service/pictures.py
const MOST_LINES = 2160;
const BLANK_MS = 150; // another frame's picture stays at most so long
const SETTLE_MS = 250; // before a sharper picture is asked for
const TILE = 64; // parts of a picture begin at multiples of this
const AHEAD = 12; // frames loaded ahead of the one that plays
const COLORED = new Set(["result", "plate", "reference", "used"]);
const OF_KEYS = new Set(["reference", "used"]);
/** The pictures that are read from the files of the result. */
export const OF_RESULT = new Set(["result", "confidence", "source", "mattes"]);
const WORDS = { result: "Result", plate: "Plate", reference: "Reference", used: "Reference as used", confidence: "Confidence" };

export class Viewer {
  loader;
  context = null; // { job, numbers, finished: Map, keyframes, width, height, aspect, versions: Map, running }
  number = null; // the frame
  view = "result";
  overlay = null; // heat, source or mattes
  compare = "none"; // or wipe, side, difference
  chosenAgainst = "plate"; // B: plate, reference, used, result, or the id of another job
  flipped = false; // B alone is shown
  wipe = 0.5;
  look = { stops: 0, saturation: 1, threshold: 0.9 };
  viewName = null; // null: the default one
  playing = false;
  upcoming = []; // frames that play next
  #canvas;
  #frame = new Frame();
  #shown = null; // { job, number } of what is drawn
  #changedAt = 0;
  #pending = null;
  #settle = null;

  /** gone: called with a picture whose frame was written and is not there any more. */
  constructor(core, gone) {
    this.#canvas = $("screen");
    this.loader = new Loader(core, () => this.#soon(), gone);
    new ResizeObserver(() => this.#touch()).observe(this.#canvas);
    this.#canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#canvas.addEventListener("dblclick", () => this.fit());
  }

  /** Show a job; its pictures replace those of another one at once. */
  setContext(context) {
    const other = context?.job !== this.context?.job;
    this.context = context;
    if (context?.width) this.#frame.resize(context.width * context.aspect, context.height);
    if (other) {
      this.number = null;
      this.#frame.fit();
      this.flipped = false;
      const isKept = WORDS[this.chosenAgainst] ? this.chosenAgainst !== "used" : context?.versions.has(this.chosenAgainst);
      if (context && !isKept) this.chosenAgainst = "plate"; // "used" was chosen for a keyframe of that job
      this.#blank("");
    }
  }

  /** Return B: what was chosen, or the plate or the result where that is A already. */
  get against() {
    if (this.chosenAgainst !== this.view) return this.chosenAgainst;
    return this.view === "plate" ? "result" : "plate";
  }

  setNumber(number) {
    if (number === this.number) return this.#soon();
    this.number = number;
    this.#touch();
  }

  /** Change settings and draw again. */
  set(changes) {
    Object.assign(this, changes);
    this.#touch();
  }

  fit() {
    this.#frame.fit();
    this.#touch();
  }

  /** Zoom to device pixels for each pixel of the picture, or by a factor. */
  zoom({ to, by }) {
    const area = this.#area();
    this.#frame.zoom(to ?? this.#frame.scale(area) * by, area);
    this.#touch();
  }

  /** Return whether a frame can be shown at once. */
  isReady(number) {
    return this.#needed(number).every((picture) => this.loader.get(picture));
  }

  isMissing(number) {
    return this.#needed(number).some((picture) => !this.loader.get(picture) && this.loader.problem(picture));
  }

  // ---- which pictures

  #sides(number) {
    const a = this.#side(this.context.job, this.#effective(this.view, number), number, this.overlay);
    if (!this.flipped && this.compare === "none") return { a };
    const b = WORDS[this.against]
      ? this.#side(this.context.job, this.#effective(this.against, number), number, null)
      : this.#side(this.against, "result", number, this.overlay);
    return this.flipped ? { a: b } : { a, b };
  }

  /** Return the view of a frame: its plate as long as it has no result. */
  #effective(view, number) {
    const colored = this.context.finished.has(number);
    return !colored && (view === "result" || view === "confidence") ? "plate" : view;
  }

  #side(job, of, number, overlay) {
    const { keyframes, numbers } = this.context;
    const far = (key) => Math.abs(key - number);
    const frame = OF_KEYS.has(of) ? keyframes.reduce((best, key) => (far(key) < far(best) ? key : best), keyframes[0] ?? numbers[0]) : number;
    const side = { job, of, frame, base: this.#picture(job, of, frame) };
    const layered = overlay && this.context.finished.has(number) && !OF_KEYS.has(of) && of !== "confidence";
    if (layered) side.overlay = { kind: overlay, picture: this.#picture(job, overlay === "heat" ? "confidence" : overlay, number) };
    return side;
  }

  #picture(job, of, frame, size = `height=${LINES}`) {
    const view = this.viewName && COLORED.has(of) ? `&view=${encodeURIComponent(this.viewName)}` : "";
    return { job, frame, of, query: size + view, ready: this.playing && this.context.running };
  }

  #needed(number) {
    const { a, b } = this.#sides(number);
    return [a, b].filter(Boolean).flatMap((side) => [side.base, ...(side.overlay ? [side.overlay.picture] : [])]);
  }

  /** Return the part of a side's picture that is seen, at the size of the screen; null if the preview is enough. */
  #detail(side, area) {
    const scale = this.#frame.scale(area);
    const { width, height } = this.context;
    if (!height || scale * this.#frame.height <= LINES * 1.1) return null;
    if (side.of === "reference") {
      const lines = Math.min(MOST_LINES, Math.ceil(scale * this.#frame.height));
      const picture = this.#picture(side.job, side.of, side.frame, `height=${lines}`);
      return { picture, region: [0, 0, 1, 1], full: [1, 1] };
    }
    if (height <= LINES) return null;
    const seen = this.#frame.rectangle(area);
    const span = (from, size, whole, full) => {
      const low = Math.max(0, -from / size) * full;
      const high = Math.min(1, (whole - from) / size) * full;
      const start = Math.floor(low / TILE) * TILE;
      return [start, Math.max(1, Math.min(full, Math.ceil(high / TILE) * TILE) - start)];
    };
    const [x, w] = span(seen.x, seen.width, area.width, width);
    const [y, h] = span(seen.y, seen.height, area.height, height);
    const lines = Math.max(16, Math.min(MOST_LINES, h, Math.ceil((h / height) * seen.height)));
    const picture = this.#picture(side.job, side.of, side.frame, `height=${lines}&region=${x},${y},${w},${h}`);
    return { picture, region: [x, y, w, h], full: [width, height] };
  }

  // ---- drawing

  #touch() {
    this.#changedAt = performance.now();
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#soon(), SETTLE_MS);
    this.#soon();
  }

  #soon() {
    this.#pending ??= requestAnimationFrame(() => {
      this.#pending = null;
      this.update();
    });
  }

  /** Ask for the pictures that are needed, and draw if they are there. */
  update() {
    if (!this.context || this.number === null) return this.loader.want([]);
    const area = this.#area();
    const sides = this.#sides(this.number);
    const needed = this.#needed(this.number);
    const waited = performance.now() - this.#changedAt;
    const details = [];
    if (!this.playing && waited >= SETTLE_MS - 5) {
      const part = this.compare === "side" && sides.b ? { ...area, width: Math.floor(area.width / 2) - 1 } : area;
      for (const side of [sides.a, sides.b].filter(Boolean)) {
        side.detail = this.#detail(side, part);
        if (side.detail) details.push(side.detail.picture);
      }
    }
    const ahead = this.upcoming.slice(0, AHEAD).flatMap((number) => this.#needed(number));
    this.loader.want([...needed, ...details, ...ahead]);
    if (needed.every((picture) => this.loader.get(picture))) return this.#draw(sides, area);
    const problem = needed.map((picture) => this.loader.problem(picture)).find(Boolean);
    if (problem) return this.#blank(problem);
    if (this.#shown?.job !== this.context.job || waited >= BLANK_MS) return this.#blank(`Loading ${this.number} …`);
    setTimeout(() => this.#soon(), BLANK_MS - waited + 1);
  }

  #draw(sides, area) {
    const [width, height] = [Math.round(area.width), Math.round(area.height)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) [this.#canvas.width, this.#canvas.height] = [width, height];
    const found = {};
    for (const [name, side] of Object.entries(sides)) found[name] = side && this.#loaded(side);
    if (!this.context.width) this.#frame.resize(found.a.base.width, found.a.base.height);
    const { keyframes } = this.context;
    const look = { ...this.look, colorOf: (frame) => keyColor(Math.max(0, keyframes.indexOf(frame))) };
    compose(this.#canvas, found, { compare: found.b ? this.compare : "none", wipe: this.wipe, frame: this.#frame, look });
    this.#shown = { job: this.context.job, number: this.number };
    const words = Object.values(sides).filter(Boolean).map((side) => this.#caption(side));
    const joined = { difference: " minus ", side: "  |  ", wipe: "  |  ", none: "" }[this.compare];
    const caption = (this.flipped ? "B: " : "") + words.join(joined) + (this.compare === "difference" ? ", times 4" : "");
    this.#say(caption, "");
    this.#canvas.dataset.shown = `${this.context.job} ${this.number}`;
    write($("zoom"), `${Math.round(100 * this.#frame.scale(area))} %`);
  }

  #loaded(side) {
    const detail = side.detail && this.loader.get(side.detail.picture);
    return {
      base: this.loader.get(side.base),
      detail: detail && { ...side.detail, bitmap: detail },
      overlay: side.overlay && { kind: side.overlay.kind, bitmap: this.loader.get(side.overlay.picture) },
      graded: COLORED.has(side.of),
    };
  }

  #caption({ job, of, frame }) {
    const { finished, job: own, versions, keyframes } = this.context;
    const words = [OF_KEYS.has(of) && !keyframes.length ? "Reference still" : `${WORDS[of]} ${frame}`];
    if (job !== own) words.push(versions.get(job) ?? "another version");
    const confidence = job === own && of !== "plate" && !OF_KEYS.has(of) ? finished.get(frame) : null;
    if (confidence !== null && confidence !== undefined) words.push(`confidence ${confidence.toFixed(2)}`);
    if (of === "plate" && this.view === "result" && job === own && !finished.has(frame)) words.push("not coloured yet");
    return words.join(" · ");
  }

  #blank(message) {
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#shown = null;
    delete this.#canvas.dataset.shown;
    this.#say("", message);
  }

  #say(caption, message) {
    write($("caption"), caption || " ");
    write($("instead"), message);
    $("instead").hidden = !message;
    this.#canvas.setAttribute("aria-label", caption || message || "No picture");
  }

  #area() {
    const ratio = devicePixelRatio || 1;
    return { width: Math.max(1, this.#canvas.clientWidth * ratio), height: Math.max(1, this.#canvas.clientHeight * ratio) };
  }

  // ---- pointer

  #wheel(event) {
    event.preventDefault();
    const box = this.#canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const area = this.#area();
    this.#frame.zoom(this.#frame.scale(area) * 1.0015 ** -event.deltaY, area, (event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio);
    this.#touch();
  }

  #grab(event) {
    if (event.button > 1) return;
    event.preventDefault();
    const box = this.#canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const wiping = this.compare === "wipe" && !this.flipped && (this.#frame.isFit || Math.abs((event.clientX - box.left) / box.width - this.wipe) < 0.03);
    let [x, y] = [event.clientX, event.clientY];
    const move = (next) => {
      if (wiping) {
        this.wipe = Math.min(1, Math.max(0, (next.clientX - box.left) / box.width));
        $("wipe").value = String(Math.round(100 * this.wipe));
      } else this.#frame.pan((next.clientX - x) * ratio, (next.clientY - y) * ratio, this.#area());
      [x, y] = [next.clientX, next.clientY];
      this.#touch();
    };
    if (wiping) move(event);
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.addEventListener("pointermove", move);
    const end = () => this.#canvas.removeEventListener("pointermove", move);
    this.#canvas.addEventListener("pointerup", end, { once: true });
    this.#canvas.addEventListener("pointercancel", end, { once: true });
  }
}
