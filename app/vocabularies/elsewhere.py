"""Vocabulary files are read by processes with limits: a large one costs seconds, and the API has others to answer."""

import asyncio
import json
import signal
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import Annotated, Any

from app.kit.admission import Admission
from app.kit.children import python_module, secretless_environment
from app.kit.database import Json
from app.kit.problems import Problem, invalid
from app.kit.state import from_app
from ml.labeling.vocabulary import MAX_BYTES

PROCESSES = 2  # at once
LONGEST_QUEUE = 20
PATIENCE_S = 15
CPU_S = 20
MEMORY_MIB = 1024
WAIT_S = 60


class Elsewhere:
    """Asks `python -m ml.labeling.elsewhere`; who waits holds neither a thread nor a connection."""

    def __init__(self, *, cpu_s: int = CPU_S, memory_mib: int = MEMORY_MIB) -> None:
        self._cpu_s = cpu_s
        self._memory_mib = memory_mib
        self._admission = Admission(PROCESSES, longest_queue=LONGEST_QUEUE, patience_s=PATIENCE_S)

    async def ask(self, field: str, yaml: str, **more: Any) -> Json:
        """Return what `ml.labeling.elsewhere` answers about a file (and `more`: `profile`, `text`, `texts`).

        Its `mistakes` are for the caller to judge.

        Raises a 413 when the file is too large, a 422 for `field` when it needs more than the limits, and a 503 when
        too many files wait to be read.
        """
        if len(yaml.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Problem(413, "too_large", f"A vocabulary is at most {MAX_BYTES:,} bytes.")
        question = json.dumps({"vocabulary": yaml, **more}).encode() + b"\n"
        async with self._admission.admit():
            written = await self._written(question)
        if not written:
            raise invalid(field, f"takes more than {self._cpu_s} s or {self._memory_mib} MiB to read", "too_costly")
        answer: Json = json.loads(written)
        return answer

    async def _written(self, question: bytes) -> bytes:
        """Return what the child writes, nothing when it fails; it is ended with the request."""
        child = await asyncio.create_subprocess_exec(
            *python_module("ml.labeling.elsewhere", str(self._cpu_s), str(self._memory_mib)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",  # it opens no file
            env=secretless_environment(),
            start_new_session=True,
        )
        try:
            written, _ = await asyncio.wait_for(child.communicate(question), WAIT_S)
        except TimeoutError:
            return b""
        finally:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGKILL)
            await child.wait()
        return written if child.returncode == 0 else b""


ElsewhereDep = Annotated[Elsewhere, from_app("elsewhere")]
