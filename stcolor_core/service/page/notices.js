// What is to be told about a job, above its picture. Notices are folded, so that the picture and the time line stay in the
// window; a button shows all that they say.

import { $, made, renderList, write } from "/dom.js";
import { goneLine, outdatedLine } from "/words.js";

let open = false;

/** Show a job's error, its frames that are gone or out of date, and its warnings: { message, registered }. */
export function renderNotices({ error, gone, outdated, warnings }) {
  const isSame = outdated !== null && outdated.line === error;
  show("error", error ?? "");
  write($("gone").firstElementChild, goneLine(gone));
  $("gone").hidden = !gone.length;
  write($("outdated").firstElementChild, isSame ? "" : outdatedLine(outdated));
  $("outdated").hidden = !outdated || isSame;
  renderList($("warnings").firstElementChild, warnings, renderWarning);
  $("warnings").hidden = warnings.length === 0;
  fold();
}

/** Show the answer to what was just pressed; null hides it. */
export function answer(message) {
  show("answer", message ?? "");
  fold();
  if (message !== null) $("notices").scrollTop = 0;
}

/** Fold the notices, as for another job. */
export function foldAgain() {
  open = false;
  fold();
}

function show(id, message) {
  write($(id), message);
  $(id).hidden = !message;
}

/** Show a warning; that of a reference which was fitted to the plate leads to its picture. */
function renderWarning(item, { message, registered }) {
  const [words, button] = item.children.length ? item.children : [made("span"), made("button", { type: "button", class: "quiet" })];
  if (!item.children.length) item.append(words, button);
  write(words, message);
  button.hidden = registered === null;
  if (registered === null) return;
  button.dataset.registered = registered;
  write(button, `Compare reference ${registered} as given and as used`);
}

function fold() {
  const box = $("notices");
  box.classList.toggle("folded", !open);
  const cut = [box, ...box.querySelectorAll("span")].some((each) => each.scrollHeight > each.clientHeight + 1);
  const label = open ? "Fold notices" : "Show all notices";
  $("unfold").hidden = !open && !cut;
  write($("unfold"), label);
  $("unfold").setAttribute("aria-expanded", String(open));
  if (!open && box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0; // the keyboard scrolls it
  else box.removeAttribute("tabindex");
}

$("unfold").addEventListener("click", () => {
  open = !open;
  fold();
});
new ResizeObserver(fold).observe($("job"));
