"""EDF and EDF+ (Kemp 1992, 2003), and BDF and BDF+ (BioSemi), which differ in 24-bit integers, with named leads.

A fixed header, and records. A reader of our own, because what a header says decides how much is allocated: the length
is compared with the bytes first. Numbers are exact fractions until they become a gain. Records that say when they
begin are put there; between them samples are missing.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import BadLead, Channel, Stored, units_in_a_millivolt
from ml.formats.ecg_file import EcgFile, Facts
from ml.formats.format import Format, only_file
from ml.formats.leads import Lead, known_lead
from ml.formats.recording import LEADS, MAX_GAIN, MAX_RATE_HZ, MAX_SAMPLES, MIN_GAIN, MISSING, Recording, unreadable
from ml.formats.written import age_at, date_of, identifier, moment, sex, time_of

MAX_SIGNALS = 256
MAX_DATED_RECORDS = 100_000  # of EDF+D: a day in seconds

_BLOCK = 256
_VERSIONS = {b"0       ": 2, b"\xffBIOSEMI": 3}  # and the bytes of a sample
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # label, transducer, unit, 4 × range, filters, samples, reserved
_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
_PLUS = ("EDF+", "BDF+")
_GAPS = ("EDF+D", "BDF+D")
_ONSET = re.compile(rb"([-+]\d{1,12}(?:\.\d{1,12})?)[\x14\x15]")
_NUMBER = re.compile(r"[-+]?(?:\d{1,8}(?:\.\d{0,8})?|\.\d{1,8})(?:[eE][-+]?\d{1,2})?", re.ASCII)
_COUNT = re.compile(r"-?\d{1,8}", re.ASCII)
_ABSENT = "X"  # a field of EDF+ that is not known, or was removed
_EXACT_UP_TO = 10_000  # steps are made so much finer for a zero that lies between two of them
_FINER = 64
_LARGEST = 2**30
_SAMPLES_A_BYTE = 1.5  # of all leads; gaps may take what is left of it
_ALLOWANCE = 4_000_000


class _Signal(NamedTuple):
    """A signal: its name, and where its samples are in a record (`begins` and `samples` count samples)."""

    label: str
    begins: int
    samples: int
    scale: tuple[str, ...]  # unit, and the least and greatest value, in units and as integers


class _Header(NamedTuple):
    """What a header says; `width` is the bytes of a sample."""

    width: int
    length: int
    records: int
    record_samples: int
    duration_s: Fraction
    signals: list[_Signal]
    has_gaps: bool


def read_edf(files: Mapping[str, bytes]) -> EcgFile:
    """Return what an EDF, EDF+, BDF or BDF+ file holds. Raises `Unreadable` with every reason."""
    content = only_file(files, is_edf, FORMAT.name)
    header = _header(content)
    size = header.width * header.record_samples
    records = np.frombuffer(content, np.uint8, header.records * size, header.length).reshape(header.records, size)
    starts_s = _starts_s(header, records) if header.has_gaps else None
    return EcgFile(_recording(header, records, starts_s), _facts(content))


def is_edf(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of an EDF or BDF file: its header is as long as it says."""
    if head[:8] not in _VERSIONS or len(head) < _BLOCK:
        return False
    signals, length = _integer(head[252:256]), _integer(head[184:192])
    return signals is not None and length == _BLOCK * (signals + 1)


def _header(content: bytes) -> _Header:
    signals, length, records = _integer(content[252:256]) or 0, _integer(content[184:192]), _integer(content[236:244])
    duration = _fraction(_text(content[244:252]))
    if not 0 < signals <= MAX_SIGNALS or length is None or len(content) < length:
        raise unreadable("bad_header", f"an EDF header has 1 to {MAX_SIGNALS} signals and is in the file as a whole")
    if not duration or duration < 0:
        raise unreadable("bad_rate", "the duration of a record is no number of seconds")
    columns = []
    place = _BLOCK
    for width in _WIDTHS:
        columns.append([_text(content[place + width * each : place + width * (each + 1)]) for each in range(signals)])
        place += width * signals
    labels, _, *scales, _, samples, _ = columns
    found, begins = [], 0
    for each in range(signals):
        count = _integer(samples[each].encode()) or 0
        if not 0 <= count <= MAX_SAMPLES:
            raise unreadable("bad_header", "a signal has no samples, or too many, in a record")
        found.append(_Signal(labels[each], begins, count, tuple(column[each] for column in scales)))
        begins += count
    if not begins:
        raise unreadable("wrong_length", "the records hold no samples")
    width = _VERSIONS[content[:8]]
    available = (len(content) - length) // (width * begins)
    wanted = available if records == -1 else records or 0  # -1: the recording had not ended
    end = length + width * begins * wanted
    if not 0 < wanted <= available:
        raise unreadable("wrong_length", f"the header says {wanted:,} records; the file holds {available:,}")
    if records != -1 and content.count(0, end) < len(content) - end:
        raise unreadable("wrong_length", f"the file holds more than the {wanted:,} records of its header")
    return _Header(width, length, wanted, begins, duration, found, _text(content[192:236]).startswith(_GAPS))


def _recording(header: _Header, records: NDArray[np.uint8], starts_s: list[Fraction] | None) -> Recording:
    leads = [(signal, lead) for signal in header.signals if (lead := known_lead(signal.label))]
    if len({signal.samples for signal, _ in leads}) > 1:
        raise unreadable("unequal_rates", "the leads have different sampling rates")
    samples = leads[0][0].samples if leads else 0
    rate = Fraction(samples) / header.duration_s
    if leads and not 0 < rate <= MAX_RATE_HZ:
        raise unreadable("bad_rate", f"the sampling rate must be above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    places = _places(header, records.size, samples, [rate * start for start in starts_s]) if starts_s else None
    stored = Stored()
    for signal, lead in leads:
        try:
            channel = _channel(_numbers(records, signal, header.width), signal, lead, header.width)
            stored.add(lead.name, channel if places is None else _spread(channel, places, samples))
        except BadLead as error:
            stored.reasons.append(error.reason)
    return stored.recording(float(rate))


def _bytes_of(records: NDArray[np.uint8], signal: _Signal, width: int) -> NDArray[np.uint8]:
    """Return the bytes of a signal, (records, bytes)."""
    return records[:, width * signal.begins : width * (signal.begins + signal.samples)]


def _numbers(records: NDArray[np.uint8], signal: _Signal, width: int) -> NDArray[np.int32]:
    """Return the integers of a signal, record by record."""
    content = np.ascontiguousarray(_bytes_of(records, signal, width)).reshape(-1)
    if width == 2:
        return content.view("<i2").astype(np.int32)
    wide = np.zeros((len(content) // width, 4), np.uint8)
    wide[:, 1:] = content.reshape(-1, width)
    return wide.reshape(-1).view("<i4").astype(np.int32) >> 8


def _channel(column: NDArray[np.int32], signal: _Signal, lead: Lead, width: int) -> Channel:
    """Return a lead with its zero at 0; where that lies between two integers, in finer steps."""
    unit, *written = signal.scale
    in_a_millivolt = units_in_a_millivolt(unit)
    if in_a_millivolt is None:
        raise BadLead("unknown_unit", f"lead {lead.name}: the unit is not V, mV, uV or nV")
    edges = [_fraction(each) for each in written]
    least, greatest, low, high = edges
    if least is None or greatest is None or low is None or high is None or least == greatest or low == high:
        raise BadLead("bad_gain", f"lead {lead.name}: its least and greatest values are no numbers that can be used")
    per_unit = (high - low) / (greatest - least)
    gain, zero = per_unit * Fraction(in_a_millivolt), low - least * per_unit
    largest = 2 ** (8 * width - 1) + abs(zero)
    finer = zero.denominator if zero.denominator <= min(_EXACT_UP_TO, _LARGEST / largest) else _FINER
    if not MIN_GAIN <= abs(gain) <= MAX_GAIN / finer or largest * finer > _LARGEST:
        raise BadLead("bad_gain", f"lead {lead.name}: its scale cannot be used")
    samples = column * np.int32(finer) - np.int32(round(zero * finer))
    return Channel.of(samples, float(gain * finer), lead.sign)


def _starts_s(header: _Header, records: NDArray[np.uint8]) -> list[Fraction]:
    """Return when the records begin, in seconds from the first; in EDF+D and BDF+D each says it."""
    signal = next((each for each in header.signals if each.label in _ANNOTATIONS), None)
    if signal is None or header.records > MAX_DATED_RECORDS:
        raise unreadable("unsupported_gaps", "a file with gaps does not say when its records begin, or has too many")
    onsets = []
    for record in _bytes_of(records, signal, header.width):
        found = _ONSET.match(record[:40].tobytes())
        if found is None:
            raise unreadable("unsupported_gaps", "a record of a file with gaps does not say when it begins")
        onsets.append(Fraction(found[1].decode()))
    return [onset - onsets[0] for onset in onsets]


def _places(header: _Header, size: int, samples: int, starts: list[Fraction]) -> NDArray[np.int64] | None:
    """Return the first sample of each record, the nearest to the time that it says; None where there is no gap."""
    if starts == [number * samples for number in range(header.records)]:
        return None
    if max(starts) * len(LEADS) > _SAMPLES_A_BYTE * size + _ALLOWANCE:
        raise unreadable("too_long", "the gaps between the records are far longer than the records")
    places = np.array([round(start) for start in starts], np.int64)
    if (np.diff(places) < samples).any():
        raise unreadable("unsupported_gaps", "a record begins before the one before it ends")
    return places


def _spread(channel: Channel, places: NDArray[np.int64], samples: int) -> Channel:
    """Return a lead whose records are where they belong, with missing samples between them."""
    whole = np.full(int(places[-1]) + samples, MISSING, np.int32)
    whole[places[:, None] + np.arange(samples)] = channel.samples.reshape(len(places), samples)
    return replace(channel, samples=whole)


def _facts(content: bytes) -> Facts:
    """Return what the header says of the recording. Patient and device are only known in EDF+ and BDF+.

    A date of 1 January 1985 stands for one that was removed.
    """
    written = _text(content[168:176]).split(".")
    at = time_of(_text(content[176:184]).replace(".", ":"))
    day = None
    if len(written) == 3 and written != ["01", "01", "85"] and re.fullmatch(r"\d\d", written[2], re.ASCII):
        century = "19" if int(written[2]) >= 85 else "20"
        day = date_of(f"{written[0]}-{written[1]}-{century}{written[2]}", "day first")
    if not _text(content[192:236]).startswith(_PLUS):
        return Facts(recorded_at=moment(day, at))
    patient = [*_text(content[8:88]).split(" "), "", "", ""]
    recording = [*_text(content[88:168]).split(" "), "", "", "", "", ""]
    if recording[0] == "Startdate" and recording[1] != _ABSENT:
        day = date_of(recording[1], None)
    return Facts(
        recorded_at=moment(day, at),
        device=_known(recording[4]),
        age=age_at(day, date_of(patient[2], None)),
        sex=sex(patient[1]),
        patient_id=identifier(_known(patient[0])),
        order_id=identifier(_known(recording[2])) if recording[0] == "Startdate" else None,
    )


def _known(word: str) -> str | None:
    return word.replace("_", " ").strip() or None if word != _ABSENT else None


def _text(field: bytes) -> str:
    """Return a field without what fills it up: blanks, or NULs."""
    try:
        return field.decode().strip(" \0")
    except UnicodeDecodeError:
        return field.decode("latin-1").strip(" \0")


def _integer(field: bytes) -> int | None:
    text = _text(field)
    return int(text) if _COUNT.fullmatch(text) else None


def _fraction(text: str) -> Fraction | None:
    return Fraction(text) if _NUMBER.fullmatch(text) else None


FORMAT = Format(
    name="EDF",
    main_ending=".edf",
    other_endings=(".bdf",),
    recognises=is_edf,
    names=lambda main: (),
    read=read_edf,
    ending_decides=False,
    memory=24,
)
