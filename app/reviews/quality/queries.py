"""SQL of what signed readings say of readers. What comes out is a row for each distinct combination of masks."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.ecgs.filters import EcgFilter
from app.kit.pagination import Position
from app.reports.queries import agreed, counts_first, is_read, overread_mask
from app.reviews.lists.schemas import Mode

_POSITIVE, _IS_READ = overread_mask("present", "l", "a"), is_read("l", "a")
_UNCERTAIN = overread_mask("uncertain", "l", "a")

# What each user first committed to of each item (the locked first reading, else the first version signed), and what
# was signed last. Only signed readings count; of an item that two have begun, its signer's.
_COMMITTED = """
    committed AS MATERIALIZED (
        SELECT r.id, r.user_id, i.id AS item_id, i.list_id, i.ecg_id, i.purpose, i.blind, i.repeats,
               coalesce(r.blinded, false) AS blinded, coalesce(r.first_text_id, first.text_id) AS first_text_id,
               last.text_id AS last_text_id, coalesce(r.locked_at, first.signed_at) AS created_at
        FROM review_items i JOIN review_readings r ON r.item_id = i.id AND r.user_id = i.claimed_by
        JOIN ecgs e ON e.id = i.ecg_id
        JOIN LATERAL (
            SELECT text_id, signed_at FROM review_versions v WHERE v.reading_id = r.id ORDER BY version LIMIT 1
        ) first ON true
        JOIN LATERAL (
            SELECT text_id FROM review_versions v WHERE v.reading_id = r.id ORDER BY version DESC LIMIT 1
        ) last ON true
        WHERE i.state = 'signed' AND i.purpose <> 'adjudicate'{conditions}
    )
"""


def _masked(name: str, of: str, text_id: str) -> str:
    """Return the SQL of readings with their masks. One that agrees has the machine's, unless it was read blind."""
    return f"""
        {name} AS MATERIALIZED (
            SELECT c.*, {_POSITIVE} AS present, {_UNCERTAIN} AS uncertain FROM {of} c
            JOIN labelings l ON l.text_id = c.{text_id} AND l.vocabulary_id = :vocabulary
            LEFT JOIN LATERAL {agreed("c", "l")} a ON true
            WHERE {_IS_READ} AND (l.stance = 'read' OR NOT c.blind OR c.{text_id} <> c.first_text_id)
        )
    """  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whose readings, of which mode; none named: everybody's, of both."""

    vocabulary_id: uuid.UUID
    chosen: EcgFilter
    user_id: uuid.UUID | None = None
    mode: Mode | None = None


class Compared(NamedTuple):
    """A count of readings by their masks and those of what they are compared with."""

    other: Literal["repeat", "gold", "reader"]
    present: int
    uncertain: int
    other_present: int
    other_uncertain: int
    ecgs: int


def compared(session: Session, asked: Asked) -> list[Compared]:
    """Count a user's first commitments beside the same user's repeats, beside gold, and beside the other reader's.

    A reading of an item that is not blind, or was not blinded, is no blind reading.
    """
    committed, parameters = _committed(asked, of_user=False)
    rows = session.execute(
        text(
            f"""
            WITH {committed}, {_masked("masked", "committed", "first_text_id")}, beside AS (
                SELECT 'repeat' AS other, o.present, o.uncertain, r.present AS other_present,
                       r.uncertain AS other_uncertain
                FROM masked o JOIN masked r ON r.repeats = o.item_id AND r.user_id = o.user_id WHERE o.user_id = :user
                UNION ALL
                SELECT 'gold', l.present, l.uncertain, o.present, o.uncertain
                FROM masked o JOIN review_gold g ON g.ecg_id = o.ecg_id
                JOIN labelings l ON l.text_id = g.text_id AND l.vocabulary_id = :vocabulary AND l.stance = 'read'
                WHERE o.purpose = 'gold' AND o.user_id = :user
                UNION ALL
                SELECT 'reader', o.present, o.uncertain, r.present, r.uncertain
                FROM masked o JOIN masked r ON r.list_id = o.list_id AND r.ecg_id = o.ecg_id AND r.user_id <> o.user_id
                WHERE o.user_id = :user AND o.purpose IN ('read', 'second') AND r.purpose IN ('read', 'second')
            )
            SELECT *, count(*) FROM beside GROUP BY 1, 2, 3, 4, 5
            """  # noqa: S608
        ),
        parameters,
    )
    return [Compared(*row) for row in rows]


class Totals(NamedTuple):
    """How many readings a user has signed, and of how many blind ones the labels were changed later."""

    readings: int
    amended: int


def totals(session: Session, asked: Asked) -> Totals:
    """Count a user's signed readings."""
    committed, parameters = _committed(asked)
    row = session.execute(
        text(
            f"""
            WITH {committed}
            SELECT count(*), count(*) FILTER (WHERE (f.present | f.uncertain) <> (l.present | l.uncertain))
            FROM committed c
            JOIN labelings f ON f.text_id = c.first_text_id AND f.vocabulary_id = :vocabulary
            JOIN labelings l ON l.text_id = c.last_text_id AND l.vocabulary_id = :vocabulary
            """  # noqa: S608
        ),
        parameters,
    ).one()
    return Totals(*row)


class Influenced(NamedTuple):
    """A count of readings by the machine's masks, their own and those of the reference.

    `reading`: a first reading that was blinded, what became of it once the machine's was shown, or an assisted one.
    Reference is the ECG's gold, else the final over-read of somebody else; without one its masks are None.
    """

    reading: Literal["blind", "amended", "shown"]
    machine_present: int
    machine_uncertain: int
    present: int
    uncertain: int
    right_present: int | None
    right_uncertain: int | None
    ecgs: int


def influenced(session: Session, asked: Asked) -> list[Influenced]:
    """Count readings beside the machine's report and the reference. Without repeats: an ECG counts once a reader."""
    committed, parameters = _committed(asked)
    rows = session.execute(
        text(
            f"""
            WITH {committed}, {_masked("firsts", "committed", "first_text_id")},
            {_masked("lasts", "committed", "last_text_id")}, read AS (
                SELECT 'blind' AS reading, ecg_id, user_id, present, uncertain FROM firsts
                WHERE blind AND blinded AND purpose <> 'repeat'
                UNION ALL
                SELECT 'amended', ecg_id, user_id, present, uncertain FROM lasts
                WHERE blind AND blinded AND purpose <> 'repeat'
                UNION ALL
                SELECT 'shown', ecg_id, user_id, present, uncertain FROM firsts
                WHERE NOT blind AND purpose <> 'repeat'
            )
            SELECT reading, machine.present, machine.uncertain, read.present, read.uncertain,
                   coalesce(gold.present, final.present), coalesce(gold.uncertain, final.uncertain), count(*)
            FROM read JOIN users u ON u.id = read.user_id
            JOIN LATERAL (
                SELECT text_id FROM reports r WHERE r.ecg_id = read.ecg_id AND r.source = 'machine' AND r.current
                ORDER BY {counts_first("r")} LIMIT 1
            ) said ON true
            JOIN labelings machine ON machine.text_id = said.text_id AND machine.vocabulary_id = :vocabulary
                AND machine.stance <> 'unread'
            LEFT JOIN LATERAL (
                SELECT l.present, l.uncertain FROM review_gold g JOIN labelings l ON l.text_id = g.text_id
                WHERE g.ecg_id = read.ecg_id AND l.vocabulary_id = :vocabulary AND l.stance = 'read'
            ) gold ON true
            LEFT JOIN LATERAL (
                SELECT {_POSITIVE} AS present, {_UNCERTAIN} AS uncertain FROM (
                    SELECT r.* FROM reports r
                    WHERE r.ecg_id = read.ecg_id AND r.source = 'overread' AND r.current AND r.final
                    AND r.reader <> u.name ORDER BY {counts_first("r")} LIMIT 1
                ) c JOIN labelings l ON l.text_id = c.text_id AND l.vocabulary_id = :vocabulary
                LEFT JOIN LATERAL {agreed("c", "l")} a ON true WHERE {_IS_READ}
            ) final ON true
            GROUP BY 1, 2, 3, 4, 5, 6, 7
            """  # noqa: S608
        ),
        parameters,
    )
    return [Influenced(*row) for row in rows]


def _committed(asked: Asked, *, of_user: bool = True) -> tuple[str, dict[str, Any]]:
    wanted = {
        "e.recorded_at >= :recorded_from": asked.chosen.recorded_from,
        "e.recorded_at < :recorded_to": asked.chosen.recorded_to,
        "e.site = :site": asked.chosen.site,
        "e.device = :device": asked.chosen.device,
        "e.simulated = :simulated": asked.chosen.simulated,
        "i.blind = :blind": asked.mode == "blind" if asked.mode is not None else None,
        "r.user_id = :user": asked.user_id if of_user else None,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    parameters = {condition.rpartition(":")[2]: value for condition, value in given.items()}
    conditions = [*given, *(["r.blinded"] if asked.mode == "blind" else [])]
    where = "".join(f" AND {condition}" for condition in conditions)
    return _COMMITTED.format(conditions=where), {
        **parameters,
        "vocabulary": asked.vocabulary_id,
        "user": asked.user_id,
    }


class ChangedRow(NamedTuple):
    """A user's over-read and the later one that counts instead."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    signed_at: datetime
    text: str | None
    later_id: uuid.UUID
    later_at: datetime
    later_text: str | None
    final: bool
    reviewed: bool
    item_id: uuid.UUID | None


def changed(
    session: Session, vocabulary_id: uuid.UUID, name: str, *, position: Position | None, limit: int
) -> Sequence[ChangedRow]:
    """List a reader's current over-reads of which a later one of somebody else finds other labels, newest first.

    Of several later ones it is the one that counts most. One more than `limit`.
    """
    after = "AND (later.created_at, later.id) < (:at, :id)" if position is not None else ""
    masks = ", ".join(f"{mask} AS {of}" for of, mask in (("present", _POSITIVE), ("uncertain", _UNCERTAIN)))
    labelled = f"""
        SELECT {masks} FROM labelings l LEFT JOIN LATERAL {agreed("{0}", "l")} a ON true
        WHERE l.text_id = {{0}}.text_id AND l.vocabulary_id = :vocabulary AND {_IS_READ} LIMIT 1
    """  # noqa: S608
    rows = session.execute(
        text(
            f"""
            SELECT mine.ecg_id, mine.id, mine.created_at, said.text, later.id, later.created_at, told.text, later.final,
                EXISTS (SELECT FROM review_versions v WHERE v.report_id = later.id), (
                    SELECT r.item_id FROM review_versions v JOIN review_readings r ON r.id = v.reading_id
                    WHERE v.report_id = mine.id LIMIT 1
                )
            FROM reports mine JOIN LATERAL (
                SELECT r.* FROM reports r WHERE r.ecg_id = mine.ecg_id AND r.source = 'overread' AND r.current
                AND r.reader <> mine.reader AND r.created_at > mine.created_at ORDER BY {counts_first("r")} LIMIT 1
            ) later ON true
            JOIN LATERAL ({labelled.format("mine")}) own ON true
            JOIN LATERAL ({labelled.format("later")}) other ON true
            JOIN texts said ON said.id = mine.text_id JOIN texts told ON told.id = later.text_id
            WHERE mine.source = 'overread' AND mine.current AND mine.reader <> '' AND mine.reader = :name
              AND own.present | own.uncertain <> other.present | other.uncertain {after}
            ORDER BY later.created_at DESC, later.id DESC LIMIT :limit
            """  # noqa: S608
        ),
        {
            "vocabulary": vocabulary_id,
            "name": name,
            "limit": limit + 1,
            **({"at": position.at, "id": position.id} if position is not None else {}),
        },
    )
    return [ChangedRow(*row) for row in rows]
