"""Which ECG a line is of: by its waveform, else by its record; in a batch and against what is stored."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.imports import loader
from app.imports.batch import Batch, Facts, Line, SeenFile, Waveform
from app.imports.loader import Loaded, Loader
from app.kit.database import Database
from app.settings import Settings

W = {name: Waveform(name * 64, 5000, 500.0) for name in "abcdef"}


def line(record: str | None, waveform: str | None = None, words: str | None = "Sinus rhythm", **facts: object) -> Line:
    file = None
    if waveform is not None:
        file = SeenFile(b"f" * 32, f"{record}{waveform}".encode().ljust(32), "*", 1, 1, None, W[waveform])
    source = None if words is None else "overread"
    return Line(
        record, Facts(**facts), source, "", words, None, None, False, waveform=waveform and W[waveform], file=file
    )


Load = Callable[..., Loaded]


@pytest.fixture
def load(database: Database, settings: Settings) -> Load:
    def load(*lines: Line) -> Loaded:
        with Loader(database, settings.model_copy(update={"labeling_processes": 1})) as lanes:
            return lanes.load(lines)

    return load


def ecgs(database: Database) -> list[tuple[str | None, str | None]]:
    with database.begin() as session:
        found = session.execute(text("SELECT record, left(waveform_sha256, 1) FROM ecgs ORDER BY 1, 2"))
        return [tuple(row) for row in found]


def files(database: Database) -> int:
    with database.begin() as session:
        return int(session.execute(text("SELECT count(*) FROM import_files")).scalar_one())


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("lines", "stored", "conflicts", "taken"),
    [
        ([line("r"), line("r", "a")], [("r", "a")], {}, 0),
        ([line("r", "a"), line("r")], [("r", "a")], {}, 0),
        ([line(None, "a"), line("r", "a")], [("r", "a")], {}, 0),
        ([line("r", "a"), line("q", "a")], [("r", "a")], {"record": 1}, 0),
        ([line("r", "a"), line("r", "b")], [("r", "a")], {}, 1),
        ([line("r"), line("q", "a"), line("r", "a")], [("q", "a"), ("r", None)], {"record": 1}, 0),
        ([line("r", "a", site="north"), line("r", "a", site="south")], [("r", "a")], {"site": 1}, 0),
        ([line("r", "a", None), line(None, "b", None)], [("r", "a"), (None, "b")], {}, 0),
    ],
)
def test_lines_of_one_ecg_meet(
    load,
    database: Database,
    lines: Sequence[Line],
    stored: list[object],
    conflicts: dict[str, int],
    taken: int,
    together: bool,
) -> None:
    loads = [load(*lines)] if together else [load(each) for each in lines]
    assert ecgs(database) == stored
    assert sum((each.conflicts for each in loads), start=type(loads[0].conflicts)()) == conflicts
    assert sum(len(each.taken) for each in loads) == taken
    assert sum(each.ecgs for each in loads) == len(stored)


def test_two_ecgs_of_a_batch_that_are_one_stored_ecg(load: Load, database: Database) -> None:
    load(line("r", "a"))
    loaded = load(line("r", None, "Atrial flutter"), line("q", "a", "Atrial fibrillation"), line("s", "b"))
    assert ecgs(database) == [("r", "a"), ("s", "b")]
    assert (loaded.lines, loaded.ecgs, loaded.reports) == (3, 1, 3)
    with database.begin() as session:
        versions = session.execute(
            text(
                "SELECT t.text, current FROM reports JOIN ecgs e ON e.id = ecg_id JOIN texts t ON t.id = text_id WHERE record = 'r' ORDER BY version"
            )
        ).all()
    assert [tuple(row) for row in versions] == [
        ("Sinus rhythm", False),
        ("Atrial flutter", False),
        ("Atrial fibrillation", True),
    ]


def test_a_taken_record_stores_nothing_and_is_not_in_the_ledger(load: Load, database: Database) -> None:
    load(line("r", "a"))
    loaded = load(line("r", "b", "Atrial flutter"), line("q", "c"))
    assert ecgs(database) == [("q", "c"), ("r", "a")]
    assert [file.waveform for file in loaded.taken] == [W["b"]] and files(database) == 2
    assert loaded.reports == 1


RECORDS = st.sampled_from([None, "r", "q", "s"])
WAVEFORMS = st.sampled_from([None, "a", "b", "c"])
LINES = st.lists(
    st.tuples(RECORDS, WAVEFORMS).filter(lambda known: known != (None, None)).map(lambda known: line(*known)),
    max_size=8,
)


def one_by_one(lines: Sequence[Line]) -> list[tuple[str | None, str | None]]:
    """The slow reference: each line against a list of ECGs, by the rule of an upload."""
    stored: list[list[str | None]] = []
    for each in lines:
        waveform = each.waveform.sha256[0] if each.waveform else None
        same = next((ecg for ecg in stored if waveform and ecg[1] == waveform), None)
        if same is None and each.record is not None:
            same = next((ecg for ecg in stored if ecg[0] == each.record), None)
            if same is not None and waveform and same[1]:
                continue
        if same is None:
            stored.append([each.record, waveform])
            continue
        if same[0] is None and not any(ecg[0] == each.record for ecg in stored):
            same[0] = each.record
        same[1] = same[1] or waveform
    return sorted(((record, waveform) for record, waveform in stored), key=str)


@settings(max_examples=300, deadline=None)
@given(lines=LINES)
def test_a_batch_is_as_its_lines_one_by_one(lines: list[Line]) -> None:
    batch = Batch(lines)
    found = [(ecg.record, ecg.waveform.sha256[0] if ecg.waveform else None) for ecg in batch.ecgs]
    assert sorted(found, key=str) == one_by_one(lines)
    assert len(batch.places) == len(lines)


def test_batches_are_as_their_lines_one_by_one(load: Load, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random batches one after the other into one archive: it is as if the lines had come one by one."""
    monkeypatch.setattr(loader, "LANES", 1)  # several lanes have no order among different records
    draw = random.Random(1)
    names = [f"r{number}" for number in range(6)]
    lines: list[Line] = []
    for _ in range(12):
        batch = []
        while len(batch) < 5:
            record, waveform = draw.choice([None, *names]), draw.choice([None, *W])
            if record or waveform:
                batch.append(line(record, waveform, draw.choice(["AF", "Sinus rhythm"])))
        load(*batch)
        lines += batch
        assert sorted(ecgs(database), key=str) == one_by_one(lines)
