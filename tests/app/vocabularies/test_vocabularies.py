"""A vocabulary is tried, stored, activated and taken back, and the tables are right all the while."""

import csv
import io
import threading
import time
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.disagreement.pairs.queries import refresh_pairs
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.reports import service as reports
from app.reports.queries import Said, text_ids
from app.reports.schemas import ReportIn
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies import queries
from app.vocabularies.service import KEPT, Labelers, upload
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.labeling import SHIPPED, Labeler, Vocabulary, builtin, builtin_text
from ml.labeling.elsewhere import answer

MACHINE = ["Sinus rhythm", "Sinus rhythm\nNonspecific ST abnormality", "Wobbly rhythm", "AF\nLBBB", "LVH"]
OVERREAD = ["Sinus rhythm", "Wobbly rhythm\nRBBB", "Atrial flutter", "AF", "Possible LVH", "Brugada pattern"]

NEWEST = builtin().version
SYNONYM = "        - nsr\n"
FOURTEENTH = """  - {key: posterior_mi, name: Posterior MI}
  - {key: brugada, name: Brugada Pattern}
"""
RULE = """rules:
  - {labels: [brugada], terms: {en: [brugada (pattern)]}}
"""


def changed(version: str, *changes: tuple[str, str]) -> str:
    """The vocabulary that ships, with another version and some places changed."""
    yaml = builtin_text().replace(f"version: {NEWEST}", f"version: {version}")
    for old, new in changes:
        assert yaml.count(old) >= 1
        yaml = yaml.replace(old, new, 1)
    return yaml


WITH_SYNONYM = changed("site-2", (SYNONYM, SYNONYM + "        - wobbly rhythm\n"))
WITH_14 = changed("site-14", ("  - {key: posterior_mi, name: Posterior MI}\n", FOURTEENTH), ("rules:\n", RULE))


def add_ecg(database: Database, labelers: Labelers, machine: str, overread: str) -> uuid.UUID:
    """Store an ECG (without waveform) and its two readings as the service does."""
    ecg_id = uuid.uuid4()
    with database.begin() as session:
        session.execute(
            text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
            {"id": ecg_id, "sha": ecg_id.hex * 2},
        )
        rules = labelers.maintained(session)
        readings = [ReportIn(source="machine", text=machine), ReportIn(source="overread", text=overread)]
        reports.store(session, "test", rules, ecg_id, readings=readings)
        refresh_pairs(session, ecg_id, [each.id for each in rules])
    return ecg_id


@pytest.fixture
def archive_of_30(database: Database) -> None:
    """Thirty pairs: every combination of the texts above."""
    labelers = Labelers()
    for machine in MACHINE:
        for overread in OVERREAD:
            add_ecg(database, labelers, machine, overread)


@pytest.fixture
def runner(settings: Settings, database: Database) -> Runner:
    """A worker in this process."""
    archive = Archive.of(settings)
    return Runner(Workplace(settings.model_copy(update={"labeling_processes": 2}), database, archive), KINDS)


def activate(client: httpx.Client, runner: Runner, version: str) -> dict[str, Any]:
    """Activate through the API and let the worker do it."""
    answer = client.post(f"/v1/vocabularies/{version}/activate")
    assert answer.status_code == 202, answer.text
    runner.run(uuid.UUID(answer.json()["id"]))
    return dict(client.get(answer.headers["location"]).json())


def rows(client: httpx.Client) -> dict[str, tuple[int, ...]]:
    """The table's counts by label."""
    table = client.get("/v1/disagreement").json()
    return {
        row["label"]: tuple(row[name] for name in ("machine", "overread", "added", "removed"))
        for row in table["labels"]
    }


def recount(database: Database, yaml: str) -> dict[str, tuple[int, ...]]:
    """The slow reference: read every ECG's newest two texts one by one and count."""
    labeler = Labeler(Vocabulary.parse(yaml))
    counts = {label.key: Counter[str]() for label in labeler.vocabulary.labels}
    with database.begin() as session:
        stored = session.execute(
            text(
                "SELECT ecg_id, source, text FROM reports JOIN texts ON texts.id = text_id WHERE current "
                "ORDER BY coalesce(authored_at, reports.created_at), reports.created_at, version"
            )
        ).all()
    said: dict[Any, dict[str, str]] = {}
    for ecg_id, source, words in stored:
        said.setdefault(ecg_id, {})[source] = words
    for pair in said.values():
        if len(pair) == 2:
            positive = {
                source: {f.label for f in labeler.read(words).findings if f.status in ("present", "uncertain")}
                for source, words in pair.items()
            }
            for key, count in counts.items():
                m, o = key in positive["machine"], key in positive["overread"]
                count.update(machine=m, overread=o, added=o and not m, removed=m and not o)
    return {key: tuple(c[name] for name in ("machine", "overread", "added", "removed")) for key, c in counts.items()}


@pytest.mark.usefixtures("archive_of_30")
def test_a_synonym_is_tried_stored_activated_and_taken_back(
    client: httpx.Client, database: Database, runner: Runner
) -> None:
    before = rows(client)
    assert before == recount(database, builtin_text())

    preview = client.post("/v1/vocabularies/preview", json={"yaml": WITH_SYNONYM}).json()
    assert preview["pairs"] == preview["pairs_in_all"] == 30 and preview["reports_changed"] == 6 + 5
    assert {e["label"] for e in preview["examples"]} == {"sinus_rhythm"} and len(preview["examples"]) == 2
    for example in preview["examples"]:
        found = example["after"]
        assert example["before"] is None and example["text"][found["start"] : found["end"]] == found["text"]
    assert [row["version"] for row in client.get("/v1/vocabularies").json()["items"]] == [*SHIPPED]

    assert client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM}).status_code == 201
    assert client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM}).status_code == 200
    assert rows(client) == before  # stored is not active

    job = activate(client, runner, "site-2")
    assert (job["state"], job["result"]["pairs"]) == ("succeeded", 30), job
    after = rows(client)
    assert after == recount(database, WITH_SYNONYM) and after["sinus_rhythm"] != before["sinus_rhythm"]
    shown = {row["label"]: tuple(row["after"].values()) for row in preview["labels"]}
    assert shown == after  # the preview said what came

    again = activate(client, runner, NEWEST)
    assert again["result"]["texts_read"] == 0  # the old labelings stayed
    assert rows(client) == before


@pytest.mark.usefixtures("archive_of_30")
@pytest.mark.parametrize("at_a_time", [1, 7, 1000])
def test_every_pair_is_previewed_by_a_job(
    client: httpx.Client, runner: Runner, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    from app.vocabularies import tasks

    monkeypatch.setattr(tasks, "PREVIEWED", at_a_time)
    asked = {"yaml": WITH_14, "examples": 3}
    answer = client.post("/v1/vocabularies/preview", json={**asked, "sample": "all"})
    assert answer.status_code == 202, answer.text
    runner.run(uuid.UUID(answer.json()["id"]))
    job = client.get(answer.headers["location"]).json()
    assert (job["kind"], job["state"]) == ("preview", "succeeded"), job
    at_once = client.post("/v1/vocabularies/preview", json=asked).json()
    assert len(job["result"]["examples"]) == len(at_once["examples"]) == 1  # one text, one label
    for key in ("active", "vocabulary", "pairs", "pairs_in_all", "reports_changed", "labels"):
        assert job["result"][key] == at_once[key], key
    assert job["result"]["labels"][-1]["before"] is None and job["result"]["pairs"] == 30
    unknown = client.post("/v1/vocabularies/preview", json={"version": "none", "sample": "all"})
    assert unknown.status_code == 404
    assert client.post("/v1/vocabularies/preview", json={**asked, "sample": "some"}).status_code == 422


@pytest.mark.usefixtures("archive_of_30")
def test_a_14th_label_is_data(client: httpx.Client, database: Database, runner: Runner) -> None:
    assert client.post("/v1/vocabularies", json={"yaml": WITH_14}).status_code == 201
    job = activate(client, runner, "site-14")
    assert job["state"] == "succeeded", job
    table = client.get("/v1/disagreement").json()["labels"]
    assert len(table) == 14 and table[-1]["name"] == "Brugada Pattern" and table[-1]["added"] == 5
    assert rows(client) == recount(database, WITH_14)
    lines = list(csv.DictReader(io.StringIO(client.get("/v1/disagreement", headers={"accept": "text/csv"}).text)))
    assert len(lines) == 14
    differing = client.get("/v1/disagreement/brugada/ecgs", params={"direction": "added"}).json()["items"]
    assert len(differing) == 5
    found = client.post("/v1/labels/extract", json={"text": "No Brugada pattern"}).json()["findings"]
    assert [(f["label"], f["status"]) for f in found] == [("brugada", "negated")]


@pytest.mark.usefixtures("archive_of_30")
def test_unmapped_statements_are_counted(client: httpx.Client, database: Database, runner: Runner) -> None:
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    said = {
        item["statement"]: (item["machine"], item["overread"])
        for item in client.get(f"/v1/vocabularies/{NEWEST}/unmapped").json()["items"]
    }
    assert said == {
        "wobbly rhythm": (6, 5),
        "nonspecific st abnormality": (6, 0),
        "brugada pattern": (0, 5),
    }
    first = client.get(f"/v1/vocabularies/{NEWEST}/unmapped", params={"source": "overread"}).json()["items"][0]
    assert (first["machine"], first["overread"]) == (0, 5)
    assert activate(client, runner, "site-2")["state"] == "succeeded"
    left = client.get("/v1/vocabularies/site-2/unmapped").json()["items"]
    assert [item["statement"] for item in left] == ["nonspecific st abnormality", "brugada pattern"]
    for item in left:
        example = item["example"]
        report = next(
            report
            for report in client.get(f"/v1/ecgs/{example['ecg_id']}/reports").json()["items"]
            if report["id"] == example["report_id"]
        )
        assert report["text"][example["start"] : example["end"]] == example["text"]


def test_statements_that_are_partly_understood_are_counted_too(client: httpx.Client, database: Database) -> None:
    add_ecg(database, Labelers(), "Sinus rhythm", "Sinus rhythm with A.fibr on 14-MAR-2011\nFlubber pattern")
    add_ecg(database, Labelers(), "Sinus rhythm", "Sinus rhythm with A.fibr on 3 Dec 2012 09:15")
    found = client.get(f"/v1/vocabularies/{NEWEST}/unmapped").json()["items"]
    said = [(each["statement"], each["partly"], each["not_understood"], each["overread"]) for each in found]
    assert said == [
        ("sinus rhythm with a fibr on date", True, ["fibr"], 2),
        ("flubber pattern", False, ["flubber"], 1),
    ]


def test_codes_that_are_not_known_are_counted_with_their_system(client: httpx.Client) -> None:
    [ecg] = simulate(1, seed=3)
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
    ecg_id = client.post("/v1/ecgs", files=files).json()["id"]
    codes = [("12SL", "ASMI;AU"), ("12SL", "ZMI;AU"), ("AHA", "901"), ("AHA", "902"), ("SCP", "PVC")]
    report = {"source": "overread", "codes": [{"system": system, "code": code} for system, code in codes]}
    said = client.post(f"/v1/ecgs/{ecg_id}/reports", json=report).json()
    assert [(finding["label"], finding["status"], finding["text"]) for finding in said["findings"]] == [
        ("anterior_mi", "present", "ASMI")
    ]
    found = client.get(f"/v1/vocabularies/{NEWEST}/unmapped").json()["items"]
    assert {each["statement"]: each["example"]["text"] for each in found} == {
        "12SL ZMI": "ZMI", "AHA 901": "901", "AHA 902": "902",
    }  # fmt: skip


def test_statements_of_unread_reports_are_marked(client: httpx.Client, database: Database) -> None:
    spanish = "Ritmo sinusal normal. Bloqueo completo de rama derecha."
    add_ecg(database, Labelers(), "Sinus rhythm\nBrugada pattern", spanish)
    add_ecg(
        database, Labelers(), "Atrial fibrillation with rapid ventricular response. LVH\nRitmo sinusal normal", spanish
    )

    def said(**query: Any) -> dict[str, tuple[bool, int, int]]:
        found = client.get(f"/v1/vocabularies/{NEWEST}/unmapped", params=query).json()["items"]
        return {each["statement"]: (each["unread"], each["machine"], each["overread"]) for each in found}

    block = {"bloqueo complete de rama derecha": (True, 0, 2)}
    assert said() == {**block, "ritmo sinusal normal": (False, 1, 2), "brugada pattern": (False, 1, 0)}
    assert said(unread=True) == {**block, "ritmo sinusal normal": (True, 0, 2)}
    assert said(unread=False) == {"ritmo sinusal normal": (False, 1, 0), "brugada pattern": (False, 1, 0)}
    assert said(unread=True, source="machine") == {}


@pytest.mark.usefixtures("archive_of_30")
def test_a_statement_whose_last_report_is_corrected_meanwhile_is_left_out(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.reports import queries

    count = queries.unmapped

    def counted_then_corrected(*given: Any, **named: Any) -> Any:
        counted = count(*given, **named)
        with database.begin() as session:
            session.execute(
                text("UPDATE reports SET current = false FROM texts WHERE texts.id = text_id AND text LIKE 'Brugada%'")
            )
        return counted

    monkeypatch.setattr(queries, "unmapped", counted_then_corrected)
    answer = client.get(f"/v1/vocabularies/{NEWEST}/unmapped")
    assert answer.status_code == 200, answer.text
    said = {item["statement"] for item in answer.json()["items"]}
    assert said == {"wobbly rhythm", "nonspecific st abnormality"}


@pytest.mark.usefixtures("archive_of_30")
def test_writers_at_work_while_a_vocabulary_is_activated(
    client: httpx.Client, database: Database, runner: Runner
) -> None:
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(number: int) -> None:
        labelers, mine, turn = Labelers(), [], 0
        try:
            while not stop.is_set():
                turn += 1
                machine, overread = MACHINE[(turn + number) % 5], OVERREAD[(turn * number) % 6]
                mine.append(add_ecg(database, labelers, f"{machine}\nrate {turn}", overread))
                with database.begin() as session:
                    correction = ReportIn(source="overread", text=OVERREAD[turn % 6])
                    reports.add(session, "test", labelers.maintained(session), mine[turn // 2], given=correction)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    try:
        for version in ("site-2", NEWEST, "site-2"):
            assert activate(client, runner, version)["state"] == "succeeded"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert rows(client) == recount(database, WITH_SYNONYM)
    with database.begin() as session:
        assert session.execute(text("SELECT count(*) FROM pairs WHERE slot = (SELECT slot FROM vocabularies "
                                    "WHERE state = 'active')")).scalar_one() > 60  # fmt: skip


@pytest.mark.usefixtures("archive_of_30")
def test_an_activation_that_is_cancelled_changes_nothing(
    client: httpx.Client, database: Database, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.disagreement.pairs import queries

    before = rows(client)
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    answer = client.post("/v1/vocabularies/site-2/activate")
    second = client.post(f"/v1/vocabularies/{NEWEST}/activate")
    assert second.status_code == 409 and second.json()["type"].endswith("activation_under_way")

    def broken(*given: object, **named: object) -> int:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(queries, "build_pairs", broken)
    runner.run(uuid.UUID(answer.json()["id"]))
    assert client.get(answer.headers["location"]).json()["state"] == "failed"
    assert rows(client) == before
    assert {row["version"]: row["state"] for row in client.get("/v1/vocabularies").json()["items"]} == {
        NEWEST: "active",
        **dict.fromkeys(SHIPPED[1:], "inactive"),
        "site-2": "inactive",
    }
    monkeypatch.undo()
    assert activate(client, runner, "site-2")["state"] == "succeeded"
    assert rows(client) == recount(database, WITH_SYNONYM)


@pytest.mark.usefixtures("archive_of_30")
def test_another_worker_goes_on_where_one_stopped(
    client: httpx.Client, database: Database, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.disagreement.pairs import queries
    from app.jobs.run import WorkerStopping
    from app.vocabularies import tasks

    before = rows(client)
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    answer = client.post("/v1/vocabularies/site-2/activate")
    monkeypatch.setattr(tasks, "TEXTS", 3)
    build, calls = queries.build_pairs, iter(range(1000))

    def stops(*given: Any, **named: Any) -> int:
        if next(calls) == 30:
            raise WorkerStopping
        return build(*given, **named)

    monkeypatch.setattr(queries, "build_pairs", stops)
    runner.run(uuid.UUID(answer.json()["id"]))
    assert client.get(answer.headers["location"]).json()["state"] == "queued"
    assert rows(client) == before
    add_ecg(database, Labelers(), "Wobbly rhythm\nagain", "AF")  # meanwhile
    runner.run(uuid.UUID(answer.json()["id"]))
    job = client.get(answer.headers["location"]).json()
    assert (job["state"], job["result"]["texts_read"]) == ("succeeded", 0)
    assert rows(client) == recount(database, WITH_SYNONYM)


def test_who_changes_an_ecg_before_all_of_it_is_read_pairs_no_older_reading(
    client: httpx.Client, database: Database, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.vocabularies import tasks

    labelers = Labelers()
    ecg_id = add_ecg(database, labelers, "Sinus rhythm", "LBBB")
    newest = ReportIn(source="overread", text="AF", reader="a")
    assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=newest.model_dump(exclude_unset=True)).status_code == 201
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    read_texts = tasks._read_texts

    def meanwhile(*given: Any) -> int:
        """All but the newest reading have been read when somebody says more of the ECG."""
        with database.begin() as session:
            rules = [labelers.version(session, "site-2")]
            older: list[Said] = [("Sinus rhythm", None), ("LBBB", None)]
            reports.label_new(session, rules, dict(zip(text_ids(session, older), older, strict=True)))
            refresh_pairs(session, ecg_id, [each.id for each in labelers.maintained(session)])
        return read_texts(*given)

    monkeypatch.setattr(tasks, "_read_texts", meanwhile)
    assert activate(client, runner, "site-2")["state"] == "succeeded"
    assert rows(client) == recount(database, WITH_SYNONYM)
    assert client.get("/v1/disagreement", params={"reader": "a"}).json()["pairs"] == 1


def test_an_activation_waits_for_who_began_before_all_was_read(
    client: httpx.Client, database: Database, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.vocabularies import tasks

    labelers = Labelers()
    ecg_id = add_ecg(database, labelers, "Sinus rhythm", "LBBB")
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    begun, all_read = threading.Event(), threading.Event()

    def correct() -> None:
        """Correct the over-read, of whose machine report the new vocabulary knows nothing yet, and take a while."""
        with database.begin() as session:
            rules = labelers.maintained(session)
            reading = ReportIn(source="overread", text="AF")
            reports.add(session, "test", rules, ecg_id, given=reading)
            begun.set()
            assert all_read.wait(60)
            time.sleep(1)

    writer, read_texts = threading.Thread(target=correct), tasks._read_texts

    def meanwhile(*given: Any) -> int:
        writer.start()
        assert begun.wait(60)
        read = read_texts(*given)
        all_read.set()
        return read

    monkeypatch.setattr(tasks, "_read_texts", meanwhile)
    assert activate(client, runner, "site-2")["state"] == "succeeded"
    writer.join()
    assert rows(client) == recount(database, WITH_SYNONYM)
    assert rows(client)["afib"] == (0, 1, 1, 0)


def test_a_bad_vocabulary_is_refused_with_its_line(client: httpx.Client, keys: dict[str, str]) -> None:
    unknown = changed("bad", ("  - labels: [sinus_rhythm]\n", "  - labels: [sinus_rythm]\n"))
    refused = client.post("/v1/vocabularies", json={"yaml": unknown})
    line = 1 + unknown.split("\n").index("  - labels: [sinus_rythm]")
    mistake = f"line {line}: rules.0.labels.0: no such label: sinus_rythm"
    assert (refused.status_code, refused.json()["detail"]) == (422, mistake)
    refused = client.post("/v1/vocabularies", json={"yaml": changed("bad", ("septal_mi: anterior", "septal_mi: both"))})
    line = 1 + changed("bad").split("\n").index("  septal_mi: anterior")
    assert refused.status_code == 422 and f"line {line}" in refused.json()["detail"], refused.text
    refused = client.post("/v1/vocabularies", json={"yaml": changed(NEWEST, (SYNONYM, ""))})
    assert refused.status_code == 409 and refused.json()["type"].endswith("version_taken")
    assert client.post("/v1/vocabularies", json={"yaml": "x" * 1_000_001}).status_code == 413
    assert client.post("/v1/vocabularies/none/activate").status_code == 404
    assert client.get("/v1/vocabularies/none").status_code == 404
    assert client.get("/v1/vocabularies/%00").status_code == 422
    assert client.get("/v1/vocabularies/a%00b/unmapped").status_code == 422
    assert client.post("/v1/vocabularies/%00/activate").status_code == 422
    assert client.post("/v1/vocabularies/preview", json={}).status_code == 422
    client.headers["Authorization"] = f"Bearer {keys['viewer']}"
    assert client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM}).status_code == 403
    assert client.post(f"/v1/vocabularies/{NEWEST}/activate").status_code == 403


def test_extract(client: httpx.Client) -> None:
    said = client.post("/v1/labels/extract", json={"text": "AF. Possible LVH"}).json()
    assert [s["normal"] for s in said["statements"]] == ["atrial fibrillation", "possible lvh"]
    hedged = said["findings"][1]
    assert (hedged["cue"], hedged["cue_start"], hedged["cue_end"]) == ("Possible", 4, 12)
    assert client.post("/v1/labels/extract", json={"text": "LVH", "profile": "strict"}).status_code == 200
    assert client.post("/v1/labels/extract", json={"text": "LVH", "profile": "none"}).status_code == 422
    assert client.post("/v1/labels/extract", json={"text": "LVH " * 20_000}).status_code == 413
    detail = client.get(f"/v1/vocabularies/{NEWEST}").json()
    assert detail["policy"]["septal_mi"] == "anterior" and set(detail["profiles"]) == {"paper", "strict"}


def test_a_process_keeps_a_few_labelers_and_builds_the_others_again(database: Database) -> None:
    labelers = Labelers()
    with database.begin() as session:
        for number in range(KEPT + 2):
            yaml = builtin_text().replace(NEWEST, f"north-{number}")
            upload(session, "test", yaml, answer({"vocabulary": yaml}))
        active = labelers.active(session).labeler
        strict = labelers.profile(labelers.active(session), "strict")
        first = labelers.version(session, "north-0").labeler
        for number in range(1, KEPT + 2):
            assert labelers.version(session, f"north-{number}").vocabulary.version == f"north-{number}"
            assert labelers.active(session).labeler is active  # what is asked for stays
        assert labelers.version(session, "north-0").labeler is not first
        assert labelers.profile(labelers.active(session), "strict") is not strict
    assert len(labelers._built) == KEPT


def test_what_another_release_stored_is_listed_and_refused_in_words(client: httpx.Client, database: Database) -> None:
    outline = {"languages": ["en"], "labels": [{"key": "afib", "name": "AF"}]}
    with database.begin() as session:
        queries.add_if_absent(session, "old", outline, "version: old\nlanguages: [en]\nswitches: none of today's\n")
    newest = client.get("/v1/vocabularies").json()["items"][0]
    labels = [{"key": "afib", "name": "AF", "weight": "major"}]  # the weight is younger than that release
    assert (newest["version"], newest["languages"], newest["labels"]) == ("old", ["en"], labels)
    extracted = client.post("/v1/labels/extract", json={"text": "AF", "vocabulary": "old"})
    for refused in (client.get("/v1/vocabularies/old"), client.get("/v1/vocabularies/old/unmapped"), extracted):
        assert refused.status_code == 409 and "refuses the file of version old" in refused.json()["detail"]


@pytest.mark.usefixtures("archive_of_30")
def test_real_and_simulated_reports_are_never_counted_together(
    client: httpx.Client, database: Database, runner: Runner
) -> None:
    with database.begin() as session:  # three in ten become simulated ones
        session.execute(text("UPDATE ecgs SET simulated = true WHERE id IN (SELECT id FROM ecgs ORDER BY id LIMIT 9)"))
        session.execute(text("UPDATE pairs SET simulated = ecgs.simulated FROM ecgs WHERE ecgs.id = pairs.ecg_id"))
        counted = "SELECT count(*) FROM reports JOIN ecgs ON ecgs.id = ecg_id WHERE current AND simulated = :simulated"
        unknown = " AND text_id IN (SELECT id FROM texts WHERE text LIKE 'Brugada%')"
        brugada = {kind: session.scalar(text(counted + unknown), {"simulated": kind}) for kind in (False, True)}
    for asked, kind, expected in ((None, False, 21), (False, False, 21), (True, True, 9)):
        query = {} if asked is None else {"simulated": asked}
        shown = client.get(f"/v1/vocabularies/{NEWEST}/unmapped", params=query).json()
        said = {item["statement"]: item["overread"] for item in shown["items"]}
        assert (shown["simulated"], said.get("brugada pattern", 0)) == (kind, brugada[kind])
        for item in shown["items"]:
            ecg = client.get(f"/v1/ecgs/{item['example']['ecg_id']}").json()
            assert ecg["simulated"] is kind
        tried = {"yaml": WITH_SYNONYM, **query}
        preview = client.post("/v1/vocabularies/preview", json=tried).json()
        assert (preview["pairs"], preview["pairs_in_all"], preview["simulated"]) == (expected, expected, kind)
        job = client.post("/v1/vocabularies/preview", json={**tried, "sample": "all"}).json()
        runner.run(uuid.UUID(job["id"]))
        result = client.get(f"/v1/jobs/{job['id']}").json()["result"]
        assert (result["pairs"], result["pairs_in_all"], result["simulated"]) == (expected, expected, kind)
