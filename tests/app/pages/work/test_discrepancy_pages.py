"""Pages of discrepancy models: none yet, one being learned, and the table of one."""

import uuid
from typing import Any

import httpx

from app.discrepancy_models.schemas import DiscrepancyModelTable
from app.discrepancy_models.tables import DiscrepancyModel
from app.jobs import queries as jobs
from app.kit.database import Database
from app.vocabularies.queries import active

BROWSER = {"Accept": "text/html"}


def put_in(client: httpx.Client, database: Database, **given: Any) -> str:
    """Put in a discrepancy model with the API's example as its table."""
    shown: Any = DiscrepancyModelTable.model_json_schema()["examples"][0]
    job_id = uuid.UUID(client.post("/v1/datasets", json={"name": "d"}).json()["id"])
    with database.begin() as session:
        row = DiscrepancyModel(
            job_id=job_id,
            name="<b>changes</b>",
            vocabulary_id=active(session).id,
            simulated=False,
            summary={name: shown[name] for name in ("pairs", "with_logits", "split", "verdicts")},
            measured=shown["table"],
            **given,
        )
        session.add(row)
        session.flush()
        return str(row.id)


def test_none_yet_then_one_being_learned(client: httpx.Client, database: Database, keys: dict[str, str]) -> None:
    page = client.get("/discrepancy-models", headers=BROWSER).text
    assert "No discrepancy model yet" in page and 'data-api="/v1/discrepancy-models"' in page
    viewer = {**BROWSER, "Authorization": f"Bearer {keys['viewer']}"}
    assert "data-api=" not in client.get("/discrepancy-models", headers=viewer).text
    user = client.post("/v1/datasets", json={"name": "d"}).json()["id"]
    with database.begin() as session:
        asker = jobs.by_id(session, uuid.UUID(user))
        assert asker is not None
        row = {"id": uuid.uuid4(), "user_id": asker.user_id, "kind": "discrepancy", "queue": "train", "params": {}}
        jobs.insert_once(session, row)
    page = client.get("/discrepancy-models", headers=BROWSER).text
    assert "waiting" in page and f"/jobs/{row['id']}" in page and "No discrepancy model yet" not in page


def test_the_table_of_one(client: httpx.Client, database: Database) -> None:
    made = put_in(client, database, holds_erased=2)
    listed = client.get("/discrepancy-models", headers=BROWSER).text
    assert f"/discrepancy-models/{made}" in listed and "better than the baseline" in listed
    assert "&lt;b&gt;changes" in listed and "<b>changes" not in listed and "holds erased" in listed
    page = client.get(f"/discrepancy-models/{made}", headers=BROWSER).text
    for words in (
        "Pairs that were held out", "Atrial Fibrillation added", "0.617", "not enough changes", "+0.109",
        "2 of its ECGs were erased", "from 2026-03-14 on",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("|p − machine|") >= 2
    unknown = client.get(f"/discrepancy-models/{uuid.uuid4()}", headers=BROWSER)
    assert unknown.status_code == 404
