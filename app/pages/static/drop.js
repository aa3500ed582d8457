// Files that are dropped anywhere are tried out: on the page for it, or in a dialog over this one.

const brings = (event) => !event.defaultPrevented && [...(event.dataTransfer?.types ?? [])].includes("Files");
let sign = null;

const hide = () => { sign?.remove(); sign = null; };

addEventListener("dragover", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  if (sign) return;
  styles();
  sign = Object.assign(document.createElement("div"), { className: "drop-here", textContent: "Drop it to try it: nothing is kept" });
  document.body.append(sign);
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) hide(); });
addEventListener("dragend", hide);
addEventListener("drop", async (event) => {
  hide();
  if (!brings(event)) return;
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  const { mount } = await import("/static/try_it.js");
  const place = document.querySelector("[data-try]") ?? await opened();
  if (place) mount(place).take(files);
});

function styles() {
  if (document.querySelector('link[href="/static/try_it.css"]')) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/try_it.css" }));
}

/** Return the part of a page on which an ECG is tried out, in a dialog. */
async function opened() {
  styles();
  const { showProblem } = await import("/static/base.js");
  const response = await fetch("/try-it", { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
  if (!response?.ok) {
    showProblem(response?.status === 403 ? "Trying an ECG out needs the role reader." : "The service does not answer. Try again in a moment.");
    return null;
  }
  const dialog = Object.assign(document.createElement("dialog"), { className: "try-dialog" });
  dialog.setAttribute("aria-label", "Try it");
  dialog.innerHTML = `<header><h2>Try it</h2><button type="button" class="button">Close</button></header>${await response.text()}`;
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove()); // and with it the files
  document.body.append(dialog);
  dialog.showModal();
  return dialog.querySelector("[data-try]");
}

const here = document.querySelector("[data-try]");
if (here) (await import("/static/try_it.js")).mount(here);
