// The page's client of the core. It exchanges the ticket in the link for a token, which stays in this tab.

const PICTURES_KEPT = 60;

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

const USED = "This link is used up, or the core was restarted. Run “stcolor status” for a new link.";
const GONE =
  "The core does not answer: it was stopped or restarted. Frames that are written stay. " +
  "Start it from Nuke or with “stcolor serve --background”, then run “stcolor status” for a new link.";

export class Core {
  #token = sessionStorage.getItem("token");
  #pictures = new Map(); // address -> blob URL, the most recently used last

  /** Exchange the ticket in the address, if there is one, for a token, and remove it from the address. */
  async signIn() {
    const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
    if (ticket === null) return;
    history.replaceState(null, "", location.pathname);
    const response = await this.#ask("POST", "/v1/session", ticket);
    if (response.ok) {
      this.#token = (await response.json()).token;
      sessionStorage.setItem("token", this.#token);
    } // else an earlier token may still be valid
  }

  async get(path) {
    return (await this.#answer("GET", path)).json();
  }

  async cancel(job) {
    return (await this.#answer("POST", `/v1/jobs/${job}/cancel`)).json();
  }

  /** Return a blob URL of a picture, valid until about 60 others have been requested. */
  async picture(path) {
    let url = this.#pictures.get(path);
    this.#pictures.delete(path);
    if (url === undefined) url = URL.createObjectURL(await (await this.#answer("GET", path)).blob());
    this.#pictures.set(path, url);
    if (this.#pictures.size > PICTURES_KEPT) {
      const [oldest, old] = this.#pictures.entries().next().value;
      this.#pictures.delete(oldest);
      URL.revokeObjectURL(old);
    }
    return url;
  }

  /** Drop all pictures, as the core may have written new ones. */
  forgetPictures() {
    for (const url of this.#pictures.values()) URL.revokeObjectURL(url);
    this.#pictures.clear();
  }

  async #answer(method, path) {
    if (this.#token === null) throw new NoCore(USED, { used: true });
    const response = await this.#ask(method, path, this.#token);
    if (response.ok) return response;
    if (response.status === 401) {
      sessionStorage.removeItem("token");
      this.#token = null;
      throw new NoCore(USED, { used: true });
    }
    const { detail } = await response.json().catch(() => ({}));
    throw new Refused(detail ?? `The core answered ${response.status}.`, response.status);
  }

  async #ask(method, path, token) {
    try {
      return await fetch(path, { method, headers: { Authorization: `Bearer ${token}` } });
    } catch {
      throw new NoCore(GONE, { used: false });
    }
  }
}
