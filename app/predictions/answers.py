"""Waiting for a model's answer, and showing it beside the machine's report."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.kit.database import Database, DatabaseDep, Json
from app.kit.prefer import Preferences
from app.kit.problems import FieldError, Problem, gone, problem_details, store_unavailable
from app.kit.state import SettingsDep, from_app
from app.kit.watch import Channel, Watch
from app.predictions import queries
from app.predictions.schemas import (
    AnyChange,
    ChangePrediction,
    Discrepancy,
    LabelPrediction,
    ModelReference,
    PredictionOut,
    PredictionStatus,
)
from app.predictions.tables import Prediction
from app.reports import service as reports
from app.reports.schemas import Status

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.05
MOST_WAITING = 2_000
STATED = ("present", "uncertain")
"""What counts as said: as in the paper's tables a hedged statement counts as a positive one."""

Said = Mapping[str, Status]
"""What a machine's report says, by label."""


class Ended(NamedTuple):
    """A question that has ended, and what the machine says of its ECG; None where it says nothing."""

    row: Prediction
    said: Said | None


AnswerWatch = Watch[uuid.UUID, Ended]
AnswerWatchDep = Annotated[AnswerWatch, from_app("answer_watch")]


def answer_watch(database: Database) -> AnswerWatch:
    """Return the watch that waits for the answers of an application's questions."""
    channel = Channel(queries.ENDED, lambda payload: [uuid.UUID(payload)])
    pauses = {"first_pause_s": FIRST_PAUSE_S, "longest_pause_s": LONGEST_PAUSE_S}
    return Watch(database, _ended, **pauses, most=MOST_WAITING, channel=channel)


def _ended(session: Session, prediction_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Ended]:
    rows = queries.ended(session, Prediction, prediction_ids)
    said = reports.said_by_machine(session, list({row.ecg_id for row in rows})) if rows else {}
    return {row.id: Ended(row, said.get(row.ecg_id)) for row in rows}


class Asked(NamedTuple):
    """A question, with what its answer is shown beside."""

    row: Prediction
    model: ModelReference
    said: Said | None


@dataclass(frozen=True)
class Answers:
    """Waits for answers, without a connection and without a thread."""

    watch: AnswerWatchDep
    database: DatabaseDep
    settings: SettingsDep

    @asynccontextmanager
    async def answer(self, asked: Asked, prefers: Preferences) -> AsyncIterator[Response]:
        """Return the response of `POST /v1/predictions`: 200 with the prediction, or 202 when the client does not wait.

        Raises a 503 when no inference worker answers in time, and the problem that a failed question has.
        """
        longest_s = self.settings.prediction_timeout_s
        within_s = longest_s if prefers.wait_s is None else min(prefers.wait_s, longest_s)
        if prefers.respond_async and prefers.wait_s is None:
            within_s = 0.0
        ended = await self.watch.news(asked.row.id, within_s) if within_s else None
        if ended is not None:
            yield _json(200, outside(Asked(ended.row, asked.model, ended.said)), prefers.applied())
        elif prefers.respond_async or prefers.wait_s is not None:
            address = {"Location": f"/v1/predictions/{asked.row.id}"}
            yield _json(202, status(asked), {**address, **prefers.applied()})
        else:
            error = {"code": "timeout", "detail": "No inference worker answered in time."}
            await self.database.run(lambda session: queries.fail(session, asked.row, error))
            raise problem(error)


def outside(asked: Asked) -> PredictionOut:
    """Return the prediction of an answered question. Raises the problem of a failed one."""
    row = asked.row
    if row.error is not None:
        raise problem(row.error)
    assert row.answer is not None
    change = _change(row.answer, asked.said)
    return PredictionOut(
        id=row.id,
        ecg_id=row.ecg_id,
        model=asked.model,
        windows=row.answer["windows"],
        labels=beside(row.answer, asked.said, change),
        any_change=_any_change(change),
        statements=row.answer.get("statements", []),
        created_at=row.created_at,
    )


def _change(answer: Json, said: Said | None) -> Json | None:
    """Return what the discrepancy model said, unless the machine's report has changed since."""
    change: Json | None = answer.get("change")
    if change is None or said is None:
        return None
    stated = {label: status for label, status in said.items() if status in STATED}
    return change if stated == change["said"] else None


def beside(answer: Json, said: Said | None, change: Json | None = None) -> list[LabelPrediction]:
    """Return the labels of a model's answer beside what the machine's report says; None where there is none.

    `change`: what a discrepancy model says of that report.
    """
    found = said or {}
    return [
        LabelPrediction(
            **entry,
            finding=found.get(entry["label"]),
            discrepancy=None if said is None else discrepancy(found.get(entry["label"]), entry["positive"]),
            change=None if change is None else _change_of(entry["label"], change),
        )
        for entry in answer["labels"]
    ]


def _any_change(change: Json | None) -> AnyChange | None:
    if change is None:
        return None
    return AnyChange(discrepancy_model=change["discrepancy_model"], probability=change["any"])


def _change_of(label: str, change: Json) -> ChangePrediction | None:
    if label not in change["labels"]:  # the model knows a label that the vocabulary has no more
        return None
    p, stated = change["labels"][label], label in change["said"]
    return ChangePrediction(added=None if stated else p, removed=p if stated else None, learnt=change["learnt"][label])


def status(asked: Asked) -> PredictionStatus:
    """Return the state of a question, with its answer or its problem."""
    row = asked.row
    return PredictionStatus(
        id=row.id,
        ecg_id=row.ecg_id,
        model=asked.model,
        state="open" if row.state == "claimed" else row.state,
        created_at=row.created_at,
        answered_at=row.answered_at,
        answer=outside(asked) if row.answer is not None else None,
        problem=problem_details(problem(row.error)) if row.error is not None else None,
    )


def discrepancy(finding: Status | None, positive: bool) -> Discrepancy:
    """Return whether the model differs from what the machine says of a label.

    As in the paper's tables a hedged statement counts as a positive one.
    """
    stated = finding in STATED
    if stated == positive:
        return "agree"
    return "likely_added" if positive else "likely_removed"


def _timeout(error: Json) -> Problem:
    detail = f"{error['detail']} Is `overread worker --queue infer` running?"
    return Problem(503, "no_answer", detail, headers={"Retry-After": "5"})


def _worker_died(error: Json) -> Problem:
    detail = f"{error['detail']} They may need more memory; ask another model, or look at the workers' log."
    return Problem(503, "worker_died", detail)


def _unusable(error: Json) -> Problem:
    reasons = error.get("reasons", [])
    errors = [FieldError(field="ecg_id", code=reason["code"], reason=reason["detail"]) for reason in reasons]
    return Problem(422, "unusable_ecg", error["detail"], errors)


def _store_away(error: Json) -> Problem:
    return store_unavailable()


def _gone(error: Json) -> Problem:
    return gone(error["code"], f"{error['detail'].capitalize()}.")


_PROBLEMS: dict[str, Callable[[Json], Problem]] = {
    "timeout": _timeout,
    "worker_died": _worker_died,
    "store_unavailable": _store_away,
    "unusable": _unusable,
    "object_missing": _gone,
    "object_damaged": _gone,
    "bundle_damaged": _gone,
}


def problem(error: Json) -> Problem:
    """Return the problem of a question that failed."""
    if (known := _PROBLEMS.get(error["code"])) is not None:
        return known(error)
    return Problem(503, "no_answer", "The model could not answer; try again.", headers={"Retry-After": "5"})


def _json(status_code: int, body: BaseModel, headers: dict[str, str]) -> Response:
    return Response(body.model_dump_json(), status_code, headers, "application/json")
