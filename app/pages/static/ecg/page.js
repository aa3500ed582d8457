// The page of one ECG: our measurements, another ECG laid under, a question to the model, print.

import { api, localTimes, problemOf, showProblem } from "/static/base.js";
import { mount, paperOf } from "./mount.js";
import { EcgPaper } from "./paper.js";
import { firstPeak } from "./rpeaks.js";

const element = document.querySelector("[data-ecg-paper]");

document.querySelector("[data-print]")?.addEventListener("click", () => print());

/** Fill in what is measured here, and tell it to the paper's text alternative. */
async function measure(table) {
  const note = document.querySelector("[data-measured-note]");
  note.textContent = "Measuring …";
  const response = await api(table.dataset.measurements).catch(() => null);
  if (!response?.ok) {
    note.textContent = response ? `Nothing could be measured here: ${await problemOf(response)}` : "The service does not answer.";
    return;
  }
  const { overread } = await response.json();
  const said = [];
  for (const cell of table.querySelectorAll("[data-ours]")) {
    const value = overread?.[cell.dataset.ours];
    if (value === null || value === undefined) continue;
    const [name, unit] = [cell.parentElement.cells[0].textContent.trim(), cell.parentElement.cells[3].textContent];
    cell.textContent = String(Math.round(value)).replace("-", "\u2212");
    said.push(`${name} ${Math.round(value)} ${unit}`);
  }
  note.textContent = said.length ? "Ours: measured here, in the first ten seconds." : "Nothing could be measured here.";
  if (said.length) {
    element.dataset.description = [element.dataset.description, `Measured here: ${said.join(", ")}`].filter(Boolean).join(". ");
    paperOf(element)?.describe(element.dataset.description);
  }
}

const table = document.querySelector("[data-measurements]");
if (table?.dataset.measurements && element) measure(table);

// ---- another ECG of the patient, laid under this one

let under = null;

async function layUnder(chosen) {
  const paper = paperOf(element);
  for (const each of document.querySelectorAll("[data-lay-under]")) each.setAttribute("aria-pressed", String(each === chosen));
  under = chosen;
  const note = document.querySelector("[data-align-note]");
  if (!chosen || !paper?.ecg?.signal) {
    paper?.overlay(null);
    note.textContent = "";
    return;
  }
  try {
    const { signal, rateHz } = await EcgPaper.load(chosen.dataset.layUnder);
    if (under !== chosen) return;
    const other = { signal, rateHz: rateHz ?? Number(chosen.dataset.rate) };
    const peaks = document.querySelector("[name=align]:checked").value === "r" ? [firstPeak(paper.ecg), firstPeak(other)] : [null, null];
    const byPeaks = peaks.every((each) => each !== null);
    const words = `blue: ${chosen.dataset.name}, aligned by ${byPeaks ? "the first R peak" : "the start"}`;
    paper.overlay({ ...other, shiftS: byPeaks ? peaks[0] - peaks[1] : 0, words });
    note.textContent = `${words[0].toUpperCase()}${words.slice(1)}. Only that beat need fit: the rates may differ.`;
    element.scrollIntoView({ block: "nearest" });
  } catch (problem) {
    layUnder(null);
    showProblem(problem.message);
  }
}

for (const each of document.querySelectorAll("[data-lay-under]")) {
  each.addEventListener("click", () => layUnder(under === each ? null : each));
}
for (const each of document.querySelectorAll("[name=align]")) each.addEventListener("change", () => { if (under) layUnder(under); });

// ---- a question to the model

document.querySelector("[data-ask]")?.addEventListener("click", async ({ target }) => {
  const note = document.querySelector("[data-ask-note]");
  target.disabled = true;
  note.hidden = false;
  try {
    const response = await api("/v1/predictions", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ecg_id: target.dataset.ask }),
    });
    if (!response.ok) showProblem(await problemOf(response));
    else {
      const part = await api(`/ecgs/${target.dataset.ask}/predictions`, { headers: { "HX-Request": "true" } });
      const place = document.getElementById("predictions");
      place.innerHTML = await part.text();
      localTimes(place);
    }
  } catch {
    showProblem("The service does not answer. Try again in a moment.");
  }
  target.disabled = false;
  note.hidden = true;
});

// the PDF is of what is shown
const pdf = document.querySelector("[data-pdf]");
pdf?.addEventListener("click", () => {
  const paper = paperOf(element);
  if (!paper) return;
  const { layout, speed, gain } = paper.settings;
  pdf.search = new URLSearchParams({ layout, speed, gain, start_s: paper.startS });
});

if (element && !paperOf(element)) mount(element);
