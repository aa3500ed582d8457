"""Reports and labels as JSON lines, as the gold files have them."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ml.labeling.findings import PRECEDENCE
from ml.labeling.labeler import Labeler
from ml.processes.strict_json import once_each

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,4}")


class NoReport(ValueError):
    """A line is not a report; the message names its number."""


class Line(NamedTuple):
    """A report to read, with the code of its language where the line declares it."""

    id: Any
    text: str
    language: str | None = None


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a JSON number")
    return value


# Python's own decoder reads NaN, reads 1e999 as infinity, and keeps the last of two equal keys
_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, object_pairs_hook=once_each)


def read(lines: Iterable[bytes]) -> Iterator[Line]:
    """Read `{"id", "text", "language"?}` a line; a language is a code such as "de" or "en-US", or null.

    Raises `NoReport` at the first line that is not a report. Empty lines and a byte order mark are skipped.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            report = _JSON.decode(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            raise NoReport(f"line {number} is not JSON: {error}") from error
        if not isinstance(report, dict) or not isinstance(report.get("text"), str) or "id" not in report:
            raise NoReport(f'line {number} must be an object with "id" and a "text" that is a string')
        try:
            yield Line(report["id"], report["text"], language_code(report.get("language")))
        except ValueError as error:
            raise NoReport(f"line {number}: {error}") from error


def language_code(tag: object) -> str | None:
    """Return the language of a tag such as "de", "EN" or "en-US"; raises `ValueError` for what is no such tag."""
    if tag is None:
        return None
    if not isinstance(tag, str) or not (found := _TAG.fullmatch(tag)):
        raise ValueError('"language" must be a code such as "en" or "de-CH", or null')
    return found[1].lower()


def extracted(labeler: Labeler, report: Line) -> str:
    """Return `{"id", "present", "uncertain", "negated", "historical", "unread", "findings"}`, labels by names."""
    names = {label.key: label.name for label in labeler.vocabulary.labels}
    reading = labeler.read(report.text, report.language)
    findings = reading.findings
    by_status = {status: [names[f.label] for f in findings if f.status == status] for status in PRECEDENCE}
    shown = [{**finding._asdict(), "label": names[finding.label]} for finding in findings]
    return json.dumps({"id": report.id, **by_status, "unread": reading.unread, "findings": shown})


def explained(labeler: Labeler, report: Line) -> str:
    """Return text for people: each statement, and below it its labels with their status, words and cue."""
    names = {label.key: label.name for label in labeler.vocabulary.labels}
    reading = labeler.read(report.text, report.language)
    written = [f"{report.id}{': unread, in another language' if reading.unread else ''}"]
    for statement in reading.statements:
        written.append(f"  {' '.join(statement.text.split())}")
        for finding in reading.findings:
            if statement.start <= finding.start < statement.end:
                cue = f', because of "{finding.cue}"' if finding.cue else ""
                written.append(f'    {finding.status}: {names[finding.label]} ("{finding.text}"{cue})')
    return "\n".join(written)
