"""Pairs with a report that cannot be read are counted apart, by reason, under every filter and in every group."""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.disagreement import command
from app.disagreement.counting.selection import PairFilter
from app.disagreement.tally import Asked
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from ml.labeling import LabeledReport, Labeler, Vocabulary, builtin, builtin_text
from tests.app.reports.test_stances import AGREES, MACHINE, UNREADABLE, load
from tests.app.vocabularies.test_vocabularies import activate, changed, runner

__all__ = ["runner"]  # a fixture

SPANISH = "Ritmo sinusal normal. Bloqueo completo de rama derecha."
FRENCH = "Rythme sinusal. Bloc de branche droit complet."
READS_ALL = changed("reads-all", (f"unread_above: {builtin().unread_above}", "unread_above: 1"))  # no text is unread
COLUMNS = ("unread_machine", "unread_overread", "unreadable")
Counts = tuple[int, int, int, int]  # compared; machine unread, over-read unread, unreadable


def send(database: Database, settings: Settings, seed: int, ecgs: int = 60) -> list[dict[str, Any]]:
    """Store ECGs with up to two readings that count; return what is known of each."""
    drawn = random.Random(seed)
    sent = []
    lines: list[dict[str, Any]] = []
    for number in range(ecgs):
        ecg: dict[str, Any] = {
            "record": str(number),
            "site": drawn.choice(["north", "south"]),
            "device": drawn.choice(["a", "b"]),
            "sex": drawn.choice(["male", "female"]),
            "age": drawn.randrange(20, 90),
            "recorded_at": f"202{drawn.randrange(4, 6)}-03-01T00:00:00Z",
            "said": drawn.choice([UNREADABLE, UNREADABLE, SPANISH, "LVH", AGREES]),
            "reader": drawn.choice(["p", "q"]),
            "machine": drawn.choice([None, MACHINE, MACHINE, FRENCH]),
        }
        about = {name: ecg[name] for name in ("record", "site", "device", "sex", "age", "recorded_at")}
        over = {**about, "source": "overread", "reader": ecg["reader"], "text": ecg["said"]}
        if ecg["machine"] and number % 3:
            lines.append({**about, "source": "machine", "text": ecg["machine"]})
        if number % 7 == 0:  # corrected by somebody whose reading counts
            lines.append({**over, "reader": "r"})
            ecg |= {"said": UNREADABLE if ecg["said"] == "LVH" else "LVH", "reader": "s"}
            over |= {"reader": "s", "text": ecg["said"], "final": True}
        lines.append(over)
        if ecg["machine"] and not number % 3:
            lines.append({**about, "source": "machine", "text": ecg["machine"]})
        sent.append(ecg)
    half = drawn.randrange(len(lines))
    load(database, settings, *lines[:half])
    load(database, settings, *lines[half:])
    return sent


@cache
def read(yaml: str) -> dict[str, LabeledReport]:
    labeler = Labeler(Vocabulary.parse(yaml))
    return {words: labeler.read(words) for words in (MACHINE, FRENCH, SPANISH, UNREADABLE, AGREES, "LVH")}


def recount(sent: list[dict[str, Any]], yaml: str, chosen: Callable[[dict[str, Any]], bool]) -> Counts:
    """The slow reference: what both texts of every chosen ECG say."""
    stances = {words: each.stance for words, each in read(yaml).items()}
    counts = Counter[str]()
    for ecg in sent:
        if ecg["machine"] and chosen(ecg):
            machine, overread = stances[ecg["machine"]], stances[ecg["said"]]
            reasons = {
                "machine": machine == "unread",
                "overread": overread == "unread",
                "unreadable": overread == "unreadable",
            }
            counts.update(
                **{reason: int(holds) for reason, holds in reasons.items()}, compared=not any(reasons.values())
            )
    return counts["compared"], counts["machine"], counts["overread"], counts["unreadable"]


def shown(table: dict[str, Any]) -> Counts:
    return table["pairs"], table["unread"]["machine"], table["unread"]["overread"], table["unreadable"]


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_counted_under_every_filter_and_in_every_group(
    client: httpx.Client, database: Database, settings: Settings, seed: int
) -> None:
    sent = send(database, settings, seed)

    def check(query: dict[str, Any], chosen: Callable[[dict[str, Any]], bool]) -> Counts:
        counts = shown(client.get("/v1/disagreement", params=query).json())
        assert counts == recount(sent, builtin_text(), chosen), query
        return counts

    assert min(check({}, lambda ecg: True)) > 3
    for name in ("site", "device", "sex", "reader"):
        for value in {ecg[name] for ecg in sent if ecg["machine"]}:
            check({name: value}, lambda ecg, name=name, value=value: ecg[name] == value)  # type: ignore[misc]
    check({"site": "north", "device": "a"}, lambda ecg: (ecg["site"], ecg["device"]) == ("north", "a"))
    check({"from": "2025-01-01", "to": "2026-01-01"}, lambda ecg: ecg["recorded_at"].startswith("2025"))
    check({"age_min": 60}, lambda ecg: ecg["age"] >= 60)

    for by in (["site"], ["reader"], ["year"], ["site", "sex"]):
        answer = client.get("/v1/disagreement", params={"group_by": by}).json()
        for group in answer["groups"]:
            year = group["group"].pop("year", None)
            wanted = group["group"] | ({} if year is None else {"recorded_at": f"{year}-03-01T00:00:00Z"})
            assert shown(group) == recount(sent, builtin_text(), lambda ecg, w=wanted: w.items() <= ecg.items())  # type: ignore[misc]
        assert shown(answer) == tuple(sum(column) for column in zip(*map(shown, answer["groups"]), strict=True))

    trend = client.get("/v1/disagreement/trend").json()["months"]
    sheet = client.get("/v1/disagreement/trend", headers={"accept": "text/csv"}).text
    assert len(trend) == 2
    for month in trend:
        of_month = recount(sent, builtin_text(), lambda ecg, m=month["month"]: ecg["recorded_at"].startswith(m))  # type: ignore[misc]
        assert shown(month) == of_month
        lines = [row for row in csv.DictReader(io.StringIO(sheet)) if row["month"] == month["month"]]
        assert {tuple(int(row[name]) for name in COLUMNS) for row in lines} == {of_month[1:]}

    sheet = client.get("/v1/disagreement", params={"group_by": "site"}, headers={"accept": "text/csv"}).text
    for row in csv.DictReader(io.StringIO(sheet)):
        expected = recount(sent, builtin_text(), lambda ecg, site=row["site"]: ecg["site"] == site)  # type: ignore[misc]
        assert tuple(int(row[name]) for name in COLUMNS) == expected[1:]


def test_the_command_and_a_snapshot_say_them(client: httpx.Client, database: Database, settings: Settings) -> None:
    sent = send(database, settings, 3)
    for reader in ("p", "s"):
        said = [read(builtin_text())[ecg["said"]].stance for ecg in sent if ecg["reader"] == reader]
        profile = client.get(f"/v1/readers/{reader}").json()
        assert (profile["unread"], profile["unreadable"]) == (said.count("unread"), said.count("unreadable"))
    by_p = recount(sent, builtin_text(), lambda ecg: ecg["reader"] == "p")
    pinned = client.post("/v1/disagreement/snapshots", params={"reader": "p", "group_by": "site"}).json()["answer"]
    assert shown(pinned) == by_p
    question = Asked(PairFilter(reader="p"))
    with database.begin() as session:
        said = command.answer(session, question, as_csv=False)
    lines = [line for line in said.splitlines() if "are not compared" in line]
    assert [int(line.split()[0]) for line in lines] == [*by_p[1:]]
    with database.begin() as session:  # as an older release kept it
        session.execute(
            text(
                "UPDATE disagreement_snapshots SET answer = answer - 'unread' || jsonb_build_object('groups', "
                "(SELECT jsonb_agg(g - 'unread' - 'unreadable') FROM jsonb_array_elements(answer -> 'groups') g))"
            )
        )
    [snapshot] = client.get("/v1/disagreement/snapshots").json()["items"]
    url = f"/v1/disagreement/snapshots/{snapshot['id']}"
    older = client.get(url).json()["answer"]
    assert (older["unread"], older["unreadable"]) == (None, by_p[3])
    assert all((group["unread"], group["unreadable"]) == (None, None) for group in older["groups"])
    [first, *_] = csv.DictReader(io.StringIO(client.get(url, headers={"accept": "text/csv"}).text))
    assert (first["unread_machine"], first["unreadable"]) == ("", "")


def test_the_next_vocabulary_decides_again(
    client: httpx.Client, database: Database, settings: Settings, runner: Runner
) -> None:
    sent = send(database, settings, 4)
    before = client.get("/v1/disagreement").json()
    preview = client.post("/v1/vocabularies/preview", json={"yaml": READS_ALL, "examples": 200}).json()
    foreseen = preview["left_out"]
    assert shown({**foreseen["before"], "pairs": preview["pairs"]}) == shown(before)
    changes = {(each["text"], each["before"], each["after"]) for each in preview["stances"]}
    assert changes == {(FRENCH, "unread", "read"), (SPANISH, "unread", "read")}
    logged = client.get("/v1/access-log", params={"limit": 5}).json()["items"]
    [entry] = [each for each in logged if each["operation"] == "preview_vocabulary"]
    assert {each["ecg_id"] for each in preview["stances"]} <= set(entry["ecg_ids"])
    client.post("/v1/vocabularies", json={"yaml": READS_ALL})
    assert activate(client, runner, "reads-all")["state"] == "succeeded"
    counts = shown(client.get("/v1/disagreement").json())
    assert counts == recount(sent, READS_ALL, lambda ecg: True)
    assert counts[1:3] == (0, 0) and counts[0] > before["pairs"]
    assert shown({**foreseen["after"], "pairs": counts[0]}) == counts
    assert activate(client, runner, builtin().version)["result"]["texts_read"] == 0
    assert client.get("/v1/disagreement").json() == before


def test_what_is_left_out_differs_nowhere(client: httpx.Client, database: Database, settings: Settings) -> None:
    """It has no outcome, is in no dataset's choice, no flow and no reader's figures; its report says why."""
    about = {"record": "1", "reader": "p"}
    load(database, settings, {"record": "1", "source": "machine", "text": MACHINE})
    load(database, settings, {**about, "source": "overread", "text": SPANISH})
    assert client.get("/v1/disagreement/flow").json()["pairs"] == 0
    assert client.get("/v1/disagreement/ecgs").json()["items"] == []
    assert client.get("/v1/disagreement/afib/ecgs", params={"direction": "removed"}).json()["items"] == []
    profile = client.get("/v1/readers/p").json()
    assert (profile["ecgs"], profile["unread"], profile["unreadable"]) == (0, 1, 0)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    said = {report["source"]: report for report in client.get(f"/v1/ecgs/{ecg['id']}").json()["reports"]}
    assert (said["overread"]["unread"], said["overread"]["findings"], said["machine"]["unread"]) == (True, [], False)
    corrected = client.post(
        f"/v1/ecgs/{ecg['id']}/reports", json={"source": "overread", "reader": "p", "text": "Atrial fibrillation"}
    )
    assert (corrected.status_code, corrected.json()["unread"]) == (201, False)
    assert shown(client.get("/v1/disagreement").json()) == (1, 0, 0, 0)
