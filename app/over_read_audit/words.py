"""What speaks against a label, in plain words with its numbers."""

from app.kit.database import Json
from app.over_read_audit.queries import FlagRow


def against(row: FlagRow, learned: Json) -> list[Json]:
    """Return the pieces of evidence about a flag, as `schemas.Against`; `learned` is the audit's row of its label."""
    pieces = [("model", _of_model(row.probability, row.asserted, learned), row.model)]
    if readers := row.others_for + row.others_against:
        verb = "states" if row.others_for == 1 else "state"
        whose = "other reader of this ECG" if readers == 1 else "other readers of this ECG"
        pieces.append(("others", f"{row.others_for} of {readers} {whose} {verb} it.", row.others))
    if row.earlier_asserted is not None:
        when = f" of {row.earlier_at:%d %B %Y}" if row.earlier_at is not None else ""
        verb = "states it" if row.earlier_asserted else "does not state it"
        pieces.append(("earlier", f"The over-read of the patient's last earlier ECG{when} {verb}.", row.earlier))
    return [{"kind": kind, "words": words, "log_odds": round(value, 3)} for kind, words, value in pieces]


def _of_model(probability: float | None, asserted: bool, learned: Json) -> str:
    if probability is None:
        share = (learned["present"] + learned["absent"]) or 1
        return f"No model has a word on it: of {share} over-reads {learned['present']} state it."
    usual = learned["usual_present" if asserted else "usual_absent"]
    verb = "state it" if asserted else "do not state it"
    beside = f"; where over-reads {verb}, it gives {_percent(usual)} on average" if usual is not None else ""
    return f"A model that knows no ECG of this patient gives {_percent(probability)} that an expert states it{beside}."


def _percent(share: float) -> str:
    """Return a share in per cent, with as many digits as it takes to tell it from 0 and from 100."""
    value = 100 * share
    if 0.95 <= value <= 99.05:
        return f"{value:.0f} %"
    return "less than 0.1 %" if value < 0.05 else "more than 99.9 %" if value > 99.95 else f"{value:.1f} %"
