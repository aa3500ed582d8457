"""The paper is to scale: 1 mV is 10 mm and 200 ms are 5 mm in a picture of the page, whatever the file and the screen."""

import httpx
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.ecgs.steps import KINDS, MM, RATIOS, WIDTH, ZOOMS, Kind, measured, open_ecg, upload
from tests.browser.sites import Site


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.unit}-{kind.rate_hz}")
def test_a_millivolt_is_10_mm_and_200_ms_are_5_mm(site: Site, open_page: OpenPage, kind: Kind, ratio: int) -> None:
    with site.client() as client:
        ecg_id = _again(client, kind)
    page = open_page(width=WIDTH, height=1200, scale=ratio)
    open_ecg(page, ecg_id)
    for zoom in ZOOMS:
        step = measured(page, zoom, ratio)
        mm = MM * zoom * ratio
        assert abs(step.height - 10 * mm) <= 1
        assert len(step.widths) == 10 and all(abs(width - 5 * mm) <= 1 for width in step.widths)


def _again(client: httpx.Client, kind: Kind) -> str:
    return upload(client, kind)  # the same waveform is the same ECG


def test_the_calipers_read_a_step(site: Site, page: Page) -> None:
    with site.client() as client:
        ecg_id = upload(client, KINDS[1])
    open_ecg(page, ecg_id)
    page.get_by_role("button", name="Calipers").click()
    reading = page.locator(".ecg-reading")
    assert reading.inner_text() == "1000 ms · 60 /min · 0.00 mV"
    for _ in range(20):
        page.keyboard.press("Shift+ArrowLeft")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowUp")
    assert reading.inner_text() == "200 ms · 300 /min · 1.00 mV"
    page.keyboard.press("Escape")
    assert reading.inner_text() == ""
