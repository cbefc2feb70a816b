// What the viewer does to pixels. Each function changes RGBA bytes in place: for looking only, no file is changed.

const OFFSET = 2 ** 23; // of the frame number in the picture "source", see stcolor_core/service/rendering.py
const FINE = 4095;

const decode = (code) => (code <= 0.04045 ? code / 12.92 : ((code + 0.055) / 1.055) ** 2.4);
const encode = (light) => (light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055);
const LIGHT = Float32Array.from({ length: 256 }, (_, code) => decode(code / 255));
const CODE = Uint8ClampedArray.from({ length: FINE + 1 }, (_, step) => Math.round(255 * encode(step / FINE)));

/** Brighten by stops of light, and scale saturation around Rec.709 luma. The view has clipped what is above white. */
export function grade(data, stops, saturation) {
  const gain = 2 ** stops;
  const code = (light) => CODE[Math.round(FINE * Math.min(1, Math.max(0, light)))];
  for (let at = 0; at < data.length; at += 4) {
    const red = gain * LIGHT[data[at]];
    const green = gain * LIGHT[data[at + 1]];
    const blue = gain * LIGHT[data[at + 2]];
    const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    data[at] = code(luma + saturation * (red - luma));
    data[at + 1] = code(luma + saturation * (green - luma));
    data[at + 2] = code(luma + saturation * (blue - luma));
  }
}

/** Replace a by the difference to b, times a gain. */
export function difference(a, b, gain) {
  for (let at = 0; at < a.length; at += 4) {
    for (let channel = at; channel < at + 3; channel += 1) a[channel] = gain * Math.abs(a[channel] - b[channel]);
  }
}

/** Turn grey confidence into a heat map: nothing from the threshold on, yellow just below it, red at 0. */
export function heat(data, threshold) {
  const limit = 255 * threshold;
  for (let at = 0; at < data.length; at += 4) {
    const below = data[at + 3] && limit > 0 ? Math.max(0, 1 - data[at] / limit) : 0;
    const shown = data[at] < limit;
    data[at] = 255;
    data[at + 1] = 210 * (1 - Math.min(1, 2 * below));
    data[at + 2] = 40;
    data[at + 3] = shown ? 90 + 110 * Math.min(1, 2 * below) : 0;
  }
}

/** Turn frame numbers into the colours of their keyframes, transparent where there is none. */
export function sources(data, colorOf) {
  const known = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const number = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    if (!known.has(number)) known.set(number, number ? colorOf(number - OFFSET) : [0, 0, 0]);
    [data[at], data[at + 1], data[at + 2]] = known.get(number);
    data[at + 3] = number ? 140 : 0;
  }
}

/** Make the ground between mattes transparent. */
export function mattes(data) {
  for (let at = 0; at < data.length; at += 4) data[at + 3] = data[at] | data[at + 1] | data[at + 2] ? 140 : 0;
}

/** Return the colour of the keyframe at a place in the list of keyframes: neighbours are far apart. */
export function keyColor(place) {
  const hue = (place * 137.508 + 30) % 360;
  const part = (shift) => {
    const at = (shift + hue / 30) % 12;
    return Math.round(255 * (0.6 - 0.36 * Math.max(-1, Math.min(at - 3, 9 - at, 1))));
  };
  return [part(0), part(8), part(4)];
}
