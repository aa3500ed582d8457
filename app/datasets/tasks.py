"""Freezing a dataset: read the chosen ECGs, cut windows, write the training store, register it."""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.datasets import queries
from app.datasets.queries import Choice, ReadEcg, Reading
from app.datasets.schemas import DatasetIn
from app.datasets.service import choice_of
from app.datasets.tables import Dataset
from app.disagreement.off_hours import OffHours
from app.ecgs.service import record_fault
from app.ecgs.tables import Ecg
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.kit.store import ObjectFault
from app.vocabularies.queries import active, hold, yaml_of
from app.vocabularies.service import Labelers, ReadingRules
from ml.corpus.split_rules import ByPatient, ByRecord
from ml.corpus.splits import CannotSplit, assign
from ml.corpus.statements import Statement, StatementReader
from ml.corpus.store import StoreWriter
from ml.labeling import Labeler
from ml.labeling.batch import read as read_report
from ml.signals import Preprocessing, Unusable, preprocess

ACTOR = "dataset job"
BATCH = 200
READ_TEXTS = 50_000  # kept while a dataset is built


def build(run: JobRun) -> Finish:
    """Build the dataset of a job. An ECG that gives no window is left out and counted by reason.

    Each batch of ECGs is read in a transaction of its own, so none is open while signals are processed. An ECG that is
    corrected meanwhile is stored as it was when its batch was read.
    """
    request = DatasetIn.model_validate(run.params)
    options = Preprocessing()
    folder = run.folders.place("datasets", run.id)
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt's
    folder.parent.mkdir(parents=True, exist_ok=True)
    off_hours = OffHours.of(run.settings)
    rules, vocabulary, choice = run.transaction(partial(_read_choice, request=request, off_hours=off_hours))
    _check_split(run, request, choice)
    labels = [(label.key, label.name) for label in rules.vocabulary.labels]
    says = Statements(rules.labeler, request.statements)
    left_out: Counter[str] = Counter()
    with StoreWriter(folder, labels, options.to_dict(), vocabulary) as writer:
        ecgs: list[uuid.UUID] = []
        for read in _ecgs(run, choice):
            try:
                recording = run.archive.waveform(read.ecg)
                windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
            except Unusable as error:
                left_out.update(reason.code for reason in error.reasons)
                continue
            except ObjectFault as fault:
                left_out[fault.code] += 1
                run.transaction(partial(record_fault, actor=ACTOR, ecg_id=read.ecg.id, fault=fault))
                continue
            scales = windows.scale_mv.tolist() if recording.scale_known else [None] * len(windows.starts_s)
            cut = zip(windows.starts_s.tolist(), scales, strict=True)
            writer.append(windows.values, [_row(read, says, start, scale) for start, scale in cut])
            ecgs.append(read.ecg.id)
            if len(ecgs) % BATCH == 0:
                run.progress(0.9 * _passed(read.ecg), f"{len(ecgs)} ECGs cut into windows")
            run.check()
        if not ecgs:
            raise JobFailed(_nothing(choice, left_out))
        run.progress(0.9, f"{len(ecgs)} ECGs cut into windows; hashing")
        try:
            content_sha256 = writer.finish(request.seed, request.fractions.in_order(), request.split)
        except CannotSplit as error:
            raise JobFailed(str(error)) from error
    run.keep("datasets", run.id)
    left_out.update(writer.summary["left_out"])
    summary = {**writer.summary, "simulated": choice.simulated, "left_out": dict(left_out)}

    def register(session: Session) -> Json:
        hold(session)  # what is erased from now on finds this dataset
        row = Dataset(
            id=run.id,
            job_id=run.id,
            name=request.name,
            content_sha256=content_sha256,
            vocabulary_id=rules.id,
            request=run.params,
            summary=summary,
        )
        session.add(row)
        session.flush()
        row.ecgs_known = True
        row.holds_erased = queries.add_ecgs(session, run.id, ecgs)
        return {"dataset_id": str(row.id), "content_sha256": content_sha256, **summary}

    return register


def _check_split(run: JobRun, request: DatasetIn, choice: Choice) -> None:
    """Raise the `JobFailed` of a split that cannot be made, before windows are cut, which takes long."""
    if isinstance(request.split, ByPatient | ByRecord):
        return
    rows = [_divided_by(read.ecg) for read in _ecgs(run, choice)]
    if not rows:
        raise JobFailed(_nothing(choice, Counter()))
    try:
        assign(
            request.split,
            {name: [row[name] for row in rows] for name in rows[0]},
            request.seed,
            request.fractions.in_order(),
        )
    except CannotSplit as error:
        raise JobFailed(str(error)) from error


def _read_choice(session: Session, request: DatasetIn, off_hours: OffHours) -> tuple[ReadingRules, str, Choice]:
    """Return the active vocabulary, its file, and which ECGs are chosen."""
    rules = Labelers().active(session)
    return rules, yaml_of(session, rules.id), choice_of(session, request, off_hours)


def _ecgs(run: JobRun, choice: Choice) -> Iterator[ReadEcg]:
    """Yield the chosen ECGs in the order of their waveform digests: the same ECGs give the same dataset."""
    digest = ""
    while True:
        batch = run.transaction(partial(_batch, choice=choice, digest=digest))
        for read in batch:
            if choice.without_overread or read.overread is not None:
                yield read
        if len(batch) < BATCH:
            return
        digest = batch[-1].ecg.waveform_sha256 or ""


def _batch(session: Session, choice: Choice, digest: str) -> list[ReadEcg]:
    if active(session).id != choice.vocabulary_id:
        raise JobFailed("another vocabulary was activated while the dataset was built; freeze it again")
    return queries.read_after(session, choice, digest, BATCH)


def _passed(ecg: Ecg) -> float:
    """Return the share of all waveforms that come before this one: digests are spread evenly."""
    return int((ecg.waveform_sha256 or "0")[:8], 16) / 2**32


def _nothing(choice: Choice, left_out: Counter[str]) -> str:
    kind = "simulated" if choice.simulated else "real"
    left = f"; left out: {', '.join(f'{count} {code}' for code, count in left_out.items())}" if left_out else ""
    if choice.without_overread:
        return f"no {kind} ECG of this choice without an over-read has a usable signal{left}"
    return f"no {kind} ECG of this choice has both an over-read and a usable signal{left}"


class Statements:
    """The statements of reports. A report that comes again is not read again.

    `of_which`: the `codes` or the `words` of a reading that has both.
    """

    def __init__(self, labeler: Labeler, of_which: Literal["codes", "words"] = "codes") -> None:
        self._labeler, self._of_which = labeler, of_which
        self._reader = StatementReader(labeler)
        self._read_again = lru_cache(maxsize=READ_TEXTS)(self._read)

    def of(self, reading: Reading | None) -> tuple[Statement, ...] | None:
        """Return a report's statements; None where there is no report."""
        if reading is None:
            return None
        by_words = self._of_which == "words" and reading.text is not None
        return self._read_again(reading.text, json.dumps(None if by_words else reading.codes))

    def _read(self, words: str | None, codes: str) -> tuple[Statement, ...]:
        return tuple(self._reader.statements_of(read_report(self._labeler, words, json.loads(codes))))


def _row(read: ReadEcg, says: Statements, start_s: float, scale_mv: list[float] | None) -> dict[str, Any]:
    """Return the row of one window."""
    ecg = read.ecg
    masks: dict[str, int | None] = {}
    for source, reading in (("overread", read.overread), ("machine", read.machine)):
        masks[f"{source}_present"] = reading.present if reading is not None else None
        masks[f"{source}_uncertain"] = reading.uncertain if reading is not None else None
    return {
        **_divided_by(ecg),
        "start_s": start_s,
        "scale_mv": scale_mv,
        **masks,
        "overread_statements": says.of(read.overread),
        "machine_statements": says.of(read.machine),
        "sex": ecg.sex,
        "age": ecg.age,
        "simulated": ecg.simulated,
    }


def _divided_by(ecg: Ecg) -> dict[str, Any]:
    """Return what a split may go by. An ECG without a patient number is a patient of its own."""
    return {
        "ecg_id": str(ecg.id),
        "patient": ecg.patient_hash.hex() if ecg.patient_hash is not None else f"ecg:{ecg.waveform_sha256}",
        "recorded_at": ecg.recorded_at,
        "site": ecg.site,
        "fold": ecg.fold,
    }
