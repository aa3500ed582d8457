"""Vocabularies, and reading a text without storing it."""

from fastapi import APIRouter, Request

from app.auth.access import Viewer
from app.kit.database import SessionDep
from app.kit.problems import responses
from app.vocabularies import queries
from app.vocabularies.schemas import ExtractIn, ExtractOut, LabelOut, VocabularyList, VocabularyOut
from ml.labeling import Vocabulary

router = APIRouter(prefix="/v1", tags=["labels"])


@router.get("/vocabularies", responses=responses())
def list_vocabularies(session: SessionDep, user: Viewer) -> VocabularyList:
    """List the versions of the vocabulary, newest first."""
    return VocabularyList(
        items=[
            VocabularyOut(
                id=row.id,
                version=row.version,
                active=row.active,
                created_at=row.created_at,
                labels=[LabelOut(key=label.key, name=label.name) for label in Vocabulary.parse(row.yaml).labels],
            )
            for row in queries.all_newest_first(session)
        ]
    )


@router.post("/labels/extract", responses=responses(404, 422))
def extract_labels(given: ExtractIn, request: Request, session: SessionDep, user: Viewer) -> ExtractOut:
    """Read a report: its statements, and the status of each label with the characters that say so.

    Nothing is stored.
    """
    labelers = request.app.state.labelers
    rules = labelers.version(session, given.vocabulary) if given.vocabulary else labelers.active(session)
    reading = rules.labeler.read(given.text)
    return ExtractOut.model_validate(
        {
            "vocabulary": rules.vocabulary.version,
            "statements": [statement._asdict() for statement in reading.statements],
            "findings": [finding._asdict() for finding in reading.findings],
        }
    )
