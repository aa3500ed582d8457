"""The browser that tests and pictures are made with."""

import os
import shutil

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """Return the browser's program: OVERREAD_TEST_BROWSER, else Chromium where it is installed."""
    return os.environ.get("OVERREAD_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
