"""SQL of readers: their current over-reads, counted in the database by who read what.

What comes out is one row a distinct combination of masks, not one an ECG.
"""

import uuid
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.ecgs.filters import EcgFilter
from app.reports.queries import agreed, counts_first, is_read, overread_mask

FETCHED = 5_000  # rows at a time

# The labeling of a report `r`. An over-read that agrees has the machine's labels; what cannot be read counts nowhere.
_LABELING = f"""
    JOIN labelings l ON l.text_id = r.text_id AND l.vocabulary_id = :vocabulary
    LEFT JOIN LATERAL {agreed("r", "l")} a ON r.source = 'overread'
"""
_PRESENT, _UNCERTAIN = (overread_mask(mask, "l", "a") for mask in ("present", "uncertain"))
_IS_READ = is_read("l", "a")


@dataclass(frozen=True, kw_only=True)
class OverreadFilter(EcgFilter):
    """Which over-reads count: of the chosen ECGs, by these readers (none named: by any)."""

    reader: tuple[str, ...] = ()


class ReadTogether(NamedTuple):
    """A count of ECGs by their readings: of one reader, of a pair of readers, or (`ecg`) of all readers of the ECG.

    `present` and `uncertain` are masks, one a reading.
    """

    kind: Literal["reader", "pair", "ecg"]
    readers: list[str]
    present: list[int]
    uncertain: list[int]
    ecgs: int


class Beside(NamedTuple):
    """A count of a reader's readings by their masks and those of another reading of the same ECG."""

    other: Literal["alone", "machine", "final", "reader"]
    present: int
    uncertain: int
    other_present: int
    other_uncertain: int
    readings: int


def read_together(
    session: Session, vocabulary_id: uuid.UUID, chosen: OverreadFilter
) -> Generator[ReadTogether, None, None]:
    """Count the current over-reads of ECGs that several of the chosen readers read; rows of readers come first."""
    conditions, parameters = _where(chosen)
    named = "r.current AND r.source = 'overread' AND r.reader <> ''"
    if chosen.reader:
        named += " AND r.reader = ANY(:readers)"
        parameters["readers"] = list(chosen.reader)
    with session.execute(
        text(
            f"""
            WITH several AS MATERIALIZED (
                SELECT ecg_id FROM reports r WHERE {named} GROUP BY ecg_id HAVING count(*) > 1
            ), chosen AS MATERIALIZED (
                SELECT r.ecg_id, r.reader, {_PRESENT} AS present, {_UNCERTAIN} AS uncertain
                FROM several JOIN reports r USING (ecg_id) JOIN ecgs e ON e.id = r.ecg_id
                {_LABELING} WHERE {named} AND {_IS_READ}{conditions}
            ), by_ecg AS (
                SELECT array_agg(present ORDER BY present, uncertain) AS present,
                       array_agg(uncertain ORDER BY present, uncertain) AS uncertain
                FROM chosen GROUP BY ecg_id
            )
            SELECT 'reader', ARRAY[reader], ARRAY[]::bigint[], ARRAY[]::bigint[], count(*) FROM chosen GROUP BY reader
            UNION ALL
            SELECT 'pair', ARRAY[a.reader, b.reader], ARRAY[a.present, b.present], ARRAY[a.uncertain, b.uncertain],
                   count(*)
            FROM chosen a JOIN chosen b ON b.ecg_id = a.ecg_id AND a.reader COLLATE "C" < b.reader COLLATE "C"
            GROUP BY a.reader, b.reader, a.present, b.present, a.uncertain, b.uncertain
            UNION ALL
            SELECT 'ecg', ARRAY[]::varchar[], present, uncertain, count(*) FROM by_ecg GROUP BY present, uncertain
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, **parameters},
        execution_options={"yield_per": FETCHED},
    ) as rows:
        for row in rows:
            yield ReadTogether(*row)


def beside_others(session: Session, vocabulary_id: uuid.UUID, reader: str, chosen: EcgFilter) -> list[Beside]:
    """Count a reader's current over-reads: alone, beside the machine's, the final of another reader, and every other.

    Of several finals of one ECG the one written last is the final.
    """
    conditions, parameters = _where(chosen)
    rows = session.execute(
        text(
            f"""
            WITH own AS MATERIALIZED (
                SELECT r.ecg_id, {_PRESENT} AS present, {_UNCERTAIN} AS uncertain
                FROM reports r JOIN ecgs e ON e.id = r.ecg_id
                {_LABELING} WHERE r.current AND r.source = 'overread' AND r.reader = :reader AND {_IS_READ}{conditions}
            ), others AS MATERIALIZED (
                SELECT own.ecg_id, own.present, own.uncertain, {_PRESENT} AS other_present,
                       {_UNCERTAIN} AS other_uncertain, r.source, r.final,
                       row_number() OVER (PARTITION BY own.ecg_id, r.source ORDER BY {counts_first("r")}) AS place
                FROM own JOIN reports r ON r.ecg_id = own.ecg_id AND r.current {_LABELING}
                WHERE (r.source = 'machine' AND l.stance <> 'unread') OR (r.reader <> :reader AND {_IS_READ})
            ), counted (kind, present, uncertain, other_present, other_uncertain) AS (
                SELECT 'alone', present, uncertain, 0, 0 FROM own
                UNION ALL
                SELECT CASE source WHEN 'machine' THEN 'machine' ELSE 'reader' END,
                       present, uncertain, other_present, other_uncertain
                FROM others WHERE source = 'overread' OR place = 1
                UNION ALL
                SELECT 'final', present, uncertain, other_present, other_uncertain
                FROM others WHERE source = 'overread' AND final AND place = 1
            )
            SELECT *, count(*) FROM counted GROUP BY 1, 2, 3, 4, 5
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, "reader": reader, **parameters},
    )
    return [Beside(*row) for row in rows]


def not_read(session: Session, vocabulary_id: uuid.UUID, reader: str, chosen: EcgFilter) -> dict[str, int]:
    """Return how many of a reader's current over-reads are in no figure: unread ones, and unreadable ones."""
    conditions, parameters = _where(chosen)
    counted = session.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE stance = 'unread') AS unread,
                   count(*) FILTER (WHERE stance = 'unreadable') AS unreadable
            FROM reports r JOIN ecgs e ON e.id = r.ecg_id
            JOIN labelings l ON l.text_id = r.text_id AND l.vocabulary_id = :vocabulary
            WHERE r.current AND r.source = 'overread' AND r.reader = :reader{conditions}
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, "reader": reader, **parameters},
    )
    return dict(counted.mappings().one())


def _where(chosen: EcgFilter) -> tuple[str, dict[str, Any]]:
    """Return the conditions on `ecgs e`, each after AND, and their parameters."""
    wanted = {
        "e.recorded_at >= :recorded_from": chosen.recorded_from,
        "e.recorded_at < :recorded_to": chosen.recorded_to,
        "e.site = :site": chosen.site,
        "e.device = :device": chosen.device,
        "e.simulated = :simulated": chosen.simulated,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    parameters = {condition.rpartition(":")[2]: value for condition, value in given.items()}
    return "".join(f" AND {condition}" for condition in given), parameters
