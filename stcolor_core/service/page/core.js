// The page's client of the core. It exchanges the ticket in the link for a token. The browser keeps the token for this
// address, so that each of its tabs, and a bookmark, work until the core ends and the token is worthless.

/** The core does not answer, or no longer accepts the token. `used`: a new link is needed. */
export class NoCore extends Error {
  constructor(message, { used }) {
    super(message);
    this.used = used;
  }
}

/** The core refused a request, for a reason in one line. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const USED =
  "This page needs a new link: this one is used up, or the core was restarted. " +
  "Press the page's button in Nuke's panel, or run “stcolor status --open”.";
const GONE =
  "The core does not answer: it was stopped or restarted. Frames that are written stay. " +
  "Start it from Nuke or with “stcolor serve --background”, then run “stcolor status --open” for a new link.";

export class Core {
  #token = kept("token");

  /** Exchange the ticket in the address, if there is one, for a token, and remove it from the address. */
  async signIn() {
    const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
    if (ticket === null) return;
    history.replaceState(null, "", location.pathname);
    const response = await this.#ask("POST", "/v1/session", { token: ticket });
    if (response.ok) {
      this.#token = (await response.json()).token;
      keep("token", this.#token);
    } // else an earlier token may still be valid
  }

  async get(path) {
    return (await this.#answer("GET", path)).json();
  }

  async post(path, body) {
    return (await this.#answer("POST", path, { body })).json();
  }

  /** Return a picture as a Blob. One of another job, frame or kind than asked for is an error and never shown. */
  async picture({ job, frame, of, query, ready }, signal) {
    const path = `/v1/jobs/${job}/picture?frame=${frame}&of=${of}&${query}${ready ? "&ready=1" : ""}`;
    const response = await this.#answer("GET", path, { signal });
    const found = response.headers.get("X-Picture");
    if (found !== `${job} ${frame} ${of}`) throw new Refused(`The core sent the picture “${found}”.`, 502);
    return response.blob();
  }

  async #answer(method, path, { body, signal } = {}) {
    this.#token ??= kept("token"); // another tab may have opened a link since
    if (this.#token === null) throw new NoCore(USED, { used: true });
    const response = await this.#ask(method, path, { token: this.#token, body, signal });
    if (response.ok) return response;
    if (response.status === 401) {
      if (kept("token") === this.#token) keep("token", null);
      this.#token = null;
      throw new NoCore(USED, { used: true });
    }
    const { detail } = await response.json().catch(() => ({}));
    throw new Refused(detail ?? `The core answered ${response.status}.`, response.status);
  }

  async #ask(method, path, { token, body, signal }) {
    const headers = { Authorization: `Bearer ${token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new NoCore(GONE, { used: false });
    }
  }
}

/** Return what this browser keeps for this address; null if it keeps nothing. */
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that forbids it
  }
}

/** Keep a text for this address, or forget it if it is null. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // a browser that forbids it: the page works until it is reloaded
  }
}
