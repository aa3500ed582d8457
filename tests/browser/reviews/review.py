"""What tests of the review's pages share: ECGs with known words, lists, and the reading page as a reader sees it."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from app.auth.queries import user_by_name
from app.kit.database import Database
from app.predictions.tables import Prediction
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.browser.sites import Site

MACHINE = "Sinus rhythm\nPossible inferior infarct\nLeft ventricular hypertrophy"
SITE = "review"


def upload(client: httpx.Client, machine: Sequence[str]) -> list[str]:
    """Store simulated ECGs, not marked so, with machine reports; return their ids."""
    ids = []
    for number, (ecg, text) in enumerate(zip(simulate(len(machine), seed=7), machine, strict=True)):
        metadata = {"patient_id": f"review-{number}", "site": SITE, "age": 60 + number, "sex": "female"}
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={"metadata": json.dumps(metadata), "machine_report": text})
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    return ids


def make_list(client: httpx.Client, mode: str, **given: Any) -> dict[str, Any]:
    """Make a list of the ECGs of `upload`."""
    body = {"name": "AF, May", "mode": mode, "rule": {"kind": "random", "seed": 1}, "filters": {"site": SITE}, **given}
    answer = client.post("/v1/reviews/lists", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def plant_prediction(site: Site, ecg_id: str, probability: float) -> None:
    """Store an answer of the model that answers predictions."""
    with site.client() as client:
        model = client.get("/v1/models").json()["items"][0]
        labels = client.get("/v1/vocabularies").json()["items"][0]["labels"]
    answer = {
        "windows": 1,
        "labels": [
            {
                "label": label["key"],
                "name": label["name"],
                "score": 0.5,
                "probability": probability,
                "threshold": 0.1,
                "positive": True,
            }
            for label in labels
        ],
        "statements": [],
    }
    database = Database(site.settings)
    with database.begin() as session:
        user = user_by_name(session, "admin")
        assert user is not None
        session.add(
            Prediction(
                id=uuid.uuid4(),
                ecg_id=uuid.UUID(ecg_id),
                model_id=uuid.UUID(model["id"]),
                user_id=user.id,
                state="answered",
                answer=answer,
                answered_at=datetime.now(UTC),
            )
        )
    database.close()


class Desk:
    """The reading page, used by its keys."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def start(self, name: str) -> None:
        """Take an ECG of a list, from the page of lists."""
        self.page.goto("/reviews")
        button = self.page.get_by_role("button", name=f"Read {name}")
        button.focus()
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/reviews/items/*")
        self.phase_is("first", "assisted", "decide")

    def phase_is(self, *phases: str) -> None:
        """Wait until the page is in one of these phases, with its ECG drawn."""
        chosen = ", ".join(f'[data-phase="{phase}"]' for phase in phases)
        self.page.locator("#reading").and_(self.page.locator(chosen)).wait_for()
        self.page.wait_for_function("!document.querySelector('#reading').hasAttribute('aria-busy')")

    @property
    def item(self) -> str:
        """The id of the item on the page."""
        return self.page.url.rpartition("/")[2]

    def place(self, name: str) -> Any:
        """Return a part of the page."""
        return self.page.locator(f'[data-place="{name}"]')

    def type(self, words: str) -> None:
        """Type at the focus, as fast as a person."""
        self.page.keyboard.type(words, delay=5)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def finds(self, *labels: str) -> None:
        """Wait until exactly these labels are found in the reading."""
        expect(self.place("findings").locator(".finding")).to_have_text(list(labels))


def give_back(site: Site, role: str) -> None:
    """Give back what a user holds."""
    with site.client(role) as client:
        held = client.get("/v1/reviews/open").json()["item"]
        if held is not None:
            assert client.post(f"/v1/reviews/items/{held['id']}/release").is_success
