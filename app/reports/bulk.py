"""What reading processes answer, stored batch by batch."""

import json
import uuid

from app.kit.database import Database
from app.reports import queries

REMEMBERED = 100_000  # statements


class Labelings:
    """Stores what one job has its texts read as. Threads may share it.

    It remembers the statements without a finding that it has stored: most are few, and come again and again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements: set[str] = set()

    def add(self, vocabulary_id: uuid.UUID, answer: str) -> None:
        """Store an answer (the JSON of `ml.labeling.batch`) under the vocabulary it was read with."""
        new = {form for *_, unmapped in json.loads(answer) for form in unmapped} - self._statements
        if new:
            with self._database.begin() as session:
                queries.commit_soon(session)
                queries.statement_ids(session, new)
            if len(self._statements) > REMEMBERED:
                self._statements = set()
            self._statements = self._statements | new
        with self._database.begin() as session:
            queries.commit_soon(session)
            queries.add_labelings_read(session, vocabulary_id, answer)
