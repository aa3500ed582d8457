"""ECGs for other systems over HTTP."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from app.auth.access import ViewerUser
from app.ecgs import service as ecgs
from app.ecgs.memory import Signals, SignalsDep
from app.ecgs.tables import Ecg
from app.interchange.service import outgoing
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import Problem, responses
from app.vocabularies.service import LabelersDep
from ml.formats import Recording
from ml.interchange import NotExact, write_dicom, write_fhir

router = APIRouter(prefix="/v1/ecgs", tags=["ecgs"])

FHIR, DICOM = "application/fhir+json", "application/dicom"
FHIR_EXAMPLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:0a4c2a3e-9b4e-5f0c-8f19-0d9d9a3f6b55",
            "resource": {
                "resourceType": "DiagnosticReport",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "11524-6"}], "text": "Over-read"},
                "conclusion": "Atrial flutter",
                "conclusionCode": [{"coding": [{"system": "urn:overread:label:overread-2", "code": "aflutter"}]}],
            },
        }
    ],
}
LONGEST_FHIR_S = 600.0  # a longer waveform as JSON text is tens of megabytes
MADE = 10.0  # times the stored samples: the peak while they are written as text, or by pydicom


class _Written(NamedTuple):
    """How an ECG's file is made, and what it is."""

    make: Callable[[Recording], bytes]
    media_type: str
    ending: str


@router.get(
    "/{ecg_id}/fhir",
    response_class=Response,
    responses={
        200: {
            "description": "A FHIR R4 Bundle: patient, device, waveform, measurements, readings",
            "content": {FHIR: {"schema": {"type": "object", "additionalProperties": True}, "example": FHIR_EXAMPLE}},
        },
        **responses(404, 410, 422, 503),
    },
)
def get_fhir(
    ecg_id: uuid.UUID, signals: SignalsDep, labelers: LabelersDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Return an ECG and its current readings as a FHIR R4 Bundle.

    A component a lead holds the stored integers and the size of a step. The machine's reading is a preliminary report,
    an over-read a final or amended one; the patient and readers are our hashes and pseudonyms. An ECG without a
    waveform has its readings alone; one of more than ten minutes is given as DICOM only.
    """
    ecg = ecgs.get(session, ecg_id)
    make = partial(write_fhir, outgoing(session, labelers, ecg))
    if ecg.waveform_sha256 is None:
        return _answer(ecg, make(None), FHIR, "fhir.json")
    if ecgs.duration_s(ecg) > LONGEST_FHIR_S:
        raise Problem(422, "too_long", f"An ECG longer than {LONGEST_FHIR_S:.0f} s is given as DICOM only.")
    return Deferred(lambda: _made(signals, ecg, user.name, _Written(make, FHIR, "fhir.json")))


@router.get(
    "/{ecg_id}/dicom",
    response_class=Response,
    responses={
        200: {
            "description": "A DICOM file: 12-lead ECG; a longer one a general ECG",
            "content": {DICOM: {"schema": {"type": "string", "format": "binary"}}},
        },
        **responses(404, 410, 422, 503),
    },
)
def get_dicom(
    ecg_id: uuid.UUID, signals: SignalsDep, labelers: LabelersDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Return an ECG and its current readings as a DICOM waveform object.

    Read again it is the same waveform. Each reading is a group of annotations: lines of text, and findings as codes.
    """
    ecg = ecgs.get(session, ecg_id)
    ecgs.duration_s(ecg)  # the 404 of an ECG without a waveform
    make = partial(write_dicom, outgoing(session, labelers, ecg))
    return Deferred(lambda: _made(signals, ecg, user.name, _Written(make, DICOM, "dcm")))


@asynccontextmanager
async def _made(signals: Signals, ecg: Ecg, actor: str, written: _Written) -> AsyncIterator[Response]:
    async with signals.read(ecg, actor, MADE) as recording:
        try:
            content = await run_in_threadpool(written.make, recording)
        except NotExact as error:
            detail = f"This ECG cannot be written without a change of its waveform: {error}."
            raise Problem(422, "not_exact", detail) from error
        yield _answer(ecg, content, written.media_type, written.ending)


def _answer(ecg: Ecg, content: bytes, media_type: str, ending: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="ecg-{ecg.id}.{ending}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)
