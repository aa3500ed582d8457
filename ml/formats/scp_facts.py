"""What an SCP-ECG file says besides the signal: sections 1 (header), 7 and 10 (measurements), 8 and 11 (statements)."""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from typing import NamedTuple

from ml.formats.ecg_file import Facts, Measurements, QtcFormula, Reading
from ml.formats.written import age_at, age_years, axis, heart_rate, identifier, interval_ms, moment, sex
from ml.labeling.findings import Code

LONGEST_TEXT = 10_000  # characters

_PATIENT, _AGE, _BORN, _SEX, _DEVICE, _SITE, _DEPARTMENT, _ROOM = 2, 4, 5, 8, 14, 16, 18, 23
_CONFIRMED_BY, _DATE, _TIME, _LAST = 21, 25, 26, 255
_AGE_UNITS = {1: "years", 2: "months", 3: "weeks", 4: "days", 5: "hours"}
_SEXES = {1: "male", 2: "female"}
_NOT_MEASURED = (29_999, 29_998, 19_999)  # not computed, or rejected, or no such wave
_FORMULAS: dict[int, QtcFormula] = {1: "bazett", 2: "hodges", 3: "fridericia", 4: "framingham"}
_CODE_PAGES = {  # by the language support code
    **{0x03: "iso8859-2", 0x0B: "iso8859-4", 0x13: "iso8859-5", 0x1B: "iso8859-6", 0x23: "iso8859-7"},
    **{0x2B: "iso8859-8", 0x33: "iso8859-11", 0x3B: "iso8859-15", 0x07: "utf-16-le", 0x0F: "euc-jp"},
    **{0x17: "euc-jp", 0x1F: "euc-jp", 0x27: "gb2312", 0x2F: "euc-kr"},
}
_INTERVALS = ("pr_ms", "qrs_ms", "qt_ms")
_UNKNOWN = "unknown"
_CODED, _TYPED_TEXT = 1, 2  # types of statements in section 11

Sections = Mapping[int, bytes]


class _Header(NamedTuple):
    """Section 1: the fields by their tags, and the code page of texts."""

    fields: Mapping[int, bytes]
    code_page: str

    def text(self, tag: int) -> str | None:
        """Return a field as text; None where there is none."""
        return _text(self.fields.get(tag, b""), self.code_page)


def facts_of(sections: Sections) -> Facts:
    """Return what the file says of the recording. The time is local to the site."""
    header = _header(sections)
    day = _day(header.fields.get(_DATE, b""))
    device = header.fields.get(_DEVICE, b"")
    return Facts(
        recorded_at=moment(day, _time(header.fields.get(_TIME, b""))),
        site=header.text(_SITE),
        location=header.text(_DEPARTMENT) or header.text(_ROOM),
        device=_text(device[8:14], header.code_page),
        device_software=_software(device, header.code_page),
        age=_age(header.fields.get(_AGE, b"")) or age_at(day, _day(header.fields.get(_BORN, b""))),
        sex=sex(_SEXES.get(header.fields.get(_SEX, b"\0")[:1].ljust(1, b"\0")[0])),
        patient_id=identifier(header.text(_PATIENT)),
        measurements=_measurements(sections),
    )


def readings_of(sections: Sections) -> tuple[Reading, ...]:
    """Return the reading in sections 8 or 11: the machine's, or, where a person over-read it, that person's.

    A text wins over the codes of section 11. A code with modifiers stays one code, which no vocabulary need know.
    """
    header = _header(sections)
    for number, kind in ((8, None), (11, _TYPED_TEXT), (11, _CODED)):
        section = sections.get(number, b"")
        said = [text for text in _statements(section, kind, header.code_page) if text]
        if said and section[0] in (0, 1, 2):
            text = None if kind == _CODED else "\n".join(said)
            codes = tuple(Code("SCP", each) for each in dict.fromkeys(said)) if kind == _CODED else ()
            if section[0] == 0:
                return (Reading(source="machine", text=text, codes=codes),)
            at = moment(_day(section[1:5]), _time(section[5:8]))
            return (
                Reading(
                    source="overread",
                    text=text,
                    codes=codes,
                    reader=header.text(_CONFIRMED_BY),
                    authored_at=at,
                    validated="yes" if section[0] == 1 else "no",
                ),
            )
    return ()


def _header(sections: Sections) -> _Header:
    fields: dict[int, bytes] = {}
    section = sections.get(1, b"")
    place = 0
    while place + 3 <= len(section) and section[place] != _LAST:
        tag, size = struct.unpack_from("<BH", section, place)
        fields.setdefault(tag, section[place + 3 : place + 3 + size])
        place += 3 + size
    language = fields.get(_DEVICE, b"")[16:17]
    return _Header(fields, _CODE_PAGES.get(language[0], "windows-1252") if language else "windows-1252")


def _statements(section: bytes, kind: int | None, code_page: str) -> Iterator[str | None]:
    """Yield the texts of section 8, or those of section 11 that are of a type."""
    place = 9
    for _ in range(section[8] if len(section) > 8 else 0):
        if place + 3 > len(section):
            return
        [size] = struct.unpack_from("<H", section, place + 1)
        content = section[place + 3 : place + 3 + size]
        place += 3 + size
        if kind is None:
            yield _text(content, code_page)
        elif content[:1] == bytes([kind]):
            said = content[1:].rstrip(b"\0")
            yield _text(said.replace(b"\0", b" ") if kind == _CODED else said, code_page)


def _measurements(sections: Sections) -> Measurements:
    """Return section 7's measurements of the reference beat; intervals that it lacks, if all leads of 10 agree."""
    section = sections.get(7, b"")
    blocks, spikes = section[:2].ljust(2, b"\0")
    block = [None if value in _NOT_MEASURED else value for value in _numbers("<5H3h", section, 6) if blocks]
    p_on, _, qrs_on, qrs_off, t_off, p_axis, qrs_axis, t_axis = block or [None] * 8
    end = 6 + 16 * blocks + 10 * spikes
    [beats] = _numbers("<H", section, end) or [0]
    ventricles, _, qtc, formula = _numbers("<3HB", section, end + 2 + beats) or [0, 0, 0, 0]
    intervals = {"pr_ms": _between(p_on, qrs_on), "qrs_ms": _between(qrs_on, qrs_off), "qt_ms": _between(qrs_on, t_off)}
    by_lead = _of_all_leads(sections.get(10, b""))
    found = {name: value if value is not None else by_lead.get(name) for name, value in intervals.items()}
    return Measurements(
        heart_rate=_measured(heart_rate, ventricles),
        pr_ms=_measured(interval_ms, found["pr_ms"]),
        qrs_ms=_measured(interval_ms, found["qrs_ms"]),
        qt_ms=_measured(interval_ms, found["qt_ms"]),
        qtc_ms=_measured(interval_ms, qtc),
        qtc_formula=_FORMULAS.get(formula) if _measured(interval_ms, qtc) else None,
        p_axis=_measured(axis, p_axis),
        qrs_axis=_measured(axis, qrs_axis),
        t_axis=_measured(axis, t_axis),
    )


def _of_all_leads(section: bytes) -> dict[str, int]:
    """Return the intervals that section 10 gives for every lead alike."""
    found: dict[str, set[int]] = {name: set() for name in _INTERVALS}
    [count] = _numbers("<H", section, 0) or [0]
    place = 4
    for _ in range(count):
        size = _numbers("<H", section, place + 2)
        if not size:
            break
        # a lead's first numbers: duration of P, PR interval, duration of QRS, QT interval
        values = _numbers("<4h", section, place + 4) if size[0] >= 8 else []
        for name, value in zip(_INTERVALS, values[1:], strict=False):
            found[name].add(value)
        place += 4 + size[0]
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _numbers(form: str, section: bytes, place: int) -> list[int]:
    """Return numbers at a place; none where the section ends before."""
    if place + struct.calcsize(form) > len(section):
        return []
    return list(struct.unpack_from(form, section, place))


def _between(begin: int | None, end: int | None) -> int | None:
    return end - begin if begin is not None and end is not None else None


def _measured(read: Callable[[str], float | None], value: int | None) -> float | None:
    return None if value is None or value in _NOT_MEASURED else read(str(value))


def _text(content: bytes, code_page: str) -> str | None:
    """Return a text up to its NUL, with single blanks; None where there is none."""
    content = content[:LONGEST_TEXT]
    if code_page.startswith("utf-16"):
        text = content.decode(code_page, "replace").partition("\0")[0]
    else:
        content = content.partition(b"\0")[0]
        try:
            text = content.decode()  # no language code says UTF-8, and texts of other code pages are hardly ever valid
        except UnicodeDecodeError:
            text = content.decode(code_page, "replace")
    return " ".join(text.split()) or None


def _software(device: bytes, code_page: str) -> str | None:
    """Return the revision of the analysis program, else of the device's system; between them is a serial number."""
    texts = [_text(each, code_page) for each in device[36:].split(b"\0")[:3]]
    return next((text for text in texts[::2] if text and text.lower() != _UNKNOWN), None)


def _age(field: bytes) -> float | None:
    if len(field) < 3:
        return None
    value, unit = struct.unpack_from("<HB", field)
    return age_years(str(value), _AGE_UNITS.get(unit, "")) if value else None


def _day(field: bytes) -> date | None:
    try:
        return date(*struct.unpack_from("<HBB", field))
    except (ValueError, struct.error):
        return None


def _time(field: bytes) -> time | None:
    try:
        return time(*struct.unpack_from("<BBB", field))
    except (ValueError, struct.error):
        return None
