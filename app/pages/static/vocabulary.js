// Drafts of a vocabulary, and what one would change.

import { api, problemOf } from "./base.js";
import { bodyOf, dataOf } from "./forms.js";

const element = (name, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
};
const whole = new Intl.NumberFormat();
const COUNTS = [["machine", "Machine"], ["overread", "Over-read"], ["added", "Added"], ["removed", "Removed"]];

function cell(before, after, name) {
  const [old, now] = [before?.[name], after?.[name]];
  const words = (value) => (value === undefined ? "–" : whole.format(value));
  if (old === now) return element("td", { className: "num" }, words(now));
  return element("td", { className: "num changed", title: `${words(old)} before, ${words(now)} after` }, element("del", {}, words(old)), words(now));
}

function marked(text, finding) {
  if (finding?.start == null) return element("p", { className: "said" }, text);
  const letters = [...text]; // positions are code points
  const part = (from, to) => letters.slice(from, to).join("");
  return element("p", { className: "said" }, part(0, finding.start), element("mark", {}, part(finding.start, finding.end)), part(finding.end));
}

function rowOfExample(example, names) {
  const ecg = element("a", { href: `/ecgs/${example.ecg_id}` }, example.source === "machine" ? "machine" : "over-read");
  const finding = example.after ?? example.before;
  const said = (found) => found?.status ?? "–";
  return element("tr", {}, element("td", {}, ecg), element("td", {}, names[example.label] ?? example.label),
    element("td", {}, `${said(example.before)} → ${said(example.after)}`), element("td", {}, marked(example.text ?? "codes", finding)));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((words) => {
    const counted = COUNTS.some(([, name]) => name === words);
    return element("th", counted ? { className: "num", title: `Pairs, ${words.toLowerCase()}: before, and with this version` } : {}, words);
  }));
  return element("div", { className: "scroll" }, element("table", { className: "table" }, element("thead", {}, head), element("tbody", {}, ...rows)));
}

/** Return what a preview says: the cells of the table before and after, and findings that change. */
export function previewOf(found) {
  const names = Object.fromEntries(found.labels.map(({ label, name }) => [label, name]));
  const differs = found.labels.filter(({ before, after }) => COUNTS.some(([name]) => before?.[name] !== after?.[name]));
  const made = element("div", {}, element("p", {},
    element("strong", {}, whole.format(found.reports_changed)), ` of the reports of ${whole.format(found.pairs)} pairs change their findings`,
    found.pairs < found.pairs_in_all ? ` (of ${whole.format(found.pairs_in_all)} pairs, chosen at random).` : ", which are all.",
    ` From ${found.active} to ${found.vocabulary}.`));
  if (differs.length) {
    made.append(table(["Label", ...COUNTS.map(([, words]) => words)], differs.map(({ name, before, after }) =>
      element("tr", {}, element("td", {}, name), ...COUNTS.map(([key]) => cell(before, after, key))))));
  } else made.append(element("p", { className: "muted" }, "No cell of the table changes."));
  if (found.examples.length) {
    made.append(element("h2", {}, "Findings that change"), table(["Report", "Label", "Finding", "Text"], found.examples.map((each) => rowOfExample(each, names))));
  }
  if (found.stances.length) {
    made.append(element("h2", {}, "Reports that are read differently"), table(["Report", "Before", "After", "Text"], found.stances.map((each) =>
      element("tr", {}, element("td", {}, element("a", { href: `/ecgs/${each.ecg_id}` }, each.source === "machine" ? "machine" : "over-read")),
        element("td", {}, each.before), element("td", {}, each.after), element("td", { className: "statement" }, each.text ?? "codes")))));
  }
  if (found.hidden_terms.length) {
    const lines = found.hidden_terms.map(({ place, term, by }) => element("li", {}, `${place} “${term}”: ${by}`));
    made.append(element("div", { className: "notice notice-warn" }, element("h2", {}, "Terms that find nothing"), element("ul", {}, ...lines)));
  }
  return made;
}

// a draft: the fields of one term are sent as a list of one; the answer is the draft that the next one is added to
const draft = document.querySelector("[data-draft]");
const yaml = document.querySelector("[data-draft-yaml]");

function problems(form, lines) {
  const place = form.querySelector("[data-problem]");
  place.replaceChildren(...lines.map((line) => element("p", {}, line)));
  place.hidden = !lines.length;
}

async function sent(form, path, body) {
  form.setAttribute("aria-busy", "true");
  try {
    const response = await api(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    if (!response.ok) {
      const { errors, detail } = await response.clone().json().catch(() => ({}));
      problems(form, errors?.length ? errors.map(({ reason }) => reason) : [detail ?? await problemOf(response)]);
      return null;
    }
    problems(form, []);
    return await response.json();
  } catch {
    problems(form, ["The service does not answer. Try again in a moment."]);
    return null;
  } finally {
    form.removeAttribute("aria-busy");
  }
}

async function addTerm(form) {
  const { term, label, language, version } = await bodyOf(form);
  const from = yaml.value ? { yaml: yaml.value } : { version };
  const answer = await sent(form, "/v1/vocabularies/draft", { ...from, add: [{ term, label: label ?? null, language }] });
  if (!answer) return;
  yaml.value = answer.yaml;
  draft.hidden = false;
  document.querySelector("[data-draft-version]").textContent = answer.version;
  const means = form.elements.label.selectedOptions[0].textContent;
  document.querySelector("[data-draft-added]").append(element("li", {}, `“${term}” (${language}) means ${means}`));
  form.elements.term.value = "";
  form.elements.term.focus();
}

async function preview(form) {
  const place = document.querySelector(dataOf(form).previews);
  const body = await bodyOf(form);
  body.sample = body.sample === "all" ? "all" : Number(body.sample);
  if ("withDraft" in dataOf(form)) body.yaml = yaml.value;
  place.replaceChildren(element("p", { className: "muted" }, "Reading …"));
  const answer = await sent(form, "/v1/vocabularies/preview", body);
  if (answer?.kind === "preview") { location.assign(`/jobs/${answer.id}`); return; }
  place.replaceChildren(...(answer ? [previewOf(answer)] : []));
}

async function store(form) {
  const answer = await sent(form, "/v1/vocabularies", { yaml: yaml.value });
  if (answer) location.assign(`/vocabularies/${encodeURIComponent(answer.version)}`);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const does = "drafts" in dataOf(form) ? addTerm : dataOf(form).previews ? preview : "withDraft" in dataOf(form) ? store : null;
  if (!does) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // these forms are not sent field by field
  if (form.getAttribute("aria-busy") !== "true") does(form);
}, true);

document.querySelector("[data-draft-save]")?.addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([yaml.value], { type: "application/yaml" }));
  element("a", { href: address, download: "draft.yaml" }).click();
  URL.revokeObjectURL(address);
});

for (const place of document.querySelectorAll("[data-preview-of]")) {
  const response = await api(place.dataset.previewOf).catch(() => null);
  const job = response?.ok ? await response.json() : null;
  place.replaceChildren(job?.result ? previewOf(job.result) : element("p", { className: "muted" }, response ? await problemOf(response) : "The service does not answer."));
}
