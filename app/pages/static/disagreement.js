// What is opened on a page about disagreement stays open while its filters change.

const open = new Map();

document.addEventListener("toggle", (event) => {
  const kept = event.target.dataset?.keepOpen;
  if (kept) open.set(kept, event.target.open);
}, true);

document.addEventListener("htmx:load", (event) => {
  for (const details of event.detail.elt.querySelectorAll?.("details[data-keep-open]") ?? []) {
    if (open.get(details.dataset.keepOpen)) details.open = true;
  }
});
