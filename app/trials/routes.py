"""Trying an ECG out over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.auth.access import ReaderUser
from app.ecgs.memory import HoldUploadMemory
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import Problem, responses
from app.kit.state import made_by
from app.predictions.schemas import ModelReference
from app.predictions.service import chosen_model
from app.trials import queries, service
from app.trials.schemas import TriedOut, TriedReading
from app.trials.service import Given, Put, Trials
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1", tags=["predictions"])


async def given_file(
    memory: HoldUploadMemory,
    file: Annotated[list[UploadFile], File(description="The files of one ECG, as in `POST /v1/ecgs`.")],
    machine_report: Annotated[
        str | None,
        Form(description="The machine's report, in place of the file's.", examples=["Sinus rhythm"]),
    ] = None,
) -> Given:
    """Return what was sent, read before the request has a connection."""
    return await run_in_threadpool(service.read_given, file, machine_report)


@router.post("/try", response_model=TriedOut, responses=responses(404, 413, 415, 422, 429, 503))
def try_out(
    given: Annotated[Given, Depends(given_file, scope="function")],
    trials: Annotated[Trials, made_by(Trials)],
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    model: Annotated[uuid.UUID | None, Form(description="The promoted model when absent.")] = None,
) -> Response:
    """Read an ECG, label its reports and ask a model about it. Nothing is kept: no ECG, no report, no entry of a log.

    While a model is asked the signal waits in a table of the database that its write-ahead log never has. It is deleted
    with the answer, and after five minutes at the latest.
    """
    readings = service.readings_of(given, labelers.active(session))
    put = _put(session, given, readings, model)
    return Deferred(lambda: trials.answer(given, put))


def _put(session: Session, given: Given, readings: list[TriedReading], model_id: uuid.UUID | None) -> Put:
    queries.sweep(session)  # where no worker runs
    try:
        model = chosen_model(session, model_id)
    except Problem as problem:
        if model_id is not None:
            raise
        return Put(readings, None, None, problem)
    trial = queries.ask(session, model.id, given.encoded)
    return Put(readings, ModelReference(id=model.id, name=model.name), trial)
