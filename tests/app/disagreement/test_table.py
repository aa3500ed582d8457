"""The table, its filters and its groups against a slow obvious count."""

import csv
import io
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.disagreement import tally
from app.disagreement.counting.selection import PairFilter
from app.disagreement.queries import fold, fold_when_worth_it
from app.kit.database import Database
from tests.app.disagreement.archive import LABELS, StoredPair, counted, known, refused, shown, store

SEED = 5
GROUPINGS = ["site", "device", "device_software", "reader", "sex", "age", "month", "year"]
FURTHER = ["location", "hour", "weekday", "off_hours", "blinded", "validated", "heart_rate", "qrs_axis"]


def random_pairs(draw: random.Random, size: int) -> list[StoredPair]:
    """Pairs that agree mostly, with unknown values everywhere and times and ages on every kind of edge."""
    pairs = []
    for _ in range(size):
        machine = draw.getrandbits(13) & draw.getrandbits(13)
        overread = machine ^ (draw.choice([0, 1 << draw.randrange(13)]) | draw.choice([0, 0, 1 << draw.randrange(13)]))
        hedges = [draw.getrandbits(13) & draw.getrandbits(13) & draw.getrandbits(13) for _ in range(2)]
        month = datetime(draw.choice([2019, 2020]), draw.randint(1, 12), 1, tzinfo=UTC)
        pairs.append(
            StoredPair(
                (machine, hedges[0], overread, hedges[1]),
                recorded_at=draw.choice(
                    [None, month, month - timedelta(microseconds=1), month + timedelta(days=draw.random() * 27)]
                ),
                site=draw.choice([None, "north", "south", "=1+1"]),
                device=draw.choice([None, "MAC", "north"]),
                device_software=draw.choice([None, "v1", "v2"]),
                reader=draw.choice([None, "a", "b", "c"]),
                sex=draw.choice(["male", "female", "unknown"]),
                age=draw.choice([None, 0.0, 59.99, 60.0, 60.5, 70.0, 130.0]),
                simulated=draw.random() < 0.3,
                location=draw.choice([None, "ICU", "north"]),
                blinded=draw.choice(["yes", "no", "unknown"]),
                validated=draw.choice(["yes", "no", "unknown"]),
                heart_rate=draw.choice([None, 0.0, 59.4, 60.0, 120.6]),
                qrs_axis=draw.choice([None, -180.0, -30.0, -0.6, 29.9, 180.0]),
            )
        )
    return pairs


def random_filter(draw: random.Random) -> dict[str, Any]:
    """Up to three filters, as query parameters."""
    month = datetime(draw.choice([2019, 2020]), draw.randint(1, 12), 1, tzinfo=UTC)
    zone = timezone(timedelta(hours=5, minutes=30))
    possible: dict[str, Any] = {
        "from": draw.choice([month, month.replace(day=9, hour=7), month.astimezone(zone)]).isoformat(),
        "to": draw.choice([month + timedelta(days=61), month + timedelta(days=2), month]).isoformat(),
        "site": draw.choice(["north", "south", "=1+1", "nowhere"]),
        "device": draw.choice(["MAC", "north"]),
        "simulated": draw.choice([True, False]),
        "device_software": draw.choice(["v1", "v2"]),
        "reader": draw.choice(["a", "b"]),
        "sex": draw.choice(["male", "female", "unknown"]),
        "age_min": draw.choice([0, 59.99, 60, 60.2, 70, 130]),
        "age_max": draw.choice([0, 59.99, 60, 60.2, 70, 130]),
        "location": draw.choice(["ICU", "north", "nowhere"]),
        "hour": draw.randrange(24),
        "weekday": draw.randint(1, 7),
        "off_hours": draw.choice([True, False]),
        "blinded": draw.choice(["yes", "no", "unknown"]),
        "validated": draw.choice(["yes", "no", "unknown"]),
        "heart_rate_min": draw.choice([0, 59, 59.5, 60]),
        "heart_rate_max": draw.choice([59, 60, 121]),
        "qrs_axis_min": draw.choice([-180, -1, 30]),
        "qrs_axis_max": draw.choice([-30, -1, 180]),
    }
    return {name: possible[name] for name in draw.sample(sorted(possible), draw.choice([0, 1, 1, 2, 2, 3]))}


def answered_filter(draw: random.Random, archive: list[StoredPair]) -> dict[str, Any]:
    """Up to three filters that are not refused."""
    query = random_filter(draw)
    while refused(archive, as_filter(query)):
        query = random_filter(draw)
    return query


def as_filter(query: dict[str, Any]) -> PairFilter:
    names = {"from": "recorded_from", "to": "recorded_to"}
    values = {
        names.get(name, name): datetime.fromisoformat(value) if name in names else value
        for name, value in query.items()
    }
    return PairFilter(**values)


@pytest.fixture
def archive(database: Database) -> Iterator[list[StoredPair]]:
    """Three hundred pairs, real and simulated, half of them folded into the totals and half still waiting."""
    pairs = random_pairs(random.Random(SEED), 300)
    store(database, pairs[:150])
    with database.begin() as session:
        assert fold(session, 0) == 150
    store(database, pairs[150:])
    return pairs


def test_any_filters_and_groups_give_what_counting_one_by_one_gives(
    client: httpx.Client, archive: list[StoredPair]
) -> None:
    draw = random.Random(SEED)
    for _ in range(400):
        query = random_filter(draw)
        hedged = draw.choice(["positive", "negative", "ignore"])
        group_by = draw.sample(GROUPINGS + FURTHER, draw.choice([0, 0, 1, 1, 2]))
        chosen = [pair for pair in archive if pair.is_chosen(as_filter(query))]
        asked = {**query, "hedged": hedged, "group_by": group_by}
        answer = client.get("/v1/disagreement", params=asked)
        table = answer.json()
        if wrong := refused(archive, as_filter(query)):
            assert answer.status_code == 422 and {error["field"] for error in table["errors"]} == wrong, asked
            continue
        assert table["simulated"] == query.get("simulated", False)
        assert shown(table) == counted(chosen, hedged), asked
        assert {name: table[name] for name in ("blinded", "validated")} == known(chosen), asked
        if not group_by:
            assert table["groups"] is None
            continue
        expected: dict[tuple[Any, ...], list[StoredPair]] = {}
        for pair in chosen:
            expected.setdefault(tuple(pair.group(name) for name in group_by), []).append(pair)
        keys = [tuple(group["group"][name] for name in group_by) for group in table["groups"]]
        assert keys == sorted(expected, key=lambda key: [(name is None, name) for name in key]), asked
        for key, group in zip(keys, table["groups"], strict=True):
            assert shown(group) == counted(expected[key], hedged), (asked, key)


def test_totals_stay_right_whatever_is_changed_moved_or_deleted(
    client: httpx.Client, database: Database, archive: list[StoredPair]
) -> None:
    def tables() -> list[Any]:
        return [
            client.get("/v1/disagreement", params={"group_by": name, "simulated": simulated}).json()
            for simulated in (False, True)
            for name in GROUPINGS + FURTHER
        ]

    before = tables()
    with database.begin() as session:
        session.execute(text("UPDATE pairs SET cell_id = (SELECT min(id) FROM cells) WHERE sex = 1"))
        session.execute(text("UPDATE pairs SET age = 60.5, recorded_at = '2031-01-01Z' WHERE sex = 2"))
        session.execute(text("UPDATE pairs SET simulated = NOT simulated WHERE sex = 2"))
        session.execute(text("UPDATE pairs SET blinded = (blinded + 1) % 3, validated = 0, hour = 5 WHERE sex = 1"))
        session.execute(text("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM pairs WHERE sex = 0"))
        session.execute(text("DELETE FROM pairs WHERE sex = 0"))
    moved = tables()
    real_now = [pair.sex != "unknown" and (pair.sex == "female") == pair.simulated for pair in archive]
    assert moved[0]["pairs"] == sum(real_now)
    assert {"month": "2031-01"} in [group["group"] for group in moved[6]["groups"]]
    with database.begin() as session:
        fold(session, 0)
        assert session.execute(text("SELECT count(*) FROM pair_deltas")).scalar_one() == 0
        kind = "simulated, blinded, validated"
        by = f"SELECT {kind}, month, cell_id, count(*) FROM pairs GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
        truth = session.execute(text(by)).all()
        totals = (
            f"SELECT {kind}, value, cell_id, pairs FROM pair_totals WHERE facet = 7 AND pairs <> 0 "
            "ORDER BY 1, 2, 3, 4, 5"
        )
        assert session.execute(text(totals)).all() == truth
    assert tables() == moved != before


def test_many_changes_are_folded_and_few_are_left(database: Database) -> None:
    store(database, random_pairs(random.Random(SEED), 5))
    waiting = text("SELECT count(*) FROM pair_deltas")
    with database.begin() as session:
        fold_when_worth_it(session)
        assert session.execute(waiting).scalar_one() == 5
        for _ in range(200):
            session.execute(text("UPDATE pairs SET sex = (sex + 1) % 3"))
        fold_when_worth_it(session)
        assert session.execute(waiting).scalar_one() == 0
        assert session.execute(text("SELECT sum(pairs) FROM pair_totals WHERE facet = 1")).scalar_one() == 5


def test_rates_without_a_denominator_are_null(client: httpx.Client, database: Database) -> None:
    empty = client.get("/v1/disagreement").json()
    assert (empty["pairs"], empty["differing_pct"], empty["changes_per_ecg"]) == (0, None, None)
    assert {empty["labels"][0][name] for name in ("added_pct", "ppv", "sensitivity", "specificity", "kappa")} == {None}
    store(database, [StoredPair((1, 0, 1, 0)), StoredPair((0, 0, 1, 0)), StoredPair((1, 0, 0, 0))])
    table = client.get("/v1/disagreement").json()
    sinus, rbbb = table["labels"][:2]
    assert sinus["added_pct"] == sinus["removed_pct"] == 50.0 and sinus["mcnemar_p"] == 1.0
    assert (rbbb["added_pct"], rbbb["added_pct_ci"], rbbb["kappa"], rbbb["specificity"]) == (None, None, None, 1.0)
    assert (table["differing"], table["changes_per_ecg"]) == (2, 2 / 3)


def test_csv_has_a_line_a_group_and_label_and_no_formula(client: httpx.Client, archive: list[StoredPair]) -> None:
    def lines(**query: Any) -> list[dict[str, str]]:
        answer = client.get("/v1/disagreement", params=query, headers={"accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    plain = lines()
    assert [line["label"] for line in plain] == LABELS
    assert {line["simulated"] for line in plain} == {"false"}
    assert int(plain[0]["pairs"]) == sum(not pair.simulated for pair in archive) and float(
        plain[0]["ppv_ci_low"]
    ) <= float(plain[0]["ppv"])
    grouped = lines(group_by=["site", "sex"])
    assert len(grouped) == 4 * 3 * 13
    assert {line["site"] for line in grouped} == {"north", "south", "'=1+1", ""}
    table = client.get("/v1/disagreement", params={"group_by": ["site", "sex"]}).json()
    json_rows = [row for group in table["groups"] for row in group["labels"]]
    assert [int(line["added"]) for line in grouped] == [row["added"] for row in json_rows]


def test_what_cannot_be_asked_is_refused_by_name(
    client: httpx.Client, archive: list[StoredPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    for query, field in [
        ({"group_by": ["site", "device", "sex"]}, "query.group_by"),
        ({"group_by": ["site", "site"]}, "query.group_by"),
        ({"group_by": "colour"}, "query.group_by.0"),
        ({"age_min": "nan"}, "query.age_min"),
        ({"age_max": 131}, "query.age_max"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "query.from"),
        ({"site": "a\x00b"}, "query.site"),
        ({"hedged": "perhaps"}, "query.hedged"),
    ]:
        answer = client.get("/v1/disagreement", params=query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.text
    monkeypatch.setattr(tally, "MAX_GROUPS", 5)
    assert client.get("/v1/disagreement", params={"group_by": "sex"}).status_code == 200
    answer = client.get("/v1/disagreement", params={"group_by": ["reader", "month"]})
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "too_many_groups"


def test_times_and_ages_are_cut_where_they_are_whole() -> None:
    from app.disagreement.counting.selection import Edge, month_start, months, years_of_age

    start, end = datetime(2019, 3, 9, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    cut = months(start, end)
    assert (cut.first, cut.last) == (12 * 2019 + 3, 12 * 2020) and cut.edges == (Edge(start, month_start(cut.first)),)
    assert months(None, end).edges == () and months(end, end).edges == ()
    late = datetime(9999, 12, 31, tzinfo=UTC)
    assert months(late, None).edges == (Edge(late, None),)
    for low, high in itertools.product([None, 0.0, 59.5, 60.0, 130.0], repeat=2):
        if (low, high) != (None, None):
            cut = years_of_age(low, high)
            for age in (0.0, 0.5, 59.4, 59.5, 59.9, 60.0, 60.1, 129.9, 130.0):
                whole = cut.first <= int(age) <= cut.last
                edges = [
                    (e.start is None or age >= e.start)
                    and (e.end is None or (age <= e.end if e.closed else age < e.end))
                    for e in cut.edges
                ]
                wanted = (low is None or age >= low) and (high is None or age <= high)
                assert whole + sum(edges) == wanted, (low, high, age)


def test_columns_are_written_anew_where_much_went_or_a_day_after(
    client: httpx.Client, database: Database, archive: list[StoredPair]
) -> None:
    asked = {"group_by": ["site", "sex"]}

    def blocks() -> list[tuple[int, int]]:
        with database.begin() as session:
            fold_when_worth_it(session)
            return [tuple(row) for row in session.execute(text("SELECT size, net FROM pair_columns ORDER BY made_at"))]

    def make_older() -> None:
        with database.begin() as session:
            session.execute(text("UPDATE pair_columns SET made_at = made_at - interval '25 hours'"))

    assert blocks() == [(150, 150)], "the others wait"
    make_older()
    assert blocks() == [(150, 150)], "nothing went"
    with database.begin() as session:
        session.execute(text("DELETE FROM pairs WHERE sex = 0"))
        left = session.execute(text("SELECT count(*) FROM pairs")).scalar_one()
    table = client.get("/v1/disagreement", params=asked).json()
    assert blocks() == [(left, left)], "of what went nothing is left"
    with database.begin() as session:
        assert session.execute(text("SELECT count(*) FROM pair_deltas")).scalar_one() == 0
    assert client.get("/v1/disagreement", params=asked).json() == table
    with database.begin() as session:
        session.execute(text("UPDATE pairs SET sex = 1"))
        fold(session, 0)
    assert len(blocks()) == 2, "it is not a day yet"
    make_older()
    assert blocks() == [(left, left)]
