// The page of the core: its jobs, and the chosen one. Text from the core is inserted as text, never as markup.

import { controls } from "/controls.js";
import { Core, keep, kept, NoCore, Refused } from "/core.js";
import { $, made, renderList, say, write } from "/dom.js";
import { answer, foldAgain, renderNotices } from "/notices.js";
import { keyColor } from "/pixels.js";
import { Plot } from "/plot.js";
import { isBusy, nameOf, Queue } from "/queue.js";
import { Transport } from "/transport.js";
import { OF_RESULT, Viewer } from "/viewer.js";
import { lineOf, percent, settingsOf } from "/words.js";

const BUSY_MS = 1000;
const IDLE_MS = 4000;
const LOOK_MS = 8000; // after it, an ended job's files are looked for again with the next round
const LOOK_SOON_MS = 500; // after another frame is chosen

const core = new Core();
const viewer = new Viewer(core, findGone);
const transport = new Transport(viewer, (frame) => choose(frame, { stop: false }));
const plot = new Plot($("plot"), (frame) => choose(frame));
const queue = new Queue((id) => chooseJob(id));

let state = { jobs: [], paused: false, cleared: 0 };
let chosenJob = kept("job"); // null: the running one
let watched = watch(null); // what is known of the job shown
let chosenFrame = null; // null: the newest one
let timer;
let looking = null; // the timer of the look that another frame asks for

function watch(id) {
  return {
    id, after: 0, warnings: [], inputs: [], newest: null, frames: null, details: null, line: null, cancelling: false,
    tenth: null, state: null, stale: false, lookedAt: 0, seen: null,
    renew: false, // whether to look again at what the job was made from
  };
}

// ---- data from the core

async function tick() {
  clearTimeout(timer);
  let wait = IDLE_MS;
  try {
    await refresh();
    trouble(null);
    wait = state.jobs.some(isBusy) && !document.hidden ? BUSY_MS : IDLE_MS;
  } catch (error) {
    if (error instanceof NoCore) trouble(error.message);
    else if (error instanceof Refused) trouble(`${error.message} Trying again.`);
    else throw error;
  }
  clearTimeout(timer);
  timer = setTimeout(tick, wait);
}

async function refresh() {
  state = await core.get("/v1/queue");
  const job = state.jobs.find(({ id }) => id === chosenJob) ?? state.jobs.find((each) => each.state === "running") ?? state.jobs[0];
  if (job?.id !== watched.id) {
    watched = watch(job?.id ?? null);
    chosenFrame = null;
    transport.reset();
    viewer.setContext(null);
    answer(null);
    foldAgain();
    if (job) render(job); // its name at once, before anything of it is read
  }
  const mine = watched;
  if (job) await read(job);
  if (watched === mine) render(job); // else another job was chosen meanwhile, and is being read
}

/** Read the new events; and the frames and the details if they have changed. */
async function read(job) {
  const mine = watched;
  let events;
  let changed = mine.frames === null;
  const look = mine.stale || (!isBusy(job) && !document.hidden && performance.now() - mine.lookedAt > LOOK_MS);
  mine.stale = false;
  let renewed = mine.details === null || mine.state !== job.state || mine.renew;
  mine.renew = false;
  do {
    ({ events } = await core.get(`/v1/jobs/${job.id}/events?after=${mine.after}&wait=0`));
    for (const event of events) {
      mine.after = event.number;
      changed ||= event.kind !== "warning" && event.kind !== "input";
      renewed ||= event.kind === "plan";
      if (event.kind === "queued") {
        mine.warnings = [];
        mine.inputs = [];
        viewer.loader.forget(job.id);
      }
      if (event.kind === "warning" && !mine.warnings.some(({ message }) => message === event.message)) {
        mine.warnings.push({ message: event.message, registered: event.registered ? event.frame : null });
        say(event.message);
      }
      if (event.kind === "input" && !mine.inputs.includes(event.message)) mine.inputs.push(event.message);
      if (event.kind === "frame") {
        mine.newest = event.frame;
        if (!event.kept) viewer.loader.forget(job.id, (of, frame) => frame === event.frame && OF_RESULT.has(of));
      }
    }
  } while (events.length);
  if (changed || look) {
    const found = await core.get(`/v1/jobs/${job.id}/frames`);
    changed = forgetGone(job.id, mine.frames?.gone ?? [], found.gone) || changed;
    if (changed) mine.frames = found;
    mine.lookedAt = performance.now();
  }
  if (renewed) mine.details = await core.get(`/v1/jobs/${job.id}/details`);
  if (changed || renewed || mine.line === null) mine.line = timeLine(mine);
}

/** Forget the pictures of frames that are gone now, or back, as their files tell; return whether there are any. */
function forgetGone(job, before, after) {
  const moved = new Set([...before.filter((frame) => !after.includes(frame)), ...after.filter((frame) => !before.includes(frame))]);
  if (moved.size) viewer.loader.forget(job, (of, frame) => moved.has(frame) && OF_RESULT.has(of));
  return moved.size > 0;
}

/** Return what the time line and the viewer need, made once for each change. */
function timeLine({ frames, details }) {
  // patches are no keyframes of the whole frame, but they are references too
  const keyframes = [...new Set([...frames.keyframes, ...Object.keys(details.references).map(Number)])].sort((a, b) => a - b);
  const finished = new Map(frames.frames.map(({ frame, confidence }) => [frame, confidence]));
  const numbers = [...new Set([...details.frames, ...finished.keys()])].sort((a, b) => a - b);
  const suggestions = frames.suggestions.map(({ frame }) => frame);
  const { patches, colorless } = frames;
  return { numbers, frames: frames.frames, finished, keyframes, patches, colorless, suggestions };
}

/** Send a request for the job shown or for the queue, show the answer's error, and read everything again. */
async function act(path, body) {
  try {
    const found = await core.post(path, body);
    answer(null);
    return found;
  } catch (error) {
    if (!(error instanceof NoCore || error instanceof Refused)) throw error;
    answer(error.message);
    return null;
  } finally {
    tick();
  }
}

/** Look again at which frames are there, as the file of one is gone. */
function findGone({ job, frame }) {
  if (watched.id === job && watched.frames && !watched.frames.gone.includes(frame)) look();
}

function look() {
  watched.stale = true;
  tick();
}

/** Look whether the frame chosen is still there, as its picture may be an earlier one; once for many quick choices. */
function lookSoon() {
  looking ??= setTimeout(() => {
    looking = null;
    look();
  }, LOOK_SOON_MS);
}

// ---- rendering

function render(job) {
  $("main").hidden = false;
  $("empty").hidden = state.jobs.length > 0;
  write($("empty-title"), state.cleared ? "No jobs in the list" : "No jobs yet");
  $("cleared").hidden = !state.cleared;
  $("queue").hidden = state.jobs.length === 0 && !state.paused && !state.cleared;
  $("job").hidden = !job;
  queue.render(state, job?.id ?? null);
  if (!job) {
    document.title = "RefColorize";
    return;
  }
  const share = job.total ? job.done / job.total : 0;
  document.title = `${job.state === "running" ? `${Math.floor(100 * share)}% ` : ""}${nameOf(job)} · RefColorize`;
  write($("name"), nameOf(job));
  write($("path"), job.output);
  $("path").title = job.output;
  $("job").dataset.state = job.state;
  renderActions(job);
  if (job.state === "running" && !job.total) $("bar").removeAttribute("value");
  else $("bar").value = job.state === "done" ? 1 : share;
  write($("line"), line(job));
  renderNotices({ error: job.error, gone: watched.frames?.gone ?? [], outdated: isBusy(job) ? null : (watched.details?.out_of_date ?? null), warnings: watched.warnings });
  renderList($("inputs").querySelector("ul"), watched.inputs, write);
  $("inputs").hidden = watched.inputs.length === 0;
  if (document.activeElement !== $("note")) $("note").value = job.note;
  renderSettings(job);
  renderFrames(job);
  announce(job, share);
}

function line(job) {
  const before = (other) => other.state === "running" || (other.state === "queued" && state.jobs.indexOf(other) > state.jobs.indexOf(job));
  return lineOf(job, { ahead: state.jobs.filter((other) => other !== job && before(other)).length, paused: state.paused });
}

function renderActions(job) {
  if (!isBusy(job)) watched.cancelling = false;
  $("cancel").hidden = !isBusy(job);
  $("cancel").disabled = watched.cancelling;
  write($("cancel"), watched.cancelling ? "Cancelling…" : "Cancel");
  $("resume").hidden = isBusy(job) || (job.state === "done" && !watched.frames?.gone.length);
  $("again").hidden = isBusy(job) || !watched.details?.out_of_date;
  const waiting = state.jobs.filter((other) => other.state === "queued" && other.kind === "shot").reverse();
  const at = waiting.findIndex(({ id }) => id === job.id);
  $("earlier").hidden = $("later").hidden = at < 0 || waiting.length < 2;
  $("earlier").disabled = at === 0;
  $("later").disabled = at === waiting.length - 1;
}

function renderSettings(job) {
  const { details } = watched;
  $("settings").hidden = !details;
  if (!details || $("settings").dataset.job === `${job.id} ${job.state}`) return;
  const rows = settingsOf(details).flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]);
  $("settings").querySelector("dl").replaceChildren(...rows);
  $("settings").open = job.state === "queued" || job.state === "failed";
  $("settings").dataset.job = `${job.id} ${job.state}`;
}

function renderFrames(job) {
  const data = watched.line;
  const there = Boolean(data?.numbers.length);
  $("viewer").hidden = $("curve").hidden = $("next").hidden = !there;
  if (!there) return;
  const known = data.numbers.includes(chosenFrame) ? chosenFrame : null;
  const frame = known ?? watched.newest ?? data.frames.at(-1)?.frame ?? data.keyframes[0] ?? data.numbers[0];
  transport.update(data.numbers, frame);
  const { width, height, pixel_aspect: aspect } = watched.details;
  const versions = new Map(
    state.jobs.filter((other) => other.id !== job.id && other.plate === job.plate && other.done > 0).map((other) => [other.id, nameOf(other)]),
  );
  viewer.setContext({ job: job.id, ...data, width, height, aspect, versions, running: state.jobs.some((each) => each.state === "running") });
  viewer.setNumber(frame);
  if (watched.seen !== null && watched.seen !== frame && !isBusy(job) && !transport.isPlaying) lookSoon();
  watched.seen = frame;
  plot.show(data, frame, transport.range);
  $("patch-legend").hidden = !data.patches.length;
  $("flaw-legend").hidden = !Object.keys(data.colorless).length;
  buttons.render({ watched, versions, frame });
  $("follow").hidden = chosenFrame === null || !isBusy(job);
  renderSuggestions(job);
}

function renderSuggestions(job) {
  const { suggestions } = watched.frames;
  const confidence = watched.line.finished;
  const [words, list] = $("candidates").children;
  const waits = isBusy(job) ? "The next keyframe is suggested once the shot is done." : "The next keyframe is suggested for a shot that is done.";
  if (suggestions.length) write(words, "Most helpful next keyframes:");
  else write(words, job.state === "done" ? "No further keyframe would help much." : waits);
  renderList(list, suggestions, (item, { frame, gain }) => {
    const button = item.firstElementChild ?? item.appendChild(made("button", { type: "button", class: "quiet" }));
    button.dataset.frame = frame;
    write(button, `${frame} · confidence ${confidence.get(frame)?.toFixed(2) ?? "unknown"} · gains ${percent(gain)} of the shot`);
    button.setAttribute("aria-pressed", String(frame === chosenFrame));
  });
}

function trouble(message) {
  write($("trouble"), message ?? "");
  $("trouble").hidden = message === null;
  document.body.classList.toggle("stale", message !== null);
}

/** Announce each tenth of the frames and each change of state to screen readers. */
function announce(job, share) {
  const tenth = Math.floor(10 * share);
  if (watched.state === job.state && (watched.tenth === tenth || job.state !== "running")) return;
  if (watched.state !== null) say(`${nameOf(job)}: ${line(job)}`);
  [watched.state, watched.tenth] = [job.state, tenth];
}

// ---- input

function current() {
  return state.jobs.find(({ id }) => id === watched.id);
}

/** Show a frame; null follows the newest one. */
function choose(frame, { stop = true } = {}) {
  if (stop) transport.stop();
  chosenFrame = frame;
  const job = current();
  if (job && watched.line) renderFrames(job);
}

function chooseJob(id) {
  chosenJob = id;
  keep("job", id);
  tick();
}

async function cancel() {
  watched.cancelling = true;
  $("cancel").disabled = true;
  if ((await act(`/v1/jobs/${watched.id}/cancel`)) === null) watched.cancelling = false;
}

function resume(query) {
  watched.renew = true; // if it is refused, something has changed
  act(`/v1/jobs/${watched.id}/resume${query}`);
}

async function addKey(frame) {
  const made = await act(`/v1/jobs/${watched.id}/key`, { frame });
  if (made) chooseJob(made.id);
}

async function start() {
  try {
    await core.signIn();
    const { version, device, device_name: name } = await core.get("/v1/health");
    write($("core"), `core ${version} on ${name ?? device.toUpperCase()}`);
  } catch (error) {
    if (!(error instanceof NoCore || error instanceof Refused)) throw error; // `tick` shows it
  }
  tick();
}

const buttons = controls({ viewer, transport, choose, addKey, keyColor, render: () => current() && renderFrames(current()) });
$("cancel").addEventListener("click", cancel);
$("warnings").addEventListener("click", ({ target }) => {
  if (!target.dataset.registered) return;
  choose(Number(target.dataset.registered));
  viewer.set({ view: "reference", chosenAgainst: "used", compare: "wipe", flipped: false });
  renderFrames(current());
  $("viewer").scrollIntoView({ block: "nearest" });
});
$("resume").addEventListener("click", () => resume(""));
$("again").addEventListener("click", () => resume("?write_again=true"));
$("earlier").addEventListener("click", () => act(`/v1/jobs/${watched.id}/move`, { to: "earlier" }));
$("later").addEventListener("click", () => act(`/v1/jobs/${watched.id}/move`, { to: "later" }));
$("reveal").addEventListener("click", () => act(`/v1/jobs/${watched.id}/reveal`));
$("pause").addEventListener("click", () => act(`/v1/queue/${state.paused ? "continue" : "pause"}`));
$("clear").addEventListener("click", () => act("/v1/queue/clear"));
$("restore").addEventListener("click", () => act("/v1/queue/restore"));
$("note").addEventListener("change", () => act(`/v1/jobs/${watched.id}/note`, { text: $("note").value }));
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("path").textContent);
    answer("The path is on the clipboard.");
  } catch {
    answer("The browser does not let this page use the clipboard. Select the path above and copy it.");
  }
});
document.addEventListener("visibilitychange", () => {
  watched.renew = true; // files may have been changed meanwhile
  if (!document.hidden) tick();
});
window.addEventListener("hashchange", start);
start();
