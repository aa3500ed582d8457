"""What is made of an entry before it is stored, and how places are shown."""

import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ecgs.patients import PatientHasher
from app.imports import counts
from app.imports.as_lines import LineMaker
from app.imports.places import shown
from app.imports.reading.prepare import prepare
from app.imports.reading.prepared import Stamp, Task
from app.imports.reading.processes import ReadingProcesses
from app.settings import Settings
from ml.archives import Entry
from ml.formats import waveform
from ml.formats.disk import record_at
from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.labeling.findings import Code
from ml.rules import read, rule_book

VERSION = rule_book().version


def made(entry: Entry, known: Stamp | None = None):
    return prepare(Task(entry=entry, known=known))[0]


@pytest.fixture
def muse(shared: Path) -> Path:
    return shared / "formats/muse_xml/muse-sinus.xml"


def test_tables_go_before_files(muse: Path) -> None:
    alone = made(Entry(record=None, signal=muse))
    assert alone.signal.state == "read" and alone.readings and alone.facts["site"]
    assert alone.facts["heart_rate"] and alone.facts["qrs_ms"]
    facts = Facts(site="north", measurements=Measurements(heart_rate=33))
    source = alone.readings[0].source
    both = made(Entry(record="r", signal=muse, facts=facts, readings=(Reading(source=source, text="Sinus rhythm"),)))
    assert (both.facts["site"], both.facts["heart_rate"]) == ("north", 33)
    assert both.facts["qrs_ms"] == alone.facts["qrs_ms"] and both.facts["device"] == alone.facts["device"]
    assert [said.text for said in both.readings if said.source == source] == ["Sinus rhythm"]


def test_an_ecg_without_a_machine_s_reading_is_read_by_our_rules_where_that_is_asked(muse: Path, shared: Path) -> None:
    ptbxl = shared / "ptbxl/records500/00000/00001_hr.hea"
    by_rules = prepare(Task(entry=Entry(record="1", signal=ptbxl), rule_reading=True))[0].readings
    assert [(said.source, said.reader, said.is_pseudonym) for said in by_rules] == [("machine", VERSION, True)]
    assert by_rules[0].text == read(record_at(ptbxl).read().recording).text
    assert prepare(Task(entry=Entry(record="1", signal=ptbxl)))[0].readings == ()
    without = prepare(Task(entry=Entry(record=None, signal=muse)))[0].readings
    assert prepare(Task(entry=Entry(record=None, signal=muse), rule_reading=True))[0].readings == without
    assert any(said.source == "machine" for said in without)


def test_the_waveform_is_what_an_upload_stores(muse: Path) -> None:
    prepared, encoded = prepare(Task(entry=Entry(record=None, signal=muse)))
    assert prepared.signal.waveform is not None
    recording = waveform.decode(encoded, prepared.signal.waveform.sha256)
    assert recording.samples.shape == (12, prepared.signal.waveform.samples)
    again = made(Entry(record=None, signal=muse), prepared.signal.stamp)
    assert again.signal.state == "unchanged" and again.readings == ()


@pytest.mark.parametrize(
    ("entry", "codes"),
    [
        (Entry(record="r", facts=Facts(age=131)), ["invalid_age"]),
        (Entry(record="r" * 201), ["invalid_record"]),
        (Entry(record="r", facts=Facts(site="a\x00b")), ["invalid_site"]),
        (Entry(record="r", facts=Facts(patient_hash="ab")), ["invalid_patient_hash"]),
        (Entry(record="r", facts=Facts(recorded_at=datetime(1, 1, 1))), ["invalid_recorded_at"]),
        (Entry(record="r", facts=Facts(measurements=Measurements(qt_ms=1e6))), ["invalid_measurements"]),
        (Entry(record="r", readings=(Reading(source="machine", text="x" * 70_000),)), ["invalid_text"]),
        (Entry(record="r", readings=(Reading(source="machine", codes=(Code("SCP", "A", 2.0),)),)), ["invalid_codes"]),
        (Entry(record=None), ["no_identity"]),
    ],
)
def test_what_may_not_be_stored_is_refused_in_words_of_its_field(entry: Entry, codes: list[str]) -> None:
    assert [why.code for why in made(entry).refused] == codes


def test_a_reading_that_only_says_who_somebody_is_is_left_out() -> None:
    readings = (Reading(source="machine", text="MRN: 4711"), Reading(source="overread", text="AF\nMRN: 4711"))
    assert [said.text for said in made(Entry(record="r", readings=readings)).readings] == ["AF"]
    coded = Reading(source="machine", text="MRN: 4711", codes=(Code("SCP", "AFIB"),))
    [said] = made(Entry(record="r", readings=(coded,))).readings
    assert said.text is None and said.codes is not None


def test_local_times_are_those_of_the_site(settings: Settings) -> None:
    maker = LineMaker(PatientHasher(settings), {"berlin": "Europe/Berlin", "york": "America/New_York"})
    summer, winter = datetime(2026, 7, 1, 12), datetime(2026, 1, 1, 12)
    for site, time, instant in (
        ("berlin", summer, "2026-07-01T10:00:00+00:00"),
        ("berlin", winter, "2026-01-01T11:00:00+00:00"),
        ("york", summer, "2026-07-01T16:00:00+00:00"),
        (None, summer, "2026-07-01T12:00:00+00:00"),
        ("berlin", summer.replace(tzinfo=UTC), "2026-07-01T12:00:00+00:00"),
    ):
        reading = Reading(source="overread", text="AF", authored_at=time, reader="Dr. A")
        entry = Entry(record="r", facts=Facts(site=site, recorded_at=time, patient_id="4711"), readings=(reading,))
        [line] = maker.lines(made(entry), None, None)
        assert (line.facts.recorded_at, line.authored_at) == (instant, instant)
        assert line.reader.startswith("reader-") and line.facts.patient_hash == PatientHasher(settings)("4711").hex()


def test_hashes_and_pseudonyms_of_an_export_are_kept(settings: Settings) -> None:
    reading = Reading(source="overread", text="AF", reader_pseudonym="reader-1")
    entry = Entry(record="r", facts=Facts(patient_hash="ab" * 32, order_hash="cd" * 32), readings=(reading,))
    [line] = LineMaker(PatientHasher(settings), {}).lines(made(entry), None, None)
    assert (line.facts.patient_hash, line.facts.order_hash, line.reader) == ("ab" * 32, "cd" * 32, "reader-1")


def test_a_process_that_ends_costs_one_entry(muse: Path) -> None:
    entries = [Entry(record=f"r{number}", signal=muse) for number in range(4)]
    unwritable = replace(entries[0], signal=Path("\udcff.xml"))
    with ReadingProcesses(1) as processes:
        [child] = processes._free.queue
        child.send_signal(signal.SIGKILL)
        child.wait()
        answers = processes.read([Task(entry=entry) for entry in (*entries, unwritable)])
    codes = [[why.code for why in prepared.refused] for prepared, _ in answers]
    assert codes == [["reader_ended"], [], [], [], ["not_unicode"]]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("records500/00000/00017_hr.hea", "records500/#####/#####_hr.hea"),
        ("Miller, Anna/4711.xml", "******, ****/####.xml"),
        ("ptbxl_database.csv line 17", "ptbxl_database.csv line 17"),
        ("Müller_19561231.dat", "******_########.dat"),
        ("line 17 Miller/ecg line.xml", "line 17 ******/ecg line.xml"),
    ],
)
def test_places_show_layouts_and_rows_only(place: str, expected: str) -> None:
    assert shown(place) == expected


@given(st.text(max_size=400))
def test_no_other_word_is_shown(place: str) -> None:
    assert len(shown(place)) <= 300
    assert "zebrowski" not in shown(f"{place[:100]} Zebrowski {place[100:]}").casefold()


def test_the_pace_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((5.0, 6.0, 10.0, 11.0, 20.0))
    monkeypatch.setattr(counts.time, "monotonic", lambda: next(clock))
    told: list[tuple[float, str]] = []
    pace = counts.Pace(lambda fraction, message: told.append((fraction, message)), 3.0)
    for found in (100, 200, 600, 700, 7_300):
        pace(counts.Imported(found=found, total=7_000))
    assert told == [
        (600 / 7_000, "600 of 7,000 ECGs, 100 a second, 1 min 4 s left"),
        (7_300 / 7_000, "7,300 of 7,000 ECGs, 480 a second"),
    ]
