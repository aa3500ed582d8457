"""Predictions over HTTP."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser
from app.auth.tables import User
from app.ecgs.memory import HoldUploadMemory
from app.ecgs.routes import METADATA_EXAMPLE
from app.ecgs.service import ArchiveDep
from app.ecgs.upload import MAX_FILES, KeepingDep, KeptUpload, store_upload
from app.kit.database import SessionDep
from app.kit.declared import Declared, content_type, misgiven, repeated_keys
from app.kit.deferred import Deferred
from app.kit.prefer import PreferencesDep
from app.kit.problems import Problem, field_errors, invalid, invalid_fields, responses
from app.kit.state import SettingsDep, made_by
from app.predictions import service
from app.predictions.answers import Answers, status
from app.predictions.schemas import MAX_PHRASES, OPEN, Phrases, PredictionIn, PredictionOut, PredictionStatus
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/predictions", tags=["predictions"])

_PHRASES: TypeAdapter[list[str]] = TypeAdapter(Phrases)
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/PredictionIn"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "metadata": {"type": "string", "examples": [METADATA_EXAMPLE]},
                        "machine_report": {"type": "string", "examples": ["Sinus rhythm\nLeft axis deviation"]},
                        "overread_report": {"type": "string", "examples": ["Atrial flutter"]},
                        "model": {"type": "string", "format": "uuid"},
                        "statements": {
                            "type": "array",
                            "maxItems": MAX_PHRASES,
                            "items": {"type": "string", "maxLength": 200},
                            "examples": [["wandering pacemaker"]],
                        },
                    },
                }
            },
        },
    }
}
_FIELDS = _BODY["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
_LISTS = {name for name, field in _FIELDS.items() if field["type"] == "array"}
_FORM = Declared(once=set(_FIELDS) - _LISTS, repeatable=_LISTS, files={"file"})


async def question(request: Request, settings: SettingsDep) -> AsyncIterator[PredictionIn | FormData | None]:
    """Read the body by its content type; a form's files are closed when it has been answered.

    None for another content type, which is refused only when it is known who asks.
    """
    given = content_type(request)
    if given == "application/json":
        if errors := repeated_keys(await request.body()):
            raise invalid_fields(errors)
        try:
            asked = PredictionIn.model_validate_json(await request.body())
        except ValidationError as error:
            in_body = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
            raise RequestValidationError(in_body) from error
        yield asked
    elif given == "multipart/form-data":
        longest = settings.max_upload_bytes
        async with request.form(max_files=MAX_FILES, max_fields=10 + MAX_PHRASES, max_part_size=longest) as form:
            if errors := misgiven(form, _FORM):
                raise invalid_fields(errors)
            yield form
    else:
        yield None


QuestionDep = Annotated[PredictionIn | FormData | None, Depends(question)]


class AskedForm(NamedTuple):
    """A question whose ECG came with it."""

    upload: KeptUpload
    model: uuid.UUID | None
    statements: list[str]


async def asked_form(
    asked: QuestionDep, memory: HoldUploadMemory, keeping: KeepingDep
) -> AsyncIterator[AskedForm | None]:
    """Return the question of a form; its waveform is stored. A route names it before its session."""
    if not isinstance(asked, FormData):
        yield None
        return
    model, statements = _model_id(asked), _phrases(asked)
    files = [part for part in asked.getlist("file") if isinstance(part, UploadFile)]
    if not files:
        raise invalid("file", "is missing", "missing")
    texts = [_text(asked, name) for name in ("metadata", "machine_report", "overread_report")]
    async with keeping.kept(files, *texts) as upload:
        yield AskedForm(upload, model, statements)


@dataclass(frozen=True)
class Storage:
    """What an upload is stored with."""

    archive: ArchiveDep
    labelers: LabelersDep


@router.post(
    "",
    response_model=PredictionOut,
    responses={
        202: {
            "model": PredictionStatus,
            "description": "The question was put, and is not answered yet (`Prefer`)",
            "content": {"application/json": {"example": OPEN}},
        },
        **responses(404, 409, 410, 413, 415, 422, 429, 503),
    },
    openapi_extra=_BODY,
)
def predict(
    asked: QuestionDep,
    form: Annotated[AskedForm | None, Depends(asked_form, scope="function")],
    storage: Annotated[Storage, made_by(Storage)],
    answers: Annotated[Answers, made_by(Answers)],
    prefers: PreferencesDep,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
) -> Response:
    """Ask a model about an ECG: `{"ecg_id": …}`, or an upload as in `POST /v1/ecgs`, which is stored as there.

    Per label: the score, the calibrated probability, the threshold, and, where there is a machine report (of the form,
    else of the file), what it says, and how probable it is that an expert changes it. `statements` are phrases in any
    wording that a CLIP or NegCLIP model compares the ECG with.

    `Prefer: respond-async` answers 202 at once, `Prefer: wait=10` after ten seconds without an answer; `Location`
    then says where the answer will be.
    """
    if asked is None:
        raise Problem(415, "unsupported_media_type", "Send application/json or multipart/form-data.")
    if form is not None:
        model, phrases = service.chosen_model(session, form.model), form.statements
        ecg_id = _store(storage, session, user, form.upload)
    else:
        assert isinstance(asked, PredictionIn)
        service.check_waveform(session, asked.ecg_id)
        model, ecg_id, phrases = service.chosen_model(session, asked.model), asked.ecg_id, asked.statements
    shown.add([ecg_id])
    put = service.ask(session, ecg_id, model, phrases=phrases, user=user)
    return Deferred(
        lambda: answers.answer(put, prefers)
    )  # made after the commit: only then can the question be answered


@router.get("/{prediction_id}", responses=responses(404, 422))
def get_prediction(
    prediction_id: uuid.UUID, session: SessionDep, user: ReaderUser, shown: ShownDep
) -> PredictionStatus:
    """Show a question of your own (an admin: anybody's): open, answered with its answer, or failed with its problem."""
    question = service.asked_by(session, prediction_id, user)
    shown.add([question.row.ecg_id])
    return status(question)


def _store(storage: Storage, session: Session, user: User, upload: KeptUpload) -> uuid.UUID:
    rules = storage.labelers.maintained(session)
    return store_upload(session, storage.archive, rules, user.name, upload=upload).ecg.id


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise invalid(name, "must be text", "string_type")
    return value


def _phrases(form: FormData) -> list[str]:
    try:
        return _PHRASES.validate_python(form.getlist("statements"))
    except ValidationError as error:
        raise invalid_fields(field_errors(error.errors(), "statements")) from error


def _model_id(form: FormData) -> uuid.UUID | None:
    given = _text(form, "model")
    if not given:
        return None
    try:
        return uuid.UUID(given)
    except ValueError as error:
        raise invalid("model", "must be a model's id", "uuid_parsing") from error
