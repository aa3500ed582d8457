"""Who may file which over-read.

A key of the role reader is often a system's, which files what many readers wrote: it may name any of them, and the
audit log has both names. The final over-read counts above all others: it is filed, and taken back, under the user's
own name alone, or by an admin.
"""

import uuid

from sqlalchemy.orm import Session

from app.auth.service import allows
from app.auth.tables import User
from app.kit.problems import FieldError, Problem, invalid
from app.reports import service
from app.reports.schemas import ReportIn
from app.rules.name import RULES


def attributed(session: Session, user: User, ecg_id: uuid.UUID, given: ReportIn) -> ReportIn:
    """Return the report to be stored: a final one without a reader is the user's own.

    Raise a 403 where it is not, and a 422 of a machine report in the name of our rules.
    """
    if given.source == "machine" and (given.reader or "").startswith(RULES):
        reason = f"{RULES}… are readings by our rules: POST /v1/ecgs/{{id}}/rule-reading makes one"
        raise invalid("reader", reason, "reserved")
    if given.final and given.reader is None:
        given = given.model_copy(update={"reader": user.name})
    if given.source == "machine" or given.reader == user.name or allows(user.role, "admin"):
        return given
    if given.final or _is_final(session, ecg_id, given.reader):
        reason = f"a final over-read is filed, and changed, under your own name ({user.name}) or by an admin"
        raise Problem(403, "forbidden", reason, [FieldError(field="final", code="forbidden", reason=reason)])
    return given


def _is_final(session: Session, ecg_id: uuid.UUID, reader: str | None) -> bool:
    current = service.of_ecg(session, ecg_id, only_current=True)
    return any(report.source == "overread" and report.reader == reader and report.final for report in current)
