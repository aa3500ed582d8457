// Words of the vocabulary while somebody types: two letters are enough; arrows choose, Enter takes.

import { call } from "./calls.js";
import { h } from "./dom.js";

const PAUSE_MS = 80;
const MOST = 8;
const CLAUSE = /[^\n.,;:]*$/u;
const WORD_GOES_ON = /^[\p{L}\p{N}]/u;

let made = 0;

/** Offers the vocabulary's terms below a field, for the clause or the word before the caret. */
export class TermsOffer {
  /** `place()` returns where the list goes, in pixels of `host`; `take(start, end, term)` writes a term. */
  constructor(field, { host, place, take }) {
    this.field = field;
    this.place = place;
    this.take = take;
    this.items = [];
    this.chosen = -1;
    this.known = new Map();
    this.list = h("ul", { class: "terms", role: "listbox", id: `terms-${(made += 1)}`, "aria-label": "Terms of the vocabulary" });
    this.list.hidden = true;
    host.append(this.list);
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.list.id);
    field.addEventListener("input", () => this.#soon());
    field.addEventListener("blur", () => this.close());
    field.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const item = event.target.closest("[data-at]");
      if (item) this.#pick(Number(item.dataset.at));
    });
  }

  /** Return whether the list is open. */
  get isOpen() {
    return !this.list.hidden;
  }

  /** Close the list. */
  close() {
    clearTimeout(this.waiting);
    this.items = [];
    this.chosen = -1;
    this.list.hidden = true;
    this.list.replaceChildren();
    this.field.removeAttribute("aria-activedescendant");
  }

  #soon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#offer(), PAUSE_MS);
  }

  async #offer() {
    const { field } = this;
    const caret = field.selectionStart;
    const before = field.value.slice(0, caret);
    if (caret !== field.selectionEnd || WORD_GOES_ON.test(field.value.slice(caret))) return this.close();
    const clause = before.match(CLAUSE)[0].trimStart();
    const word = clause.match(/\S+$/u)?.[0] ?? "";
    for (const typed of clause === word ? [clause] : [clause, word]) {
      if (typed.trim().length < 2 || typed.endsWith("  ")) continue;
      const items = await this.#find(typed.trim().toLowerCase());
      if (field.value.slice(0, caret) !== before || field.selectionStart !== caret) return;
      if (items.some(({ term }) => term.toLowerCase() === typed.trim().toLowerCase())) return this.close();
      if (items.length) return this.#open(items, { start: caret - typed.length, end: caret, isClause: typed === clause });
    }
    this.close();
  }

  async #find(typed) {
    if (!this.known.has(typed)) {
      const answer = await call(`/v1/vocabularies/active/terms?q=${encodeURIComponent(typed)}&limit=${2 * MOST}`);
      if (!answer.ok) return [];
      const seen = new Set();
      const isNew = ({ term }) => !seen.has(term.toLowerCase()) && seen.add(term.toLowerCase());
      this.known.set(typed, answer.data.items.filter(isNew).slice(0, MOST));
    }
    return this.known.get(typed);
  }

  #open(items, typed) {
    this.items = items;
    this.typed = typed;
    this.list.replaceChildren(
      ...items.map(({ term, name }, at) =>
        h("li", { role: "option", id: `${this.list.id}-${at}`, "data-at": at, "aria-selected": "false" },
          h("span", {}, term), h("span", { class: "muted" }, name)),
      ),
    );
    const { left, top } = this.place();
    this.list.style.left = `${left}px`;
    this.list.style.top = `${top}px`;
    this.list.hidden = false;
    this.#choose(typed.isClause ? 0 : -1); // a word within a sentence is replaced only where somebody chooses it
  }

  #choose(at) {
    this.chosen = at;
    [...this.list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    if (at < 0) this.field.removeAttribute("aria-activedescendant");
    else {
      this.field.setAttribute("aria-activedescendant", `${this.list.id}-${at}`);
      this.list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  #pick(at) {
    const { term } = this.items[at];
    const { start, end } = this.typed;
    this.close();
    this.take(start, end, term);
  }

  #key(event) {
    if (!this.isOpen || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const { length } = this.items;
    if (event.key === "ArrowDown") this.#choose((this.chosen + 1) % length);
    else if (event.key === "ArrowUp") this.#choose((this.chosen + length - (this.chosen < 0 ? 0 : 1)) % length);
    else if ((event.key === "Enter" || event.key === "Tab") && this.chosen >= 0 && !event.shiftKey) this.#pick(this.chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    event.stopImmediatePropagation();
  }
}

/** Return a term as it begins where it is written: a sentence starts with a capital. */
export function written(term, before) {
  return /(^|[\n.;:]\s*)$/u.test(before) ? term.charAt(0).toUpperCase() + term.slice(1) : term;
}
