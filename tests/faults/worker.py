"""A worker whose jobs take a while: run by the fault tests as a process that can be killed."""

import subprocess
import sys
import time
from pathlib import Path

from app.jobs.run import Finish, JobRun
from app.jobs.runner import JobKind
from app.jobs.worker import work
from app.kit.children import end_group
from app.settings import Settings


def slow(run: JobRun) -> Finish:
    """Start a child that has a child, note both, and wait as long as the job says."""
    folder = Path(run.params["folder"])
    grandchild = "import subprocess,sys; p=subprocess.Popen(['sleep','60']); print(p.pid, flush=True); p.wait()"
    child = subprocess.Popen([sys.executable, "-c", grandchild], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    try:
        pids = f"{child.pid} {child.stdout.readline().decode().strip()}"
        (folder / "pids").write_text(pids)
        with (folder / "runs").open("a") as runs:
            runs.write("started\n")
        deadline = time.monotonic() + run.params["seconds"]
        while time.monotonic() < deadline:
            run.progress(0.5, "working")
            time.sleep(0.05)
    finally:
        end_group(child)

    def finish(_: object) -> dict[str, object]:
        with (folder / "runs").open("a") as runs:
            runs.write("finished\n")
        return {"done": True}

    return finish


if __name__ == "__main__":
    work(Settings(), ["cpu"], {"dataset": JobKind("cpu", slow)})
