"""A vocabulary tried on every pair; and made the active one: read every text with it, make its pairs, then switch."""

import itertools
import json
import os
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy.orm import Session

from app.disagreement import queries as disagreement
from app.disagreement.pairs import queries as pair_queries
from app.ecgs import queries as ecgs
from app.jobs.queries import LeaseLost
from app.jobs.run import Finish, JobFailed, JobRun, WorkerStopping
from app.kit import audit
from app.kit.database import TRANSIENT, Database, Json
from app.reports import queries as reports
from app.reports.bulk import Labelings
from app.vocabularies import preview as previews
from app.vocabularies import queries
from app.vocabularies.labeling_processes import LabelingProcesses
from app.vocabularies.schemas import PreviewIn
from app.vocabularies.service import proposed
from ml.labeling.elsewhere import answer

TEXTS = 2_000  # a batch
RANGES = 64  # of ECG ids, a transaction each
PAIR_MAKERS = 2  # sessions: the database does the work
PREVIEWED = 2_000  # pairs at a time, about


def relabel(run: JobRun) -> Finish:
    """Read every text the vocabulary has not read yet, make its pairs beside the active one's, and switch.

    Reports that arrive meanwhile are read with both vocabularies by whoever adds them. An attempt that takes over
    from a dead worker's reads only what is still unread. Cancelled or failed, nothing has changed for anybody.
    """
    version, actor = run.params["version"], run.params["actor"]
    with run.database.begin() as session:
        row = queries.by_version(session, version)
        if row is None:
            raise JobFailed("the vocabulary is gone")
        before = queries.active(session).version
        if row.state == "active":
            return lambda session: {"version": version, "texts_read": 0, "pairs": None}
        vocabulary_id, yaml = row.id, row.yaml
        slots = queries.begin_activation(session, vocabulary_id)
    try:
        read = _read_texts(run, vocabulary_id, yaml)
        with run.database.begin() as session:  # they may have missed a reading, and leave the ECG's pair to us
            queries.wait_for_writers(session)
        pairs = _make_pairs(run, vocabulary_id, slots)
    except (WorkerStopping, LeaseLost, *TRANSIENT):
        raise  # another attempt goes on
    except BaseException:
        with run.database.begin() as session:
            run.hold(session)  # or the activation is another attempt's by now
            queries.give_up_activation(session)
        raise

    def switch(session: Session) -> Json:
        if not queries.switch(session, vocabulary_id):
            raise JobFailed("another activation has taken this one's place")
        audit.record(
            session,
            actor,
            "activate",
            "vocabulary",
            resource_id=vocabulary_id,
            before={"version": before},
            after={"version": version},
        )
        return {"version": version, "before": before, "texts_read": read, "pairs": pairs}

    return switch


def _read_texts(run: JobRun, vocabulary_id: uuid.UUID, yaml: str) -> int:
    with run.database.begin() as session:
        total = max(1, reports.count_texts(session))
    workers = run.settings.labeling_processes or os.cpu_count() or 1
    labelings = Labelings(run.database)

    def read_batch(batch: list[_Text]) -> int:
        labelings.add(vocabulary_id, readers.read(batch))
        return len(batch)

    read = 0
    with LabelingProcesses(yaml, workers) as readers, ThreadPoolExecutor(workers) as threads:
        pending: deque[Future[int]] = deque()
        for batch in _unread(run.database, vocabulary_id):
            pending.append(threads.submit(read_batch, batch))
            if len(pending) > 2 * workers:
                read += pending.popleft().result()
                run.progress(0.8 * min(1, read / total), f"{read:,} texts read")
            run.check()
        read += sum(future.result() for future in pending)
    return read


_Text = tuple[int, str | None, list[Json] | None]


def _unread(database: Database, vocabulary_id: uuid.UUID) -> Iterator[list[_Text]]:
    last = 0
    while True:
        with database.begin() as session:
            texts = reports.unlabelled(session, vocabulary_id, last, TEXTS)
            batch = [(id_, words, codes) for id_, words, codes in texts]
        if not batch:
            return
        yield batch
        last = batch[-1][0]


def _make_pairs(run: JobRun, vocabulary_id: uuid.UUID, slots: tuple[int, int]) -> int:
    def make(ecgs: tuple[uuid.UUID, uuid.UUID]) -> int:
        def build(session: Session) -> int:
            queries.hold(session)  # as everybody who writes pairs
            if not queries.hold_slot(session, vocabulary_id, slots[1]):
                raise LeaseLost(str(run.id))
            return pair_queries.build_pairs(session, vocabulary_id, slots, first=ecgs[0], last=ecgs[1])

        return run.transaction(build)

    made = 0
    with ThreadPoolExecutor(PAIR_MAKERS) as threads:
        pending = [threads.submit(make, ecgs) for ecgs in _ranges(RANGES)]
        try:
            for number, future in enumerate(pending):
                made += future.result()
                run.progress(0.8 + 0.19 * (number + 1) / RANGES, f"{made:,} pairs made")
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    disagreement.vacuum(run.database, slots[1])
    return made


def _ranges(count: int) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """Yield ranges of the ECGs' ids, which are random: the first and the last id of each."""
    edges = [number * 2**128 // count for number in range(count + 1)]
    for first, end in itertools.pairwise(edges):
        yield uuid.UUID(int=first), uuid.UUID(int=end - 1)


def preview(run: JobRun) -> Finish:
    """Read every pair with another vocabulary than the active one; the answer is the job's result."""
    request = PreviewIn.model_validate(run.params)
    with run.database.begin() as session:
        asked = previews.asked(session, request)
        yaml = proposed(session, request)
    tried = answer({"vocabulary": yaml})
    if "mistakes" in tried:
        raise JobFailed(tried["mistakes"])
    active = previews.known(asked.active.version, asked.active.outline)
    comparison = previews.Comparison(active, previews.known(tried["version"], tried["outline"]), request.examples)
    ranges = 1 + asked.pairs_in_all // PREVIEWED
    with LabelingProcesses(yaml, 1) as readers:
        for number, (first, last) in enumerate(_ranges(ranges)):
            run.check()
            with run.database.begin() as session:
                pairs = disagreement.pairs_between(session, first, last, simulated=asked.simulated)
                sample = previews.read_sample(session, asked.active, pairs)
            comparison.add(sample, previews.labelled(json.loads(readers.read(sample.questions()).rows)))
            if number % 10 == 9:
                run.progress((number + 1) / ranges, f"{comparison.pairs:,} pairs read")
    hidden = tried["outline"]["hidden_terms"]
    found = comparison.answer(comparison.pairs, hidden, simulated=asked.simulated).model_dump(mode="json")

    def finish(session: Session) -> Json:
        queries.hold(session)  # an example may have been erased since it was read
        there = ecgs.existing(session, [uuid.UUID(example["ecg_id"]) for example in found["examples"]])
        shown = [example for example in found["examples"] if uuid.UUID(example["ecg_id"]) in there]
        return {**found, "examples": shown}

    return finish
