"""An over-read that only agrees has the machine's labels; one that cannot read the tracing is counted apart."""

import io
import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.datasets.queries import Choice, read_after
from app.disagreement.queries import pairs_between
from app.imports.service import import_reports
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.vocabularies import queries
from app.vocabularies.preview import Comparison, known, read_sample
from app.vocabularies.service import Labelers
from ml.labeling import builtin
from tests.app.vocabularies.test_vocabularies import WITH_SYNONYM, activate, add_ecg, runner

__all__ = ["runner"]  # a fixture

AGREES, CHANGES, UNREADABLE = (
    "Agree with computer interpretation",
    "Agree, but RBBB",
    "ECG not interpretable due to artifact",
)
MACHINE = "Atrial fibrillation\nLVH"


def load(database: Database, settings: Settings, *lines: dict[str, Any]) -> None:
    file = io.BytesIO("\n".join(json.dumps(line) for line in lines).encode())
    import_reports(database, settings, "test", file, progress=lambda loaded: None)


def lines(record: str, *said: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"record": record, "source": source, "text": words} for source, words in said]


def table(client: httpx.Client, **query: str) -> dict[str, tuple[int, int, int, int]]:
    """The labels that anybody says: machine, over-read, added, removed."""
    rows = client.get("/v1/disagreement", params=query).json()["labels"]
    counted = {row["label"]: tuple(row[name] for name in ("machine", "overread", "added", "removed")) for row in rows}
    return {label: counts for label, counts in counted.items() if any(counts)}


def pairs(client: httpx.Client) -> int:
    return int(client.get("/v1/disagreement").json()["pairs"])


BOTH = {"afib": (1, 1, 0, 0), "lvh": (1, 1, 0, 0)}


@pytest.mark.parametrize("way", ["reports", "import", "import in parts", "over-read first"])
def test_agreement_takes_the_machines_labels(
    client: httpx.Client, database: Database, settings: Settings, way: str
) -> None:
    if way == "reports":
        add_ecg(database, Labelers(), MACHINE, AGREES)
    else:
        said = [("machine", MACHINE), ("overread", AGREES)]
        both = lines("1", *(reversed(said) if way == "over-read first" else said))
        for part in [both[:1], both[1:]] if way == "import in parts" else [both]:
            load(database, settings, *part)
    assert table(client) == BOTH


def test_what_it_names_itself_is_its_own(client: httpx.Client, database: Database) -> None:
    add_ecg(database, Labelers(), MACHINE, CHANGES)
    assert table(client) == {**BOTH, "rbbb": (0, 1, 1, 0)}


def test_it_agrees_with_the_report_that_was_current_then(client: httpx.Client, database: Database) -> None:
    ecg_id = add_ecg(database, Labelers(), MACHINE, AGREES)
    later = {"source": "machine", "text": "Sinus rhythm"}
    assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=later).status_code == 201
    assert table(client) == {"afib": (0, 1, 1, 0), "lvh": (0, 1, 1, 0), "sinus_rhythm": (1, 0, 0, 1)}
    report = client.get(f"/v1/ecgs/{ecg_id}").json()["reports"][0]
    assert (report["agrees"], report["unreadable"], report["findings"]) == (True, False, [])


@pytest.mark.parametrize("way", ["reports", "import"])
def test_an_unreadable_tracing_is_not_compared(
    client: httpx.Client, database: Database, settings: Settings, way: str
) -> None:
    load(database, settings, *lines("1", ("machine", MACHINE), ("overread", "AF")))
    add_ecg(database, Labelers(), MACHINE, UNREADABLE)
    assert pairs(client) == 1
    said = ("overread", UNREADABLE), ("overread", "LVH")
    [ecg_id] = [each["id"] for each in client.get("/v1/ecgs").json()["items"] if each["record"] == "1"]
    for source, words in said:
        if way == "import":
            load(database, settings, *lines("1", (source, words)))
        else:
            client.post(f"/v1/ecgs/{ecg_id}/reports", json={"source": source, "text": words})
        assert pairs(client) == (words == "LVH")
    assert table(client) == {"afib": (1, 0, 0, 1), "lvh": (1, 1, 0, 0)}


def test_the_next_vocabulary_reads_stances_of_its_own(client: httpx.Client, database: Database, runner: Runner) -> None:
    """The words in which somebody agrees are part of a vocabulary: without them nothing is taken over."""
    start, end = WITH_SYNONYM.index("stance_synonyms:"), WITH_SYNONYM.index("abbreviations:")
    without = (WITH_SYNONYM[:start] + WITH_SYNONYM[end:]).replace("site-2", "site-3")
    for words in (AGREES, CHANGES, UNREADABLE):
        add_ecg(database, Labelers(), MACHINE, words)
    before = table(client)
    assert before == {"afib": (2, 2, 0, 0), "lvh": (2, 2, 0, 0), "rbbb": (0, 1, 1, 0)}
    client.post("/v1/vocabularies", json={"yaml": without})
    assert activate(client, runner, "site-3")["state"] == "succeeded"
    assert table(client) == {"afib": (3, 0, 0, 3), "lvh": (3, 0, 0, 3), "rbbb": (0, 1, 1, 0)}
    assert activate(client, runner, builtin().version)["state"] == "succeeded"
    assert table(client) == before


def test_readers_datasets_and_previews_count_them_alike(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    said = {"1": AGREES, "2": UNREADABLE, "3": "AF"}
    for record, words in said.items():
        load(database, settings, *lines(record, ("machine", MACHINE)))
        load(database, settings, {"record": record, "source": "overread", "reader": "a", "text": words})
    profile = client.get("/v1/readers/a").json()
    assert profile["ecgs"] == 2
    removed = {row["label"]: row["removed"] for row in profile["machine"] if row["removed"]}
    assert removed == {"lvh": 1}
    with database.begin() as session:
        rules = Labelers().active(session)
        active = queries.active(session)
        vocabulary = known(active.version, active.outline)
        comparison = Comparison(vocabulary, vocabulary, 5)
        everything = pairs_between(session, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), simulated=False)
        sample = read_sample(session, active, everything)
        comparison.add(sample, sample.before)
        counted = {
            row.label: row.before
            for row in comparison.answer(2, [], simulated=False).labels
            if row.before and row.before.machine
        }
        assert {label: (row.overread, row.removed) for label, row in counted.items() if row} == {
            "afib": (2, 0),
            "lvh": (1, 1),
        }
        session.execute(
            text("UPDATE ecgs SET waveform_sha256 = repeat(record, 64), samples = 5000, sampling_rate_hz = 500")
        )
        choice = Choice(
            rules.id, rules.slot, None, None, None, None, without_overread=False, simulated=False, pairs=None
        )
        read = read_after(session, choice, "", 10)
        masks = [each.overread and each.overread.present for each in read]
        [afib], [lvh] = (
            [1 << bit for bit, label in enumerate(rules.vocabulary.labels) if label.key == key]
            for key in ("afib", "lvh")
        )
    assert masks == [afib | lvh, None, afib]


def test_an_over_read_that_agrees_is_found_by_the_machines_findings(client: httpx.Client, database: Database) -> None:
    words = (AGREES, CHANGES, "LVH")
    agreeing, changing, other = (str(add_ecg(database, Labelers(), MACHINE, said)) for said in words)

    def found(**query: str) -> set[str]:
        return {each["id"] for each in client.get("/v1/ecgs", params=query).json()["items"]}

    assert found(label="afib") == found(label="afib", source="overread") == {agreeing, changing}
    assert found(label="lvh", source="overread") == {agreeing, changing, other}
    assert found(label="rbbb") == {changing}
    assert found(label="rbbb", source="machine") == set()
    assert found(label="afib", status="negated") == found(label="afib", status="uncertain") == set()
