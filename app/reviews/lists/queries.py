"""SQL of review lists. A new rule is one entry of `RULES`."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.disagreement.outcomes import outcomes_of
from app.ecgs.filters import EcgFilter
from app.reports.queries import counts_first
from app.reviews.lists.schemas import Rule
from app.reviews.tables import ReviewList


@dataclass(frozen=True, kw_only=True)
class Choosable(EcgFilter):
    """Which ECGs a list may hold."""

    only_unread: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a rule chooses by: the active vocabulary, its labels' weights, the model that answers predictions, and the
    discrepancy model in use for it."""

    vocabulary_id: uuid.UUID
    slot: int
    labels: Sequence[str]
    weights: Mapping[str, float]
    model_id: uuid.UUID | None
    discrepancy_model_id: uuid.UUID | None


class Chosen(NamedTuple):
    """The SQL by which a rule chooses of the ECGs `e`: tables to join, a condition, the order, and what goes before."""

    order: str
    join: str = ""
    condition: str = "true"
    before: str = ""
    parameters: Mapping[str, Any] = {}


_MACHINE = f"""
    JOIN LATERAL (
        SELECT text_id FROM reports r WHERE r.ecg_id = e.id AND r.source = 'machine' AND r.current
        ORDER BY {counts_first("r")} LIMIT 1
    ) said ON true
    JOIN LATERAL (
        SELECT present, uncertain, present | uncertain AS mask FROM labelings
        WHERE vocabulary_id = :vocabulary AND text_id = said.text_id AND stance = 'read' LIMIT 1
    ) machine ON true
"""  # noqa: S608
_NOT_OVERREAD = (
    "NOT EXISTS (SELECT FROM reports o WHERE o.ecg_id = e.id AND o.source = 'overread' AND o.current LIMIT 1)"
)


def _predicted_change(rule: Any, choice: Choice) -> Chosen:
    """Order by what an expert will probably change: Σ weight · P(change), as the discrepancy model in use says.

    ECGs follow of which it said nothing of the machine's report as it is now. They are ordered by how much the model
    differs from that report: Σ weight · |probability - machine|, labels that differ. All have an answer of the model.
    """
    return Chosen(
        order="expected.score DESC NULLS LAST, differs.score DESC",
        join=f"""{_MACHINE}
            JOIN LATERAL (
                SELECT answer FROM predictions p WHERE p.ecg_id = e.id AND p.model_id = :model AND p.state = 'answered'
                ORDER BY answered_at DESC LIMIT 1
            ) predicted ON true
            LEFT JOIN predicted_changes said_of ON said_of.discrepancy_model_id = :discrepancy_model
                AND said_of.ecg_id = e.id AND said_of.machine_present = machine.present
                AND said_of.machine_uncertain = machine.uncertain
            LEFT JOIN LATERAL (
                SELECT sum(w.weight * said_of.changes[w.bit + 1]) AS score FROM weighing w
            ) expected ON true
            LEFT JOIN LATERAL (
                SELECT sum(w.weight * abs((l ->> 'probability')::float8 - (machine.mask >> w.bit & 1))) AS score
                FROM jsonb_array_elements(predicted.answer -> 'labels') l JOIN weighing w ON w.key = l ->> 'label'
                WHERE (l ->> 'positive')::boolean <> ((machine.mask >> w.bit & 1) = 1)
            ) differs ON true""",  # noqa: S608
        condition="coalesce(expected.score, differs.score) > 0 "
        "AND e.id IN (SELECT ecg_id FROM predictions WHERE model_id = :model AND state = 'answered')",
        before="weighing AS (SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:bits AS int[]), "
        "CAST(:weights AS float8[])) w (key, bit, weight))",
        parameters={
            "vocabulary": choice.vocabulary_id,
            "model": choice.model_id,
            "discrepancy_model": choice.discrepancy_model_id,
            "keys": list(choice.labels),
            "bits": list(range(len(choice.labels))),
            "weights": [choice.weights[key] for key in choice.labels],
        },
    )


def _rarity(rule: Any, choice: Choice) -> Chosen:
    """Order by how many of the ECGs have the rarest label of the machine's report."""
    return Chosen(
        order="rarest.ecgs",
        join="JOIN said ON said.id = e.id JOIN LATERAL (SELECT min(ecgs) AS ecgs FROM frequency "
        "WHERE said.mask >> bit & 1 = 1) rarest ON rarest.ecgs IS NOT NULL",
        before=f"said AS MATERIALIZED (SELECT e.id, machine.mask FROM ecgs e {_MACHINE} WHERE {{choosable}}), "  # noqa: S608
        "frequency AS MATERIALIZED (SELECT bit, count(*) AS ecgs FROM said JOIN generate_series(0, :labels - 1) bit "
        "ON said.mask >> bit & 1 = 1 GROUP BY bit)",
        parameters={"vocabulary": choice.vocabulary_id, "labels": len(choice.labels)},
    )


def _age(rule: Any, choice: Choice) -> Chosen:
    return Chosen(order="coalesce(e.recorded_at, e.created_at)", condition=_NOT_OVERREAD)


def _random(rule: Any, choice: Choice) -> Chosen:
    return Chosen(order="md5(:seed || e.id::text)", parameters={"seed": f"{rule.seed}/"})


def _changed(rule: Any, choice: Choice) -> Chosen:
    outcomes = outcomes_of(choice.labels.index(rule.label), rule.kind, "positive")
    return Chosen(
        order="coalesce(e.recorded_at, e.created_at) DESC",
        condition=f"e.id IN (SELECT ecg_id FROM changes_{choice.slot:d} WHERE outcome = ANY(:outcomes) "  # noqa: S608
        "AND simulated = :simulated)",
        parameters={"outcomes": outcomes},
    )


RULES: dict[str, Callable[[Any, Choice], Chosen]] = {
    "predicted_change": _predicted_change,
    "rarity": _rarity,
    "age": _age,
    "random": _random,
    "added": _changed,
    "removed": _changed,
}


def fill(session: Session, made: ReviewList, rule: Rule, *, choosable: Choosable, choice: Choice, ecgs: int) -> int:
    """Put ECGs into a list, as many as it may hold, and return how many. Gold ECGs are left to be met by chance."""
    chosen = RULES[rule.kind](rule, choice)
    where, given = _conditions(choosable)
    before = f"WITH {chosen.before.format(choosable=where)}" if chosen.before else ""
    purposes = ["read", "second"][: made.readings]
    added = session.execute(
        text(
            f"""
            {before}
            INSERT INTO review_items (id, list_id, ecg_id, position, purpose, blind)
            SELECT gen_random_uuid(), :list, chosen.id, place, purpose, :blind FROM (
                SELECT e.id, row_number() OVER (ORDER BY {chosen.order}, e.id) AS place
                FROM ecgs e {chosen.join} WHERE {where} AND {chosen.condition} ORDER BY place LIMIT :ecgs
            ) chosen, unnest(CAST(:purposes AS text[])) purpose
            """  # noqa: S608
        ),
        {
            **chosen.parameters,
            **given,
            "list": made.id,
            "blind": made.mode == "blind",
            "purposes": purposes,
            "ecgs": ecgs,
        },
    )
    return added.rowcount // made.readings  # type: ignore[attr-defined, no-any-return]


def _conditions(choosable: Choosable) -> tuple[str, dict[str, Any]]:
    wanted = {
        "e.recorded_at >= :recorded_from": choosable.recorded_from,
        "e.recorded_at < :recorded_to": choosable.recorded_to,
        "e.site = :site": choosable.site,
        "e.device = :device": choosable.device,
        "e.simulated = :simulated": choosable.simulated,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = [
        "e.waveform_sha256 IS NOT NULL",
        "NOT EXISTS (SELECT FROM review_gold g WHERE g.ecg_id = e.id)",
        *given,
        *([_NOT_OVERREAD] if choosable.only_unread else []),
    ]
    return " AND ".join(where), {condition.rpartition(":")[2]: value for condition, value in given.items()}


def by_id(session: Session, list_id: uuid.UUID) -> ReviewList | None:
    """Return a list, or None."""
    return session.get(ReviewList, list_id)


def newest(session: Session, closed: bool | None, limit: int) -> Sequence[ReviewList]:
    """Return lists, newest first: only closed ones, only open ones, or all."""
    statement = select(ReviewList).order_by(ReviewList.created_at.desc(), ReviewList.id.desc()).limit(limit)
    if closed is not None:
        statement = statement.where(ReviewList.closed_at.is_not(None) if closed else ReviewList.closed_at.is_(None))
    return session.scalars(statement).all()


def close(session: Session, list_id: uuid.UUID) -> datetime:
    """Close a list: nothing more is claimed of it."""
    closed = update(ReviewList).where(ReviewList.id == list_id).values(closed_at=func.now())
    at = session.scalars(closed.returning(ReviewList.closed_at)).one()
    assert at is not None
    return at


class Progress(NamedTuple):
    """How far a list is, and what a user has done in it."""

    ecgs: int = 0
    open: int = 0
    claimed: int = 0
    signed: int = 0
    adjudications_open: int = 0
    mine: int = 0
    held: uuid.UUID | None = None


def progress(session: Session, list_ids: Sequence[uuid.UUID], user_id: uuid.UUID) -> dict[uuid.UUID, Progress]:
    """Return how far lists are; repeats and gold count nowhere but among the user's own readings."""
    wanted = "for_user IS NULL AND purpose <> 'adjudicate'"
    held = "state IN ('claimed', 'locked') AND claim_expires_at > now()"
    rows = session.execute(
        text(
            f"""
            SELECT list_id,
                count(*) FILTER (WHERE purpose = 'read'),
                count(*) FILTER (WHERE {wanted} AND state <> 'signed' AND NOT coalesce({held}, false)),
                count(*) FILTER (WHERE {wanted} AND {held}),
                count(*) FILTER (WHERE {wanted} AND state = 'signed'),
                count(*) FILTER (WHERE purpose = 'adjudicate' AND state <> 'signed'),
                count(*) FILTER (WHERE state = 'signed' AND claimed_by = :user),
                (array_agg(id) FILTER (WHERE claimed_by = :user AND {held}))[1]
            FROM review_items WHERE list_id = ANY(CAST(:lists AS uuid[])) GROUP BY list_id
            """  # noqa: S608
        ),
        {"lists": list(list_ids), "user": user_id},
    )
    return {list_id: Progress(*counted) for list_id, *counted in rows}
