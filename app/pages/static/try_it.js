// An ECG that is tried out: sent to `POST /v1/try`, drawn, with what its reports and the model say. Nothing is kept.

import { api, problemOf } from "/static/base.js";
import { EcgPaper } from "/static/ecg/paper.js";

const SVG = "http://www.w3.org/2000/svg";
const STATUS = { present: "present", uncertain: "hedged", negated: "denied", past: "of the past" };
const DIFFERS = { likely_added: "the model adds it", likely_removed: "the model removes it", agree: "" };
const SOURCES = { machine: "The machine", overread: "The over-read" };

const element = (name, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
};

/** Return a text with its findings marked. Positions are code points. */
export function marked(text, findings, names) {
  const letters = [...text];
  const said = element("p", { className: "said" });
  let at = 0;
  for (const each of [...findings].filter(({ start }) => start !== null).sort((a, b) => a.start - b.start)) {
    if (each.start < at) continue; // within another one
    said.append(letters.slice(at, each.start).join(""));
    const words = letters.slice(each.start, each.end).join("");
    const title = `${names[each.label] ?? each.label}: ${STATUS[each.status] ?? each.status}`;
    said.append(element("mark", { className: each.status, title }, words));
    at = each.end;
  }
  said.append(letters.slice(at).join(""));
  return said;
}

/** Return what a report says as chips, and words for a report without findings. */
export function chips(report, names) {
  const made = element("p", { className: "chips" });
  for (const { label, status } of report.findings) {
    made.append(element("span", { className: status === "present" ? "chip chip-added" : "chip" }, `${names[label] ?? label}${status === "present" ? "" : `, ${STATUS[status] ?? status}`}`));
  }
  const why = { agrees: "It only agrees.", unreadable: "It says that the tracing cannot be read.", unread: "It is in a language that the vocabulary does not have." };
  if (!report.findings.length) made.append(element("span", { className: "muted" }, why[report.stance] ?? "None of the labels is mentioned."));
  return made;
}

function bar(score, threshold) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "score");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const put = (name, attributes) => {
    const part = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    svg.append(part);
  };
  put("rect", { width: 100, height: 10 });
  put("rect", { class: "fill", width: 100 * score, height: 10 });
  put("line", { x1: 100 * threshold, x2: 100 * threshold, y1: 0, y2: 10 });
  return svg;
}

function predictions(answer) {
  if (answer.problem) return element("div", { className: "notice notice-warn" }, element("p", {}, answer.problem.detail));
  const head = element("tr");
  const heads = [
    ["Label", ""], ["Score", "The model's raw output against its threshold, the line: at or beyond it the label counts as positive"],
    ["Probability", "Calibrated: that an expert would state the label"], ["", ""],
  ];
  for (const [words, title] of heads) head.append(element("th", { title, className: words === "Probability" ? "num" : "" }, words));
  const rows = answer.labels.map((label) => {
    const differs = DIFFERS[label.discrepancy] ?? "";
    const name = element("td", {}, label.positive ? element("strong", {}, label.name) : label.name);
    const drawn = element("td", { title: `score ${label.score.toFixed(3)}, threshold ${label.threshold.toFixed(3)}` }, bar(label.score, label.threshold));
    return element("tr", {}, name, drawn, element("td", { className: "num" }, `${(100 * label.probability).toFixed(1)} %`), element("td", { className: "muted" }, differs));
  });
  const table = element("table", { className: "table" }, element("thead", {}, head), element("tbody", {}, ...rows));
  const by = element("p", { className: "muted" }, `${answer.model.name}, on ${answer.windows} window${answer.windows === 1 ? "" : "s"} of 10 s. For research, not for clinical use.`);
  return element("div", {}, element("div", { className: "scroll" }, table), by);
}

/** Return the leads of an answer's signal, each as a Float32Array in mV. */
export function leadsOf(answer) {
  const text = atob(answer.waveform);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const all = new Float32Array(bytes.buffer);
  return answer.leads.map((_, lead) => all.subarray(lead * answer.samples, (lead + 1) * answer.samples));
}

const mounted = new WeakMap();

/** Make a part of the page work; return `{ take(files) }`, which tries files out. */
export function mount(root) {
  if (mounted.has(root)) return mounted.get(root);
  const names = JSON.parse(root.dataset.names);
  const find = (name) => root.querySelector(`[data-try-${name}]`);
  let kept = [];
  let turn = 0;

  const say = (words) => {
    find("problem").textContent = words;
    find("problem").hidden = !words;
  };

  async function take(files) {
    const mine = ++turn;
    kept = [...files];
    if (!kept.length) return;
    say("");
    find("kept").replaceChildren();
    find("busy").hidden = false;
    try {
      const body = new FormData();
      for (const file of kept) body.append("file", file);
      const response = await api("/v1/try", { method: "POST", body });
      if (mine !== turn) return; // other files were dropped meanwhile
      if (!response.ok) { find("result").hidden = true; say(await why(response)); return; }
      show(await response.json());
    } catch {
      if (mine === turn) say("The service does not answer, or the files could not be read. Try again in a moment.");
    } finally {
      if (mine === turn) find("busy").hidden = true;
    }
  }

  async function why(response) {
    const copy = response.clone();
    try {
      const { errors } = await response.json();
      if (errors?.length) return errors.map(({ reason }) => reason).join("; ");
    } catch { /* said below */ }
    return problemOf(copy);
  }

  function show(answer) {
    find("result").hidden = false;
    find("title").textContent = kept.map(({ name }) => name).sort().join(", ");
    const seconds = answer.samples / answer.sampling_rate_hz;
    const paper = find("paper").paper ??= new EcgPaper(find("paper"), {});
    paper.show({
      signal: leadsOf(answer), rateHz: answer.sampling_rate_hz, leads: answer.leads, scaleKnown: answer.scale_known,
      caption: "not stored", description: `${seconds.toFixed(1)} s at ${answer.sampling_rate_hz} Hz`,
    });
    find("model").replaceChildren(predictions(answer));
    const readings = answer.readings.map((report) => element("div", {},
      element("h3", {}, SOURCES[report.source]), report.text ? marked(report.text, report.findings, names) : element("p", { className: "muted" }, "Codes without text."), chips(report, names)));
    find("readings").replaceChildren(...(readings.length ? readings : [element("p", { className: "muted" }, "The file holds no report.")]));
  }

  find("form").addEventListener("submit", (event) => event.preventDefault());
  find("form").querySelector("input").addEventListener("change", (event) => take(event.target.files));

  find("keep").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.getAttribute("aria-busy") === "true" || !kept.length) return;
    form.setAttribute("aria-busy", "true");
    try {
      const body = new FormData();
      for (const file of kept) body.append("file", file);
      const said = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
      body.append("metadata", JSON.stringify(said));
      const response = await api("/v1/ecgs", { method: "POST", body });
      if (!response.ok) { find("kept").textContent = await why(response); return; }
      const ecg = await response.json();
      const link = element("a", { href: `/ecgs/${ecg.id}` }, "Open the ECG");
      find("kept").replaceChildren(response.status === 201 ? "Kept. " : "It was stored already. ", link);
    } catch {
      find("kept").textContent = "The service does not answer. Try again in a moment.";
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  let waiting = 0;
  let asked = 0;
  find("text").addEventListener("submit", (event) => event.preventDefault());
  find("text").querySelector("textarea").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const text = event.target.value;
      const mine = ++asked;
      if (!text.trim()) { find("read").replaceChildren(); return; }
      try {
        const options = { method: "POST", body: JSON.stringify({ text }), headers: { "Content-Type": "application/json" } };
        const response = await api("/v1/labels/extract", options);
        if (mine !== asked) return; // more was typed meanwhile
        if (!response.ok) { find("read").replaceChildren(element("p", { className: "muted" }, await why(response))); return; }
        const report = await response.json();
        find("read").replaceChildren(marked(text, report.findings, names), chips(report, names));
      } catch {
        find("read").replaceChildren(element("p", { className: "muted" }, "The service does not answer. Try again in a moment."));
      }
    }, 250);
  });

  const made = { take };
  mounted.set(root, made);
  return made;
}
