"""Asking a model about an ECG."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.auth.tables import User
from app.ecgs import queries as ecgs
from app.kit.problems import Problem, check_known, invalid, not_found
from app.models import queries as models
from app.models.queries import Named
from app.predictions import queries
from app.predictions.answers import Asked, outside
from app.predictions.schemas import ModelReference, PredictionOut
from app.reports import service as reports


def chosen_model(session: Session, model_id: uuid.UUID | None) -> Named:
    """Return the model to ask: the named one, else the promoted one, else the starter model."""
    if model_id is not None:
        return check_known(models.named(session, model_id), "model", "model")
    model = models.answering(session)
    if model is None:
        raise Problem(409, "no_model", "No model has been promoted yet; name one, or promote one.")
    return model


def check_waveform(session: Session, ecg_id: uuid.UUID) -> None:
    """Answer 404 where there is no such ECG, and 409 where it has no waveform."""
    has_waveform = ecgs.hold_with_waveform(session, ecg_id)
    if has_waveform is None:
        raise not_found("ECG")
    if not has_waveform:
        raise Problem(409, "no_waveform", "This ECG has no waveform that a model could read.")


def ask(session: Session, ecg_id: uuid.UUID, model: Named, *, phrases: Sequence[str], user: User) -> Asked:
    """Store the question. It is answered after the caller's transaction has been committed.

    Raises the 422 of phrases for a model that knows its labels only.
    """
    if phrases:
        row = models.by_id(session, model.id)
        if row is None or row.manifest.get("text") is None:
            reason = f"{model.name} knows its labels only; ask a CLIP or NegCLIP model"
            raise invalid("statements", reason, "no_text_side")
    question = queries.ask(session, ecg_id, model.id, user.id, phrases=phrases)
    return Asked(question, ModelReference(id=model.id, name=model.name), None)


def asked_by(session: Session, prediction_id: uuid.UUID, user: User) -> Asked:
    """Return a question of this user (for an admin: of any user). Answers 404 otherwise."""
    row = queries.by_id(session, prediction_id)
    if row is None or (row.user_id != user.id and user.role != "admin"):
        raise not_found("prediction")
    model = models.named(session, row.model_id)
    assert model is not None
    said = reports.said_by_machine(session, [row.ecg_id])
    return Asked(row, ModelReference(id=model.id, name=model.name), said.get(row.ecg_id))


def answers_about(session: Session, ecg_id: uuid.UUID, user: User) -> list[PredictionOut]:
    """Return the last answer of each model about an ECG that this user (for an admin: any user) asked for."""
    rows = queries.answered(session, ecg_id, None if user.role == "admin" else user.id)
    said = reports.said_by_machine(session, [ecg_id]) if rows else {}
    found = []
    for row in rows:
        model = models.named(session, row.model_id)
        assert model is not None
        found.append(outside(Asked(row, ModelReference(id=model.id, name=model.name), said.get(ecg_id))))
    return found
