"""The table against a slow obvious count, and the statistics against their textbooks."""

import csv
import io
import uuid

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from app.disagreement import statistics
from app.disagreement.queries import _cell_id
from app.disagreement.statistics import Cells, LabelCounts
from app.kit.database import Database
from ml.corpus.simulator.ledger import TABLE_A1

MASK = st.integers(0, 2**13 - 1)
PAIRS = st.lists(st.tuples(MASK, MASK, MASK, MASK), max_size=30)


@given(PAIRS, st.sampled_from(["positive", "negative", "ignore"]), st.integers(0, 12))
def test_counting_cells_is_counting_pairs(pairs: list[tuple[int, int, int, int]], hedged: str, bit: int) -> None:
    columns = np.array(pairs, np.int64).reshape(-1, 4).T
    counts = statistics.count(Cells(*columns, np.ones(len(pairs), np.int64)), bit, hedged)  # type: ignore[arg-type]
    expected = {"both": 0, "added": 0, "removed": 0, "neither": 0}
    for machine, machine_hedged, overread, overread_hedged in pairs:
        if hedged == "ignore" and (machine_hedged | overread_hedged) >> bit & 1:
            continue
        if hedged == "positive":
            said = (bool((machine | machine_hedged) >> bit & 1), bool((overread | overread_hedged) >> bit & 1))
        else:
            said = (bool(machine >> bit & 1), bool(overread >> bit & 1))
        name = {(True, True): "both", (False, True): "added", (True, False): "removed", (False, False): "neither"}
        expected[name[said]] += 1
    assert counts == LabelCounts(**expected)


@pytest.mark.parametrize("label", TABLE_A1)
def test_table_a1s_counts_give_its_percentages(label: str) -> None:
    m, o, d = TABLE_A1[label]
    added, removed = (d + o - m) // 2, (d - o + m) // 2
    gain = statistics.relative_gain(added, m)
    assert gain.value == added / m and gain.interval is not None and gain.interval[0] < gain.value < gain.interval[1]
    counts = LabelCounts(m - removed, added, removed, 2_030_000 - m - added)
    assert (counts.machine, counts.overread, counts.disagreement, counts.pairs) == (m, o, d, 2_030_000)


@given(*[st.integers(0, 500)] * 4)
def test_intervals_are_the_textbooks(both: int, added: int, removed: int, neither: int) -> None:
    counts = LabelCounts(both, added, removed, neither)
    rate = statistics.proportion(counts.removed, counts.machine)
    if counts.machine:
        assert rate.interval == pytest.approx(proportion_confint(removed, both + removed, method="wilson"), abs=1e-9)
    kappa = statistics.kappa(counts)
    one_answer = (both + added in (0, counts.pairs)) and (both + removed in (0, counts.pairs))
    if counts.pairs and not one_answer:
        with np.errstate(invalid="ignore", divide="ignore"):  # a variance of zero comes out of theirs as -1e-20
            expected = cohens_kappa([[neither, added], [removed, both]])
        assert kappa.value == pytest.approx(expected.kappa, abs=1e-9)
        assert kappa.interval is not None
        low = expected.kappa_low if np.isfinite(expected.kappa_low) else expected.kappa
        assert kappa.interval[0] == pytest.approx(max(-1, low), abs=1e-6)


def add_pairs(database: Database, pairs: list[tuple[tuple[int, int, int, int], str | None]]) -> None:
    with database.begin() as session:
        for masks, site in pairs:
            ecg, cell = uuid.uuid4(), _cell_id(session, *masks)
            session.execute(
                text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
                {"id": ecg, "sha": ecg.hex * 2},
            )
            session.execute(
                text(
                    "INSERT INTO pairs (slot, ecg_id, cell_id, site, reader, sex) VALUES (0, :id, :cell, :site, '', 'unknown')"
                ),
                {"id": ecg, "cell": cell, "site": site},
            )


def test_the_table_filters_groups_and_drills_down(client: httpx.Client, database: Database) -> None:
    add_pairs(
        database,
        [((1, 0, 1, 0), "north"), ((0, 0, 1, 0), "north"), ((1, 0, 0, 0), None), ((0, 0, 0, 2), "south")],
    )
    table = client.get("/v1/disagreement", params={"group_by": "site"}).json()
    sinus, rbbb = table["labels"][:2]
    assert table["pairs"] == 4
    assert (sinus["machine"], sinus["overread"], sinus["added"], sinus["removed"]) == (2, 2, 1, 1)
    assert sinus["added_pct"] == sinus["removed_pct"] == 50.0
    assert (rbbb["added"], rbbb["added_pct"]) == (1, None)
    assert [(group["group"], group["pairs"]) for group in table["groups"]] == [("north", 2), ("south", 1), (None, 1)]
    assert client.get("/v1/disagreement", params={"hedged": "negative"}).json()["labels"][1]["added"] == 0
    assert client.get("/v1/disagreement", params={"site": "north"}).json()["pairs"] == 2
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/disagreement", headers={"accept": "text/csv"}).text)))
    assert len(rows) == 13 and rows[0]["label"] == "sinus_rhythm" and rows[0]["added_pct"] == "50.0"
    for direction in ("added", "removed"):
        found = client.get("/v1/disagreement/sinus_rhythm/ecgs", params={"direction": direction}).json()["items"]
        assert len(found) == 1
    assert client.get("/v1/disagreement/nothing/ecgs", params={"direction": "added"}).status_code == 404


def test_a_new_report_changes_the_pair_at_once(client: httpx.Client) -> None:
    from ml.corpus.simulator import simulate
    from ml.formats.wfdb import write_wfdb

    files = [("file", item) for item in write_wfdb(next(simulate(1, 9)).recording, "r").items()]
    form = {"machine_report": "Atrial fibrillation", "overread_report": "Atrial fibrillation"}
    ecg = client.post("/v1/ecgs", files=files, data=form).json()
    assert client.get("/v1/disagreement").json()["labels"][3]["disagreement"] == 0
    url = f"/v1/ecgs/{ecg['id']}/reports"
    said = {"source": "overread", "text": "Atrial flutter\nConfirmed by Dr Somebody"}
    report = client.post(url, json=said)
    assert (report.status_code, report.json()["version"]) == (201, 2) and "Somebody" not in report.text
    assert client.post(url, json=said).status_code == 200
    rows = client.get("/v1/disagreement").json()["labels"]
    assert (rows[3]["removed"], rows[4]["added"]) == (1, 1)
    assert [r["current"] for r in client.get(url).json()["items"]] == [True, False, True]
    coded = client.post(url, json={"source": "overread", "codes": [{"system": "SCP", "code": "AFIB"}]})
    assert coded.json()["findings"][0]["label"] == "afib"
