// Forms that call the API: <form data-api="/v1/datasets" data-go="/jobs/{id}">.
//
// Fields become JSON: a dot in a name is a step into an object; `data-type` is number, numbers ("9, 10"), boolean, date
// (its first moment in UTC), json or file (a text file's content); several options are a list. A fieldset with
// `data-when="split.by=fold"` is there only while that field has that value. Empty fields are left out, and with
// `data-unchanged="omit"` those that nobody changed. `data-go` is where to go afterwards, with names of the answer in braces; `data-method` is POST unless given; without it the event `api:done` tells the page. A form has one
// Idempotency-Key for each content, so that a double click starts one job. `data-opens` opens a dialog.

import { api, showProblem } from "./base.js";

/** Return the `data-` attributes of a form; `form.dataset` would be its field of that name. */
export const dataOf = (form) => Reflect.get(HTMLElement.prototype, "dataset", form);

const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Return the numbers of a list; what is no number stays as it is written, for the API to name. */
const numbersOf = (text) => text.split(/[\s,;]+/).filter(Boolean).map((word) => (Number.isFinite(Number(word)) ? Number(word) : word));

async function valueOf(field) {
  if (field.multiple && field.options) return field.selectedOptions.length ? [...field.selectedOptions].map((option) => option.value) : undefined;
  switch (field.dataset.type) {
    case "number": return field.value === "" ? undefined : Number(field.value);
    case "numbers": return field.value.trim() === "" ? undefined : numbersOf(field.value);
    case "date": return field.value === "" ? undefined : `${field.value}T00:00:00Z`;
    case "boolean": return field.type === "checkbox" ? field.checked : field.value === "" ? undefined : field.value === "true";
    case "json": return field.value === "" ? undefined : JSON.parse(field.value);
    case "file": return field.files.length ? await field.files[0].text() : undefined;
    default: return field.value === "" ? undefined : field.value;
  }
}

function isUnchanged(field) {
  if (field.dataset.unchanged !== "omit") return false;
  if (field.options) return [...field.options].every((option) => option.selected === option.defaultSelected);
  return field.type === "checkbox" ? field.checked === field.defaultChecked : field.value === field.defaultValue;
}

function put(into, path, value) {
  const steps = path.split(".");
  for (const step of steps.slice(0, -1)) into = into[step] ??= {};
  into[steps.at(-1)] = value;
}

/** Return what a form's fields say, as the API wants it. */
export async function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.matches(":disabled") || isUnchanged(field) || (field.type === "radio" && !field.checked)) continue;
    const value = await valueOf(field);
    if (value === undefined) continue;
    put(body, field.name, value);
  }
  return body;
}

function show(form, lines) {
  const place = form.querySelector("[data-problem]");
  if (!place) { if (lines.length) showProblem(lines.join(" ")); return; }
  place.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  place.hidden = lines.length === 0;
  if (lines.length) place.scrollIntoView({ block: "nearest" });
}

function problems(form, problem) {
  for (const field of form.elements) field.removeAttribute?.("aria-invalid");
  const lines = (problem.errors ?? []).map(({ field, reason }) => {
    const name = field.replace(/^(body|query)\./, "");
    form.elements.namedItem(name)?.setAttribute?.("aria-invalid", "true");
    return `${name}: ${reason}`;
  });
  return lines.length ? lines : [problem.detail];
}

const sent = new WeakMap(); // what a form has sent, and under which key

async function send(form) {
  const body = await bodyOf(form);
  const path = dataOf(form).api.replace(/\{(\w+)\}/g, (_, name) => {
    const value = body[name];
    delete body[name];
    return encodeURIComponent(value ?? "");
  });
  const content = JSON.stringify(body);
  if (sent.get(form)?.content !== content) sent.set(form, { content, key: random() });
  const headers = "keyless" in dataOf(form) ? {} : { "Idempotency-Key": sent.get(form).key };
  const options = { method: dataOf(form).method ?? "POST", headers };
  if (!("bodyless" in dataOf(form))) { options.body = content; headers["Content-Type"] = "application/json"; }
  const response = await api(path, options);
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) { show(form, problems(form, answer)); return; }
  show(form, []);
  if (dataOf(form).go !== undefined) {
    location.assign(dataOf(form).go.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name] ?? "")) || location.href);
    return;
  }
  form.dispatchEvent(new CustomEvent("api:done", { bubbles: true, detail: { answer, body } }));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!dataOf(form).api) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  try {
    await send(form);
  } catch (error) {
    show(form, [error instanceof SyntaxError ? "A field is not written as JSON." : "The service does not answer. Try again in a moment."]);
  } finally {
    form.removeAttribute("aria-busy");
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  event.target.closest?.("[data-closes]")?.closest("dialog").close();
});

function showWhatApplies(form) {
  for (const part of form.querySelectorAll("fieldset[data-when]")) {
    const [name, value] = part.dataset.when.split("=");
    part.hidden = part.disabled = form.elements.namedItem(name).value !== value;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.form) showWhatApplies(event.target.form);
});

function ready() {
  for (const form of document.querySelectorAll("form[data-api]")) showWhatApplies(form);
  document.documentElement.dataset.forms = "ready";
  for (const form of document.querySelectorAll("form[data-early]")) form.requestSubmit();
}

if (document.readyState === "complete") ready();
else addEventListener("load", ready);
