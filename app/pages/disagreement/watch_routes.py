"""The pages of the change watch and of triage: what has begun to change, and what may pass unread."""

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.auth.access import ViewerUser
from app.auth.service import allows
from app.change_watch import queries as watch_queries
from app.change_watch import service as watch
from app.change_watch.charts import Direction
from app.change_watch.schemas import WatchChartOut
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Position, decode, page
from app.kit.problems import not_found
from app.kit.state import SettingsDep
from app.pages.disagreement.figures import watch as watch_figure
from app.pages.shell import PagesDep
from app.triage_rules import queries as triage_queries
from app.triage_rules import service as triage

router = APIRouter(include_in_schema=False)

SHOWN = 50
DAYS = 731
"""Days that the picture of a chart shows."""
STALE_WORDS = {
    "vocabulary": "another vocabulary is active",
    "model": "another model answers predictions",
    "discrepancy_model": "another discrepancy model is in use, or none",
    "change_watch": "the change watch rang, or an alarm waits for an answer",
}
OF_WORDS = {
    "passed": "of the reports that pass unread",
    "all": "of all reports",
    "changed": "of the reports that an expert changes",
}
WHY_WORDS = {
    "too_few": "too few pairs: {needed} would be needed if no change were missed",
    "not_shown": "the pairs do not show that so few are missed",
}


@router.get("/disagreement/watch")
def show_change_watch(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    settings: SettingsDep,
    user: ViewerUser,
    cursor: Cursor = None,
) -> HTMLResponse:
    """Show the alarms, those that wait for an answer first, and the streams."""
    present = watch.Present.of(session)
    rows = (
        []
        if present.watch_id is None
        else watch_queries.newest_streams(session, present.watch_id, decode(cursor), SHOWN)
    )
    streams = page(rows, SHOWN, lambda row: Position(row.created_at, row.id), lambda row: row)
    alarms = watch.alarms(session, watch_queries.newest_alarms(session, None, SHOWN, unanswered=False)[:SHOWN])
    return pages.answer(
        request,
        "disagreement/watch.html",
        user=user,
        overview=watch.overview(session, settings),
        alarms=sorted(alarms, key=lambda alarm: alarm.verdict is not None),
        streams=watch.streams(session, streams.items),
        next_cursor=streams.next_cursor,
        is_first=cursor is None,
        labels=present.labels,
        may_answer=allows(user.role, "researcher"),
    )


@router.get("/disagreement/watch/{stream_id}")
def show_change_stream(
    stream_id: uuid.UUID,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    settings: SettingsDep,
    user: ViewerUser,
    label: Annotated[str | None, Query(max_length=200, description="Whose chart is drawn.")] = None,
    direction: Annotated[Direction, Query(description="Which of its charts.")] = "removed",
) -> HTMLResponse:
    """Show the charts of a stream, and one of them day by day."""
    stream = watch.detail(session, settings, stream_id)
    present = watch.Present.of(session)
    place = _place(stream.charts, label, direction)
    chart = stream.charts[place]
    days = watch_queries.days(session, stream_id, newest=DAYS)
    unit = watch_queries.unit_of(session, stream_id, place)
    return pages.answer(
        request,
        "disagreement/watch_stream.html",
        user=user,
        stream=stream,
        shown=chart,
        wide=watch_figure.picture(days, place, chart, unit).within_page("wide"),
        narrow=watch_figure.picture(days, place, chart, unit, width=360).within_page("narrow"),
        labels=present.labels,
        days=len(days),
    )


def _place(charts: Sequence[WatchChartOut], label: str | None, direction: Direction) -> int:
    """Return which chart is drawn: the one that is asked for, else the one nearest to its limit."""
    if label is None:
        return max(range(len(charts)), key=lambda at: charts[at].statistic / (charts[at].limit or float("inf")))
    for at, chart in enumerate(charts):
        if (chart.label, chart.direction) == (label, direction):
            return at
    raise not_found("chart")


@router.get("/disagreement/triage")
def show_triage(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    rule: Annotated[uuid.UUID | None, Query(description="Which rule; by default the newest.")] = None,
) -> HTMLResponse:
    """Show a triage rule with its counts, what it assumes, and whether it is in force."""
    rows = triage_queries.newest(session, None, SHOWN)[:SHOWN]
    rules = triage.outside(session, rows)
    shown = triage.get(session, rule) if rule is not None else (rules[0] if rules else None)
    return pages.answer(
        request,
        "disagreement/triage.html",
        user=user,
        rules=rules,
        shown=shown,
        stale_words=STALE_WORDS,
        of_words=OF_WORDS,
        why_words=WHY_WORDS,
        may_make=allows(user.role, "researcher"),
    )
