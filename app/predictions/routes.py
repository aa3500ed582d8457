"""`POST /v1/predictions`: an upload, or a stored ECG, answered by a model."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.auth.access import ReaderUser
from app.auth.tables import User
from app.ecgs import service as ecgs
from app.ecgs.routes import METADATA_EXAMPLE
from app.ecgs.upload import MAX_FILES, read_upload
from app.kit.database import Database
from app.kit.declared import Declared, content_type, misgiven
from app.kit.problems import Problem, field_errors, invalid, invalid_fields, responses
from app.predictions import service
from app.predictions.schemas import MAX_PHRASES, Phrases, PredictionIn, PredictionOut

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


async def question(request: Request) -> AsyncIterator[PredictionIn | FormData]:
    """Read the body by its content type; a form's files are closed when it has been answered."""
    given = content_type(request)
    if given == "application/json":
        try:
            asked = PredictionIn.model_validate_json(await request.body())
        except ValidationError as error:
            in_body = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
            raise RequestValidationError(in_body) from error
        yield asked
    elif given == "multipart/form-data":
        longest = request.app.state.settings.max_upload_bytes
        async with request.form(max_files=MAX_FILES, max_fields=10 + MAX_PHRASES, max_part_size=longest) as form:
            if errors := misgiven(form, _FORM):
                raise invalid_fields(errors)
            yield form
    else:
        raise Problem(415, "unsupported_media_type", "Send application/json or multipart/form-data.")


@router.post("", responses=responses(409, 413, 415, 422, 503), openapi_extra=_BODY)
def predict(
    request: Request, user: ReaderUser, asked: Annotated[PredictionIn | FormData, Depends(question)]
) -> PredictionOut:
    """Ask a model about an ECG: `{"ecg_id": …}`, or an upload as in `POST /v1/ecgs`, which is stored as there.

    Per label: the score, the calibrated probability, the threshold, and, where there is a machine report,
    what it says and whether an expert would probably change it. `statements` are phrases in any wording that a
    CLIP or NegCLIP model compares the ECG with.
    """
    state = request.app.state
    database: Database = state.database
    phrases = asked.statements if isinstance(asked, PredictionIn) else _phrases(asked)
    # The question must be committed before anyone can answer it, so this route cannot use the request's session.
    with database.begin() as session:
        if isinstance(asked, PredictionIn):
            ecg = ecgs.get(session, asked.ecg_id)
            if ecg.waveform_sha256 is None:
                raise Problem(409, "no_waveform", "This ECG has no waveform that a model could read.")
            model = service.chosen_model(session, asked.model)
            ecg_id = ecg.id
        else:
            model = service.chosen_model(session, _model_id(asked))
            ecg_id = _store(request, session, user, asked)
        readings = ecgs.outside_with_reports(session, ecgs.get(session, ecg_id)).reports
        prediction_id = service.ask(session, ecg_id, model, phrases, user)
    timeout_s = state.settings.prediction_timeout_s
    return service.wait(database, prediction_id, model, service.machine_report(readings), timeout_s)


def _store(request: Request, session: Session, user: User, form: FormData) -> uuid.UUID:
    files = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
    if not files:
        raise invalid("file", "is missing", "missing")
    upload = read_upload(files, _text(form, "metadata"), _text(form, "machine_report"), _text(form, "overread_report"))
    state = request.app.state
    rules = state.labelers.maintained(session)
    return ecgs.upload(
        session, state.archive, rules, user.name, upload.recording, upload.metadata, upload.readings
    ).ecg.id


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
