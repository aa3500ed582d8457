"""EDF files: by edfio, and by a plain writer for what edfio does not write."""

import datetime
from collections.abc import Sequence

import edfio
import numpy as np

from ml.formats import LEADS, Recording


def plain_edf(
    columns: Sequence[tuple[str, np.ndarray]],
    *,
    records: int = 10,
    duration: str = "1",
    unit: str = "uV",
    ranges: tuple[str, str, str, str] = ("-32768", "32767", "-32768", "32767"),
    reserved: str = "",
    start: str = "20.05.2113.15.18",
    patient: str = "X",
    recording: str = "X",
    width: int = 2,
) -> bytes:
    """Return a file of (label, samples) in records of equal duration; BDF where a sample has 3 bytes."""
    count = len(columns)
    head = ("0" if width == 2 else "\xffBIOSEMI").ljust(8) + patient.ljust(80) + recording.ljust(80) + start.ljust(16)
    head += str(256 * (count + 1)).ljust(8) + reserved.ljust(44) + str(records).ljust(8) + duration.ljust(8)
    head += str(count).ljust(4)
    fields = [
        [(label, 16) for label, _ in columns],
        [("", 80)] * count,
        [(unit, 8)] * count,
        *[[(edge, 8)] * count for edge in ranges],
        [("", 80)] * count,
        [(str(len(samples) // abs(records)), 8) for _, samples in columns],
        [("", 32)] * count,
    ]
    head += "".join(text.ljust(width) for field in fields for text, width in field)
    body = b""
    for record in range(abs(records)):
        for _, samples in columns:
            size = len(samples) // abs(records)
            part = samples[record * size : (record + 1) * size].astype("<i4").view(np.uint8).reshape(-1, 4)
            body += part[:, :width].tobytes()
    return head.encode("latin-1") + body


def annotated(onsets: Sequence[str], width: int = 2) -> np.ndarray:
    """Return an annotation signal of 20 samples a record, that says when each begins."""
    content = b"".join(f"{each}\x14\x14".encode().ljust(20 * width, b"\0") for each in onsets)
    parts = np.frombuffer(content, np.uint8).reshape(-1, width).astype(np.int64)
    return (parts << np.arange(0, 8 * width, 8)).sum(axis=1)


def steps(recording: Recording) -> np.ndarray:
    """Return a recording in steps of 1 µV."""
    return np.rint(recording.millivolts() * 1000).astype(np.int64)


def edf_file(recording: Recording) -> bytes:
    """Return a recording as EDF+ by edfio, in steps of 0.5 µV."""
    signals = [
        edfio.EdfSignal(
            signal_uv,
            recording.sampling_rate_hz,
            label=f"ECG {lead}",
            physical_dimension="uV",
            physical_range=(-16_384, 16_383.5),
        )
        for lead, signal_uv in zip(LEADS, recording.millivolts() * 1000, strict=True)
    ]
    written = edfio.Edf(
        signals,
        patient=edfio.Patient(code="PAT-815", sex="F", birthdate=datetime.date(1960, 3, 4), name="Quastelheimer"),
        recording=edfio.Recording(
            startdate=datetime.date(2021, 5, 20),
            hospital_administration_code="ORD-99",
            investigator_technician_code="Brombacher",
            equipment_code="MAC_55",
        ),
        starttime=datetime.time(13, 15, 18),
        annotations=[edfio.EdfAnnotation(0.5, None, "Sinus rhythm")],
    )
    return written.to_bytes()
