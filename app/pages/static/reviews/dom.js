// Elements from words: `h("p", { class: "muted" }, "text", child)`. Texts are always texts, never markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "rect", "line"]);

/** Make an element. Properties that start with `on` are listeners; null and false ones are left out. */
export function h(tag, properties = {}, ...children) {
  const made = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Return a time in the reader's zone. */
export function when(iso) {
  const at = new Date(iso);
  const words = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(at);
  return h("time", { datetime: iso, title: at.toString() }, words);
}
