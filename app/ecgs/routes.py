"""ECGs over HTTP."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser, ViewerUser
from app.ecgs import answers, service
from app.ecgs.answers import Format, Stage
from app.ecgs.measurements import EcgMeasurements
from app.ecgs.memory import HoldUploadMemory, SignalsDep
from app.ecgs.paper import Gain, Layout, Speed
from app.ecgs.plot_pdf import View
from app.ecgs.schemas import EcgOut, WaveformJson
from app.ecgs.service import ArchiveDep
from app.ecgs.tables import Ecg
from app.ecgs.upload import LONGEST_METADATA, KeepingDep, KeptUpload, store_upload
from app.kit import caching
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import invalid, responses
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/ecgs", tags=["ecgs"])

LONGEST_JSON_S = 120.0  # a longer waveform as JSON text is many megabytes; as .npy it is what it is

StartS = Annotated[float, Query(ge=0, le=86_400, description="Where the 10 s shown begin.")]

METADATA_EXAMPLE = (
    '{"patient_id": "4711", "recorded_at": "2026-03-01T10:00:00Z", "site": "north", "device": "MAC 2000", '
    '"device_software": "12SL v23", "location": "emergency", "age": 67, "sex": "female", "record": "2026-03-01/0042", '
    '"order_id": "A-17", "measurements": {"heart_rate": 72, "qt_ms": 398, "qtc_ms": 436, "qtc_formula": "bazett"}}'
)
PLOT_EXAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" width="276mm" height="164mm" viewBox="0 0 276 164" …>…</svg>'


async def kept_upload(
    *,
    memory: HoldUploadMemory,
    keeping: KeepingDep,
    file: Annotated[
        list[UploadFile],
        File(
            description="WFDB: the `.hea` and its `.dat` or `.mat`. GE MUSE XML, Philips XML, HL7 aECG, DICOM, "
            "SCP-ECG, EDF and HDF5: one."
        ),
    ],
    metadata: Annotated[
        str | None,
        Form(description=f"JSON, at most {LONGEST_METADATA:,} characters.", examples=[METADATA_EXAMPLE]),
    ] = None,
    machine_report: Annotated[
        str | None, Form(description="What the machine printed.", examples=["Sinus rhythm\nLeft axis deviation"])
    ] = None,
    overread_report: Annotated[
        str | None, Form(description="What the cardiologist made of it.", examples=["Atrial flutter"])
    ] = None,
) -> AsyncIterator[KeptUpload]:
    """Return a checked upload whose waveform is stored. A route names it before its session."""
    async with keeping.kept(file, metadata, machine_report, overread_report) as upload:
        yield upload


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": EcgOut, "description": "The waveform, or its record's readings, are stored already"},
        **responses(409, 413, 422, 429, 503),
    },
)
def upload_ecg(
    upload: Annotated[KeptUpload, Depends(kept_upload, scope="function")],
    archive: ArchiveDep,
    labelers: LabelersDep,
    response: Response,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
) -> EcgOut:
    """Store an ECG with its readings.

    Leads are matched by name and stored in millivolt. The same waveform again answers 200 with the same id, and so does
    the first waveform of a `record` of which readings are known: it joins them. Another waveform of it answers 409.
    What the file says besides the signal is stored where the form says nothing of it, and named in `from_file`.
    A signal that cannot be used answers 422 with every reason, and nothing of it is kept.
    """
    rules = labelers.maintained(session)
    stored = store_upload(session, archive, rules, user.name, upload=upload)
    if not stored.is_new:
        response.status_code = 200
    shown.add([stored.ecg.id])
    response.headers["Location"] = f"/v1/ecgs/{stored.ecg.id}"
    return stored.ecg


@router.get("/{ecg_id}", responses=responses(404, 422))
def get_ecg(ecg_id: uuid.UUID, session: SessionDep, user: ViewerUser) -> EcgOut:
    """Show an ECG with its current readings and their findings."""
    return service.outside_with_reports(session, service.get(session, ecg_id))


@router.get(
    "/{ecg_id}/waveform",
    response_model=None,
    responses={
        200: {
            "model": WaveformJson,
            "description": "Raw: 12 × samples, mV, float64. Window: windows × 12 × 2500, SD, float32. Leads in the "
            f"order I, II, III, aVR, aVL, aVF, V1–V6. {answers.PACKED}",
            "content": answers.BINARY,
        },
        **caching.NOT_MODIFIED,
        **responses(404, 410, 422, 503),
    },
)
def get_waveform(
    ecg_id: uuid.UUID,
    request: Request,
    signals: SignalsDep,
    session: SessionDep,
    user: ViewerUser,
    stage: Stage = "raw",
    format: Format = "json",
) -> Response:
    """Return the waveform as stored (`raw`), or as models see it (`window`).

    It never changes: send the answer's `ETag` as `If-None-Match`, and the same answer is a 304.
    """
    ecg = service.get(session, ecg_id)
    check_format(ecg, stage, format)
    etag = caching.etag_of(request.app.version, ecg.waveform_sha256, stage, format)
    if known := caching.not_modified(request, etag):
        return known
    make = answers.raw if stage == "raw" else answers.windows
    asked = answers.Asked(ecg, user.name, ecg.id)
    return Deferred(lambda: make(signals, asked, format, headers=caching.headers_of(etag)))


def check_format(ecg: Ecg, stage: Stage, format: Format) -> None:
    """Raise the 404 of an ECG without a waveform, and the 422 of a format that it cannot be given in."""
    if service.duration_s(ecg) > LONGEST_JSON_S and format == "json":
        raise invalid("query.format", f"an ECG longer than {LONGEST_JSON_S:.0f} s is given as npy only")
    if stage == "window" and format == "packed":
        raise invalid("query.format", "only the raw waveform is packed")


@router.get(
    "/{ecg_id}/measurements",
    response_model=EcgMeasurements,
    responses=responses(404, 410, 422, 503),
)
def get_measurements(ecg_id: uuid.UUID, signals: SignalsDep, session: SessionDep, user: ViewerUser) -> Response:
    """Show what the device measured, and what is measured here on the waveform. The two are never mixed."""
    ecg = service.get(session, ecg_id)
    if ecg.waveform_sha256 is None:
        return answers.measured(ecg, None)
    return Deferred(lambda: answers.measurements(signals, ecg, user.name))


@router.get(
    "/{ecg_id}/plot.svg",
    response_class=Response,
    responses={
        200: {
            "description": "SVG in real millimetres",
            "content": {"image/svg+xml": {"schema": {"type": "string"}, "example": PLOT_EXAMPLE}},
        },
        **caching.NOT_MODIFIED,
        **responses(404, 410, 422, 503),
    },
)
def get_plot(
    ecg_id: uuid.UUID,
    request: Request,
    signals: SignalsDep,
    session: SessionDep,
    user: ViewerUser,
    start_s: StartS = 0,
) -> Response:
    """Draw the 12-lead ECG on millimetre paper: 25 mm/s, 10 mm/mV. `ETag` and `If-None-Match` as for the waveform."""
    ecg = service.get(session, ecg_id)
    _check_start(ecg, start_s)
    caption = _caption(ecg)
    etag = caching.etag_of(request.app.version, ecg.waveform_sha256, caption, start_s, ecg.simulated)
    if known := caching.not_modified(request, etag):
        return known
    return Deferred(
        lambda: answers.plot(signals, ecg, user.name, caption, start_s=start_s, headers=caching.headers_of(etag))
    )


@router.get(
    "/{ecg_id}/plot.pdf",
    response_class=Response,
    responses={
        200: {
            "description": "PDF in real millimetres",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        },
        **caching.NOT_MODIFIED,
        **responses(404, 410, 422, 503),
    },
)
def get_pdf(
    ecg_id: uuid.UUID,
    request: Request,
    signals: SignalsDep,
    session: SessionDep,
    user: ViewerUser,
    start_s: StartS = 0,
    layout: Annotated[Layout, Query(description="`+3`: with three rhythm strips.")] = "3x4",
    speed: Annotated[Speed, Query(description="mm/s. At 50 the ten seconds take two sheets.")] = "25",
    gain: Annotated[Gain, Query(description="mm/mV")] = "10",
) -> Response:
    """Print ten seconds of the 12-lead ECG on millimetre paper: A4, vectors, to scale where it is printed at 100 %."""
    ecg = service.get(session, ecg_id)
    _check_start(ecg, start_s)
    view = View(
        layout=layout,
        speed=float(speed),
        gain=float(gain),
        start_s=start_s,
        caption=_caption(ecg),
        simulated=ecg.simulated,
        made_at=ecg.created_at,
    )
    etag = caching.etag_of(request.app.version, ecg.waveform_sha256, repr(view))
    if known := caching.not_modified(request, etag):
        return known
    return Deferred(lambda: answers.pdf(signals, ecg, user.name, view, headers=caching.headers_of(etag)))


def _check_start(ecg: Ecg, start_s: float) -> None:
    duration_s = service.duration_s(ecg)
    if start_s >= duration_s:
        raise invalid("query.start_s", f"this ECG lasts {duration_s:g} s")


def _caption(ecg: Ecg) -> str:
    known = [
        f"ECG {ecg.id}",
        f"{ecg.recorded_at:%Y-%m-%d %H:%M}" if ecg.recorded_at else None,
        f"{ecg.age:g} y" if ecg.age is not None else None,
        ecg.sex if ecg.sex != "unknown" else None,
        ecg.site,
        ecg.device,
    ]
    return " · ".join(part for part in known if part)
