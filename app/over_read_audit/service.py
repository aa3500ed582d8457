"""The audit as it is shown, decisions, and what the decisions say of its order."""

import uuid
from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement.statistics import proportion
from app.discrepancy_models.queries import by_id as model_by_id
from app.ecgs.filters import wants_simulated
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import check_known, invalid, not_found
from app.over_read_audit import queries
from app.over_read_audit.queries import DecidedRank, FlagRow
from app.over_read_audit.schemas import AuditIn, DecisionIn, Stale, State
from app.over_read_audit.tables import OverReadAudit, OverReadDecision
from app.over_read_audit.words import against
from app.vocabularies.queries import active

RANKS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
MINIMUM = 20
"""Readings below which nothing but their number is said of a reader: less would say little of a person."""
DECIDED: dict[State, bool | None] = {"open": False, "decided": True, "all": None}


def newest(session: Session, simulated: bool | None) -> OverReadAudit | None:
    """Return the audit that is shown: of real ECGs, where there are any and nothing else is asked."""
    return queries.newest(session, simulated=wants_simulated(session, simulated))


def params_of(session: Session, given: AuditIn) -> Json:
    """Return the parameters of an audit's job; a 422 of a model that is unknown, or for another vocabulary."""
    model = check_known(model_by_id(session, given.discrepancy_model), "discrepancy_model", "discrepancy model")
    if model.vocabulary_id != active(session).id:
        raise invalid(
            "discrepancy_model", "it is for another vocabulary than the active one: learn one for it", "stale"
        )
    return {**given.model_dump(mode="json"), "simulated": model.simulated}


def page(
    session: Session, found: OverReadAudit | None, *, label: str | None, state: State, limit: int, after: int
) -> Json:
    """Return a page of an audit's flags, as `schemas.FlagPage`. A 422 of a label that the audit has not."""
    if found is None:
        return {"audit": None, "items": [], "next_cursor": None}
    check_label(found, label)
    rows = queries.flags(session, found.id, after=after, limit=limit, label=label, decided=DECIDED[state])
    shown = rows[:limit]
    return {
        "audit": _audit(session, found),
        "items": [outside(row, found) for row in shown],
        "next_cursor": shown[-1].rank if len(rows) > limit else None,
    }


def check_label(found: OverReadAudit, label: str | None) -> None:
    """Raise the 422 of a label that an audit has not."""
    if label is not None and label not in {each["label"] for each in found.labels}:
        raise invalid("query.label", "is no label of the audit", "unknown")


def detail(session: Session, flag_id: uuid.UUID) -> Json:
    """Return a flag with its decisions, as `schemas.FlagDetail`; a 404 where there is none."""
    row = queries.flag(session, flag_id)
    if row is None:
        raise not_found("flag")
    found = session.get_one(OverReadAudit, row.audit_id)
    decisions = [_decision(each) for each in queries.decisions(session, flag_id)]
    return {**outside(row, found), "decisions": decisions}


def decide(session: Session, actor: str, flag_id: uuid.UUID, given: DecisionIn) -> Json:
    """Store a decision, unless it is the one in force already, and return the flag. Earlier ones are kept."""
    flag = queries.lock_flag(session, flag_id)
    if flag is None:
        raise not_found("flag")
    before = queries.decisions(session, flag_id)
    last = before[-1] if before else None
    if last is None or (last.decision, last.reason, last.decided_by) != (given.decision, given.reason, actor):
        made = OverReadDecision(
            id=uuid.uuid4(),
            flag_id=flag_id,
            number=len(before) + 1,
            decision=given.decision,
            reason=given.reason,
            decided_by=actor,
        )
        session.add(made)
        flag.decision = given.decision
        audit.record(
            session,
            actor,
            "decide",
            "over_read_flag",
            resource_id=flag_id,
            before={"decision": last.decision} if last is not None else None,
            after={"decision": given.decision},
        )
        session.flush()
    return detail(session, flag_id)


def precision(session: Session, found: OverReadAudit | None, label: str | None) -> Json:
    """Return how the order stands by what was decided of it, as `schemas.Precision`."""
    if found is None:
        return {"audit": None, "label": label, "flags": 0, "complete_to": 0, "ranks": []}
    check_label(found, label)
    number, decided = queries.decided_ranks(session, found.id, label)
    ranks = [rank for rank in RANKS if rank < number] + ([number] if number else [])
    complete = next((at for at, each in enumerate(decided) if each.rank != at + 1), len(decided))
    return {
        "audit": found.id,
        "label": label,
        "flags": number,
        "complete_to": complete,
        "ranks": [precision_at(rank, decided) for rank in ranks],
    }


def precision_at(rank: int, decided: Sequence[DecidedRank]) -> Json:
    """Return what was decided of the first flags, as `schemas.PrecisionRow`."""
    counts = {
        name: sum(each.rank <= rank and each.decision == name for each in decided)
        for name in ("corrected", "upheld", "unclear")
    }
    told = counts["corrected"] + counts["upheld"]
    share = proportion(np.array([counts["corrected"]]), np.array([told]))
    return {
        "rank": rank,
        "decided": sum(counts.values()),
        **counts,
        "precision": float(share.value[0]) if told else None,
        "precision_ci": (float(share.low[0]), float(share.high[0])) if told else None,
        "least": counts["corrected"] / rank,
        "most": 1 - counts["upheld"] / rank,
    }


def readers(session: Session, found: OverReadAudit | None) -> Json:
    """Return readers' rates, as `schemas.AuditedReaders`; of few readings their number alone."""
    rows = queries.readers(session, found.id) if found is not None else []
    return {
        "audit": found.id if found is not None else None,
        "minimum": MINIMUM,
        "readers": [
            {
                "reader": row.reader,
                "readings": row.readings,
                **dict.fromkeys(("flagged", "expected", "ratio", "ratio_ci")),
                "withheld": "too_few",
            }
            if row.readings < MINIMUM
            else {
                "reader": row.reader,
                "readings": row.readings,
                "flagged": row.flagged,
                "expected": row.expected,
                "ratio": row.ratio,
                "ratio_ci": (row.low, row.high) if row.low is not None and row.high is not None else None,
                "withheld": None,
            }
            for row in rows
        ],
    }


def outside(row: FlagRow, found: OverReadAudit) -> Json:
    """Return a flag as `schemas.FlagOut`."""
    learned = next(each for each in found.labels if each["label"] == row.label)
    has_machine = row.machine_text is not None or row.machine_codes is not None
    return {
        "id": row.id,
        "rank": row.rank,
        "label_rank": row.label_rank,
        "ecg_id": row.ecg_id,
        "label": row.label,
        "name": learned["name"],
        "says": "present" if row.asserted else "absent",
        "evidence": row.evidence,
        "weight": row.weight,
        "score": row.score,
        "against": against(row, learned),
        "overread": {
            **_said(row.text, row.codes),
            "report_id": row.report_id,
            "reader": row.reader or None,
            "authored_at": row.authored_at,
            "current": row.current,
        },
        "machine": _said(row.machine_text, row.machine_codes) if has_machine else None,
        "decision": row.decision,
    }


def _audit(session: Session, found: OverReadAudit) -> Json:
    stale: list[Stale] = ["vocabulary"] if active(session).id != found.vocabulary_id else []
    return {
        "id": found.id,
        "discrepancy_model": found.discrepancy_model_id,
        "vocabulary": queries.version_of(session, found.vocabulary_id),
        "simulated": found.simulated,
        "readings": found.readings,
        "created_at": found.created_at,
        "stale": [*stale, *(["model"] if queries.has_newer_model(session, found) else [])],
        "labels": found.labels,
    }


def _said(text: str | None, codes: list[Json] | None) -> Json:
    return {"text": text, "codes": [each["code"] for each in codes] if codes is not None else None}


def _decision(row: OverReadDecision) -> Json:
    return {
        "id": row.id,
        "decision": row.decision,
        "reason": row.reason,
        "by": row.decided_by,
        "at": row.decided_at,
    }
