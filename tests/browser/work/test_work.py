"""Work is started in the browser: once, with the paper's values, and without leaving anything behind."""

import base64
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.inferring import inferring
from tests.browser import sites
from tests.browser.conftest import OpenPage
from tests.browser.sites import Site

DROP = """([files]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    data.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
  }
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
  }
}"""


def api(site: Site, path: str) -> Any:
    return httpx.get(f"{site.url}{path}", headers={"Authorization": f"Bearer {site.keys['admin']}"}).json()


def started(page: Page) -> str:
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]


def test_a_double_click_freezes_one_dataset(open_page: OpenPage, own_site: Site) -> None:
    before = len(api(own_site, "/v1/jobs")["items"])
    page = open_page("researcher", at=own_site)
    page.goto("/datasets/new?sex=female")
    page.get_by_label("Name").fill("women")
    page.get_by_role("button", name="Freeze").dblclick()
    job = api(own_site, f"/v1/jobs/{started(page)}")
    assert len(api(own_site, "/v1/jobs")["items"]) == before + 1
    assert (job["params"]["filters"], job["params"]["name"]) == ({"sex": "female"}, "women")


def sent_split(page: Page) -> Any:
    with page.expect_request("**/v1/datasets") as sent:
        page.get_by_role("button", name="Freeze").click()
    answer = sent.value.response()
    if answer is not None and answer.status == 202:
        page.wait_for_url("**/jobs/*", wait_until="networkidle")
    return sent.value.post_data_json["split"]


@pytest.mark.parametrize(
    ("by", "given", "split"),
    [
        ("fold", {"Folds to measure on": "9, 10"}, {"test": [9, 10]}),
        (
            "fold",
            {"Folds to measure on": "10", "… to choose thresholds on": "8;9"},
            {"test": [10], "validation": [8, 9]},
        ),
        ("date", {"Measured on from": "2024-06-01"}, {"test_from": "2024-06-01T00:00:00Z"}),
    ],
)
def test_a_dataset_is_divided_as_its_form_says(
    open_page: OpenPage, own_site: Site, by: str, given: dict[str, str], split: dict[str, Any]
) -> None:
    page = open_page("researcher", at=own_site, expected=r"422")
    page.goto("/datasets/new")
    page.get_by_text("More", exact=True).click()
    assert page.locator("fieldset:visible").count() == 0
    page.get_by_label("Divided by").select_option("site")
    expect(page.get_by_label("Sites to measure on")).to_be_visible()
    page.get_by_label("Divided by").select_option(by)
    group = page.locator("fieldset:visible")
    expect(group).to_have_count(1)
    for label, value in given.items():
        group.get_by_label(label).fill(value)
    assert sent_split(page) == {"by": by, **split}


def test_a_dataset_is_divided_by_sites_that_are_chosen_from_a_list(open_page: OpenPage, own_site: Site) -> None:
    page = open_page("researcher", at=own_site, expected=r"422")
    page.goto("/datasets/new")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Divided by").select_option("site")
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("test: ")).to_be_visible()
    chosen = page.get_by_label("Sites to measure on").select_option(index=[0])
    page.get_by_label("Patients in two splits").locator("visible=true").select_option("leave_out")
    assert sent_split(page) == {"by": "site", "test": chosen, "shared_patients": "leave_out"}


def test_three_clicks_train_with_the_papers_values(open_page: OpenPage, own_site: Site) -> None:
    page = open_page("researcher", at=own_site)
    page.goto(f"/datasets/{own_site.ids['dataset_id']}")
    page.get_by_role("link", name="Train a model").click()
    page.get_by_role("link", name="Supervised").click()
    page.get_by_role("button", name="Start").click()
    job = api(own_site, f"/v1/jobs/{started(page)}")
    asked = {"paradigm": "supervised", "preset": "paper", "label_source": "overread"}
    assert job["params"] == {**asked, "dataset": own_site.ids["dataset_id"]}
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled")).to_be_visible()


def test_a_value_that_is_changed_is_sent_and_a_wrong_one_is_named(open_page: OpenPage, own_site: Site) -> None:
    page = open_page("researcher", at=own_site, expected=r"422")
    page.goto(f"/models/new?dataset={own_site.ids['dataset_id']}&preset=test")
    page.get_by_label("accumulate").fill("9")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("has no 9 parts")).to_be_visible()
    page.get_by_label("accumulate").fill("2")
    page.get_by_role("button", name="Start").click()
    job = api(own_site, f"/v1/jobs/{started(page)}")
    assert (job["params"]["overrides"], job["params"]["preset"]) == ({"accumulate": 2}, "test")


def test_a_file_dropped_on_any_page_is_tried_and_kept_when_asked(open_page: OpenPage, own_site: Site) -> None:
    [ecg] = simulate(1, seed=77)
    files = [(name, base64.b64encode(content).decode()) for name, content in write_wfdb(ecg.recording, "r").items()]
    page = open_page("reader", at=own_site)
    page.goto("/models")
    count = len(api(own_site, "/v1/ecgs?limit=500")["items"])
    with inferring(own_site.settings):
        page.evaluate(DROP, [files])
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("r.dat, r.hea")).to_be_visible(timeout=150_000)
        expect(dialog.get_by_role("row", name="Atrial Fibrillation")).to_be_visible()
    assert dialog.locator("canvas").count() > 0
    assert len(api(own_site, "/v1/ecgs?limit=500")["items"]) == count
    dialog.get_by_label("Record").fill("kept-77")
    dialog.get_by_role("button", name="Keep it").dblclick()
    dialog.get_by_role("link", name="Open the ECG").wait_for()
    assert len(api(own_site, "/v1/ecgs?limit=500")["items"]) == count + 1
    assert api(own_site, "/v1/ecgs?record=kept-77")["items"][0]["samples"] == ecg.recording.samples.shape[1]


def test_a_text_of_ones_own_is_marked_where_its_findings_stand(open_page: OpenPage, site: Site) -> None:
    page = open_page("reader")
    page.goto("/try-it")
    page.get_by_label("Text").fill("😀 Possible inferior infarct <b>. No LBBB")
    expect(page.locator("[data-try-read] mark")).to_have_text(["inferior infarct", "LBBB"])
    expect(page.get_by_text("LBBB, denied")).to_be_visible()


def test_a_term_is_added_tried_and_stored(open_page: OpenPage, own_site: Site) -> None:
    page = open_page("admin", at=own_site, expected=r"422")
    page.goto("/vocabularies/draft?term=sinus+%23")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("is no word")).to_be_visible(timeout=30_000)
    page.get_by_label("Term").fill("atrial flutter")
    page.get_by_label("It means").select_option("LVH")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("“atrial flutter” (en) means LVH")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Show").click()
    row = page.locator("#found").get_by_role("row", name="LVH")
    expect(row.first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Store it").click()
    page.wait_for_url("**/vocabularies/overread-2.1", timeout=30_000)
    page.get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").dblclick()
    job_id = started(page)
    sites.run_job(own_site.settings, job_id)
    expect(page.get_by_role("link", name="See the table")).to_be_visible(timeout=30_000)
    page.goto("/vocabularies")
    expect(page.get_by_role("button", name="Roll back to it")).to_be_visible()
