"""SQL of a search for ECGs.

Each filter but a finding has an index that ends in the order of the list. No index can say which of millions of reports
have a finding, so of the ECGs that the other filters leave a page examines so many and no more.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, select, text
from sqlalchemy.orm import Session, aliased

from app.ecgs.search.selection import EcgSearch, WithFinding
from app.ecgs.tables import Ecg
from app.kit.pagination import Position, after
from app.reports.queries import agreed, counts_first, overread_mask

EXAMINED = 5_000
"""ECGs whose reports a page looks at: about a tenth of a second where none has the finding."""


def newest(session: Session, chosen: EcgSearch, position: Position | None, limit: int) -> Sequence[Ecg]:
    """List the chosen ECGs, newest first, one more than `limit`; with a finding, of the next `EXAMINED` ones."""
    if chosen.finding is None:
        return session.scalars(after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=limit)).all()
    examined = after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=EXAMINED - 1).subquery("ecg")
    ecg = aliased(Ecg, examined)
    found = select(ecg).where(_has(chosen.finding))
    return session.scalars(after(found, ecg.created_at, ecg.id, None, limit=limit)).all()


def last_examined(session: Session, chosen: EcgSearch, position: Position | None) -> Position | None:
    """Return where the ECGs end that a page of a finding examines; None where it examines all that are left."""
    ends = after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=0).offset(EXAMINED - 1)
    row = session.execute(ends.with_only_columns(Ecg.created_at, Ecg.id)).first()
    return None if row is None else Position(*row)


def _matching(chosen: EcgSearch) -> Select[Any]:
    return select(Ecg).where(*_conditions(chosen))


def _conditions(chosen: EcgSearch) -> Iterator[ColumnElement[Any]]:
    for name in ("simulated", "record", "patient_hash", "order_hash", "site", "location", "device"):
        if (value := getattr(chosen, name)) is not None:
            yield getattr(Ecg, name) == value
    if chosen.recorded_from is not None:
        yield Ecg.recorded_at >= chosen.recorded_from
    if chosen.recorded_to is not None:
        yield Ecg.recorded_at < chosen.recorded_to
    if chosen.has_waveform is not None:
        yield Ecg.waveform_sha256.is_not(None) if chosen.has_waveform else Ecg.waveform_sha256.is_(None)


def _has(finding: WithFinding) -> TextClause:
    """Return the condition that `ecg` has a finding; an over-read that agrees has the machine's, as in its pair.

    `LIMIT 1` makes each labeling a look into an index, whatever the planner knows of the tables.
    """
    own_alone = finding.source == "machine" or finding.status not in ("present", "uncertain")
    mask = f"l.{finding.status}" if own_alone else overread_mask(finding.status, "l", "a")
    said = f"""(
        SELECT ({mask}) >> :bit & 1 FROM (
            SELECT ecg_id, created_at, text_id FROM reports WHERE ecg_id = ecg.id AND source = :source AND current
            ORDER BY {counts_first()} LIMIT 1
        ) r, LATERAL (SELECT * FROM labelings WHERE vocabulary_id = :vocabulary AND text_id = r.text_id LIMIT 1) l
        LEFT JOIN LATERAL {agreed("r", "l")} a ON true
    ) = 1"""  # noqa: S608
    values = {"bit": finding.bit, "source": finding.source, "vocabulary": finding.vocabulary_id}
    return text(said).bindparams(**values)
