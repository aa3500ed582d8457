"""ECGs are found again: every filter against a slow choice, by pages of any size."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.ecgs.search import queries
from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin_labeler

SEED = 3
SAID = ["AF", "Possible AF", "No AF", "Sinus rhythm", "Sinus rhythm\nLVH"]
LABELER = builtin_labeler()
START = datetime(2026, 1, 1, tzinfo=UTC)

Stored = dict[str, Any]


@pytest.fixture
def archive(client: httpx.Client, database: Database, settings: Settings) -> Iterator[list[Stored]]:
    """Sixty readings' ECGs, four of them with waveforms, some simulated; the newest last."""
    draw = random.Random(SEED)
    stored: list[Stored] = []
    for number in range(60):
        ecg = {
            "record": f"r/{number}",
            "recorded_at": None if number % 9 == 0 else START + timedelta(days=draw.randrange(40)),
            "site": draw.choice(["north", "south", None]),
            "device": draw.choice(["MAC", "PageWriter"]),
            "simulated": number % 5 == 0,
            "machine": draw.choice(SAID),
            "overread": draw.choice([*SAID, None]),
        }
        stored.append(ecg)
    with Loader(database, settings) as loader:
        for ecg in stored:
            at = ecg["recorded_at"].isoformat() if ecg["recorded_at"] else None
            facts = Facts(recorded_at=at, site=ecg["site"], device=ecg["device"], simulated=ecg["simulated"])
            readings = [("machine", "", ecg["machine"]), ("overread", "a", ecg["overread"])]
            lines = [Line(ecg["record"], facts, *said, None, None, False) for said in readings if said[2] is not None]
            loader.load(lines)
    for place, simulated in zip((7, 20, 33, 40), simulate(4, seed=SEED), strict=True):
        files = [("file", item) for item in write_wfdb(simulated.recording, "r").items()]
        metadata = f'{{"record": "r/{place}"}}'
        assert client.post("/v1/ecgs", files=files, data={"metadata": metadata}).status_code == 200
        stored[place]["has_waveform"] = True
    yield stored


def is_chosen(ecg: Stored, query: dict[str, Any]) -> bool:
    if "label" in query:
        words = ecg[query.get("source", "overread")]
        findings = LABELER.read(words).findings if words is not None else []
        if (query["label"], query.get("status", "present")) not in {(each.label, each.status) for each in findings}:
            return False
    at = ecg["recorded_at"]
    return (
        ecg["simulated"] == query.get("simulated", False)
        and all(query.get(name, ecg[name]) == ecg[name] for name in ("site", "device"))
        and query.get("has_waveform", ecg.get("has_waveform", False)) == ecg.get("has_waveform", False)
        and ("from" not in query or (at is not None and at >= datetime.fromisoformat(query["from"])))
        and ("to" not in query or (at is not None and at < datetime.fromisoformat(query["to"])))
    )


def random_query(draw: random.Random) -> dict[str, Any]:
    possible: dict[str, Any] = {
        "site": draw.choice(["north", "south"]),
        "device": draw.choice(["MAC", "PageWriter"]),
        "from": (START + timedelta(days=draw.randrange(20))).isoformat(),
        "to": (START + timedelta(days=draw.randrange(20, 45))).isoformat(),
        "has_waveform": draw.choice([True, False]),
        "simulated": draw.choice([True, False]),
        "label": draw.choice(["afib", "sinus_rhythm", "lvh", "rbbb"]),
    }
    query = {name: possible[name] for name in draw.sample(sorted(possible), draw.choice([0, 1, 1, 2, 3]))}
    if "label" in query:
        for name, values in (("source", ["machine", "overread"]), ("status", ["present", "uncertain", "negated"])):
            if draw.random() < 0.6:
                query[name] = draw.choice(values)
    return query


def pages(client: httpx.Client, query: dict[str, Any]) -> list[str]:
    """The records found, page by page."""
    found: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(200):
        answer = client.get("/v1/ecgs", params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query["limit"] and page["simulated"] == query.get("simulated", False)
        found += [ecg["record"] for ecg in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("pages without end")


def test_any_filters_find_the_ecgs_they_name_newest_first(
    client: httpx.Client, archive: list[Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(SEED)
    newest_first = archive[::-1]
    for examined in (queries.EXAMINED, 7):
        monkeypatch.setattr(queries, "EXAMINED", examined)
        for _ in range(60):
            query = random_query(draw)
            expected = [ecg["record"] for ecg in newest_first if is_chosen(ecg, query)]
            assert pages(client, {**query, "limit": draw.choice([1, 4, 100])}) == expected, query


def test_a_record_is_found_whichever_kind_it_is(client: httpx.Client, archive: list[Stored]) -> None:
    for number in (0, 1):
        answer = client.get("/v1/ecgs", params={"record": f"r/{number}"}).json()
        assert [ecg["record"] for ecg in answer["items"]] == [f"r/{number}"]
        assert answer["simulated"] == archive[number]["simulated"] == (number == 0)
    assert client.get("/v1/ecgs", params={"record": "r/1", "simulated": True}).json()["items"] == []
    assert client.get("/v1/ecgs", params={"record": "r/999"}).json()["items"] == []


def test_what_cannot_be_searched_for_is_refused_by_field(client: httpx.Client, archive: list[Stored]) -> None:
    for query, field in [
        ({"site": "nowhere"}, "query.site"),
        ({"device": "mac"}, "query.device"),
        ({"from": "2026-02-01", "to": "2026-02-01"}, "query.from"),
        ({"label": "nothing"}, "query.label"),
        ({"source": "machine"}, "query.source"),
        ({"status": "present"}, "query.status"),
        ({"label": "afib", "status": "absent"}, "query.status"),
        ({"record": ""}, "query.record"),
        ({"patient_id": "4711"}, "query.patient_id"),
    ]:
        answer = client.get("/v1/ecgs", params=query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.text


def test_a_patients_ecgs_are_found_by_the_number_in_a_body(
    client: httpx.Client, database: Database, keys: dict[str, str]
) -> None:
    files = [[("file", item) for item in write_wfdb(each.recording, "r").items()] for each in simulate(3, seed=SEED)]
    for parts, number in zip(files, ("4711", "4711", "4712"), strict=True):
        assert client.post("/v1/ecgs", files=parts, data={"metadata": f'{{"patient_id": "{number}"}}'}).is_success
    found = client.post("/v1/ecgs/search", json={"patient_id": " 4711 "}, params={"has_waveform": True}).json()
    assert len(found["items"]) == 2 and len({ecg["patient"] for ecg in found["items"]}) == 1
    first = client.post("/v1/ecgs/search", json={"patient_id": "4711"}, params={"limit": 1}).json()
    rest = {"limit": 1, "cursor": first["next_cursor"]}
    second = client.post("/v1/ecgs/search", json={"patient_id": "4711"}, params=rest).json()
    assert first["items"] + second["items"] == found["items"] and second["next_cursor"] is None
    assert client.post("/v1/ecgs/search", json={"patient_id": "1"}).json()["items"] == []
    with database.begin() as session:
        said = session.execute(text("SELECT actor, resource_id FROM audit_log WHERE action = 'search'")).all()
    assert said[0] == ("admin", found["items"][0]["patient"]) and len(said) == 4
    client.headers["Authorization"] = f"Bearer {keys['viewer']}"
    assert client.post("/v1/ecgs/search", json={"patient_id": "4711"}).status_code == 403


def test_a_waveform_joins_the_readings_of_its_record(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    with Loader(database, settings) as loader:
        loader.load(
            [Line("a", Facts(site="north"), source, "", "AF", None, None, False) for source in ("machine", "overread")]
        )
    one, other, third = (
        [("file", item) for item in write_wfdb(each.recording, "r").items()] for each in simulate(3, seed=SEED)
    )

    def upload(parts: Any, metadata: str) -> httpx.Response:
        return client.post("/v1/ecgs", files=parts, data={"metadata": metadata})

    joined = upload(one, '{"record": "a", "age": 60}')
    ecg = joined.json()
    assert joined.status_code == 200 and ecg["conflicts"] == [] and len(ecg["reports"]) == 2
    assert (ecg["record"], ecg["site"], ecg["age"], ecg["samples"]) == ("a", "north", 60, 5000)
    assert client.get("/v1/disagreement", params={"age_min": 60}).json()["pairs"] == 1
    assert client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"format": "npy"}).status_code == 200
    assert upload(one, '{"record": "a"}').json()["id"] == ecg["id"]
    taken = upload(other, '{"record": "a"}')
    assert taken.status_code == 409 and taken.json()["errors"][0]["field"] == "metadata.record"
    # a record that is learned later, and one that is another ECG's
    assert upload(other, "{}").status_code == 201
    named = upload(other, '{"record": "b"}')
    assert (named.status_code, named.json()["record"]) == (200, "b")
    assert upload(third, "{}").json()["record"] is None
    kept_apart = upload(third, '{"record": "a"}').json()
    assert (kept_apart["record"], kept_apart["conflicts"]) == (None, ["record"])
    with database.begin() as session:
        after = session.execute(
            text("SELECT after FROM audit_log WHERE action = 'update' AND resource_id = :id"), {"id": ecg["id"]}
        ).scalar_one()
    assert set(after) == {"waveform_sha256", "samples", "sampling_rate_hz", "age"}


def test_an_archive_says_which_ecgs_it_lists(client: httpx.Client) -> None:
    files = (
        [("file", item) for item in write_wfdb(each.recording, "r").items()]
        for each in itertools.islice(simulate(2, seed=SEED), 2)
    )
    assert client.get("/v1/ecgs").json() == {"items": [], "next_cursor": None, "simulated": False}
    client.post("/v1/ecgs", files=next(files), data={"metadata": '{"simulated": true}'})
    only_simulated = client.get("/v1/ecgs").json()
    assert only_simulated["simulated"] is True and len(only_simulated["items"]) == 1
    client.post("/v1/ecgs", files=next(files))
    real = client.get("/v1/ecgs").json()
    assert real["simulated"] is False and [ecg["simulated"] for ecg in real["items"]] == [False]
    assert [ecg["simulated"] for ecg in client.get("/v1/ecgs", params={"simulated": True}).json()["items"]] == [True]
