// What a text says, while it is written: findings as chips, and as marks in the text.

import { call } from "./calls.js";
import { h } from "./dom.js";
import { pieces, statuses } from "./text.js";

const PAUSE_MS = 250;
const BEFORE = { present: "", uncertain: "possible ", negated: "no ", historical: "past " };
const TITLE = {
  present: "said to be there",
  uncertain: "said to be possible",
  negated: "said not to be there",
  historical: "said to have been there before",
};

/** Return a label's chip. */
export function chip(name, status) {
  const title = `${name}: ${TITLE[status]}`;
  return h("span", { class: `chip finding finding-${status}`, title }, BEFORE[status], name);
}

/** Return the chips of findings, in the order of the labels' names. */
export function chips(findings, names) {
  const order = Object.keys(names);
  return [...statuses(findings)]
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([label, status]) => chip(names[label] ?? label, status));
}

/** Return a text with its findings marked. */
export function marked(text, findings, names) {
  return pieces(text, findings).map(({ text: part, finding, isCue }) => {
    if (!finding) return part;
    const title = `${names[finding.label] ?? finding.label}: ${TITLE[finding.status]}`;
    return h("mark", { class: `finding-${finding.status}${isCue ? " finding-cue" : ""}`, title }, part);
  });
}

/** Reads a text after a pause and hands over what it says; a later text overtakes an earlier one. */
export class LiveFindings {
  constructor(onFound) {
    this.onFound = onFound;
    this.waiting = null;
    this.asked = null;
    this.known = new Map();
  }

  /** Read a text soon. */
  read(text) {
    this.stop();
    if (this.known.has(text)) return this.onFound(text, this.known.get(text));
    this.waiting = setTimeout(() => this.#ask(text), PAUSE_MS);
  }

  /** Forget what was asked for. */
  stop() {
    clearTimeout(this.waiting);
    this.asked?.abort();
    this.asked = null;
  }

  async #ask(text) {
    if (!text.trim()) return this.onFound(text, { findings: [], statements: [], stance: "read" });
    const asked = (this.asked = new AbortController());
    try {
      const answer = await call("/v1/labels/extract", { method: "POST", body: { text }, signal: asked.signal });
      if (asked.signal.aborted) return;
      if (answer.ok) {
        this.known.set(text, answer.data);
        this.onFound(text, answer.data);
      } else this.onFound(text, null, answer.detail);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
}
