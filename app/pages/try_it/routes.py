"""The page on which an ECG is tried out. A file that is dropped on any page opens it as a part."""

from fastapi import APIRouter, Response
from fastapi.requests import Request

from app.auth.access import ReaderUser
from app.kit.database import SessionDep
from app.pages.shell import PagesDep, is_htmx
from app.trials.queries import KEPT_S
from app.trials.service import LONGEST_S
from app.vocabularies.service import LabelersDep

router = APIRouter(include_in_schema=False)


@router.get("/try-it")
def show_try_it(
    request: Request, pages: PagesDep, session: SessionDep, labelers: LabelersDep, user: ReaderUser
) -> Response:
    """Show where a file is dropped and a text is written. The browser sends both to the API."""
    vocabulary = labelers.active(session).vocabulary
    return pages.answer(
        request,
        "try_it/part.html" if is_htmx(request) else "try_it/page.html",
        user=user,
        title="Try it",
        names={label.key: label.name for label in vocabulary.labels},
        version=vocabulary.version,
        longest_min=LONGEST_S // 60,
        kept_min=KEPT_S // 60,
    )
