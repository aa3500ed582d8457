// Draws every `<div data-ecg-paper data-waveform="…">` of a page. Attributes:
// data-waveform (address of a packed waveform), data-rate (Hz, where the answer does not say it), data-simulated, data-scale-known,
// data-caption, data-description, data-start (s), data-layout, data-controls="false". Without data-waveform it is empty.

import { EcgPaper } from "./paper.js";

/** Return the paper of an element, once it is mounted. It hangs on the element: this module may be loaded twice. */
export const paperOf = (element) => element?.ecgPaper;

/** Draw the ECG that an element's attributes name; again after they have changed. */
export async function mount(element) {
  const { waveform, layout, controls } = element.dataset;
  const paper = paperOf(element) ?? new EcgPaper(element, {
    controls: controls !== "false", settings: layout ? { layout } : {}, message: waveform ? "Loading the ECG …" : "",
  });
  element.ecgPaper = paper;
  const known = {
    startS: Number(element.dataset.start ?? 0),
    simulated: element.dataset.simulated === "true",
    scaleKnown: element.dataset.scaleKnown !== "false",
    caption: element.dataset.caption ?? "",
    description: element.dataset.description ?? "",
  };
  if (!waveform) {
    paper.show({ ...known, signal: null });
    return paper;
  }
  try {
    const { signal, rateHz } = await EcgPaper.load(waveform);
    if (element.dataset.waveform !== waveform) return paper; // another one was asked for meanwhile
    paper.show({ ...known, signal, rateHz: rateHz ?? Number(element.dataset.rate) });
    element.dispatchEvent(new CustomEvent("ecg:shown", { bubbles: true, detail: paper }));
  } catch (problem) {
    paper.fail(problem.message);
    element.dataset.failed = String(problem.status ?? 0);
  }
  return paper;
}

const mountBelow = (root) => {
  const below = root.querySelectorAll?.("[data-ecg-paper]") ?? [];
  for (const element of [...(root.matches?.("[data-ecg-paper]") ? [root] : []), ...below]) if (!paperOf(element)) mount(element);
};

mountBelow(document);
document.addEventListener("htmx:load", (event) => mountBelow(event.detail.elt));
