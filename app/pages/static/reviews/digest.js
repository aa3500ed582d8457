// Marks the words in which two readings differ.

import { h } from "./dom.js";
import { differing } from "./text.js";

for (const article of document.querySelectorAll("[data-differing]")) {
  const places = [article.querySelector("[data-left]"), article.querySelector("[data-right]")];
  const parts = differing(...places.map((place) => place.textContent));
  places.forEach((place, at) => {
    place.replaceChildren(...parts[at].map(({ text, differs }) => (differs ? h("mark", { class: "differs" }, text) : text)));
  });
}
