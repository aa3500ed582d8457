"""Philips XML files that tests make, and an encoder of XLI, written as plainly as can be."""

import base64
import struct
from collections.abc import Sequence

import numpy as np

from ml.formats import LEADS, Recording

NAMESPACE = "http://www3.medical.philips.com"
PATIENT = "<patientid>4711</patientid><age><years>60</years></age><sex>Female</sex>"
SIGNED_BY = '<confirmingclinician date="2021-05-21" time="17:03:33" id="S-1-5">Doe, Jo</confirmingclinician>'


def lzw(content: bytes) -> bytes:
    """Return LZW with codes of 10 bits, ended by the last code."""
    table = {bytes([value]): value for value in range(256)}
    codes, string = [], b""
    for byte in content:
        longer = string + bytes([byte])
        if longer in table:
            string = longer
            continue
        codes.append(table[string])
        if len(table) < 1023:
            table[longer] = len(table)
        string = bytes([byte])
    codes += [table[string], 1023]
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))


def wrapped(value: int) -> int:
    return (value + 32_768) % 65_536 - 32_768


def chunk(values: Sequence[int]) -> bytes:
    """Return a lead in XLI: two samples, then second differences, in 16 bits that wrap around."""
    stored = list(values[:2])
    bends = [2 * values[k - 1] - values[k - 2] - values[k] for k in range(2, len(values))]
    stored += [wrapped(bend + 64) for bend in bends[1:]] + [64]
    unsigned = [value % 65_536 for value in stored]
    body = lzw(bytes(value >> 8 for value in unsigned) + bytes(value & 255 for value in unsigned))
    return struct.pack("<ihh", len(body), 1, wrapped(bends[0])) + body


def halved(value: int) -> int:
    return int(value / 2)


def xli(rows: Sequence[Sequence[int]]) -> bytes:
    """Return leads in XLI, the first six of which are the limb leads."""
    one, two, three, avr, avl, avf = rows[:6]
    stored = [
        one,
        two,
        [b - a - c for a, b, c in zip(one, two, three, strict=True)],
        [-r - halved(a + b) for a, b, r in zip(one, two, avr, strict=True)],
        [halved(a - c) - v for a, c, v in zip(one, three, avl, strict=True)],
        [halved(b + c) - v for b, c, v in zip(two, three, avf, strict=True)],
        *rows[6:],
    ]
    return b"".join(chunk([int(value) for value in row]) for row in stored)


def statement(text: str, edited: bool = False) -> str:
    return f'<statement editedflag="{edited}"><leftstatement>{text}</leftstatement><rightstatement>LVH</rightstatement></statement>'


def coded(
    text: str, *, source: str = "Analysis program", deleted: bool = False, modifier: str = "", changed: bool = False
) -> str:
    return (
        f'<codedstatement source="{source}" subtype="Analysis" deleted="{deleted}"><modifiers changed="{changed}">'
        f"<modifier>{modifier}</modifier></modifiers><unparsedstatement><lhsstatement>{text}</lhsstatement>"
        "</unparsedstatement></codedstatement>"
    )


def interpretation(statements: str, components: str, signed: str = "") -> str:
    return (
        '<interpretation date="2021-05-20" time="13:15:18" criteriaversion="0B"><interpretationdatastructure>'
        f"<statementcomponents>{components}</statementcomponents></interpretationdatastructure>"
        '<globalmeasurements editedflag="False"><heartrate editedflag="False">75</heartrate><print>160</print>'
        '<qrsdur editedflag="True">90</qrsdur><qtint>400</qtint><qtcb>447</qtcb><pfrontaxis>Failed</pfrontaxis>'
        f"<qrsfrontaxis>-34</qrsfrontaxis></globalmeasurements>{signed}<severity>- ABNORMAL ECG -</severity>{statements}"
        "</interpretation>"
    )


MACHINE = interpretation(statement("Sinus rhythm"), coded("Sinus rhythm"))


def waveform(rows: np.ndarray, *, compressed: bool = True, **changed: str | None) -> str:
    """Return a parsedwaveforms element; a keyword changes an attribute, or leaves it out where it is None."""
    attributes: dict[str, str | None] = {
        "dataencoding": "Base64",
        "compression": "XLI" if compressed else None,
        "numberofleads": str(len(rows)),
        "leadlabels": " ".join(LEADS[: len(rows)]),
        "durationperchannel": str(rows.shape[1] * 2),
        "samplespersecond": "500",
        "resolution": "5",
        "signalsigned": "True",
        "bitspersample": "16",
        **changed,
    }
    written = " ".join(f'{name}="{value}"' for name, value in attributes.items() if value is not None)
    content = xli(rows.tolist()) if compressed else rows.astype("<i2").tobytes()
    return f"<parsedwaveforms {written}>{base64.encodebytes(content).decode()}</parsedwaveforms>"


def sierra(waveforms: str, *, interpretations: str = MACHINE, version: str = "1.04", patient: str = PATIENT) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><restingecgdata xmlns="{NAMESPACE}" status="New">'
        f"<documentinfo><documentversion>{version}</documentversion></documentinfo>"
        '<dataacquisition date="2021-05-20" time="13:15:18"><machine machineid="X">PageWriter TC</machine>'
        "<acquirer><departmentname>Ward 7</departmentname><institutionname>North</institutionname></acquirer>"
        "</dataacquisition>"
        f"<patient><generalpatientdata>{patient}</generalpatientdata></patient>"
        f"<interpretations>{interpretations}</interpretations><waveforms>{waveforms}</waveforms>"
        f"<padding>{' ' * 60_000}</padding></restingecgdata>"
    )


def sierra_file(recording: Recording, **parts: str) -> bytes:
    return sierra(waveform(recording.samples), **parts).encode()
