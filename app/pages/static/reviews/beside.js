// What stands beside a reading once it may be seen: the machine's text, predictions, other readings, earlier versions.

import { chip, chips, marked } from "./findings.js";
import { h, when } from "./dom.js";
import { changes, differing, inOrder, linesOf, sentence, statuses } from "./text.js";

const PREDICTED = { likely_added: "likely added", likely_removed: "likely removed" };
const STANCES = {
  agrees: "It agrees with the machine's report.",
  unreadable: "It says that the tracing cannot be read.",
  unread: "It is in a language that the vocabulary does not have.",
};

const panel = (title, ...children) => h("section", { class: "card beside" }, h("h2", {}, title), children);

const wide = (made) => {
  made.classList.add("beside-wide");
  return made;
};

const stance = (reading) => (STANCES[reading.stance] ? h("p", { class: "muted" }, STANCES[reading.stance]) : null);

/** Return the machine's report, statement by statement; `take(line)` adds one to the reading. */
export function machinePanel(reading, names, take) {
  if (!reading) return panel("The machine's report", h("p", { class: "muted" }, "There is none for this ECG."));
  const lines = linesOf(reading).map(({ text, start, end }) => {
    const findings = reading.findings
      .filter((finding) => finding.start >= start && finding.end <= end)
      .map((finding) => ({ ...finding, start: finding.start - start, end: finding.end - start, cue_start: null, cue_end: null }));
    return h("li", {}, h("span", {}, marked(text, findings, names)),
      take && h("button", { type: "button", class: "button button-quiet", title: "Add this statement to your reading", onclick: () => take(text) }, "Take over"));
  });
  return panel("The machine's report", h("ul", { class: "statements" }, lines), h("p", { class: "chips" }, chips(reading.findings, names)));
}

/** Return what changes against the machine's report, in words and as chips. */
export function changeWords(before, after, names) {
  const found = inOrder(changes(before, after), names);
  return [
    h("p", {}, sentence(found, names)),
    h("p", { class: "chips" }, found.map(({ label, kind, verb, after: status }) =>
      h("span", { class: `chip ${{ added: "chip-added", removed: "chip-removed", hedged: "chip-warn" }[kind] ?? ""}`, title: verb },
        { added: "+ ", removed: "− ", hedged: "? " }[kind] ?? "", names[label] ?? label, status === "uncertain" && kind === "added" ? " (possible)" : ""))),
  ];
}

const byWeight = (a, b) => Number(a.discrepancy in PREDICTED) !== Number(b.discrepancy in PREDICTED)
  ? Number(b.discrepancy in PREDICTED) - Number(a.discrepancy in PREDICTED)
  : b.probability - a.probability;

/** Return what the model says of each label. */
export function predictionPanel(prediction) {
  if (!prediction) return panel("The model's prediction", h("p", { class: "muted" }, "None is stored for this ECG."));
  const rows = [...prediction.labels].sort(byWeight).map(({ name, probability, positive, discrepancy }) => {
    const percent = `${(100 * probability).toFixed(0)} %`;
    const width = 90;
    return h("tr", {},
      h("th", { scope: "row" }, name),
      h("td", {}, h("svg", { class: "probability", viewBox: `0 0 ${width} 8`, width, height: 8, "aria-hidden": "true" },
        h("rect", { class: "probability-all", x: 0, y: 0, width, height: 8 }),
        h("rect", { class: positive ? "probability-yes" : "probability-no", x: 0, y: 0, width: (width * probability).toFixed(1), height: 8 }))),
      h("td", { class: "num", title: `The model gives ${name} a probability of ${percent}` }, percent),
      h("td", {}, PREDICTED[discrepancy] ? h("span", { class: `chip chip-${discrepancy === "likely_added" ? "added" : "removed"}`, title: "Where the model differs from the machine's report" }, PREDICTED[discrepancy]) : positive ? "present" : ""));
  });
  return wide(panel("The model's prediction",
    h("p", { class: "muted" }, `Model ${prediction.model.name}. A bar is the probability that a label is present.`),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Predictions" }, h("table", { class: "table predictions" }, h("tbody", {}, rows)))));
}

/** Return two readings side by side, without names, their differences marked; `take(text)` takes one. */
export function othersPanel(others, names, take) {
  const [left, right] = others;
  const texts = differing(left.text, right.text);
  const one = (reading, at) =>
    h("section", { class: "card reading-other" },
      h("h2", {}, `Reading ${at + 1}`),
      h("p", { class: "reading-words" }, texts[at].map(({ text, differs }) => (differs ? h("mark", { class: "differs" }, text) : text))),
      stance(reading),
      h("p", { class: "chips" }, chips(reading.findings, names)),
      h("button", { type: "button", class: "button", onclick: () => take(reading.text) }, `Take reading ${at + 1}`, h("kbd", {}, String(at + 1))));
  const [a, b] = [statuses(left.findings), statuses(right.findings)];
  const differ = Object.keys(names).filter((label) => a.get(label) !== b.get(label));
  const cell = (label, status) => h("td", {}, status ? chip(names[label], status) : h("span", { class: "muted" }, "not mentioned"));
  return [
    h("div", { class: "others beside-wide" }, one(left, 0), one(right, 1)),
    differ.length
      ? h("table", { class: "table differences beside-wide" },
          h("caption", {}, "Where the two readings differ"),
          h("thead", {}, h("tr", {}, ["Label", "Reading 1", "Reading 2"].map((words) => h("th", { scope: "col" }, words)))),
          h("tbody", {}, differ.map((label) => h("tr", {}, h("th", { scope: "row" }, names[label]), cell(label, a.get(label)), cell(label, b.get(label))))))
      : h("p", { class: "muted beside-wide" }, "The two readings have the same labels; their words differ."),
  ];
}

/** Return the first reading, as it was locked. */
export function firstPanel(first, names) {
  return panel("Your first reading",
    h("p", { class: "muted" }, "Locked at ", when(first.locked_at), ", before you saw the machine's report. It stays as it is."),
    h("p", { class: "reading-words" }, marked(first.text, first.findings, names)));
}

/** Return the signed versions, newest first. */
export function versionsPanel(item, names) {
  const versions = item.signed.map((reading, at) =>
    h("li", { value: at + 1 },
      h("p", { class: "muted" }, `Signed by ${item.reader} at `, when(reading.signed_at), reading.reason ? `. Reason: ${reading.reason}` : ""),
      h("p", { class: "reading-words" }, marked(reading.text, reading.findings, names)),
      h("p", { class: "chips" }, chips(reading.findings, names))));
  return panel(versions.length > 1 ? "Your versions" : "Your reading", h("ol", { class: "versions", reversed: true }, versions.reverse()));
}
