// Before forms.js has loaded: a form for the API is not sent as a page, but again when the page is whole.
document.addEventListener("submit", function (event) {
  if (!event.target.hasAttribute("data-api") || document.documentElement.dataset.forms) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  event.target.setAttribute("data-early", "");
}, true);
