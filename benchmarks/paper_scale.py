"""Measure the ECG's paper in a browser: how large a step is in pictures of it, and how soon it is drawn.

    python -m benchmarks.paper_scale --url http://127.0.0.1:8000 --key ovr_… [--opened 20]

Uploads three made records (marked simulated) to a running service. Needs Chromium. Prints two tables.
"""

import argparse
import os
import platform
import shutil
import statistics
from collections.abc import Iterator

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.ecgs.steps import KINDS, MM, RATIOS, WIDTH, ZOOMS, measured, open_ecg, upload

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
DRAWN_MS = """() => new Promise((done) => {
  const [data] = performance.getEntriesByName("ecg:data");
  const look = () => {
    const painted = performance.getEntriesByName("ecg:painted").find((mark) => mark.startTime >= data.startTime);
    if (painted) done(painted.startTime - data.startTime);
    else setTimeout(look, 20);
  };
  look();
})"""


def main() -> None:
    """Print both measurements."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--opened", type=int, default=20)
    arguments = parser.parse_args()
    headers = {"Authorization": f"Bearer {arguments.key}"}
    with httpx.Client(base_url=arguments.url, headers=headers, timeout=60) as client:
        ecgs = [upload(client, kind) for kind in KINDS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        print(f"{platform.machine()}, Chromium {browser.version} without a GPU\n")
        print("| file | screen | zoom | 10 mm | found | 5 mm | found, least to most |\n|---|--:|--:|--:|--:|--:|--:|")
        for line in scale(browser, arguments.url, headers, ecgs):
            print(line)
        times = sorted(drawing(browser, arguments.url, headers, ecgs[1], times=arguments.opened))
        print(f"\nOn the screen after its data, {len(times)} pages: median {statistics.median(times):.0f} ms, ", end="")
        print(
            f"least {times[0]:.0f} ms, most {times[-1]:.0f} ms; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs"
        )
        browser.close()


def scale(browser: Browser, url: str, headers: dict[str, str], ecgs: list[str]) -> Iterator[str]:
    """Yield a line of the table for each file, pixel ratio and zoom; sizes are in pixels of the screen."""
    for ratio in RATIOS:
        page = new_page(browser, url, headers, ratio)
        for kind, ecg_id in zip(KINDS, ecgs, strict=True):
            open_ecg(page, ecg_id)
            for zoom in ZOOMS:
                step = measured(page, zoom, ratio)
                mm = MM * zoom * ratio
                widths = f"{min(step.widths):.2f} to {max(step.widths):.2f}"
                name = f"{kind.gain}/{kind.unit}, {kind.rate_hz} Hz"
                yield f"| {name} | {ratio}× | {zoom:g} | {10 * mm:.2f} | {step.height:.2f} | {5 * mm:.2f} | {widths} |"


def drawing(browser: Browser, url: str, headers: dict[str, str], ecg_id: str, *, times: int) -> Iterator[float]:
    """Yield the milliseconds from the waveform's arrival to the end of its frame, of each of some openings."""
    for _ in range(times):
        page = new_page(browser, url, headers, 1)
        open_ecg(page, ecg_id)
        yield page.evaluate(DRAWN_MS)
        page.context.close()


def new_page(browser: Browser, url: str, headers: dict[str, str], ratio: int) -> Page:
    """Return a page of a context of its own."""
    context = browser.new_context(
        base_url=url, viewport={"width": WIDTH, "height": 1200}, device_scale_factor=ratio, extra_http_headers=headers
    )
    return context.new_page()


if __name__ == "__main__":
    main()
