// The form of a new list: what the rule needs is shown; what the service refuses is said at its field.

import { call } from "./calls.js";
import { h } from "./dom.js";
import { showProblem } from "../base.js";

const form = document.getElementById("new-list");
const BY_CHANGE = new Set(["added", "removed"]); // who reads some of them blind knows what the machine says in the others
const value = (name) => form.elements[name]?.value.trim() || null;
const share = (name) => Number(value(name) ?? 0) / 100;

function fit() {
  const blind = new FormData(form).get("mode") === "blind";
  const rules = form.elements.kind;
  for (const option of rules.options) option.disabled = blind && BY_CHANGE.has(option.value);
  if (rules.selectedOptions[0]?.disabled) rules.selectedIndex = [...rules.options].findIndex((option) => !option.disabled);
  const { kind } = Object.fromEntries(new FormData(form));
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
  for (const note of form.querySelectorAll("[data-blind-note]")) note.hidden = !blind;
}

function asked() {
  const kind = value("kind");
  const rule = { kind };
  if (kind === "random") rule.seed = Number(value("seed") ?? 0);
  if (BY_CHANGE.has(kind)) rule.label = value("label");
  const filters = {
    recorded_from: time(value("recorded_from")),
    recorded_to: time(value("recorded_to")),
    site: value("site"),
    device: value("device"),
    only_unread: form.elements.only_unread.checked,
  };
  if (form.elements.simulated.checked) filters.simulated = true;
  return {
    name: value("name"),
    mode: new FormData(form).get("mode"),
    rule,
    filters: Object.fromEntries(Object.entries(filters).filter(([, each]) => each !== null)),
    ecgs: Number(value("ecgs")),
    readings: form.elements.second.checked ? 2 : 1,
    repeat_share: share("repeat_share"),
    repeat_after_days: Number(value("repeat_after_days") ?? 28),
    gold_share: share("gold_share"),
    claim_minutes: Number(value("claim_minutes")),
  };
}

const time = (day) => (day === null ? null : new Date(`${day}T00:00`).toISOString());

/** Say at its field what the service refuses; what has no field stands at the top. */
function refuse({ errors, detail }) {
  const left = [];
  for (const { field, reason } of errors) {
    const name = field.split(".").at(-1);
    const at = form.elements[name]?.closest?.(".field") ?? form.querySelector(`[data-errors="${field}"]`);
    if (at) at.append(h("small", { class: "field-error", role: "alert" }, reason));
    else left.push(`${field}: ${reason}`);
  }
  if (left.length || !errors.length) showProblem(left.join(" ") || detail);
  form.querySelector(".field-error")?.closest(".field")?.querySelector("input, select")?.focus();
}

form.addEventListener("change", fit);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  if (button.disabled) return;
  button.disabled = true;
  for (const old of form.querySelectorAll(".field-error")) old.remove();
  const answer = await call("/v1/reviews/lists", { method: "POST", body: asked() });
  button.disabled = false;
  if (answer.ok) location.assign("/reviews");
  else refuse(answer);
});
fit();
