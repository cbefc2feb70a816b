// The viewer's buttons, sliders and keys.

import { $, made, renderList, write } from "/dom.js";
import { keep, kept } from "/core.js";

const VIEWS = ["result", "plate", "reference", "confidence", "used"]; // by the keys 1 to 5
const OVERLAYS = { h: "heat", k: "source", m: "mattes" };
const COMPARES = { w: "wipe", s: "side", d: "difference" };

/** Return the confidence at a place of the scale of the time line; see `place` in plot.js. */
const confidenceAt = (place) => 1 - (1 - place) ** 2;

/** Connect the controls; return an object whose `render` shows their state. */
export function controls({ viewer, transport, choose, addKey, keyColor, render }) {
  let suggestions = [];
  let shown = null; // the frame
  let keyFrame = null; // the frame that the button would add as a key

  const set = (changes) => {
    viewer.set(changes);
    render();
  };
  const setView = (view) => set({ view, flipped: false });
  const setOverlay = (overlay) => set({ overlay: viewer.overlay === overlay ? null : overlay });
  const setCompare = (compare) => set({ compare: viewer.compare === compare ? "none" : compare, flipped: false });
  const flip = () => set({ flipped: !viewer.flipped, compare: "none" });
  const setLook = (changes) => set({ look: { ...viewer.look, ...changes } });

  const onClick = (id, run) => $(id).addEventListener("click", run);
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => setView(button.dataset.view));
  for (const button of document.querySelectorAll("[data-overlay]")) button.addEventListener("click", () => setOverlay(button.dataset.overlay));
  for (const button of document.querySelectorAll("[data-compare]")) button.addEventListener("click", () => setCompare(button.dataset.compare));
  onClick("flip", flip);
  onClick("fit", () => viewer.fit());
  onClick("pixels", () => viewer.zoom({ to: 1 }));
  onClick("less", () => viewer.zoom({ by: 1 / 1.5 }));
  onClick("more", () => viewer.zoom({ by: 1.5 }));
  onClick("neutral", () => {
    $("exposure").value = "0";
    $("saturation").value = "1";
    setLook({ stops: 0, saturation: 1 });
  });
  onClick("play", () => transport.toggle());
  onClick("back", () => transport.step(-1));
  onClick("forth", () => transport.step(1));
  onClick("in", () => transport.mark(0));
  onClick("out", () => transport.mark(1));
  onClick("all", () => transport.clear());
  onClick("follow", () => choose(null));
  onClick("key", () => addKey(keyFrame));
  $("candidates").addEventListener("click", ({ target }) => target.dataset.frame && choose(Number(target.dataset.frame)));
  $("exposure").addEventListener("input", () => setLook({ stops: Number($("exposure").value) }));
  $("saturation").addEventListener("input", () => setLook({ saturation: Number($("saturation").value) }));
  $("threshold").addEventListener("input", () => setLook({ threshold: confidenceAt(Number($("threshold").value) / 100) }));
  $("wipe").addEventListener("input", () => set({ wipe: Number($("wipe").value) / 100 }));
  $("against").addEventListener("change", () => set({ chosenAgainst: $("against").value }));
  $("view-name").addEventListener("change", () => set({ viewName: $("view-name").selectedIndex ? $("view-name").value : null }));
  $("shortcuts").checked = kept("shortcuts") !== "off";
  $("shortcuts").addEventListener("change", () => keep("shortcuts", $("shortcuts").checked ? null : "off"));

  const keys = {
    a: flip,
    f: () => viewer.fit(),
    0: () => viewer.zoom({ to: 1 }),
    "+": () => viewer.zoom({ by: 1.5 }),
    "=": () => viewer.zoom({ by: 1.5 }),
    "-": () => viewer.zoom({ by: 1 / 1.5 }),
    " ": () => transport.toggle(),
    i: () => transport.mark(0),
    o: () => transport.mark(1),
    x: () => transport.clear(),
    n: () => suggestions.length && choose(suggestions[(suggestions.indexOf(shown) + 1) % suggestions.length]),
    arrowleft: (event) => transport.step(event.shiftKey ? -10 : -1),
    arrowright: (event) => transport.step(event.shiftKey ? 10 : 1),
    home: () => transport.end(-1),
    end: () => transport.end(1),
    escape: () => choose(null),
  };
  VIEWS.forEach((view, at) => (keys[at + 1] = () => setView(view)));
  for (const [key, overlay] of Object.entries(OVERLAYS)) keys[key] = () => setOverlay(overlay);
  for (const [key, compare] of Object.entries(COMPARES)) keys[key] = () => setCompare(compare);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || $("curve").hidden) return;
    const key = event.key.toLowerCase();
    if (!keys[key] || (key.length === 1 && !$("shortcuts").checked)) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, nav")) return;
    if (key === " " && event.target.closest("button, a, summary, input")) return; // it presses that
    event.preventDefault();
    keys[key](event);
  });

  return {
    render({ watched, versions, frame }) {
      shown = frame;
      suggestions = watched.line.suggestions;
      const { view, overlay, compare, flipped, look } = viewer;
      const press = (selector, pressed) => {
        for (const button of document.querySelectorAll(selector)) button.setAttribute("aria-pressed", String(pressed(button)));
      };
      press("[data-view]", (button) => button.dataset.view === view && !flipped);
      press("[data-overlay]", (button) => button.dataset.overlay === overlay);
      press("[data-compare]", (button) => button.dataset.compare === compare);
      press("#flip", () => flipped);
      $("threshold-group").hidden = overlay !== "heat";
      $("wipe-group").hidden = compare !== "wipe";
      write($("exposure-value"), `${look.stops > 0 ? "+" : ""}${look.stops}`);
      write($("saturation-value"), look.saturation.toFixed(1));
      write($("threshold-value"), look.threshold.toFixed(2));
      choices($("against"), [["plate", "plate"], ["reference", "reference"], ["used", "reference as used"], ["result", "result"], ...versions], viewer.against);
      choices($("view-name"), watched.details.views.map((name) => [name, name]), viewer.viewName ?? watched.details.views[0]);
      write($("range"), transport.range ? `${transport.range[0]} to ${transport.range[1]}` : "");
      renderSources(watched.line.keyframes, overlay === "source", keyColor);
      renderKey(watched, frame);
    },
  };

  function renderKey({ details, line }, frame) {
    const found = Object.keys(details.new_keys).map(Number);
    keyFrame = found.includes(frame) || !found.length ? frame : found[0];
    const version = details.next_output.match(/v\d+(?!.*v\d)/)?.[0] ?? "the next version";
    $("keys").hidden = !details.shot.references.length;
    write($("key"), `Make ${version} with a key at ${keyFrame}`);
    const isKey = line.keyframes.includes(keyFrame);
    $("key").disabled = isKey;
    const there = isKey ? "This frame is a keyframe already." : found.length ? `Pictures beside the references: ${found.join(", ")}.` : "Save the painted frame beside the other references first.";
    write($("key-help"), there);
  }
}

function choices(select, entries, chosen) {
  const wanted = JSON.stringify(entries);
  if (select.dataset.entries !== wanted) {
    select.dataset.entries = wanted;
    select.replaceChildren(...entries.map(([value, name]) => made("option", { value }, name)));
  }
  if (document.activeElement !== select) select.value = chosen;
}

function renderSources(keyframes, visible, keyColor) {
  $("sources").hidden = !visible;
  if (!visible) return;
  renderList($("sources"), keyframes, (item, frame, place) => {
    if (item.dataset.frame === String(frame)) return;
    item.dataset.frame = frame;
    const swatch = made("span", { class: "swatch" });
    swatch.style.backgroundColor = `rgb(${keyColor(place).join(" ")})`;
    item.replaceChildren(swatch, String(frame));
  });
}
