// The page on which ECGs are read one after the other. The server decides what may be seen: this page has nothing of an
// ECG but what `/v1/reviews/items/…` answers, and keeps it in memory alone.

import { EcgPaper } from "../ecg/paper.js";
import { changeWords, firstPanel, machinePanel, othersPanel, predictionPanel, versionsPanel } from "./beside.js";
import { call } from "./calls.js";
import { h, when } from "./dom.js";
import { LiveFindings, chips } from "./findings.js";
import { OneTab } from "./one_tab.js";
import { Saver } from "./saver.js";
import { StatementEditor } from "./statement_editor.js";
import { TextEditor } from "./text_editor.js";

const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
const WARN_MS = 60_000;
const MODES = { blind: "Blind first", assisted: "Assisted" };
const MODE_HINTS = {
  blind: "You read and lock before the machine's report or a prediction is shown.",
  assisted: "You edit the machine's report, statement by statement.",
};

const root = document.getElementById("reading");
const names = Object.fromEntries(JSON.parse(root.dataset.names)); // in the vocabulary's order
const place = (name) => root.querySelector(`[data-place="${name}"]`);
const address = (item, what = "") => `/v1/reviews/items/${item}${what}`;
const waveform = (item) => address(item, "/waveform?format=packed");

class Reading {
  constructor() {
    this.paper = new EcgPaper(place("paper"), { settings: { zoom: zoomForRoom() } });
    this.live = new LiveFindings((text, found, problem) => this.#found(text, found, problem));
    this.item = null;
    this.isBusy = false;
    this.signedHere = 0;
    document.addEventListener("keydown", (event) => this.#key(event));
    for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, () => this.#stillHere(), { capture: true });
    document.getElementById("keys").addEventListener("close", () => this.editor?.focus());
  }

  /** Open the item that the page is about. */
  async open(id) {
    this.tab = new OneTab(id, () => this.#lostToOtherTab());
    if (await this.tab.isElsewhere()) return this.#elsewhere(id);
    this.tab.hold(id);
    await this.#fetch(id);
  }

  async #fetch(id) {
    place("facts").textContent = "Loading …";
    const answer = await call(address(id));
    if (!answer.ok) return this.#noItem(id, answer);
    await this.#show(answer.data);
    this.#lookAhead();
  }

  // --- one item -------------------------------------------------------------------------------------------------------

  async #show(item, { keyAt = null } = {}) {
    await this.saver?.stop();
    this.live.stop();
    this.item = item;
    this.phase = item.state === "signed" ? "signed" : item.task === "adjudicate" ? "decide"
      : item.list.mode === "blind" ? (item.state === "locked" ? "amend" : "first") : "assisted";
    root.dataset.phase = this.phase;
    document.title = `${item.task === "adjudicate" ? "Decide" : "Read"} · ${item.list.name} · Overread`;
    if (location.pathname !== `/reviews/items/${item.id}`) history.replaceState(null, "", `/reviews/items/${item.id}`);
    this.tab.hold(item.id);
    place("closed").replaceChildren();
    this.#head();
    this.#notice();
    const drawn = this.#draw(keyAt);
    this.saver = new Saver(address(item.id, "/draft"), {
      after: item.drafts[0]?.saved_at ?? null,
      onState: (state, detail) => this.#saved(state, detail),
      onSaved: (sent, answer) => this.#stored(sent, answer),
    });
    this.#desk();
    this.#watchClaim(item.claim_expires_at);
    await drawn;
  }

  #head() {
    const { item } = this;
    const { ecg } = item;
    const facts = [
      ecg.age === null ? "age unknown" : `${Math.round(ecg.age)} years`,
      ecg.sex === "unknown" ? "sex unknown" : ecg.sex,
      `${Number(ecg.duration_s.toFixed(1))} s at ${ecg.sampling_rate_hz} Hz`,
    ];
    place("title").textContent = item.task === "adjudicate" ? "Decide between two readings" : item.list.name;
    place("mode").replaceChildren(
      h("span", { class: "chip", title: MODE_HINTS[item.list.mode] }, item.task === "adjudicate" ? "Adjudication" : MODES[item.list.mode]),
      ecg.simulated ? h("span", { class: "chip chip-warn", title: "A made ECG, of no patient" }, "simulated") : "");
    place("facts").textContent = facts.join(", ");
    place("saved").textContent = "";
  }

  async #draw(keyAt) {
    const { id } = this.item;
    if (this.drawnFor === id) return;
    try {
      const loaded = await EcgPaper.load(waveform(id));
      if (this.item.id === id) this.#paint(id, loaded, keyAt);
    } catch (problem) {
      if (this.item.id === id) this.paper.fail(problem.message);
    }
  }

  #paint(id, { signal, rateHz }, keyAt) {
    const { ecg } = this.item; // of the ECG before where the next one is painted ahead: lists mix no simulated ECGs
    const isThis = this.item.id === id;
    this.paper.show({
      signal, rateHz: rateHz ?? ecg.sampling_rate_hz, leads: LEADS, startS: 0, simulated: ecg.simulated,
      caption: "", description: isThis ? place("facts").textContent : "",
    });
    this.drawnFor = id;
    requestAnimationFrame(() => setTimeout(() => {
      performance.mark("reading:drawn", { detail: id });
      if (keyAt !== null) performance.measure("reading:key to drawn", { start: keyAt, detail: id });
    }));
  }

  /** Paint the next ECG while this one is being signed. What stands beside belongs to this one, and is hidden. */
  #paintAhead(keyAt) {
    if (!this.ahead || this.ahead.id === this.item.id) return;
    root.dataset.phase = "ahead";
    place("facts").textContent = "Signing …";
    this.#paint(this.ahead.id, this.ahead, keyAt);
  }

  /** Go back to this ECG where it could not be signed. */
  async #paintBack() {
    if (root.dataset.phase !== "ahead") return;
    root.dataset.phase = this.phase;
    this.#head();
    await this.#draw(null);
  }

  #desk() {
    const { item } = this;
    const { phase } = this;
    const newest = newestText(item);
    const before = item.drafts.map(({ text }) => text).reverse();
    const onChange = (text) => this.#changed(text);
    const host = place("editor");
    host.hidden = phase === "signed";
    if (phase === "assisted" && item.machine?.text) {
      this.editor = new StatementEditor(host, { names, machine: item.machine, onChange });
      this.editor.load(newest ?? item.machine.text, before);
    } else {
      this.editor = new TextEditor(host, { names, onChange });
      this.editor.load(newest ?? "", before);
    }
    place("reason").hidden = true;
    place("reason").querySelector("input").value = "";
    place("findings").replaceChildren();
    place("change").replaceChildren();
    this.#beside();
    this.#bar();
    if (phase === "signed") place("bar").querySelector("button")?.focus();
    else if (phase === "decide") place("beside").querySelector("button")?.focus();
    else this.editor.focus();
    this.live.read(this.editor.text);
  }

  #beside() {
    const { item, phase } = this;
    const parts = [];
    const take = phase === "amend" || phase === "decide" ? (line) => this.editor.addLine(line) : null;
    if (item.others) parts.push(...[othersPanel(item.others, names, (text) => this.#take(text))].flat());
    if (phase === "signed") parts.push(versionsPanel(item, names));
    if (phase === "first") {
      parts.push(h("section", { class: "card beside beside-hidden" }, h("h2", {}, "Nothing is shown yet"),
        h("p", { class: "muted" }, "The machine's report and the model's prediction appear when your reading is locked.")));
    } else if (phase !== "assisted" && (item.machine || phase !== "decide")) parts.push(machinePanel(item.machine, names, take));
    if (item.first && phase !== "signed") parts.push(firstPanel(item.first, names));
    if (item.prediction || (phase !== "first" && phase !== "decide")) parts.push(predictionPanel(item.prediction));
    place("beside").replaceChildren(...parts);
  }

  #bar() {
    const { phase, item } = this;
    const button = (words, key, onclick, kind = "") => h("button", { type: "button", class: `button ${kind}`, onclick }, words, key && h("kbd", {}, key));
    const main = {
      first: () => button("Lock my reading", "Ctrl Enter", (event) => this.#main(event), "button-primary"),
      amend: () => button("Sign", "Ctrl Enter", (event) => this.#main(event), "button-primary"),
      assisted: () => button("Sign", "Ctrl Enter", (event) => this.#main(event), "button-primary"),
      decide: () => button("Sign the decision", "Ctrl Enter", (event) => this.#main(event), "button-primary"),
      signed: () => button("Next ECG", "Ctrl Enter", (event) => this.#main(event), "button-primary"),
      again: () => button(`Sign version ${item.signed.length + 1}`, "Ctrl Enter", (event) => this.#main(event), "button-primary"),
    }[phase];
    place("bar").replaceChildren(...[
      main(),
      phase === "signed" ? button("Write a new version", "N", () => this.#again()) : null,
      ["amend", "assisted", "decide"].includes(phase) ? button("Sign and stop", "Ctrl Shift Enter", () => this.#sign({ goOn: false })) : null,
      phase === "signed" ? null : button("Undo", "Ctrl Z", () => this.editor.undo()),
      phase === "signed" || phase === "again" ? null : button("Give it back", "Alt B", () => this.#release()),
      button("Keys", "?", () => this.#showKeys(), "button-quiet"),
    ].filter(Boolean));
  }

  // --- writing --------------------------------------------------------------------------------------------------------

  #changed(text) {
    if (this.phase !== "again") this.saver.changed(text);
    this.#needReason();
    this.live.read(text);
  }

  #found(text, found, problem) {
    if (text !== this.editor?.text) return;
    if (!found) {
      place("findings").replaceChildren(h("span", { class: "muted" }, `Labels are not known now. ${problem ?? ""}`));
      return;
    }
    this.editor.showFindings(text, found);
    const none = text.trim() ? "No label is found in this text." : "";
    const shown = chips(found.findings, names);
    place("findings").replaceChildren(...(shown.length ? shown : [h("span", { class: "muted" }, none)]));
    if (found.stance === "agrees") place("findings").append(h("span", { class: "chip", title: "A reading that only agrees has the machine's labels" }, "agrees with the machine"));
    if (found.stance === "unreadable") place("findings").append(h("span", { class: "chip chip-warn", title: "It will not be compared" }, "cannot be read"));
    if (found.stance === "unread") place("findings").append(h("span", { class: "chip chip-bad", title: "The vocabulary does not have its language" }, "not understood"));
    this.#change(found);
  }

  #change(found) {
    const { item } = this;
    const parts = [];
    if (item.machine && comparable(found)) {
      parts.push(h("h3", {}, "Against the machine's report"), changeWords(item.machine.findings, found.findings, names));
    }
    if (item.first && this.editor.text !== item.first.text) {
      parts.push(h("h3", {}, "Against your first reading"), changeWords(item.first.findings, found.findings, names));
    }
    place("change").replaceChildren(...parts.flat());
  }

  get #reasonNeeded() {
    const text = this.editor.text.trim();
    return this.phase === "again" || (this.phase === "amend" && text !== this.item.first.text.trim());
  }

  #needReason() {
    place("reason").hidden = !this.#reasonNeeded;
  }

  #stored(sent, answer) {
    if (answer.text !== sent && this.editor.text === sent) {
      this.editor.accept(answer.text);
      this.#notice("A name or number of a person was taken out of your text.", "warn");
    }
    this.#watchClaim(answer.claim_expires_at);
  }

  #saved(state, detail) {
    const words = {
      changed: "Changed", saving: "Saving …", unsaved: "Not saved", elsewhere: "Not saved", refused: "Not saved", expired: "Not saved", gone: "Not saved",
    }[state];
    place("saved").className = words?.startsWith("Not") ? "saved saved-not" : "saved";
    place("saved").replaceChildren(...(state === "saved" ? ["Saved ", when(detail)] : [words]));
    if (state === "unsaved") this.#notice(`Not saved: ${detail} Your text is kept in this page, and saved as soon as that is possible. Do not close it.`, "warn");
    else if (state === "refused") this.#notice(`Not saved: ${detail}`, "problem");
    else if (state === "elsewhere") this.#writtenElsewhere();
    else if (state === "expired") this.#expired();
    else if (state === "gone") this.#gone();
    else if (state === "saved" && place("notice").dataset.kind === "warn") this.#notice();
  }

  /** Another machine of this reader has saved a draft of the same item: ask which text goes on. */
  async #writtenElsewhere() {
    const { item, saver } = this;
    const answer = await call(address(item.id));
    if (this.item !== item || this.saver !== saver) return;
    const newest = answer.ok ? answer.data.drafts[0] : null;
    if (!newest || newest.text === saver.sent) return saver.follow(newest, this.editor.text); // our own, whose answer was lost
    const choose = (words, act, kind = "") => h("button", { type: "button", class: `button ${kind}`, onclick: () => {
      this.#notice();
      act();
      this.editor.focus();
    } }, words);
    this.#notice("You have written on this reading on another machine, or in another browser:", "warn",
      h("p", { class: "reading-words" }, newest.text || "(empty)"),
      h("p", { class: "actions" },
        choose("Go on with that text", () => { saver.follow(newest, null); this.editor.replace(newest.text); }),
        choose("Keep the text of this page", () => saver.follow(newest, this.editor.text))));
  }

  #take(text) {
    this.editor.replace(text);
    this.editor.focus();
  }

  // --- locking, signing, going on ---------------------------------------------------------------------------------------

  #main(event = null) {
    const keyAt = event?.timeStamp ?? performance.now();
    if (this.phase === "first") return this.#lock();
    if (this.phase === "signed") return this.#next(keyAt);
    return this.#sign({ goOn: this.phase !== "again", keyAt });
  }

  async #busy(work) {
    if (this.isBusy) return;
    this.isBusy = true;
    root.setAttribute("aria-busy", "true");
    for (const button of place("bar").querySelectorAll("button")) button.disabled = true;
    try {
      await work();
    } finally {
      this.isBusy = false;
      root.removeAttribute("aria-busy");
      for (const button of place("bar").querySelectorAll("button")) button.disabled = false;
    }
  }

  #written() {
    this.editor.finish?.();
    const { text } = this.editor;
    if (text.trim()) return text;
    this.#notice("Your reading is empty. Write what you read; where there is nothing to say, write “Normal ECG”.", "problem");
    this.editor.focus();
    return null;
  }

  #lock() {
    return this.#busy(async () => {
      const text = this.#written();
      if (text === null) return;
      const answer = await call(address(this.item.id, "/lock"), { method: "POST", body: { text } });
      if (answer.ok) {
        await this.#show(answer.data);
        this.#notice("Locked. This is what the machine says: sign if you stay with your reading, or amend it with a reason.", "good");
      } else if (answer.code === "locked") await this.#fetch(this.item.id);
      else this.#refused(answer, "Not locked");
    });
  }

  #sign({ goOn, keyAt = performance.now() }) {
    return this.#busy(async () => {
      const text = this.#written();
      if (text === null) return;
      const field = place("reason").querySelector("input");
      const reason = this.#reasonNeeded ? field.value.trim() : null;
      if (reason === "") {
        place("reason").hidden = false;
        this.#notice("Say in a few words why your reading changes, then sign.", "warn");
        field.focus();
        return;
      }
      const { item } = this;
      if (goOn) this.#paintAhead(keyAt);
      const answer = await call(address(item.id, "/sign"), { method: "POST", body: { text, reason } });
      const done = answer.ok ? answer.data : await this.#signedAlready(answer, text);
      if (!done) {
        await this.#paintBack();
        return this.#refused(answer, "Not signed");
      }
      await this.saver.stop();
      this.signedHere += 1;
      if (!goOn && this.phase !== "again") return location.assign("/reviews");
      if (!goOn) {
        await this.#show(done);
        return this.#notice("Signed as a new version.", "good");
      }
      await this.#claim(item.list.id, keyAt);
    });
  }

  /** Return the item where an answer was lost on its way: it is signed, with these words. */
  async #signedAlready(answer, text) {
    if (answer.status !== 0 && answer.status !== 409 && answer.status !== 422) return null;
    const known = await call(address(this.item.id));
    const last = known.ok && known.data.state === "signed" ? known.data.signed.at(-1) : null;
    return last?.text === text && known.data.signed.length > this.item.signed.length ? known.data : null;
  }

  #next(keyAt) {
    return this.#busy(() => this.#claim(this.item.list.id, keyAt));
  }

  async #claim(list, keyAt) {
    const answer = await call(`/v1/reviews/lists/${list}/claim`, { method: "POST" });
    if (!answer.ok) {
      this.#close("Signed, but there is no next ECG now", answer.detail, [h("a", { class: "button button-primary", href: "/reviews" }, "All lists")]);
      return;
    }
    const { item, next } = answer.data;
    if (!item) return this.#nothingLeft();
    await this.#show(item, { keyAt });
    this.#preload(next);
    this.#progress(list);
  }

  /** Ask which ECG comes next, and load its waveform: nothing else of it is known here. */
  async #lookAhead() {
    const { item } = this;
    this.#progress(item.list.id);
    if (item.state === "signed") return;
    const answer = await call(`/v1/reviews/lists/${item.list.id}/claim`, { method: "POST" });
    if (answer.ok && answer.data.item?.id === item.id) this.#preload(answer.data.next);
  }

  #preload(next) {
    this.ahead = null;
    if (!next) return;
    const keep = (loaded) => { this.ahead = { id: next, ...loaded }; };
    EcgPaper.load(waveform(next)).then(keep).catch(() => {}); // it is asked for again when it is shown
  }

  async #progress(list) {
    const answer = await call(`/v1/reviews/lists/${list}`);
    if (!answer.ok) return;
    const { mine, counts } = answer.data;
    place("progress").textContent = `${mine.signed} signed by you, ${counts.open} open`;
  }

  #release() {
    return this.#busy(async () => {
      await this.saver.flush();
      const answer = await call(address(this.item.id, "/release"), { method: "POST" });
      if (answer.ok || answer.code === "claim_expired") {
        await this.saver.stop();
        location.assign("/reviews");
      } else this.#refused(answer, "Not given back");
    });
  }

  #again() {
    this.phase = "again";
    root.dataset.phase = this.phase;
    place("editor").hidden = false;
    this.#bar();
    this.#needReason();
    this.editor.focus();
    this.live.read(this.editor.text);
  }

  // --- what can go wrong ------------------------------------------------------------------------------------------------

  #refused(answer, what) {
    if (answer.code === "claim_expired") return this.#expired();
    if (answer.status === 404 || answer.status === 410) return this.#gone();
    const reasons = answer.errors.map(({ reason }) => reason).join(" ");
    const kept = answer.status === 0 ? " Your text is kept in this page: try again in a moment." : "";
    this.#notice(`${what}: ${reasons || answer.detail}${kept}`, "problem");
  }

  async #expired() {
    await this.saver.stop();
    this.editor.setReadOnly(true);
    place("bar").replaceChildren(h("button", { type: "button", class: "button button-primary", onclick: () => this.#claimAgain() }, "Go on reading", h("kbd", {}, "Ctrl Enter")));
    this.phase = "expired";
    this.#notice("You have held this ECG for longer than the list allows, and it was set free. Your text is kept here: go on, if nobody else reads it now.", "warn");
  }

  #claimAgain() {
    return this.#busy(async () => {
      const { item } = this;
      const { text } = this.editor;
      const answer = await call(`/v1/reviews/lists/${item.list.id}/claim`, { method: "POST" });
      if (!answer.ok) return this.#refused(answer, "Not possible now");
      if (answer.data.item?.id === item.id) {
        await this.#show(answer.data.item);
        if (this.editor.text !== text) this.editor.replace(text);
        return this.#notice("It is yours again.", "good");
      }
      const mine = h("details", { open: true }, h("summary", {}, "Your text of the ECG before, to copy"), h("p", { class: "reading-words" }, text));
      if (answer.data.item) {
        await this.#show(answer.data.item);
        this.#preload(answer.data.next);
      } else this.#nothingLeft();
      this.#notice("Somebody else reads that ECG now; it stays theirs.", "warn", mine);
    });
  }

  async #gone() {
    await this.saver.stop();
    const { list } = this.item;
    this.#close("This ECG is gone", "It was erased from the archive, and your reading of it with it.", [
      h("button", { type: "button", class: "button button-primary", onclick: (event) => this.#busy(() => this.#claim(list.id, event.timeStamp)) }, "Next ECG"),
      h("a", { class: "button", href: "/reviews" }, "All lists"),
    ]);
  }

  #nothingLeft() {
    this.saver?.stop();
    const here = this.signedHere ? ` You have signed ${this.signedHere} here.` : "";
    this.#close("Nothing is left for you in this list", `What is open waits for another reader, or for later.${here}`, [
      h("a", { class: "button button-primary", href: "/reviews" }, "All lists"),
    ]);
  }

  #noItem(id, answer) {
    if (answer.code === "blind_reading_open") {
      const held = answer.location?.split("/").pop() ?? "";
      this.#close("You are reading blind", "While you read an ECG blind, nothing else of the archive is shown: lock that reading first, or give it back.", [
        h("a", { class: "button button-primary", href: `/reviews/items/${held}` }, "Go to the reading"),
        h("a", { class: "button", href: "/reviews" }, "All lists"),
      ]);
    } else if (answer.code === "claim_expired") {
      this.#close("This ECG is not yours now", "You gave it back, or held it for longer than the list allows. If nobody else reads it, the list gives it to you again, with your draft.", [
        h("a", { class: "button button-primary", href: "/reviews" }, "All lists"),
      ]);
    } else if (answer.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    else if (answer.status === 0) {
      this.#close("The service does not answer", "Nothing is lost. Try again in a moment.", [
        h("button", { type: "button", class: "button button-primary", onclick: () => location.reload() }, "Try again"),
      ]);
    } else {
      this.#close("There is no such reading for you", "It belongs to another reader, or its ECG was erased.", [
        h("a", { class: "button button-primary", href: "/reviews" }, "All lists"),
      ]);
    }
  }

  #elsewhere(id) {
    this.#close("This reading is open in another tab", "It is written in one tab at a time, so that no words are lost.", [
      h("button", { type: "button", class: "button button-primary", onclick: () => this.#takeOver(id) }, "Go on here"),
      h("a", { class: "button", href: "/reviews" }, "All lists"),
    ]);
  }

  async #takeOver(id) {
    await this.tab.take();
    await this.#fetch(id);
  }

  async #lostToOtherTab() {
    const { id } = this.item;
    await this.saver.flush();
    await this.saver.stop();
    this.live.stop();
    this.#elsewhere(id);
  }

  /** Show a message in place of the ECG and the reading. Nothing of the ECG stays on the page. */
  #close(title, text, actions) {
    this.item = this.item && { id: this.item.id, list: this.item.list, signed: [], drafts: [] };
    this.phase = "closed";
    root.dataset.phase = "closed";
    this.paper.fail("");
    this.drawnFor = null;
    for (const name of ["editor", "beside", "findings", "change", "bar", "facts", "mode", "progress", "saved"]) place(name).replaceChildren();
    this.editor = null;
    this.#notice();
    place("title").textContent = "Review";
    place("closed").replaceChildren(h("h2", {}, title), h("p", {}, text), h("p", { class: "actions" }, actions));
    place("closed").querySelector("button, a").focus();
  }

  // --- small things -----------------------------------------------------------------------------------------------------

  #notice(text = "", kind = "", ...more) {
    place("notice").dataset.kind = kind;
    place("notice").className = text ? `notice notice-${kind}` : "";
    place("notice").replaceChildren(...(text ? [h("p", {}, text), ...more] : []));
  }

  #watchClaim(expires) {
    clearTimeout(this.ending);
    this.endsSoon = false;
    if (!expires) return;
    this.ending = setTimeout(() => {
      this.endsSoon = true;
      this.#notice("Your claim on this ECG ends in a minute. Press any key to keep it.", "warn");
    }, Math.max(0, Math.min(new Date(expires) - Date.now() - WARN_MS, 2 ** 31 - 1)));
  }

  #stillHere() {
    if (!this.endsSoon || !this.saver?.isOn || this.phase === "signed") return;
    this.endsSoon = false;
    this.saver.changed(this.editor.text);
    this.saver.flush();
  }

  #showKeys() {
    const keys = document.getElementById("keys");
    if (!keys.open) keys.showModal();
  }

  #key(event) {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    const isText = event.target.closest("input, textarea, select");
    const { key } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (this.phase === "expired") this.#claimAgain();
      else if (event.shiftKey && ["amend", "assisted", "decide"].includes(this.phase)) this.#sign({ goOn: false });
      else if (this.phase !== "closed" && this.item) this.#main(event);
    } else if (event.altKey && key.toLowerCase() === "b" && this.phase !== "closed" && this.phase !== "signed") {
      event.preventDefault();
      this.#release();
    } else if (key === "F1" || (key === "?" && !isText)) {
      event.preventDefault();
      this.#showKeys();
    } else if (key === "Escape" && isText) {
      event.target.blur();
      root.focus();
    } else if (!isText && !event.ctrlKey && !event.altKey && !event.metaKey) this.#plainKey(event);
  }

  #plainKey(event) {
    if (event.defaultPrevented || event.target.closest("[data-ecg-paper]")) return;
    const { others } = this.item ?? {};
    if (this.phase === "decide" && others && (event.key === "1" || event.key === "2")) this.#take(others[Number(event.key) - 1].text);
    else if (event.key === "n" && this.phase === "signed") this.#again();
    else if (event.key === "t" && this.editor && this.phase !== "signed") this.editor.focus();
    else return;
    event.preventDefault();
  }
}

/** Return the words that were written last: a draft, the locked reading or a signed version; null where there are none. */
function newestText(item) {
  const written = [
    ...item.drafts.slice(0, 1).map(({ text, saved_at: at }) => ({ text, at })),
    ...(item.first ? [{ text: item.first.text, at: item.first.locked_at }] : []),
    ...item.signed.slice(-1).map(({ text, signed_at: at }) => ({ text, at })),
  ];
  if (!written.length) return item.draft;
  return written.reduce((last, each) => (new Date(each.at) >= new Date(last.at) ? each : last)).text;
}

/** Return the zoom at which the paper stands beside the reading, as the style sheet lays them out. */
function zoomForRoom() {
  if (matchMedia("(min-width: 1560px)").matches) return 1;
  return matchMedia("(min-width: 1200px)").matches ? 0.75 : "fit";
}

const comparable = (found) => found.stance !== "agrees" && found.stance !== "unread";

new Reading().open(root.dataset.item);
