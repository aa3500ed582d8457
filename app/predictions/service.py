"""Asking a model about an ECG."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.auth.tables import User
from app.ecgs import service as ecgs
from app.ecgs.queries import hold
from app.kit.problems import Problem, check_known, invalid, not_found
from app.models import queries as models
from app.models.tables import Model
from app.predictions import queries
from app.predictions.answers import Asked, outside
from app.predictions.schemas import ModelReference, PredictionOut
from app.reports import service as reports
from app.reports.schemas import ReportOut


def chosen_model(session: Session, model_id: uuid.UUID | None) -> Model:
    """Return the model to ask: the named one, else the promoted one, else the starter model."""
    if model_id is not None:
        return check_known(models.by_id(session, model_id), "model", "model")
    model = models.promoted(session) or models.shipped(session)
    if model is None:
        raise Problem(409, "no_model", "No model has been promoted yet; name one, or promote one.")
    return model


def check_waveform(session: Session, ecg_id: uuid.UUID) -> None:
    """Answer 404 where there is no such ECG, and 409 where it has no waveform."""
    hold(session, ecg_id)
    if ecgs.get(session, ecg_id).waveform_sha256 is None:
        raise Problem(409, "no_waveform", "This ECG has no waveform that a model could read.")


def ask(session: Session, ecg_id: uuid.UUID, model: Model, *, phrases: Sequence[str], user: User) -> Asked:
    """Store the question. It is answered after the caller's transaction has been committed.

    Raises the 422 of phrases for a model that knows its labels only.
    """
    if phrases and model.manifest.get("text") is None:
        raise invalid("statements", f"{model.name} knows its labels only; ask a CLIP or NegCLIP model", "no_text_side")
    row = queries.ask(session, ecg_id, model.id, user.id, phrases=phrases)
    return Asked(row, ModelReference(id=model.id, name=model.name), _machine_report(session, ecg_id))


def asked_by(session: Session, prediction_id: uuid.UUID, user: User) -> Asked:
    """Return a question of this user (for an admin: of any user). Answers 404 otherwise."""
    row = queries.by_id(session, prediction_id)
    if row is None or (row.user_id != user.id and user.role != "admin"):
        raise not_found("prediction")
    model = models.by_id(session, row.model_id)
    assert model is not None
    return Asked(row, ModelReference(id=model.id, name=model.name), _machine_report(session, row.ecg_id))


def answers_about(session: Session, ecg_id: uuid.UUID, user: User) -> list[PredictionOut]:
    """Return the last answer of each model about an ECG that this user (for an admin: any user) asked for."""
    rows = queries.answered(session, ecg_id, None if user.role == "admin" else user.id)
    machine = _machine_report(session, ecg_id) if rows else None
    found = []
    for row in rows:
        model = models.by_id(session, row.model_id)
        assert model is not None
        found.append(outside(Asked(row, ModelReference(id=model.id, name=model.name), machine)))
    return found


def _machine_report(session: Session, ecg_id: uuid.UUID) -> ReportOut | None:
    """Return the machine's report that counts in the ECG's pair."""
    current = reports.of_ecg(session, ecg_id, only_current=True)
    return next((report for report in current if report.source == "machine" and report.counts), None)
