"""Asking a model and waiting for its answer; what it means beside the machine's report."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.auth.tables import User
from app.kit.database import Database, Json
from app.kit.problems import FieldError, Problem, check_known, invalid
from app.models import queries as models
from app.models.tables import Model
from app.predictions import queries
from app.predictions.schemas import Discrepancy, LabelPrediction, ModelReference, PredictionOut
from app.reports.schemas import ReportOut, Status

FIRST_LOOK_S = 0.005
LONGEST_PAUSE_S = 0.1


def chosen_model(session: Session, model_id: uuid.UUID | None) -> Model:
    """Find the model to ask: the one named, else the promoted one, else the one that came with the release."""
    if model_id is not None:
        return check_known(models.by_id(session, model_id), "model", "model")
    model = models.promoted(session) or models.shipped(session)
    if model is None:
        raise Problem(409, "no_model", "No model has been promoted yet; name one, or promote one.")
    return model


def ask(session: Session, ecg_id: uuid.UUID, model: Model, phrases: Sequence[str], user: User) -> uuid.UUID:
    """Put the question; it is answered after the caller's transaction has committed.

    Raises the 422 of phrases for a model that knows its labels only.
    """
    if phrases and model.manifest.get("text") is None:
        raise invalid("statements", f"{model.name} knows its labels only; ask a CLIP or NegCLIP model", "no_text_side")
    return queries.ask(session, ecg_id, model.id, user.id, phrases)


def wait(
    database: Database, prediction_id: uuid.UUID, model: Model, machine: ReportOut | None, timeout_s: float
) -> PredictionOut:
    """Wait for the answer; no connection is held meanwhile.

    Raises a 503 when no inference worker answers in time, and a 422 when the ECG gives the model nothing to see.
    """
    deadline = time.monotonic() + timeout_s
    pause = FIRST_LOOK_S
    while True:
        with database.begin() as session:
            row = queries.state(session, prediction_id)
        if row.state == "answered":
            assert row.answer is not None
            return _outside(prediction_id, row.ecg_id, model, machine, row.answer, row.created_at)
        if row.state == "failed":
            assert row.error is not None
            raise _problem(row.error)
        if time.monotonic() > deadline:
            with database.begin() as session:
                queries.fail(session, prediction_id, {"code": "timeout", "detail": "nobody answered in time"})
            raise Problem(
                503,
                "no_answer",
                "No inference worker answered in time; is `overread worker --queue infer` running?",
                headers={"Retry-After": "5"},
            )
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_S)


def discrepancy(finding: Status | None, positive: bool) -> Discrepancy:
    """Say whether an expert would probably change what the machine says of a label.

    As in the paper's tables a hedged statement counts as a positive one.
    """
    stated = finding in ("present", "uncertain")
    if stated == positive:
        return "agree"
    return "likely_added" if positive else "likely_removed"


def machine_report(readings: list[ReportOut]) -> ReportOut | None:
    """Find the machine's reading among an ECG's current ones (the last, as for pairs)."""
    machine = [reading for reading in readings if reading.source == "machine"]
    return max(machine, key=lambda r: (r.authored_at or r.created_at, r.created_at), default=None)


def _outside(
    prediction_id: uuid.UUID,
    ecg_id: uuid.UUID,
    model: Model,
    machine: ReportOut | None,
    answer: Json,
    created_at: Any,
) -> PredictionOut:
    said: dict[str, Status] = {f.label: f.status for f in machine.findings} if machine is not None else {}
    labels = []
    for entry in answer["labels"]:
        finding = said.get(entry["label"])
        labels.append(
            LabelPrediction(
                **entry,
                finding=finding,
                discrepancy=discrepancy(finding, entry["positive"]) if machine is not None else None,
            )
        )
    return PredictionOut(
        id=prediction_id,
        ecg_id=ecg_id,
        model=ModelReference(id=model.id, name=model.name),
        windows=answer["windows"],
        labels=labels,
        statements=answer.get("statements", []),
        created_at=created_at,
    )


def _problem(error: Json) -> Problem:
    if error["code"] == "unusable":
        errors = [
            FieldError(field="ecg_id", code=reason["code"], reason=reason["detail"])
            for reason in error.get("reasons", [])
        ]
        return Problem(422, "unusable_ecg", error["detail"], errors)
    return Problem(503, "no_answer", "The model could not answer; try again.", headers={"Retry-After": "5"})
