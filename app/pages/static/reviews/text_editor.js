// A reading as one text: findings are marked where they stand while it is written.

import { h } from "./dom.js";
import { marked } from "./findings.js";
import { TermsOffer, written } from "./terms.js";
import { Undo } from "./undo.js";

export class TextEditor {
  /** `onChange(text)` is called after each change. */
  constructor(host, { names, onChange, label = "Your reading" }) {
    this.names = names;
    this.onChange = onChange;
    this.under = h("div", { class: "text-under", "aria-hidden": "true" });
    this.field = h("textarea", {
      class: "text-field", rows: 5, spellcheck: "false", autocomplete: "off", maxlength: 20000, "aria-label": label,
      placeholder: "What do you read? Two letters offer the vocabulary's terms.",
    });
    this.box = h("div", { class: "text-editor" }, this.under, this.field);
    host.replaceChildren(this.box);
    this.offer = new TermsOffer(this.field, {
      host: this.box,
      place: () => this.#belowCaret(),
      take: (start, end, term) => this.#take(start, end, term),
    });
    this.field.addEventListener("input", (event) => this.#typed(event.inputType ?? null));
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.load("");
  }

  /** Return the reading's text. */
  get text() {
    return this.field.value;
  }

  /** Show a text; `before` are texts that undo goes back to, oldest first. */
  load(text, before = []) {
    this.history = new Undo([...before.filter((each) => each !== text), text]);
    this.#show(text);
  }

  /** Put another text in its place, as a step that can be undone. */
  replace(text) {
    this.history.push(text, null);
    this.#show(text);
    this.onChange(text);
  }

  /** Take over the text as the service has stored it. */
  accept(text) {
    if (text === this.text) return;
    const caret = this.field.selectionStart;
    this.history.push(text, null);
    this.#show(text, Math.min(caret, text.length));
    this.onChange(text);
  }

  /** Write a line below what stands there. */
  addLine(line) {
    const text = this.text.replace(/\s+$/u, "");
    this.replace(text ? `${text}\n${line}` : line);
  }

  /** Mark what was found in a text. */
  showFindings(text, found) {
    if (text === this.text) this.#underlay(marked(text, found?.findings ?? [], this.names));
  }

  focus() {
    this.field.focus();
  }

  setReadOnly(isReadOnly) {
    this.field.readOnly = isReadOnly;
    if (isReadOnly) this.offer.close();
  }

  undo() {
    this.#goTo(this.history.undo());
  }

  redo() {
    this.#goTo(this.history.redo());
  }

  #goTo(text) {
    if (text === null || this.field.readOnly) return;
    this.#show(text);
    this.onChange(text);
  }

  #show(text, caret = text.length) {
    this.field.value = text;
    this.field.setSelectionRange(caret, caret);
    this.#underlay([text]);
  }

  #underlay(parts) {
    this.under.replaceChildren(...parts, "\u200b"); // so that a last empty line has its height
  }

  #typed(kind) {
    this.history.push(this.text, kind === "insertText" || kind === "deleteContentBackward" ? kind : null);
    this.#underlay([this.text]);
    this.onChange(this.text);
  }

  #take(start, end, term) {
    const { value } = this.field;
    const words = written(term, value.slice(0, start));
    this.history.push(value.slice(0, start) + words + value.slice(end), null);
    this.#show(this.history.present, start + words.length);
    this.onChange(this.text);
  }

  #key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) this.undo();
    else if (key === "y" || (key === "z" && event.shiftKey)) this.redo();
    else return;
    event.preventDefault();
  }

  #belowCaret() {
    const caret = h("span", {}, "\u200b");
    const at = this.field.selectionStart;
    this.#underlay([this.text.slice(0, at), caret, this.text.slice(at)]);
    const [own, box] = [caret.getBoundingClientRect(), this.box.getBoundingClientRect()];
    this.#underlay([this.text]);
    return { left: Math.max(0, Math.min(own.left - box.left, box.width - 260)), top: own.bottom - box.top + 2 };
  }
}
