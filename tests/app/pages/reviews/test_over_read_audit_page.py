"""The audit's page: nothing yet, flags with their words, a decision by a form, for admins."""

import re

import httpx

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from tests.app.over_read_audit.archives import drawn, model_of, store

HTML = {"Accept": "text/html"}
PATH = "/reviews/over-read-audit"


def test_flags_are_shown_and_decided(
    client: httpx.Client, settings: Settings, database: Database, keys: dict[str, str]
) -> None:
    assert "No over-read was audited yet" in client.get(PATH, headers=HTML).text
    ecgs = drawn(1, 100)
    store(database, ecgs)
    job = client.post("/v1/over-read-audit", json={"discrepancy_model": str(model_of(settings, database, ecgs))}).json()
    Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(job["id"])
    page = client.get(PATH, headers=HTML)
    assert page.status_code == 200, page.text
    assert "A model that knows no ECG of this patient gives" in page.text and "Nothing was decided yet" in page.text
    first = re.findall(rf'action="({PATH}/flags/[^"]+)"', page.text)[0]
    given = {"decision": "corrected", "reason": "P waves"}
    answer = client.post(first, data=given, headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    left = client.get(PATH, headers=HTML).text
    assert first not in left and "Every flag is decided down to rank 1 of" in left
    decided = client.get(f"{PATH}?state=decided", headers=HTML).text
    assert first in decided and "corrected by admin" in decided
    assert "Nothing to decide here" in client.get(f"{PATH}?label=lbbb", headers=HTML).text
    assert client.get(f"{PATH}?label=nothing", headers=HTML).status_code == 422
    for role in ("viewer", "reader", "researcher"):
        headers = {**HTML, "Authorization": f"Bearer {keys[role]}"}
        assert client.get(PATH, headers=headers).status_code == 403
        assert client.post(first, data=given, headers=headers).status_code == 403
    reader = client.get("/reviews", headers={**HTML, "Authorization": f"Bearer {keys['reader']}"}).text
    assert PATH not in reader and PATH in client.get("/reviews", headers=HTML).text
