"""Query parameters of a search for ECGs."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Query

from app.ecgs.filters import check, wants_simulated
from app.ecgs.parameters import Device, From, Location, Simulated, Site, To
from app.ecgs.search.selection import EcgSearch, WithFinding
from app.kit.database import SessionDep
from app.kit.problems import invalid
from app.kit.state import made_by
from app.kit.text import Name
from app.reports.schemas import Source, Status
from app.vocabularies.service import LabelersDep, ReadingRules


class FindingAsked(NamedTuple):
    """The finding that is searched for, as it was given."""

    label: str
    source: Source
    status: Status


def finding_asked(
    label: Annotated[
        str | None, Query(description="Only ECGs whose report has this finding.", examples=["afib"])
    ] = None,
    source: Annotated[
        Source | None,
        Query(
            description="Of whose report, with `label`: the over-read's when absent. An over-read that only agrees has "
            "the findings of the machine's report that it agrees with."
        ),
    ] = None,
    status: Annotated[
        Status | None, Query(description="The finding's status, with `label`: `present` when absent.")
    ] = None,
) -> FindingAsked | None:
    """Return the finding that is searched for."""
    if label is None:
        for name, value in (("source", source), ("status", status)):
            if value is not None:
                raise invalid(f"query.{name}", "needs `label`: the finding that is searched for")
        return None
    return FindingAsked(label, source or "overread", status or "present")


def _with_finding(rules: ReadingRules, asked: FindingAsked) -> WithFinding:
    keys = [known.key for known in rules.vocabulary.labels]
    if asked.label not in keys:
        raise invalid("query.label", "is no label of the active vocabulary", "unknown")
    return WithFinding(rules.id, keys.index(asked.label), asked.source, asked.status)


def ecg_search(
    *,
    session: SessionDep,
    labelers: LabelersDep,
    asked: Annotated[FindingAsked | None, made_by(finding_asked)],
    record: Annotated[
        Name | None, Query(description="The name its source gives the recording.", examples=["2026-03-01/0042"])
    ] = None,
    recorded_from: From = None,
    recorded_to: To = None,
    site: Site = None,
    location: Location = None,
    device: Device = None,
    has_waveform: Annotated[bool | None, Query(description="With, or without, a waveform here.")] = None,
    simulated: Simulated = None,
) -> EcgSearch:
    """Return which ECGs are searched for, checked against the archive. A record is found whichever kind it is."""
    finding = _with_finding(labelers.active(session), asked) if asked is not None else None
    one_kind = wants_simulated(session, simulated)
    chosen = EcgSearch(
        recorded_from=recorded_from,
        recorded_to=recorded_to,
        site=site,
        location=location,
        device=device,
        simulated=simulated if record is not None else one_kind,
        record=record,
        has_waveform=has_waveform,
        finding=finding,
    )
    check(session, chosen, simulated=one_kind, prefix="query.")
    return chosen


EcgSearchDep = Annotated[EcgSearch, Depends(ecg_search)]
