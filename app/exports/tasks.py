"""The step of an export job, and the removal of old results."""

import shutil
import time
from contextlib import suppress

from sqlalchemy.orm import Session

from app.disagreement.off_hours import OffHours
from app.erasures.queries import count as count_erasures
from app.exports.schemas import ExportIn
from app.exports.service import Exporter, make_durable
from app.exports.waveforms import in_a_tar
from app.jobs.run import WORKER, Finish, JobFailed, JobRun
from app.kit import audit
from app.kit.database import Json
from app.settings import Settings
from app.vocabularies.queries import hold

DAY_S = 24 * 3600


def export(run: JobRun) -> Finish:
    """Write an export into the job's folder. A job that is repeated begins again."""
    request = ExportIn.model_validate(run.params)
    chosen = request.chosen(OffHours.of(run.settings))
    folder = run.folders.place("exports", run.id)
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt's
    folder.mkdir(parents=True)
    with run.database.begin() as session:
        erasures = count_erasures(session)
    with run.database.begin() as session:
        result = Exporter(session, request, chosen, run.progress).write(folder, run.archive, in_a_tar)
    make_durable(folder)
    run.keep("exports", run.id)

    def finish(session: Session) -> Json:
        hold(session)
        if count_erasures(session) != erasures:
            run.folders.remove("exports", run.id)
            raise JobFailed("an ECG was erased while this was written; export again")
        after = {"pairs": result["pairs"], **request.model_dump()}
        audit.record(session, WORKER, "export", "archive", resource_id=run.id, after=after)
        return {**result, "kept_days": run.settings.export_days}

    return finish


def remove_old(settings: Settings) -> None:
    """Remove the results of exports that are older than they are kept."""
    remove_made_before(settings, time.time() - settings.export_days * DAY_S)


def remove_made_before(settings: Settings, moment: float) -> None:
    """Remove the results of exports that were made before a moment, in seconds since 1970."""
    for folder in settings.exports_dir.glob("*"):
        with suppress(FileNotFoundError):  # another worker is as far
            if folder.stat().st_mtime < moment:
                shutil.rmtree(folder, ignore_errors=True)
