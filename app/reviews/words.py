"""A reading taken apart: its statements, findings and stance under a vocabulary."""

from app.kit.database import Json
from app.reports.schemas import ReportOut
from app.vocabularies.service import ReadingRules
from ml.labeling.batch import read


def taken_apart(rules: ReadingRules, words: str) -> Json:
    """Return what `schemas.ReadingOut` shows of a text."""
    return _apart(rules, words, None)


def report_taken_apart(rules: ReadingRules, report: ReportOut) -> Json:
    """Return what `schemas.ReadingOut` shows of a report; of one with codes it takes these apart."""
    codes = [code.model_dump() for code in report.codes] if report.codes is not None else None
    return _apart(rules, report.text, codes)


def _apart(rules: ReadingRules, words: str | None, codes: list[Json] | None) -> Json:
    found = read(rules.labeler, words, codes)
    return {
        "text": (words or "") if codes is None else "\n".join(code["code"] for code in codes),
        "printed": words if codes is not None else None,
        "findings": [finding._asdict() for finding in found.findings],
        "statements": [
            {
                **statement._asdict(),
                "labels": [
                    finding.label
                    for finding in found.findings
                    if statement.start <= finding.start < max(statement.end, statement.start + 1)
                ],
            }
            for statement in found.statements
        ],
        "stance": found.stance,
    }
