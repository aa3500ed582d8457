"""What each page costs, and what axe finds on it: python -m benchmarks.pages

Prints, for every page of the routers, the server's time, the bytes that come for it with everything it loads, and
the violations that axe finds of WCAG 2.1 A and AA in the light theme, and of contrast in the dark one. The archive is
that of the browser tests: small, with texts meant to break pages. Needs Chromium.
"""

import os
import platform
import statistics
import time

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests.browser import sites, walk
from tests.browser.chromium import FLAGS, program
from tests.browser.sites import Site

REQUESTS = 20


def main() -> None:
    """Print a row for each page."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.python_version()}\n")
    with sites.standing_alone() as (template, folder), sites.empty(template, folder / "data") as empty:
        whole = sites.complete(sites.fill(empty))
        with sites.serving(whole) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
            print(f"axe-core on Chromium {browser.version}\n")
            print("| page | server, median ms | 95th percentile | kB | axe, light | axe, dark |")
            print("|---|---:|---:|---:|---:|---:|")
            for path in walk.PATHS:
                times = served_in(site, path)
                size, light, dark = looked_at(browser, site, path)
                row = f"{statistics.median(times):.0f} | {times[int(0.95 * len(times))]:.0f}"
                print(f"| `{path}` | {row} | {size / 1000:.0f} | {light} | {dark} |", flush=True)
            browser.close()


def served_in(site: Site, path: str) -> list[float]:
    """Return how many milliseconds a page took, each time it was asked for, in order of size."""
    role = walk.SHOWN_TO.get(path, "admin")
    cookies = dict([sites.new_session(site, role)]) if role else {}
    times = []
    with httpx.Client(base_url=site.url, cookies=cookies, headers={"Accept": "text/html"}, timeout=60) as client:
        for _ in range(REQUESTS + 1):
            began = time.perf_counter()
            client.get(walk.address(path, site)).raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
    return sorted(times[1:])  # the first fills what the service keeps


def looked_at(browser: Browser, site: Site, path: str) -> tuple[int, int, int]:
    """Return the bytes that come for a page into an empty cache, and the violations in both themes."""
    context = browser.new_context(base_url=site.url, **sites.signed_in(site, walk.SHOWN_TO.get(path, "admin")))
    page = context.new_page()
    transferred = walk.Transferred(page)
    page.goto(walk.address(path, site))
    walk.settle(page)
    size, light = transferred.bytes, len(walk.axe(page, walk.WCAG))
    page.emulate_media(color_scheme="dark")
    dark = len(walk.axe(page, walk.COLOURS))
    context.close()
    return size, light, dark


if __name__ == "__main__":
    main()
