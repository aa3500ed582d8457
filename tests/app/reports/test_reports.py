"""Reports over HTTP: versions, which one counts, and what is never stored of their words."""

import io
import json
import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.imports.service import import_reports
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb


@pytest.fixture
def url(client: httpx.Client) -> str:
    """The reports of an ECG that has none."""
    [ecg] = simulate(1, seed=3)
    answer = client.post("/v1/ecgs", files=[("file", item) for item in write_wfdb(ecg.recording, "r").items()])
    return f"/v1/ecgs/{answer.json()['id']}/reports"


def add(client: httpx.Client, url: str, words: str, source: str = "overread", **given: object) -> dict[str, object]:
    answer = client.post(url, json={"source": source, "text": words, **given})
    assert answer.status_code == 201, answer.text
    report: dict[str, object] = answer.json()
    return report


def shown(client: httpx.Client, url: str) -> list[tuple[object, ...]]:
    items = client.get(url).json()["items"]
    return [tuple(each[name] for name in ("source", "version", "current", "counts", "text")) for each in items]


def test_a_correction_is_a_new_version_and_the_same_again_changes_nothing(client: httpx.Client, url: str) -> None:
    first = add(client, url, "AF")
    assert client.post(url, json={"source": "overread", "text": "AF"}).status_code == 200
    add(client, url, "Sinus rhythm")
    assert shown(client, url) == [("overread", 1, False, False, "AF"), ("overread", 2, True, True, "Sinus rhythm")]
    assert first["findings"] and client.get("/v1/audit").json()["items"][0]["before"]["version"] == 1


def test_of_several_readers_one_counts(client: httpx.Client, url: str) -> None:
    add(client, url, "AF", reader="a", authored_at="2026-01-02T00:00:00Z")
    add(client, url, "LVH", reader="b", authored_at="2026-01-01T00:00:00Z")
    assert [each[3] for each in shown(client, url)] == [True, False]
    add(client, url, "RBBB", reader="c", authored_at="2020-01-01T00:00:00Z", final=True)
    assert [each[3] for each in shown(client, url)] == [False, False, True]


def test_codes_are_a_report(client: httpx.Client, url: str) -> None:
    coded = {"source": "overread", "codes": [{"system": "SCP", "code": "AFIB"}]}
    assert client.post(url, json=coded).status_code == 201
    assert client.post(url, json=coded).status_code == 200
    [report] = client.get(url).json()["items"]
    assert [finding["label"] for finding in report["findings"]] == ["afib"] and report["text"] is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source": "overread", "text": "Confirmed by Dr. Alan Grant\nMRN 00482913"}, "text"),
        ({"source": "machine", "text": "AF", "final": True}, "body"),
        ({"source": "overread"}, "body"),
    ],
)
def test_what_is_no_report_is_refused_by_field(
    client: httpx.Client, url: str, given: dict[str, object], field: str
) -> None:
    answer = client.post(url, json=given)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get(url).json()["items"] == []


def test_an_unknown_ecg_is_404(client: httpx.Client, url: str) -> None:
    unknown = "/v1/ecgs/00000000-0000-0000-0000-000000000000/reports"
    assert client.post(unknown, json={"source": "overread", "text": "AF"}).status_code == 404
    assert client.get(unknown).status_code == 404


PAGE = (
    "DOE,JANE Q      000-12-3456   NOT INPATIENT              DOB: JAN 2,1950\n"
    "Sinus rhythm, confirmed by ROE MD\nDr. Hammond notified; phone 555-010-0142\nLVH"
)
NAMED = ("DOE", "JANE", "3456", "1950", "ROE", "Hammond", "0142")


@pytest.mark.parametrize("way", ["report", "upload", "import"])
def test_nothing_that_names_somebody_is_stored_whichever_way_it_comes(
    client: httpx.Client, url: str, database: Database, settings: Settings, tmp_path: Path, way: str
) -> None:
    if way == "report":
        add(client, url, PAGE)
    elif way == "upload":
        [ecg] = simulate(1, seed=9)
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        assert client.post("/v1/ecgs", files=files, data={"overread_report": PAGE}).status_code == 201
    else:
        (tmp_path / "lines").write_text(json.dumps({"record": "1", "source": "overread", "text": PAGE}))
        with (tmp_path / "lines").open("rb") as file:
            import_reports(database, settings, "test", file, progress=lambda loaded: None)
    with database.begin() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        stored = "".join(str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)
    words = re.findall(r"\w+", stored)  # ids and times have four such digits somewhere, by chance
    assert [name for name in NAMED if name in (words if name.isdigit() else stored)] == []
    assert "Sinus rhythm" in stored and "LVH" in stored


def test_of_text_and_codes_the_codes_are_labelled_and_the_text_is_kept(client: httpx.Client, url: str) -> None:
    both = {"source": "overread", "text": "Sinus rhythm", "codes": [{"system": "SCP", "code": "AFIB"}]}
    report = client.post(url, json=both).json()
    assert report["text"] == "Sinus rhythm" and [code["code"] for code in report["codes"]] == ["AFIB"]
    assert [(finding["label"], finding["text"]) for finding in report["findings"]] == [("afib", "AFIB")]
    assert client.post(url, json=both).status_code == 200
    for other in ({**both, "text": "AF"}, {"source": "overread", "text": "Sinus rhythm"}, {**both, "text": None}):
        assert client.post(url, json=other).status_code == 201
    assert [each[1] for each in shown(client, url)] == [1, 2, 3, 4]
    assert client.post(url, json={"source": "overread"}).status_code == 422


def lines(*readings: dict[str, object]) -> io.BytesIO:
    return io.BytesIO("\n".join(json.dumps({"record": "r", **reading}) for reading in readings).encode())


def test_an_import_and_the_api_store_text_and_codes_once(
    client: httpx.Client, database: Database, settings: Settings, url: str
) -> None:
    both = {"source": "overread", "text": "Sinus rhythm\nno \\ change", "codes": [{"system": "SCP", "code": "AFIB"}]}
    client.post(url, json=both)
    import_reports(database, settings, "test", lines(both), progress=lambda _: None)
    with database.begin() as session:
        found = session.execute(text("SELECT count(*), min(length(sha256)) FROM texts WHERE codes IS NOT NULL")).one()
    assert tuple(found) == (1, 32)


def test_what_was_unknown_of_an_over_read_is_filled_in_and_the_opposite_refused(client: httpx.Client, url: str) -> None:
    add(client, url, "AF", source="machine")
    first = add(client, url, "AF", validated="no")
    assert (first["blinded"], first["validated"]) == ("unknown", "no")
    assert table(client) == {"blinded": "unknown", "validated": "no"}
    again = client.post(url, json={"source": "overread", "text": "AF", "blinded": "yes"})
    assert again.status_code == 200 and (again.json()["id"], again.json()["blinded"]) == (first["id"], "yes")
    assert table(client) == {"blinded": "yes", "validated": "no"}
    opposite = client.post(url, json={"source": "overread", "text": "AF", "blinded": "no", "validated": "yes"})
    assert opposite.status_code == 409
    assert [error["field"] for error in opposite.json()["errors"]] == ["blinded", "validated"]
    assert table(client) == {"blinded": "yes", "validated": "no"}
    [audited] = [each for each in client.get("/v1/audit").json()["items"] if each["action"] == "update"]
    assert (audited["before"], audited["after"]) == ({"blinded": "unknown"}, {"blinded": "yes"})
    machine = client.post(url, json={"source": "machine", "text": "LVH", "blinded": "yes"})
    assert machine.status_code == 422


def test_an_import_fills_in_what_was_unknown_and_counts_what_differs(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    machine, overread = {"source": "machine", "text": "AF"}, {"source": "overread", "text": "AF"}
    for known, conflicts in (({}, {}), ({"blinded": "yes"}, {}), ({"blinded": "no"}, {"blinded": 1}), ({}, {})):
        loaded = import_reports(
            database, settings, "test", lines(machine, {**overread, **known}), progress=lambda _: None
        )
        assert loaded.conflicts == conflicts and loaded.reports == (2 if loaded.ecgs else 0)
    assert table(client) == {"blinded": "yes", "validated": "unknown"}


def table(client: httpx.Client) -> dict[str, str]:
    """What is known of the one pair, as the disagreement table counts it, in its head and in its groups."""
    answer = client.get("/v1/disagreement", params={"group_by": ["blinded", "validated"]}).json()
    [group] = answer["groups"]
    known: dict[str, str] = group["group"]
    assert {name: answer[name][known[name]] for name in known} == dict.fromkeys(known, 1)
    return known
