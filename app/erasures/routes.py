"""Erasing over HTTP."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from app.auth.access import AdminUser
from app.auth.tables import User
from app.ecgs.service import ArchiveDep
from app.erasures import queries, service
from app.erasures.schemas import ErasureOut
from app.erasures.service import Asked
from app.erasures.tables import Erasure
from app.kit.database import DatabaseDep, SessionDep
from app.kit.deferred import Deferred
from app.kit.folders import FoldersDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import responses
from app.kit.state import made_by
from app.kit.store_calls import StoreCallsDep

router = APIRouter(prefix="/v1", tags=["erasures"])


@dataclass(frozen=True)
class Erasing:
    """What erasing needs besides the request's session."""

    archive: ArchiveDep
    database: DatabaseDep
    calls: StoreCallsDep
    folders: FoldersDep

    def answer(self, session: Session, user: User, asked: Asked) -> Response:
        """Erase, and answer when the objects are gone too, or left to a worker because their store is away."""
        erasure = service.erase(session, self.archive.hash_patient, user.name, asked)
        shown = _outside(session, erasure)
        return Deferred(lambda: self._when_deleted(shown))

    @asynccontextmanager
    async def _when_deleted(self, shown: ErasureOut) -> AsyncIterator[Response]:
        await self.calls.run(lambda: service.try_to_delete_objects(self.database, self.archive.store, self.folders))
        yield JSONResponse(shown.model_dump(mode="json"))


ErasingDep = Annotated[Erasing, made_by(Erasing)]


@router.delete("/ecgs/{ecg_id}", response_model=ErasureOut, responses=responses(404, 422, 503))
def erase_ecg(ecg_id: uuid.UUID, erasing: ErasingDep, session: SessionDep, user: AdminUser) -> Response:
    """Erase an ECG for good: its waveform, reports, pairs, predictions, and what logs hold of its content.

    It cannot be stored again until the erasure is lifted. The answer names the datasets and models that hold it.
    """
    return erasing.answer(session, user, Asked(ecg_id=ecg_id))


@router.delete("/patients/{patient}", response_model=ErasureOut, responses=responses(404, 422, 503))
def erase_patient(
    patient: Annotated[
        str, Path(pattern="^[0-9a-f]{64}$", description="The keyed hash, `patient` of an ECG.", examples=["5e" * 32])
    ],
    erasing: ErasingDep,
    session: SessionDep,
    user: AdminUser,
) -> Response:
    """Erase a patient with all ECGs, as `DELETE /v1/ecgs/{ecg_id}` erases one."""
    return erasing.answer(session, user, Asked(patient_hash=bytes.fromhex(patient)))


@router.get("/erasures", responses=responses(422))
def list_erasures(session: SessionDep, user: AdminUser, limit: Limit = 50, cursor: Cursor = None) -> Page[ErasureOut]:
    """List what was erased, newest first: by whom, when and how much, never what it was."""
    rows = queries.newest(session, decode(cursor), limit)
    return page(rows, limit, lambda row: Position(row.created_at, row.id), lambda row: _outside(session, row))


@router.post("/erasures/{erasure_id}/lift", responses=responses(404, 409, 422))
def lift_erasure(erasure_id: uuid.UUID, session: SessionDep, user: AdminUser) -> ErasureOut:
    """Let what was erased be stored again, if somebody sends it again. Nothing comes back by itself."""
    return _outside(session, service.lift(session, user.name, erasure_id))


def _outside(session: Session, erasure: Erasure) -> ErasureOut:
    return ErasureOut.of(erasure, queries.datasets_of_unknown_ecgs(session))
