"""The memory for signals is bounded: a request waits for its share before it has a connection, or gets 503."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from app.ecgs.service import ArchiveDep, record_fault
from app.ecgs.tables import Ecg
from app.kit.admission import Admission
from app.kit.database import DatabaseDep
from app.kit.state import from_app, made_by
from app.kit.store import ObjectFault
from app.kit.store_calls import StoreCallsDep
from ml.formats import FORMATS, LEADS, Recording, format_of
from ml.formats.format import HEAD_BYTES

SAMPLE_BYTES = 4 * len(LEADS)  # of one stored sample of every lead
LONGEST_QUEUE = 100
PATIENCE_S = 30.0

SignalMemoryDep = Annotated[Admission, from_app("signal_memory")]


def signal_memory(size: int) -> Admission:
    """Return the admission to `size` bytes of memory for signals."""
    return Admission(size, longest_queue=LONGEST_QUEUE, patience_s=PATIENCE_S)


async def hold_upload_memory(request: Request, memory: SignalMemoryDep) -> AsyncIterator[None]:
    """Hold the memory that the request's files need. They have been received already, and are on disk."""
    files = [part for _, part in (await request.form()).multi_items() if isinstance(part, UploadFile)]
    async with memory.admit(await times_of(files) * sum(part.size or 0 for part in files)):
        yield


async def times_of(files: Sequence[UploadFile]) -> int:
    """Return how many times their bytes some files may take: what their format says, or else the most of any."""
    for file in files:
        head = await file.read(HEAD_BYTES)
        await file.seek(0)
        if file_format := format_of(file.filename or "", head):
            return file_format.memory
    return max(file_format.memory for file_format in FORMATS)


HoldUploadMemory = Annotated[None, Depends(hold_upload_memory, scope="function")]
"""A route names it before its session: a request that waits for memory holds no connection."""


@dataclass(frozen=True)
class Signals:
    """Stored signals, read within the bounded memory."""

    archive: ArchiveDep
    database: DatabaseDep
    memory: SignalMemoryDep
    calls: StoreCallsDep

    @asynccontextmanager
    async def read(self, ecg: Ecg, actor: str, times: float) -> AsyncIterator[Recording]:
        """Read an ECG's signal; the block may use memory of `times` the size of the stored samples.

        An object that is missing or damaged is recorded in the audit log and raised.
        """
        async with self.memory.admit(int(times * SAMPLE_BYTES * (ecg.samples or 0))):
            try:
                recording = await self.calls.run(partial(self.archive.waveform, ecg))
            except ObjectFault as fault:
                await self.database.run(partial(record_fault, actor=actor, ecg_id=ecg.id, fault=fault))
                raise
            yield recording


SignalsDep = Annotated[Signals, made_by(Signals)]
