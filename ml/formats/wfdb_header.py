"""WFDB headers (header(5) of the WFDB manual): strictly what a header says, and how its signals are to be read."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from ml.formats.channels import units_in_a_millivolt
from ml.formats.ecg_file import Facts
from ml.formats.format import base_name
from ml.formats.leads import Lead, known_lead
from ml.formats.recording import MAX_GAIN, MAX_RATE_HZ, MAX_SAMPLES, MIN_GAIN, Reason
from ml.formats.written import age_years, date_of, moment, sex, time_of

ENDING = ".hea"
MAX_HEADER_BYTES = 65_536
MAX_SIGNALS = 64
MAX_SEGMENTS = 1000
LONGEST_FIELD = 40  # characters of a number with its unit
LONGEST_NAME = 255  # characters of a file's name

_DEFAULT_GAIN = Decimal(200)  # ADC units per physical unit where a header gives none (header(5))

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?", re.ASCII)
_GAIN = re.compile(rf"({_NUMBER})(?:\(([-+]?\d+)\))?(?:/(\S+))?", re.ASCII)
_RATE = re.compile(rf"({_NUMBER})(?:/\S+)?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d{1,12}", re.ASCII)
_COUNT = re.compile(r"\d{1,3}", re.ASCII)
_COMMENT = re.compile(r"#\s*<?([a-z]{1,40})>?:", re.ASCII | re.IGNORECASE)
_SEGMENTS = re.compile(r".*/\d{1,6}", re.ASCII)
GAP = "~"  # a segment of this name is time without signals; a file of this name is none


@dataclass(frozen=True)
class Scale:
    """What the integers of a stored lead mean; the checksum and the first sample are None where they were not computed.

    `gain` is in ADC units per mV and may be negative. A header that gives none (0) says that the amplitude is not
    calibrated (header(5)); 200 is then taken.
    """

    lead: Lead
    gain: float
    is_calibrated: bool
    baseline: int
    initial: int | None
    checksum: int | None


@dataclass(frozen=True)
class Signal:
    """One signal line: its file by base name, how samples are stored there, and the scale where it is one of the leads.

    `skew`: how many of its frames come before the others' first.
    """

    file: str
    format: str
    samples_per_frame: int
    skew: int
    offset: int
    scale: Scale | None


@dataclass(frozen=True)
class Segment:
    """One line of a multi-segment header: the base name of the segment's header, None where nothing was recorded."""

    header: str | None
    samples: int


@dataclass(frozen=True)
class Header:
    """A record's header: signals, or segments; `samples`, of which frames have one, is None where it does not say."""

    sampling_rate_hz: float
    samples: int | None
    signals: tuple[Signal, ...] = ()
    segments: tuple[Segment, ...] = ()


class BadHeader(ValueError):
    """The header cannot be used; `reason` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = Reason(code, detail)


def is_header(head: bytes) -> bool:
    """Return whether the first bytes of a file are a WFDB header's: a record line, and a line that names a file."""
    if b"\0" in head:  # signal files are told apart without a look at their lines
        return False
    lines = _lines(head[:MAX_HEADER_BYTES])[:2]
    if len(lines) < 2:
        return False
    record, signal = lines[0].split(), lines[1].split(maxsplit=2)
    return (
        len(record) >= 3
        and len(signal) >= 2
        and _COUNT.fullmatch(record[1]) is not None
        and _matched(_RATE, record[2]) is not None
        and _matched(_FORMAT, signal[1]) is not None
    )


def has_segments(content: bytes) -> bool:
    """Return whether a header names segments, right or wrong, and no signals."""
    return _names_segments(_lines(content[:MAX_HEADER_BYTES]))


def named_files(content: bytes) -> list[str]:
    """Return the base names of the files that a header needs, of signals or of segments; none where it is bad."""
    try:
        header = parse_header(content)
    except BadHeader:
        return []
    files = [signal.file for signal in header.signals if signal.scale is not None and signal.file != GAP]
    return list(dict.fromkeys([*files, *(segment.header for segment in header.segments if segment.header)]))


@lru_cache(maxsize=4)  # a record's header is asked for its files first, then for its signals
def parse_header(content: bytes) -> Header:
    """Return what a header says. Raises `BadHeader`."""
    if len(content) > MAX_HEADER_BYTES:
        raise BadHeader("header_too_large", f"the header is larger than {MAX_HEADER_BYTES:,} bytes")
    lines = _lines(content)
    if not lines:
        raise BadHeader("empty_header", "the header is empty")
    record = lines[0].split()
    if len(record) < 3:
        raise BadHeader("bad_header", "the record line needs a name, the number of signals and a sampling rate")
    count = _integer(record[1], "number of signals")
    if not 1 <= count <= MAX_SIGNALS:
        raise BadHeader("bad_header", f"the number of signals must be 1 to {MAX_SIGNALS}")
    rate = _matched(_RATE, record[2])
    if rate is None or not 0 < float(rate[1]) <= MAX_RATE_HZ:
        raise BadHeader("bad_header", f"the sampling rate must be a number above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    samples = _integer(record[3], "number of samples") if len(record) > 3 else 0
    if not 0 <= samples <= MAX_SAMPLES:
        raise BadHeader("too_long", f"the header says {samples:,} samples; the most is {MAX_SAMPLES:,}")
    if _names_segments(lines):
        return Header(float(rate[1]), samples or None, segments=_segments(lines[1:], int(record[0].rpartition("/")[2])))
    if len(lines) - 1 < count:
        raise BadHeader("bad_header", f"the header says {count} signals and describes {len(lines) - 1}")
    signals = [_signal(line, number) for number, line in enumerate(lines[1 : count + 1], start=1)]
    return Header(float(rate[1]), samples or None, tuple(_without_placeholders(signals)))


def comments(content: bytes) -> dict[str, str]:
    """Return what a header's comments say, by their words in lower case: `{"age": "74", "dx": "426783006"}`.

    Both `#Age: 74` (PhysioNet 2020 and 2021) and `#<age>: 74` (LUDB) are read; of two with the same word, the first.
    """
    found: dict[str, str] = {}
    for line in _all_lines(content[:MAX_HEADER_BYTES]):
        if comment := _COMMENT.match(line):
            found.setdefault(comment[1].lower(), line[comment.end() :].strip())
    return found


def facts_of(content: bytes) -> Facts:
    """Return what a header says of the recording: base time and date, and age and sex in its comments.

    Only the standard's date is read, DD/MM/YYYY. Another, such as the `26-Mar-2021` of PhysioNet 2021, is the day on
    which a program converted the record.
    """
    record = [*(_lines(content) or [""])[0].split(), "", "", ""]
    said = comments(content)
    day = date_of(record[5], "day first") if record[5].count("/") == 2 else None
    return Facts(recorded_at=moment(day, time_of(record[4])), age=age_years(said.get("age")), sex=sex(said.get("sex")))


def _lines(content: bytes) -> list[str]:
    """Return the lines that are neither empty nor comments."""
    return [line for line in _all_lines(content) if line and not line.startswith("#")]


def _all_lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line.strip() for line in text.splitlines()]


def _names_segments(lines: list[str]) -> bool:
    named = bool(lines) and _SEGMENTS.fullmatch(lines[0].split()[0])
    return bool(named) and all(len(line.split()) == 2 for line in lines[1:])


def _segments(lines: list[str], count: int) -> tuple[Segment, ...]:
    """Return the segments of a record. The first one of 0 samples only describes the others."""
    if not 0 < count <= MAX_SEGMENTS or len(lines) < count:
        raise BadHeader("bad_header", f"the number of segments must be that of their lines, 1 to {MAX_SEGMENTS:,}")
    segments = []
    for line in lines[:count]:
        name, samples = line.split()
        number = _integer(samples, "number of samples of a segment")
        if not 0 <= number <= MAX_SAMPLES or len(name) > LONGEST_NAME:
            raise BadHeader("too_long", f"a segment has a name that is too long, or more than {MAX_SAMPLES:,} samples")
        segments.append(Segment(None if name == GAP else f"{base_name(name)}{ENDING}", number))
    named = [segment.header for segment in segments if segment.header]
    if len(set(named)) < len(named):
        raise BadHeader("bad_header", "a segment is in the record twice")
    return tuple(segments)


def _signal(line: str, number: int) -> Signal:
    """Parse a signal line. Of a signal that is none of the 12 leads only its place in the file matters."""
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise BadHeader("bad_header", f"signal {number} needs a file name and a format")
    layout = _matched(_FORMAT, fields[1])
    if layout is None or len(fields[0]) > LONGEST_NAME:
        raise BadHeader("bad_header", f"signal {number} has a file name that is too long, or no WFDB format")
    form, per_frame, skew, offset = layout.groups()
    lead = known_lead(fields[8]) if len(fields) > 8 else None
    return Signal(
        file=base_name(fields[0]),
        format=form,
        samples_per_frame=int(per_frame or 1) or 1,
        skew=int(skew or 0),
        offset=int(offset or 0),
        scale=None if lead is None else _scale(fields, lead),
    )


def _scale(fields: list[str], lead: Lead) -> Scale:
    found = _matched(_GAIN, fields[2])
    if found is None:
        raise BadHeader("bad_header", f"lead {lead.name}: the gain is no WFDB gain")
    units = units_in_a_millivolt(found[3] or "mV")
    if units is None:
        raise BadHeader("unknown_unit", f"lead {lead.name}: the unit is not V, mV, uV or nV")
    if not abs(float(found[1])) <= MAX_GAIN:
        raise BadHeader("bad_header", f"lead {lead.name}: the gain must be at most {MAX_GAIN:g}")
    given = Decimal(found[1])
    gain = float((given or _DEFAULT_GAIN) * units)  # decimal, so that 0.001/nV is 1000/mV exactly
    if abs(gain) < MIN_GAIN:
        raise BadHeader("bad_header", f"lead {lead.name}: the gain must be at least {MIN_GAIN:g} for a millivolt")
    zero = _integer(fields[4], "ADC zero")
    return Scale(
        lead=lead,
        gain=gain,
        is_calibrated=bool(given),
        baseline=zero if found[2] is None else _integer(found[2], "baseline"),
        initial=_integer(fields[5], "initial value"),
        checksum=_integer(fields[6], "checksum"),
    )


def _without_placeholders(signals: list[Signal]) -> list[Signal]:
    """Drop checksums, or first samples, that are 0 in every lead: the writer did not compute them."""
    scales = [signal.scale for signal in signals if signal.scale is not None]
    computed = any(scale.checksum for scale in scales), any(scale.initial for scale in scales)

    def known(scale: Scale) -> Scale:
        checksum, initial = computed
        return replace(scale, checksum=scale.checksum if checksum else None, initial=scale.initial if initial else None)

    return [replace(signal, scale=known(signal.scale)) if signal.scale else signal for signal in signals]


def _matched(pattern: re.Pattern[str], field: str) -> re.Match[str] | None:
    return pattern.fullmatch(field) if len(field) <= LONGEST_FIELD else None


def _integer(field: str, what: str) -> int:
    if _INTEGER.fullmatch(field) is None:
        raise BadHeader("bad_header", f"the {what} must be an integer of at most 12 digits")
    return int(field)
