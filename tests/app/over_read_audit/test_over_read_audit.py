"""An audit lists the signed labels that the evidence speaks against; what is decided of them is kept."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from scipy.special import expit, logit
from sqlalchemy import event, text

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.over_read_audit.queries import DecidedRank
from app.over_read_audit.service import MINIMUM, precision_at
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.reviews.lists.service import NUMBERS
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies.service import Labelers
from tests.app.over_read_audit.archives import SAYS, Known, drawn, last, model_of, store, words
from tests.app.unanalysed import fill, whole_reads

Audit = Callable[..., dict[str, Any]]
PATH = "/v1/over-read-audit"


@pytest.fixture
def audit(client: httpx.Client, settings: Settings, database: Database) -> Audit:
    """Run an audit with the probabilities of a model, and return its job."""

    def audit(model_id: uuid.UUID, **given: Any) -> dict[str, Any]:
        answer = client.post(PATH, json={"discrepancy_model": str(model_id), **given})
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(job_id)
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        return job

    return audit


@pytest.fixture
def ecgs(database: Database) -> list[Known]:
    found = drawn(1, 200)
    store(database, found)
    return found


def flags(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Every flag, page by page."""
    found: list[dict[str, Any]] = []
    cursor = 0
    while True:
        page = client.get(PATH, params={"state": "all", "limit": 40, "cursor": cursor, **query}).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = page["next_cursor"]


def decide(client: httpx.Client, flag: dict[str, Any], decision: str, reason: str = "looked") -> dict[str, Any]:
    answer = client.post(f"{PATH}/flags/{flag['id']}/decisions", json={"decision": decision, "reason": reason})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_planted_errors_come_first(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    assert client.get(PATH).json() == {"audit": None, "items": [], "next_cursor": None}
    job = audit(model_of(settings, database, ecgs))
    assert (job["state"], job["result"]["readings"]) == ("succeeded", len(ecgs)), job["error"]
    listed = flags(client)
    assert [flag["rank"] for flag in listed] == list(range(1, len(listed) + 1))
    by_id = {str(ecg.id): ecg for ecg in ecgs}
    wrong = []
    for flag in listed:
        ecg = by_id[flag["ecg_id"]]
        assert flag["says"] == ("present" if flag["label"] in last(ecg) else "absent")
        assert flag["overread"]["text"] == words(last(ecg)) and flag["machine"]["text"] == words(ecg.machine)
        assert flag["score"] == pytest.approx(flag["evidence"] * NUMBERS[flag["weight"]], rel=1e-4)
        wrong.append((flag["label"] in last(ecg)) != (flag["label"] in ecg.truth))
    assert [-flag["score"] for flag in listed] == sorted(-flag["score"] for flag in listed)
    planted = sum((key in last(ecg)) != (key in ecg.truth) for ecg in ecgs for key in SAYS)
    assert np.mean(wrong[:10]) >= 0.8 > 5 * planted / (len(ecgs) * len(SAYS))
    for label in SAYS:
        own = flags(client, label=label)
        assert [flag["label_rank"] for flag in own] == list(range(1, len(own) + 1))
        assert [flag["id"] for flag in own] == [flag["id"] for flag in listed if flag["label"] == label]


def test_what_speaks_against_it_is_said_with_its_numbers(
    client: httpx.Client, settings: Settings, database: Database, audit: Audit
) -> None:
    ecgs = drawn(2, 120)
    earlier, now = ecgs[3], ecgs[4]  # of one patient
    earlier.signed, now.signed = {"reader-0": {"rbbb"}}, {"reader-1": {"rbbb"}, "reader-2": {"rbbb"}, "reader-0": set()}
    now.probability["rbbb"] = 0.97
    store(database, ecgs)
    audit(model_of(settings, database, ecgs))
    page = client.get(PATH).json()
    flag = next(each for each in flags(client) if (each["ecg_id"], each["label"]) == (str(now.id), "rbbb"))
    said = {each["kind"]: each for each in flag["against"]}
    usual = next(each for each in page["audit"]["labels"] if each["label"] == "rbbb")["usual_absent"]
    assert "gives 97 % that an expert states it; where over-reads do not state it" in said["model"]["words"]
    assert f"it gives {100 * usual:.0f} % on average" in said["model"]["words"]
    assert said["others"]["words"] == "2 of 2 other readers of this ECG state it."
    assert said["earlier"]["words"] == "The over-read of the patient's last earlier ECG of 04 January 2026 states it."
    assert said["model"]["log_odds"] == pytest.approx(logit(0.97), abs=1e-2)
    assert all(each["log_odds"] > 0 for each in said.values())
    together = sum(each["log_odds"] for each in said.values())
    before = logit(flag["evidence"]) - together  # the same for every flag: how often signed labels are wrong
    for each in flags(client)[:20]:
        assert each["evidence"] == pytest.approx(expit(before + sum(a["log_odds"] for a in each["against"])), abs=0.01)
    assert flag["overread"]["reader"] == "reader-0" and flag["evidence"] > 0.95


def test_hedges_simulated_ecgs_and_unreadable_ones_are_left_out(
    client: httpx.Client, settings: Settings, database: Database, audit: Audit
) -> None:
    ecgs = drawn(3, 90)
    for ecg in ecgs[:20]:
        ecg.hedged, ecg.signed, ecg.probability = True, {"reader-0": {"rbbb"}}, dict.fromkeys(SAYS, 0.001)
    ecgs[30].simulated = True
    store(database, ecgs)
    with database.begin() as session:
        given = ReportIn(source="overread", reader="z", text="Tracing is uninterpretable", final=True)
        reports.add(session, "test", Labelers().maintained(session), ecgs[40].id, given=given)
    job = audit(model_of(settings, database, ecgs))
    assert job["result"]["readings"] == len(ecgs) - 2
    left_out = {str(ecgs[30].id), str(ecgs[40].id)}
    hedged = {str(ecg.id) for ecg in ecgs[:20]}
    listed = flags(client)
    assert not any(flag["ecg_id"] in left_out for flag in listed)
    assert not any(flag["ecg_id"] in hedged and flag["label"] == "rbbb" for flag in listed)
    assert client.get(PATH, params={"simulated": True}).json()["audit"] is None


def test_decisions_are_kept_and_the_same_one_twice_is_one(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    audit(model_of(settings, database, ecgs))
    flag = flags(client)[0]
    first = decide(client, flag, "upheld")
    assert decide(client, flag, "upheld") == first and len(first["decisions"]) == 1
    second = decide(client, flag, "corrected", "F waves")
    assert [each["decision"] for each in second["decisions"]] == ["upheld", "corrected"]
    assert second["decisions"][0] == first["decision"] and second["decision"]["reason"] == "F waves"
    assert client.get(f"{PATH}/flags/{flag['id']}").json() == second
    assert flag["id"] not in {each["id"] for each in client.get(PATH).json()["items"]}
    assert [each["id"] for each in flags(client, state="decided")] == [flag["id"]]
    with database.begin() as session:
        entries = session.execute(text("SELECT before, after FROM audit_log WHERE action = 'decide' ORDER BY id")).all()
        changed = session.scalar(text("SELECT count(*) FROM reports WHERE version > 1"))
    assert [tuple(each) for each in entries] == [
        (None, {"decision": "upheld"}),
        ({"decision": "upheld"}, {"decision": "corrected"}),
    ]
    assert changed == 0


def test_a_later_audit_does_not_ask_again_unless_the_over_read_is_new(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    model_id = model_of(settings, database, ecgs)
    audit(model_id)
    listed = flags(client)
    upheld, unclear, corrected = listed[0], listed[1], listed[2]
    for flag, decision in ((upheld, "upheld"), (unclear, "unclear"), (corrected, "corrected")):
        decide(client, flag, decision)
    by_id = {str(ecg.id): ecg for ecg in ecgs}
    with database.begin() as session:
        for flag in (unclear, corrected):
            ecg = by_id[flag["ecg_id"]]
            was = last(ecg)
            now = was ^ {flag["label"]} if flag is corrected else was
            given = ReportIn(source="overread", reader=flag["overread"]["reader"], text=f"{words(now)}\nSeen again")
            reports.add(session, "test", Labelers().maintained(session), ecg.id, given=given)
    assert client.get(f"{PATH}/flags/{corrected['id']}").json()["overread"]["current"] is False
    assert client.get(PATH).json()["audit"]["stale"] == []
    assert audit(model_of(settings, database, ecgs))["state"] == "succeeded"
    again = {(flag["ecg_id"], flag["label"]) for flag in flags(client)}
    assert (upheld["ecg_id"], upheld["label"]) not in again
    assert (unclear["ecg_id"], unclear["label"]) in again  # a new version of the over-read says the same
    assert (corrected["ecg_id"], corrected["label"]) not in again
    assert client.get(f"{PATH}/flags/{upheld['id']}").status_code == 200
    assert client.get(f"{PATH}/flags/{listed[5]['id']}").status_code == 404  # never decided on


def test_precision_says_down_to_which_rank_it_holds(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    audit(model_of(settings, database, ecgs))
    listed = flags(client)
    for flag, decision in zip(listed[:3], ("corrected", "upheld", "corrected"), strict=True):
        decide(client, flag, decision)
    decide(client, listed[7], "unclear")
    found = client.get(f"{PATH}/precision").json()
    assert (found["flags"], found["complete_to"]) == (len(listed), 3)
    row = found["ranks"][0]
    assert (row["rank"], row["decided"], row["corrected"], row["upheld"], row["unclear"]) == (10, 4, 2, 1, 1)
    assert (row["precision"], row["least"], row["most"]) == (pytest.approx(2 / 3), 0.2, 0.9)
    assert row["precision_ci"][0] < 2 / 3 < row["precision_ci"][1]
    assert found["ranks"][-1]["rank"] == len(listed)
    label = listed[0]["label"]
    assert client.get(f"{PATH}/precision", params={"label": label}).json()["complete_to"] >= 1


def test_precision_of_what_was_picked_stays_within_its_bounds() -> None:
    """Only the flags that are surely right were looked at: their share misleads, the bounds do not."""
    rng = np.random.default_rng(1)
    right = rng.random(200) < 0.6
    picked = [DecidedRank(at + 1, "corrected") for at in np.flatnonzero(right)[:40]]
    row = precision_at(200, picked)
    assert row["precision"] == 1.0 and row["least"] <= right.mean() <= row["most"]
    everything = [DecidedRank(at + 1, "corrected" if each else "upheld") for at, each in enumerate(right)]
    row = precision_at(200, everything)
    assert row["precision"] == row["least"] == row["most"] == pytest.approx(right.mean())
    assert precision_at(10, [])["precision"] is None


def test_readers_stand_beside_what_they_read(
    client: httpx.Client, settings: Settings, database: Database, audit: Audit
) -> None:
    ecgs = drawn(4, 240)
    ecgs[0].signed = {"newcomer": ecgs[0].truth}
    store(database, ecgs)
    audit(model_of(settings, database, ecgs))
    found = client.get(f"{PATH}/readers").json()
    rows = {row["reader"]: row for row in found["readers"]}
    assert found["minimum"] == MINIMUM and set(rows) == {"newcomer", *(f"reader-{who}" for who in range(3))}
    assert rows["newcomer"] == {
        "reader": "newcomer", "readings": 1, "withheld": "too_few",
        **dict.fromkeys(("flagged", "expected", "ratio", "ratio_ci")),
    }  # fmt: skip
    likely = [flag["overread"]["reader"] for flag in flags(client) if flag["evidence"] >= 0.5]
    for who in range(3):
        row = rows[f"reader-{who}"]
        assert row["readings"] == sum(list(ecg.signed)[-1] == row["reader"] for ecg in ecgs)
        assert row["flagged"] == likely.count(row["reader"])
        assert row["ratio_ci"][0] <= row["ratio"] <= row["ratio_ci"][1]


def test_what_is_erased_is_gone_from_audits(
    client: httpx.Client, settings: Settings, database: Database, audit: Audit
) -> None:
    ecgs = drawn(5, 120)
    earlier, now = ecgs[3], ecgs[4]
    earlier.signed, now.signed, now.probability["rbbb"] = {"a": {"rbbb"}}, {"a": set()}, 0.98
    store(database, ecgs)
    model_id = model_of(settings, database, ecgs)
    audit(model_id)
    flag = next(each for each in flags(client) if (each["ecg_id"], each["label"]) == (str(now.id), "rbbb"))
    assert client.delete(f"/v1/ecgs/{earlier.id}").status_code in {200, 202, 204}
    words_now = client.get(f"{PATH}/flags/{flag['id']}").json()["against"][-1]["words"]
    assert words_now == "The over-read of the patient's last earlier ECG states it."
    decide(client, flag, "corrected")
    assert client.delete(f"/v1/ecgs/{now.id}").status_code in {200, 202, 204}
    assert client.get(f"{PATH}/flags/{flag['id']}").status_code == 404
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM over_read_decisions")) == 0
    assert audit(model_id)["state"] == "succeeded"


def test_it_is_for_admins(client: httpx.Client, keys: dict[str, str]) -> None:
    nobody = uuid.uuid4()
    given = {"decision": "upheld", "reason": "x"}
    for role in ("viewer", "reader", "researcher"):
        headers = {"Authorization": f"Bearer {keys[role]}"}
        for path in ("", "/precision", "/readers", f"/flags/{nobody}"):
            assert client.get(PATH + path, headers=headers).status_code == 403
        assert client.post(f"{PATH}/flags/{nobody}/decisions", json=given, headers=headers).status_code == 403
        assert client.post(PATH, json={"discrepancy_model": str(nobody)}, headers=headers).status_code == 403


def test_who_reads_blind_is_shown_nothing_and_what_is_shown_is_logged(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    audit(model_of(settings, database, ecgs))
    listed = client.get(PATH).json()["items"]
    entry = client.get("/v1/access-log").json()["items"][0]
    assert (entry["operation"], entry["ecg_ids"]) == (
        "list_over_read_flags",
        list(dict.fromkeys(flag["ecg_id"] for flag in listed)),
    )
    with database.begin() as session:
        user_id = session.scalar(text("SELECT id FROM users WHERE name = 'admin'"))
        session.execute(
            text(
                "INSERT INTO review_lists (id, name, mode, rule, filters, weights, readings, repeat_share, "
                "repeat_after_days, gold_share, claim_minutes, created_by) VALUES (gen_random_uuid(), 'l', 'blind', "
                "'{}', '{}', '{}', 1, 0, 0, 0, 30, 'admin')"
            )
        )
        session.execute(
            text(
                "INSERT INTO review_items (id, list_id, ecg_id, position, purpose, blind, state, claimed_by, "
                "claim_expires_at) SELECT gen_random_uuid(), id, :ecg, 1, 'read', true, 'claimed', :user, "
                "now() + interval '1 hour' FROM review_lists"
            ),
            {"ecg": ecgs[0].id, "user": user_id},
        )
    for method, path in (("GET", ""), ("GET", f"/flags/{listed[0]['id']}")):
        answer = client.request(method, PATH + path)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/blind_reading_open")
    given = {"decision": "upheld", "reason": "x"}
    assert client.post(f"{PATH}/flags/{listed[0]['id']}/decisions", json=given).status_code == 409


def test_a_decision_that_says_too_little_or_too_much_is_refused(client: httpx.Client) -> None:
    for given, field in (
        ({"decision": "right", "reason": "x"}, "decision"),
        ({"decision": "upheld"}, "reason"),
        ({"decision": "upheld", "reason": " "}, "reason"),
        ({"decision": "upheld", "reason": "x" * 300}, "reason"),
        ({"decision": "upheld", "reason": "x", "by": "me"}, "by"),
    ):
        answer = client.post(f"{PATH}/flags/{uuid.uuid4()}/decisions", json=given)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert client.get(PATH, params={"cursor": -1}).json()["errors"][0]["field"] == "query.cursor"


def test_names_of_patients_do_not_stay_in_reasons(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    audit(model_of(settings, database, ecgs))
    found = decide(client, flags(client)[0], "unclear", "Patient: John Miller, MRN 1234567, too noisy")
    assert "Miller" not in found["decision"]["reason"] and "noisy" in found["decision"]["reason"]


def test_a_model_that_cannot_be_used_says_why(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    nobody = client.post(PATH, json={"discrepancy_model": str(uuid.uuid4())})
    assert (nobody.status_code, nobody.json()["errors"][0]["field"]) == (422, "discrepancy_model")
    other = drawn(9, 30)  # of which nothing is stored
    assert "no ECG of this discrepancy model" in audit(model_of(settings, database, other))["error"]
    damaged = model_of(settings, database, ecgs)
    (settings.folders_dir / "discrepancy" / str(damaged) / "held_out.parquet").write_bytes(b"no")
    job = audit(damaged)
    assert job["state"] == "failed" and "held_out.parquet" in job["error"]
    assert client.get(PATH).json()["audit"] is None
    assert not list((settings.folders_dir / "runs").glob("*"))


def test_queries_do_not_grow_with_the_page_and_read_no_table_whole(
    client: httpx.Client, settings: Settings, database: Database, ecgs: list[Known], audit: Audit
) -> None:
    audit(model_of(settings, database, ecgs))
    fill(database)
    engine = client.app.state.database.engine  # type: ignore[attr-defined]
    counted: list[list[tuple[str, Any]]] = []
    event.listen(engine, "before_cursor_execute", lambda *given: counted[-1].append((given[2], given[3])))
    for limit in (1, 40):
        counted.append([])
        assert len(client.get(PATH, params={"limit": limit}).json()["items"]) == limit
    assert len(counted[0]) == len(counted[1])
    assert whole_reads(database.engine, counted[1]) == []
    model_of(settings, database, ecgs)
    assert client.get(PATH).json()["audit"]["stale"] == ["model"]


def test_what_an_audit_reads_of_the_archive_is_looked_up(
    settings: Settings, database: Database, ecgs: list[Known], client: httpx.Client, audit: Audit
) -> None:
    fill(database)
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    audit(model_of(settings, database, ecgs))
    assert len(asked) > 10
    assert whole_reads(database.engine, [each for each in asked if "unnest" in each[0]]) == []
