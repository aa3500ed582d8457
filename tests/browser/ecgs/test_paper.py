"""The ECG's page in a browser: every state, keys, filters, long records, print."""

import itertools
import json
from typing import Any

import numpy as np
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.ecgs.steps import KINDS, Kind, open_ecg, record, upload
from tests.browser.sites import Site


def stored(site: Site, files: dict[str, bytes], **metadata: Any) -> str:
    with site.client() as client:
        parts = [("file", item) for item in files.items()]
        answer = client.post("/v1/ecgs", files=parts, data={"metadata": json.dumps({"simulated": True, **metadata})})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])


def settings(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("document.querySelector('[data-ecg-paper]').ecgPaper.settings")
    return found


def inked(page: Page) -> str:
    drawn: str = page.evaluate("document.querySelector('.ecg-canvas').toDataURL()")
    return drawn


def test_the_paper_says_in_words_what_it_shows(site: Site, page: Page) -> None:
    open_ecg(page, site.ecgs[0])
    page.wait_for_selector("[data-measured-note]:has-text('measured here')")
    words = page.locator(".ecg-canvas").get_attribute("aria-label") or ""
    for part in (
        "12-lead ECG",
        "25 millimetres a second",
        "10 millimetres a millivolt",
        "no filter",
        "V6",
        "Heart rate",
    ):
        assert part in words


def test_everything_is_reached_by_keys(site: Site, page: Page) -> None:
    open_ecg(page, site.ecgs[0])
    page.locator(".ecg-scroll").focus()
    page.keyboard.press("+")
    assert settings(page)["zoom"] == 1.25
    page.keyboard.press("0")
    assert settings(page)["zoom"] == 1
    page.keyboard.press("c")
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".ecg-reading").inner_text().startswith("960 ms")
    page.keyboard.press("Escape")
    page.get_by_label("Layout", exact=True).select_option("12x1")
    page.get_by_label("Gain", exact=True).select_option("20")
    assert (settings(page)["layout"], settings(page)["gain"]) == ("12x1", 20)


def test_filters_are_off_until_chosen_and_then_on_the_paper(site: Site, page: Page) -> None:
    open_ecg(page, site.ecgs[0])
    before = inked(page)
    page.locator(".ecg-filters summary").click()
    page.get_by_label("Low-pass", exact=True).select_option("40")
    assert "low-pass 40 Hz" in (page.locator(".ecg-canvas").get_attribute("aria-label") or "")
    assert inked(page) != before
    page.get_by_label("Low-pass", exact=True).select_option("0")
    assert inked(page) == before


def test_filters_let_pass_what_they_should_and_move_nothing(site: Site, page: Page) -> None:
    open_ecg(page, site.ecgs[0])
    gains = page.evaluate("""async () => {
      const { filtered, OFF } = await import("/static/ecg/filters.js");
      const rate = 500;
      const gain = (hz, filters) => {
        const wave = Float32Array.from({ length: 10 * rate }, (_, i) => Math.sin(2 * Math.PI * hz * i / rate));
        const out = filtered(wave, rate, { ...OFF, ...filters });
        let [same, own] = [0, 0];
        for (let i = 2 * rate; i < 8 * rate; i += 1) { same += out[i] * wave[i]; own += wave[i] * wave[i]; }
        return same / own;
      };
      return [gain(10, { lowpass: 40 }), gain(40, { lowpass: 40 }), gain(120, { lowpass: 40 }),
              gain(5, { highpass: 0.5 }), gain(0.5, { highpass: 0.5 }), gain(0.1, { highpass: 0.5 }),
              gain(50, { notch: 50 }), gain(45, { notch: 50 })];
    }""")
    passed, half, stopped, high, high_half, drift, hum, beside = gains
    assert passed > 0.98 and 0.47 < half < 0.53 and abs(stopped) < 0.02
    assert high > 0.98 and 0.45 < high_half < 0.55 and abs(drift) < 0.02
    assert abs(hum) < 0.02 and beside > 0.9


def test_a_file_without_a_scale_is_not_to_scale(site: Site, page: Page) -> None:
    files = record(Kind("0", "mV", 200, 500), "uncalibrated")
    open_ecg(page, stored(site, files))
    assert "not to scale" in (page.locator(".ecg-canvas").get_attribute("aria-label") or "")
    assert page.get_by_role("button", name="Calipers").is_disabled()
    page.locator(".ecg-scroll").focus()
    page.keyboard.press("c")
    assert page.locator(".ecg-reading").inner_text() == ""


def test_every_sample_arrives_as_it_is_stored(site: Site, page: Page) -> None:
    kind = KINDS[0]
    files = record(kind, "wild")
    numbers = np.random.default_rng(7).integers(-32_767, 32_768, (10 * kind.rate_hz, 12)).astype("<i2")
    numbers[1000:2000] //= 500
    with site.client() as client:
        ecg = stored(site, {**files, "wild.dat": numbers.tobytes()})
        expected = np.array(client.get(f"/v1/ecgs/{ecg}/waveform").json()["samples"], np.float64)
    open_ecg(page, ecg)
    drawn = page.evaluate("document.querySelector('[data-ecg-paper]').ecgPaper.ecg.signal.map((lead) => [...lead])")
    assert np.array_equal(np.array(drawn, np.float64), expected.astype(np.float32))


def test_half_an_hour_is_paged_through(site: Site, page: Page) -> None:
    kind = KINDS[0]
    ten = np.frombuffer(record(kind, "long")["long.dat"], "<i2")
    files = record(kind, "long")
    files["long.dat"] = np.tile(ten, 180).tobytes()
    files["long.hea"] = files["long.hea"].replace(b"long 12 250 2500", b"long 12 250 450000")
    open_ecg(page, stored(site, files))
    where = page.locator(".ecg-pager output")
    assert where.inner_text() == "0:00–0:10 of 30:00"
    page.locator(".ecg-scroll").focus()
    page.keyboard.press("PageDown")
    assert where.inner_text() == "0:10–0:20 of 30:00"
    page.get_by_label("Time in the ECG", exact=True).fill("1790")
    assert where.inner_text() == "29:50–30:00 of 30:00"
    page.get_by_role("button", name="10 s ›").click()
    assert where.inner_text() == "29:50–30:00 of 30:00"


def test_a_damaged_waveform_is_said_and_the_rest_stays(own_site: Site, open_page: OpenPage) -> None:
    with own_site.client() as client:
        ecg = client.get(f"/v1/ecgs/{own_site.ecgs[1]}").json()
    [waveform] = own_site.settings.data_dir.rglob(ecg["waveform_sha256"])
    waveform.write_bytes(waveform.read_bytes()[:-5])
    page = open_page(at=own_site, expected="status of 410")
    page.goto(f"/ecgs/{ecg['id']}")
    page.wait_for_selector("[data-ecg-paper][data-drawn=problem]")
    assert "damaged" in page.locator(".ecg-message").inner_text()
    assert page.locator(".reading").count() >= 2
    waveform.unlink()
    page.reload()
    page.wait_for_selector("[data-ecg-paper][data-drawn=problem]")
    assert "missing" in page.locator(".ecg-message").inner_text()


def test_another_ecg_of_the_patient_is_laid_under(site: Site, page: Page) -> None:
    open_ecg(page, site.ecgs[0])
    before = inked(page)
    lay = page.locator("[data-lay-under]").first
    lay.click()
    page.wait_for_selector("[data-align-note]:has-text('aligned by the first R peak')")
    assert inked(page) != before
    page.get_by_label("the start", exact=True).check()
    page.wait_for_selector("[data-align-note]:has-text('aligned by the start')")
    lay.click()
    assert inked(page) == before


def test_print_is_an_svg_in_millimetres(site: Site, page: Page) -> None:
    with site.client() as client:
        ecg_id = upload(client, KINDS[1])
    open_ecg(page, ecg_id)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    svg = page.locator(".ecg-print svg")
    assert (svg.get_attribute("width"), svg.get_attribute("viewBox")) == ("275mm", "0 0 275 160")
    path = page.locator('.ecg-print path[data-lead="II"]').last.get_attribute("d") or ""
    points = [[float(number) for number in point.split()] for point in path[1:].split("L")]
    heights = [y for _, y in points]
    assert abs(max(heights) - min(heights) - 10) < 0.02
    middle = (max(heights) + min(heights)) / 2
    rising = [x for (x, y), (_, after) in itertools.pairwise(points) if (y > middle) != (after > middle)]
    assert abs(rising[1] - rising[0] - 5) < 0.06
    page.evaluate("document.querySelector('[data-ecg-paper]').ecgPaper.set({ speed: 50 })")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert svg.count() == 2


def test_a_model_is_asked_from_the_page(site: Site, answering: None, page: Page) -> None:
    open_ecg(page, site.ecgs[2])
    page.get_by_role("button", name="Ask the model").click()
    page.wait_for_selector(".prediction .score", timeout=60_000)
    assert page.locator(".prediction tbody tr").count() == 13
    page.reload()
    assert page.locator(".prediction").count() == 1


def test_on_a_phone_the_paper_scrolls_and_the_page_does_not(site: Site, open_page: OpenPage) -> None:
    page = open_page(width=390, height=844, scale=2)
    open_ecg(page, site.ecgs[0])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('.ecg-scroll').scrollWidth > innerWidth")
    page.get_by_role("button", name="Fit").click()
    assert page.evaluate("document.querySelector('.ecg-canvas').clientWidth <= innerWidth")
