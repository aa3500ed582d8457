"""Agreement over HTTP: against a slow count with the statisticians' libraries, and CODE-test's published kappas."""

import io
import itertools
import json
import random
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import text
from statsmodels.stats.inter_rater import fleiss_kappa

from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.imports.service import import_reports
from app.kit.database import Database
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from app.vocabularies import service as vocabulary_service
from ml.labeling import builtin_labeler
from ml.labeling.elsewhere import answer

ROOT = Path(__file__).resolve().parents[3]
LABELER = builtin_labeler()
SAID = ["Normal ECG", "LVH", "Possible LVH", "AF", "AF\nLVH", "No AF", "RBBB\nPossible AF"]
READERS = ["a", "b/é", "c", "d"]
SITES = ["north", "south"]

Readings = dict[int, dict[str, str]]  # by ECG: reader ("machine" for the machine's) → words


@pytest.fixture
def readings(database: Database, settings: Settings) -> Readings:
    """Ninety ECGs, each read by some of four readers, some by nobody, some by one who is not named."""
    draw = random.Random(5)
    found: Readings = {}
    lines = []
    for ecg in range(90):
        mostly = draw.choice(SAID)
        who = [reader for reader in READERS if draw.random() < 0.75]
        found[ecg] = {reader: mostly if draw.random() < 0.6 else draw.choice(SAID) for reader in who}
        if ecg % 3:
            found[ecg]["machine"] = draw.choice(SAID)
        facts = Facts(site=SITES[ecg % 2], recorded_at=f"2021-01-{ecg % 28 + 1:02}T12:00:00Z")
        for reader, words in found[ecg].items():
            source, name = ("machine", "") if reader == "machine" else ("overread", reader)
            lines.append(Line(str(ecg), facts, source, name, words, None, None, reader == "d"))
        lines.append(Line(str(ecg), facts, "overread", "", "LBBB", None, "2020-01-01T00:00:00Z", False))
    with Loader(database, settings) as loader:
        loader.load(lines)
    return found


def positive(words: str, label: str, hedged: str) -> bool | None:
    """What a reading says of a label; None where it is left out."""
    statuses = {finding.status for finding in LABELER.read(words).findings if finding.label == label}
    if "uncertain" in statuses and hedged != "positive":
        return None if hedged == "ignore" else "present" in statuses
    return bool(statuses & {"present", "uncertain"})


def kappa(pairs: list[tuple[bool, bool]]) -> float | None:
    """Cohen's, by scikit-learn."""
    if len(set(pairs)) < 2 and all(a == b for a, b in pairs):
        return None
    return float(cohen_kappa_score([a for a, _ in pairs], [b for _, b in pairs], labels=[False, True]))


def compared(readings: Readings, first: str, second: str, label: str, hedged: str) -> list[tuple[bool, bool]]:
    both = [(by[first], by[second]) for by in readings.values() if first in by and second in by]
    said = [(positive(a, label, hedged), positive(b, label, hedged)) for a, b in both]
    return [(a, b) for a, b in said if a is not None and b is not None]


@pytest.mark.parametrize("hedged", ["positive", "negative", "ignore"])
def test_every_two_readers_are_compared_on_the_ecgs_both_read(
    client: httpx.Client, readings: Readings, hedged: str
) -> None:
    answer = client.get("/v1/readers/agreement", params={"hedged": hedged}).json()
    assert [tuple(pair["readers"]) for pair in answer["pairs"]] == list(itertools.combinations(READERS, 2))
    for pair in answer["pairs"]:
        for row in pair["labels"]:
            said = compared(readings, *pair["readers"], row["label"], hedged)
            counts = Counter(said)
            assert row["ecgs"] == len(said) and row["both"] == counts[True, True]
            assert (row["only_first"], row["only_second"]) == (counts[True, False], counts[False, True])
            expected = kappa(said)
            assert row["kappa"] == (None if expected is None else pytest.approx(expected, abs=1e-12))
            assert (row["kappa_ci"] is None) == (row["kappa"] is None)


@pytest.mark.parametrize("hedged", ["positive", "ignore"])
def test_fleiss_kappa_is_taken_apart_by_how_many_read(client: httpx.Client, readings: Readings, hedged: str) -> None:
    answer = client.get("/v1/readers/agreement", params={"hedged": hedged}).json()
    assert {row["readings"] for row in answer["fleiss"]} == {2, 3, 4}
    for row in answer["fleiss"]:
        counts = []
        for by in readings.values():
            said = [positive(words, row["label"], hedged) for reader, words in by.items() if reader != "machine"]
            if len(said) == row["readings"] and None not in said:
                counts.append([said.count(False), said.count(True)])
        assert row["ecgs"] == len(counts)
        if counts and np.array(counts).sum(axis=0).all():
            assert row["kappa"] == pytest.approx(fleiss_kappa(np.array(counts)), abs=1e-12)
        else:
            assert row["kappa"] is None and row["kappa_ci"] is None


def test_only_the_chosen_ecgs_and_readers_count(client: httpx.Client, readings: Readings) -> None:
    north = {ecg: by for ecg, by in readings.items() if ecg % 2 == 0 and ecg % 28 + 1 >= 10}
    asked = {"site": "north", "from": "2021-01-10", "reader": ["a", "c"]}
    answer = client.get("/v1/readers/agreement", params=asked).json()
    [pair] = answer["pairs"]
    assert pair["readers"] == ["a", "c"]
    shared = sum("a" in by and "c" in by for by in north.values())
    assert {row["ecgs"] for row in pair["labels"]} == {shared} == {row["ecgs"] for row in answer["readers"]}
    nobody = client.get("/v1/readers/agreement", params={"from": "2022-01-01"}).json()
    assert nobody["readers"] == nobody["pairs"] == nobody["fleiss"] == []


@pytest.mark.parametrize("hedged", ["positive", "negative", "ignore"])
def test_a_profile_is_the_reader_beside_machine_final_and_others(
    client: httpx.Client, readings: Readings, hedged: str
) -> None:
    reader = "b/é"
    answer = client.get(f"/v1/readers/{reader}", params={"hedged": hedged}).json()
    own = {ecg: by[reader] for ecg, by in readings.items() if reader in by}
    assert answer["ecgs"] == len(own)
    for prevalence, machine, final, others in zip(
        *(answer[name] for name in ("prevalence", "machine", "final", "others")), strict=True
    ):
        label = prevalence["label"]
        said = [what for words in own.values() if (what := positive(words, label, hedged)) is not None]
        assert (prevalence["readings"], prevalence["positive"]) == (len(said), sum(said))
        pairs = compared(readings, "machine", reader, label, hedged)
        counts = Counter(pairs)
        assert (machine["added"], machine["removed"]) == (counts[False, True], counts[True, False])
        assert machine["pairs"] == len(pairs)
        against = compared(readings, reader, "d", label, hedged)
        assert final["readings"] == len(against) and final["both"] == Counter(against)[True, True]
        expected = kappa(against)
        assert final["kappa"] == (None if expected is None else pytest.approx(expected, abs=1e-12))
        pooled = [
            pair for other in READERS if other != reader for pair in compared(readings, reader, other, label, hedged)
        ]
        unnamed = [(what, positive("LBBB", label, hedged)) for what in said]
        pooled += [(a, b) for a, b in unnamed if b is not None]
        assert others["readings"] == len(pooled) and others["kappa_ci"] is None
        expected = kappa(pooled)
        assert others["kappa"] == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_who_never_read_is_a_404_and_a_filter_that_leaves_nothing_is_not(
    client: httpx.Client, readings: Readings
) -> None:
    assert client.get("/v1/readers/nobody").status_code == 404
    empty = client.get("/v1/readers/a", params={"from": "2022-01-01"}).json()
    assert empty["ecgs"] == 0 and {row["prevalence"] for row in empty["prevalence"]} == {None}
    assert {row["kappa"] for row in empty["final"]} == {None}


@pytest.mark.parametrize("path", ["/v1/readers/agreement", "/v1/readers/a"])
def test_filters_that_can_match_nothing_are_refused_by_field(
    client: httpx.Client, readings: Readings, path: str
) -> None:
    for query, field in [
        ({"site": "nowhere"}, "query.site"),
        ({"site": "north", "simulated": True}, "query.site"),
        ({"from": "2021-01-02", "to": "2021-01-02"}, "query.from"),
        *([({"reader": ["a", "nobody"]}, "query.reader")] if path.endswith("agreement") else []),
    ]:
        answer = client.get(path, params=query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.text
    assert client.get(path).json()["simulated"] is False


def test_too_many_readers_are_to_be_named(client: httpx.Client, database: Database, settings: Settings) -> None:
    lines = [Line("1", Facts(), "overread", f"r{number}", "AF", None, None, False) for number in range(41)]
    with Loader(database, settings) as loader:
        loader.load(lines)
    answer = client.get("/v1/readers/agreement")
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "query.reader"
    assert client.get("/v1/readers/agreement", params={"reader": ["r1", "r2"]}).status_code == 200


def ecg_with(client: httpx.Client, database: Database) -> str:
    """An ECG of which nothing but its name is known."""
    ecg_id = uuid.uuid4()
    with database.begin() as session:
        session.execute(
            text("INSERT INTO ecgs (id, record) VALUES (:id, :record)"), {"id": ecg_id, "record": ecg_id.hex}
        )
    return str(ecg_id)


def say(client: httpx.Client, ecg: str, words: str, **more: Any) -> httpx.Response:
    given = {"source": "overread", "text": words, **more}
    return client.post(f"/v1/ecgs/{ecg}/reports", json=given)


def overread_of_the_pair(client: httpx.Client) -> set[str]:
    return {row["label"] for row in client.get("/v1/disagreement").json()["labels"] if row["overread"]}


def test_the_final_over_read_counts_whatever_is_written_later(client: httpx.Client, database: Database) -> None:
    ecg = ecg_with(client, database)
    assert say(client, ecg, "Sinus rhythm", source="machine").status_code == 201
    say(client, ecg, "AF", reader="a")
    final = say(client, ecg, "Atrial flutter", reader="senior", final=True, authored_at="2020-01-01T00:00:00Z")
    assert final.json()["final"] and overread_of_the_pair(client) == {"aflutter"}
    say(client, ecg, "LVH", reader="b")
    assert overread_of_the_pair(client) == {"aflutter"}
    say(client, ecg, "RBBB", reader="board", final=True)  # of two finals the one written last
    assert overread_of_the_pair(client) == {"rbbb"}
    assert say(client, ecg, "RBBB", reader="board", final=True).status_code == 200
    assert say(client, ecg, "RBBB", reader="board").status_code == 201  # the same words, no longer final
    assert overread_of_the_pair(client) == {"aflutter"}
    shown = {report["reader"]: report["final"] for report in client.get(f"/v1/ecgs/{ecg}").json()["reports"]}
    assert shown == {None: False, "a": False, "b": False, "senior": True, "board": False}


def test_the_same_words_at_another_time_are_a_new_version_as_in_an_import(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    said = [("a", "Atrial flutter", 1), ("b", "Sinus rhythm", 2), ("a", "AF", 2), ("a", "Atrial flutter", 3)]
    lines = [{"record": "r", "source": "machine", "text": "LBBB"}]
    lines += [
        {"record": "r", "source": "overread", "reader": reader, "text": words, "authored_at": f"2024-01-0{day}T00:00Z"}
        for reader, words, day in said
    ]
    file = io.BytesIO("\n".join(json.dumps(line) for line in lines).encode())
    import_reports(database, settings, "test", file, progress=lambda _: None)
    imported = client.get("/v1/ecgs").json()["items"][0]["id"]
    ecg = ecg_with(client, database)
    say(client, ecg, "LBBB", source="machine")
    for reader, words, day in said:
        assert say(client, ecg, words, reader=reader, authored_at=f"2024-01-0{day}T00:00:00Z").status_code == 201
    assert say(client, ecg, "Atrial flutter", reader="a").status_code == 200  # says no time
    assert say(client, ecg, "Atrial flutter", reader="a", authored_at="2024-01-03T02:00:00+02:00").status_code == 200
    late = say(client, ecg, "AF", reader="a", authored_at="2024-01-02T00:00:00Z")  # comes a second time
    assert (late.status_code, late.json()["version"], late.json()["current"]) == (200, 2, False)

    def versions(ecg_id: str) -> list[tuple[Any, ...]]:
        items = client.get(f"/v1/ecgs/{ecg_id}/reports").json()["items"]
        return sorted((r["source"], r["reader"] or "", r["version"], r["current"], r["authored_at"]) for r in items)

    assert versions(ecg) == versions(imported)
    counted = client.get("/v1/disagreement", params={"reader": "a"}).json()
    assert counted["pairs"] == 2 and overread_of_the_pair(client) == {"aflutter"}


def test_a_machines_reading_is_never_final(client: httpx.Client, database: Database) -> None:
    answer = say(client, ecg_with(client, database), "AF", source="machine", final=True)
    assert answer.status_code == 422 and "final" in answer.text


def test_the_published_kappas_of_code_test_come_out(
    client: httpx.Client, database: Database, settings: Settings, shared: Path
) -> None:
    """Ribeiro et al. 2020: two cardiologists and a network on 827 ECGs, to the printed third decimal."""
    folder = shared / "code_test"
    command = [sys.executable, "-m", "benchmarks.code_test", "--lines", "--folder", str(folder)]
    lines = subprocess.check_output(command, cwd=ROOT)
    yaml = (ROOT / "docs/examples/code-test.yaml").read_text(encoding="utf-8")
    with database.begin() as session:
        vocabulary_service.upload(session, "test", yaml, answer({"vocabulary": yaml}))
        row = vocabularies.by_version(session, "code-test-1")
        assert row is not None
        vocabularies.begin_activation(session, row.id)
        vocabularies.switch(session, row.id)
    loaded = import_reports(database, settings, "test", io.BytesIO(lines), progress=lambda _: None)
    assert (loaded.ecgs, loaded.lines, loaded.conflicts) == (827, 7 * 827, {})
    published = [line.split(",") for line in (folder / "kappas_annotators_and_DNN.csv").read_text().splitlines()[1:]]
    profiles = [client.get(f"/v1/readers/cardiologist-{number}").json()["machine"] for number in (1, 2)]
    pairs = {tuple(pair["readers"]): pair["labels"] for pair in client.get("/v1/readers/agreement").json()["pairs"]}
    assert len(pairs) == 15
    found = [*profiles, pairs["cardiologist-1", "cardiologist-2"]]
    for (_, *printed), rows in zip(published, found, strict=True):
        assert [f"{row['kappa']:.3f}" for row in rows] == printed
    # the gold standard is the final over-read: the pairs' table is the network's published precision and recall
    scores = [line.split(",") for line in (folder / "scores.csv").read_text().splitlines()[2:]]
    table = client.get("/v1/disagreement").json()
    assert table["pairs"] == 827
    for score, row in zip(scores, table["labels"], strict=True):
        assert [f"{row[name]:.3f}" for name in ("ppv", "sensitivity", "specificity")] == [score[1], score[5], score[9]]


def test_real_pairs_of_device_and_expert_are_imported(
    client: httpx.Client, database: Database, settings: Settings, shared: Path
) -> None:
    table = shared / "ptbxl/derived/ptbxl_machine_report_vs_expert_codes_1070.csv"
    command = [sys.executable, "-m", "benchmarks.ptbxl_pairs", "--lines", "--table", str(table)]
    loaded = import_reports(
        database, settings, "test", io.BytesIO(subprocess.check_output(command, cwd=ROOT)), progress=lambda _: None
    )
    assert (loaded.ecgs, loaded.reports) == (1070, 2140)
    rows = {row["label"]: row for row in client.get("/v1/disagreement").json()["labels"]}
    found = {label: tuple(rows[label][name] for name in ("machine", "overread", "added", "removed")) for label in rows}
    # what the labeler alone counts of the same file (docs/measurements/labels.md)
    assert (found["rbbb"], found["anterior_mi"]) == ((46, 30, 3, 19), (114, 157, 62, 19))
