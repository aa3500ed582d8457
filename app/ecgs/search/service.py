"""One page of a search for ECGs."""

from sqlalchemy.orm import Session

from app.ecgs import service
from app.ecgs.schemas import EcgPage, EcgSummary
from app.ecgs.search import queries
from app.ecgs.search.selection import EcgSearch
from app.kit.pagination import Position, decode, encode, page


def page_of(session: Session, chosen: EcgSearch, limit: int, cursor: str | None) -> EcgPage[EcgSummary]:
    """Return a page of the chosen ECGs, newest first. With a finding it may be short, and still have a next one."""
    position = decode(cursor)
    rows = queries.newest(session, chosen, position, limit)
    shown = page(rows, limit, lambda ecg: Position(ecg.created_at, ecg.id), service.outside)
    next_cursor = shown.next_cursor
    if next_cursor is None and chosen.finding is not None:
        end = queries.last_examined(session, chosen, position)
        next_cursor = encode(end) if end is not None else None
    simulated = chosen.simulated if chosen.simulated is not None else any(ecg.simulated for ecg in rows)
    return EcgPage(items=shown.items, next_cursor=next_cursor, simulated=simulated)
