"""Counting as a job, and now and then by workers."""

from functools import partial

from app.change_watch import counting
from app.jobs.run import Finish, JobRun, Workplace


def count(run: JobRun) -> Finish:
    """Count all days that have ended, some in each transaction: a job that is repeated goes on."""
    alarms = 0
    while True:
        run.check()
        counted = run.transaction(partial(counting.count_some, settings=run.settings, settled=False))
        for alarm in counted.alarms:
            run.event("alarm", {"change_alarm_id": str(alarm)})
        alarms += len(counted.alarms)
        if not counted.more:
            break
        run.progress(0.5, f"counted to {counted.to}")
    to = counted.to.isoformat() if counted.to is not None else None
    return lambda session: {"counted_to": to, "alarms": alarms}


def look(workplace: Workplace) -> None:
    """Count what has settled; each look counts some days."""
    with workplace.database.begin() as session:
        counting.look(session, workplace.settings)
