"""What must not happen on any page: errors, violations of the content security policy, dialogs, requests elsewhere."""

import re

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

LISTEN = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


class Guard:
    """Collects what goes wrong on the pages of a browser context."""

    def __init__(self, origin: str, expected: str | None) -> None:
        self.faults: list[str] = []
        self._origin = origin
        self._expected = re.compile(expected) if expected else None

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._add(f"error of the page: {error}"))
        page.on("dialog", self._on_dialog)
        page.on("request", self._on_request)

    def _add(self, fault: str) -> None:
        if self._expected is None or not self._expected.search(fault):
            self.faults.append(fault)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._add(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _on_dialog(self, dialog: Dialog) -> None:
        self._add(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._origin}/", "data:", f"blob:{self._origin}/")):
            self._add(f"request elsewhere: {request.url}")
