"""What the discrepancy model in use says of an ECG whose model's answer is there."""

import uuid
from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from app.discrepancy_models import queries, rows
from app.ecgs.tables import Ecg
from app.kit.database import Database, Json
from app.kit.folders import Folders
from app.kit.store import ObjectFault, StoreUnavailable
from ml.discrepancy.folder import InvalidFolder
from ml.discrepancy.score import Scorer
from ml.formats.recording import Recording

log = structlog.get_logger(__name__)

KEPT = 2  # discrepancy models in memory


class Change(NamedTuple):
    """What a discrepancy model says of an ECG: as the answer has it, and as `predicted_changes` has it."""

    shown: Json
    row: Json

    def keep(self, session: Session) -> None:
        """Write it for review lists."""
        queries.keep_change(session, **self.row)


class _Asked(NamedTuple):
    model_id: uuid.UUID
    masks: tuple[int, int]


class ChangeScorer:
    """Asks discrepancy models, each loaded once."""

    def __init__(self, database: Database, folders: Folders) -> None:
        self._database, self._folders = database, folders
        self._loaded: OrderedDict[uuid.UUID, Scorer] = OrderedDict()
        self._without: set[uuid.UUID] = set()

    def note(self, session: Session, model_ids: Collection[uuid.UUID]) -> None:
        """Find out which of some models have no discrepancy model: one statement for many questions."""
        self._without = set(model_ids) - queries.with_some(session, model_ids)

    def change(self, ecg: Ecg, model_id: uuid.UUID, answer: Json, recording: Recording) -> Change | None:
        """Return the change that is probable, given the model's answer; None without machine report or model for it.

        None, too, where the discrepancy model's files are gone or damaged.
        """
        if model_id in self._without:
            return None
        with self._database.begin() as session:
            asked = self._asked(session, ecg, model_id)
        if asked is None:
            return None
        try:
            scorer = self._scorer(asked.model_id)
        except (InvalidFolder, ObjectFault, StoreUnavailable) as error:
            log.warning("discrepancy_model_away", discrepancy_model=str(asked.model_id), error=type(error).__name__)
            return None
        return _change(scorer, asked, ecg, answer, recording=recording)

    def _asked(self, session: Session, ecg: Ecg, model_id: uuid.UUID) -> _Asked | None:
        found = queries.in_use(session, model_id, ecg.simulated)
        if found is None:
            return None
        masks = queries.machine_masks(session, found.vocabulary_id, ecg.id)
        return None if masks is None else _Asked(found.id, masks)

    def _scorer(self, model_id: uuid.UUID) -> Scorer:
        if model_id not in self._loaded:
            with self._folders.opened("discrepancy", model_id) as folder:
                self._loaded[model_id] = Scorer(folder)
            if len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(model_id)
        return self._loaded[model_id]


def _change(scorer: Scorer, asked: _Asked, ecg: Ecg, answer: Json, *, recording: Recording) -> Change:
    present, uncertain = asked.masks
    masks = {"machine_present": present, "machine_uncertain": uncertain, "overread_present": 0, "overread_uncertain": 0}
    row = {**rows.facts(ecg), **masks, **rows.of_answer(answer["labels"]), **rows.of_waveform(recording)}
    changes = scorer.changes([row])
    by_label = changes.labels[0].tolist()
    status = partial(_status, present, uncertain)
    learnt = {
        label.key: (label.removed if status(bit) else label.added).learnt
        for bit, label in enumerate(scorer.manifest.labels)
    }
    keys = scorer.manifest.keys
    shown = {
        "discrepancy_model": str(asked.model_id),
        "said": {key: said for bit, key in enumerate(keys) if (said := status(bit)) is not None},
        "labels": dict(zip(keys, by_label, strict=True)),
        "learnt": learnt,
        "any": float(changes.any[0]),
    }
    stored = {
        "discrepancy_model_id": asked.model_id,
        "ecg_id": ecg.id,
        "machine_present": present,
        "machine_uncertain": uncertain,
        "changes": by_label,
        "any_change": float(changes.any[0]),
    }
    return Change(shown, stored)


def _status(present: int, uncertain: int, bit: int) -> str | None:
    return "present" if present >> bit & 1 else "uncertain" if uncertain >> bit & 1 else None
