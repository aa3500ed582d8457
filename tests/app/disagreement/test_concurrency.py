"""Everything stays right while ECGs, corrections, metadata and vocabularies change and totals are folded at once."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.disagreement.attributes import SEXES
from app.disagreement.counting.queries import Counted, count_by_cell
from app.disagreement.counting.selection import PairFilter, given
from app.disagreement.pairs.queries import refresh_pairs
from app.disagreement.queries import fold
from app.ecgs import queries as ecgs
from app.ecgs.service import _fill_in
from app.jobs.runner import Runner
from app.kit.database import Database
from app.reports import service as reports
from app.reports.queries import lock_ecg
from app.reports.schemas import ReportIn, Source
from app.sites.service import set_time_zone
from app.vocabularies import queries as vocabularies
from app.vocabularies.service import Labelers
from ml.labeling import Labeler, Vocabulary, builtin, overread_masks
from tests.app.disagreement.archive import StoredPair, counted, shown
from tests.app.vocabularies.test_vocabularies import MACHINE, OVERREAD, WITH_SYNONYM, activate, runner

__all__ = ["runner"]  # a fixture

UNREAD = "Ritmo sinusal normal. Bloqueo completo de rama derecha."
MACHINES = [*MACHINE, UNREAD]
OVERREADS = [
    *OVERREAD,
    "Agree with computer interpretation",
    "Agree, but LBBB",
    "ECG not interpretable due to artifact",
    UNREAD,
]
START = datetime(2025, 12, 30, tzinfo=UTC)
FILTERS = [
    PairFilter(),
    PairFilter(site="north"),
    PairFilter(reader="b"),
    PairFilter(sex="female"),
    PairFilter(age_min=60.5, age_max=70),
    PairFilter(recorded_from=START + timedelta(hours=5), recorded_to=START + timedelta(days=40)),
    PairFilter(device_software="v1", sex="unknown"),
    PairFilter(location="ICU", off_hours=True),
    PairFilter(blinded="yes"),
    PairFilter(validated="unknown", site="south"),
    PairFilter(heart_rate_min=60, heart_rate_max=100),
]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata"]


def known(draw: random.Random) -> dict[str, object]:
    """What an upload may say of an ECG; at times nothing."""
    possible = {
        "recorded_at": START + timedelta(hours=draw.randrange(2000)),
        "site": draw.choice(["north", "south", f"new-{draw.randrange(5)}"]),
        "device": "MAC",
        "device_software": draw.choice(["v1", "v2"]),
        "age": draw.choice([60.0, 60.5, 70.0, 71.0]),
        "sex": draw.choice(["male", "female"]),
        "location": draw.choice(["ICU", "ward"]),
        "heart_rate": draw.choice([59.6, 80.0, 150.0]),
    }
    return {name: possible[name] for name in draw.sample(sorted(possible), draw.randrange(9))}


class Writer:
    """Adds ECGs, corrects readings and fills in what is known, as the service does."""

    def __init__(self, database: Database, number: int) -> None:
        self._database = database
        self._draw = random.Random(number)
        self._labelers = Labelers()
        self._mine: list[uuid.UUID] = []

    def turn(self) -> None:
        """Do one of the three, in a transaction."""
        with self._database.begin() as session:
            what = self._draw.random() if self._mine else 0.0
            if what < 0.4:
                self._add(session)
            elif what < 0.5:
                self._read(session, self._draw.choice(self._mine), self._reading("machine", None))
            elif what < 0.8:
                ecg_id, reader = self._draw.choice(self._mine), self._draw.choice([None, "a", "b"])
                self._read(session, ecg_id, self._reading("overread", reader))
            else:
                rules = self._labelers.maintained(session)
                [ecg] = ecgs.same_ecgs(session, self._draw.choice(self._mine).hex * 2, None)
                if _fill_in(session, ecg, known(self._draw)).after:
                    refresh_pairs(session, ecg.id, [each.id for each in rules])

    def _add(self, session: Session) -> None:
        ecg_id = uuid.uuid4()
        values = {"id": ecg_id, "waveform_sha256": ecg_id.hex * 2, "samples": 5000, "sampling_rate_hz": 500.0}
        ecgs.insert_if_absent(session, values | known(self._draw))
        readings = [self._reading("machine", None)]
        if self._draw.random() < 0.8:
            readings.append(self._reading("overread", "a"))
        self._read(session, ecg_id, *readings)
        self._mine.append(ecg_id)

    def _reading(self, source: Source, reader: str | None) -> ReportIn:
        if source == "machine":
            return ReportIn(source=source, text=self._draw.choice(MACHINES), reader=reader)
        return ReportIn(
            source=source,
            text=self._draw.choice(OVERREADS),
            reader=reader,
            blinded=self._draw.choice(["yes", "unknown"]),
            validated=self._draw.choice(["no", "unknown"]),
        )

    def _read(self, session: Session, ecg_id: uuid.UUID, *readings: ReportIn) -> None:
        rules = self._labelers.maintained(session)
        lock_ecg(session, ecg_id)
        reports.store(session, "test", rules, ecg_id, readings=readings)
        refresh_pairs(session, ecg_id, [each.id for each in rules])


def check(database: Database) -> None:
    """In one state of the database, what is counted is what is there: pairs by cell, and the list of changes."""
    with database.begin() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        slot = vocabularies.active(session).slot
        assert slot is not None
        for column, group_by in (
            *(("site_id", "site"), ("reader_id", "reader"), ("month", "month"), ("sex", "sex")),
            *(("location_id", "location"), ("hour", "hour"), ("blinded", "blinded"), ("validated", "validated")),
        ):
            counts = totals(count_by_cell(session, slot, PairFilter(), [group_by]))  # type: ignore[list-item]
            rows = session.execute(
                text(f"SELECT {column}, cell_id, count(*) FROM pairs WHERE slot = :slot GROUP BY 1, 2"), {"slot": slot}
            )
            assert counts == {(group, cell): pairs for group, cell, pairs in rows}
        listed = "SELECT outcome, ecg_id FROM changes WHERE slot = :slot ORDER BY 1, 2"
        wanted = "SELECT outcome, ecg_id FROM pairs JOIN cell_outcomes USING (cell_id) WHERE slot = :slot ORDER BY 1, 2"
        found = session.execute(text(listed), {"slot": slot}).all()
        assert found == session.execute(text(wanted), {"slot": slot}).all()
        assert session.execute(text(_IN_ANOTHER_ZONE), {"slot": slot}).scalar_one() == 0


_IN_ANOTHER_ZONE = """
    SELECT count(*) FROM pairs p JOIN ecgs e ON e.id = p.ecg_id LEFT JOIN sites z ON z.name = e.site, LATERAL (
        SELECT e.recorded_at AT TIME ZONE coalesce(z.time_zone, 'UTC')
    ) local (at)
    WHERE p.slot = :slot AND (p.hour <> coalesce(extract(hour FROM at), -1)
                              OR p.weekday <> coalesce(extract(isodow FROM at), -1))
"""


def totals(counts: Counted) -> dict[tuple[int, int], int]:
    summed: Counter[tuple[int, int]] = Counter()
    for group, cell, pairs in np.stack([counts.groups[0], counts.cell_ids, counts.pairs], axis=1).tolist():
        summed[group, cell] += pairs
    return {key: pairs for key, pairs in summed.items() if pairs}


def recount(database: Database, yaml: str) -> tuple[list[StoredPair], Counter[str]]:
    """The slow reference: every ECG with its newest two readings, read again; and how many pairs are left out, why.

    The machine has one reader here, so that of its versions the last before an over-read was current then.
    """
    labeler = Labeler(Vocabulary.parse(yaml))
    read = {words: labeler.read(words) for words in (*MACHINES, *OVERREADS)}
    with database.begin() as session:
        rows = session.execute(
            text(
                "SELECT ecg_id, source, reader, text, current, reports.created_at, blinded, validated FROM reports "
                "JOIN texts ON texts.id = text_id ORDER BY reports.created_at, version"
            )
        ).all()
        stored = {row.id: row for row in session.execute(text("SELECT * FROM ecgs"))}
        zones: dict[str, str] = dict(session.execute(text("SELECT name, time_zone FROM sites")).all())
    of_ecg: dict[uuid.UUID, list[Row[Any]]] = {}
    for row in rows:
        of_ecg.setdefault(row.ecg_id, []).append(row)
    pairs = []
    left_out = Counter[str]()
    for ecg_id, own in of_ecg.items():
        machine = [row for row in own if row.source == "machine"]
        overreads = [row for row in own if row.source == "overread" and row.current]
        if not overreads:
            continue
        newest = overreads[-1]
        then = [row for row in machine if row.created_at <= newest.created_at][-1]
        report = read[newest.text]
        masks = overread_masks(report.stance, read[then.text].masks(), report.masks())
        meant = {read[machine[-1].text].unread, report.stance == "agrees" and read[then.text].unread}
        if True in meant or masks is None:
            left_out.update(machine=True in meant, **{report.stance: report.stance in ("unread", "unreadable")})
        else:
            known = {name: getattr(stored[ecg_id], name) for name in KEPT}
            cell = (*read[machine[-1].text].masks()[:2], *masks[:2])
            known |= {"blinded": newest.blinded, "validated": newest.validated}
            zone = zones.get(known["site"], "UTC")
            pairs.append(StoredPair(cell, reader=newest.reader or None, time_zone=zone, **known))
    return pairs, left_out


KEPT = ("recorded_at", "site", "location", "device", "device_software", "sex", "age", "heart_rate")


def test_counts_are_right_at_every_moment_and_in_the_end(
    client: httpx.Client, database: Database, runner: Runner
) -> None:
    client.post("/v1/vocabularies", json={"yaml": WITH_SYNONYM})
    stop = threading.Event()
    failed: list[BaseException] = []

    def until_stopped(turn: Callable[[], object]) -> threading.Thread:
        def work() -> None:
            try:
                while not stop.is_set():
                    turn()
            except BaseException as error:
                failed.append(error)
                stop.set()

        return threading.Thread(target=work)

    def fold_both() -> None:
        for slot in (0, 1):
            with database.begin() as session:
                fold(session, slot)

    draw = random.Random(1)

    def move_a_site() -> None:
        with database.begin() as session:
            set_time_zone(session, "test", draw.choice(["north", "south"]), draw.choice(ZONES))
        stop.wait(0.2)  # writers wait for it

    writers = [Writer(database, number).turn for number in range(3)]
    turns = [*writers, fold_both, move_a_site, lambda: check(database)]
    threads = [until_stopped(turn) for turn in turns]
    for thread in threads:
        thread.start()
    try:
        for version in ("site-2", builtin().version, "site-2"):
            assert activate(client, runner, version)["state"] == "succeeded"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed, failed
    check(database)
    pairs, left_out = recount(database, WITH_SYNONYM)
    answer = client.get("/v1/disagreement").json()
    assert {**answer["unread"], "unreadable": answer["unreadable"]} == {
        "machine": left_out["machine"],
        "overread": left_out["unread"],
        "unreadable": left_out["unreadable"],
    }
    assert min(left_out["machine"], left_out["unread"], left_out["unreadable"]) > 0
    assert len(pairs) > 20 and len({pair.site for pair in pairs}) > 3
    for chosen in FILTERS:
        query = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in given(chosen).items()
        }
        query = {{"recorded_from": "from", "recorded_to": "to"}.get(name, name): value for name, value in query.items()}
        table = client.get("/v1/disagreement", params=query).json()
        assert shown(table) == counted((pair for pair in pairs if pair.is_chosen(chosen)), "positive"), query
        listed = client.get("/v1/disagreement/sinus_rhythm/ecgs", params={**query, "limit": 500}).json()["items"]
        differ = [pair for pair in pairs if pair.is_chosen(chosen) and len(set(pair.said(0, "positive") or ())) == 2]
        assert len(listed) == len(differ)
    assert {pair.sex for pair in pairs} <= set(SEXES)
