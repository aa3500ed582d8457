"""The labeler of the active vocabulary, built once a version."""

import threading
import uuid
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.kit.problems import not_found
from app.vocabularies import queries
from app.vocabularies.tables import VocabularyRow
from ml.labeling import Labeler, Vocabulary, builtin_text


class ReadingRules(NamedTuple):
    """A stored vocabulary, ready to read reports."""

    id: uuid.UUID
    vocabulary: Vocabulary
    labeler: Labeler


class Labelers:
    """Labelers by vocabulary. Which one is active is asked of the database each time: no process needs a reload."""

    def __init__(self) -> None:
        self._built: dict[uuid.UUID, ReadingRules] = {}
        self._lock = threading.Lock()

    def active(self, session: Session) -> ReadingRules:
        """Give the active vocabulary's labeler."""
        return self._build(queries.active(session))

    def version(self, session: Session, version: str) -> ReadingRules:
        """Give one version's labeler; a 404 when there is none."""
        row = queries.by_version(session, version)
        if row is None:
            raise not_found("vocabulary")
        return self._build(row)

    def _build(self, row: VocabularyRow) -> ReadingRules:
        with self._lock:
            if row.id not in self._built:
                vocabulary = Vocabulary.parse(row.yaml)
                self._built[row.id] = ReadingRules(row.id, vocabulary, Labeler(vocabulary))
            return self._built[row.id]


def install_builtin(session: Session) -> None:
    """Store the vocabulary this release ships; on a new database it is the active one."""
    text = builtin_text()
    queries.add_if_absent(session, Vocabulary.parse(text).version, text)
