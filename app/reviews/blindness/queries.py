"""SQL of blindness: who reads blind just now, and which ECGs' readings a user has been shown."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

_LOCK = 0x626C_696E_6400_0000


def _key(user_id: uuid.UUID) -> int:
    """Return the number of a user's advisory lock: shared by requests that show readings, exclusive for claims."""
    return (int.from_bytes(user_id.bytes[:8], "big", signed=True)) ^ _LOCK


_SHARE = text("SELECT pg_advisory_xact_lock_shared(:key)")
_HOLD = text("SELECT pg_advisory_xact_lock(:key)")
_OPEN = text(
    "SELECT id FROM review_items WHERE claimed_by = :user AND state = 'claimed' AND blind AND claim_expires_at > now()"
)


def share(session: Session, user_id: uuid.UUID) -> None:
    """Keep a user from claiming an item until this transaction ends; wait for a claim that is under way."""
    session.execute(_SHARE, {"key": _key(user_id)})


def hold(session: Session, user_id: uuid.UUID) -> None:
    """Wait until no request of a user can still show a reading; later ones wait until this transaction ends."""
    session.execute(_HOLD, {"key": _key(user_id)})


def open_blind_item(session: Session, user_id: uuid.UUID) -> uuid.UUID | None:
    """Return the item that a user reads blind, and has not locked yet."""
    found: uuid.UUID | None = session.scalar(_OPEN, {"user": user_id})
    return found


_NAMED = text(
    """
    SELECT DISTINCT shown FROM access_log a, unnest(a.ecg_ids) shown
    WHERE a.user_id = :user AND a.ecg_ids && CAST(:ecgs AS uuid[]) AND shown = ANY(CAST(:ecgs AS uuid[]))
      AND a.status < 400 AND a.operation <> ALL(:harmless) AND a.at >= :since
    """
)
_NOT_NAMED = text(
    """
    SELECT e.id FROM ecgs e WHERE e.id = ANY(CAST(:ecgs AS uuid[])) AND EXISTS (
        SELECT FROM access_log a WHERE a.user_id = :user AND a.ecgs > cardinality(a.ecg_ids)
        AND a.at >= greatest(e.created_at, :since) AND a.status < 400 AND a.operation <> ALL(:harmless)
    )
    """
)
_BY_REVIEWS = text(
    """
    SELECT DISTINCT i.ecg_id FROM review_items i JOIN review_shown s ON s.item_id = i.id
    WHERE i.ecg_id = ANY(CAST(:ecgs AS uuid[])) AND s.user_id = :user AND s.last_at >= :since
    """
)
_ALWAYS = datetime.min


def shown_to(
    session: Session,
    user_id: uuid.UUID,
    ecg_ids: Sequence[uuid.UUID],
    *,
    harmless: Collection[str],
    since: datetime | None = None,
) -> set[uuid.UUID]:
    """Return which of some ECGs a user has been shown readings of, by any operation but the harmless ones.

    An answer that showed more ECGs than the log names (an export) may have shown any that was stored by then.
    """
    statements: tuple[TextClause, ...] = (_NAMED, _NOT_NAMED, _BY_REVIEWS)
    given = {"user": user_id, "ecgs": list(ecg_ids), "harmless": sorted(harmless), "since": since or _ALWAYS}
    return {found for statement in statements for found in session.scalars(statement, given)}
