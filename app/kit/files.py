"""Files of stored folders, as answers."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from app.kit.folders import FoldersDep, Kind
from app.kit.problems import Problem, gone
from app.kit.state import made_by
from app.kit.store import ObjectFault
from app.kit.store_calls import StoreCallsDep


@dataclass(frozen=True)
class Files:
    """Opens stored folders for answers. A request that opens one holds no connection: see `Deferred`."""

    folders: FoldersDep
    calls: StoreCallsDep

    @asynccontextmanager
    async def opened(self, kind: Kind, folder_id: UUID, missing: Problem) -> AsyncIterator[Path]:
        """Yield the path of a stored folder; raise `missing` where the object store does not have it whole."""
        with ExitStack() as stack:
            try:
                folder = await self.calls.run(lambda: stack.enter_context(self.folders.opened(kind, folder_id)))
            except ObjectFault as fault:
                raise missing from fault
            yield folder

    @asynccontextmanager
    async def result(
        self,
        job_id: UUID,
        name: str,
        media_type: str,
        *,
        headers: dict[str, str] | None = None,
        kind: Kind = "runs",
    ) -> AsyncIterator[FileResponse]:
        """Make the answer with a file that a finished job left; a 410 where it is not there any more."""
        missing = gone("file_missing", "This result's files are missing.")
        async with self.opened(kind, job_id, missing) as folder:
            path = folder / name
            if not await run_in_threadpool(path.is_file):
                raise missing
            yield FileResponse(path, media_type=media_type, headers=headers)


FilesDep = Annotated[Files, made_by(Files)]
