"""The change watch over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.access import ResearcherUser, ViewerUser
from app.change_watch import queries, service
from app.change_watch.schemas import (
    WatchAlarmOut,
    WatchAnswerIn,
    WatchOut,
    WatchStreamDetail,
    WatchStreamOut,
)
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode
from app.kit.pagination import page as page_of
from app.kit.problems import responses
from app.kit.state import SettingsDep

router = APIRouter(prefix="/v1/change-watch", tags=["disagreement"])


@router.get("", responses=responses(422))
def get_change_watch(session: SessionDep, settings: SettingsDep, user: ViewerUser) -> WatchOut:
    """Return what is watched, by which rule, and how many alarms wait for an answer."""
    return service.overview(session, settings)


@router.post("/counts", status_code=202, responses={202: jobs.accepted("change-watch", {}), **responses(409, 422)})
def count_change_watch(session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Count all days that have ended, without waiting until their over-reads have settled.

    Workers count by themselves what has settled. What arrives later for a day that was counted is not watched.
    """
    return start(user, "change-watch", {})


@router.get("/streams", responses=responses(422))
def list_change_streams(
    session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None
) -> Page[WatchStreamOut]:
    """List the streams that are watched, the newest first: site, device and software version."""
    present = service.Present.of(session)
    if present.watch_id is None:
        return Page(items=[], next_cursor=None)
    rows = queries.newest_streams(session, present.watch_id, decode(cursor), limit)
    shown = {each.id: each for each in service.streams(session, rows)}
    return page_of(rows, limit, lambda row: Position(row.created_at, row.id), lambda row: shown[row.id])


@router.get("/streams/{stream_id}", responses=responses(404, 422))
def get_change_stream(
    stream_id: uuid.UUID, session: SessionDep, settings: SettingsDep, user: ViewerUser
) -> WatchStreamDetail:
    """Return a stream with its charts: a label and a direction each."""
    return service.detail(session, settings, stream_id)


@router.get("/alarms", responses=responses(422))
def list_change_alarms(
    session: SessionDep,
    user: ViewerUser,
    unanswered: Annotated[bool, Query(description="Only those that wait for an answer.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WatchAlarmOut]:
    """List alarms, the newest first."""
    rows = queries.newest_alarms(session, decode(cursor), limit, unanswered=unanswered)
    shown = dict(zip([alarm.id for alarm, _ in rows], service.alarms(session, rows), strict=True))
    return page_of(rows, limit, lambda row: Position(row[0].rung_at, row[0].id), lambda row: shown[row[0].id])


@router.post("/alarms/{alarm_id}/answer", responses=responses(404, 409, 422))
def answer_change_alarm(
    alarm_id: uuid.UUID, given: WatchAnswerIn, session: SessionDep, user: ResearcherUser
) -> WatchAlarmOut:
    """Say what an alarm was, once: its chart then goes on."""
    return service.answer(session, user.name, alarm_id, given)
