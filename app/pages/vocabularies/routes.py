"""Pages of the vocabulary. What changes something is sent to the API by the browser."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.requests import Request
from sqlalchemy.orm import Session

from app.access_log.shown import ShownDep
from app.auth.access import ResearcherUser, ViewerUser
from app.auth.service import allows
from app.ecgs.filters import wants_simulated
from app.jobs import queries as jobs
from app.jobs.service import finished
from app.kit.database import SessionDep
from app.kit.problems import not_found
from app.kit.text import LONGEST_REPORT
from app.pages.shell import PagesDep, is_htmx
from app.pages.vocabularies.differences import differences
from app.reports.queries import UnmappedChoice
from app.reports.schemas import Source
from app.vocabularies import queries, service
from app.vocabularies.service import LabelersDep
from app.vocabularies.tables import VocabularyRow
from ml.labeling.vocabulary import Version

router = APIRouter(include_in_schema=False, prefix="/vocabularies")

LIMIT = 100
VersionPath = Annotated[Version, Path()]
Statement = Annotated[str, Query(min_length=1, max_length=LONGEST_REPORT)]


@router.get("")
def show_vocabularies(request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser) -> Response:
    """Show the versions, and what the active one does not understand."""
    rows = queries.all_newest_first(session)
    return pages.answer(
        request,
        "vocabularies/list.html",
        user=user,
        title="Vocabulary",
        versions=[service.outside(row) for row in rows],
        active=queries.active(session).version,
        before=_before(session),
        under_way=jobs.unfinished(session, "relabel"),
        may_change=allows(user.role, "admin"),
        may_draft=allows(user.role, "researcher"),
    )


@router.get("/draft")
def show_draft(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ResearcherUser,
    version: Version | None = None,
    term: Annotated[str, Query(max_length=300)] = "",
) -> Response:
    """Show the form that adds terms to a version, tries the result, and stores it."""
    base = service.outside(_find(session, version) if version is not None else queries.active(session))
    return pages.answer(
        request,
        "vocabularies/draft.html",
        user=user,
        title="Add terms",
        base=base,
        term=term,
        may_store=allows(user.role, "admin"),
    )


@router.get("/compare")
def compare_vocabularies(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    a: Version | None = None,
    b: Version | None = None,
) -> Response:
    """Show how the files of two versions differ."""
    versions = [row.version for row in queries.all_newest_first(session)]
    first, second = (_find(session, each) if each is not None else None for each in (a, b))
    lines = differences(first.yaml, second.yaml) if first is not None and second is not None else None
    return pages.answer(
        request,
        "vocabularies/compare.html",
        user=user,
        title="Compare two versions",
        versions=versions,
        a=a,
        b=b,
        lines=lines,
    )


@router.get("/previews/{job_id}")
def show_preview(
    job_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show what a preview of every pair has found: the browser reads it from the job."""
    job = finished(session, job_id, "preview", "preview")
    return pages.answer(request, "vocabularies/preview.html", user=user, title="What would change", job=job)


@router.get("/{version}")
def show_vocabulary(
    version: VersionPath, request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show a version: its labels and their weights, its policy, and what it cannot find."""
    detail = service.detail(_find(session, version))
    return pages.answer(
        request,
        "vocabularies/version.html",
        user=user,
        title=detail.version,
        vocabulary=detail,
        active=queries.active(session).version,
        under_way=jobs.unfinished(session, "relabel"),
        may_change=allows(user.role, "admin"),
        may_draft=allows(user.role, "researcher"),
    )


@router.get("/{version}/file")
def get_vocabulary_file(version: VersionPath, session: SessionDep, user: ViewerUser) -> Response:
    """Return a version's file, to be saved."""
    name = f"attachment; filename={version}.yaml"
    headers = {
        "Content-Disposition": name,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'",
    }
    return Response(_find(session, version).yaml, headers=headers, media_type="application/yaml")


@router.get("/{version}/unmapped")
def show_unmapped(
    version: VersionPath,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    labelers: LabelersDep,
    user: ViewerUser,
    shown: ShownDep,
    source: Source | None = None,
    unread: bool | None = None,
) -> Response:
    """Show the statements that a version does not understand, the most frequent first."""
    rules = labelers.version(session, version)
    kind = wants_simulated(session, None)
    found = service.unmapped(session, rules, UnmappedChoice(source, unread), limit=LIMIT, simulated=kind)
    shown.add(each.example.ecg_id for each in found.items)
    return pages.answer(
        request,
        "vocabularies/unmapped_list.html" if is_htmx(request) else "vocabularies/unmapped.html",
        user=user,
        title=f"Not understood by {version}",
        found=found,
        version=version,
        source=source,
        unread=unread,
        most=LIMIT,
        may_draft=allows(user.role, "researcher"),
    )


@router.get("/{version}/unmapped/ecgs")
def show_ecgs_saying(
    version: VersionPath,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    labelers: LabelersDep,
    user: ViewerUser,
    shown: ShownDep,
    statement: Statement,
) -> Response:
    """Show the ECGs whose reports hold a statement that is not understood."""
    rules = labelers.version(session, version)
    found = service.saying(session, rules, statement, limit=LIMIT, simulated=wants_simulated(session, None))
    shown.add(each.ecg_id for each in found.items)
    return pages.answer(
        request,
        "vocabularies/saying.html",
        user=user,
        title="ECGs that say it",
        found=found,
        may_draft=allows(user.role, "researcher"),
    )


def _find(session: Session, version: str) -> VocabularyRow:
    row = queries.by_version(session, version)
    if row is None:
        raise not_found("vocabulary")
    return row


def _before(session: Session) -> str | None:
    """Return the version that was active before the active one."""
    last = next(iter(jobs.newest(session, "succeeded", "relabel", None, limit=1)), None)
    if last is None or last.result is None or last.result.get("version") != queries.active(session).version:
        return None
    before: str | None = last.result.get("before")
    return before
