"""MUSE XML files that tests make: the structure of a real export around a simulated recording."""

import base64
import zlib
from collections.abc import Sequence

import numpy as np

from ml.formats import LEADS, Recording

EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
PATIENT = "<PatientID>4711</PatientID><PatientAge>60</PatientAge><AgeUnits>YEARS</AgeUnits><Gender>MALE</Gender>"
TEST = (
    "<SiteName>North</SiteName><LocationName>Ward 7</LocationName><AcquisitionDevice>MAC55</AcquisitionDevice>"
    "<AcquisitionTime>13:15:18</AcquisitionTime><AcquisitionDate>05-20-2021</AcquisitionDate>"
    "<AcquisitionSoftwareVersion>010B</AcquisitionSoftwareVersion><AnalysisSoftwareVersion>241</AnalysisSoftwareVersion>"
    "<EditTime>17:03:33</EditTime><EditDate>05-21-2021</EditDate>"
    "<OverreaderLastName>DOE</OverreaderLastName><OverreaderFirstName>JO</OverreaderFirstName>"
)
ORIGINAL = ("Atrial fibrillation", "Left axis deviation")
EDITED = ("Sinus rhythm", "Left axis deviation")


def diagnosis(tag: str, lines: Sequence[str], flags: str = "<StmtFlag>ENDSLINE</StmtFlag>") -> str:
    said = "".join(f"<DiagnosisStatement>{flags}<StmtText>{line}</StmtText></DiagnosisStatement>" for line in lines)
    return f"<{tag}><Modality>RESTING</Modality>{said}</{tag}>"


def lead_data(name: str, samples: np.ndarray, **changed: str | None) -> str:
    """Return a LeadData element; a keyword changes a field, or leaves it out where it is None."""
    content = samples.astype("<i2").tobytes()
    fields: dict[str, str | None] = {
        "LeadByteCountTotal": str(len(content)),
        "LeadTimeOffset": "0",
        "LeadSampleCountTotal": str(len(samples)),
        "LeadAmplitudeUnitsPerBit": "5",
        "LeadAmplitudeUnits": "MICROVOLTS",
        "LeadID": name,
        "LeadOffsetFirstSample": "0",
        "FirstSampleBaseline": "0",
        "LeadSampleSize": "2",
        "LeadDataCRC32": str(zlib.crc32(content)),
        "WaveFormData": base64.encodebytes(content).decode(),
        **changed,
    }
    return f"<LeadData>{''.join(f'<{tag}>{value}</{tag}>' for tag, value in fields.items() if value is not None)}</LeadData>"


def waveform(kind: str, leads: str, base: str = "500", exponent: str = "0") -> str:
    rate = f"<SampleBase>{base}</SampleBase><SampleExponent>{exponent}</SampleExponent>"
    return f"<Waveform><WaveformType>{kind}</WaveformType>{rate}{leads}</Waveform>"


def eight_leads(recording: Recording, **changed: str | None) -> str:
    return "".join(lead_data(name, recording.samples[LEADS.index(name)], **changed) for name in EIGHT)


def muse(*parts: str, head: str = '<?xml version="1.0" encoding="ISO-8859-1"?>\n') -> str:
    return f'{head}<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>{"".join(parts)}</RestingECG>'


def muse_file(recording: Recording, *, status: str = "CONFIRMED", test: str = TEST, patient: str = PATIENT) -> bytes:
    """Return a whole file: facts, the machine's diagnosis and an edited one, and the rhythm waveform."""
    return muse(
        f"<PatientDemographics>{patient}</PatientDemographics>",
        f"<TestDemographics><Status>{status}</Status>{test}</TestDemographics>",
        "<RestingECGMeasurements><VentricularRate>75</VentricularRate><QTCorrected>400</QTCorrected>"
        "</RestingECGMeasurements>",
        diagnosis("Diagnosis", EDITED),
        diagnosis("OriginalDiagnosis", ORIGINAL),
        waveform("Rhythm", eight_leads(recording)),
    ).encode()
