// Loads pictures: only those that are wanted now, two at a time, so that the browser's other connections stay free for
// the state of the jobs and for Cancel. A picture that is not wanted any more is given up at once.

import { NoCore, Refused } from "/core.js";

const CONNECTIONS = 2;
const BYTES_KEPT = 256e6; // compressed
const DECODED_KEPT = 64; // about 2 MB each
const GONE = 410; // the status of a frame that was written and is not there any more
const RETRY_MS = 2000; // a picture that was not there

/** Return the key of a picture: { job, frame, of, query }. */
export const keyOf = ({ job, frame, of, query }) => `${job} ${frame} ${of} ${query}`;

export class Loader {
  #core;
  #changed;
  #gone;
  #files = new Map(); // key -> Blob, the most recently used last
  #bytes = 0;
  #decoded = new Map(); // key -> ImageBitmap, the most recently used last
  #missing = new Map(); // key -> { message, until }
  #wanted = [];
  #running = new Map(); // key -> AbortController
  #generation = 0;

  /** changed: called when a wanted picture has arrived, or turned out to be missing; gone: if its frame was deleted. */
  constructor(core, changed, gone) {
    this.#core = core;
    this.#changed = changed;
    this.#gone = gone;
  }

  /** Want these pictures, the first ones first, and no others. */
  want(pictures) {
    this.#wanted = pictures;
    const keys = new Set(pictures.map(keyOf));
    for (const [key, request] of this.#running) if (!keys.has(key)) request.abort();
    this.#pump();
  }

  /** Return the ImageBitmap of a picture; undefined if it is not there (yet). */
  get(picture) {
    const key = keyOf(picture);
    const bitmap = this.#decoded.get(key);
    if (bitmap) {
      this.#decoded.delete(key);
      this.#decoded.set(key, bitmap);
    }
    return bitmap;
  }

  /** Return why a picture is not there; undefined if that is not known. */
  problem(picture) {
    return this.#missing.get(keyOf(picture))?.message;
  }

  /** Forget the pictures of a job for which `which(of, frame)` holds, as they may have changed. */
  forget(job, which = () => true) {
    this.#generation += 1;
    for (const map of [this.#files, this.#decoded, this.#missing]) {
      for (const [key, value] of map) {
        const [owner, frame, of] = key.split(" ");
        if (owner !== job || !which(of, Number(frame))) continue;
        if (map === this.#files) this.#bytes -= value.size;
        if (map === this.#decoded) value.close();
        map.delete(key);
      }
    }
    this.#pump();
  }

  #pump() {
    const now = performance.now();
    for (const picture of this.#wanted) {
      if (this.#running.size >= CONNECTIONS) return;
      const key = keyOf(picture);
      const missing = this.#missing.get(key);
      if (this.#decoded.has(key) || this.#running.has(key) || (missing && missing.until > now)) continue;
      this.#load(picture, key);
    }
  }

  async #load(picture, key) {
    const request = new AbortController();
    const generation = this.#generation;
    this.#running.set(key, request);
    try {
      const blob = this.#files.get(key) ?? (await this.#core.picture(picture, request.signal));
      const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
      if (generation === this.#generation) this.#keep(key, blob, bitmap);
    } catch (error) {
      if (error instanceof Refused) this.#refuse(picture, key, error);
      else if (error.name !== "AbortError" && !(error instanceof NoCore)) throw error;
      else if (error instanceof NoCore) this.#wanted = []; // the page says so, and tries again
    } finally {
      this.#running.delete(key);
      this.#pump();
      if (this.#wanted.some((wanted) => keyOf(wanted) === key)) this.#changed();
    }
  }

  #refuse(picture, key, error) {
    this.#missing.set(key, { message: error.message, until: performance.now() + RETRY_MS });
    if (error.status === GONE) this.#gone(picture);
  }

  #keep(key, blob, bitmap) {
    this.#missing.delete(key);
    this.#bytes += blob.size - (this.#files.get(key)?.size ?? 0);
    this.#files.delete(key);
    this.#files.set(key, blob);
    while (this.#bytes > BYTES_KEPT) {
      const [oldest, file] = this.#files.entries().next().value;
      this.#bytes -= file.size;
      this.#files.delete(oldest);
    }
    this.#decoded.get(key)?.close();
    this.#decoded.set(key, bitmap);
    while (this.#decoded.size > DECODED_KEPT) {
      const [oldest, old] = this.#decoded.entries().next().value;
      this.#decoded.delete(oldest);
      old.close();
    }
  }
}
