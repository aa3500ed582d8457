"""How fast questions about disagreement are answered: `python -m benchmarks.disagreement [--pairs N] [--folder F]`.

Fills a private PostgreSQL with N pairs in random order of time (Table A.1's rates, rhythms and axes exclusive, hedges;
12 sites, 8 devices, 20 software versions, 60 readers, six years, one site with 30 pairs), starts the real API in a
process of its own on stock settings (128 MB of shared buffers), and prints medians through HTTP; beside them the naive
query over one row per ECG, source and label; what a write costs; sizes; and the memory of the API before and after.

Reports are stored for the ECGs on which the readings differ: those a drill-down shows. `--folder` keeps the database
for another run; `--explain` prints the plans of the main queries.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import event, text

from app.auth import service as auth
from app.disagreement.columns import queries as columns
from app.disagreement.counting import queries as counting
from app.disagreement.counting.selection import PairFilter
from app.disagreement.queries import vacuum
from app.embedded.postgres import EmbeddedPostgres
from app.kit.database import Database
from app.kit.pagination import Position
from app.migrate import migrate
from app.reports import queries as report_queries
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.settings import Settings
from app.vocabularies.service import Labelers
from ml.corpus.simulator.ledger import TABLE_A1
from ml.labeling import builtin

PAPER = 2_030_000
BLOCK = 100_000
REPEATS = 15
WRITERS = 8
WRITE_S = 8.0
SEED = 1

LABELS = [label.key for label in builtin().labels]
BIT = {key: 1 << number for number, key in enumerate(LABELS)}
WORDS = {label.key: label.name for label in builtin().labels}

Integers = NDArray[np.int64]

# --- pairs ------------------------------------------------------------------------------------------------------------


def masks(draw: np.random.Generator, size: int) -> Integers:
    """Draw (size, 4) masks with Table A.1's rates: one rhythm and one axis an ECG, the other labels independent."""
    machine = np.zeros(size, np.int64)
    for exclusive in (("sinus_rhythm", "afib", "aflutter"), ("lad", "rad", "rsad")):
        edges = np.cumsum([TABLE_A1[key][0] / PAPER for key in exclusive])
        chosen = np.searchsorted(edges, draw.random(size))
        for number, key in enumerate(exclusive):
            machine[chosen == number] |= BIT[key]
    for key in ("rbbb", "lbbb", "lvh", "rvh", "anterior_mi", "inferior_mi", "posterior_mi"):
        machine[draw.random(size) < TABLE_A1[key][0] / PAPER] |= BIT[key]
    overread = machine.copy()
    for key, (m, o, d) in TABLE_A1.items():
        has = machine & BIT[key] != 0
        added, removed = (d + o - m) / 2 / (PAPER - m), (d - o + m) / 2 / m
        overread[draw.random(size) < np.where(has, removed, added)] ^= BIT[key]
    hedged = np.zeros((2, size), np.int64)
    for source, said in enumerate((machine, overread)):
        for key, share in (("anterior_mi", 0.4), ("inferior_mi", 0.3), ("posterior_mi", 0.3), ("lvh", 0.1)):
            hedged[source][(said & BIT[key] != 0) & (draw.random(size) < share / (1 + source))] |= BIT[key]
    return np.stack([machine & ~hedged[0], hedged[0], overread & ~hedged[1], hedged[1]], axis=1)


def zipf(draw: np.random.Generator, size: int, ids: list[int]) -> NDArray[np.int32]:
    """Draw ids of which the first are the most frequent."""
    weights = 1 / np.arange(1, len(ids) + 1)
    return np.array(ids, np.int32)[np.searchsorted(np.cumsum(weights / weights.sum()), draw.random(size))]


_FIELDS = [
    ("recorded_at", ">i8"), ("age", ">f8"), ("ecg_id", "V16"), ("cell_id", ">i4"), ("site_id", ">i4"),
    ("device_id", ">i4"), ("device_software_id", ">i4"), ("reader_id", ">i4"), ("slot", ">i2"), ("sex", ">i2"),
    ("simulated", "?"), ("location_id", ">i4"), ("hour", ">i2"), ("weekday", ">i2"), ("blinded", ">i2"),
    ("validated", ">i2"), ("heart_rate", ">i2"), ("qtc_ms", ">i2"), ("qrs_axis", ">i2"),
]  # fmt: skip


def binary(columns: dict[str, Any]) -> bytes:
    """Write rows as PostgreSQL's binary COPY has them: a count of fields, then length and value of each."""
    fields = [(name, kind) for name, kind in _FIELDS if name in columns]
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in fields:
        layout += [(f"{name}_length", ">i4"), (name, kind)]
    size = len(next(iter(columns.values())))
    rows = np.zeros(size, np.dtype(layout))
    rows["fields"] = len(fields)
    for name, kind in fields:
        rows[f"{name}_length"] = np.dtype(kind).itemsize
        rows[name] = columns[name]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def fill(url: str, pairs: int) -> None:
    """Fill a migrated database; nothing of it goes through the service, so that it takes minutes."""
    settings = Settings(database_url=url, _env_file=None)
    database = Database(settings)
    draw = np.random.default_rng(SEED)
    connection = database.engine.raw_connection()
    cursor: Any = connection.cursor()
    cursor.execute("SET maintenance_work_mem = '1GB'")
    made_later = _drop_indexes(cursor)
    ids = {
        name: _add_values(cursor, name, count)
        for name, count in (("site", 12), ("device", 8), ("device_software", 20), ("reader", 60), ("location", 10))
    }
    rare = _add_values(cursor, "site", 1, "rare")[0]
    cells: dict[tuple[int, ...], int] = {}
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6) for year in (2020, 2026))
    epoch = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    for done in range(0, pairs, BLOCK):
        size = min(BLOCK, pairs - done)
        distinct, cell = np.unique(masks(draw, size), axis=0, return_inverse=True)
        new = [row for row in map(tuple, distinct.tolist()) if row not in cells]
        for row in new:
            cells[row] = len(cells) + 1
        with cursor.copy(f"COPY cells ({_MASKS}) FROM STDIN") as copy:  # the identity counts as we do
            for row in new:
                copy.write_row(row)
        recorded_at = draw.integers(start, end, size)
        hours = recorded_at // 3_600_000_000
        columns = {
            "recorded_at": recorded_at - epoch,
            "hour": hours % 24,
            "weekday": (hours // 24 + 3) % 7 + 1,  # 1970 began on a Thursday
            "blinded": np.where(draw.random(size) < 0.1, 0, 2),
            "validated": np.where(draw.random(size) < 0.3, 2, 1),
            "heart_rate": np.clip(np.rint(draw.normal(75, 18, size)), 20, 250),
            "qtc_ms": np.clip(np.rint(draw.normal(430, 30, size)), 300, 700),
            "qrs_axis": np.clip(np.rint(draw.normal(20, 45, size)), -180, 180),
            "age": np.clip(np.rint(draw.normal(62, 18, size)), 0, 110),
            "ecg_id": np.frombuffer(draw.bytes(16 * size), "V16"),
            "cell_id": np.array([cells[row] for row in map(tuple, distinct.tolist())])[cell.ravel()],
            **{f"{name}_id": zipf(draw, size, values) for name, values in ids.items()},
            "slot": np.zeros(size, np.int16),
            "sex": np.searchsorted([0.01, 0.52], draw.random(size)),
            "simulated": np.ones(size, np.bool_),
        }
        if done == 0:
            columns["site_id"][:: max(1, size // 30)] = rare
        unknown = draw.random(size) < 0.005  # neither time nor age
        for chosen, without in ((~unknown, set()), (unknown, {"recorded_at", "age", "hour", "weekday"})):
            kept = {name: column[chosen] for name, column in columns.items() if name not in without}
            written = ", ".join(name for name, _ in _FIELDS if name in kept)
            with cursor.copy(f"COPY pairs_0 ({written}) FROM STDIN (FORMAT binary)") as copy:
                copy.write(binary(kept))
    connection.commit()
    for statement in [*_AFTER, *made_later]:
        began = time.perf_counter()
        cursor.execute(statement)
        connection.commit()
        print(f"  {time.perf_counter() - began:6.1f} s  {' '.join(statement.split())[:90]}", flush=True)
    connection.close()
    with database.begin() as session:
        rules = Labelers().active(session)
        for id_, words in session.execute(text("SELECT id, text FROM texts")).all():
            rows = reports.labelings(session, [(rules, id_, (words, None))])
            report_queries.add_labelings(session, rows)
    vacuum(database, 0)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text("VACUUM (ANALYZE)"))
    database.close()


_MASKS = "machine_present, machine_uncertain, overread_present, overread_uncertain"
_STATES = ", ".join(f"({number}, '{WORDS[key]}', 'Possible {WORDS[key]}')" for number, key in enumerate(LABELS))
_SAID = """
    SELECT 't' || coalesce(string_agg(CASE WHEN present >> label & 1 = 1 THEN sure ELSE hedged END, E'\\n'
                                      ORDER BY label), 'Normal ECG') FROM (VALUES {states}) words (label, sure, hedged)
    WHERE (present | uncertain) >> label & 1 = 1
"""
_DIFFER = "SELECT cell_id FROM cell_outcomes"
_SAID_BY = [
    _SAID.format(states=_STATES).replace("present", f"{source}_present").replace("uncertain", f"{source}_uncertain")
    for source in ("machine", "overread")
]
_AFTER = [
    """
    INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz, recorded_at, site, device, device_software, age,
                      sex, simulated, location)
    SELECT ecg_id, repeat(replace(ecg_id::text, '-', ''), 2), 5000, 500, recorded_at, s.value, d.value, w.value, age,
           (ARRAY['unknown', 'male', 'female'])[sex + 1], true, l.value
    FROM pairs_0 LEFT JOIN attribute_values s ON s.id = site_id LEFT JOIN attribute_values d ON d.id = device_id
    LEFT JOIN attribute_values w ON w.id = device_software_id LEFT JOIN attribute_values l ON l.id = location_id
    """,
    f"""
    CREATE TEMP TABLE said AS SELECT id AS cell_id, ({_SAID_BY[0]}) AS machine, ({_SAID_BY[1]}) AS overread
    FROM cells WHERE id IN (SELECT cell_id FROM cell_outcomes)
    """,
    """
    INSERT INTO texts (sha256, text) SELECT DISTINCT ON (1) sha256(convert_to(words, 'UTF8')), substr(words, 2)
    FROM (SELECT machine FROM said UNION SELECT overread FROM said) every (words)
    """,
    """
    CREATE TEMP TABLE said_ids AS
    SELECT cell_id, source, texts.id AS text_id
    FROM said CROSS JOIN LATERAL (VALUES ('machine', machine), ('overread', overread)) every (source, words)
    JOIN texts ON texts.sha256 = sha256(convert_to(words, 'UTF8'))
    """,
    """
    INSERT INTO reports (id, ecg_id, source, reader, version, current, text_id)
    SELECT gen_random_uuid(), ecg_id, source, CASE source WHEN 'machine' THEN '' ELSE r.value END, 1, true, text_id
    FROM pairs_0 JOIN said_ids USING (cell_id) JOIN attribute_values r ON r.id = reader_id
    """,
    """
    INSERT INTO changes_0 (recorded_at, age, ecg_id, outcome, site_id, device_id, device_software_id, reader_id, sex,
                           slot, simulated, location_id, blinded, validated, heart_rate, qtc_ms, qrs_axis)
    SELECT coalesce(recorded_at, '0001-01-01 00:00:00+00'), age, ecg_id, outcome, site_id, device_id,
           device_software_id, reader_id, sex, slot, simulated, location_id, blinded, validated, heart_rate, qtc_ms,
           qrs_axis
    FROM pairs_0 JOIN cell_outcomes USING (cell_id)
    """,
    *(
        f"INSERT INTO pair_totals_0 (simulated, facet, value, cell_id, blinded, validated, slot, pairs) "
        f"SELECT true, {number}, {column}, cell_id, blinded, validated, 0, count(*) FROM pairs_0 "
        "GROUP BY 3, 4, 5, 6 ORDER BY 3, 4, 5, 6"
        for number, column in counting.FACETS.items()
    ),
    "SET enable_hashagg = off",
    columns.written(0, "pairs_0", "1"),
    "RESET enable_hashagg",
]


def _drop_indexes(cursor: Any) -> list[str]:
    """Drop keys and indexes of the large tables, and return the statements that make them again as they were."""
    tables = ["ecgs", "reports", "pairs", "changes", "pair_totals"]
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint "
        "WHERE (conrelid = ANY(%(t)s::regclass[]) OR confrelid = ANY(%(t)s::regclass[])) AND conparentid = 0 "
        "AND contype IN ('p', 'u', 'f') ORDER BY 4, 1, 2",
        {"t": tables},
    )
    constraints = cursor.fetchall()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [tables],
    )
    indexes = cursor.fetchall()
    for table, name, _, _ in reversed(constraints):  # references before what they refer to
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    keys, references = (
        [
            f"ALTER TABLE {t} ADD CONSTRAINT {n} {said}"
            for t, n, said, is_reference in constraints
            if is_reference == kind
        ]
        for kind in (False, True)
    )
    return [*keys, *(said.replace(" ON ONLY ", " ON ") for _, said in indexes), *references]


def _add_values(cursor: Any, attribute: str, count: int, name: str = "") -> list[int]:
    found = []
    for number in range(count):
        cursor.execute(
            "INSERT INTO attribute_values (attribute, value) VALUES (%s, %s) RETURNING id",
            [attribute, name or f"{attribute}-{number + 1}"],
        )
        found.append(cursor.fetchone()[0])
    return found


# --- reading ----------------------------------------------------------------------------------------------------------

QUESTIONS: list[tuple[str, str, dict[str, Any], float]] = [  # what, path, query, the goal at 2,030,000 pairs in ms
    ("whole table", "", {}, 50),
    ("site", "", {"site": "site-2"}, 150),
    ("rare site", "", {"site": "rare"}, 150),
    ("device", "", {"device": "device-1"}, 150),
    ("device software", "", {"device_software": "device_software-1"}, 150),
    ("reader", "", {"reader": "reader-7"}, 150),
    ("sex", "", {"sex": "female"}, 150),
    ("age 60 to 79", "", {"age_min": 60, "age_max": 79}, 150),
    ("from mid-month", "", {"from": "2020-02-10T07:00:00Z"}, 150),
    ("a year", "", {"from": "2023-01-01", "to": "2024-01-01"}, 150),
    ("hedged=ignore, sex", "", {"sex": "male", "hedged": "ignore"}, 150),
    ("by site", "", {"group_by": "site"}, 400),
    ("by month", "", {"group_by": "month"}, 750),
    ("sex and age, by site", "", {"sex": "female", "age_min": 50, "group_by": "site"}, 400),
    ("site and year, by sex", "", {"site": "site-1", "from": "2023-01-01", "group_by": "sex"}, 400),
    ("device and sex, by reader", "", {"device": "device-2", "sex": "male", "group_by": "reader"}, 400),
    ("reader and site, by age", "", {"reader": "reader-1", "site": "site-1", "group_by": "age"}, 400),
    ("sex and age, by month", "", {"sex": "female", "age_min": 50, "group_by": "month"}, 750),
    ("site and device, by sex, month", "", {"site": "site-1", "device": "device-1", "group_by": ["sex", "month"]}, 750),
    ("by site and year", "", {"group_by": ["site", "year"]}, 750),
    ("not blinded; validated", "", {"blinded": "no", "validated": "yes"}, 150),
    ("not blinded, by site", "", {"blinded": "no", "group_by": "site"}, 400),
    ("location", "", {"location": "location-2"}, 400),
    ("off-hours", "", {"off_hours": True}, 400),
    ("by hour", "", {"group_by": "hour"}, 750),
    ("by weekday and hour", "", {"group_by": ["weekday", "hour"]}, 750),
    ("QTc 480 ms and more, by sex", "", {"qtc_ms_min": 480, "group_by": "sex"}, 400),
    ("by heart rate", "", {"group_by": "heart_rate"}, 750),
    ("trend of every label", "/trend", {}, 750),
    ("flow", "/flow", {}, 150),
    ("statements, 1,000 ECGs read", "/statements", {}, 400),
]  # fmt: skip
DRILL_DOWNS: list[tuple[str, str, dict[str, Any]]] = [
    ("anterior MI", "/anterior_mi/ecgs", {}),
    ("anterior MI removed", "/anterior_mi/ecgs", {"direction": "removed"}),
    ("RSAD removed", "/rsad/ecgs", {"direction": "removed"}),
    ("RSAD removed, rare site", "/rsad/ecgs", {"direction": "removed", "site": "rare"}),
    ("anterior MI, rare site", "/anterior_mi/ecgs", {"site": "rare"}),
    ("anterior MI, rare reader, men", "/anterior_mi/ecgs", {"reader": "reader-60", "sex": "male"}),
    ("anterior MI, aged 105 and more", "/anterior_mi/ecgs", {"age_min": 105}),
    ("anterior MI, sex not known", "/anterior_mi/ecgs", {"sex": "unknown"}),
    ("LVH, site, device, reader", "/lvh/ecgs", {"site": "site-12", "device": "device-8", "reader": "reader-50"}),
    ("LVH, an old hour", "/lvh/ecgs", {"from": "2020-01-01T00:00:00Z", "to": "2020-01-01T01:00:00Z"}),
    ("inferior MI, hedged=negative", "/inferior_mi/ecgs", {"hedged": "negative"}),
    ("anterior MI, off-hours", "/anterior_mi/ecgs", {"off_hours": True}),
    ("anterior MI, rate 150 and more", "/anterior_mi/ecgs", {"heart_rate_min": 150}),
    ("RSAD, a location, rate 150 and more", "/rsad/ecgs", {"location": "location-9", "heart_rate_min": 150}),
    ("most changes, rate 150 and more", "/ecgs", {"heart_rate_min": 150}),
    ("most changes", "/ecgs", {}),
    ("most changes, site", "/ecgs", {"site": "site-9"}),
]


def ask(client: httpx.Client, path: str, query: dict[str, Any]) -> tuple[float, Any]:
    """Ask once; return milliseconds and the answer."""
    start = time.perf_counter()
    answer = client.get(f"/v1/disagreement{path}", params=query)
    spent = 1000 * (time.perf_counter() - start)
    assert answer.status_code == 200, answer.text
    return spent, answer.json()


def median(client: httpx.Client, path: str, query: dict[str, Any]) -> float:
    """Ask until warm, then again and again."""
    ask(client, path, query)
    first, _ = ask(client, path, query)
    repeats = REPEATS if first < 1000 else 5
    return statistics.median(ask(client, path, query)[0] for _ in range(repeats))


def later_page(client: httpx.Client, path: str, query: dict[str, Any], pages: int = 20) -> dict[str, Any] | None:
    """Return the query of a later page, None when there are not so many."""
    found = None
    for _ in range(pages):
        cursor = ask(client, path, query if found is None else {**query, "cursor": found})[1]["next_cursor"]
        if cursor is None:
            break
        found = cursor
    return None if found is None else {**query, "cursor": found}


@contextmanager
def service(settings: Settings) -> Iterator[tuple[httpx.Client, int]]:
    """The real API in a process of its own, and its process id."""
    database = Database(settings)
    with database.begin() as session:
        user = auth.create_user(session, "benchmark", f"benchmark-{uuid.uuid4().hex[:8]}", "admin")
        key = auth.issue_key(session, "benchmark", user.name)
    database.close()
    port = 18_000 + os.getpid() % 1000
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings, port), daemon=True)
    child.start()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=300
    ) as client:
        deadline = time.monotonic() + 300
        while True:
            try:
                client.get("/healthz")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the API did not start"
                time.sleep(0.1)
        assert child.pid is not None
        yield client, child.pid
    child.terminate()
    child.join()


def _serve(settings: Settings, port: int) -> None:
    import uvicorn

    from app.main import create_app

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a line a request
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_level="error", access_log=False)


def rss_mib(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


# --- writing ----------------------------------------------------------------------------------------------------------

_INSERT = (
    "INSERT INTO {} (recorded_at, age, ecg_id, cell_id, site_id, device_id, device_software_id, reader_id, slot, sex) "
    "SELECT now() - random() * interval '6 years', 60, id, %s, 1, 13, 21, 41, 0, 1 FROM new_ecgs WHERE number = %s"
)


def writers(url: str, table: str, cells: list[int], numbers: Callable[[], int]) -> float:
    """Let eight connections insert pairs, a transaction each; return how many a second."""
    over = threading.Event()
    done = [0] * WRITERS

    def write(writer: int) -> None:
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), options="-c jit=off") as connection:
            draw = np.random.default_rng(writer)
            while not over.is_set():
                connection.execute(_INSERT.format(table), [int(draw.choice(cells)), numbers()])
                connection.commit()
                done[writer] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(WRITE_S)
    over.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start)


def write_rates(database: Database, url: str) -> tuple[float, float]:
    """Return inserts of pairs a second: into a bare table (no index, key or trigger), and into the real one."""
    with database.begin() as session:
        cells = list(session.execute(text("SELECT cell_id FROM pairs_0 ORDER BY ecg_id LIMIT 5000")).scalars())
        session.execute(text("CREATE TABLE bare_pairs (LIKE pairs INCLUDING GENERATED)"))
        session.execute(text("CREATE TABLE new_ecgs (number integer PRIMARY KEY, id uuid NOT NULL)"))
        session.execute(text("INSERT INTO new_ecgs SELECT n, gen_random_uuid() FROM generate_series(0, 299999) n"))
        session.execute(
            text(
                "INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) "
                "SELECT id, repeat(replace(id::text, '-', ''), 2), 5000, 500 FROM new_ecgs"
            )
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text("VACUUM (ANALYZE) new_ecgs, ecgs"))
    count, lock = iter(range(300_000)), threading.Lock()

    def number() -> int:
        with lock:
            return next(count)

    rates: dict[str, list[float]] = {"bare_pairs": [], "pairs": []}
    for table in ("bare_pairs", "pairs", "bare_pairs", "pairs"):
        rates[table].append(writers(url, table, cells, number))
    with database.begin() as session:
        session.execute(text("DELETE FROM pairs USING new_ecgs WHERE ecg_id = id"))
        session.execute(text("DELETE FROM ecgs USING new_ecgs WHERE ecgs.id = new_ecgs.id"))
        session.execute(text("DROP TABLE bare_pairs, new_ecgs"))
    return max(rates["bare_pairs"]), max(rates["pairs"])


def correction_ms(database: Database, corrections: int = 300) -> tuple[float, float]:
    """Return the database's milliseconds of a corrected over-read, commit included: median, 95th percentile."""
    labelers, spent = Labelers(), []
    with database.begin() as session:
        some = session.execute(
            text("SELECT ecg_id, reader FROM reports WHERE source = 'overread' AND current LIMIT :n"),
            {"n": corrections},
        ).all()
    clock = {"start": 0.0, "sum": 0.0}
    event.listen(database.engine, "before_cursor_execute", lambda *_: clock.update(start=time.perf_counter()))
    event.listen(
        database.engine,
        "after_cursor_execute",
        lambda *_: clock.update(sum=clock["sum"] + time.perf_counter() - clock["start"]),
    )
    for number, (ecg_id, reader) in enumerate(some):
        said = ["Atrial flutter\nPosterior MI", "Sinus rhythm\nLVH\nPossible anterior infarct", "LBBB"][number % 3]
        with database.begin() as session:
            rules = labelers.maintained(session)
            clock["sum"] = 0.0
            reports.add(
                session, "benchmark", rules, ecg_id, given=ReportIn(source="overread", text=said, reader=reader)
            )
            before_commit = time.perf_counter()
        spent.append(1000 * (clock["sum"] + time.perf_counter() - before_commit))
    return statistics.median(spent), float(np.percentile(spent, 95))


# --- the naive way ----------------------------------------------------------------------------------------------------

_NAIVE_ROWS = """
    CREATE TABLE naive AS
    SELECT ecg_id, source, label::smallint,
           CASE source WHEN 'machine' THEN (machine_present | machine_uncertain) >> label & 1
                       ELSE (overread_present | overread_uncertain) >> label & 1 END = 1 AS positive
    FROM pairs_0 JOIN cells ON cells.id = cell_id, generate_series(0, 12) label,
         unnest(ARRAY['machine', 'overread']) source
"""
_NAIVE = """
    SELECT m.label, count(*) FILTER (WHERE m.positive), count(*) FILTER (WHERE o.positive),
           count(*) FILTER (WHERE o.positive AND NOT m.positive), count(*) FILTER (WHERE m.positive AND NOT o.positive)
    FROM naive m JOIN naive o ON o.ecg_id = m.ecg_id AND o.label = m.label AND o.source = 'overread'
    WHERE m.source = 'machine' GROUP BY m.label ORDER BY m.label
"""


def naive(database: Database) -> tuple[float, str, list[tuple[int, ...]]]:
    """Make one row per ECG, source and label; return the query's seconds, the size, and the counts."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text(_NAIVE_ROWS))
        plain.execute(text("ANALYZE naive"))
        size = plain.execute(text("SELECT pg_size_pretty(pg_total_relation_size('naive'))")).scalar_one()
        start = time.perf_counter()
        rows = [tuple(row) for row in plain.execute(text(_NAIVE)).all()]
        seconds = time.perf_counter() - start
        plain.execute(text("DROP TABLE naive"))
    return seconds, str(size), rows


# --- all of it --------------------------------------------------------------------------------------------------------


def sizes(database: Database) -> list[tuple[str, str, str]]:
    """Return the size of each table and index of pairs."""
    with database.begin() as session:
        rows = session.execute(
            text(
                "SELECT c.relname, pg_size_pretty(pg_relation_size(c.oid)), to_char(c.reltuples, '999,999,999') "
                "FROM pg_class c WHERE c.relkind IN ('r', 'i') AND c.relname ~ "
                "'^(pairs|changes|pair_totals|cells|cell_outcomes|attribute_values)(_0|_pkey|$|_0_.*)' "
                "AND pg_relation_size(c.oid) > 100000 ORDER BY pg_relation_size(c.oid) DESC"
            )
        ).all()
    return [tuple(row) for row in rows]


def explain(database: Database) -> None:
    """Print the plans of the main queries."""
    questions: list[tuple[str, PairFilter, tuple[Any, ...]]] = [
        ("whole table", PairFilter(simulated=True), ()),
        (
            "from the middle of a month",
            PairFilter(simulated=True, recorded_from=datetime(2020, 2, 10, 7, tzinfo=UTC)),
            (),
        ),
        ("women over 50, by site", PairFilter(simulated=True, sex="female", age_min=50), ("site",)),
    ]
    with database.begin() as session:
        for name, chosen, group_by in questions:
            statements: list[tuple[str, Any]] = []

            def remember(*given: Any, kept: list[tuple[str, Any]] = statements) -> None:
                kept.append((given[2], given[3]))

            event.listen(database.engine, "before_cursor_execute", remember)
            counting.count_by_cell(session, 0, chosen, group_by)
            event.remove(database.engine, "before_cursor_execute", remember)
            _plan(session, name, *statements[-1])
        from app.disagreement.drilldown import queries as drilldown
        from app.disagreement.outcomes import outcomes_of

        for name, chosen in (
            ("anterior MI removed, a later page", PairFilter(simulated=True)),
            ("at one site", PairFilter(simulated=True, site="rare")),
        ):
            statements = []

            def remember_too(*given: Any, kept: list[tuple[str, Any]] = statements) -> None:
                kept.append((given[2], given[3]))

            position = Position(datetime(2023, 1, 1, tzinfo=UTC), uuid.UUID(int=0))
            event.listen(database.engine, "before_cursor_execute", remember_too)
            outcomes = outcomes_of(LABELS.index("anterior_mi"), "removed", "ignore")
            drilldown.changes(session, 0, chosen, outcomes, position=position, limit=51)
            event.remove(database.engine, "before_cursor_execute", remember_too)
            _plan(session, f"drill-down: {name}", *statements[-1])


def _plan(session: Any, name: str, statement: str, parameters: Any) -> None:
    cursor = session.connection().connection.driver_connection.cursor()
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", parameters)
    print(f"\n-- {name}")
    for (line,) in cursor.fetchall():
        print(line[:150])


def read(client: httpx.Client, scale: float) -> None:
    """Print the medians of every question beside its goal."""
    print(f"\n{'question':<40} {'ms':>8} {'goal':>7}")
    for name, path, query, goal in QUESTIONS:
        print(f"{name:<40} {median(client, path, query):>8.1f} {goal * scale:>7.0f}", flush=True)
    print(f"\n{'drill-down (50 ECGs with texts)':<40} {'first':>8} {'later':>7} {'goal':>7}")
    for name, path, query in DRILL_DOWNS:
        later = later_page(client, path, query)
        shown = f"{median(client, path, later):>7.1f}" if later else f"{'–':>7}"
        print(f"{name:<40} {median(client, path, query):>8.1f} {shown} {20:>7}", flush=True)


def fill_folder(folder: Path, pairs: int) -> None:
    """Fill a private PostgreSQL in a folder; one that is there already is used as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "pg").exists():
        return
    start = time.perf_counter()
    with EmbeddedPostgres(folder / "pg", durable=False) as url:
        database = Database(Settings(database_url=url, _env_file=None))
        migrate(database)
        database.close()
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(url, pairs))
        filling.start()
        filling.join()
        assert filling.exitcode == 0
    print(f"filled in {time.perf_counter() - start:.0f} s")


def main() -> None:
    """Fill where nothing is, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=PAPER)
    parser.add_argument("--folder", type=Path, help="Keep the database here; filled already, it is used as it is.")
    parser.add_argument("--only", choices=["fill", "read", "write", "naive", "explain"], action="append")
    options = parser.parse_args()
    wanted = options.only or ["fill", "read", "write", "naive", "explain"]
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        if "fill" in wanted:
            fill_folder(folder, options.pairs)
        with EmbeddedPostgres(folder / "pg") as url:
            run(Settings(database_url=url, data_dir=folder / "data", _env_file=None), url, wanted)


def run(settings: Settings, url: str, wanted: list[str]) -> None:
    """Measure what is wanted on a filled database."""
    database = Database(settings)
    with database.begin() as session:
        pairs = counting.count_pairs(session, 0)
        cells = session.execute(text("SELECT count(*) FROM cells")).scalar_one()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores; {pairs:,} pairs, {cells:,} cells")
    with service(settings) as (client, pid):
        ask(client, "", {})
        before = rss_mib(pid)
        if "read" in wanted:
            read(client, max(1.0, pairs / PAPER))
        print(f"\nmemory of the API: {before} MiB after the first answer, {rss_mib(pid)} MiB after all")
        if "naive" in wanted:
            seconds, size, rows = naive(database)
            table = ask(client, "", {})[1]["labels"]
            assert rows == [
                (bit, *(row[name] for name in ("machine", "overread", "added", "removed")))
                for bit, row in enumerate(table)
            ]
            print(f"naive query, one row per ECG, source and label ({size}): {1000 * seconds:,.0f} ms, the same counts")
    if "write" in wanted:
        median_ms, high = correction_ms(database)
        print(f"a corrected over-read: {median_ms:.2f} ms of database time, 95th percentile {high:.2f}")
        bare, real = write_rates(database, url)
        vacuum(database, 0)
        print(f"{WRITERS} writers: {bare:,.0f} bare inserts a second, {real:,.0f} of pairs: {real / bare:.2f}")
    if "explain" in wanted:
        for name, size, count in sizes(database):
            print(f"{name:<60} {size:>10} {count:>14}")
        explain(database)
    database.close()


if __name__ == "__main__":
    main()
