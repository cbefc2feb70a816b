// Stepping, playing, and the range between in and out.

import { $ } from "/dom.js";

export class Transport {
  numbers = []; // all frames, in order
  range = null; // [in, out]
  #viewer;
  #show;
  #number = null;
  #clock = null; // { began } while it plays

  /** show: called with the frame to show. */
  constructor(viewer, show) {
    this.#viewer = viewer;
    this.#show = show;
  }

  /** Give the frames of a shot and the one shown. A range that is not of this shot is dropped. */
  update(numbers, number) {
    this.numbers = numbers;
    this.#number = number;
    if (this.range && !(numbers.includes(this.range[0]) && numbers.includes(this.range[1]))) this.range = null;
    this.#viewer.upcoming = this.isPlaying ? this.#after(number, 24) : this.#neighbours(number);
  }

  /** Forget the shot. */
  reset() {
    this.stop();
    [this.numbers, this.range, this.#number] = [[], null, null];
  }

  get isPlaying() {
    return this.#clock !== null;
  }

  step(by) {
    this.stop();
    const at = this.numbers.indexOf(this.#number);
    const to = Math.min(this.numbers.length - 1, Math.max(0, at + by));
    if (this.numbers.length) this.#show(this.numbers[to]);
  }

  /** Go to the first or the last frame of the range. */
  end(which) {
    this.stop();
    const played = this.#played();
    if (played.length) this.#show(which < 0 ? played[0] : played.at(-1));
  }

  /** Set in (0) or out (1) at the frame shown. */
  mark(place) {
    if (this.#number === null) return;
    const range = this.range ?? [this.numbers[0], this.numbers.at(-1)];
    range[place] = this.#number;
    this.range = range[0] <= range[1] ? [...range] : [this.#number, this.#number];
    this.#show(this.#number);
  }

  clear() {
    this.range = null;
    if (this.#number !== null) this.#show(this.#number);
  }

  toggle() {
    if (this.isPlaying) return this.stop();
    if (this.#played().length < 2) return;
    this.#clock = { began: performance.now() };
    this.#viewer.set({ playing: true });
    this.#label();
    requestAnimationFrame((now) => this.#tick(now));
  }

  stop() {
    if (!this.isPlaying) return;
    this.#clock = null;
    this.#viewer.set({ playing: false });
    this.#label();
  }

  #label() {
    $("play").textContent = this.isPlaying ? "Pause" : "Play";
    $("play").setAttribute("aria-pressed", String(this.isPlaying));
  }

  #tick(now) {
    if (!this.isPlaying) return;
    const interval = 1000 / Number($("fps").value);
    const due = Math.floor((now - this.#clock.began) / interval);
    if (due >= 1) {
      const ahead = this.#after(this.#number, Math.min(due, 48));
      // the latest frame that is due and there; one that does not exist is left out; else the picture stays
      const next = ahead.findLast((number) => this.#viewer.isReady(number));
      if (next !== undefined) {
        this.#clock.began += due * interval;
        this.#show(next);
      } else {
        this.#clock.began = now - interval;
        if (this.#viewer.isMissing(ahead[0])) this.#skip(ahead[0]);
      }
    }
    requestAnimationFrame((later) => this.#tick(later));
  }

  #skip(number) {
    const next = this.#after(number, this.#played().length).find((each) => !this.#viewer.isMissing(each));
    if (next !== undefined && this.#viewer.isReady(next)) this.#show(next);
    else if (next !== undefined) this.#viewer.upcoming = this.#after(number, 24);
  }

  /** Return the next frames in the range, beginning again at in after out. */
  #after(number, count) {
    const played = this.#played();
    if (!played.length) return [];
    const at = played.indexOf(number);
    return Array.from({ length: Math.min(count, played.length) }, (_, step) => played[(at + 1 + step) % played.length]);
  }

  #neighbours(number) {
    const at = this.numbers.indexOf(number);
    return [this.numbers[at + 1], this.numbers[at - 1]].filter((each) => each !== undefined);
  }

  #played() {
    if (!this.range) return this.numbers;
    return this.numbers.filter((number) => number >= this.range[0] && number <= this.range[1]);
  }
}
