"""The labeler of the active vocabulary, built once a version."""

import re
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, NamedTuple

import structlog
from sqlalchemy.orm import Session

from app.auth.tables import User
from app.jobs import queries as jobs
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import Problem, invalid, not_found
from app.kit.state import from_app
from app.reports import queries as reports
from app.vocabularies import queries
from app.vocabularies.schemas import (
    DraftIn,
    EcgSaying,
    EcgsSaying,
    ExtractIn,
    ExtractOut,
    PreviewIn,
    UnmappedExample,
    UnmappedList,
    UnmappedStatement,
    VocabularyDetail,
    VocabularyOut,
)
from app.vocabularies.tables import VocabularyRow
from ml.labeling import SHIPPED, Labeler, Vocabulary, VocabularyError, builtin, builtin_labeler, builtin_text
from ml.labeling.amend import next_version
from ml.labeling.batch import read, unmapped_form
from ml.labeling.batch import unmapped as unmapped_in
from ml.labeling.elsewhere import labeled, outline
from ml.labeling.weights import weight_of

log = structlog.get_logger(__name__)

KEPT = 8  # labelers; each holds a compiled vocabulary and what it has read


class ReadingRules(NamedTuple):
    """A stored vocabulary, ready to read reports; `slot` is where its pairs stand, if it has any."""

    id: uuid.UUID
    slot: int | None
    vocabulary: Vocabulary
    labeler: Labeler


class Labelers:
    """Labelers by vocabulary. The database says each time which one is active: no process needs a reload."""

    def __init__(self) -> None:
        # by vocabulary and profile; the one asked for last is last
        self._built: dict[tuple[uuid.UUID, str | None], Future[Labeler]] = {}
        self._lock = threading.Lock()

    def active(self, session: Session) -> ReadingRules:
        """Return the active vocabulary's labeler."""
        return self._build(queries.active(session))

    def maintained(self, session: Session) -> list[ReadingRules]:
        """Return the labelers that a change of reports must use until the transaction ends, the active one first."""
        return [self._build(row) for row in queries.maintained(session)]

    def version(self, session: Session, version: str) -> ReadingRules:
        """Return one version's labeler; raises a 404 for an unknown one."""
        row = queries.by_version(session, version)
        if row is None:
            raise not_found("vocabulary")
        return self._build(row)

    def profile(self, rules: ReadingRules, name: str) -> Labeler:
        """Return the labeler of one of a vocabulary's profiles."""
        return self._labeler((rules.id, name), lambda: Labeler(rules.vocabulary.profile(name)))

    def _build(self, row: VocabularyRow) -> ReadingRules:
        labeler = self._labeler((row.id, None), lambda: _labeler_of(row))
        return ReadingRules(row.id, row.slot, labeler.vocabulary, labeler)

    def _labeler(self, key: tuple[uuid.UUID, str | None], build: Callable[[], Labeler]) -> Labeler:
        """Return the labeler of a key. The first who asks builds it, those who ask for the same one meanwhile wait.

        The lock is not held while a vocabulary compiles, which takes seconds: all other labelers stay at hand.
        """
        with self._lock:
            found = self._built.pop(key, None)
            building = found or Future[Labeler]()
            self._built[key] = building
            if len(self._built) > KEPT:
                del self._built[next(iter(self._built))]
        if found is None:
            try:
                building.set_result(build())
            except BaseException as error:
                with self._lock:
                    if self._built.get(key) is building:
                        del self._built[key]
                building.set_exception(error)
        return building.result()


LabelersDep = Annotated[Labelers, from_app("labelers")]


def install_builtin(session: Session) -> None:
    """Store the vocabularies this release ships where they are not; on a new database the newest is the active one.

    A file that another release stored under the same version stays, because reports were read with it.
    """
    for version in SHIPPED:
        row = queries.by_version(session, version)
        if row is None:
            queries.add_if_absent(session, version, outline(Labeler(builtin(version))), builtin_text(version))
        elif row.yaml != builtin_text(version):
            log.warning("vocabulary_is_another_file", version=version, state=row.state)


def proposed(session: Session, given: PreviewIn) -> str:
    """Return the file of the vocabulary that is to be tried: a stored version's, or the one that is given."""
    if given.version is not None:
        return stored_yaml(session, given.version)
    assert given.yaml is not None
    return given.yaml


def upload(session: Session, actor: str, yaml: str, read: Json) -> tuple[VocabularyRow, bool]:
    """Store a vocabulary as it was read, and say whether it is new; a 409 when its version is another file's."""
    version = read["version"]
    is_new = queries.add_if_absent(session, version, read["outline"], yaml)
    row = queries.by_version(session, version)
    assert row is not None
    if row.yaml != yaml:
        raise Problem(409, "version_taken", f"Version {version} is another file: a changed file needs a new version.")
    if is_new:
        audit.record(session, actor, "create", "vocabulary", resource_id=row.id, after={"version": version})
    return row, is_new


def stored_yaml(session: Session, version: str) -> str:
    """Return the file of a stored version; a 404 when there is none."""
    row = queries.by_version(session, version)
    if row is None:
        raise not_found("vocabulary")
    return row.yaml


def base_of(session: Session, given: DraftIn) -> tuple[str | None, str, str]:
    """Return what a draft is a copy of (a stored version, or None), its file, and the first free version after it."""
    rows = queries.all_newest_first(session)
    taken = frozenset(row.version for row in rows)
    if given.yaml is not None:
        said = re.search(r"(?m)^version:[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9._-]{0,99})", given.yaml)
        named = said[1] if said is not None else "draft"
        return None, given.yaml, named if named not in taken else next_version(named, taken)
    row = queries.by_version(session, given.version) if given.version is not None else queries.active(session)
    if row is None:
        raise not_found("vocabulary")
    return row.version, row.yaml, next_version(row.version, taken)


def saying(session: Session, rules: ReadingRules, statement: str, *, limit: int, simulated: bool) -> EcgsSaying:
    """List the current reports that hold an unmapped statement, newest first."""
    rows = reports.saying(session, rules.id, statement, limit=limit + 1, simulated=simulated)
    items = [EcgSaying(**row._mapping) for row in rows[:limit]]
    return EcgsSaying(
        vocabulary=rules.vocabulary.version,
        statement=statement,
        simulated=simulated,
        more=len(rows) > limit,
        items=items,
    )


def extract(labelers: Labelers, session: Session, given: ExtractIn) -> ExtractOut:
    """Read a text with the active vocabulary, or with another one that a labeler is kept for."""
    rules = labelers.version(session, given.vocabulary) if given.vocabulary else labelers.active(session)
    labeler = rules.labeler
    if given.profile is not None:
        check_profile(given.profile, list(rules.vocabulary.profiles))
        labeler = labelers.profile(rules, given.profile)
    return ExtractOut.model_validate({"vocabulary": rules.vocabulary.version, **labeled(labeler, given.text)})


def check_profile(name: str, known: Sequence[str]) -> None:
    """Raise a 422 for a profile that a vocabulary does not have."""
    if name not in known:
        raise invalid("profile", f"must be one of {', '.join(known) or 'none'}")


def refuse_while_activating(session: Session, user: User, key: str | None) -> None:
    """Answer 409 while an activation is under way, unless this is that request again."""
    under_way = jobs.unfinished(session, "relabel")
    if under_way is not None and (key is None or (under_way.user_id, under_way.idempotency_key) != (user.id, key)):
        raise Problem(409, "activation_under_way", "Another activation is under way; wait for it or cancel it.")


def unmapped(
    session: Session, rules: ReadingRules, chosen: reports.UnmappedChoice, *, limit: int, simulated: bool
) -> UnmappedList:
    """List the statements of current reports that are not or only partly understood, each with a place of it."""
    items = []
    counted = reports.unmapped(session, rules.id, chosen, limit=limit, simulated=simulated)
    for form, machine, overread, unread, text_id in counted:
        report = reports.a_report_of(session, text_id, simulated=simulated)
        if report is None:
            continue  # corrected since it was counted
        report_id, ecg_id, said = report
        reading = read(rules.labeler, said.text, said.codes)
        places = (
            each
            for each in unmapped_in(rules.labeler, reading)
            if unmapped_form(rules.labeler, reading, each.statement) == form
        )
        if (found := next(places, None)) is None:
            continue  # counted by another release
        items.append(
            UnmappedStatement(
                statement=form,
                partly=found.partly,
                not_understood=list(found.not_understood),
                unread=unread,
                machine=machine,
                overread=overread,
                example=UnmappedExample(ecg_id=ecg_id, report_id=report_id, **found.statement._asdict()),
            )
        )
    return UnmappedList(vocabulary=rules.vocabulary.version, simulated=simulated, items=items)


def outside(row: VocabularyRow) -> VocabularyOut:
    """Return a stored vocabulary as the API shows it."""
    return VocabularyOut.model_validate(_shown(row))


def detail(row: VocabularyRow) -> VocabularyDetail:
    """Return a stored vocabulary with what it says."""
    shown = _shown(row)
    if "policy" not in shown:  # stored by a release that kept less
        shown = {**outline(_labeler_of(row)), **shown}
    return VocabularyDetail.model_validate({**shown, "yaml": row.yaml})


def _shown(row: VocabularyRow) -> Json:
    return {
        "id": row.id,
        "version": row.version,
        "active": row.state == "active",
        "state": row.state,
        "created_at": row.created_at,
        "shipped": row.yaml == builtin_text(row.version) if row.version in SHIPPED else None,
        **row.outline,
        "labels": [
            {**label, "weight": weight_of(label["key"], label.get("weight"))} for label in row.outline["labels"]
        ],
    }


def _labeler_of(row: VocabularyRow) -> Labeler:
    """Return the labeler of a stored file; raises a 409 where an older, less strict release stored it."""
    if row.version in SHIPPED and row.yaml == builtin_text(row.version):
        return builtin_labeler(row.version)
    try:
        return Labeler(Vocabulary.parse(row.yaml))
    except VocabularyError as error:
        raise refused(row.version, str(error)) from error


def refused(version: str, mistakes: str) -> Problem:
    """Return the 409 for a stored file that this release does not read."""
    detail = f"This release refuses the file of version {version}; mend it as a new version: {mistakes}"
    return Problem(409, "vocabulary_refused", detail)
