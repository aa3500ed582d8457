"""SCP-ECG against the same ECG as HL7 aECG, against a plain writer (`scp.py`), and against files that lie."""

import struct
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ml import formats
from ml.formats import LEADS, EcgFile, Reading, Recording, Unreadable
from ml.formats.huffman import BadHuffman, Decoder, Structure
from ml.formats.scp_ecg import is_scp
from ml.formats.waveform import digest
from ml.labeling.findings import Code
from tests.cost import cheap
from tests.ml.formats.records import simulated
from tests.ml.formats.scp import (
    CODES,
    DEFAULT,
    OTHER,
    TABLE,
    device,
    header,
    lead_list,
    own_code,
    scp,
    scp_file,
    scp_sections,
    signal,
    statements,
    tables,
)

SHORT = Recording(simulated().samples[:, :600], simulated().gain, 500.0)
STEPS = np.rint(SHORT.millivolts() * 400).astype(np.int64)


def read(content: bytes) -> EcgFile:
    return formats.read({"e.scp": content})


def codes(content: bytes) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(content)
    return {reason.code for reason in caught.value.reasons}


def with_rhythm(rhythm: bytes, **sections: bytes) -> bytes:
    numbered = {int(number[1:]): body for number, body in sections.items()}
    return scp({2: DEFAULT, 3: lead_list(LEADS, STEPS.shape[1]), 6: rhythm, **numbered})


def test_the_real_file_is_the_same_ecg_as_in_another_format(shared: Path) -> None:
    """ecgtoolkit converted one ECG to both formats; its measurements are the same, too."""
    scp_ecg = read((shared / "formats/scp_ecg/Example.scp").read_bytes())
    aecg = formats.read({"e.xml": (shared / "formats/hl7_aecg/Example_aECG.xml").read_bytes()})
    assert digest(scp_ecg.recording) == digest(aecg.recording)
    assert np.array_equal(scp_ecg.recording.millivolts(), aecg.recording.millivolts())
    assert scp_ecg.facts.measurements == aecg.facts.measurements
    same = ("recorded_at", "sex", "patient_id", "device")
    assert [getattr(scp_ecg.facts, name) for name in same] == [getattr(aecg.facts, name) for name in same]
    assert scp_ecg.readings == ()


@pytest.mark.parametrize("differences", [0, 1, 2])
@pytest.mark.parametrize(
    ("section", "coder"),
    [
        (DEFAULT, None),
        (tables(TABLE, OTHER), own_code),
        (b"\0\0", lambda: None),
        (None, lambda: None),
    ],
)
def test_every_way_of_storing_samples(
    differences: int, section: bytes | None, coder: Callable[[], Callable[[int], str] | None] | None
) -> None:
    options = {"coder": coder} if coder else {}
    sections = scp_sections(SHORT, differences=differences, **options)
    del sections[2]
    recording = read(scp(sections | ({2: section} if section else {}))).recording
    assert np.array_equal(recording.samples, STEPS)
    assert set(recording.gain) == {400.0} and recording.sampling_rate_hz == 500


@pytest.mark.parametrize("value", [0, 8, -8, 9, -9, 127, -128, 128, -129, 32_767, -32_768])
def test_numbers_at_the_edges_of_the_default_table(value: int) -> None:
    leads = [np.array([value, 0, value, 1, -1]) for _ in LEADS]
    rhythm = signal(leads, nanovolts=2500, microseconds=2000, differences=0)
    recording = read(scp({2: DEFAULT, 3: lead_list(LEADS, 5), 6: rhythm})).recording
    assert recording.samples.tolist() == [[value, 0, value, 1, -1]] * 12


@pytest.mark.parametrize("begins", [1, 101])
def test_a_subtracted_reference_beat_is_added_again(begins: int) -> None:
    """Beats at both ends are cut off; one of another kind is not the reference beat's."""
    beat = np.rint(np.outer(np.arange(1, 13), 100 * np.hanning(80))).astype(np.int64)
    middle, at = 41, [20, 200, 300, 420, 590]
    left = STEPS.copy()
    rows = b""
    for number, fiducial in enumerate(at):
        kind = 1 if number == 2 else 0
        first, last = max(1, fiducial - 35), min(600, fiducial + 35)
        rows += struct.pack("<HIII", kind, first + begins - 1, fiducial + begins - 1, last + begins - 1)
        if kind == 0:
            for sample in range(first, last + 1):
                place = sample - fiducial + middle - 1
                left[:, sample - 1] -= beat[:, place]
    rows += b"".join(struct.pack("<II", fiducial, fiducial + 1) for fiducial in at)
    sections = {
        2: DEFAULT,
        3: lead_list(LEADS, 600, begins=begins, flags=1),
        4: struct.pack("<HHH", 160, middle, len(at)) + rows,
        5: signal(list(beat), nanovolts=2500, microseconds=2000, differences=1),
        6: signal(list(left), nanovolts=2500, microseconds=2000),
    }
    assert np.array_equal(read(scp(sections)).recording.samples, STEPS)
    assert codes(scp({**sections, 5: signal(list(beat), nanovolts=5000, microseconds=2000)})) == {
        "unsupported_compression"
    }
    assert codes(scp({number: body for number, body in sections.items() if number != 5})) == {"bad_section"}
    assert codes(scp({**sections, 4: sections[4][:20]})) == {"bad_section"}
    not_subtracted = {**sections, 3: lead_list(LEADS, 600), 6: signal(list(STEPS), nanovolts=2500, microseconds=2000)}
    assert np.array_equal(read(scp(not_subtracted)).recording.samples, STEPS)  # the beat is never the rhythm


@pytest.mark.parametrize("seed", range(5))
def test_zones_of_any_kind_stay_within_the_signal(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = b"".join(struct.pack("<HIII", 0, *chance.integers(0, 2**32, 3).tolist()) for _ in range(20))
    rows += b"".join(struct.pack("<HIII", 0, *chance.integers(0, 700, 3).tolist()) for _ in range(20))
    beat = [np.arange(80)] * 12
    content = scp(
        {
            2: DEFAULT,
            3: lead_list(LEADS, 600, flags=1),
            4: struct.pack("<HHH", 160, int(chance.integers(0, 65_536)), 40) + rows,
            5: signal(beat, nanovolts=2500, microseconds=2000),
            6: signal(list(STEPS), nanovolts=2500, microseconds=2000),
        }
    )
    assert read(content).recording.samples.shape == (12, 600)


def test_leads_go_by_their_codes() -> None:
    order = ("V6", "I", "aVR", "V1", "II", "V2", "V3", "V4", "V5")
    leads = [STEPS[LEADS.index(lead)] * (-1 if lead == "aVR" else 1) for lead in order]
    other = {**CODES, "aVR": 65, "V7": 9, "V3R": 11, "X": 20}
    more = [*leads, np.zeros(600), np.ones(600), np.ones(600)]
    rhythm = signal(more, nanovolts=2500, microseconds=2000)
    names = (*order, "V7", "V3R", "X")
    recording = read(scp({2: DEFAULT, 3: lead_list(names, 600, codes=other), 6: rhythm})).recording
    stored = [LEADS.index(lead) for lead in order]
    assert np.array_equal(recording.samples[stored], STEPS[stored])
    rest = signal(more[2:], nanovolts=2500, microseconds=2000)
    assert codes(scp({2: DEFAULT, 3: lead_list(names[2:], 600, codes=other), 6: rest})) == {"missing_leads"}


def test_leads_that_were_not_recorded_together_are_refused() -> None:
    begins = lead_list(LEADS, 600)
    changed = begins[:2] + struct.pack("<II", 601, 1200) + begins[10:]
    assert codes(scp({**scp_sections(SHORT), 3: changed})) == {"unequal_starts"}


def test_facts() -> None:
    section = header(
        t0=b"Quastelheimer\0",
        t2=b"4711\0\0\0",
        t4=struct.pack("<HB", 61, 1),
        t5=struct.pack("<HBB", 1960, 3, 4),
        t8=b"\2",
        t14=device(),
        t16="Spital Zürich\0".encode("latin-1"),
        t18=b"Cardiology\0",
        t25=struct.pack("<HBB", 2021, 5, 20),
        t26=b"\x0d\x0f\x12",
    )
    facts = read(scp({1: section, **scp_sections(SHORT)})).facts
    assert (facts.patient_id, facts.age, facts.sex) == ("4711", 61, "female")
    assert (facts.site, facts.location) == ("Spital Zürich", "Cardiology")
    assert (facts.device, facts.device_software) == ("ELI250", "1.5")
    assert facts.recorded_at == datetime(2021, 5, 20, 13, 15, 18)
    assert "Quastelheimer" not in repr(facts) and "SN 42" not in repr(facts)


@pytest.mark.parametrize(
    ("fields", "age"),
    [
        ({"t4": struct.pack("<HB", 6, 2)}, 0.5),
        ({"t4": struct.pack("<HB", 10, 5)}, 0.001),
        ({"t4": struct.pack("<HB", 61, 0)}, None),
        ({"t4": struct.pack("<HB", 0, 1)}, None),
        ({"t4": b"\x3d"}, None),
        ({"t5": struct.pack("<HBB", 1960, 5, 20), "t25": struct.pack("<HBB", 2021, 5, 20)}, 61.0),
        ({"t5": struct.pack("<HBB", 1960, 5, 20)}, None),
        ({"t5": struct.pack("<HBB", 1960, 13, 20), "t25": struct.pack("<HBB", 2021, 5, 20)}, None),
    ],
)
def test_the_age_is_said_or_follows_from_the_date_of_birth(fields: dict[str, bytes], age: float | None) -> None:
    assert read(scp({1: header(**fields), **scp_sections(SHORT)})).facts.age == age


@pytest.mark.parametrize(
    ("language", "page"),
    [(0, "ascii"), (1, "latin-1"), (0x03, "iso8859-2"), (0x13, "iso8859-5"), (0x07, "utf-16-le"), (0, "utf-8")],
)
def test_texts_are_in_the_code_page_that_the_device_says(language: int, page: str) -> None:
    words = {"iso8859-5": "Ритм синус", "iso8859-2": "Rytm zatokowy śr", "ascii": "Sinus"}.get(page, "Herzgröße")
    end = "\0".encode(page)
    sections = {1: header(t14=device(language=language)), 8: statements([words.encode(page) + end])}
    [reading] = read(scp({**sections, **scp_sections(SHORT)})).readings
    assert reading.text == words


def test_a_reading_is_the_machines_until_a_person_read_it() -> None:
    sections = {1: header(t21=b"Dr. Brombacher\0"), **scp_sections(SHORT)}
    texts = [b"Sinus rhythm", b"", b"Left axis\0junk"]
    [machine] = read(scp({**sections, 8: statements(texts)})).readings
    assert (machine.source, machine.text, machine.reader) == ("machine", "Sinus rhythm\nLeft axis", None)
    [confirmed] = read(scp({**sections, 8: statements(texts, status=1)})).readings
    assert (confirmed.source, confirmed.reader, confirmed.validated) == ("overread", "Dr. Brombacher", "yes")
    assert confirmed.authored_at == datetime(2021, 5, 21, 17, 3, 33)
    [read_over] = read(scp({**sections, 8: statements(texts, status=2)})).readings
    assert (read_over.source, read_over.validated) == ("overread", "no")
    assert read(scp({**sections, 8: statements(texts, status=7)})).readings == ()
    [coded] = read(scp({**sections, 11: statements(texts, typed=2)})).readings
    assert coded.text == "Sinus rhythm\nLeft axis"
    codes = [b"AFIB", b"IMI\0OLD", b"AFIB"]
    [machine] = read(scp({**sections, 11: statements(codes, typed=1)})).readings
    assert machine == Reading(source="machine", codes=(Code("SCP", "AFIB"), Code("SCP", "IMI OLD")))
    [confirmed] = read(scp({**sections, 8: statements(texts), 11: statements(codes, 1, typed=1)})).readings
    assert (confirmed.source, confirmed.codes) == ("machine", ())  # the text wins
    assert read(scp({**sections, 11: statements(codes, typed=3)})).readings == ()
    assert read(scp({**sections, 8: statements(texts)[:20]})).readings[0].text == "Sinus rh"


def measured(times: tuple[int, ...], rates: tuple[int, ...] = (75, 75, 412, 3), spikes: int = 0) -> bytes:
    block = struct.pack("<5H3h", *times, 44, -61, 86)
    return (
        bytes([2, spikes])
        + struct.pack("<HH", 800, 800)
        + block * 2
        + bytes(10 * spikes)
        + struct.pack("<H3B3HB", 3, 0, 0, 0, *rates)
    )


def test_measurements() -> None:
    for spikes in (0, 3):
        section = measured((286, 388, 434, 554, 854), spikes=spikes)
        found = read(scp({7: section, **scp_sections(SHORT)})).facts.measurements
        assert (found.pr_ms, found.qrs_ms, found.qt_ms, found.qtc_ms) == (148, 120, 420, 412)
        assert (found.p_axis, found.qrs_axis, found.t_axis) == (44, -61, 86)
        assert (found.heart_rate, found.qtc_formula) == (75, "fridericia")
    none = read(scp({7: measured((29_999, 29_999, 29_999, 554, 29_998), (0, 29_999, 29_999, 1))} | scp_sections(SHORT)))
    found = none.facts.measurements
    assert {found.pr_ms, found.qrs_ms, found.qt_ms, found.qtc_ms, found.heart_rate, found.qtc_formula} == {None}
    by_lead = b"".join(struct.pack("<HH5h", code, 10, 100, 150, 90, 400, qt) for code, qt in ((1, 7), (2, 9)))
    some = read(scp({10: struct.pack("<HH", 2, 0) + by_lead, **scp_sections(SHORT)})).facts.measurements
    assert (some.pr_ms, some.qrs_ms, some.qt_ms) == (150, 90, 400)
    differ = by_lead[: -2 * 3] + struct.pack("<h", 92) + by_lead[-4:]
    some = read(scp({10: struct.pack("<HH", 2, 0) + differ, **scp_sections(SHORT)})).facts.measurements
    assert (some.pr_ms, some.qrs_ms) == (150, None)


def test_what_is_not_supported_is_named() -> None:
    assert codes(with_rhythm(signal(list(STEPS), nanovolts=2500, microseconds=2000, bimodal=1))) == {
        "unsupported_compression"
    }
    wrong = bytearray(signal(list(STEPS), nanovolts=2500, microseconds=2000))
    wrong[4] = 3
    assert codes(with_rhythm(bytes(wrong))) == {"unsupported_compression"}
    assert codes(scp({1: header()})) == {"waveform_count"}
    assert codes(with_rhythm(signal(list(STEPS), nanovolts=0, microseconds=2000))) == {"bad_rate"}
    assert codes(with_rhythm(signal(list(STEPS), nanovolts=2500, microseconds=0))) == {"bad_rate"}


def test_lies_are_found() -> None:
    content = scp_file(SHORT)
    assert codes(content[:-10]) == {"wrong_length"}
    for place in (200, len(content) - 100):
        changed = bytearray(content)
        changed[place] ^= 1
        assert codes(bytes(changed)) == {"wrong_checksum"}
    assert read(content + bytes(100)).recording.samples.shape == (12, 600)  # filled up after the record
    without = scp({**scp_sections(SHORT)}, checksums=False)
    assert np.array_equal(read(without).recording.samples, STEPS)
    assert codes(scp({**scp_sections(SHORT), 3: lead_list(LEADS, 620)})) == {"bad_compression"}
    assert codes(scp({**scp_sections(SHORT), 3: lead_list(LEADS, 0)})) == {"bad_section"}
    assert codes(scp({**scp_sections(SHORT), 6: scp_sections(SHORT)[6][:20]})) == {"bad_section"}
    plain = scp_sections(SHORT, coder=lambda: None)
    assert codes(scp({3: lead_list(LEADS, 601), 6: plain[6]})) == {"wrong_length"}


@pytest.mark.parametrize("samples", [10**6, 2**31, 2**32 - 1])
def test_a_length_that_is_claimed_costs_nothing(samples: int) -> None:
    sections = scp_sections(SHORT)
    sections[3] = struct.pack("<BB", 12, 0) + b"".join(struct.pack("<IIB", 1, samples, CODES[lead]) for lead in LEADS)
    content = scp(sections)
    with cheap(1_000_000):
        assert codes(content) == {"too_long"}


@pytest.mark.parametrize(
    "table",
    [
        [],
        [(1, 1, 1, 0, "0")],
        [(0, 8, 1, 0, "0")],
        [(17, 17, 1, 0, "0" * 17)],
        [(8, 4, 1, 0, "0" * 8)],
        [(1, 255, 1, 0, "0")],
        [(1, 1, 0, 9, "0"), (1, 1, 1, 0, "1")],
        [(1, 1, 0, 1, "0"), (1, 1, 0, 1, "1")],
    ],
)
def test_tables_that_cannot_be_used(table: list[tuple[int, int, int, int, str]]) -> None:
    assert codes(scp({**scp_sections(SHORT), 2: tables(table)})) == {"bad_compression"}
    assert codes(scp({**scp_sections(SHORT), 2: struct.pack("<H", 5)})) <= {"bad_section", "bad_compression"}


def test_a_decoder_needs_tables() -> None:
    with pytest.raises(BadHuffman):
        Decoder([])
    with pytest.raises(BadHuffman):
        Decoder([[Structure(1, 1, False, 0, 0)]] * 9)


def test_it_is_known_by_its_first_section() -> None:
    content = scp_file(SHORT)
    assert is_scp(content) and is_scp(scp(scp_sections(SHORT), mark=bytes(6)))
    assert not any(map(is_scp, (b"", content[:20], b"\0" * 200, b"r 12 500 5000\n" * 20)))
    assert codes(b"\0" * 200) == {"unknown_format"}


def test_the_memory_of_a_reading() -> None:
    content = scp_file(simulated())
    tracemalloc.start()
    recording = read(content).recording
    assert recording.millivolts().shape == (12, 5000)
    assert tracemalloc.get_traced_memory()[1] < 60 * len(content)
    tracemalloc.stop()
