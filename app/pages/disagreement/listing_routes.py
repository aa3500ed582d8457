"""The pages of the ECGs behind a number, and of the words."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.access_log.shown import ShownDep
from app.auth.access import ViewerUser
from app.disagreement.drilldown import service
from app.disagreement.drilldown.schemas import ChangedStatements, DifferingEcg
from app.disagreement.drilldown.statements import changed_statements
from app.disagreement.outcomes import Direction, Listed
from app.disagreement.sheets import statements_csv
from app.kit.database import Json
from app.kit.pagination import Cursor
from app.pages.disagreement.answers import csv_file
from app.pages.disagreement.marked import pieces
from app.pages.disagreement.question import Question, QuestionDep
from app.pages.shell import PagesDep

router = APIRouter(include_in_schema=False)

PAGE = 20
MOST_STATEMENTS = 40

DirectionAsked = Annotated[Listed, Query(description="What the over-read did with the label, or who called it.")]
Instead = Annotated[str | None, Query(max_length=200, description="The label that changed the other way.")]
Label = Annotated[str | None, Query(max_length=200, description="Only ECGs on which this label differs.")]
ChangedHow = Annotated[Direction, Query(description="With `label`: what the over-read did with it.")]
Sample = Annotated[int, Query(ge=1, le=5_000, description="How many ECGs are read, the newest first.")]

DIRECTIONS: dict[Listed, str] = {
    "both": "Added or removed",
    "added": "Added",
    "removed": "Removed",
    "agreed": "Both called",
    "machine": "Machine called",
    "overread": "Over-read called",
}


@router.get("/disagreement/ecgs")
def show_most_changed_ecgs(
    request: Request, pages: PagesDep, user: ViewerUser, question: QuestionDep, shown: ShownDep, cursor: Cursor = None
) -> HTMLResponse:
    """Show the ECGs on which most labels differ."""
    found = service.most_changed(
        question.session,
        question.book,
        question.rules,
        question.chosen,
        hedged=question.hedged,
        limit=PAGE,
        cursor=cursor,
    )
    shown.add(item.ecg.id for item in found.items)
    return pages.answer(
        request,
        "disagreement/ecgs.html",
        user=user,
        heading="ECGs on which most labels differ",
        label=None,
        directions=[],
        instead=None,
        items=[_item(question, item) for item in found.items],
        next_href=question.links.here(cursor=found.next_cursor) if found.next_cursor else None,
        first_href=question.links.here() if cursor else None,
        labels=question.labels,
        **question.shared(),
    )


@router.get("/disagreement/{label}/ecgs")
def show_differing_ecgs(
    label: str,
    request: Request,
    pages: PagesDep,
    user: ViewerUser,
    question: QuestionDep,
    shown: ShownDep,
    direction: DirectionAsked = "both",
    instead: Instead = None,
    cursor: Cursor = None,
) -> HTMLResponse:
    """Show the ECGs whose over-read added, or removed, a label, or that a source called, with both texts."""
    found = service.of_label(
        question.session,
        question.book,
        question.rules,
        question.chosen,
        hedged=question.hedged,
        label=service.place_of(question.rules, label),
        direction=direction,
        instead=service.place_instead(question.rules, direction, instead),
        limit=PAGE,
        cursor=cursor,
    )
    shown.add(item.ecg.id for item in found.items)
    links = question.links
    return pages.answer(
        request,
        "disagreement/ecgs.html",
        user=user,
        heading=question.labels[label],
        label=label,
        directions=[
            (links.here(direction=None if key == "both" else key, instead=None), words, key == direction)
            for key, words in DIRECTIONS.items()
        ],
        instead=_instead_words(question, direction, instead),
        items=[_item(question, item) for item in found.items],
        next_href=links.here(cursor=found.next_cursor) if found.next_cursor else None,
        first_href=links.here() if cursor else None,
        labels=question.labels,
        **question.shared(),
    )


def _instead_words(question: Question, direction: Listed, instead: str | None) -> tuple[str, str] | None:
    """Return what has to have changed the other way, in words, and the address without that."""
    if instead is None:
        return None
    other = "removed" if direction == "added" else "added"
    words = f"nothing {other}" if instead == "nothing" else f"{question.labels[instead]} {other}"
    return words, question.links.here(instead=None)


def _item(question: Question, item: DifferingEcg) -> Json:
    """Return an ECG with the two readings that count, their findings marked."""
    names = question.labels
    readings = [report for report in item.reports if report.counts]
    return {
        "ecg": item.ecg,
        "reader": item.reader,
        "added": [names[key] for key in item.added],
        "removed": [names[key] for key in item.removed],
        "readings": [
            (report, pieces(report, names, item.removed if report.source == "machine" else item.added))
            for report in sorted(readings, key=lambda report: report.source)
        ],
    }


@router.get("/disagreement/statements")
def show_statements(
    request: Request,
    pages: PagesDep,
    user: ViewerUser,
    question: QuestionDep,
    shown: ShownDep,
    label: Label = None,
    direction: ChangedHow = "both",
    sample: Sample = 500,
) -> HTMLResponse:
    """Show the statements that experts add and remove most."""
    found = _statements(question, shown, label=label, direction=direction, sample=sample, limit=MOST_STATEMENTS)
    return pages.answer(
        request,
        "disagreement/statements.html",
        user=user,
        found=found,
        most=max((each.ecgs for each in (*found.added, *found.removed)), default=1),
        label=label,
        labels=question.labels,
        direction=direction,
        sample=sample,
        **question.shared(),
    )


@router.get("/disagreement/statements.csv")
def save_statements(
    user: ViewerUser,
    question: QuestionDep,
    shown: ShownDep,
    label: Label = None,
    direction: ChangedHow = "both",
    sample: Sample = 500,
) -> Response:
    """Return the statements as CSV."""
    found = _statements(question, shown, label=label, direction=direction, sample=sample, limit=500)
    return csv_file(statements_csv(found.model_dump(mode="json")), "disagreement-statements.csv")


def _statements(
    question: Question, shown: ShownDep, *, label: str | None, direction: Direction, sample: int, limit: int
) -> ChangedStatements:
    found = changed_statements(
        question.session,
        question.rules,
        question.chosen,
        hedged=question.hedged,
        label=None if label is None else question.bit(label),
        direction=direction,
        sample=sample,
        limit=limit,
    )
    shown.add(each.example.ecg_id for each in (*found.added, *found.removed))
    return found
