// Before forms.js has loaded: a form for the API is not sent as a page, but again when the page is whole.
document.addEventListener("submit", function (event) {
  if (!("api" in event.target.dataset) || document.documentElement.dataset.forms) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  event.target.dataset.early = "";
}, true);
