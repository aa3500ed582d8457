"""Pages of jobs: the list, and one job while it runs."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.requests import Request

from app.auth.access import ViewerUser
from app.auth.service import allows
from app.auth.tables import User
from app.jobs import queries
from app.jobs.schemas import State
from app.jobs.tables import Job, JobEvent
from app.kit.database import Json, SessionDep
from app.kit.pagination import Cursor, Position, decode, page
from app.kit.problems import invalid, not_found
from app.pages.shell import PagesDep, is_htmx
from app.pages.work.figures import Chart, Series, chart
from app.steps import KINDS

router = APIRouter(include_in_schema=False)

LIMIT = 50
STATES: dict[str, str] = {
    "queued": "waiting",
    "running": "running",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
WORDS: dict[str, str] = {
    "dataset": "Freeze a dataset",
    "train": "Train a model",
    "evaluate": "Measure a model",
    "study": "Study of many runs",
    "discrepancy": "Learn what experts change",
    "over_read_audit": "Audit the over-reads",
    "import": "Import",
    "relabel": "Activate a vocabulary",
    "preview": "Preview of a vocabulary",
    "export": "Export",
}
"""What people call the kinds of jobs; another kind is called by its name."""


@router.get("/jobs")
def show_jobs(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    state: Annotated[State | None, Query()] = None,
    kind: Annotated[str | None, Query()] = None,
    cursor: Cursor = None,
) -> Response:
    """Show jobs, newest first. While one of them has not ended the list is asked for again and again."""
    if kind is not None and kind not in KINDS:
        raise invalid("query.kind", f"must be one of {', '.join(KINDS)}", "unknown")
    rows = queries.newest(session, state, kind, decode(cursor), limit=LIMIT)
    listed = page(rows, LIMIT, lambda job: Position(job.created_at, job.id), lambda job: _row(job, user))
    return pages.answer(
        request,
        "work/jobs_list.html" if is_htmx(request) else "work/jobs.html",
        user=user,
        title="Jobs",
        jobs=listed.items,
        next_cursor=listed.next_cursor,
        is_live=any(row["job"].finished_at is None for row in listed.items),
        kinds=[(name, WORDS.get(name, name)) for name in KINDS],
        states=list(STATES.items()),
        asked={"kind": kind, "state": state, "cursor": cursor},
    )


@router.get("/jobs/{job_id}")
def show_job(job_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser) -> Response:
    """Show a job: how far it is, what it says, and what it made. htmx gets the part that changes."""
    job = queries.by_id(session, job_id)
    if job is None:
        raise not_found("job")
    measured = queries.last_events(session, job.id, "metrics") if job.kind == "train" else []
    return pages.answer(
        request,
        "work/job_live.html" if is_htmx(request) else "work/job.html",
        user=user,
        title=WORDS.get(job.kind, job.kind),
        **_row(job, user),
        params=_said(job.params),
        result=_said({key: value for key, value in (job.result or {}).items() if not isinstance(value, dict | list)}),
        charts=curves(measured),
        epochs=_epochs(measured),
    )


def _row(job: Job, user: User) -> Json:
    is_over = job.finished_at is not None
    mine = job.user_id == user.id or allows(user.role, "admin")
    return {
        "job": job,
        "words": WORDS.get(job.kind, job.kind),
        "state": STATES[job.state],
        "may_cancel": not is_over and job.cancel_requested_at is None and mine and allows(user.role, "researcher"),
        "leads_to": made_by(job),
    }


def made_by(job: Job) -> tuple[str, str] | None:
    """Return the address of what a finished job made, and what it is called."""
    result: dict[str, Any] = job.result or {}
    if "dataset_id" in result:
        return f"/datasets/{result['dataset_id']}", "Open the dataset"
    if "model_id" in result:
        return f"/models/{result['model_id']}", "Open the model"
    if "discrepancy_model_id" in result:
        return f"/discrepancy-models/{result['discrepancy_model_id']}", "Open the discrepancy model"
    if "audit_id" in result:
        return "/reviews/over-read-audit", "See the flags"
    if job.kind == "evaluate" and job.result is not None:
        return f"/evaluations/{job.id}", "See what was measured"
    if job.kind == "relabel" and job.result is not None:
        return "/disagreement", "See the table"
    if job.kind == "preview" and job.result is not None:
        return f"/vocabularies/previews/{job.id}", "See what would change"
    return None


_NAMES = {
    "content_sha256": "SHA-256",
    "model_id": "model",
    "dataset_id": "dataset",
    "discrepancy_model_id": "discrepancy model",
    "ecgs": "ECGs",
}
_VALUES = {"True": "yes", "False": "no"}


def _said(values: Json) -> list[tuple[str, str]]:
    """Return the settings of a job, those of sections by their paths, in words."""
    said = []
    for key, value in values.items():
        if isinstance(value, dict):
            said += [(f"{key}.{name}", words) for name, words in _said(value)]
        elif key != "yaml":
            words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            said.append((_NAMES.get(key, key.replace("_", " ")), _VALUES.get(words, words)))
    return said


def _epochs(measured: Sequence[JobEvent]) -> list[Json]:
    return [
        {
            "epoch": event.payload["epoch"],
            "loss": _number(event.payload.get("train_loss")),
            "auprc": _number(event.payload.get("validation_macro_auprc")),
        }
        for event in measured
        if isinstance(event.payload.get("epoch"), int)
    ]


def _number(value: object) -> float | None:
    """Return a measured number; an event says a number that is not finite as null or as text."""
    return float(value) if isinstance(value, int | float) else None


def curves(measured: Sequence[JobEvent]) -> list[Chart]:
    """Return the charts of a training: its loss, and the macro AUPRC of the validation split, by epoch."""
    epochs = _epochs(measured)
    if not epochs:
        return []

    def points(name: str) -> list[tuple[float, float]]:
        return [(each["epoch"], each[name]) for each in epochs if each[name] is not None]

    last = (1.0, max(2.0, float(epochs[-1]["epoch"])))
    loss, auprc = points("loss"), points("auprc")
    most = max((y for _, y in loss), default=1.0)
    return [
        chart(
            "Loss on the training split, by epoch",
            [Series("loss on the training split", 1, loss)],
            labels=("epoch", "loss"),
            x_range=last,
            y_range=(0.0, most * 1.05) if most > 0 and min(y for _, y in loss) >= 0 else None,
        ),
        chart(
            "Macro AUPRC on the validation split, by epoch",
            [Series("macro AUPRC on the validation split", 0, auprc)],
            labels=("epoch", "AUPRC"),
            x_range=last,
            y_range=(0.0, 1.0),
        ),
    ]
