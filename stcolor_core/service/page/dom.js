// Small helpers. Text from the core is inserted as text, never as markup.

export const $ = (id) => document.getElementById(id);

export function made(name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.textContent = text;
  return element;
}

/** Make a list have one item for each entry, and fill each; items that stay keep the focus. */
export function renderList(list, entries, fill) {
  while (list.children.length > entries.length) list.lastElementChild.remove();
  while (list.children.length < entries.length) list.append(made("li"));
  entries.forEach((entry, place) => fill(list.children[place], entry, place));
}

/** Set a text only if it differs, so that a selection in it stays. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Announce words to screen readers. */
export function say(words) {
  $("said").textContent = words;
}
