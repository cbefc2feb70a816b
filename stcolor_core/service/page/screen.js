// The picture area: where a picture lies, zoom and pan, and how pictures are put together on a canvas.

import { difference, grade, heat, mattes, sources } from "/pixels.js";

const MOST = 16; // device pixels for a picture's pixel
const DIFFERENCE_GAIN = 4;

/** What part of the picture is seen. Sizes are in device pixels; the picture's in square pixels. */
export class Frame {
  width = 16;
  height = 9;
  #scale = null; // device pixels for a pixel of the picture; null fits the picture into the area
  #center = [0.5, 0.5]; // of the area, in the picture, 0 to 1

  /** Give the picture's size in square pixels. */
  resize(width, height) {
    if (width > 0 && height > 0) [this.width, this.height] = [width, height];
  }

  fit() {
    this.#scale = null;
    this.#center = [0.5, 0.5];
  }

  get isFit() {
    return this.#scale === null;
  }

  scale(area) {
    return this.#scale ?? Math.min(area.width / this.width, area.height / this.height);
  }

  /** Return the rectangle of the whole picture in the area. */
  rectangle(area) {
    const scale = this.scale(area);
    const [width, height] = [this.width * scale, this.height * scale];
    return { x: area.width / 2 - this.#center[0] * width, y: area.height / 2 - this.#center[1] * height, width, height };
  }

  /** Zoom to a scale; the point of the picture at (x, y) in the area stays there. */
  zoom(scale, area, x = area.width / 2, y = area.height / 2) {
    const least = Math.min(1, area.width / this.width, area.height / this.height);
    const before = this.rectangle(area);
    const [u, v] = [(x - before.x) / before.width, (y - before.y) / before.height];
    if (scale < least) return this.fit();
    this.#scale = Math.min(scale, MOST);
    this.#center = [u + (area.width / 2 - x) / (this.width * this.#scale), v + (area.height / 2 - y) / (this.height * this.#scale)];
    this.#clamp();
  }

  pan(dx, dy, area) {
    if (this.isFit) return;
    const scale = this.scale(area);
    this.#center = [this.#center[0] - dx / (this.width * scale), this.#center[1] - dy / (this.height * scale)];
    this.#clamp();
  }

  #clamp() {
    this.#center = this.#center.map((value) => Math.min(1, Math.max(0, value)));
  }
}

/** A canvas that is only used to make another picture. */
function scratch(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  return canvas;
}

function changed(canvas, change) {
  const context = canvas.getContext("2d");
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  change(pixels.data);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * Draw one side of a comparison at the size of an area.
 * side: { base, detail, overlay: { kind, bitmap }, graded }, where detail: { bitmap, region, full } is a sharper part
 * of base. look: { stops, saturation, threshold, colorOf }.
 */
function drawSide(side, area, frame, look) {
  const canvas = scratch(area.width, area.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const whole = frame.rectangle(area);
  context.imageSmoothingQuality = "high";
  put(context, side.base, whole, frame.scale(area));
  if (side.detail) {
    const [x, y, width, height] = side.detail.region;
    put(context, side.detail.bitmap, {
      x: whole.x + (x / side.detail.full[0]) * whole.width,
      y: whole.y + (y / side.detail.full[1]) * whole.height,
      width: (width / side.detail.full[0]) * whole.width,
      height: (height / side.detail.full[1]) * whole.height,
    });
  }
  if (side.graded && (look.stops !== 0 || look.saturation !== 1)) changed(canvas, (data) => grade(data, look.stops, look.saturation));
  if (side.overlay) {
    const { kind, bitmap } = side.overlay;
    const layer = scratch(bitmap.width, bitmap.height);
    layer.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0);
    if (kind === "heat") changed(layer, (data) => heat(data, look.threshold));
    if (kind === "source") changed(layer, (data) => sources(data, look.colorOf));
    if (kind === "mattes") changed(layer, mattes);
    context.imageSmoothingEnabled = kind === "heat";
    context.drawImage(layer, whole.x, whole.y, whole.width, whole.height);
  }
  return canvas;
}

function put(context, bitmap, { x, y, width, height }) {
  context.imageSmoothingEnabled = width / bitmap.width < 3; // a pixel is a square when one zooms in
  context.drawImage(bitmap, x, y, width, height);
}

/**
 * Draw a picture, or two of them compared.
 * sides: { a, b }. compare: none, wipe, side, difference. wipe: place of the line, 0 to 1.
 */
export function compose(canvas, sides, { compare, wipe, frame, look }) {
  const context = canvas.getContext("2d");
  const area = { width: canvas.width, height: canvas.height };
  context.clearRect(0, 0, area.width, area.height);
  if (compare === "side") {
    const half = { width: Math.floor(area.width / 2) - 1, height: area.height };
    context.drawImage(drawSide(sides.a, half, frame, look), 0, 0);
    context.drawImage(drawSide(sides.b, half, frame, look), area.width - half.width, 0);
    return;
  }
  const first = drawSide(sides.a, area, frame, look);
  if (compare === "difference") {
    const other = drawSide(sides.b, area, frame, look).getContext("2d").getImageData(0, 0, area.width, area.height);
    changed(first, (data) => difference(data, other.data, DIFFERENCE_GAIN));
  }
  context.drawImage(first, 0, 0);
  if (compare !== "wipe") return;
  const at = Math.round(wipe * area.width);
  const second = drawSide(sides.b, area, frame, look);
  if (at < area.width) context.clearRect(at, 0, area.width - at, area.height);
  if (at < area.width) context.drawImage(second, at, 0, area.width - at, area.height, at, 0, area.width - at, area.height);
  context.fillStyle = "#fff";
  context.fillRect(at - 1, 0, 2, area.height);
}
