"""`overread import reports`: lines become ECGs, versions and pairs, all or none of a file, and never twice."""

import io
import json
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.datasets import queries as datasets
from app.datasets.queries import Choice
from app.ecgs.patients import PatientHasher
from app.imports import loader
from app.imports.batch import Facts, Line
from app.imports.lines import MISTAKES_NAMED, BadLine, read
from app.imports.loader import Loaded, Loader
from app.imports.service import import_reports
from app.kit.database import Database
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from app.vocabularies.service import Labelers, upload
from ml.labeling import builtin, builtin_labeler, builtin_text
from ml.labeling.elsewhere import answer

RUN = CliRunner()
LABELER = builtin_labeler()


def written(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def bring(database: Database, settings: Settings, *lines: dict[str, Any]) -> Loaded:
    return import_reports(database, settings, "test", io.BytesIO(written(*lines)), progress=lambda _: None)


def count(database: Database, table: str) -> int:
    with database.begin() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


PAIR = (
    {"record": "a/1", "source": "machine", "text": "Sinus rhythm\nMRN: 4711", "recorded_at": "2021-03-01T10:00:00",
     "site": "north", "device": "MAC 2000", "device_software": "12SL v239", "sex": "female", "age": 61},
    {"record": "a/1", "source": "overread", "text": "Atrial flutter", "reader": "r1", "patient_id": "4711",
     "authored_at": "2021-03-02T09:00:00Z"},
)  # fmt: skip


def test_a_pair_of_an_ecg_without_a_tracing(client: httpx.Client, database: Database, settings: Settings) -> None:
    loaded = bring(database, settings, *PAIR)
    assert (loaded.lines, loaded.ecgs, loaded.reports, loaded.known) == (2, 1, 2, 0)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    assert ecg["record"] == "a/1" and ecg["site"] == "north" and ecg["patient"] is not None
    assert [ecg[name] for name in ("waveform_sha256", "samples", "sampling_rate_hz", "duration_s")] == [None] * 4
    shown = client.get(f"/v1/ecgs/{ecg['id']}").json()["reports"]
    assert {(r["source"], r["text"], r["reader"]) for r in shown} == {
        ("machine", "Sinus rhythm", None),  # without the line that says who it is
        ("overread", "Atrial flutter", "r1"),
    }
    table = client.get("/v1/disagreement", params={"site": "north", "reader": "r1"}).json()
    assert table["pairs"] == 1
    assert {row["label"] for row in table["labels"] if row["added"]} == {"aflutter"}
    [page] = client.get("/v1/disagreement/aflutter/ecgs", params={"direction": "added"}).json()["items"]
    assert page["ecg"]["id"] == ecg["id"]


@pytest.mark.parametrize("path", ["waveform", "waveform?stage=window&format=npy", "plot.svg"])
def test_what_needs_the_tracing_says_that_there_is_none(
    client: httpx.Client, database: Database, settings: Settings, path: str
) -> None:
    bring(database, settings, *PAIR)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    answer = client.get(f"/v1/ecgs/{ecg['id']}/{path}")
    assert answer.status_code == 404 and answer.json()["type"] == "/problems/no_waveform"


def test_models_and_datasets_leave_it_out(client: httpx.Client, database: Database, settings: Settings) -> None:
    bring(database, settings, *PAIR)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    answer = client.post("/v1/predictions", json={"ecg_id": ecg["id"]})
    assert answer.status_code == 409 and answer.json()["type"] == "/problems/no_waveform"
    with database.begin() as session:
        active = vocabularies.active(session)
        assert active.slot is not None
        unset = dict.fromkeys(("recorded_from", "recorded_to", "site", "device", "pairs"))
        choice = Choice(active.id, active.slot, without_overread=False, simulated=False, **unset)
        assert datasets.read_after(session, choice, "", 10) == []


def test_the_same_lines_again_change_nothing_and_other_words_are_a_new_version(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    bring(database, settings, *PAIR)
    again = bring(database, settings, *PAIR)
    assert (again.ecgs, again.reports, again.known, again.texts_read) == (0, 0, 2, 0)
    corrected = bring(database, settings, {**PAIR[1], "text": "Atrial fibrillation"})
    assert (corrected.ecgs, corrected.reports, corrected.known) == (0, 1, 0)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    versions = [r for r in client.get(f"/v1/ecgs/{ecg['id']}/reports").json()["items"] if r["source"] == "overread"]
    assert [(r["version"], r["current"]) for r in versions] == [(1, False), (2, True)]
    rows = {row["label"]: row["added"] for row in client.get("/v1/disagreement").json()["labels"]}
    assert (rows["afib"], rows["aflutter"]) == (1, 0)
    assert bring(database, settings, *PAIR).reports == 0  # its first words, at the same time, are known


def test_what_was_not_known_is_filled_in_and_what_differs_is_counted_and_kept(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    bring(database, settings, PAIR[0], {**PAIR[1], "site": "south"})
    loaded = bring(database, settings, {**PAIR[0], "device": "other", "sex": "male"}, {**PAIR[1], "age": 30})
    assert loaded.conflicts == {"device": 1, "sex": 1, "age": 1} and loaded.reports == 0
    [ecg] = client.get("/v1/ecgs").json()["items"]
    assert (ecg["site"], ecg["device"], ecg["sex"], ecg["age"]) == ("north", "MAC 2000", "female", 61)
    bring(database, settings, {"record": "b", "source": "machine", "text": "AF"})
    bring(database, settings, {"record": "b", "source": "overread", "text": "AF"})
    bring(database, settings, {"record": "b", "source": "overread", "text": "AF", "site": "west", "sex": "male"})
    assert client.get("/v1/disagreement", params={"site": "west", "sex": "male"}).json()["pairs"] == 1


def test_the_same_instant_at_another_offset_is_no_conflict(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    loaded = bring(database, settings, PAIR[0], {**PAIR[1], "recorded_at": "2021-03-01T12:00:00+02:00"})
    assert loaded.conflicts == {}
    again = bring(database, settings, {**PAIR[1], "authored_at": "2021-03-02T04:00:00-05:00"})
    assert (again.conflicts, again.known) == ({}, 1)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    assert ecg["recorded_at"] == "2021-03-01T10:00:00Z"


BAD = [
    (b"nonsense", "line 3"),
    (b'{"record": "x", "source": "machine"}', "line 3: give text, codes, or both"),
    (b'{"record": "x", "source": "nurse", "text": "AF"}', "line 3: source"),
    (b'{"source": "machine", "text": "AF"}', "line 3: record"),
    (b'{"record": "", "source": "machine", "text": "AF"}', "line 3: record"),
    (b'{"record": "x", "source": "machine", "text": "AF", "name": "Miller"}', "line 3: name"),
    (b'{"record": "x", "source": "machine", "text": "AF\\u0000"}', "line 3: text"),
    (b'{"record": "x", "source": "machine", "text": "\\ud800"}', "line 3"),
    (b'{"record": "x", "source": "machine", "text": "MRN: 12"}', "line 3: text: holds no diagnosis statement"),
    (b'{"record": "x", "source": "machine", "text": "AF", "final": true}', "line 3: only an over-read can be final"),
    (b'{"record": "x", "source": "machine", "text": "AF", "age": 1e999}', "line 3: age"),
    (
        b'{"record": "x", "source": "machine", "text": "AF", "authored_at": "2021-03-01T10:00:00"}',
        "line 3: authored_at",
    ),
    (
        b'{"record": "x", "source": "machine", "text": "AF", "recorded_at": "0001-01-01T00:00:00+14:00"}',
        "line 3: recorded_at: is outside the years 1 to 9999",
    ),
    (
        b'{"record": "x", "source": "machine", "text": "AF", "authored_at": "9999-12-31T23:59:59-14:00"}',
        "line 3: authored_at: is outside the years 1 to 9999",
    ),
    (
        b'{"record": "x", "source": "machine", "text": "AF", "recorded_at": "0001-01-01T00:00:00Z"}',
        "line 3: recorded_at: is in the year 1",
    ),
    (b'{"record": "x", "source": "machine", "text": "AF", "recorded_at": "20210326"}', "line 3: recorded_at"),
    (b'{"record": "x", "source": "machine", "text": "AF", "authored_at": 1616716800}', "line 3: authored_at"),
    (b'{"record": "x", "source": "machine", "codes": []}', "line 3: codes"),
    (b"[" * 100_000, "line 3"),
    (b'{"record": "\xff"}', "line 3"),
    (b'{"record": "x", "text": "' + b"a" * 2**20 + b'"}', "line 3: is longer than"),
]


@pytest.mark.parametrize(("line", "why"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_bad_line_is_named_and_nothing_of_its_file_is_stored(
    database: Database, settings: Settings, line: bytes, why: str
) -> None:
    with pytest.raises(BadLine) as refused:
        import_reports(database, settings, "test", io.BytesIO(written(*PAIR) + line + b"\n"), progress=lambda _: None)
    assert str(refused.value).startswith(why) and "Miller" not in str(refused.value)
    assert {count(database, table) for table in ("ecgs", "texts", "reports", "audit_log")} == {0}


def refused(database: Database, settings: Settings, file: bytes) -> list[str]:
    with pytest.raises(BadLine) as raised:
        import_reports(database, settings, "test", io.BytesIO(file), progress=lambda _: None)
    return str(raised.value).splitlines()


def test_all_bad_lines_are_named_at_once(database: Database, settings: Settings) -> None:
    file = b'{}\n\nnonsense\n{"record": "x", "source": "nurse", "text": "AF", "age": -1}\n'
    named = [line.split(": ")[:2] for line in refused(database, settings, file)]
    assert sorted(named) == [
        ["line 1", "record"],
        ["line 1", "source"],
        ["line 3", "Invalid JSON"],
        ["line 4", "age"],
        ["line 4", "source"],
    ]
    many = refused(database, settings, b"nonsense\n" * 50)
    assert len(many) == MISTAKES_NAMED + 1 and many[-1] == "30 more mistakes"
    assert count(database, "reports") == 0


def test_a_line_too_long_does_not_hide_the_next(database: Database, settings: Settings) -> None:
    named = refused(database, settings, b'"' + b"a" * 3 * 2**20 + b'"\n{}\n')
    assert named[0].startswith("line 1: is longer than") and named[1].startswith("line 2: ")


def test_a_byte_order_mark_is_dropped_and_null_is_absent(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    line = {
        "record": "p/1",
        "source": "overread",
        "text": "AF\n\fLVH\v\nRBBB\f",
        "sex": None,
        "simulated": None,
        "final": None,
    }
    file = b"\xef\xbb\xbf" + json.dumps(line).encode()
    import_reports(database, settings, "test", io.BytesIO(file), progress=lambda _: None)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    [report] = client.get(f"/v1/ecgs/{ecg['id']}").json()["reports"]
    assert (ecg["sex"], report["final"], report["text"]) == ("unknown", False, "AF\n\nLVH\n\nRBBB\n")
    assert {finding["label"] for finding in report["findings"]} == {"afib", "lvh", "rbbb"}


def test_new_reports_in_another_language_are_counted(database: Database, settings: Settings) -> None:
    spanish, other = "Ritmo sinusal normal. Bloqueo completo de rama derecha.", "Ritmo sinusal. Sin signos de infarto."
    for words, unread in (([spanish, "AF", spanish], 2), ([spanish, "AF", other], 1)):  # the first two are known then
        lines = [{"record": f"u/{n}", "source": "overread", "text": said} for n, said in enumerate(words)]
        file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        assert import_reports(database, settings, "test", file, progress=lambda _: None).unread == unread


def test_another_control_character_is_refused(database: Database, settings: Settings) -> None:
    [named] = refused(database, settings, b'{"record": "p/4", "source": "overread", "text": "a\\u001cb"}')
    assert named == "line 1: text: must not hold control characters"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(database: Database, settings: Settings, encoding: str) -> None:
    [named] = refused(database, settings, '{"record": "p/1"}\n'.encode(encoding))
    assert named == f"line 1: the file is {encoding[:6].upper()}; save it as UTF-8"


def test_the_command_names_the_line_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database
) -> None:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    file = tmp_path / "reports.jsonl"
    file.write_bytes(written(*PAIR) + b"\n\n")
    ended = RUN.invoke(cli, ["import", "reports", str(file)])
    assert ended.exit_code == 0, ended.output
    assert "2 lines: 1 new ECGs, 2 new readings, 0 known" in ended.stdout
    with database.begin() as session:
        entries = session.execute(text("SELECT action, resource, after FROM audit_log ORDER BY id")).all()
    assert [(action, resource) for action, resource, _ in entries] == [("begin", "import"), ("end", "import")]
    assert entries[0][2]["lines"] == 2 and entries[1][2]["reports"] == 2
    ended = RUN.invoke(cli, ["import", "reports", "-"], input=b"{}\n")
    assert isinstance(ended.exception, BadLine)


def test_codes_are_read_as_codes(client: httpx.Client, database: Database, settings: Settings) -> None:
    codes = [{"system": "SCP", "code": "AFIB", "certainty": None}, {"system": "SCP", "code": "IMI", "certainty": 0.5}]
    bring(database, settings, {"record": "c", "source": "machine", "text": "Inferior infarct"},
          {"record": "c", "source": "overread", "codes": codes})  # fmt: skip
    assert bring(database, settings, {"record": "c", "source": "overread", "codes": codes}).known == 1
    rows = {row["label"]: (row["machine"], row["overread"]) for row in client.get("/v1/disagreement").json()["labels"]}
    assert rows["afib"] == (0, 1) and rows["inferior_mi"] == (1, 1)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    added = client.post(f"/v1/ecgs/{ecg['id']}/reports", json={"source": "overread", "codes": codes})
    assert added.status_code == 200  # the API finds the same words


_RECORDS, _READERS = st.sampled_from(["p", "q", "ä\\\t"]), st.sampled_from(["", "r1"])
_TEXTS = st.sampled_from(["AF", "Possible LVH\\N\tx", "Sinus rhythm\nLBBB", "Normal ECG"])
_TIMES = st.sampled_from([None, "2021-01-01T00:00:00+00:00", "2022-01-01T00:00:00+00:00"])
_SITES = st.sampled_from([None, "n", "s"])


def _line(record: str, source: str, reader: str, words: str, at: str | None, final: bool, site: str | None) -> Line:
    return Line(record, Facts(site=site), source, reader, words, None, at, final and source == "overread")


_LINES = st.lists(
    st.builds(
        _line, _RECORDS, st.sampled_from(["machine", "overread"]), _READERS, _TEXTS, _TIMES, st.booleans(), _SITES
    ),
    max_size=14,
)


def expected(lines: list[Line]) -> tuple[dict[Any, list[Any]], dict[str, str | None], dict[str, tuple[int, int]]]:
    """The slow reference, a line after another: versions by reading, sites, and each pair's positive labels."""
    versions: dict[Any, list[Any]] = {}
    sites: dict[str, str | None] = {}
    order: dict[Any, tuple[bool, str, int]] = {}
    for number, line in enumerate(lines):
        sites[line.record] = sites.get(line.record) or line.facts.site
        reading = (line.record, line.source, line.reader)
        said = versions.setdefault(reading, [])
        now = (line.text, line.final, line.authored_at)
        if not any(old[:2] == now[:2] and line.authored_at in (None, old[2]) for old in said):
            said.append(now)
            order[reading] = (line.final, line.authored_at or "9", number)
    pairs = {}
    for record in sites:
        masks = []
        for source in ("machine", "overread"):
            current = [reading for reading in order if reading[:2] == (record, source)]
            if current:
                present, uncertain, *_ = LABELER.read(versions[max(current, key=order.__getitem__)][-1][0]).masks()
                masks.append(present | uncertain)
        if len(masks) == 2:
            pairs[record] = masks[0], masks[1]
    return versions, sites, pairs


@given(_LINES, st.integers(1, 5))
@hypothesis(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],  # each example is a database's work: shrinking would take minutes
)
def test_many_lines_are_what_they_are_one_by_one(
    database: Database, settings: Settings, lines: list[Line], batch: int
) -> None:
    start = uuid.uuid4().hex
    named = [line._replace(record=f"{start}{line.record}") for line in lines]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loader, "LINES", batch)
        for _ in range(2):  # the second time changes nothing
            with Loader(database, settings) as loading:
                loaded = loading.load(named)
            assert loaded.reports + loaded.known == len(lines) == loaded.lines
    versions, sites, counted = expected(named)
    with database.begin() as session:
        stored = session.execute(
            text(
                "SELECT record, source, reader, version, current, text, final, authored_at FROM reports "
                "JOIN texts ON texts.id = text_id JOIN ecgs ON ecgs.id = ecg_id WHERE starts_with(record, :start) "
                "ORDER BY version"
            ),
            {"start": start},
        ).all()
        kept = session.execute(
            text("SELECT record, site FROM ecgs WHERE starts_with(record, :start)"), {"start": start}
        ).all()
        pairs = session.execute(
            text(
                "SELECT record, machine_present | machine_uncertain, overread_present | overread_uncertain FROM pairs "
                "JOIN cells ON cells.id = cell_id JOIN ecgs ON ecgs.id = ecg_id WHERE starts_with(record, :start)"
            ),
            {"start": start},
        ).all()
    found: dict[Any, list[Any]] = {}
    for record, source, reader, version, current, words, final, at in stored:
        said = found.setdefault((record, source, reader), [])
        said.append((words, final, at.isoformat() if at else None))
        assert version == len(said) and current == (version == len(versions[record, source, reader]))
    assert found == versions and dict(tuple(row) for row in kept) == sites
    assert {record: (m, o) for record, m, o in pairs} == counted


def test_an_import_that_broke_off_has_stored_whole_batches_and_goes_on(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "LINES", 10)
    lines = [
        Line(f"record {number // 2}", Facts(), source, "", f"LVH, rate {number}", None, None, False)
        for number in range(200)
        for source in (("machine", "overread")[number % 2],)
    ]

    def broken() -> Any:
        yield from lines[:150]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"), Loader(database, settings) as loading:
        loading.load(broken())
    stored = count(database, "reports")
    assert stored % 10 == 0 and stored < 150
    with Loader(database, settings) as loading:
        loaded = loading.load(lines)
    assert (loaded.known, count(database, "reports"), count(database, "pairs")) == (stored, 200, 100)


def test_imports_writers_and_an_activation_at_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two imports of the same records, corrections through the API, and a vocabulary that is activating meanwhile."""
    monkeypatch.setattr(loader, "LINES", 20)
    labelers = Labelers()
    other = builtin_text().replace(f"version: {builtin().version}", "version: other")
    with database.begin() as session:
        row, _ = upload(session, "test", other, answer({"vocabulary": other}))
    said = ["AF", "LBBB", "Sinus rhythm", "LVH", "Possible RVH", "Atrial flutter"]
    files = [
        [
            Line(f"r{number}", Facts(), source, "", f"{said[(number * 5 + shift) % 6]}\nrate {number % 40}", None, None, False)
            for number in range(120)
            for source in ("machine", "overread")
        ]
        for shift in (0, 1)
    ]  # fmt: skip
    errors: list[BaseException] = []

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def load(lines: list[Line]) -> None:
        with Loader(database, settings) as loading:
            loading.load(lines)

    def correct() -> None:
        for number in range(60):
            with database.begin() as session:
                rules = labelers.maintained(session)
                ecg = session.execute(text("SELECT id FROM ecgs ORDER BY random() LIMIT 1")).scalar()
                if ecg is not None:
                    given = ReportIn(source="overread", text=f"{said[number % 6]}\nrate {number % 40}")
                    reports.add(session, "test", rules, ecg, given=given)

    def activate() -> None:
        with database.begin() as session:
            vocabularies.begin_activation(session, row.id)

    for thread in [*(guarded(lambda lines=lines: load(lines)) for lines in files), guarded(correct), guarded(activate)]:
        thread.join()
    assert errors == []
    assert count(database, "reports WHERE current") == 240 and count(database, "pairs_0") == 120
    with database.begin() as session:
        wrong = session.execute(
            text(
                "SELECT count(*) FROM pairs JOIN cells ON cells.id = cell_id "
                "JOIN vocabularies v ON v.slot = pairs.slot "
                "JOIN reports m ON m.ecg_id = pairs.ecg_id AND m.source = 'machine' AND m.current "
                "JOIN reports o ON o.ecg_id = pairs.ecg_id AND o.source = 'overread' AND o.current "
                "JOIN labelings lm ON lm.text_id = m.text_id AND lm.vocabulary_id = v.id "
                "JOIN labelings lo ON lo.text_id = o.text_id AND lo.vocabulary_id = v.id "
                "WHERE (lm.present, lm.uncertain, lo.present, lo.uncertain) IS DISTINCT FROM "
                "(machine_present, machine_uncertain, overread_present, overread_uncertain)"
            )
        ).scalar_one()
        unread = session.execute(
            text(
                "SELECT count(*) FROM reports r, vocabularies v WHERE v.state = 'active' AND NOT EXISTS "
                "(SELECT FROM labelings WHERE text_id = r.text_id AND vocabulary_id = v.id)"
            )
        ).scalar_one()
    assert (wrong, unread) == (0, 0)


def test_lines_are_read_one_at_a_time(settings: Settings) -> None:
    """Nothing of a file but the line at hand is held."""

    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            return written(PAIR[0])

    lines = read(Endless(), PatientHasher(settings))  # type: ignore[arg-type]
    assert [next(lines).record for _ in range(3)] == ["a/1"] * 3
