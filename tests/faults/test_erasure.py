"""An erasure whose process is killed after its commit is finished by the next worker that starts."""

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from app.ecgs.service import Archive, keep
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate

pytestmark = pytest.mark.faults
WITHIN_S = 60

ERASE_AND_DIE = """
import os, signal, uuid
from app.ecgs.patients import PatientHasher
from app.erasures import service
from app.kit.database import Database
from app.settings import load_settings

settings = load_settings()
database = Database(settings)
with database.begin() as session:
    service.erase(session, PatientHasher(settings), "test", service.Asked(ecg_id=uuid.UUID(os.environ["ECG"])))
    if os.environ["WHEN"] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_erasure_is_whole_or_nothing_and_ends(database: Database, settings: Settings) -> None:
    archive = Archive.of(settings)
    kept = keep(archive, next(iter(simulate(1, seed=5))).recording)
    with database.begin() as session:
        ecg_id = session.scalars(
            text(
                "INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) "
                "VALUES (gen_random_uuid(), :waveform_sha256, :samples, :sampling_rate_hz) RETURNING id"
            ),
            kept._asdict(),
        ).one()
    environment = {
        **os.environ,
        "OVERREAD_DATABASE_URL": settings.database_url or "",
        "OVERREAD_DATA_DIR": str(settings.data_dir),
        "OVERREAD_REAP_EVERY_S": "0.3",
        "ECG": str(ecg_id),
    }
    for when, left in (("before", 1), ("after", 0)):
        died = subprocess.run([sys.executable, "-c", ERASE_AND_DIE], env={**environment, "WHEN": when}, check=False)
        assert died.returncode == -signal.SIGKILL
        deadline = time.monotonic() + 10
        while True:
            with database.begin() as session:
                ecgs = session.scalars(text("SELECT count(*) FROM ecgs")).one()
            if ecgs == left or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        assert ecgs == left
        assert len(list(archive.store.keys("waveforms"))) == 1
    worker = subprocess.Popen([sys.executable, "-m", "app.cli", "worker", "--queue", "cpu"], env=environment)
    try:
        deadline = time.monotonic() + WITHIN_S
        while to_delete(database):
            assert time.monotonic() < deadline and worker.poll() is None
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait(30)
    assert list(archive.store.keys("waveforms")) == []


def to_delete(database: Database) -> int:
    with database.begin() as session:
        return session.scalars(text("SELECT count(*) FROM objects_to_delete")).one()
