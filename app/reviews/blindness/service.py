"""The refusal of whoever reads an ECG blind."""

import uuid

from sqlalchemy.orm import Session

from app.kit.problems import FieldError, Problem
from app.reviews.blindness import queries


def refuse_while_blind(session: Session, user_id: uuid.UUID) -> None:
    """Raise the 409 of a user who reads an ECG blind. Until the transaction ends the user cannot begin to."""
    queries.share(session, user_id)
    item_id = queries.open_blind_item(session, user_id)
    if item_id is not None:
        raise blind_reading_open(item_id)


def blind_reading_open(item_id: uuid.UUID) -> Problem:
    """Return the 409 of an operation that a blind reader may not ask."""
    reason = "you are reading an ECG blind: lock your first reading, or release the item"
    where = {"Location": f"/v1/reviews/items/{item_id}"}
    return Problem(
        409,
        "blind_reading_open",
        f"{reason.capitalize()}. Until then nothing is shown that could tell what others read.",
        [FieldError(field="item", code="blind_reading_open", reason=reason)],
        headers=where,
    )
