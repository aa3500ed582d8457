"""Sites over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.auth.access import AdminUser, ViewerUser
from app.kit.database import SessionDep
from app.kit.pagination import Limit
from app.kit.problems import responses
from app.kit.text import Name
from app.sites import service
from app.sites.schemas import SiteIn, SiteList, SiteOut

router = APIRouter(prefix="/v1/sites", tags=["sites"])


@router.get("", responses=responses(422))
def list_sites(
    session: SessionDep,
    user: ViewerUser,
    after: Annotated[
        Name | None, Query(description="`next_after` of the page before; absent for the first.", examples=["north"])
    ] = None,
    limit: Limit = 50,
) -> SiteList:
    """List the sites of ECGs, and those with a time zone, by name."""
    return service.listed(session, after or "", limit)


@router.put("/{site:path}", responses=responses(422, 503))
def set_time_zone(
    site: Annotated[Name, Path(examples=["north"])], given: SiteIn, session: SessionDep, user: AdminUser
) -> SiteOut:
    """Give a site a time zone, also before its first ECG.

    The hours and weekdays of its pairs are computed again before the answer: some seconds for every hundred thousand of
    them, in which other readings wait to be stored.
    """
    return service.set_time_zone(session, user.name, site, given.time_zone)
