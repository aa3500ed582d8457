"""HL7 annotated ECG: a real file against a plain reading, and files that are not what they should be."""

import tracemalloc
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from ml.formats import LEADS, Reading, Unreadable, read
from ml.formats.aecg_xml import FORMAT
from ml.formats.waveform import digest, encode
from ml.formats.wfdb import write_wfdb
from tests.ml.formats.aecg import (
    DEVICE,
    NAMESPACE,
    PERSON,
    TIMES,
    aecg,
    aecg_file,
    annotation,
    sequence,
    sequences,
    series,
    statements,
)
from tests.ml.formats.muse import EIGHT
from tests.ml.formats.records import simulated
from tests.ml.formats.xml_text import codes, read_text

ROWS = simulated().samples[:, :1000]
LEAD_ROWS = sequences(ROWS)


def test_a_real_file_is_what_a_plain_reading_gives(shared: Path) -> None:
    path = shared / "formats/hl7_aecg/Example_aECG.xml"
    recording = read({path.name: path.read_bytes()}).recording
    [rhythm] = ElementTree.parse(path).getroot().findall(f"{{{NAMESPACE}}}component/{{{NAMESPACE}}}series")
    plain = {}
    for each in rhythm.findall(f"{{{NAMESPACE}}}component//{{{NAMESPACE}}}sequence"):
        digits = each.findtext(f".//{{{NAMESPACE}}}digits")
        name = each.find(f"{{{NAMESPACE}}}code").get("code", "")  # type: ignore[union-attr]
        if digits:
            plain[name.removeprefix("MDC_ECG_LEAD_")] = [int(digit) for digit in digits.split()]
    assert (recording.samples.shape, recording.sampling_rate_hz, set(recording.gain)) == ((12, 5000), 500, {400.0})
    for lead, row in zip(LEADS, recording.samples, strict=True):
        assert row.tolist() == plain[lead.upper()], lead


def test_a_real_file_says_when_who_and_what_was_measured(shared: Path) -> None:
    path = shared / "formats/hl7_aecg/Example_aECG.xml"
    facts = read({path.name: path.read_bytes()}).facts
    assert (facts.recorded_at, facts.age, facts.sex, facts.patient_id) == (
        datetime(2002, 11, 22, 9, 10),
        46,
        "male",
        "SBJ-123",
    )
    assert (facts.device, facts.device_software, facts.site) == ("ELI250", "5.3", "River City ECG Collection Service")
    measured = facts.measurements
    assert (measured.pr_ms, measured.qrs_ms, measured.qt_ms, measured.qtc_ms) == (148, 120, 420, 443)
    assert (measured.p_axis, measured.qrs_axis, measured.t_axis, measured.heart_rate) == (44, -61, 86, None)


def test_a_derived_beat_is_never_taken_for_the_rhythm() -> None:
    beat = series(TIMES + sequences(np.zeros((12, 600), int)), code="REPRESENTATIVE_BEAT")
    for text in (aecg(beat, series(TIMES + LEAD_ROWS)), aecg(series(TIMES + LEAD_ROWS), beat)):
        assert np.array_equal(read_text(text).recording.samples, ROWS)
    assert codes(aecg(beat)) == codes(aecg(series(TIMES + LEAD_ROWS) * 2)) == {"waveform_count"}


def test_the_same_ecg_in_two_formats_is_one() -> None:
    recording = simulated()
    other = read({"e.xml": aecg_file(recording)}).recording
    assert digest(other) == digest(read(write_wfdb(other, "r")).recording)
    assert np.array_equal(other.samples, recording.samples)


@pytest.mark.parametrize(
    ("scale", "unit", "origin", "gain", "added"),
    [
        ("5", "uV", "0", 200, 0),
        ("0.005", "mV", "0", 200, 0),
        ("2.5", "uV", "10", 400, 4),
        ("5000", "nV", "-5000", 200, -1),
    ],
)
def test_scale_and_origin_are_the_leads(scale: str, unit: str, origin: str, gain: float, added: int) -> None:
    changed = sequence("V3", ROWS[8].tolist(), scale=scale, unit=unit, origin=origin)
    others = sequences(np.delete(ROWS, 8, axis=0), [lead for lead in LEADS if lead != "V3"])
    recording = read_text(aecg(series(TIMES + others + changed))).recording
    assert recording.gain[8] == gain
    assert np.array_equal(recording.samples[8], ROWS[8] + added)


@pytest.mark.parametrize(
    ("increment", "unit", "rate"),
    [("0.002", "s", 500), ("4", "ms", 250), ("0.0027778", "s", 360), ("1000", "us", 1000)],
)
def test_a_rate_is_one_over_the_increment(increment: str, unit: str, rate: float) -> None:
    times = TIMES.replace("0.002", increment).replace('unit="s"', f'unit="{unit}"')
    assert read_text(aecg(series(times + LEAD_ROWS))).recording.sampling_rate_hz == rate


@pytest.mark.parametrize(
    ("waveforms", "expected"),
    [
        (LEAD_ROWS, {"bad_rate"}),
        (TIMES + TIMES.replace("0.002", "0.004") + LEAD_ROWS, {"bad_rate"}),
        (TIMES.replace("0.002", "0") + LEAD_ROWS, {"bad_rate"}),
        (TIMES.replace("0.002", "0.000001") + LEAD_ROWS, {"bad_rate"}),
        (TIMES.replace('unit="s"', 'unit="min"') + LEAD_ROWS, {"bad_rate"}),
        (TIMES + LEAD_ROWS + "</sequenceSet></component><component><sequenceSet>" + LEAD_ROWS, {"unsupported_sets"}),
        (TIMES + LEAD_ROWS.replace('unit="uV"', 'unit="mm"', 1), {"unknown_unit"}),
        (TIMES + LEAD_ROWS.replace('scale value="5"', 'scale value="0"', 1), {"bad_gain"}),
        (TIMES + LEAD_ROWS.replace('origin value="0"', 'origin value="2"', 1), {"unsupported_origin"}),
        (TIMES + LEAD_ROWS.replace("<digits>", "<digits>1.5 ", 1), {"bad_digits"}),
        (TIMES + LEAD_ROWS.replace("<digits>", "<digits>1e5 ", 1), {"bad_digits"}),
        (TIMES + LEAD_ROWS.replace("<digits>", "<digits>1234567890 ", 1), {"bad_digits"}),
        (TIMES + LEAD_ROWS.replace("<digits>", "<digits>1 ", 1), {"unequal_lengths"}),
        (TIMES + sequences(ROWS, ["I", "I", *LEADS[2:]]), {"duplicate_lead"}),
        (TIMES + sequences(ROWS[:2], ["I", "II"]), {"missing_leads"}),
        (TIMES + sequences(ROWS[:, :0]), {"wrong_length"}),
    ],
)
def test_what_is_not_what_it_says_is_refused(waveforms: str, expected: set[str]) -> None:
    assert codes(aecg(series(waveforms))) == expected


def test_two_sequences_of_times_with_one_rate_are_one() -> None:
    assert read_text(aecg(series(TIMES * 2 + LEAD_ROWS))).recording.sampling_rate_hz == 500


def test_eight_leads_make_twelve_and_others_are_left_out() -> None:
    rows = np.stack([ROWS[LEADS.index(lead)] for lead in EIGHT])
    extra = sequence("V3R", [1, 2, 3])
    recording = read_text(aecg(series(TIMES + sequences(rows, EIGHT) + extra))).recording
    assert np.array_equal(recording.samples[6:], ROWS[6:])


def test_statements_are_the_devices_or_a_persons() -> None:
    said = statements(DEVICE, "Atrial fibrillation", "Left axis deviation") + statements(PERSON, "Sinus rhythm")
    assert read_text(aecg(series(TIMES + LEAD_ROWS, annotations=said))).readings == (
        Reading(source="machine", text="Atrial fibrillation\nLeft axis deviation"),
        Reading(source="overread", text="Sinus rhythm", reader="Doe, Jo", authored_at=datetime(2021, 5, 21, 17, 3, 33)),
    )
    nobody = statements("", "Sinus rhythm")
    assert read_text(aecg(series(TIMES + LEAD_ROWS, annotations=nobody))).readings == ()


def test_a_measurement_that_differs_from_beat_to_beat_is_none() -> None:
    for second, expected in (("160", 160), ("170", None)):
        other = annotation("MDC_ECG_TIME_PD_PR", f'<value value="{second}"/>')
        said = statements(DEVICE, "Sinus rhythm").replace("</annotationSet>", f"{other}</annotationSet>")
        measured = read_text(aecg(series(TIMES + LEAD_ROWS, annotations=said))).facts.measurements
        assert measured.pr_ms == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("202105201315", datetime(2021, 5, 20, 13, 15)),
        ("20210520131518.250", datetime(2021, 5, 20, 13, 15, 18, 250_000)),
        ("20210520131518-0500", datetime(2021, 5, 20, 13, 15, 18, tzinfo=timezone(timedelta(hours=-5)))),
        ("20210520131518+0000", datetime(2021, 5, 20, 13, 15, 18, tzinfo=UTC)),
        ("20210520", None),
        ("20211320131518", None),
        ("20210520131518+9900", None),
    ],
)
def test_a_time_is_known_or_it_is_no_fact(written: str, expected: datetime | None) -> None:
    text = aecg(series(TIMES + LEAD_ROWS)).replace("20210520131518.000", written)
    assert read_text(text).facts.recorded_at == expected


def test_an_age_is_reported_or_follows_from_the_birth() -> None:
    born = "<subjectDemographicPerson><birthTime value='19510520'/></subjectDemographicPerson>"
    text = aecg(series(TIMES + LEAD_ROWS), subject=f"<id extension='000'/>{born}")
    assert (read_text(text).facts.age, read_text(text).facts.patient_id) == (70, None)
    reported = "<relatedObservation><code code='21612-7'/><value value='6' unit='mo'/></relatedObservation>"
    assert (
        read_text(text.replace("<location>", f"<controlVariable>{reported}</controlVariable><location>", 1)).facts.age
        == 0.5
    )


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = aecg_file(simulated())
    for end in range(200, len(content), 19_997):
        with pytest.raises(Unreadable):
            read({"e.xml": content[:end]})


def test_memory_stays_below_what_an_upload_is_admitted_for() -> None:
    digits = np.arange(30_000) % 10
    densest = aecg(series(TIMES + sequences(np.tile(digits, (8, 1)), EIGHT))).encode()
    for content in (aecg_file(simulated()), densest):
        read({"e.xml": content})
        tracemalloc.start()
        recording = read({"e.xml": content}).recording
        recording.millivolts()
        encode(recording)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < FORMAT.memory * len(content), peak / len(content)
