// The list of jobs. It is one stop of the Tab key; arrow keys go through it.

import { $, made, renderList, write } from "/dom.js";

const LISTED = 100;

export const isBusy = (job) => job.state === "running" || job.state === "queued";

/** Return the name of a job, and of which frame it is a preview. */
export const nameOf = (job) => (job.frame === null ? job.name : `${job.name}, preview of ${job.frame}`);

export class Queue {
  /** choose: called with the id of the chosen job. */
  constructor(choose) {
    $("jobs").addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) choose(button.dataset.job);
    });
    $("jobs").addEventListener("keydown", (event) => {
      const buttons = [...$("jobs").querySelectorAll("button")];
      const at = buttons.indexOf(document.activeElement);
      const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (to === undefined || !buttons[to]) return;
      event.preventDefault();
      event.stopPropagation();
      for (const button of buttons) button.tabIndex = button === buttons[to] ? 0 : -1;
      buttons[to].focus();
    });
  }

  render({ jobs, paused, cleared }, chosen) {
    const focused = document.activeElement?.dataset?.job;
    const shown = listed(jobs);
    const stop = shown.some(({ id }) => id === focused) ? focused : (chosen ?? shown[0]?.id);
    renderList($("jobs"), shown, (item, job) => {
      const button = item.firstElementChild ?? item.appendChild(made("button", { type: "button" }));
      const parts = button.children.length ? button.children : [0, 1, 2, 3].map(() => button.appendChild(made("span")));
      button.dataset.job = job.id;
      button.dataset.state = job.state;
      button.title = job.output;
      button.tabIndex = job.id === stop ? 0 : -1;
      button.setAttribute("aria-current", String(job.id === chosen));
      write(parts[0], nameOf(job));
      write(parts[1], job.state);
      write(parts[2], job.total ? `${job.done} / ${job.total}` : "");
      write(parts[3], job.note);
      parts[3].hidden = !job.note;
    });
    if (focused && focused !== document.activeElement.dataset.job) {
      $("jobs").querySelector(`[data-job="${CSS.escape(focused)}"]`)?.focus();
    }
    $("paused").hidden = !paused;
    write($("pause"), paused ? "Continue queue" : "Pause queue");
    $("clear").disabled = jobs.every(isBusy);
    $("restore").hidden = !cleared;
    write($("restore"), cleared === 1 ? "Show the cleared job" : `Show ${cleared} cleared jobs`);
  }
}

/** Return the running jobs, the queued jobs in their order, then the ended jobs, the newest first. */
function listed(jobs) {
  const of = (state) => jobs.filter((job) => job.state === state);
  return [...of("running"), ...of("queued").reverse(), ...jobs.filter((job) => !isBusy(job))].slice(0, LISTED);
}
