"""Events of jobs for every open event stream: one query serves them all."""

import uuid
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from sqlalchemy.orm import Session

from app.jobs import queries
from app.kit.database import Database, Json
from app.kit.state import from_app
from app.kit.times import written
from app.kit.watch import Watch

LOOK_EVERY_S = 0.25
MOST_STREAMS = 2_000
EVENTS_A_LOOK = 100  # of each job

Place = tuple[uuid.UUID, int]
"""A job, and the last of its events that has been seen."""


class Event(NamedTuple):
    """One event of a job."""

    id: int
    kind: str
    payload: Json


class News(NamedTuple):
    """The events after a place, and whether the job has ended."""

    events: list[Event]
    over: bool


EventFeed = Watch[Place, News]
EventFeedDep = Annotated[EventFeed, from_app("event_feed")]


def event_feed(database: Database) -> EventFeed:
    """Return the feed of an application."""
    return Watch(database, look, first_pause_s=LOOK_EVERY_S, longest_pause_s=LOOK_EVERY_S, most=MOST_STREAMS)


def look(session: Session, places: Sequence[Place]) -> dict[Place, News]:
    """Return what is new at these places: events, or that the job has ended."""
    # asked first: the last events of a job that has ended are then among those read next
    ended = queries.ended(session, {job_id for job_id, _ in places})
    events: dict[Place, list[Event]] = {}
    for place, event in queries.events_after(session, places, EVENTS_A_LOOK):
        payload = {"at": written(event.at), **event.payload}
        events.setdefault(place, []).append(Event(event.id, event.kind, payload))
    news = {}
    for place in places:
        found = events.get(place, [])
        over = place[0] in ended and len(found) < EVENTS_A_LOOK
        if found or over:
            news[place] = News(found, over)
    return news
