"""Erasures among other writers: whatever comes first, the counts are right and nothing of what was erased is left."""

import random
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlalchemy import text

from app.auth import service as auth
from app.disagreement.queries import fold_when_worth_it
from app.ecgs.patients import PatientHasher
from app.ecgs.queries import total
from app.ecgs.service import Archive
from app.erasures import service
from app.erasures.service import Asked
from app.imports import loader
from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.jobs import queries as job_queries
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.problems import Problem
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies import service as vocabularies
from ml.labeling import builtin, builtin_text
from ml.labeling.elsewhere import answer
from tests.app.erasures.everything import check_counts, places_of

PATIENTS = 240
ERASED = 40
NEW = builtin_text().replace(f"version: {builtin().version}", "version: site-2", 1)


def words_of(number: int) -> str:
    return f"planted{number:05d}x"


def lines_of(hasher: PatientHasher, numbers: range) -> list[Line]:
    """A machine report and an over-read of a patient each; the over-reads have words of their own."""
    return [
        Line(
            f"record-{number:05d}x",
            Facts(patient_hash=hasher(f"patient {number}").hex(), site="north"),
            source,
            "",
            "Sinus rhythm" if source == "machine" else f"Atrial fibrillation, {words_of(number)}",
            None,
            None,
            False,
        )
        for number in numbers
        for source in ("machine", "overread")
    ]


def test_patients_are_erased_during_an_import_and_an_activation(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "LINES", 20)
    archive = Archive.of(settings)
    hasher = archive.hash_patient
    early = lines_of(hasher, range(PATIENTS // 2))
    late = lines_of(hasher, range(PATIENTS // 2, PATIENTS))
    with Loader(database, settings) as loading:
        loading.load(early)
    with database.begin() as session:
        user = auth.create_user(session, "test", "r", "admin")
        vocabularies.upload(session, "test", NEW, answer({"vocabulary": NEW}))
        params = {"version": "site-2", "actor": "r"}
        job_id = jobs.create(session, Doorbell(settings), user, "relabel", params=params).id
    failures: list[BaseException] = []
    erased: list[int] = []
    under_way = threading.Event()

    def import_both() -> None:
        with Loader(database, settings, lines=20) as loading:
            loading.load([*late, *early])
        under_way.set()
        with Loader(database, settings, lines=20) as loading:
            loading.load(late)

    def activate() -> None:
        Runner(Workplace(settings, database, archive), KINDS).run(job_id)

    def erase() -> None:
        chosen = random.Random(7).sample(range(PATIENTS), ERASED)
        left = set(chosen)
        while left:
            for number in sorted(left):
                try:
                    with database.begin() as session:
                        asked = Asked(patient_hash=hasher(f"patient {number}"))
                        service.erase(session, hasher, "test", asked)
                except Problem as problem:  # it has not been imported yet
                    assert problem.status_code == 404
                    continue
                left.discard(number)
                erased.append(number)

    def noting(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        return run

    threads = [threading.Thread(target=noting(work)) for work in (import_both, activate, erase)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert failures == [] and len(erased) == ERASED
    with database.begin() as session:
        job = job_queries.by_id(session, job_id)
        assert job is not None and job.state == "succeeded", job and job.error
    with Loader(database, settings) as loading:  # the file still has them
        loaded = loading.load([*early, *late])
    assert (loaded.ecgs, loaded.reports, loaded.erased) == (0, 0, 2 * ERASED)
    check_counts(database)
    needles = [
        needle
        for number in erased
        for needle in (words_of(number), f"record-{number:05d}x", hasher(f"patient {number}").hex())
    ]
    assert places_of(database, settings, *needles) == []
    kept = next(number for number in range(PATIENTS) if number not in erased)
    assert places_of(database, settings, words_of(kept))
    with database.begin() as session:
        assert total(session) == PATIENTS - ERASED


def test_a_patient_erased_between_a_batch_s_texts_and_its_rows_leaves_neither(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = PatientHasher(settings)
    with Loader(database, settings) as loading:
        loading.load(lines_of(hasher, range(1)))
    read = Loader._read

    def erase_first(self: Loader, *given: Any) -> int:
        with database.begin() as session, suppress(Problem):
            service.erase(session, hasher, "test", Asked(patient_hash=hasher("patient 0")))
        return read(self, *given)

    monkeypatch.setattr(Loader, "_read", erase_first)
    corrected = [line._replace(text=f"{line.text}, planted correction") for line in lines_of(hasher, range(1))]
    with Loader(database, settings) as loading:
        loaded = loading.load([*corrected, *lines_of(hasher, range(1, 2))])
    assert (loaded.ecgs, loaded.reports, loaded.erased) == (1, 2, 2)
    assert places_of(database, settings, words_of(0), "planted correction") == []
    check_counts(database)


_WHAT = st.sampled_from(["line", "line", "line", "ecg", "patient", "fold"])
_STEPS = st.lists(st.tuples(_WHAT, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3)), min_size=5, max_size=25)


@given(_STEPS)
@hypothesis(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
def test_any_order_of_writes_and_erasures_leaves_what_a_plain_list_would(
    database: Database, settings: Settings, steps: list[tuple[str, int, int, int]]
) -> None:
    hasher = PatientHasher(settings)
    start = uuid.uuid4().hex[:8]
    stored: dict[str, str] = {}  # the patient of each record
    gone: set[str] = set()
    for what, record_number, patient_number, words in steps:
        record, patient = f"{start}-r{record_number}", f"{start}-p{patient_number}"
        if what == "line":
            facts = Facts(patient_hash=hasher(patient).hex())
            lines = [
                Line(record, facts, source, "", f"AF, {start} rate {words}", None, None, False)
                for source in ("machine", "overread")
            ]
            with Loader(database, settings) as loading:
                loaded = loading.load(lines)
            assert loaded.erased == (2 if {record, patient} & gone else 0)
            if not {record, patient} & gone:
                stored.setdefault(record, patient)
        elif what == "fold":
            with database.begin() as session:
                fold_when_worth_it(session)
        else:
            chosen = [each for each, owner in stored.items() if (each if what == "ecg" else owner) in (record, patient)]
            if what == "ecg":
                chosen = [record] if record in stored else []
            asked = Asked(patient_hash=hasher(patient)) if what == "patient" else Asked(ecg_id=id_of(database, record))
            try:
                with database.begin() as session:
                    service.erase(session, hasher, "test", asked)
            except Problem:
                assert chosen == []
                continue
            gone |= {*chosen, *([patient] if what == "patient" else [])}
            stored = {each: owner for each, owner in stored.items() if each not in chosen}
    with database.begin() as session:
        records = session.scalars(text("SELECT record FROM ecgs WHERE starts_with(record, :start)"), {"start": start})
        assert set(records) == stored.keys()
    check_counts(database)
    assert places_of(database, settings, *(each for each in gone)) == []


def id_of(database: Database, record: str) -> uuid.UUID:
    with database.begin() as session:
        found = session.scalar(text("SELECT id FROM ecgs WHERE record = :record"), {"record": record})
        return found if found is not None else uuid.uuid4()
