"""An upload asks the database few questions, however often it is sent."""

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import event

from app.kit.database import Database
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

MOST = 26


@pytest.fixture
def sql(client: httpx.Client) -> list[str]:
    """The SQL statements that the application has sent; cleared by tests."""
    sent: list[str] = []
    database: Database = client._transport.app.state.database  # type: ignore[attr-defined]

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    return sent


Upload = Callable[..., int]


@pytest.fixture
def upload(client: httpx.Client) -> Upload:
    [ecg] = simulate(1, seed=5)
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]

    def upload(**reports: str) -> int:
        return client.post("/v1/ecgs", files=files, data=reports).status_code

    return upload


def test_an_upload_with_two_reports_takes_few_statements(sql: list[str], upload: Upload) -> None:
    both = {"machine_report": "Sinus rhythm\nOld thing nobody knows", "overread_report": "AF\nAnother one"}
    for reports, status, most in (
        (both, 201, MOST),
        (both, 200, 15),
        ({"overread_report": "LVH, never read before"}, 200, MOST),
    ):
        sql.clear()
        assert upload(**reports) == status
        assert len(sql) <= most, "\n".join(sql)
