"""Sites and their time zones: the hours of their pairs, local times, who may set a zone."""

import io
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.disagreement.queries import fold
from app.imports.service import import_reports
from app.kit.database import Database
from app.settings import Settings
from app.sites.service import localised

ZONES = {"north": "Europe/Berlin", "west": "America/New_York", "nowhere": "UTC"}
CHANGES = [datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 11, 3, tzinfo=UTC)]  # Berlin begins, New York ends


def recordings(draw: random.Random, size: int) -> list[tuple[str, datetime | None]]:
    """Sites and instants around two changes of summer time, some of them not known."""
    return [
        (
            draw.choice(list(ZONES)),
            draw.choice([None, *(change + timedelta(minutes=draw.randrange(-4000, 4000)) for change in CHANGES)]),
        )
        for _ in range(size)
    ]


def bring(database: Database, settings: Settings, archive: list[tuple[str, datetime | None]], start: int = 0) -> None:
    """Import a pair for each recording."""
    lines = [
        json.dumps(
            {
                "record": str(number),
                "source": source,
                "text": "AF",
                "site": site,
                **({"recorded_at": at.isoformat()} if at else {}),
            }
        )
        for number, (site, at) in enumerate(archive, start)
        for source in ("machine", "overread")
    ]
    import_reports(database, settings, "test", io.BytesIO("\n".join(lines).encode()), progress=lambda _: None)


def table(client: httpx.Client, *group_by: str, **query: Any) -> Counter[tuple[Any, ...]]:
    answer = client.get("/v1/disagreement", params={**query, "group_by": list(group_by)})
    assert answer.status_code == 200, answer.text
    return Counter(
        {tuple(group["group"][name] for name in group_by): group["pairs"] for group in answer.json()["groups"]}
    )


def expected(
    archive: list[tuple[str, datetime | None]], zones: dict[str, str], *group_by: str
) -> Counter[tuple[Any, ...]]:
    """The plain count: each recording's local time, one by one."""
    counted: Counter[tuple[Any, ...]] = Counter()
    for site, at in archive:
        local = at.astimezone(ZoneInfo(zones[site])) if at is not None else None
        known = {
            "site": site,
            "hour": local.hour if local else None,
            "weekday": local.isoweekday() if local else None,
            "off_hours": (not 8 <= local.hour < 17 or local.isoweekday() > 5) if local else None,
        }
        counted[tuple(known[name] for name in group_by)] += 1
    return counted


def test_hours_and_weekdays_are_the_sites_own_across_summer_time(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    archive = recordings(random.Random(1), 400)
    bring(database, settings, archive[:200])
    with database.begin() as session:
        fold(session, 0)
    groupings = [("hour", "weekday"), ("site", "hour"), ("site", "weekday"), ("off_hours",)]
    for group_by in groupings:
        assert table(client, *group_by) == expected(archive[:200], dict.fromkeys(ZONES, "UTC"), *group_by)
    for site in ("north", "west"):
        answer = client.put(f"/v1/sites/{site}", json={"time_zone": ZONES[site]})
        assert answer.status_code == 200
        assert answer.json() == {"name": site, "time_zone": ZONES[site], "is_default": False}
    bring(database, settings, archive[200:], 200)
    for group_by in groupings:
        assert table(client, *group_by) == expected(archive, ZONES, *group_by)
    north = [each for each in archive if each[0] == "north"]
    assert table(client, "hour", site="north", weekday=7) == Counter(
        {key[1:]: pairs for key, pairs in expected(north, ZONES, "weekday", "hour").items() if key[0] == 7}
    )
    off = client.get("/v1/disagreement/afib/ecgs", params={"off_hours": True}).status_code
    assert off == 200


def test_another_zone_moves_a_sites_pairs_and_nothing_else(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    archive = recordings(random.Random(2), 100)
    bring(database, settings, archive)
    with database.begin() as session:
        fold(session, 0)
    by_site = table(client, "site")
    for zone in ("Asia/Kolkata", "Europe/Berlin"):
        assert client.put("/v1/sites/north", json={"time_zone": zone}).status_code == 200
        zones = {**dict.fromkeys(ZONES, "UTC"), "north": zone}
        assert table(client, "site", "hour") == expected(archive, zones, "site", "hour")
        assert table(client, "site") == by_site
    with database.begin() as session:
        waiting = session.execute(text("SELECT count(*) FROM pair_deltas")).scalar_one()
        entries = session.execute(text("SELECT before, after FROM audit_log WHERE resource = 'site' ORDER BY at")).all()
    north = sum(site == "north" and at is not None for site, at in archive)
    assert waiting == 2 * 2 * north, "each pair of the site went and came, twice"
    assert [tuple(entry) for entry in entries] == [
        ({"time_zone": None}, {"time_zone": "Asia/Kolkata"}),
        ({"time_zone": "Asia/Kolkata"}, {"time_zone": "Europe/Berlin"}),
    ]


def test_sites_are_listed_by_name_page_by_page(client: httpx.Client, database: Database, settings: Settings) -> None:
    bring(database, settings, [("south", None), ("north", None)])
    client.put("/v1/sites/a%2Fb", json={"time_zone": "Europe/Berlin"})
    first = client.get("/v1/sites", params={"limit": 2}).json()
    assert [site["name"] for site in first["items"]] == ["a/b", "north"]
    assert first["items"][1] == {"name": "north", "time_zone": "UTC", "is_default": True}
    last = client.get("/v1/sites", params={"limit": 2, "after": first["next_after"]}).json()
    assert [site["name"] for site in last["items"]] == ["south"] and last["next_after"] is None


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "UTC+3", "../etc/passwd", "europe/berlin", "Europe/Berlin\x00"])
def test_a_zone_that_is_not_known_is_refused(client: httpx.Client, zone: str) -> None:
    answer = client.put("/v1/sites/north", json={"time_zone": zone})
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "time_zone"
    assert client.get("/v1/sites").json()["items"] == []


def test_only_an_admin_sets_a_zone(client: httpx.Client, keys: dict[str, str]) -> None:
    for role, status in (("viewer", 403), ("researcher", 403), ("admin", 200)):
        answer = client.put(
            "/v1/sites/north", json={"time_zone": "UTC"}, headers={"Authorization": f"Bearer {keys[role]}"}
        )
        assert answer.status_code == status


def test_local_times_become_instants(client: httpx.Client, database: Database) -> None:
    client.put("/v1/sites/north", json={"time_zone": "Europe/Berlin"})
    with database.begin() as session:

        def utc(site: str | None, naive: datetime) -> datetime:
            return localised(session, site, naive).astimezone(UTC)

        assert utc("north", datetime(2024, 7, 1, 12)) == datetime(2024, 7, 1, 10, tzinfo=UTC)
        assert utc("south", datetime(2024, 7, 1, 12)) == datetime(2024, 7, 1, 12, tzinfo=UTC)
        assert utc(None, datetime(2024, 7, 1, 12)) == datetime(2024, 7, 1, 12, tzinfo=UTC)
        assert utc("north", datetime(2024, 10, 27, 2, 30)) == datetime(2024, 10, 27, 0, 30, tzinfo=UTC), "the first"
        assert utc("north", datetime(2024, 3, 31, 2, 30)) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "never comes"
        aware = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert localised(session, "north", aware) is aware


def test_the_command_sets_and_lists_zones(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", (settings.database_url or "").replace("+psycopg", ""))
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    run = CliRunner()
    assert run.invoke(cli, ["site", "zone", "north", "Europe/Berlin"]).exit_code == 0
    assert run.invoke(cli, ["site", "list"]).stdout == "north\tEurope/Berlin\n"
    refused = run.invoke(cli, ["site", "zone", "north", "Mars/Olympus"])
    assert refused.exit_code != 0 and "is no time zone" in refused.stderr
