"""An export whose workers are killed is the export of an undisturbed one."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.auth import service as auth
from app.ecgs.service import Archive
from app.exports import service
from app.exports.tasks import export
from app.imports.service import import_reports
from app.jobs import queries
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.jobs.run import Workplace
from app.jobs.runner import JobKind, Runner
from app.jobs.tables import Job
from app.kit.database import Database
from app.settings import Settings

pytestmark = pytest.mark.faults
WITHIN_S = 90
PAIRS = 20
KILLS = 3
PARAMS = {"what": ["reports", "pairs", "findings"], "filters": {"simulated": False}, "text": True}


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start workers that export slowly, a pair at a time, as processes."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "OVERREAD_DATABASE_URL": settings.database_url or "",
            "OVERREAD_DATA_DIR": str(settings.data_dir),
            "OVERREAD_LEASE_S": "2",
            "OVERREAD_REAP_EVERY_S": "0.3",
            "OVERREAD_JOB_ATTEMPTS": "5",
        }
        script = Path(__file__).with_name("export_worker.py")
        started.append(subprocess.Popen([sys.executable, str(script)], env=environment))
        return started[-1]

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


def submit(database: Database, settings: Settings, name: str) -> uuid.UUID:
    with database.begin() as session:
        user = auth.create_user(session, "test", name, "admin")
        return jobs.create(session, Doorbell(settings), user, "export", params=PARAMS).id


def job(database: Database, job_id: uuid.UUID) -> Job:
    with database.begin() as session:
        found = queries.by_id(session, job_id)
        assert found is not None
        return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_killed_export_is_made_again_and_is_the_same(
    database: Database,
    settings: Settings,
    start: Callable[[], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [
        {"record": f"a/{number}", "source": source, "text": words, "reader": source}
        for number in range(PAIRS)
        for source, words in (("machine", "AF"), ("overread", f"Sinus rhythm, rate {number}"))
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    import_reports(database, settings, "test", io.BytesIO(content), progress=lambda _: None)
    job_id = submit(database, settings, "killed")
    folder = settings.exports_dir / str(job_id)
    begun = folder / "pairs.parquet"
    for _ in range(KILLS):
        began_at = time.time()
        worker = start()
        until(lambda began_at=began_at: begun.exists() and begun.stat().st_mtime > began_at)  # type: ignore[misc]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert job(database, job_id).result is None
    start()
    until(lambda: job(database, job_id).finished_at is not None)
    ended = job(database, job_id)
    assert (ended.state, ended.attempts) == ("succeeded", KILLS + 1), ended.error

    monkeypatch.setattr(service, "PART", 1)
    undisturbed = submit(database, settings, "undisturbed")
    workplace = Workplace(settings, database, Archive.of(settings))
    Runner(workplace, {"export": JobKind("cpu", export)}).run(undisturbed)
    expected = job(database, undisturbed)
    assert ended.result is not None and expected.result is not None
    assert ended.result["files"] == expected.result["files"]
    assert ended.result["rows"] == {"pairs.parquet": PAIRS, "reports.parquet": 2 * PAIRS, "findings.parquet": 2 * PAIRS}
    assert {path.name for path in folder.iterdir()} == {each["name"] for each in ended.result["files"]}
