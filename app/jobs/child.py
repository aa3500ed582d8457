"""A `python -m ml …` child in its own process group: start it, read its events, end it."""

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from app.jobs.paths import without_folders
from app.jobs.run import JobFailed, JobRun
from app.kit.children import end_group, python_module, secretless_environment
from app.kit.database import Json
from ml.processes.durable import write_json

LONGEST_LINE = 1024 * 1024
LOOK_S = 0.2


def run_child(run: JobRun, arguments: Sequence[str], log_path: Path, on_event: Callable[[str, Json], None]) -> Json:
    """Run `python -m ml <arguments> --parent-pipe` and return its result event.

    The child is the leader of a process group: ending it ends its children too. Its standard input is a
    pipe that nobody writes to; when this worker dies the pipe closes and the child ends by itself.
    Raises `JobFailed` with the child's own words when it fails, and what `run.check()` raises when the
    job is to stop.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            python_module("ml", *arguments, "--parent-pipe"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=log_path.parent,
            env=secretless_environment(),
        )
    try:
        return _listen(run, child, on_event)
    finally:
        end_group(child)


def write_config(folder: Path, config: Json) -> None:
    """Write the `config.json` of a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)


def pass_on(run: JobRun) -> Callable[[str, Json], None]:
    """Return a listener that writes a child's events as events of the job."""

    def listen(kind: str, payload: Json) -> None:
        if kind == "progress":
            run.progress(float(payload.get("fraction", 0)), str(payload.get("message", "")))
        else:
            run.event(kind, payload)

    return listen


def _listen(run: JobRun, child: subprocess.Popen[bytes], on_event: Callable[[str, Json], None]) -> Json:
    lines: queue.Queue[bytes | None] = queue.Queue(maxsize=1000)
    assert child.stdout is not None
    threading.Thread(target=_read_lines, args=(child.stdout, lines), daemon=True).start()
    result: Json | None = None
    error: str | None = None
    while True:
        run.check()
        try:
            line = lines.get(timeout=LOOK_S)
        except queue.Empty:
            continue
        if line is None:
            break
        kind, payload = _parse(line)
        if kind == "result":
            result = payload
        elif kind == "error":
            error = str(payload.get("message", ""))
        else:
            on_event(kind, payload)
    status = child.wait()
    if status != 0 or error is not None:
        raise JobFailed(error or _how_it_ended(status))
    if result is None:
        raise JobFailed("the child ended without a result")
    return result


def _read_lines(stream: IO[bytes], lines: "queue.Queue[bytes | None]") -> None:
    while line := stream.readline(LONGEST_LINE):
        lines.put(line)
    lines.put(None)


def _parse(line: bytes) -> tuple[str, Json]:
    try:
        event: Any = json.loads(without_folders(line.decode()))
        kind = event.pop("event")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise JobFailed("the child said something that is no event") from error
    return str(kind), event


def _how_it_ended(status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the child was ended by {name}{hint}"
    return f"the child ended with status {status}; its log says why"
