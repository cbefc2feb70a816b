// The status page. Text from the core is inserted as text, never as markup.

import { Core, NoCore, Refused } from "/core.js";
import { Plot } from "/plot.js";

const BUSY_MS = 1000;
const IDLE_MS = 4000;
const JOBS_LISTED = 50;
const PICTURE_LINES = 360;
const SHARE = 4; // pictures wait this many times as long as they took: the core needs the time for colouring

const $ = (id) => document.getElementById(id);
const isBusy = (job) => job.state === "running" || job.state === "queued";
const core = new Core();
const plot = new Plot($("plot"), (frame) => choose(frame));

let jobs = [];
let chosenJob = sessionStorage.getItem("job"); // null: the running one
let watched = watch(null); // state of the job shown
let chosenFrame = null; // null: the newest one
let picturesFrom = 0; // time of the next pictures
let timer;

function watch(id) {
  return { id, after: 0, warnings: [], inputs: [], newest: null, frames: null, cancelling: false, tenth: null, state: null };
}

// ---- data from the core

async function tick() {
  clearTimeout(timer);
  let wait = IDLE_MS;
  try {
    await refresh();
    trouble(null);
    wait = jobs.some(isBusy) && !document.hidden ? BUSY_MS : IDLE_MS;
  } catch (error) {
    if (error instanceof NoCore) trouble(error.message);
    else if (error instanceof Refused) trouble(`${error.message} Trying again.`);
    else throw error;
    if (error.used) return; // only a new link helps, see `hashchange`
  }
  clearTimeout(timer);
  timer = setTimeout(tick, wait);
}

async function refresh() {
  jobs = await core.get("/v1/jobs");
  const job = jobs.find(({ id }) => id === chosenJob) ?? jobs.find(({ state }) => state === "running") ?? jobs[0];
  if (job?.id !== watched.id) {
    watched = watch(job?.id ?? null);
    chosenFrame = null;
  }
  const mine = watched;
  if (job) await read(job);
  if (watched === mine) render(job); // else another job was chosen meanwhile, and is being read
}

/** Read the new events, and the frames if they have changed. */
async function read(job) {
  const mine = watched;
  let events;
  let changed = false;
  do {
    ({ events } = await core.get(`/v1/jobs/${job.id}/events?after=${mine.after}&wait=0`));
    for (const event of events) {
      mine.after = event.number;
      changed ||= event.kind !== "warning" && event.kind !== "input";
      if (event.kind === "queued") {
        mine.warnings = [];
        mine.inputs = [];
        core.forgetPictures();
      }
      if (event.kind === "warning" && !mine.warnings.includes(event.message)) {
        mine.warnings.push(event.message);
        say(event.message);
      }
      if (event.kind === "input" && !mine.inputs.includes(event.message)) mine.inputs.push(event.message);
      if (event.kind === "frame") mine.newest = event.frame;
    }
  } while (events.length);
  if (changed) mine.frames = await core.get(`/v1/jobs/${job.id}/frames`);
}

async function cancel() {
  watched.cancelling = true;
  $("cancel").disabled = true;
  try {
    await core.cancel(watched.id);
  } catch (error) {
    watched.cancelling = false;
    trouble(error.message);
    return;
  }
  tick();
}

// ---- rendering

function render(job) {
  $("main").hidden = false;
  $("empty").hidden = jobs.length > 0;
  $("queue").hidden = jobs.length === 0;
  $("job").hidden = !job;
  renderQueue(job);
  if (!job) {
    document.title = "RefColorize";
    return;
  }
  const share = job.total ? job.done / job.total : 0;
  document.title = `${job.state === "running" ? `${Math.floor(100 * share)}% ` : ""}${nameOf(job)} · RefColorize`;
  $("name").textContent = nameOf(job);
  $("path").textContent = $("path").title = job.output;
  $("job").dataset.state = job.state;
  $("cancel").hidden = !isBusy(job);
  $("cancel").disabled = watched.cancelling;
  $("cancel").textContent = watched.cancelling ? "Cancelling…" : "Cancel";
  if (!isBusy(job)) watched.cancelling = false;
  if (job.state === "running" && !job.total) $("bar").removeAttribute("value");
  else $("bar").value = job.state === "done" ? 1 : share;
  $("line").textContent = lineOf(job);
  $("error").hidden = !job.error;
  $("error").textContent = job.error ?? "";
  renderList($("warnings").firstElementChild, watched.warnings, (item, warning) => (item.textContent = warning));
  $("warnings").hidden = watched.warnings.length === 0;
  renderList($("inputs").querySelector("ul"), watched.inputs, (item, input) => (item.textContent = input));
  $("inputs").hidden = watched.inputs.length === 0;
  renderFrames(job);
  announce(job, share);
}

function renderQueue(job) {
  const had = document.activeElement?.dataset?.job;
  renderList($("jobs"), listed(), (item, other) => {
    const button = item.firstElementChild ?? item.appendChild(made("button", { type: "button" }));
    const parts = button.children.length ? button.children : [0, 1, 2].map(() => button.appendChild(made("span", {})));
    button.dataset.job = other.id;
    button.dataset.state = other.state;
    button.title = other.output;
    button.setAttribute("aria-current", String(other.id === job?.id));
    parts[0].textContent = nameOf(other);
    parts[1].textContent = other.state;
    parts[2].textContent = other.total ? `${other.done} / ${other.total}` : "";
  });
  if (had && had !== document.activeElement.dataset.job) $("jobs").querySelector(`[data-job="${CSS.escape(had)}"]`)?.focus();
}

/** Return the running job, the queued jobs in their order, then the ended jobs, the newest first. */
function listed() {
  const of = (state) => jobs.filter((job) => job.state === state);
  return [...of("running"), ...of("queued").reverse(), ...jobs.filter((job) => !isBusy(job))].slice(0, JOBS_LISTED);
}

function renderFrames(job) {
  const data = watched.frames;
  const there = Boolean(data?.frames.length);
  $("pictures").hidden = $("curve").hidden = !there;
  if (!there) return;
  const frame = chosenFrame ?? watched.newest ?? data.frames.at(-1).frame;
  plot.show({ ...data, total: job.total }, frame);
  $("follow").hidden = chosenFrame === null;
  const confidence = new Map(data.frames.map((known) => [known.frame, known.confidence]));
  $("candidates").firstElementChild.textContent = data.weakest.length
    ? "Candidates for the next keyframe, the most helpful first:"
    : isBusy(job) ? "The next keyframe is suggested once the shot is done." : "No further keyframe would help much.";
  renderList($("candidates").lastElementChild, data.weakest, (item, weak) => {
    const button = item.firstElementChild ?? item.appendChild(made("button", { type: "button", class: "quiet" }));
    button.dataset.frame = weak;
    button.textContent = `${weak} · ${confidence.get(weak).toFixed(2)}`;
    button.setAttribute("aria-pressed", String(weak === chosenFrame));
  });
  if (chosenFrame !== null || performance.now() >= picturesFrom) renderPictures(data, frame, confidence.get(frame));
}

async function renderPictures(data, frame, confidence) {
  const near = (a, b) => (Math.abs(b - frame) < Math.abs(a - frame) ? b : a);
  const keyframe = data.keyframes.length ? data.keyframes.reduce(near) : null;
  const sure = confidence === null || confidence === undefined ? "" : ` · confidence ${confidence.toFixed(2)}`;
  const began = performance.now();
  await Promise.all([
    renderPicture("plate", frame, `Plate ${frame}`),
    renderPicture("result", frame, `Result ${frame}${sure}`),
    renderPicture("reference", keyframe ?? frame, keyframe === null ? "Reference still" : `Reference ${keyframe}`),
  ]);
  const now = performance.now();
  picturesFrom = Math.max(picturesFrom, now + SHARE * (now - began));
}

async function renderPicture(of, frame, caption) {
  const figure = $(of);
  const path = `/v1/jobs/${watched.id}/picture?frame=${frame}&of=${of}&height=${PICTURE_LINES}`;
  figure.dataset.wanted = path;
  const [image, words] = [figure.querySelector("img"), figure.querySelector("figcaption")];
  try {
    const url = await core.picture(path);
    if (figure.dataset.wanted !== path) return; // another picture was requested since
    if (image.src !== url) image.src = url;
    image.hidden = false;
    image.alt = words.textContent = caption;
    words.title = "";
  } catch (error) {
    if (figure.dataset.wanted !== path) return;
    image.hidden = true;
    words.textContent = `${caption}: ${error.message}`;
    words.title = error.message;
  }
}

function renderList(list, entries, fill) {
  while (list.children.length > entries.length) list.lastElementChild.remove();
  while (list.children.length < entries.length) list.append(made("li", {}));
  entries.forEach((entry, place) => fill(list.children[place], entry));
}

function trouble(message) {
  if ($("trouble").textContent !== (message ?? "")) $("trouble").textContent = message ?? "";
  $("trouble").hidden = message === null;
  document.body.classList.toggle("stale", message !== null);
}

// ---- text

function nameOf(job) {
  const file = job.output.split(/[/\\]/).at(-1);
  const name = file.replace(/\.exr$/i, "").replace(/[._-]?(#+|%0?\d*d)$/, "") || file;
  return job.frame === null ? name : `${name}, preview of ${job.frame}`;
}

function lineOf(job) {
  const counted = job.total ? `${job.done} of ${job.total} frames` : "";
  if (job.state === "queued") {
    const ahead = jobs.filter((other) => isBusy(other) && jobs.indexOf(other) > jobs.indexOf(job)).length;
    return ahead ? `Waits for ${ahead} ${ahead === 1 ? "job" : "jobs"}` : "Waits to start";
  }
  if (job.state === "done") return counted ? `Done, ${counted}` : "Done";
  if (job.state === "failed") return counted ? `Failed after ${counted}` : "Failed";
  if (job.state === "cancelled") return `Cancelled${counted && ` after ${counted}`}. Frames that are written stay; submit it again to continue.`;
  const parts = [counted || "Starting"];
  if (job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
  if (job.looking !== null) parts.push(`looking at ${job.looking}`);
  return parts.join(" · ");
}

function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${10 * Math.round(seconds / 10)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Announce each tenth of the frames and each change of state to screen readers. */
function announce(job, share) {
  const tenth = Math.floor(10 * share);
  if (watched.state === job.state && (watched.tenth === tenth || job.state !== "running")) return;
  if (watched.state !== null) say(`${nameOf(job)}: ${lineOf(job)}`);
  [watched.state, watched.tenth] = [job.state, tenth];
}

function say(words) {
  $("said").textContent = words;
}

function made(name, attributes) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

// ---- input

function choose(frame) {
  chosenFrame = frame;
  const job = jobs.find(({ id }) => id === watched.id);
  if (job) renderFrames(job);
}

function chooseJob(id) {
  chosenJob = id;
  sessionStorage.setItem("job", id);
  tick();
}

async function start() {
  try {
    await core.signIn();
    const { version, device, device_name: name } = await core.get("/v1/health");
    $("core").textContent = `core ${version} on ${name ?? device.toUpperCase()}`;
  } catch (error) {
    if (!(error instanceof NoCore || error instanceof Refused)) throw error; // `tick` shows it
  }
  tick();
}

$("cancel").addEventListener("click", cancel);
$("follow").addEventListener("click", () => choose(null));
$("candidates").addEventListener("click", ({ target }) => target.dataset.frame && choose(Number(target.dataset.frame)));
$("jobs").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) chooseJob(button.dataset.job);
});
document.addEventListener("visibilitychange", () => !document.hidden && tick());
window.addEventListener("hashchange", start);
start();
