"""Makes the pictures of the pages in docs/pictures, on simulated data: python -m benchmarks.screenshots [NAME …]

Needs Chromium. `--out FOLDER` writes elsewhere. Nothing in the pictures is a patient's: signals, readings and names are
made, and the archive says so. Each is a PNG with a palette; the script fails where one is over 120 kB, or all
are over 2.5 MB.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app.auth import service as auth
from app.demo import corpora
from app.ecgs.service import Archive
from app.imports import simulation
from app.kit.database import Database
from app.kit.folders import open_folders
from app.main import create_app
from app.models.starter import ensure_starter
from ml.corpus.simulator.ledger import table_a1
from tests.app.inferring import inferring
from tests.browser import sites, walk
from tests.browser.chromium import FLAGS, program
from tests.browser.sites import Site

OUT = Path("docs/pictures")
ECGS, PAIRS, SEED = 80, 20_000, 7
TRAINING = {"epochs": 6, "batch_size": 16, "learning_rate": 0.003}
READERS = ("A. Lind", "B. Okafor")
MOST_BYTES, MOST_BYTES_TOGETHER = 120_000, 2_500_000


class Picture(NamedTuple):
    """A page as somebody sees it. `{name}` in the address stands for an identifier; `click`: what is pressed before."""

    name: str
    address: str
    who: str = "researcher"
    width: int = 1280
    height: int = 860
    dark: bool = False
    click: str | None = None


PICTURES = (
    Picture("disagreement", "/disagreement?simulated=true", height=1180),
    Picture("disagreement-dark", "/disagreement?simulated=true", height=1180, dark=True),
    Picture("disagreement-wide", "/disagreement?simulated=true&group_by=site", width=1920, height=1080),
    Picture("disagreement-phone", "/disagreement?simulated=true", width=390, height=844),
    Picture("trend", "/disagreement/trend?simulated=true"),
    Picture("read-instead", "/disagreement/flow?simulated=true"),
    Picture("statements", "/disagreement/statements?simulated=true"),
    Picture("changed-ecgs", "/disagreement/aflutter/ecgs?direction=added&simulated=true"),
    Picture("ecg", "/ecgs/{ecg_id}", who=READERS[0], height=1000),
    Picture("ecg-wide-dark", "/ecgs/{ecg_id}", who=READERS[0], width=1920, height=1080, dark=True),
    Picture("ecg-phone", "/ecgs/{ecg_id}", who=READERS[0], width=390, height=844),
    Picture("reviews", "/reviews"),
    Picture("reading-blind", "/reviews/items/{item_id}", who=READERS[1], height=960),
    Picture("reading-assisted", "/reviews/items/{assisted_id}", who=READERS[0], height=960),
    Picture("datasets", "/datasets/{dataset_id}"),
    Picture("training", "/jobs/{training_id}"),
    Picture("comparison", "/evaluations/{evaluation_id}"),
    Picture("vocabulary", "/vocabularies", who="admin"),
    Picture("try-it", "/try-it", who=READERS[0]),
    Picture("sign-in", "/sign-in", who="", height=600),
)


def main() -> None:
    """Make the pictures whose names are given, or all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--out", type=Path, default=OUT)
    given = arguments.parse_args()
    wanted = [each for each in PICTURES if not given.names or each.name in given.names]
    given.out.mkdir(parents=True, exist_ok=True)
    with filled() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        total = sum(write(browser, site, each, given.out) for each in wanted)
        browser.close()
    print(f"{len(wanted)} pictures, {total / 1e6:.2f} MB")
    if total > MOST_BYTES_TOGETHER:
        sys.exit(f"together over {MOST_BYTES_TOGETHER / 1e6:.1f} MB")


def write(browser: Browser, site: Site, picture: Picture, folder: Path) -> int:
    """Write one picture and return its size in bytes."""
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
        **sites.signed_in(site, picture.who or None),
    )
    page = context.new_page()
    answer = page.goto(picture.address.format(**site.ids))
    assert answer is not None and answer.status == 200, (picture.address, answer and answer.status)
    walk.settle(page)
    if picture.click:
        page.locator(picture.click).click()
        walk.settle(page)
    page.wait_for_timeout(300)
    small = compressed(page.screenshot())
    context.close()
    (folder / f"{picture.name}.png").write_bytes(small)
    print(f"{picture.name:24}{len(small) / 1000:8.1f} kB", flush=True)
    if len(small) > MOST_BYTES:
        sys.exit(f"{picture.name} is over {MOST_BYTES / 1000:.0f} kB")
    return len(small)


def compressed(png: bytes) -> bytes:
    """Return a picture with a palette: as large a one as its size allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        out = io.BytesIO()
        palette = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        palette.save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


@contextmanager
def filled() -> Iterator[Site]:
    """Serve a simulated archive in which people have read, trained and measured."""
    with sites.standing_alone() as (template, folder), sites.empty(template, folder / "data") as site:
        with_people(site)
        database = Database(site.settings)
        ensure_starter(database, open_folders(site.settings, Archive.of(site.settings).store))
        archive = simulation.Archive(table_a1(PAIRS), PAIRS, SEED)
        simulation.load(database, site.settings, "admin", archive, progress=lambda *_: None)
        database.close()
        with TestClient(create_app(site.settings)) as client, inferring(site.settings):
            whole = replace(site, ids=fill(client, site))
        with sites.serving(whole) as served:
            yield served


def with_people(site: Site) -> None:
    """Make two readers beside the users of each role."""
    database = Database(site.settings)
    with database.begin() as session:
        for name in READERS:
            auth.create_user(session, "admin", name, "reader")
            site.keys[name] = auth.issue_key(session, "admin", name)
    database.close()


def fill(client: TestClient, site: Site) -> dict[str, str]:
    """Upload, freeze, train, measure, predict and read; return an identifier of each thing."""
    cases = list(corpora.simulated(ECGS))
    ecgs = [upload(client, site, case) for case in cases]
    dataset = job(client, site, "/v1/datasets", {"name": "Spring archive", "seed": 1, "simulated": True})
    ids = {"dataset_id": dataset["dataset_id"]}
    asked = {"dataset": ids["dataset_id"], "preset": "tiny", "overrides": TRAINING}
    trained = job(client, site, "/v1/training-jobs", asked)
    ids |= {"training_id": trained["job"], "model_id": trained["model_id"]}
    starter = next(each["id"] for each in get(client, "/v1/models")["items"] if each["id"] != ids["model_id"])
    asked = {"model": ids["model_id"], "compare_with": starter, "dataset": ids["dataset_id"], "split": "test"}
    ids["evaluation_id"] = job(client, site, "/v1/evaluations", asked)["job"]
    shown = next(ecg_id for ecg_id, case in zip(ecgs, cases, strict=True) if has_added_flutter(case))
    for ecg_id in (shown, *ecgs[:6]):
        post(client, site, READERS[0], "/v1/predictions", {"ecg_id": ecg_id})
    return ids | {"ecg_id": shown} | read(client, site)


def has_added_flutter(case: corpora.Case) -> bool:
    """Return whether the over-read alone calls atrial flutter."""
    return "flutter" in (case.overread_report or "").lower() and "flutter" not in (case.machine_report or "").lower()


def read(client: TestClient, site: Site) -> dict[str, str]:
    """Let both readers read blind, with the words that the archive has, and leave one ECG open with each."""
    rule: dict[str, Any] = {"rule": {"kind": "random", "seed": 3}, "filters": {"simulated": True}, "ecgs": 40}
    blind = {**rule, "name": "Random sample, spring", "mode": "blind", "readings": 2}
    assisted = {**rule, "name": "Flutter added", "mode": "assisted", "rule": {"kind": "added", "label": "aflutter"}}
    blind_id = post(client, site, "researcher", "/v1/reviews/lists", blind)["id"]
    assisted_id = post(client, site, "researcher", "/v1/reviews/lists", assisted)["id"]
    texts = ("Sinus rhythm", "Atrial fibrillation\nLVH", "Atrial flutter with variable AV block", "Sinus rhythm\nRBBB")
    for reader in READERS:
        for text in texts:
            item = claim(client, site, reader, blind_id)
            post(client, site, reader, f"/v1/reviews/items/{item}/lock", {"text": text})
            post(client, site, reader, f"/v1/reviews/items/{item}/sign", {"text": text, "reason": None})
    ids = {"assisted_id": claim(client, site, READERS[0], assisted_id)}
    return ids | {"item_id": claim(client, site, READERS[1], blind_id)}


def claim(client: TestClient, site: Site, reader: str, list_id: str) -> str:
    """Return the item that a reader claims."""
    claimed = post(client, site, reader, f"/v1/reviews/lists/{list_id}/claim", None)
    return str(claimed["item"]["id"])


def upload(client: TestClient, site: Site, case: corpora.Case) -> str:
    """Upload a simulated ECG and return its identifier."""
    files = [("file", item) for item in case.files.items()]
    answer = client.post("/v1/ecgs", files=files, data=corpora.form(case), headers=key(site, "admin"))
    return str(answer.raise_for_status().json()["id"])


def job(client: TestClient, site: Site, address: str, body: dict[str, Any]) -> dict[str, Any]:
    """Run a job and return its result, with the job's identifier as `job`."""
    job_id = post(client, site, "researcher", address, body)["id"]
    sites.run_job(site.settings, job_id)
    client.headers.update(key(site, "researcher"))
    ended = get(client, f"/v1/jobs/{job_id}")
    assert ended["state"] == "succeeded", ended
    return {**ended["result"], "job": job_id}


def post(client: TestClient, site: Site, name: str, address: str, body: Any) -> Any:
    """Ask the API for a change, as a user."""
    answer = client.post(address, json=body, headers=key(site, name))
    assert answer.is_success, (address, answer.text)
    return answer.json()


def get(client: TestClient, address: str) -> Any:
    """Ask the API for something."""
    return client.get(address).raise_for_status().json()


def key(site: Site, name: str) -> dict[str, str]:
    """Return the header by which a user asks."""
    return {"Authorization": f"Bearer {site.keys[name]}"}


if __name__ == "__main__":
    main()
