"""ECGs read blind and signed without the mouse: what was pressed, and how soon the next ECG is drawn.

    python -m benchmarks.sign_by_keyboard

Starts `overread serve` with a private PostgreSQL in a temporary folder, with simulated ECGs, and a Chromium that is
used by its keys alone. Drawn: from the press of the key that signs to the first frame after the next ECG is drawn; its
tracing was loaded ahead. Ready: until the reading is stored, the next ECG claimed, and the text may be written.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from app.kit.children import python_module, safe_environment
from benchmarks.restart import Service
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

ECGS = 21  # the first is not reached by a signature
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAUSE_MS = 700  # a reader looks
TYPED = ("si", "at", "le", "ri")


class Archive(Service):
    """A service with ECGs to read."""

    @property
    def address(self) -> str:
        """Return where it is served."""
        return str(self._client.base_url)

    def reader(self) -> dict[str, str]:
        """Make a reader, to whom no ECG was shown, and return the header of a key."""
        environment = {**safe_environment(), "OVERREAD_DATA_DIR": str(self._folder)}
        keys = subprocess.check_output(
            python_module("app.cli", "user", "add", "reader", "--role", "reader"),
            cwd=self._folder,
            env=environment,
            text=True,
        ) + subprocess.check_output(
            python_module("app.cli", "key", "issue", "reader"), cwd=self._folder, env=environment, text=True
        )
        return {"Authorization": f"Bearer {re.findall('ovr_[A-Za-z0-9_-]+', keys)[-1]}"}

    def make_list(self) -> None:
        """Have somebody else store ECGs, and make a blind list of them."""
        self._client.timeout = httpx.Timeout(60)
        for number, ecg in enumerate(simulate(ECGS, seed=5)):
            files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
            form = {"metadata": json.dumps({"patient_id": str(number)}), "machine_report": ecg.machine_report}
            self._client.post("/v1/ecgs", files=files, data=form).raise_for_status()
        body = {"name": "Benchmark", "mode": "blind", "rule": {"kind": "random", "seed": 1}, "ecgs": ECGS}
        self._client.post("/v1/reviews/lists", json=body).raise_for_status()


def main() -> None:
    """Sign twenty ECGs by keys and print the log."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        service = Archive(Path(folder))
        with service.running():
            service.until(service.ready)
            service.make_list()
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            context = browser.new_context(
                base_url=service.address, viewport={"width": 1280, "height": 900}, extra_http_headers=service.reader()
            )
            rows = read_all(context.new_page())
            browser.close()
    presses = [row["presses"] for row in rows]
    print(f"signed by keys alone: {len(rows)}; presses of the mouse: 0; keys an ECG: {statistics.median(presses):.0f}")
    for name in ("drawn", "ready"):
        ms = [row[f"{name}_ms"] for row in rows]
        print(f"key to {name}: median {statistics.median(ms):.0f} ms, least {min(ms):.0f}, most {max(ms):.0f}")


def read_all(page: Page) -> list[dict[str, Any]]:
    """Read every ECG of the list; return a row for each."""
    page.goto("/reviews")
    page.get_by_role("button", name="Read Benchmark").focus()
    page.keyboard.press("Enter")
    page.locator('#reading[data-phase="first"]').wait_for()
    rows = []
    began = time.perf_counter()
    for number in range(1, ECGS):
        page.wait_for_timeout(PAUSE_MS)
        keys = [*TYPED[number % len(TYPED)], "wait", "Enter", "Control+Enter"]
        keys += ["seen", "Control+Enter"]
        for key in keys:
            if key == "wait":
                page.locator(".terms:not([hidden])").wait_for()
            elif key == "seen":
                page.locator('#reading[data-phase="amend"]:not([aria-busy])').wait_for()
                page.wait_for_timeout(PAUSE_MS)
            else:
                page.keyboard.press(key)
        words = page.evaluate("document.querySelector('.text-field').value")
        page.wait_for_function(f"performance.getEntriesByName('reading:key to drawn').length >= {number}")
        page.locator('#reading[data-phase="first"]:not([aria-busy])').wait_for()
        ready = page.evaluate(
            "performance.now() - performance.getEntriesByName('reading:key to drawn').at(-1).startTime"
        )
        took = page.evaluate("performance.getEntriesByName('reading:key to drawn').at(-1).duration")
        pressed = [key for key in keys if key not in ("wait", "seen")]
        rows.append({"presses": len(pressed), "drawn_ms": took, "ready_ms": ready})
        at = time.perf_counter() - began
        did = f"{' '.join(pressed):40} {words!r:28}"
        print(f"{at:6.1f} s  ECG {number:2}  {did} next drawn {took:4.0f} ms, ready {ready:4.0f} ms")
    return rows


if __name__ == "__main__":
    main()
