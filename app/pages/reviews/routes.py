"""Lists of ECGs to read, the page on which they are read, and what became of readings.

What is shown of an ECG comes from the API, to JavaScript: the pages themselves hold nothing of one.
"""

import json
import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser, ResearcherUser
from app.auth.queries import users
from app.auth.service import allows
from app.kit.database import SessionDep
from app.kit.pagination import Cursor
from app.kit.text import Name
from app.pages.reviews.words import CHANGED_BY, KEY_SHEET, MODE_HINTS, MODES, RULES, STATUSES, rule_words
from app.pages.shell import PagesDep
from app.readers.routes import GivenEcgs
from app.reviews.lists import queries as lists
from app.reviews.lists import service as list_service
from app.reviews.lists.schemas import Mode
from app.reviews.quality import routes as quality
from app.vocabularies import queries as vocabularies
from app.vocabularies import service as vocabulary_service
from app.vocabularies.service import LabelersDep

router = APIRouter(include_in_schema=False)

DIGESTED = 20  # readings a page

MODULES = (
    "base.js",
    *(f"ecg/{name}.js" for name in ("paper", "calipers", "filters", "drawing", "geometry", "screen", "waveform")),
    *(f"reviews/{name}.js" for name in ("beside", "calls", "dom", "findings", "one_tab", "saver")),
    *(f"reviews/{name}.js" for name in ("statement_editor", "terms", "text", "text_editor", "undo")),
)
"""What the reading page's script imports, so that a browser asks for all of it at once."""


@router.get("/reviews")
def show_review_lists_page(request: Request, pages: PagesDep, session: SessionDep, user: ReaderUser) -> HTMLResponse:
    """Show the lists and how far they are."""
    found = list_service.outside(session, user, lists.newest(session, None, list_service.MOST_LISTS))
    return pages.answer(
        request,
        "reviews/lists.html",
        user=user,
        title="Review",
        open=[each for each in found if each.closed_at is None],
        closed=[each for each in found if each.closed_at is not None],
        held=next((each for each in found if each.mine.open_item is not None), None),
        may_make=allows(user.role, "researcher"),
        mode_names=MODES,
        mode_hints=MODE_HINTS,
        rule_words=rule_words,
    )


@router.get("/reviews/new")
def show_new_review_list_page(
    request: Request, pages: PagesDep, session: SessionDep, user: ResearcherUser
) -> HTMLResponse:
    """Show the form of a new list."""
    rules = list(RULES.items())
    return pages.answer(
        request,
        "reviews/new_list.html",
        user=user,
        title="Make a list",
        rules=rules,
        labels=list(_labels(session).items()),
    )


@router.get("/reviews/items/{item_id}")
def show_reading_page(
    item_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ReaderUser
) -> HTMLResponse:
    """Show the page on which an ECG is read. It is the same for every item: the API knows what may be seen of one."""
    return pages.answer(
        request,
        "reviews/reading.html",
        user=user,
        title="Reading",
        item_id=item_id,
        names=json.dumps(list(_labels(session).items())),
        modules=MODULES,
        key_sheet=KEY_SHEET,
    )


@router.get("/reviews/quality")
def show_review_quality_page(
    request: Request,
    pages: PagesDep,
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    given: GivenEcgs,
    reader: Name | None = None,
    mode: Mode = "blind",
) -> HTMLResponse:
    """Show how a reader reads; an admin chooses whose."""
    found = quality.get_review_quality(labelers, session, user, given, reader, mode)
    readers = [each.name for each in users(session) if allows(each.role, "reader")]
    return pages.answer(
        request,
        "reviews/quality.html",
        user=user,
        title="Quality of readings",
        quality=found,
        readers=readers if allows(user.role, "admin") else [],
        at=_at,
        number=_number,
    )


@router.get("/reviews/digest")
def show_review_digest_page(
    request: Request,
    pages: PagesDep,
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
    cursor: Cursor = None,
) -> HTMLResponse:
    """Show the readings of the user that a later reader changed."""
    return pages.answer(
        request,
        "reviews/digest.html",
        user=user,
        title="What became of my readings",
        digest=quality.get_review_digest(labelers, session, user, shown, DIGESTED, cursor),
        by_words=CHANGED_BY,
        status_words=STATUSES,
    )


def _at(value: float, low: float, width: int) -> float:
    """Return where a value between `low` and 1 stands on a line, in pixels."""
    inside = min(max(value, low), 1.0)
    return round(5 + (width - 10) * (inside - low) / (1 - low), 1)


def _number(value: float | int | None) -> str:
    """Return a count or a share."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _labels(session: Any) -> dict[str, str]:
    """Return the names of the active vocabulary's labels, in its order."""
    return {label.key: label.name for label in vocabulary_service.outside(vocabularies.active(session)).labels}
