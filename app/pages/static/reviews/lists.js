// The page of lists: take the next ECG of one, close one.

import { call } from "./calls.js";
import { showProblem } from "../base.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-claim], [data-close], [data-release]");
  if (!button || button.disabled) return;
  button.disabled = true;
  const { claim, close, release, name } = button.dataset;
  if (claim) await read(claim, name);
  if (close) await (button.dataset.asked ? shut(close) : ask(button));
  if (release) await giveBack(release);
  button.disabled = false;
});

async function read(list, name) {
  const answer = await call(`/v1/reviews/lists/${list}/claim`, { method: "POST" });
  const held = answer.location?.split("/").pop();
  if (answer.ok && answer.data.item) location.assign(`/reviews/items/${answer.data.item.id}`);
  else if (answer.ok) showProblem(`Nothing is left for you in “${name}”: what is open waits for another reader, or for later.`);
  else if (answer.code === "claim_open" && held) location.assign(`/reviews/items/${held}`);
  else showProblem(answer.detail);
}

/** Ask back in the button itself: the second press does it. */
function ask(button) {
  button.dataset.asked = "yes";
  button.title = "What readers hold they may finish; nothing more is given out";
  button.firstChild.textContent = "Really close";
  button.classList.replace("button-quiet", "button-danger");
}

async function shut(list) {
  const answer = await call(`/v1/reviews/lists/${list}/close`, { method: "POST" });
  if (answer.ok) location.reload();
  else showProblem(answer.detail);
}

async function giveBack(item) {
  const answer = await call(`/v1/reviews/items/${item}/release`, { method: "POST" });
  if (answer.ok || answer.code === "claim_expired") location.reload();
  else showProblem(answer.detail);
}
