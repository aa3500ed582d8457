// A reading as the machine's statements: each is kept, edited, hedged or struck out; others are added.

import { chips, marked } from "./findings.js";
import { h } from "./dom.js";
import { TermsOffer, written } from "./terms.js";
import { hedged, linesOf, row, rowsOf } from "./text.js";
import { Undo } from "./undo.js";

const WORDS = { kept: "kept", edited: "changed", struck: "struck out", added: "added" };

const kindOf = ({ machine, text, struck }) =>
  struck ? "struck" : machine === null ? "added" : machine === text ? "kept" : "edited";

export class StatementEditor {
  /** `machine` is the machine's reading; `onChange(text)` is called after each change. */
  constructor(host, { names, machine, onChange }) {
    this.names = names;
    this.machine = machine;
    this.lines = linesOf(machine);
    this.onChange = onChange;
    this.found = null;
    this.isReadOnly = false;
    this.list = h("ol", { class: "lines", "aria-label": "Statements of your reading" });
    this.box = h("div", { class: "statement-editor" }, this.list);
    host.replaceChildren(this.box);
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("click", (event) => this.#click(event));
    this.list.addEventListener("focusin", (event) => this.#focused(event));
    this.load(machine.text);
  }

  /** Return the reading's text: the machine's own where nothing changed, else one statement a line. */
  get text() {
    return this.#composed().text;
  }

  /** Show a text as rows; `before` are texts that undo goes back to, oldest first. */
  load(text, before = []) {
    this.history = new Undo([...before.filter((each) => each !== text), text].map((each) => this.#stateOf(each)));
    this.#restore(this.history.present);
  }

  /** Put another text in its place, as a step that can be undone. */
  replace(text) {
    this.history.push(this.#stateOf(text), null);
    this.#restore(this.history.present);
    this.onChange(this.text);
  }

  accept(text) {
    if (text !== this.text) this.replace(text);
  }

  addLine(line) {
    this.rows.push(row(null, line));
    this.#changed(this.rows.length - 1);
  }

  /** Mark what was found in a text, each finding in its statement. */
  showFindings(text, found) {
    if (text !== this.text) return;
    this.found = found;
    if (this.editing === null) this.#draw();
    else this.#drawChips();
  }

  focus() {
    if (this.editing === null) this.list.children[this.at]?.firstElementChild.focus();
    else this.list.querySelector("input").focus();
  }

  setReadOnly(isReadOnly) {
    if (isReadOnly && this.editing !== null) this.#finish();
    this.isReadOnly = isReadOnly;
    this.#draw();
  }

  undo() {
    this.#goTo(this.history.undo());
  }

  redo() {
    this.#goTo(this.history.redo());
  }

  /** Take over what is being written in a row, so that `text` holds it. */
  finish() {
    if (this.editing !== null) this.#finish();
  }

  #stateOf(text) {
    const rows = text === this.machine.text ? this.lines.map((line) => row(line.text, line.text)) : rowsOf(this.lines.map((line) => line.text), text);
    return JSON.stringify(rows);
  }

  #restore(state) {
    this.rows = JSON.parse(state);
    this.at = Math.min(this.at ?? 0, Math.max(0, this.rows.length - 1));
    this.editing = null;
    this.found = null;
    this.#draw();
  }

  #goTo(state) {
    if (state === null || this.isReadOnly) return;
    this.#restore(state);
    this.focus();
    this.onChange(this.text);
  }

  #composed() {
    if (this.rows.length === this.lines.length && this.rows.every((each) => kindOf(each) === "kept")) {
      return { text: this.machine.text, places: this.lines.map(({ start, end }) => [start, end]) };
    }
    let at = 0;
    const parts = [];
    const places = this.rows.map(({ text, struck }) => {
      if (struck || !text) return null;
      parts.push(text);
      const place = [at, at + Array.from(text).length];
      at = place[1] + 1;
      return place;
    });
    return { text: parts.join("\n"), places };
  }

  #changed(at, kind = null) {
    this.at = Math.max(0, Math.min(at, this.rows.length - 1));
    this.found = null;
    this.history.push(JSON.stringify(this.rows), kind);
    this.#draw();
    this.focus();
    this.onChange(this.text);
  }

  #findingsOf(place) {
    if (place === null || !this.found) return [];
    const [start, end] = place;
    const inside = (at, to) => at !== null && at !== undefined && at >= start && to <= end;
    return this.found.findings
      .filter((finding) => inside(finding.start, finding.end))
      .map((finding) => ({
        ...finding,
        start: finding.start - start,
        end: finding.end - start,
        cue_start: inside(finding.cue_start, finding.cue_end) ? finding.cue_start - start : null,
        cue_end: inside(finding.cue_start, finding.cue_end) ? finding.cue_end - start : null,
      }));
  }

  #draw() {
    const { places } = this.#composed();
    const hadFocus = this.list.contains(document.activeElement);
    this.list.replaceChildren(...this.rows.map((each, at) => this.#line(each, at, places[at])));
    if (!this.isReadOnly) {
      const add = h("button", { type: "button", class: "button button-quiet", "data-do": "add" }, "Add a statement", h("kbd", {}, "A"));
      this.list.append(h("li", { class: "line-add" }, add));
    }
    if (hadFocus) this.focus();
  }

  #drawChips() {
    const { places } = this.#composed();
    this.rows.forEach((_, at) => {
      this.list.children[at].querySelector(".line-chips")?.replaceChildren(...chips(this.#findingsOf(places[at]), this.names));
    });
  }

  #line(each, at, place) {
    const kind = kindOf(each);
    const findings = this.#findingsOf(place);
    const isHere = at === this.at;
    const label = `Statement ${at + 1} of ${this.rows.length}, ${WORDS[kind]}: ${each.text}`;
    const button = (what, words, key) =>
      h("button", { type: "button", class: "button button-quiet", "data-do": what, tabindex: isHere ? 0 : -1 }, words, h("kbd", {}, key));
    const words = this.editing === at ? this.#input(each) : h("span", { class: "line-text" },
      kind === "struck" ? h("del", {}, each.text) : marked(each.text, findings, this.names),
      kind === "edited" ? h("small", { class: "line-was" }, "was: ", each.machine) : null);
    return h("li", { "data-at": at, class: `line line-${kind}${isHere ? " line-here" : ""}` },
      h("div", { class: "line-body", role: "group", tabindex: isHere && this.editing !== at ? 0 : -1, "aria-label": label },
        h("span", { class: "line-kind", title: WORDS[kind] }, { kept: "", edited: "~", struck: "−", added: "+" }[kind]),
        words,
        h("span", { class: "line-chips" }, chips(findings, this.names)),
        this.isReadOnly || this.editing === at ? null : h("span", { class: "line-buttons" },
          button("edit", "Edit", "Enter"),
          kind === "struck" ? null : button("hedge", hedged(each.text).length < each.text.length ? "Be sure" : "Hedge", "H"),
          button("strike", kind === "struck" ? "Keep" : kind === "added" ? "Remove" : "Strike out", "X"))));
  }

  #input(each) {
    const field = h("input", { class: "line-field", value: each.text, maxlength: 2000, autocomplete: "off", spellcheck: "false", "aria-label": "Statement" });
    const box = h("span", { class: "line-edit" }, field);
    new TermsOffer(field, {
      host: box,
      place: () => ({ left: 0, top: field.offsetHeight + 2 }),
      take: (start, end, term) => {
        const words = written(term, field.value.slice(0, start));
        field.value = field.value.slice(0, start) + words + field.value.slice(end);
        field.setSelectionRange(start + words.length, start + words.length);
        this.#typed(field.value);
      },
    });
    field.addEventListener("input", () => this.#typed(field.value));
    field.addEventListener("blur", () => {
      if (document.hasFocus() && field.isConnected) this.#finish();
    });
    return box;
  }

  #typed(text) {
    this.rows[this.editing] = { ...this.rows[this.editing], text: text.replace(/\s+/gu, " ").trim(), struck: false };
    this.found = null;
    this.onChange(this.text);
  }

  #edit(at) {
    this.at = at;
    this.editing = at;
    this.before = JSON.stringify(this.rows);
    this.#draw();
    const field = this.list.querySelector("input");
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #finish() {
    const at = this.editing;
    if (at === null) return;
    this.editing = null;
    if (!this.rows[at].text) {
      if (this.rows[at].machine === null) this.rows.splice(at, 1);
      else this.rows[at] = { ...row(this.rows[at].machine, this.rows[at].machine), struck: true };
    }
    this.#changed(Math.min(at, this.rows.length - 1));
  }

  #giveUp() {
    this.rows = JSON.parse(this.before).filter(({ text }) => text);
    this.editing = null;
    this.#changed(this.at);
  }

  #add() {
    this.finish();
    const at = this.rows.length ? this.at + 1 : 0;
    this.rows.splice(at, 0, row(null, ""));
    this.#edit(at);
  }

  #do(what, at) {
    if (this.isReadOnly) return;
    const each = this.rows[at];
    if (what === "add") this.#add();
    else if (!each) return;
    else if (what === "edit") this.#edit(at);
    else if (what === "hedge" && !each.struck) {
      this.rows[at] = { ...each, text: hedged(each.text) };
      this.#changed(at);
    } else if (what === "strike") {
      if (each.machine === null) this.rows.splice(at, 1);
      else this.rows[at] = each.struck ? row(each.machine, each.machine) : { ...each, struck: true };
      this.#changed(at);
    }
  }

  #click(event) {
    const button = event.target.closest("[data-do]");
    const line = event.target.closest("[data-at]");
    if (button) this.#do(button.dataset.do, line ? Number(line.dataset.at) : this.at);
    else if (line && this.editing === null && event.detail === 2) this.#do("edit", Number(line.dataset.at));
  }

  #focused(event) {
    const line = event.target.closest("[data-at]");
    if (!line || this.editing !== null) return;
    const at = Number(line.dataset.at);
    if (at !== this.at) this.#go(at);
  }

  #go(at) {
    this.at = Math.max(0, Math.min(at, this.rows.length - 1));
    [...this.list.querySelectorAll(".line")].forEach((line, place) => {
      line.classList.toggle("line-here", place === this.at);
      line.firstElementChild.tabIndex = place === this.at ? 0 : -1;
      for (const button of line.querySelectorAll("button")) button.tabIndex = place === this.at ? 0 : -1;
    });
    this.focus();
  }

  #key(event) {
    if (event.altKey || event.isComposing) return;
    const { key } = event;
    if (event.ctrlKey || event.metaKey) {
      if (key.toLowerCase() === "z" && !event.shiftKey) this.undo();
      else if (key.toLowerCase() === "y" || (key.toLowerCase() === "z" && event.shiftKey)) this.redo();
      else return;
      event.preventDefault();
      return;
    }
    if (this.editing !== null) {
      if (key === "Enter") this.#finish();
      else if (key === "Escape") this.#giveUp();
      else return;
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.target.closest("button") && (key === "Enter" || key === " ")) return;
    const done = {
      ArrowDown: () => this.#go(this.at + 1),
      ArrowUp: () => this.#go(this.at - 1),
      Home: () => this.#go(0),
      End: () => this.#go(this.rows.length - 1),
      Enter: () => this.#do("edit", this.at),
      e: () => this.#do("edit", this.at),
      x: () => this.#do("strike", this.at),
      Delete: () => this.#do("strike", this.at),
      h: () => this.#do("hedge", this.at),
      a: () => this.#do("add", this.at),
      u: () => this.undo(),
    }[key.length === 1 ? key.toLowerCase() : key];
    if (!done) return;
    done();
    event.preventDefault();
  }
}
