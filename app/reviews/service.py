"""Claiming, reading, locking and signing items; all in the caller's transaction.

A user holds one item at a time. What a user may be shown of it follows from its state, and is written down when it is.
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.access_log.service import SHOWS_NO_READING
from app.auth.tables import User
from app.disagreement.pairs.queries import refresh_pairs
from app.ecgs.tables import Ecg
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import Problem, invalid, not_found
from app.models import queries as models
from app.predictions.answers import Asked, outside
from app.predictions.schemas import ModelReference
from app.reports import queries as report_queries
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.reviews import queries
from app.reviews.blindness.queries import hold, shown_to
from app.reviews.blindness.service import blind_reading_open
from app.reviews.lists import queries as lists
from app.reviews.queries import Candidate, Found
from app.reviews.schemas import ItemOut, ReviewDraftIn
from app.reviews.tables import ReviewItem, ReviewList, ReviewReading
from app.reviews.words import report_taken_apart, taken_apart
from app.vocabularies.service import Labelers, ReadingRules

LOOKED_AT = 100  # free items at a time
DRAWN_FROM = 50  # repeats or gold ECGs
REPORTED = ("read", "second", "adjudicate")
"""Purposes whose readings are reports. A repeat corrects nothing and gold is known: these stay in the reviews alone."""


class Claimed(NamedTuple):
    """The item that a user holds now, and the one that is probably next."""

    item: Found | None
    next: uuid.UUID | None


def claim(session: Session, user: User, list_id: uuid.UUID) -> Claimed:
    """Give a user the next item of a list: the one that the user holds, has begun, or else the first free one.

    No request of the user is under way that could still show a reading, and none begins until this is committed.
    """
    hold(session, user.id)
    of = _list(session, list_id)
    queries.free_expired(session, user.id)
    held = queries.held_by(session, user.id)
    if held is None:
        if of.closed_at is not None:
            raise Problem(409, "list_closed", "This list is closed: nothing more is read in it.")
        claimed = _take(session, of, user)
        if claimed is None:
            return Claimed(None, None)
    elif held.list_id != list_id:
        where = {"Location": f"/v1/reviews/items/{held.id}"}
        raise Problem(
            409, "claim_open", "You hold an item of another list: sign or release that one first.", headers=where
        )
    else:
        claimed = held.id
    found = queries.item(session, claimed)
    assert found is not None
    return Claimed(found, _next(session, of, user) if of.closed_at is None else None)


def _take(session: Session, of: ReviewList, user: User) -> uuid.UUID | None:
    """Claim the next item of a list; None where there is nothing for the user."""
    _mix_in(session, of, user)
    for begun in (True, False):
        skip = 0
        while found := queries.candidates(session, of.id, user, begun=begun, skip=skip, limit=LOOKED_AT):
            fit = [each.id for each in _fit(session, of, user, found)]
            if fit and (claimed := queries.claim(session, fit, user.id, of.claim_minutes)) is not None:
                return claimed
            skip += LOOKED_AT
    return None


def _next(session: Session, of: ReviewList, user: User) -> uuid.UUID | None:
    """Return the item that the user would be given after this one. Looks at no more than a page."""
    _mix_in(session, of, user)
    for begun in (True, False):
        found = queries.candidates(session, of.id, user, begun=begun, limit=LOOKED_AT)
        if fit := _fit(session, of, user, found):
            return fit[0].id
    return None


def _fit(session: Session, of: ReviewList, user: User, found: Sequence[Candidate]) -> list[Candidate]:
    """Return the items that the user may read as they are to be read: of a blind one nothing has been shown before.

    A first reading that is locked may be finished. A repeat was blind when it was made: what counts is what came since.
    """
    blind = [each for each in found if each.blind and not each.first_locked]
    first = [each.ecg_id for each in blind if each.purpose != "repeat"]
    spoilt = {(ecg_id, False) for ecg_id in shown_to(session, user.id, first, harmless=SHOWS_NO_READING)}
    for each in blind:
        if each.purpose == "repeat":
            since = each.created_at - timedelta(days=of.repeat_after_days)
            if shown_to(session, user.id, [each.ecg_id], harmless=SHOWS_NO_READING, since=since):
                spoilt.add((each.ecg_id, True))
    return [each for each in found if each not in blind or (each.ecg_id, each.purpose == "repeat") not in spoilt]


def _mix_in(session: Session, of: ReviewList, user: User) -> None:
    """Make, where it is the turn of one, a repeat or a gold item for the user; it is the next that is claimed.

    Whose turn it is follows from the list, the user and how many items the user has begun: asking twice makes no two.
    """
    if queries.candidates(session, of.id, user, begun=True, limit=1):
        return
    begun = queries.begun_in(session, of.id, user.id)
    drawn = int.from_bytes(hashlib.sha256(f"{of.id}/{user.id}/{begun}".encode()).digest()[:8], "big") / 2**64
    if drawn >= of.repeat_share + of.gold_share:
        return
    simulated = queries.is_simulated(session, of.id)
    if simulated is None:
        return
    purpose = "repeat" if drawn < of.repeat_share else "gold"
    since = None
    if purpose == "repeat":
        found = queries.repeatable(session, of, user.id, simulated=simulated, limit=DRAWN_FROM)
        since = queries.days_ago(session, of.repeat_after_days)
    else:
        found = queries.gold_unread(session, of, user, simulated=simulated, limit=DRAWN_FROM)
    spoilt = set[uuid.UUID]()
    if of.mode == "blind" and found:
        ecg_ids = [each["ecg_id"] for each in found]
        spoilt = shown_to(session, user.id, ecg_ids, harmless=SHOWS_NO_READING, since=since)
    chosen = next((each for each in found if each["ecg_id"] not in spoilt), None)
    if chosen is not None:
        blind = of.mode == "blind"
        queries.add_item(session, list_id=of.id, position=0, purpose=purpose, blind=blind, for_user=user.id, **chosen)


def held(session: Session, user: User) -> Found | None:
    """Return the item that a user holds."""
    found = queries.held_by(session, user.id)
    return None if found is None else queries.item(session, found.id)


def own(session: Session, user: User, item_id: uuid.UUID) -> Found:
    """Return an item that a user holds or has signed; for an admin: that anybody has signed.

    Raises a 404 of another's, the 409 of one that the user does not hold any more, and that of who reads another blind.
    """
    blind = queries.held_by(session, user.id)
    if blind is not None and blind.id != item_id and _hides(blind):
        raise blind_reading_open(blind.id)
    found = queries.item(session, item_id)
    if found is None:
        raise not_found("item")
    is_own = found.item.claimed_by == user.id
    if found.item.state == "signed" and (is_own or user.role == "admin"):
        return found
    if blind is not None and blind.id == item_id:
        return found
    if not is_own and queries.reading(session, item_id, user.id) is None:
        raise not_found("item")
    raise _claim_expired()


def readable(session: Session, item_id: uuid.UUID) -> Found:
    """Return an item whose waveform is wanted. A waveform tells of no reading: any reader may see it."""
    found = queries.item(session, item_id)
    if found is None:
        raise not_found("item")
    return found


def _held(session: Session, user: User, item_id: uuid.UUID) -> Found:
    """Return an item that a user holds, and keep it so; raises what `own` raises."""
    found = queries.item(session, item_id, lock=True)
    held = queries.held_by(session, user.id)
    if found is None or held is None or held.id != item_id:
        own(session, user, item_id)
        raise _claim_expired()
    return found


def save_draft(session: Session, user: User, item_id: uuid.UUID, given: ReviewDraftIn) -> Json:
    """Keep a text that is not finished, and hold the item longer; raise a 409 where it does not follow the newest one.

    The same words again are the draft that is there already: an answer may have been lost on its way.
    """
    found = _held(session, user, item_id)
    reading = _reading(session, found.item, user)
    newest = reading.drafts[0] if reading.drafts else {"text": None, "saved_at": None}
    last = datetime.fromisoformat(newest["saved_at"]) if newest["saved_at"] is not None else None
    is_new = newest["text"] != given.text
    if is_new and "after" in given.model_fields_set and given.after != last:
        raise Problem(
            409, "draft_changed", "This reading has been written on elsewhere meanwhile: look at that draft first."
        )
    until = queries.prolong(session, item_id, found.of.claim_minutes)
    if is_new:
        last = until - timedelta(minutes=found.of.claim_minutes)
        queries.save_draft(session, reading.id, {"text": given.text, "saved_at": last.isoformat()})
    return {"text": given.text, "saved_at": last, "claim_expires_at": until}


def release(session: Session, user: User, item_id: uuid.UUID) -> None:
    """Give an item back unsigned; its drafts stay for the user."""
    _held(session, user, item_id)
    queries.set_state(session, item_id, "open")


def lock(session: Session, user: User, labelers: Labelers, item_id: uuid.UUID, *, words: str) -> Found:
    """Store the first reading of an item that is read blind: it stands, and the machine's reading may be shown.

    Whether it was blind is looked up once more, while no request of the user can show anything.
    """
    hold(session, user.id)  # before the list of vocabularies, as in every other request
    rules = labelers.maintained(session)
    found = _held(session, user, item_id)
    if not found.item.blind:
        raise Problem(409, "not_blind", "This item is not read blind: there is no first reading to lock.")
    if found.item.state != "claimed":
        raise Problem(409, "locked", "The first reading stands already.")
    reading = _reading(session, found.item, user)
    text_id = _stored(session, rules, words)
    since = None
    if found.item.purpose == "repeat":
        since = found.item.created_at - timedelta(days=found.of.repeat_after_days)
    seen = shown_to(session, user.id, [found.item.ecg_id], harmless=SHOWS_NO_READING, since=since)
    queries.lock_first(session, reading.id, text_id, blinded=not seen)
    queries.set_state(session, item_id, "locked")
    queries.prolong(session, item_id, found.of.claim_minutes)
    audit.record(session, user.name, "lock", "review_item", resource_id=item_id, after={"blinded": not seen})
    return _again(session, item_id)


def sign(
    session: Session,
    user: User,
    rules: Sequence[ReadingRules],
    item_id: uuid.UUID,
    *,
    words: str,
    reason: str | None,
) -> Found:
    """Sign a reading; of an item that is signed: another version. The same words again change nothing."""
    own(session, user, item_id)
    found = queries.item(session, item_id, lock=True)
    if found is None or found.item.claimed_by != user.id:
        raise _claim_expired()
    item = found.item
    if item.state == "claimed" and item.blind:
        raise Problem(409, "not_locked", "Lock your first reading before the item is signed.")
    reading = _reading(session, item, user)
    signed = queries.versions(session, [reading.id])
    text_id = _stored(session, rules, words)
    last = signed[-1].text_id if signed else reading.first_text_id
    if signed and text_id == last:
        return found
    if last is not None and text_id != last and reason is None:
        before = "the signed one" if signed else "the first one"
        raise invalid("reason", f"say why this reading differs from {before}", "missing")
    report_id = None
    if item.purpose in REPORTED:
        report_id = _report(session, user, rules, found, reading=reading, words=words)
    queries.add_version(
        session, reading.id, version=len(signed) + 1, text_id=text_id, reason=reason, report_id=report_id
    )
    if item.state != "signed":
        queries.set_state(session, item_id, "signed")
    audit.record(session, user.name, "sign", "review_item", resource_id=item_id, after={"version": len(signed) + 1})
    if found.of.readings > 1 and item.purpose in ("read", "second"):
        _decide(session, rules[0], found)
    return _again(session, item_id)


def _report(
    session: Session,
    user: User,
    rules: Sequence[ReadingRules],
    found: Found,
    *,
    reading: ReviewReading,
    words: str,
) -> uuid.UUID:
    """Store a signed reading as over-reads, and return the current one.

    A locked first reading is a version of its own, blinded; what differs from it was written with the machine's reading
    in view. A decision between two readings is final.
    """
    if not report_queries.lock_ecg(session, found.ecg.id):
        raise not_found("ECG")
    given: Json = {"source": "overread", "reader": user.name, "validated": "yes"}
    now = queries.now(session)
    readings = []
    first = None
    if reading.first_text_id is not None:
        first = queries.words(session, [reading.first_text_id])[reading.first_text_id]
        blinded = "yes" if reading.blinded else "no"
        readings.append({**given, "text": first, "authored_at": reading.locked_at, "blinded": blinded})
    if words != first:
        is_final = found.item.purpose == "adjudicate"
        readings.append({**given, "text": words, "authored_at": now, "blinded": "no", "final": is_final})
    stored = reports.store(
        session, user.name, rules, found.ecg.id, readings=[ReportIn.model_validate(each) for each in readings]
    )
    refresh_pairs(session, found.ecg.id, [each.id for each in rules])
    return stored[-1].id


def _decide(session: Session, rules: ReadingRules, found: Found) -> None:
    """Have somebody decide where an ECG's two signed readings find different labels; nobody where they no longer do.

    The caller holds the ECG's row: of two who sign at once, the second sees the first.
    """
    finals = queries.both_finals(session, found.of.id, found.ecg.id, rules.id)
    if len(finals) < 2:
        return
    differ = len({(each.positive, each.stance) for each in finals}) > 1
    there = queries.adjudication(session, found.of.id, found.ecg.id)
    if differ and there is None:
        queries.add_item(
            session,
            list_id=found.of.id,
            ecg_id=found.ecg.id,
            position=found.item.position,
            purpose="adjudicate",
            blind=False,
        )
    elif not differ and there is not None and there.state == "open":
        queries.drop_item(session, there.id)


def outside_item(session: Session, rules: ReadingRules, user: User, found: Found) -> ItemOut:
    """Show an item to a user, and write down what is shown."""
    item, of, ecg = found
    assert item.claimed_by is not None
    hidden = _hides(item)
    reading = queries.reading(session, item.id, item.claimed_by)
    assert reading is not None
    signed = queries.versions(session, [reading.id])
    first_id = [] if reading.first_text_id is None else [reading.first_text_id]
    said = queries.words(session, [*first_id, *(each.text_id for each in signed)])
    aids: Json = {"machine": None, "prediction": None, "others": None}
    if not hidden:
        aids = {**_aids(session, rules, ecg), "others": _others(session, rules, found)}
        queries.note_shown(session, item.id, user.id, [name for name, shown in aids.items() if shown is not None])
    first = None
    if reading.first_text_id is not None:
        locked = {"locked_at": reading.locked_at, "blinded": reading.blinded}
        first = {**taken_apart(rules, said[reading.first_text_id]), **locked}
    knows_ecg = not hidden and (of.readings == 1 or item.state == "signed" or item.purpose == "adjudicate")
    return ItemOut.model_validate(
        {
            "id": item.id,
            "list": {"id": of.id, "name": of.name, "mode": of.mode},
            "task": "adjudicate" if item.purpose == "adjudicate" else "read",
            "state": item.state,
            "claim_expires_at": item.claim_expires_at,
            "reader": queries.name_of(session, item.claimed_by),
            "ecg": _described(ecg),
            "waveform": f"/v1/reviews/items/{item.id}/waveform",
            "ecg_id": ecg.id if knows_ecg else None,
            **aids,
            "draft": reading.drafts[0]["text"] if reading.drafts else None,
            "drafts": reading.drafts,
            "first": first,
            "signed": [
                {
                    **taken_apart(rules, said[each.text_id]),
                    "version": each.version,
                    "signed_at": each.signed_at,
                    "reason": each.reason,
                }
                for each in signed
            ],
            "shown": [{"what": each.what, "at": each.at} for each in queries.shown(session, item.id, item.claimed_by)],
        }
    )


def _hides(item: ReviewItem) -> bool:
    """Return whether an item is read blind, and its first reading does not stand yet."""
    return item.blind and item.state == "claimed"


def _described(ecg: Ecg) -> Json:
    assert ecg.samples is not None and ecg.sampling_rate_hz is not None
    return {
        **{name: getattr(ecg, name) for name in ("age", "sex", "samples", "sampling_rate_hz", "simulated")},
        "duration_s": ecg.samples / ecg.sampling_rate_hz,
    }


def _aids(session: Session, rules: ReadingRules, ecg: Ecg) -> Json:
    """Return what the machine says, and what the model that answers predictions has said of the ECG."""
    current = reports.of_ecg(session, ecg.id, only_current=True)
    machine = next((report for report in current if report.source == "machine" and report.counts), None)
    model = models.promoted(session) or models.shipped(session)
    row = queries.newest_answer(session, ecg.id, model.id) if model is not None else None
    prediction = None
    if model is not None and row is not None:
        reference = ModelReference(id=model.id, name=model.name)
        said = {each.label: each.status for each in machine.findings} if machine is not None else None
        prediction = {"model": reference, "labels": outside(Asked(row, reference, said)).labels}
    return {
        "machine": report_taken_apart(rules, machine) if machine is not None else None,
        "prediction": prediction,
    }


def _others(session: Session, rules: ReadingRules, found: Found) -> list[Json] | None:
    """Return the two readings that are to be decided, in an order that tells nothing."""
    if found.item.purpose != "adjudicate":
        return None
    finals = queries.both_finals(session, found.of.id, found.ecg.id, rules.id)
    finals.sort(key=lambda each: hashlib.sha256(f"{found.item.id}/{each.reading_id}".encode()).digest())
    said = queries.words(session, [each.text_id for each in finals])
    return [taken_apart(rules, said[each.text_id]) for each in finals]


def _stored(session: Session, rules: Sequence[ReadingRules], words: str) -> int:
    """Store and label a text; return its id."""
    said: report_queries.Said = (words, None)
    [text_id] = report_queries.text_ids(session, [said])
    reports.label_new(session, rules, {text_id: said})
    return text_id


def _list(session: Session, list_id: uuid.UUID) -> ReviewList:
    found = lists.by_id(session, list_id)
    if found is None:
        raise not_found("list")
    return found


def _reading(session: Session, item: ReviewItem, user: User) -> ReviewReading:
    found = queries.reading(session, item.id, user.id)
    assert found is not None
    return found


def _again(session: Session, item_id: uuid.UUID) -> Found:
    found = queries.item(session, item_id)
    assert found is not None
    return found


def _claim_expired() -> Problem:
    return Problem(409, "claim_expired", "You do not hold this item any more: claim it again.")
