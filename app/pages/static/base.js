// What every page does: the token of the session, times in the reader's zone, forms without empty fields, the theme.

const token = () => document.querySelector('meta[name="csrf"]')?.content ?? "";
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Call the API with the session's cookie; an unsafe call carries the session's token. Returns the Response. */
export function api(path, options = {}) {
  const headers = new Headers(options.headers);
  if (!SAFE.has((options.method ?? "GET").toUpperCase())) headers.set("X-CSRF-Token", token());
  return fetch(path, { ...options, headers, credentials: "same-origin" });
}

/** Return what a failed answer of the API says, as one line of text. */
export async function problemOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered ${response.status}.`;
  }
}

/** Show a message at the top of the page until the next one. */
export function showProblem(text) {
  const place = document.getElementById("problem");
  const notice = document.createElement("section");
  notice.className = "notice notice-problem";
  notice.textContent = text;
  place.replaceChildren(notice);
}

// the same order everywhere: 03/04 is two days in two countries
const written = (at) => {
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
};
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** Write the times below a node in the reader's zone. */
export function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = written(at);
    time.title = exact.format(at);
    time.removeAttribute("data-local");
  }
}

/** Take the empty fields out of a form's data; of fields with one name those that say something stay. */
function leaveOutEmpty(data) {
  const said = [...data.entries()].filter(([, value]) => value !== "");
  for (const name of new Set(data.keys())) data.delete(name);
  for (const [name, value] of said) data.append(name, value);
}

document.addEventListener("htmx:configRequest", (event) => {
  const { detail } = event;
  detail.headers["X-CSRF-Token"] = token();
  if (detail.verb === "get") leaveOutEmpty(detail.formData);
});
document.addEventListener("htmx:beforeRequest", () => document.getElementById("problem").replaceChildren());
document.addEventListener("htmx:sendError", () => showProblem("The service does not answer. Try again in a moment."));
document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));

document.addEventListener("formdata", (event) => {
  if ((event.target.method || "get").toLowerCase() !== "get") return;
  leaveOutEmpty(event.formData);
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-theme-switch]")) return;
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

// a page out of the browser's memory may show what this session must no longer show
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

localTimes(document);
