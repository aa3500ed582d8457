"""SQL of jobs: claim, lease, and the writes that need the lease."""

import uuid
from collections.abc import Sequence, Set
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Uuid, column, func, or_, select, true, update, values
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app.jobs.tables import Job, JobEvent
from app.kit.database import Json
from app.kit.pagination import Position, after

SHOWN_EVENTS = 1_000


class LeaseLost(Exception):
    """This worker no longer has the job's lease: it must stop and write nothing more."""


def by_id(session: Session, job_id: uuid.UUID) -> Job | None:
    """Return a job as it is stored now."""
    return session.get(Job, job_id, populate_existing=True)


def newest(
    session: Session, state: str | None, kind: str | None, position: Position | None, *, limit: int
) -> Sequence[Job]:
    """List jobs, newest first, one more than `limit`."""
    statement = select(Job)
    if state is not None:
        statement = statement.where(Job.state == state)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    return session.scalars(after(statement, Job.created_at, Job.id, position, limit=limit)).all()


def insert_once(session: Session, job: dict[str, Any]) -> bool:
    """Insert a job. Return False when this user has used its idempotency key before."""
    statement = insert(Job).values(job).on_conflict_do_nothing(index_elements=["user_id", "idempotency_key"])
    return session.execute(statement.returning(Job.id)).first() is not None


def by_idempotency_key(session: Session, user_id: uuid.UUID, key: str) -> Job:
    """Return the job that was created with an idempotency key."""
    return session.scalars(select(Job).where(Job.user_id == user_id, Job.idempotency_key == key)).one()


def unfinished(session: Session, kind: str) -> Job | None:
    """Return a job of this kind that has not ended."""
    return session.scalar(select(Job).where(Job.kind == kind, Job.finished_at.is_(None)).limit(1))


def all_unfinished(session: Session, kind: str) -> set[uuid.UUID]:
    """Return the ids of the jobs of this kind that have not ended."""
    return set(session.scalars(select(Job.id).where(Job.kind == kind, Job.finished_at.is_(None))))


def _free() -> ColumnElement[bool]:
    return or_(Job.state == "queued", (Job.state == "running") & (Job.lease_expires_at < func.now()))


def claim(session: Session, job_id: uuid.UUID, lease_s: float) -> Job | None:
    """Claim a job that is queued or whose lease has expired. Return None when a worker has it, or it has ended."""
    return session.scalar(
        update(Job)
        .where(Job.id == job_id, _free(), Job.cancel_requested_at.is_(None))
        .values(
            state="running",
            lease_token=func.gen_random_uuid(),
            lease_expires_at=func.now() + timedelta(seconds=lease_s),
            attempts=Job.attempts + 1,
            started_at=func.coalesce(Job.started_at, func.now()),
        )
        .returning(Job)
        .execution_options(populate_existing=True)
    )


def _write(session: Session, job_id: uuid.UUID, token: uuid.UUID, **values: Any) -> Job:
    job = session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state == "running", Job.lease_token == token)
        .values(**values)
        .returning(Job)
        .execution_options(populate_existing=True)
    )
    if job is None:
        raise LeaseLost(str(job_id))
    return job


def extend(session: Session, job_id: uuid.UUID, token: uuid.UUID, lease_s: float) -> bool:
    """Extend the lease. Return True when somebody has asked to cancel the job."""
    job = _write(session, job_id, token, lease_expires_at=func.now() + timedelta(seconds=lease_s))
    return job.cancel_requested_at is not None


def report(
    session: Session,
    job_id: uuid.UUID,
    token: uuid.UUID,
    kind: str,
    *,
    payload: Json,
    progress: float | None = None,
    message: str | None = None,
) -> None:
    """Write an event, and the job's progress and message where given."""
    changed: dict[str, Any] = {"message": Job.message if message is None else message}
    if progress is not None:
        changed["progress"] = progress
    _write(session, job_id, token, **changed)
    session.add(JobEvent(job_id=job_id, kind=kind, payload=payload))


def lock_lease(session: Session, job_id: uuid.UUID, token: uuid.UUID) -> None:
    """Lock the job's row until the transaction ends. Raises `LeaseLost` when another worker has the lease."""
    held = session.scalar(
        select(Job.id).where(Job.id == job_id, Job.state == "running", Job.lease_token == token).with_for_update()
    )
    if held is None:
        raise LeaseLost(str(job_id))


def _ended(state: str) -> dict[str, Any]:
    return {"state": state, "finished_at": func.now(), "lease_token": None, "lease_expires_at": None}


def succeed(session: Session, job_id: uuid.UUID, token: uuid.UUID, result: Json) -> None:
    """End a job as succeeded."""
    _write(session, job_id, token, **_ended("succeeded"), result=result, progress=1.0)
    _say(session, job_id, "succeeded")


def fail(session: Session, job_id: uuid.UUID, token: uuid.UUID, error: str) -> None:
    """End a job as failed."""
    _write(session, job_id, token, **_ended("failed"), error=error)
    _say(session, job_id, "failed", error=error)


def cancelled(session: Session, job_id: uuid.UUID, token: uuid.UUID) -> None:
    """End a job as cancelled."""
    _write(session, job_id, token, **_ended("cancelled"))
    _say(session, job_id, "cancelled")


def give_back(session: Session, job_id: uuid.UUID, token: uuid.UUID) -> None:
    """Put a job back in the queue because this worker is stopping. The attempt does not count."""
    freed = {"state": "queued", "lease_token": None, "lease_expires_at": None}
    _write(session, job_id, token, **freed, attempts=Job.attempts - 1)
    _say(session, job_id, "queued")


def try_again(
    session: Session, job_id: uuid.UUID, token: uuid.UUID, max_attempts: int, *, away: str = "database"
) -> None:
    """Put a job back in the queue because something was `away`. After `max_attempts` attempts it ends as failed."""
    job = by_id(session, job_id)
    if job is not None and job.attempts >= max_attempts:
        fail(session, job_id, token, f"gave up: the {away} went away in each of {max_attempts} attempts")
        return
    _write(session, job_id, token, state="queued", lease_token=None, lease_expires_at=None)
    _say(session, job_id, "queued")


def request_cancel(session: Session, job_id: uuid.UUID) -> Job | None:
    """Ask for a job to stop. A queued job ends at once, a running one at its worker's next heartbeat."""
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None or job.finished_at is not None:
        return job
    if job.state == "queued":
        session.execute(update(Job).where(Job.id == job_id).values(_ended("cancelled")))
        _say(session, job_id, "cancelled")
    session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(cancel_requested_at=func.coalesce(Job.cancel_requested_at, func.now()))
    )
    return by_id(session, job_id)


def free_leases(session: Session) -> None:
    """End the lease of every running job: for a start at which no worker can be alive."""
    session.execute(update(Job).where(Job.state == "running").values(lease_expires_at=func.now()))


def bury(session: Session, max_attempts: int) -> None:
    """End jobs whose worker died and that no worker may claim: cancelled ones, and those with too many attempts."""
    dead = (Job.state == "running") & (Job.lease_expires_at < func.now())
    unheard = update(Job).where(dead, Job.cancel_requested_at.is_not(None)).values(_ended("cancelled"))
    for job_id in session.scalars(unheard.returning(Job.id)).all():
        _say(session, job_id, "cancelled")
    error = f"gave up: {max_attempts} workers died while running this job"
    hopeless = update(Job).where(dead, Job.attempts >= max_attempts).values(**_ended("failed"), error=error)
    for job_id in session.scalars(hopeless.returning(Job.id)).all():
        _say(session, job_id, "failed", error=error)


def waiting(session: Session, queues: Sequence[str], limit: int) -> list[tuple[uuid.UUID, str]]:
    """Return the jobs of these queues that no worker has, oldest first."""
    rows = session.execute(
        select(Job.id, Job.queue).where(Job.queue.in_(queues), _free()).order_by(Job.created_at).limit(limit)
    )
    return [(job_id, queue) for job_id, queue in rows]


def ended(session: Session, job_ids: Set[uuid.UUID]) -> set[uuid.UUID]:
    """Return the ids of those jobs that have ended, or do not exist."""
    open_jobs = select(Job.id).where(Job.id.in_(job_ids), Job.finished_at.is_(None))
    return set(job_ids) - set(session.scalars(open_jobs))


def events_after(
    session: Session, places: Sequence[tuple[uuid.UUID, int]], limit: int
) -> list[tuple[tuple[uuid.UUID, int], JobEvent]]:
    """Return the events after each place (a job and the last event seen), in order, at most `limit` a place."""
    place = values(column("job_id", Uuid), column("last_id", BigInteger), name="place").data(list(places))
    after_place = (
        select(JobEvent)
        .where(JobEvent.job_id == place.c.job_id, JobEvent.id > place.c.last_id)
        .order_by(JobEvent.id)
        .limit(limit)
        .lateral()
    )
    event = aliased(JobEvent, after_place)
    rows = session.execute(select(place.c.job_id, place.c.last_id, event).join(event, true()).order_by(event.id))
    return [((job_id, last_id), found) for job_id, last_id, found in rows]


def last_events(session: Session, job_id: uuid.UUID, kind: str) -> list[JobEvent]:
    """Return the last events of a kind of a job, at most `SHOWN_EVENTS`, oldest first."""
    newest = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == kind).order_by(JobEvent.id.desc())
    return list(reversed(session.scalars(newest.limit(SHOWN_EVENTS)).all()))


def newest_asked(session: Session, kind: str, params: Json) -> Job | None:
    """Return the newest job of a kind with these parameters, among others, that succeeded or has not ended."""
    asked = select(Job).where(Job.kind == kind, Job.state.in_(["queued", "running", "succeeded"]))
    found = asked.where(Job.params.contains(params)).order_by(Job.created_at.desc(), Job.id.desc())
    return session.scalar(found.limit(1))


def _say(session: Session, job_id: uuid.UUID, state: str, **more: Any) -> None:
    session.add(JobEvent(job_id=job_id, kind="state", payload={"state": state, **more}))
