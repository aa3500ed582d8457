"""SQL of review items: who reads which, what they wrote, and what they were shown."""

import json
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.auth.tables import User
from app.ecgs.tables import Ecg
from app.kit.database import Json
from app.predictions.tables import Prediction
from app.reports.tables import StoredText
from app.reviews.tables import ReviewItem, ReviewList, ReviewReading, ReviewShown, ReviewVersion

MOST_DRAFTS = 20
_FREE = "(i.state = 'open' OR i.claim_expires_at <= now())"


class Found(NamedTuple):
    """An item with its list and ECG."""

    item: ReviewItem
    of: ReviewList
    ecg: Ecg


def item(session: Session, item_id: uuid.UUID, *, lock: bool = False) -> Found | None:
    """Return an item, as it is stored now; with `lock` nobody else changes it until the transaction ends."""
    statement = (
        select(ReviewItem, ReviewList, Ecg)
        .join(ReviewList, ReviewList.id == ReviewItem.list_id)
        .join(Ecg, Ecg.id == ReviewItem.ecg_id)
        .where(ReviewItem.id == item_id)
        .execution_options(populate_existing=True)
    )
    found = session.execute(statement.with_for_update(of=ReviewItem) if lock else statement).first()
    return None if found is None else Found(*found)


def held_by(session: Session, user_id: uuid.UUID) -> ReviewItem | None:
    """Return the item that a user holds."""
    return session.scalar(
        select(ReviewItem).where(
            ReviewItem.claimed_by == user_id,
            ReviewItem.state.in_(["claimed", "locked"]),
            ReviewItem.claim_expires_at > func.clock_timestamp(),
        )
    )


def free_expired(session: Session, user_id: uuid.UUID) -> None:
    """Release what a user held for too long."""
    session.execute(
        update(ReviewItem)
        .where(
            ReviewItem.claimed_by == user_id,
            ReviewItem.state.in_(["claimed", "locked"]),
            ReviewItem.claim_expires_at <= func.clock_timestamp(),
        )
        .values(state="open", claimed_by=None, claim_expires_at=None)
        .execution_options(synchronize_session=False)
    )


class Candidate(NamedTuple):
    """An item that a user may read next, unless the user has been shown a reading of its ECG."""

    id: uuid.UUID
    ecg_id: uuid.UUID
    purpose: str
    blind: bool
    first_locked: bool
    created_at: datetime


def candidates(
    session: Session, list_id: uuid.UUID, user: User, *, begun: bool, skip: int = 0, limit: int
) -> list[Candidate]:
    """List free items of a list for a user, in the list's order.

    `begun`: those that the user has begun to read, or that were made for the user. Else the others: of ECGs that the
    user has not read, here or elsewhere.
    """
    unread = """
        NOT EXISTS (
            SELECT FROM review_items o JOIN review_readings r ON r.item_id = o.id
            WHERE o.ecg_id = i.ecg_id AND o.id <> i.id AND r.user_id = :user
            AND (r.locked_at IS NOT NULL OR EXISTS (SELECT FROM review_versions v WHERE v.reading_id = r.id))
        ) AND NOT EXISTS (
            SELECT FROM reports WHERE ecg_id = i.ecg_id AND source = 'overread' AND reader = :name AND current
        )
    """
    mine = f"(i.for_user = :user OR (own.id IS NOT NULL AND {unread}))"
    others = f"(i.for_user IS NULL AND own.id IS NULL AND {unread})"
    rows = session.execute(
        text(
            f"""
            SELECT i.id, i.ecg_id, i.purpose, i.blind, own.locked_at IS NOT NULL, i.created_at
            FROM review_items i LEFT JOIN review_readings own ON own.item_id = i.id AND own.user_id = :user
            WHERE i.list_id = :list AND i.state <> 'signed' AND {_FREE}
              AND {mine if begun else others}
            ORDER BY i.position, i.purpose, i.id LIMIT :limit OFFSET :skip
            """  # noqa: S608
        ),
        {"list": list_id, "user": user.id, "name": user.name, "limit": limit, "skip": skip},
    )
    return [Candidate(*row) for row in rows]


def claim(session: Session, item_ids: Sequence[uuid.UUID], user_id: uuid.UUID, minutes: int) -> uuid.UUID | None:
    """Give the first of some items that nobody holds to a user; None where all are held by now.

    It is one statement: of two who want the same item, the second gets the next.
    """
    claimed: uuid.UUID | None = session.scalar(
        text(
            f"""
            UPDATE review_items SET claimed_by = :user,
                state = CASE WHEN EXISTS (
                    SELECT FROM review_readings r
                    WHERE r.item_id = review_items.id AND r.user_id = :user AND r.locked_at IS NOT NULL
                ) THEN 'locked' ELSE 'claimed' END,
                claim_expires_at = clock_timestamp() + make_interval(mins => :minutes)
            WHERE id = (
                SELECT i.id FROM review_items i
                WHERE i.id = ANY(CAST(:ids AS uuid[])) AND i.state <> 'signed' AND {_FREE}
                ORDER BY array_position(CAST(:ids AS uuid[]), i.id) LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id
            """  # noqa: S608
        ),
        {"ids": list(item_ids), "user": user_id, "minutes": minutes},
    )
    if claimed is not None:
        session.execute(
            upsert(ReviewReading)
            .values(id=uuid.uuid4(), item_id=claimed, user_id=user_id)
            .on_conflict_do_nothing(index_elements=["item_id", "user_id"])
        )
    return claimed


def begun_in(session: Session, list_id: uuid.UUID, user_id: uuid.UUID) -> int:
    """Count the items of a list that a user has ever claimed."""
    counted = (
        select(func.count())
        .select_from(ReviewReading)
        .join(ReviewItem, ReviewItem.id == ReviewReading.item_id)
        .where(ReviewItem.list_id == list_id, ReviewReading.user_id == user_id)
    )
    return session.scalars(counted).one()


def repeatable(session: Session, of: ReviewList, user_id: uuid.UUID, *, simulated: bool, limit: int) -> list[Json]:
    """List readings that a user signed long enough ago in lists of this mode, and has not repeated, in any order."""
    rows = session.execute(
        text(
            """
            SELECT i.ecg_id, i.id AS repeats FROM review_readings r
            JOIN review_items i ON i.id = r.item_id JOIN ecgs e ON e.id = i.ecg_id
            WHERE r.user_id = :user AND i.purpose IN ('read', 'second') AND i.blind = :blind
              AND e.simulated = :simulated AND i.state = 'signed' AND i.claimed_by = :user AND EXISTS (
                  SELECT FROM review_versions v WHERE v.reading_id = r.id
                  AND v.signed_at <= now() - make_interval(days => :days))
              AND NOT EXISTS (SELECT FROM review_items again WHERE again.repeats = i.id)
            ORDER BY md5(:list || i.id::text) LIMIT :limit
            """
        ),
        {
            "user": user_id,
            "blind": of.mode == "blind",
            "simulated": simulated,
            "days": of.repeat_after_days,
            "list": str(of.id),
            "limit": limit,
        },
    )
    return [dict(row) for row in rows.mappings()]


def gold_unread(session: Session, of: ReviewList, user: User, *, simulated: bool, limit: int) -> list[Json]:
    """List gold ECGs that a user has neither read nor filed, in any order."""
    rows = session.execute(
        text(
            """
            SELECT g.ecg_id, NULL AS repeats FROM review_gold g JOIN ecgs e ON e.id = g.ecg_id
            WHERE e.waveform_sha256 IS NOT NULL AND e.simulated = :simulated AND g.added_by <> :name AND NOT EXISTS (
                SELECT FROM review_items i JOIN review_readings r ON r.item_id = i.id
                WHERE i.ecg_id = g.ecg_id AND r.user_id = :user
            ) AND NOT EXISTS (SELECT FROM review_items i WHERE i.ecg_id = g.ecg_id AND i.for_user = :user)
            AND NOT EXISTS (
                SELECT FROM reports WHERE ecg_id = g.ecg_id AND source = 'overread' AND reader = :name AND current
            )
            ORDER BY md5(:list || g.ecg_id::text || CAST(:user AS text)) LIMIT :limit
            """
        ),
        {"user": user.id, "name": user.name, "simulated": simulated, "list": str(of.id), "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def is_simulated(session: Session, list_id: uuid.UUID) -> bool | None:
    """Return whether a list's ECGs are simulated; None of an empty list."""
    statement = select(Ecg.simulated).join(ReviewItem, ReviewItem.ecg_id == Ecg.id)
    return session.scalar(statement.where(ReviewItem.list_id == list_id).limit(1))


def add_item(session: Session, **values: Any) -> uuid.UUID:
    """Add an item to a list."""
    return session.scalars(insert(ReviewItem).values(id=uuid.uuid4(), **values).returning(ReviewItem.id)).one()


def reading(session: Session, item_id: uuid.UUID, user_id: uuid.UUID) -> ReviewReading | None:
    """Return what a user writes of an item."""
    return session.scalar(
        select(ReviewReading)
        .where(ReviewReading.item_id == item_id, ReviewReading.user_id == user_id)
        .execution_options(populate_existing=True)
    )


def save_draft(session: Session, reading_id: uuid.UUID, draft: Json) -> None:
    """Put a draft before the ones that are kept."""
    session.execute(
        text(
            """
            UPDATE review_readings SET drafts = (
                SELECT jsonb_agg(d ORDER BY place) FROM (
                    SELECT d, place FROM jsonb_array_elements(jsonb_build_array(CAST(:draft AS jsonb)) || drafts)
                    WITH ORDINALITY kept (d, place) ORDER BY place LIMIT :most
                ) newest
            ) WHERE id = :id
            """
        ),
        {"id": reading_id, "draft": json.dumps(draft), "most": MOST_DRAFTS},
    )


def prolong(session: Session, item_id: uuid.UUID, minutes: int) -> datetime:
    """Hold an item from now on as long as a claim lasts; return until when."""
    until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, minutes)
    prolonged = update(ReviewItem).where(ReviewItem.id == item_id).values(claim_expires_at=until)
    at = session.scalars(prolonged.returning(ReviewItem.claim_expires_at)).one()
    assert at is not None
    return at


def set_state(session: Session, item_id: uuid.UUID, state: str) -> None:
    """Lock, sign or release an item."""
    values: dict[str, Any] = {"state": state}
    if state in ("open", "signed"):
        values["claim_expires_at"] = None
    if state == "open":
        values["claimed_by"] = None
    session.execute(update(ReviewItem).where(ReviewItem.id == item_id).values(values))


def lock_first(session: Session, reading_id: uuid.UUID, text_id: int, *, blinded: bool) -> None:
    """Store a first reading, which stands."""
    session.execute(
        update(ReviewReading)
        .where(ReviewReading.id == reading_id)
        .values(first_text_id=text_id, locked_at=func.clock_timestamp(), blinded=blinded)
    )


def versions(session: Session, reading_ids: Collection[uuid.UUID]) -> list[ReviewVersion]:
    """Return the signed versions of readings, oldest first."""
    return list(
        session.scalars(
            select(ReviewVersion).where(ReviewVersion.reading_id.in_(reading_ids)).order_by(ReviewVersion.version)
        )
    )


def add_version(session: Session, reading_id: uuid.UUID, **values: Any) -> None:
    """Store a signed version, and forget the drafts."""
    session.execute(insert(ReviewVersion).values(reading_id=reading_id, **values))
    session.execute(update(ReviewReading).where(ReviewReading.id == reading_id).values(drafts=[]))


def words(session: Session, text_ids: Collection[int]) -> dict[int, str]:
    """Return stored texts."""
    rows = session.execute(select(StoredText.id, StoredText.text).where(StoredText.id.in_(text_ids)))
    return {text_id: said or "" for text_id, said in rows}


def note_shown(session: Session, item_id: uuid.UUID, user_id: uuid.UUID, what: Sequence[str]) -> None:
    """Write down what a user is shown of an item, and when first and last."""
    if what:
        rows = [{"item_id": item_id, "user_id": user_id, "what": each} for each in what]
        statement = upsert(ReviewShown).values(rows)
        session.execute(
            statement.on_conflict_do_update(index_elements=["item_id", "user_id", "what"], set_={"last_at": func.now()})
        )


def shown(session: Session, item_id: uuid.UUID, user_id: uuid.UUID) -> list[ReviewShown]:
    """Return what a user was shown of an item, in order."""
    return list(
        session.scalars(
            select(ReviewShown)
            .where(ReviewShown.item_id == item_id, ReviewShown.user_id == user_id)
            .order_by(ReviewShown.at, ReviewShown.id)
        )
    )


def newest_answer(session: Session, ecg_id: uuid.UUID, model_id: uuid.UUID) -> Prediction | None:
    """Return a model's newest stored answer about an ECG."""
    return session.scalar(
        select(Prediction)
        .where(Prediction.ecg_id == ecg_id, Prediction.model_id == model_id, Prediction.state == "answered")
        .order_by(Prediction.answered_at.desc())
        .limit(1)
    )


class Final(NamedTuple):
    """What one of an ECG's two readers signed last, with what the active vocabulary finds there."""

    reading_id: uuid.UUID
    text_id: int
    positive: int
    stance: str


def both_finals(session: Session, list_id: uuid.UUID, ecg_id: uuid.UUID, vocabulary_id: uuid.UUID) -> list[Final]:
    """Return the last signed versions of an ECG's readings in a list, without repeats and gold."""
    rows = session.execute(
        text(
            """
            SELECT r.id, v.text_id, l.present | l.uncertain, l.stance FROM review_items i
            JOIN review_readings r ON r.item_id = i.id AND r.user_id = i.claimed_by
            JOIN LATERAL (
                SELECT text_id FROM review_versions v WHERE v.reading_id = r.id ORDER BY version DESC LIMIT 1
            ) v ON true
            JOIN labelings l ON l.text_id = v.text_id AND l.vocabulary_id = :vocabulary
            WHERE i.list_id = :list AND i.ecg_id = :ecg AND i.purpose IN ('read', 'second') AND i.state = 'signed'
            """
        ),
        {"list": list_id, "ecg": ecg_id, "vocabulary": vocabulary_id},
    )
    return [Final(*row) for row in rows]


def adjudication(session: Session, list_id: uuid.UUID, ecg_id: uuid.UUID) -> ReviewItem | None:
    """Return the item in which an ECG's two readings are decided, and lock it."""
    return session.scalar(
        select(ReviewItem)
        .where(ReviewItem.list_id == list_id, ReviewItem.ecg_id == ecg_id, ReviewItem.purpose == "adjudicate")
        .with_for_update()
    )


def drop_item(session: Session, item_id: uuid.UUID) -> None:
    """Delete an item that nobody has to read any more."""
    session.execute(delete(ReviewItem).where(ReviewItem.id == item_id))


def name_of(session: Session, user_id: uuid.UUID) -> str:
    """Return a user's name."""
    return session.scalars(select(User.name).where(User.id == user_id)).one()


def now(session: Session) -> datetime:
    """Return the time by the database's clock."""
    at: datetime = session.scalars(select(func.clock_timestamp())).one()
    return at


def days_ago(session: Session, days: int) -> datetime:
    """Return the time so many days ago."""
    at: datetime = session.scalars(select(func.now() - func.make_interval(0, 0, 0, days))).one()
    return at
