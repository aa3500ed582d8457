"""Vocabularies, and reading a text without storing it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.access_log.shown import ShownDep
from app.auth.access import AdminUser, ResearcherUser, ViewerUser
from app.ecgs.filters import wants_simulated
from app.ecgs.parameters import Simulated
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import not_found, responses
from app.kit.text import LONGEST_REPORT, Name
from app.reports.queries import UnmappedChoice
from app.reports.schemas import Source
from app.vocabularies import queries, service
from app.vocabularies.answers import AnswersDep
from app.vocabularies.schemas import (
    DraftIn,
    DraftOut,
    EcgsSaying,
    ExtractIn,
    ExtractOut,
    PreviewIn,
    PreviewOut,
    TermList,
    TermOut,
    UnmappedList,
    VocabularyDetail,
    VocabularyIn,
    VocabularyList,
)
from app.vocabularies.service import LabelersDep
from ml.labeling.suggestions import suggestions
from ml.labeling.vocabulary import Version

router = APIRouter(prefix="/v1", tags=["labels"])

VersionPath = Annotated[Version, Path(examples=["north-2"])]


@router.get("/vocabularies", responses=responses())
def list_vocabularies(session: SessionDep, user: ViewerUser) -> VocabularyList:
    """List the versions of the vocabulary, newest first."""
    return VocabularyList(items=[service.outside(row) for row in queries.all_newest_first(session)])


@router.post(
    "/vocabularies",
    status_code=201,
    response_model=VocabularyDetail,
    responses={200: {"model": VocabularyDetail, "description": "Stored already"}, **responses(409, 413, 422, 503)},
)
def upload_vocabulary(given: VocabularyIn, answers: AnswersDep, user: AdminUser) -> Response:
    """Store a vocabulary; a mistake in it answers 422 with its line. It changes nothing until it is activated.

    `hidden_terms` names the terms that find nothing, and what hides each of them.
    """
    return Deferred(lambda: answers.stored(user.name, given.yaml))


@router.post(
    "/vocabularies/preview",
    response_model=PreviewOut | JobOut,
    responses={
        200: {"model": PreviewOut, "description": "What a sample of the pairs says"},
        202: {
            "model": JobOut,
            "description": "The job that reads every pair; its result is a preview",
            **jobs.accepted("preview", {"version": "north-2", "sample": "all", "examples": 20}),
        },
        **responses(404, 409, 413, 422, 503),
    },
)
def preview_vocabulary(
    given: PreviewIn, request: Request, answers: AnswersDep, user: ResearcherUser, shown: ShownDep, start: StartJob
) -> Response:
    """Show what a vocabulary would change: which findings, and which cells of the disagreement table.

    As many pairs as `sample` says, chosen at random, are read at once; with `"sample": "all"` a job reads every pair
    and its result is the answer. No labeling, pair or vocabulary is stored.
    """
    if given.sample == "all":
        return Deferred(lambda: answers.previewed_by_job(user, given, start))
    return Deferred(lambda: answers.previewed(request, shown, user, given))


@router.post("/vocabularies/draft", response_model=DraftOut, responses=responses(404, 413, 422, 503))
def draft_vocabulary(given: DraftIn, answers: AnswersDep, user: ResearcherUser) -> Response:
    """Write a copy of a version, or of a file, with terms added: to try it, and then to store it.

    Each term becomes a rule of its own behind the others, so that none hides it. Nothing is stored.
    """
    return Deferred(lambda: answers.drafted(given))


@router.get("/vocabularies/{version}", responses=responses(404, 409, 422))
def get_vocabulary(version: VersionPath, session: SessionDep, user: ViewerUser) -> VocabularyDetail:
    """Show a version: its labels, its policy, and the file."""
    row = queries.by_version(session, version)
    if row is None:
        raise not_found("vocabulary")
    return service.detail(row)


@router.post(
    "/vocabularies/{version}/activate",
    status_code=202,
    responses={202: jobs.accepted("relabel", {"version": "north-2", "actor": "admin"}), **responses(404, 409, 422)},
)
def activate_vocabulary(version: VersionPath, session: SessionDep, user: AdminUser, start: StartJob) -> JobOut:
    """Make a version the active one: a job reads every report with it, then the tables switch at once.

    Until then everything answers under the active one. The old labelings stay: activating the old version again is
    quick. One activation at a time: another is a 409.
    """
    if queries.by_version(session, version) is None:
        raise not_found("vocabulary")
    service.refuse_while_activating(session, user, start.idempotency_key)
    return start(user, "relabel", {"version": version, "actor": user.name})


@router.get("/vocabularies/{version}/unmapped", responses=responses(404, 409, 422))
def list_unmapped(
    version: VersionPath,
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    source: Source | None = None,
    unread: Annotated[
        bool | None, Query(description="Only statements of unread reports (true), or of all others (false).")
    ] = None,
    simulated: Simulated = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> UnmappedList:
    """List the statements of current reports that are not understood, or only partly, the most frequent first.

    They are counted under a version that is or was active. All statements of a report in a language that the vocabulary
    does not have are among them (`unread`).
    """
    rules = labelers.version(session, version)
    chosen = UnmappedChoice(source, unread)
    found = service.unmapped(session, rules, chosen, limit=limit, simulated=wants_simulated(session, simulated))
    shown.add(statement.example.ecg_id for statement in found.items)
    return found


@router.get("/vocabularies/{version}/unmapped/ecgs", responses=responses(404, 409, 422))
def list_ecgs_saying(
    version: VersionPath,
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    statement: Annotated[
        str, Query(min_length=1, max_length=LONGEST_REPORT, description="Its normal form.", examples=["a fibr"])
    ],
    simulated: Simulated = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EcgsSaying:
    """List the ECGs whose current reports hold a statement that is not understood, or only partly."""
    rules = labelers.version(session, version)
    kind = wants_simulated(session, simulated)
    found = service.saying(session, rules, statement, limit=limit, simulated=kind)
    shown.add(each.ecg_id for each in found.items)
    return found


@router.post("/labels/extract", response_model=ExtractOut, responses=responses(404, 409, 413, 422, 503))
def extract_labels(
    given: ExtractIn, answers: AnswersDep, labelers: LabelersDep, session: SessionDep, user: ViewerUser
) -> ExtractOut | Response:
    """Read a report: its statements, and the status of each label with the characters that say so.

    Nothing is stored. `stance` says whether the report reads the tracing, agrees with the machine's report, says that
    the tracing cannot be read, or is in a language that the vocabulary does not have (`unread`).
    """
    if given.vocabulary is not None and not queries.is_maintained(session, given.vocabulary):
        yaml = service.stored_yaml(session, given.vocabulary)
        return Deferred(lambda: answers.extracted(given, yaml))
    return service.extract(labelers, session, given)


@router.get("/vocabularies/{version}/terms", responses=responses(404, 409, 422))
def list_terms(
    version: VersionPath,
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    q: Annotated[Name, Query(min_length=2, description="What was typed, two letters at least.", examples=["at"])],
    limit: Annotated[int, Query(ge=1, le=100, description="Most terms.")] = 20,
) -> TermList:
    """List terms that mean one label, for what was typed: to write statements quickly. `active` is a version, too."""
    rules = labelers.active(session) if version == "active" else labelers.version(session, version)
    names = {label.key: label.name for label in rules.vocabulary.labels}
    found = suggestions(rules.labeler, q, limit)
    return TermList(items=[TermOut(term=each.term, label=each.label, name=names[each.label]) for each in found])
