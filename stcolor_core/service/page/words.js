// The page's sentences about a job.

/** Return one line on how far a job is. ahead: the number of jobs before it; paused: of the queue. */
export function lineOf(job, { ahead, paused }) {
  const counted = job.total ? `${job.done} of ${job.total} frames` : "";
  if (job.state === "queued") {
    if (paused) return counted ? `Paused after ${counted}` : "Waits: the queue is paused";
    return ahead ? `Waits for ${ahead} ${ahead === 1 ? "job" : "jobs"}` : "Waits to start";
  }
  if (job.state === "done") return counted ? `Done, ${counted}` : "Done";
  if (job.state === "failed") return counted ? `Failed after ${counted}` : "Failed";
  if (job.state === "cancelled") return `Cancelled${counted && ` after ${counted}`}. Frames that are written stay; Resume continues.`;
  const parts = [counted || "Starting"];
  if (job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
  else if (job.done && job.total - job.done <= 5) parts.push("writing the last frames");
  if (job.looking !== null) parts.push(`reading frame ${job.looking}`);
  return parts.join(" · ");
}

/** Return one line on frames that were written and are not there any more; empty if there is none. */
export function goneLine(frames) {
  if (!frames.length) return "";
  const one = frames.length === 1;
  const named = frames.length > 6 ? `${frames.slice(0, 3).join(", ")} … ${frames.at(-1)}` : frames.join(", ");
  return `${one ? "A frame that was written is" : `${frames.length} frames that were written are`} not there any more: ${named}. Press Resume to write ${one ? "it" : "them"} again, or put ${one ? "it" : "them"} back; frames that are there are kept.`;
}

/** Return one line on frames that are there and would come out different; empty if there is none. */
export function outdatedLine(outdated) {
  return outdated ? `${outdated.line} They stay as they are until you press Write again, which makes them anew with the references that this version had.` : "";
}

function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${10 * Math.round(seconds / 10)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Return a share of the shot's pixels in percent. */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

// What the settings of the method are called on the node, if that is not their name; remedies.py quotes these.
const METHOD_LABELS = {
  register: "keyframes that do not fit",
  light: "changing light",
  keep_chroma: "keep plate's colour",
  unreferenced: "scenes without keyframe",
};

/** Return what a job was asked to do, as [label, value] pairs. Remedies on the page quote the labels (remedies.py). */
export function settingsOf({ shot, frames, references, problem }) {
  const span = frames.length ? `, ${frames.length} frames on disk, ${frames[0]} to ${frames.at(-1)}` : "";
  const rows = [["Plate", `${shot.plate.path}${shot.plate.frames ? ` ${shot.plate.frames}` : ""}${span}`]];
  if (problem) rows.push(["Problem", problem]);
  for (const [frame, path] of Object.entries(references)) rows.push([`Reference ${frame}`, path]);
  if (!Object.keys(references).length) for (const { path, frame } of shot.references) rows.push([`Reference ${frame ?? ""}`, path]);
  for (const { path } of shot.stills) rows.push(["Still", path]);
  for (const { frame, object, colors } of shot.swatches) rows.push(["Swatch", `${frame}, ${object}: ${colors.join(", ")}`]);
  for (const { path } of shot.mattes) rows.push(["Matte", path]);
  rows.push(["Result", shot.output.path]);
  if (shot.output.reuse) rows.push(["Reuses", shot.output.reuse]);
  rows.push(["Frames to write", shot.output.frames ?? "all of the plate"]);
  rows.push(["Missing frames", shot.plate.missing]);
  if (shot.plate.layer) rows.push(["Plate's layer", shot.plate.layer]);
  if (shot.plate.first_frame !== null) rows.push(["Plate's first frame", shot.plate.first_frame]);
  if (shot.plate.colorspace) rows.push(["Plate's colour space", shot.plate.colorspace]);
  if (shot.plate.exposure) rows.push(["Exposure", `${shot.plate.exposure} stops`]);
  if (shot.ocio) rows.push(["OpenColorIO config", shot.ocio]);
  rows.push(["Layers to write", shot.output.layers?.join(", ") ?? "all"]);
  rows.push(["Compression", shot.output.compression]);
  const known = Object.entries(shot.method).filter(([, value]) => value !== null);
  rows.push(["Method", known.map(([name, value]) => `${METHOD_LABELS[name] ?? name.replaceAll("_", " ")} ${value}`).join(", ")]);
  return rows;
}
