"""Creating jobs: at most one for each idempotency key."""

import hashlib
import json
import uuid
from typing import Annotated, Any

from fastapi import Depends, Header, Response
from sqlalchemy.orm import Session

from app.auth.tables import User
from app.jobs import queries
from app.jobs.doorbell import Doorbell, DoorbellDep
from app.jobs.schemas import QUEUED, JobOut
from app.jobs.tables import Job
from app.kit import audit, prefer
from app.kit.database import Json, SessionDep
from app.kit.prefer import PreferencesDep
from app.kit.problems import Problem, invalid, not_found
from app.steps import KINDS

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same request gives the same job, however often it is sent.",
        examples=["2ec1b3ae-d666-4257-9827-d6a8f9e3e831"],
    ),
]


def accepted(kind: str, params: Json) -> Json:
    """Return the OpenAPI description of the answer of a route that creates such a job."""
    example = {**QUEUED, "kind": kind, "queue": KINDS[kind].queue, "params": params}
    return {"content": {"application/json": {"example": example}}}


def create(
    session: Session, doorbell: Doorbell, user: User, kind: str, *, params: Json, key: str | None = None
) -> JobOut:
    """Write a job's row in the request's transaction, and ring when it has committed.

    Answers 409 when the key was used for a different request.
    """
    digest = hashlib.sha256(json.dumps([kind, params], sort_keys=True).encode()).digest()
    job_id = uuid.uuid4()
    queue = KINDS[kind].queue
    values: dict[str, Any] = {"id": job_id, "user_id": user.id, "kind": kind, "queue": queue, "params": params}
    if key is not None:
        values |= {"idempotency_key": key, "request_sha256": digest}
    if not queries.insert_once(session, values):
        assert key is not None
        earlier = queries.by_idempotency_key(session, user.id, key)
        if earlier.request_sha256 != digest:
            raise Problem(409, "idempotency_key_reused", "This Idempotency-Key was used for a different request.")
        return outside(earlier)
    audit.record(session, user.name, "create", "job", resource_id=job_id, after={"kind": kind})
    doorbell.ring_after_commit(session, job_id, queue)
    job = queries.by_id(session, job_id)
    assert job is not None
    return outside(job)


class Starter:
    """Starts the job that a request asks for, and sets status 202 and `Location`. The same key gives the same job."""

    def __init__(
        self,
        *,
        doorbell: DoorbellDep,
        response: Response,
        session: SessionDep,
        prefers: PreferencesDep,
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        if prefers.wait_s is not None:
            raise invalid(prefer.FIELD, "a job is not waited for here: follow its events", "unknown")
        self._applied = prefers.applied()
        self.doorbell = doorbell
        self._response = response
        self._session = session
        self.idempotency_key = idempotency_key

    def __call__(self, user: User, kind: str, params: Json) -> JobOut:
        """Start a job, or return the one that was started with this idempotency key."""
        job = create(self._session, self.doorbell, user, kind, params=params, key=self.idempotency_key)
        self._response.status_code = 202
        self._response.headers.update(self.headers(job))
        return job

    def headers(self, job: JobOut) -> dict[str, str]:
        """Return the headers of the answer that shows a job which was started."""
        return {"Location": f"/v1/jobs/{job.id}", **self._applied}


StartJob = Annotated[Starter, Depends()]


def finished(session: Session, job_id: uuid.UUID, kind: str, what: str) -> Job:
    """Return a job of this kind that has succeeded. Answers 404 where there is none, 409 where it has no result."""
    job = queries.by_id(session, job_id)
    if job is None or job.kind != kind:
        raise not_found(what)
    if job.result is None:
        raise Problem(409, "not_finished", f"This {what} has no result: its job is {job.state}.")
    return job


def outside(job: Job) -> JobOut:
    """Return a job as the API shows it."""
    return JobOut(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        state=job.state,
        progress=job.progress,
        message=job.message,
        params=job.params,
        result=job.result,
        error=job.error,
        attempts=job.attempts,
        cancel_requested=job.cancel_requested_at is not None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
