"""Jobs over HTTP: state, live events, cancel."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.access_log.shown import ShownDep
from app.auth.access import ResearcherUser, ViewerUser
from app.auth.service import allows
from app.jobs import queries
from app.jobs.feed import EventFeed, EventFeedDep
from app.jobs.schemas import QUEUED, JobOut, State
from app.jobs.service import outside
from app.kit import audit
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import Problem, invalid, not_found, responses
from app.steps import KINDS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

CANCELLED_EXAMPLE = {
    **QUEUED,
    "state": "cancelled",
    "cancel_requested": True,
    "finished_at": "2026-03-02T09:31:00.982114Z",
}
EVENT_EXAMPLE = (
    "id: 41\r\nevent: progress\r\n"
    'data: {"at": "2026-03-02T09:31:01.086302+00:00", "fraction": 0.99, "message": "13 pairs made"}\r\n\r\n'
)

SEND_TIMEOUT_S = 60.0  # a client that reads nothing for this long has gone


@router.get("", responses=responses(422))
def list_jobs(
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    state: State | None = None,
    kind: Annotated[str | None, Query(json_schema_extra={"enum": list(KINDS)}, examples=["train"])] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[JobOut]:
    """List jobs, newest first."""
    if kind is not None and kind not in KINDS:
        raise invalid("query.kind", f"must be one of {', '.join(KINDS)}", "unknown")
    rows = queries.newest(session, state, kind, decode(cursor), limit=limit)
    shown.add_from([job.result for job in rows[:limit]])
    return page(rows, limit, lambda job: Position(job.created_at, job.id), outside)


@router.get("/{job_id}", responses=responses(404, 422))
def get_job(job_id: uuid.UUID, session: SessionDep, user: ViewerUser, shown: ShownDep) -> JobOut:
    """Show a job: state, progress, result or error."""
    job = queries.by_id(session, job_id)
    if job is None:
        raise not_found("job")
    shown.add_from(job.result)
    return outside(job)


@router.post(
    "/{job_id}/cancel",
    responses={200: {"content": {"application/json": {"example": CANCELLED_EXAMPLE}}}, **responses(404, 422)},
)
def cancel_job(job_id: uuid.UUID, session: SessionDep, user: ResearcherUser, shown: ShownDep) -> JobOut:
    """Ask a job of your own (an admin: anybody's) to stop.

    A queued job is cancelled at once, a running one within seconds; a finished one stays.
    """
    before = queries.by_id(session, job_id)
    if before is None:
        raise not_found("job")
    if before.user_id != user.id and not allows(user.role, "admin"):
        raise Problem(403, "forbidden", "This job is another user's: only that user or an admin may cancel it.")
    state = before.state
    job = queries.request_cancel(session, job_id)
    assert job is not None
    audit.record(
        session, user.name, "cancel", "job", resource_id=job_id, before={"state": state}, after={"state": job.state}
    )
    shown.add_from(job.result)
    return outside(job)


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EVENT_EXAMPLE}},
            "description": "Server-sent events",
        },
        **responses(404, 422, 503),
    },
)
def stream_events(
    job_id: uuid.UUID,
    feed: EventFeedDep,
    session: SessionDep,
    user: ViewerUser,
    last_event_id: Annotated[int, Header(ge=0, le=2**62, description="Resume after this event.", examples=[41])] = 0,
    after: Annotated[int, Query(ge=0, le=2**62, description="The same, for clients that cannot set headers.")] = 0,
) -> EventSourceResponse:
    """Stream a job's events as they happen; the stream ends when the job has ended."""
    if queries.by_id(session, job_id) is None:
        raise not_found("job")
    stream = _events(feed, job_id, max(last_event_id, after))
    return EventSourceResponse(stream, send_timeout=SEND_TIMEOUT_S)


async def _events(feed: EventFeed, job_id: uuid.UUID, last_id: int) -> AsyncIterator[ServerSentEvent]:
    over = False
    while not over:
        news = await feed.news((job_id, last_id))
        assert news is not None
        for event in news.events:
            last_id = event.id
            yield ServerSentEvent(data=json.dumps(event.payload), event=event.kind, id=str(event.id))
        over = news.over
