"""The step of an audit: read what is signed, weigh the evidence, keep what speaks against it."""

import heapq
import shutil
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.over_read_audit import queries
from app.over_read_audit.blocks import Block, Blocks, id_at
from app.over_read_audit.queries import Other, Signed
from app.over_read_audit.tables import OverReadAudit
from app.reviews.lists.service import NUMBERS
from app.vocabularies.queries import active, hold
from ml.audit.evidence import Evidence, judged, weigh
from ml.audit.learned import Learned, learn
from ml.audit.readers import ReaderRates, rate_readers
from ml.audit.readings import NO_EARLIER, Reals
from ml.discrepancy.folder import InvalidFolder, PairsFile, read_manifest, read_pairs
from ml.labeling.weights import weight_of

MOST_OF_A_LABEL = 1_000
"""Flags of a label that are kept: more than anybody will look at."""
TABLES: tuple[PairsFile, ...] = ("out_of_fold.parquet", "held_out.parquet")
LEAST_EVIDENCE = 0.1
"""Labels that are less probably wrong are not listed."""


class AuditedLabelKey(NamedTuple):
    """A label of the vocabulary, and how much it weighs."""

    key: str
    name: str
    weight: str

    @property
    def number(self) -> float:
        """What evidence is multiplied with."""
        return NUMBERS[self.weight]  # type: ignore[index]


class Vocabulary(NamedTuple):
    """The active vocabulary."""

    id: uuid.UUID
    version: str
    labels: list[AuditedLabelKey]


class Candidate(NamedTuple):
    """A flag that may be listed; of equal ones the order is that of their reports."""

    evidence: float
    report_id: uuid.UUID
    label: int
    known: Json


def audit(run: JobRun) -> Finish:
    """Audit the signed over-reads whose ECGs a discrepancy model has an honest probability of.

    That are its held-out pairs, and those that it was fitted on, each as predicted without its patient. The over-read
    is the one that is current now; whoever has corrected it since the model was fitted is not listed for the old one.
    """
    model_id, simulated = uuid.UUID(run.params["discrepancy_model"]), bool(run.params["simulated"])
    folder = run.folders.place("runs", run.id)
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt's
    vocabulary = run.transaction(_vocabulary)
    blocks = Blocks.in_folder(folder)
    try:
        _gather(run, model_id, vocabulary, blocks)
        if not blocks.readings:
            raise JobFailed("no ECG of this discrepancy model has an over-read that can be compared")
        readers = blocks.rated()
        run.progress(0.7, f"{blocks.readings} over-reads read")
        learned = learn(blocks.each, len(vocabulary.labels))
        found = _flags(run, vocabulary, blocks, learned)
        run.progress(0.9, f"{len(found)} labels that the evidence speaks against")
        rates = rate_readers(blocks.each, learned, len(readers))
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    def finish(session: Session) -> Json:
        hold(session)  # nothing is erased meanwhile
        flags = _still_there(session, found)
        made = OverReadAudit(
            id=run.id,
            discrepancy_model_id=model_id,
            vocabulary_id=vocabulary.id,
            simulated=simulated,
            readings=blocks.readings,
            labels=_labels(vocabulary, learned, flags),
        )
        queries.add_audit(session, made, _ranked(run.id, vocabulary, flags), _rates(run.id, readers, rates))
        return {"audit_id": str(run.id), "readings": blocks.readings, "flags": len(flags)}

    return finish


def _vocabulary(session: Session) -> Vocabulary:
    row = active(session)
    weighed = [
        AuditedLabelKey(label["key"], label["name"], weight_of(label["key"], label.get("weight")))
        for label in row.outline["labels"]
    ]
    return Vocabulary(row.id, row.version, weighed)


def _gather(run: JobRun, model_id: uuid.UUID, vocabulary: Vocabulary, blocks: Blocks) -> None:
    """Write the readings of the model's pairs into blocks. Each block is read in a transaction of its own."""
    keys = [label.key for label in vocabulary.labels]
    with run.opened("discrepancy", model_id) as model:
        try:
            manifest = read_manifest(model)
            if manifest.vocabulary != vocabulary.version or list(manifest.keys) != keys:
                raise JobFailed(
                    f"the discrepancy model was fitted under the vocabulary {manifest.vocabulary}; "
                    f"{vocabulary.version} is active: fit one under it"
                )
            pairs, done = manifest.split.fitted + manifest.split.held_out, 0
            columns = ["ecg_id", *(f"{column}_{key}" for column in ("machine", "change") for key in keys)]
            for name in TABLES:
                for batch in read_pairs(model, name, columns):
                    ids = [uuid.UUID(each) for each in batch.column("ecg_id").to_pylist()]
                    machine, change = (
                        np.stack([batch.column(f"{column}_{key}").to_numpy() for key in keys], axis=1)
                        for column in ("machine", "change")
                    )
                    _add(run, vocabulary, blocks, ids=ids, probability=np.where(machine, 1 - change, change))
                    done += len(ids)
                    run.progress(min(0.69, 0.7 * done / max(pairs, 1)), f"{done} pairs of the discrepancy model read")
        except (InvalidFolder, ValueError) as error:
            raise JobFailed(f"the discrepancy model cannot be read: {error}") from error


def _add(
    run: JobRun,
    vocabulary: Vocabulary,
    blocks: Blocks,
    *,
    ids: Sequence[uuid.UUID],
    probability: Reals,
) -> None:
    read = partial(_read, vocabulary=vocabulary, ids=ids, simulated=bool(run.params["simulated"]))
    rows, others, decided = run.transaction(read)
    if rows:
        place = {ecg_id: at for at, ecg_id in enumerate(ids)}
        blocks.add(rows, others, probability[[place[row.ecg_id] for row in rows]], decided=decided)


def _read(
    session: Session, vocabulary: Vocabulary, ids: Sequence[uuid.UUID], simulated: bool
) -> tuple[list[Signed], list[Other], list[tuple[int, int]]]:
    if active(session).id != vocabulary.id:
        raise JobFailed("another vocabulary was activated while the over-reads were read; audit again")
    rows = queries.signed(session, vocabulary.id, ids, simulated=simulated)
    before = queries.decided(session, [row.report_id for row in rows])
    row_of = {row.report_id: at for at, row in enumerate(rows)}
    label_of = {label.key: at for at, label in enumerate(vocabulary.labels)}
    places = [(row_of[report_id], label_of[key]) for report_id, key in before if key in label_of]
    return rows, queries.others(session, vocabulary.id, rows), places


def _flags(run: JobRun, vocabulary: Vocabulary, blocks: Blocks, learned: Learned) -> list[Candidate]:
    """Return the flags with most evidence of each label; a label of no weight has none."""
    best: list[list[Candidate]] = [[] for _ in vocabulary.labels]
    for block in blocks:
        run.check()
        evidence = weigh(block.readings, learned)
        probability = np.where(block.decided, 0.0, evidence.probability)
        for k, label in enumerate(vocabulary.labels):
            if label.number:
                rows = np.flatnonzero(probability[:, k] >= LEAST_EVIDENCE)
                rows = rows[np.argsort(-probability[rows, k], kind="stable")][:MOST_OF_A_LABEL]
                new = [_candidate(block, evidence, learned, row=int(row), label=k) for row in rows]
                best[k] = heapq.nlargest(MOST_OF_A_LABEL, [*best[k], *new], key=_strongest)
    return [each for of_label in best for each in of_label]


def _strongest(each: Candidate) -> tuple[float, int]:
    return each.evidence, -each.report_id.int


def _candidate(block: Block, evidence: Evidence, learned: Learned, *, row: int, label: int) -> Candidate:
    at, readings = (row, label), block.readings
    report_id = id_at(block.reports, row)
    assert report_id is not None
    earlier = int(readings.earlier[at])
    known: dict[str, Any] = {
        "ecg_id": id_at(block.ecgs, row),
        "asserted": bool(readings.asserted[at]),
        "probability": float(readings.probability[at]) if judged(readings, learned)[at] else None,
        "model": float(evidence.model[at]),
        "others": float(evidence.others[at]),
        "others_for": int(readings.others_for[at]),
        "others_against": int(readings.others_against[at]),
        "earlier": float(evidence.earlier[at]),
        "earlier_asserted": earlier == 1 if earlier != NO_EARLIER else None,
        "earlier_ecg_id": id_at(block.earlier, row) if earlier != NO_EARLIER else None,
    }
    return Candidate(float(evidence.probability[at]), report_id, label, known)


def _still_there(session: Session, found: Sequence[Candidate]) -> list[Candidate]:
    """Return the flags whose ECGs and reports were not erased while the audit ran; earlier ECGs that were are none."""
    ecgs = queries.there(session, "ecgs", [each.known["ecg_id"] for each in found])
    reports = queries.there(session, "reports", [each.report_id for each in found])
    before = {each.known["earlier_ecg_id"] for each in found} - {None}
    earlier = queries.there(session, "ecgs", sorted(before))
    kept = [each for each in found if each.known["ecg_id"] in ecgs and each.report_id in reports]
    for each in kept:
        if each.known["earlier_ecg_id"] not in earlier:
            each.known["earlier_ecg_id"] = None
    return kept


def _ranked(audit_id: uuid.UUID, vocabulary: Vocabulary, found: Sequence[Candidate]) -> list[Json]:
    """Return the rows of flags, ranked by evidence × weight, and by evidence where that is equal."""
    scored = [(vocabulary.labels[each.label].number * each.evidence, each) for each in found]
    scored.sort(key=lambda pair: (-pair[0], -pair[1].evidence, pair[1].report_id, pair[1].label))
    of_label: dict[int, int] = {}
    rows = []
    for rank, (score, each) in enumerate(scored, start=1):
        of_label[each.label] = of_label.get(each.label, 0) + 1
        label = vocabulary.labels[each.label]
        rows.append(
            {
                "id": uuid.uuid4(),
                "audit_id": audit_id,
                "report_id": each.report_id,
                "label": label.key,
                "weight": label.weight,
                "rank": rank,
                "label_rank": of_label[each.label],
                "evidence": each.evidence,
                "score": score,
                **each.known,
            }
        )
    return rows


def _labels(vocabulary: Vocabulary, learned: Learned, found: Sequence[Candidate]) -> list[Json]:
    """Return what was learned of each label."""
    errors, usual, enough = learned.errors, learned.confident_from, learned.enough
    numbers = np.bincount([each.label for each in found], minlength=len(vocabulary.labels))
    rows = []
    for k, label in enumerate(vocabulary.labels):
        absent, present = (int(each) for each in learned.readings[k])
        known = {
            "wrongly_present": float(errors[k, 1]),
            "wrongly_absent": float(errors[k, 0]),
            "usual_present": float(usual[k, 1]),
            "usual_absent": float(1 - usual[k, 0]),
        }
        rows.append(
            {
                **{"label": label.key, "name": label.name, "weight": label.weight, "flags": int(numbers[k])},
                **{"present": present, "absent": absent},
                **(known if enough[k] else dict.fromkeys(known)),
            }
        )
    return rows


def _rates(audit_id: uuid.UUID, readers: Sequence[str], rates: ReaderRates) -> list[Json]:
    """Return the rows of readers who are named."""
    return [
        {
            "audit_id": audit_id,
            "reader": name,
            "readings": int(rates.readings[at]),
            "flagged": int(rates.flagged[at]),
            "expected": float(rates.expected[at]),
            **{
                field: float(value) if np.isfinite(value) else None
                for field, value in (("ratio", rates.ratio[at]), ("low", rates.low[at]), ("high", rates.high[at]))
            },
        }
        for at, name in enumerate(readers)
        if at > 0
    ]
