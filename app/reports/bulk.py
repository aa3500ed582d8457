"""Storing what labeling processes answer, batch by batch."""

import uuid

from app.kit.database import Database
from app.reports import queries
from app.vocabularies import queries as vocabularies
from app.vocabularies.labeling_processes import Answer

REMEMBERED = 100_000  # statements


class Labelings:
    """Stores the labelings of one job. Threads may share it.

    It remembers the ids of statements without a finding: a few of them make up most of what reports say.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[str, int] = {}

    def add(self, vocabulary_id: uuid.UUID, answer: Answer) -> None:
        """Store the answer of a labeling process under its vocabulary."""
        ids = self._ids if len(self._ids) <= REMEMBERED else {}
        if new := set(answer.forms) - ids.keys():
            with self._database.begin() as session:
                queries.commit_soon(session)
                ids = ids | queries.statement_ids(session, new)
            self._ids = ids
        with self._database.begin() as session:
            queries.commit_soon(session)
            vocabularies.hold(session)  # an erasure deletes statements and texts while nobody holds it
            if gone := queries.statements_gone(session, {form: ids[form] for form in answer.forms}):
                ids = ids | queries.statement_ids(session, gone)
            queries.add_labelings_read(session, vocabulary_id, answer.rows, [ids[form] for form in answer.forms])
