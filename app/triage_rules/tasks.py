"""Making a triage rule: the held-out pairs of a discrepancy model are read label by label."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.discrepancy_models.queries import by_id
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.triage_rules.schemas import TriageRuleIn
from app.triage_rules.tables import TriageRule
from app.vocabularies.tables import VocabularyRow
from ml.discrepancy.folder import InvalidFolder, PairsFile, read_manifest, read_pairs
from ml.evaluation.metrics import Bools
from ml.evaluation.risk import Ints, Passing, Readings, passing

WHOLE = "Whole report"


class Basis(NamedTuple):
    """The discrepancy model that a rule is made with."""

    vocabulary_id: uuid.UUID
    model_id: uuid.UUID | None
    simulated: bool
    names: dict[str, str]


def make(run: JobRun) -> Finish:
    """Make a rule of a discrepancy model's pairs; memory is that of three columns."""
    request = TriageRuleIn.model_validate(run.params)
    assert request.discrepancy_model is not None
    basis = run.transaction(lambda session: _basis(session, request))
    with run.opened("discrepancy", request.discrepancy_model) as folder:
        try:
            keys = read_manifest(folder).keys
            proposing, held_out = _Table(folder, "out_of_fold.parquet"), _Table(folder, "held_out.parquet")
            lines = []
            for place, key in enumerate(keys):
                run.progress(place / (len(keys) + 1), f"{basis.names.get(key, key)}")
                found = _passing(request, proposing.of_label(key), held_out.of_label(key))
                lines.append(_line(request, found, key, basis.names.get(key, key)))
            whole = _line(request, _passing(request, proposing.whole(), held_out.whole()), None, WHOLE)
        except InvalidFolder as error:
            raise JobFailed(f"the discrepancy model's files are damaged: {error}") from error

    def register(session: Session) -> Json:
        row = TriageRule(
            id=run.id,
            discrepancy_model_id=request.discrepancy_model,
            vocabulary_id=basis.vocabulary_id,
            model_id=basis.model_id,
            simulated=basis.simulated,
            max_missed_change=request.max_missed_change,
            level=request.level,
            of=request.of,
            whole=whole,
            labels=lines,
        )
        session.add(row)
        session.flush()
        return {"triage_rule_id": str(row.id), "threshold": whole["threshold"], "passing": whole["passing"]}

    return register


def _basis(session: Session, request: TriageRuleIn) -> Basis:
    assert request.discrepancy_model is not None
    model = by_id(session, request.discrepancy_model)
    if model is None:
        raise JobFailed("the discrepancy model was deleted")
    vocabulary = session.get_one(VocabularyRow, model.vocabulary_id)
    names = {label["key"]: label["name"] for label in vocabulary.outline["labels"]}
    return Basis(model.vocabulary_id, model.model_id, model.simulated, names)


class _Table:
    """A table of pairs, read a label at a time; whether any label was changed is gathered meanwhile."""

    def __init__(self, folder: Path, name: PairsFile) -> None:
        self._folder, self._name = folder, name
        patients = [batch.column(0).to_numpy(zero_copy_only=False) for batch in self._read(["patient"])]
        self._patients: Ints = np.unique(
            np.concatenate([np.empty(0, object), *patients]).astype(str), return_inverse=True
        )[1]
        self._any: Bools = np.zeros(len(self._patients), np.bool_)

    def _read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return read_pairs(self._folder, self._name, columns)

    def of_label(self, key: str) -> Readings:
        """Return what became of a label."""
        names = [f"machine_{key}", f"overread_{key}", f"change_{key}"]
        machine, overread, change = self._columns(names)
        changed = machine != overread
        self._any |= changed
        return Readings(change.astype(np.float64), changed, self._patients)

    def whole(self) -> Readings:
        """Return what became of whole reports, after all labels were read."""
        [change] = self._columns(["change_any"])
        return Readings(change.astype(np.float64), self._any, self._patients)

    def _columns(self, names: Sequence[str]) -> list[NDArray[Any]]:
        parts = [[batch.column(name).to_numpy(zero_copy_only=False) for name in names] for batch in self._read(names)]
        if not parts:
            return [np.empty(0) for _ in names]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def _passing(request: TriageRuleIn, proposing: Readings, held_out: Readings) -> Passing:
    return passing(proposing, held_out, max_missed=request.max_missed_change, level=request.level, of=request.of)


def _line(request: TriageRuleIn, found: Passing, label: str | None, name: str) -> Json:
    """Return what was found as `TriageLine` shows it."""
    of = {"passed": found.passed, "all": found.readings, "changed": found.changed}[request.of]
    most = found.changed if request.of == "changed" else found.readings
    why = None if found.threshold is not None else "too_few" if most < found.needed else "not_shown"
    return {
        "label": label,
        "name": name,
        "threshold": found.threshold,
        "why_none": why,
        "reports": found.readings,
        "patients": found.patients,
        "of_a_patient": found.of_a_patient,
        "changed": found.changed,
        "passed": found.passed,
        "passing": round(found.passed / found.readings, 4) if found.readings else 0.0,
        "missed": found.missed,
        "missed_share": round(found.missed / of, 6) if of else None,
        "needed": found.needed,
    }
