"""A result whose files were deleted is a named problem."""

import uuid

import httpx
import pytest

from app.auth import queries as users
from app.jobs import queries, service
from app.jobs.doorbell import Doorbell
from app.kit.database import Database
from app.settings import Settings


@pytest.mark.parametrize(
    ("kind", "path"),
    [("evaluate", "/v1/evaluations/{}"), ("study", "/v1/studies/{}"), ("study", "/v1/studies/{}/tables/table_1.csv")],
)
def test_a_finished_job_without_its_files(
    client: httpx.Client, database: Database, settings: Settings, kind: str, path: str
) -> None:
    with database.begin() as session:
        user = users.user_by_name(session, "admin")
        assert user is not None
        job_id: uuid.UUID = service.create(session, Doorbell(settings), user, kind, params={}).id
        job = queries.claim(session, job_id, 60)
        assert job is not None and job.lease_token is not None
        queries.succeed(session, job_id, job.lease_token, {"files": ["tables/table_1.csv"]})
    answer = client.get(path.format(job_id))
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/file_missing")
