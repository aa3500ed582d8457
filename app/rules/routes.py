"""Readings by rules over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Response

from app.auth.access import ReaderUser
from app.ecgs import service as ecgs
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import responses
from app.kit.state import made_by
from app.rules.schemas import RuleReadingOut
from app.rules.service import RuleReader

router = APIRouter(prefix="/v1/ecgs/{ecg_id}/rule-reading", tags=["reports"])


@router.post(
    "",
    status_code=201,
    response_model=RuleReadingOut,
    responses={
        200: {"model": RuleReadingOut, "description": "These rules have read it before, and said the same"},
        **responses(404, 410, 422, 503),
    },
)
def read_by_rules(
    ecg_id: uuid.UUID,
    reader: Annotated[RuleReader, made_by(RuleReader)],
    session: SessionDep,
    user: ReaderUser,
) -> Response:
    """Read an ECG by rules, as a classical machine does, and store what they say as a machine report.

    Each statement comes with the measurements that say so. The report is marked as ours: its `reader`, and the
    `device_software` of its pair, is the rules' version. Where a device's report is there or comes later, that one
    counts. An ECG in which the rules find no rhythm to be read answers 422 with the reason, and nothing is stored.
    """
    ecg = ecgs.get(session, ecg_id)
    ecgs.duration_s(ecg)  # the 404 of an ECG without a waveform
    return Deferred(lambda: reader.answer(ecg, user.name))
