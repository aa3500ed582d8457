// Keeps a draft on the service: after a pause, before a claim ends, and as soon as the network is back.

import { call } from "./calls.js";

const PAUSE_MS = 800;
const AGAIN_MS = 3000;

export class Saver {
  /**
   * `after`: when the newest draft was saved, null where there is none. `onState(state, detail)`: saved, changed, saving,
   * unsaved, elsewhere (another machine has saved meanwhile: nothing is sent until `follow`), expired, gone, refused.
   * `onSaved(sent, answer)`.
   */
  constructor(path, { after, onState, onSaved }) {
    this.path = path;
    this.after = after;
    this.sent = null; // the last text that was sent, whether or not it arrived
    this.isElsewhere = false;
    this.onState = onState;
    this.onSaved = onSaved;
    this.text = null; // what is not saved yet
    this.isOn = true;
    this.sending = null;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    addEventListener("online", () => this.#soon(0), { signal });
    addEventListener("pagehide", () => this.#last(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush(), { signal });
    addEventListener("beforeunload", (event) => this.text !== null && event.preventDefault(), { signal });
  }

  /** Return whether something is not saved. */
  get isDirty() {
    return this.text !== null;
  }

  /** Save a text soon. */
  changed(text) {
    if (!this.isOn) return;
    this.text = text;
    this.onState("changed");
    this.#soon(PAUSE_MS);
  }

  /** Save now what is not saved, and return when that is done or has failed. */
  async flush() {
    clearTimeout(this.waiting);
    await this.sending;
    if (this.text !== null && this.isOn && !this.isElsewhere) await (this.sending = this.#save());
  }

  /** Go on after a draft that another machine has saved; `text`, where it is not null, is saved after it. */
  follow(draft, text) {
    this.after = draft?.saved_at ?? null;
    this.isElsewhere = false;
    this.text = text;
    if (text !== null) this.#soon(0);
  }

  /** Save no more. Return when nothing is under way. */
  async stop() {
    this.isOn = false;
    clearTimeout(this.waiting);
    this.listeners.abort();
    await this.sending;
    this.text = null;
  }

  #soon(pause) {
    clearTimeout(this.waiting);
    if (this.text !== null && this.isOn) this.waiting = setTimeout(() => this.flush(), pause);
  }

  async #save() {
    const { text } = this;
    this.onState("saving");
    this.sent = text;
    this.isSending = true;
    const answer = await call(this.path, { method: "PUT", body: { text, after: this.after } });
    this.isSending = false;
    if (answer.ok) {
      this.after = answer.data.saved_at;
      if (this.text === text) this.text = null;
      this.onSaved(text, answer.data);
      if (this.isOn) this.onState(this.text === null ? "saved" : "changed", answer.data.saved_at);
    } else if (answer.status === 0 || answer.status === 401 || answer.status === 503 || answer.status === 429) {
      this.onState("unsaved", answer.status === 401 ? "You are signed out: sign in in another tab." : answer.detail);
      this.#soon(AGAIN_MS);
    } else if (answer.code === "draft_changed") {
      this.isElsewhere = true;
      this.onState("elsewhere", answer.detail);
    } else if (answer.code === "claim_expired") this.onState("expired", answer.detail);
    else if (answer.status === 404 || answer.status === 410) this.onState("gone", answer.detail);
    else this.onState("refused", answer.errors[0]?.reason ?? answer.detail);
  }

  #last() {
    if (this.text === null || !this.isOn || this.isElsewhere) return;
    const after = this.isSending ? {} : { after: this.after }; // of what is under way the time is not known yet
    call(this.path, { method: "PUT", body: { text: this.text, ...after }, keepalive: true });
  }
}
