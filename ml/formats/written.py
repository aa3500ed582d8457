"""Numbers, dates, ages and sexes as files write them. What is not clear gives None: no fact, never a wrong one."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from typing import Literal

from ml.formats.ecg_file import MEASURED

LONGEST_VALUE = 100  # characters; a longer one is no number and no date
MAX_AGE = 130.0  # years

DateOrder = Literal["day first", "month first"]

_NUMBER = re.compile(r"[-+]?(?:\d{1,12}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,2})?", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_NAMED_DATE = re.compile(r"(\d{1,2})-([a-z]{3})-(\d{4})", re.ASCII | re.IGNORECASE)
_NUMERIC_DATE = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,6})\d{0,6})?", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})?(\.\d{1,6})?\d{0,6}(?:([-+])(\d{2})(\d{2}))?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS_IN_A_YEAR = {"years": 1.0, "months": 12.0, "weeks": 365.25 / 7, "days": 365.25, "hours": 365.25 * 24}
_SEXES: dict[str, Literal["male", "female"]] = {"m": "male", "male": "male", "f": "female", "female": "female"}


def number(text: str | None) -> float | None:
    """Return a decimal number with a point, perhaps with an exponent, or None."""
    if text is None or len(text) > LONGEST_VALUE or not _NUMBER.fullmatch(text.strip()):
        return None
    return float(text)


def interval_ms(text: str | None) -> float | None:
    """Return an interval; 0 stands for one that was not measured."""
    value = number(text)
    return value if value is not None and 0 < value <= MEASURED["pr_ms"].highest else None


def heart_rate(text: str | None) -> float | None:
    """Return a rate in beats a minute; 0 stands for one that was not measured."""
    value = number(text)
    return value if value is not None and 0 < value <= MEASURED["heart_rate"].highest else None


def axis(text: str | None) -> float | None:
    """Return an axis in degrees, -180 to 180; some devices count from -90 to 270, or from 0 to 360."""
    value = number(text)
    if value is None or not -180 <= value <= 360:
        return None
    return value - 360 if value > 180 else value


def age_years(text: str | None, unit: str = "years") -> float | None:
    """Return an age in years, from a number in years, months, weeks, days or hours."""
    value, in_a_year = number(text), _UNITS_IN_A_YEAR.get(unit.strip().lower())
    if value is None or in_a_year is None or not 0 <= value / in_a_year <= MAX_AGE:
        return None
    return round(value / in_a_year, 3)


def sex(text: str | None) -> Literal["male", "female"] | None:
    """Return the sex that a word or a letter names."""
    return _SEXES.get((text or "").strip().lower())


def date_order(texts: Iterable[str | None], usual: DateOrder | None) -> DateOrder | None:
    """Return the order in which the numeric dates of a file are written; None where they contradict one another.

    A date with a number above 12 shows it. Where none does, the order is the one that the format usually has.
    """
    shown: set[DateOrder] = set()
    for text in texts:
        if found := _numeric(text):
            if int(found[1]) > 12:
                shown.add("day first")
            if int(found[3]) > 12:
                shown.add("month first")
    if len(shown) > 1:
        return None
    return shown.pop() if shown else usual


def date_of(text: str | None, order: DateOrder | None) -> date | None:
    """Return a day: `2021-05-10`, `20210510`, `10-MAY-2021`, or `05-10-2021` in the given order (also with / or .)."""
    if text is None or len(text) > LONGEST_VALUE:
        return None
    if found := _ISO_DATE.fullmatch(text.strip()):
        return _day(found[1], found[2], found[3])
    if (found := _NAMED_DATE.fullmatch(text.strip())) and found[2].lower() in _MONTHS:
        return _day(found[3], str(_MONTHS.index(found[2].lower()) + 1), found[1])
    if (found := _numeric(text)) and order is not None:
        day, month = (found[1], found[3]) if order == "day first" else (found[3], found[1])
        return _day(found[4], month, day)
    return None


def time_of(text: str | None) -> time | None:
    """Return a time of day, `13:15:18` or `13:15:18.25`."""
    if text is None or len(text) > LONGEST_VALUE or not (found := _TIME.fullmatch(text.strip())):
        return None
    hour, minute, second, fraction = int(found[1]), int(found[2]), int(found[3]), found[4] or "0"
    if hour > 23 or minute > 59 or second > 59:
        return None
    return time(hour, minute, second, int(fraction.ljust(6, "0")))


def moment(day: date | None, at: time | None) -> datetime | None:
    """Return when something was, as local time without an offset; None where day or time of day is not known."""
    return datetime.combine(day, at) if day is not None and at is not None else None


def timestamp(text: str | None) -> datetime | None:
    """Return a time as HL7 and DICOM write it, `20021122091000.000-0500`, to the minute at least.

    Without an offset it is local.
    """
    found = _TIMESTAMP.fullmatch((text or "").strip()[:LONGEST_VALUE])
    if found is None:
        return None
    known = moment(date_of(found[1], None), time_of(f"{found[2]}:{found[3]}:{found[4] or '00'}{found[5] or ''}"))
    if known is None or found[6] is None:
        return known
    offset = timedelta(hours=int(found[7]), minutes=int(found[8]))
    if offset >= timedelta(days=1):
        return None
    return known.replace(tzinfo=timezone(offset if found[6] == "+" else -offset))


def age_at(day: date | None, born: date | None) -> float | None:
    """Return the age in years on a day, to a tenth."""
    if day is None or born is None or born > day:
        return None
    return age_years(str(round((day - born).days / _UNITS_IN_A_YEAR["days"], 1)))


def identifier(text: str | None) -> str | None:
    """Return a number of a patient or an order; zeros alone stand for none."""
    value = (text or "").strip()
    return value if value.strip("0 -._") else None


def _numeric(text: str | None) -> re.Match[str] | None:
    return None if text is None or len(text) > LONGEST_VALUE else _NUMERIC_DATE.fullmatch(text.strip())


def _day(year: str, month: str, day: str) -> date | None:
    try:
        known = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return known if known.year > 1 else None  # the year 1 stands for a time that is not known
