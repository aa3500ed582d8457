"""Off-hours: the setting, and its SQL against the hours of a week one by one."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import text

from app.disagreement.off_hours import OffHours
from app.kit.database import Database
from app.settings import Settings
from tests.app.application import application
from tests.app.disagreement.archive import StoredPair, store

MONDAY_AT_NINE = datetime(2024, 1, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "days"), [("17-8", "6,7"), ("22-6", ""), ("8-12", "1"), ("0-0", ""), ("0-0", "7"), ("23-0", "1,2,3,4,5")]
)
def test_the_sql_says_what_the_setting_says(database: Database, hours: str, days: str) -> None:
    off = OffHours.of(Settings(off_hours=hours, off_days=days, _env_file=None))  # type: ignore[arg-type]
    start, end = (int(hour) for hour in hours.split("-"))
    night = {hour % 24 for hour in range(start, end if end >= start else end + 24)}
    week = [(day, hour) for day in range(1, 8) for hour in range(24)]
    grid = "generate_series(1, 7) weekday, generate_series(0, 23) hour"
    with database.begin() as session:
        found = {
            (day, hour): is_off
            for day, hour, is_off in session.execute(text(f"SELECT weekday, hour, {off.sql()} FROM {grid}"))
        }
    assert found == {(day, hour): hour in night or str(day) in days.split(",") for day, hour in week}


@pytest.mark.parametrize("wrong", [{"off_hours": "17"}, {"off_hours": "17-24"}, {"off_days": "0"}, {"off_days": "Mon"}])
def test_a_setting_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong, _env_file=None)  # type: ignore[arg-type]


def test_the_service_goes_by_its_setting(client: httpx.Client, settings: Settings, database: Database) -> None:
    store(database, [StoredPair((1, 0, 1, 0), recorded_at=MONDAY_AT_NINE)])
    others = TestClient(application(settings.model_copy(update={"off_hours": "9-10", "off_days": ()})))
    for service, pairs in ((client, 0), (others, 1)):
        answer = service.get("/v1/disagreement", params={"off_hours": True}, headers=dict(client.headers))
        assert answer.json()["pairs"] == pairs
