"""What a page costs does not depend on statistics: no query of it reads a whole table of the archive."""

from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.ecgs.search import queries
from app.kit.database import Database
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.unanalysed import fill, whole_reads

FORM = {
    "metadata": '{"site": "north", "device": "MAC", "record": "a", "patient_id": "4711", "recorded_at": "2026-01-01", '
    '"location": "ICU", "order_id": "A-1"}',
    "machine_report": "AF",
    "overread_report": "Sinus rhythm",
}


@pytest.fixture
def ecg_id(client: httpx.Client, database: Database) -> str:
    """An ECG with two readings beside an archive of reports, the over-read by a reader."""
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=2)).recording, "r").items()]
    stored = client.post("/v1/ecgs", files=files, data=FORM).json()["id"]
    said = {"source": "overread", "text": "Atrial flutter", "reader": "a"}
    assert client.post(f"/v1/ecgs/{stored}/reports", json=said).status_code == 201
    fill(database)
    return str(stored)


PAGES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/ecgs", {}),
    ("/v1/ecgs", {"site": "north"}),
    ("/v1/ecgs", {"location": "ICU"}),
    ("/v1/ecgs", {"device": "MAC"}),
    ("/v1/ecgs", {"record": "a"}),
    ("/v1/ecgs", {"has_waveform": True}),
    ("/v1/ecgs", {"from": "2026-01-01", "to": "2026-01-02"}),
    ("/v1/ecgs", {"label": "aflutter"}),
    ("/v1/ecgs/{ecg_id}", {}),
    ("/v1/ecgs/{ecg_id}/reports", {}),
    ("/v1/disagreement/aflutter/ecgs", {"site": "north"}),
    ("/v1/disagreement/aflutter/ecgs", {"location": "ICU", "hour": 0, "blinded": "unknown"}),
    ("/v1/disagreement/ecgs", {}),
    ("/v1/disagreement/statements", {}),
    ("/v1/readers/a", {}),
    ("/v1/sites", {}),
]


def test_no_query_of_a_page_reads_the_whole_archive(
    client: TestClient, ecg_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EXAMINED", 100)  # of 8,000: as few as of an archive of half a million
    asked: list[tuple[str, Any]] = []
    engine = client.app.state.database.engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    for path, query in PAGES:
        assert client.get(path.format(ecg_id=ecg_id), params=query).status_code == 200, (path, query)
    assert len(asked) > 2 * len(PAGES)
    found = whole_reads(engine, list(asked))
    assert not found, "\n".join(found)


def test_no_query_of_an_upload_reads_the_whole_archive(client: TestClient, ecg_id: str) -> None:
    asked: list[tuple[str, Any]] = []
    engine = client.app.state.database.engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=4)).recording, "r").items()]
    assert client.post("/v1/ecgs", files=files, data={**FORM, "metadata": "{}"}).status_code == 201
    said = {"source": "overread", "text": "LVH", "reader": "a"}
    assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=said).status_code == 201
    for number in ({"patient_id": "4711"}, {"order_id": "A-1"}):
        assert client.post("/v1/ecgs/search", json=number).json()["items"][0]["id"] == ecg_id
    found = whole_reads(engine, list(asked))
    assert not found, "\n".join(found)
