"""A Bundle holds the stored integers and the exact size of a step; a maintained validator of R4 takes it."""

import base64
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.formats import LEADS, Recording
from ml.formats.ecg_file import Facts
from ml.formats.recording import MISSING
from ml.formats.waveform import digest
from ml.interchange import Outgoing, write_fhir
from tests.ml.formats.records import simulated
from tests.ml.interchange.ecgs import MDC, REAL, ecg_of, real, simulated_facts

RECORDING = simulated()
LONG = replace(RECORDING, samples=np.tile(RECORDING.samples, 9))


def bundle(recording: Recording | None, ecg: Outgoing | None = None) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(write_fhir(ecg or ecg_of(recording), recording), parse_float=Decimal)
    return made


def resources(made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["resource"] for each in made["entry"] if each["resource"]["resourceType"] == kind]


def waveform(made: dict[str, Any]) -> dict[str, Any]:
    return observation(made, "11524-6")


def observation(made: dict[str, Any], loinc: str) -> dict[str, Any]:
    coded = [each for each in resources(made, "Observation") if "coding" in each["code"]]
    [found] = [each for each in coded if each["code"]["coding"][0]["code"] == loinc]
    return found


def read_back(made: dict[str, Any]) -> Recording:
    """Return the waveform that a Bundle holds, read without the code that wrote it."""
    sampled = [each["valueSampledData"] for each in waveform(made)["component"]]
    if files := resources(made, "Binary"):
        content = base64.b64decode(files[0]["data"])
        samples = np.frombuffer(content, "<i4").reshape(len(LEADS), -1)
    else:
        rows = [[MISSING if each == "E" else int(each) for each in lead["data"].split(" ")] for lead in sampled]
        samples = np.array(rows, np.int32)
    [period] = {each["period"] for each in sampled}
    return Recording(
        samples,
        np.array([float(Decimal(1000) / each["factor"]) for each in sampled]),
        float(Decimal(1000) / period),
        scale_known={each["origin"]["code"] for each in sampled} == {"uV"},
    )


def with_missing() -> Recording:
    samples = RECORDING.samples.copy()
    samples[3, 100:200] = MISSING
    return replace(RECORDING, samples=samples)


@pytest.mark.parametrize(
    "recording",
    [
        RECORDING,
        LONG,
        with_missing(),
        replace(RECORDING, gain=np.geomspace(33.333, 12_345.678, len(LEADS))),
        replace(RECORDING, sampling_rate_hz=1000 / 3),
        replace(RECORDING, scale_known=False),
    ],
    ids=["plain", "long", "missing", "gains", "rate", "no scale"],
)
def test_the_waveform_is_the_same(recording: Recording) -> None:
    assert digest(read_back(bundle(recording))) == digest(recording)


@pytest.mark.parametrize("name", REAL)
def test_the_waveform_of_a_real_file_is_the_same(shared: Path, name: str) -> None:
    recording = real(shared, name)
    assert digest(read_back(bundle(recording))) == digest(recording)


@pytest.mark.parametrize("recording", [RECORDING, LONG, with_missing(), None], ids=["plain", "long", "missing", "none"])
@pytest.mark.parametrize("facts", [simulated_facts(), Facts()], ids=["known", "nothing known"])
def test_the_validator_takes_it(recording: Recording | None, facts: Facts) -> None:
    models = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    content = write_fhir(ecg_of(recording, facts), recording)
    valid = models.Bundle.model_validate_json(content)
    assert [each.resource.__class__.__name__ for each in valid.entry] == [
        each["resource"]["resourceType"] for each in json.loads(content)["entry"]
    ]


@pytest.mark.parametrize(
    ("place", "value"), [("status", None), ("component", "none"), ("effectiveDateTime", "yesterday"), ("colour", "red")]
)
def test_the_validator_refuses_what_is_wrong(place: str, value: Any) -> None:
    models = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    made = json.loads(write_fhir(ecg_of(RECORDING), RECORDING))
    waveform(made)[place] = value
    with pytest.raises(ValueError, match=place):
        models.Bundle.model_validate(made)


def test_leads_have_codes_of_iso_11073() -> None:
    components = waveform(bundle(RECORDING))["component"]
    assert [each["code"]["text"] for each in components] == list(LEADS)
    codes = {each["code"]["text"]: [code["code"] for code in each["code"]["coding"]] for each in components}
    for meaning, number in MDC.items():
        lead = meaning.removeprefix("Lead ").partition(",")[0]
        if lead in LEADS:
            assert codes[lead] == [str((2 << 16) + number), str((2 << 16) + 256 + number)]
    assert (codes["II"], codes["III"], codes["V1"]) == (
        ["131074", "131330"],
        ["131133", "131389"],
        ["131075", "131331"],
    )


def test_a_time_without_an_offset_is_a_day() -> None:
    facts = Facts(recorded_at=datetime(2026, 3, 1, 10, 15))
    assert waveform(bundle(RECORDING, ecg_of(RECORDING, facts)))["effectiveDateTime"] == "2026-03-01"
    assert waveform(bundle(RECORDING))["effectiveDateTime"] == "2026-03-01T10:15:00+00:00"


def test_age_and_what_readers_had_seen_go_out() -> None:
    made = bundle(RECORDING)
    assert observation(made, "30525-0")["valueQuantity"] == {
        "value": Decimal("67.5"),
        "unit": "a",
        "system": "http://unitsofmeasure.org",
        "code": "a",
    }
    known = {each["code"]["text"]: each.get("extension", []) for each in resources(made, "DiagnosticReport")[:2]}
    assert known["Machine reading"] == []
    assert known["Over-read"] == [
        {"url": "urn:overread:blinded", "valueCode": "no"},
        {"url": "urn:overread:validated", "valueCode": "yes"},
    ]


def test_readings_are_reports_with_a_status_and_no_names() -> None:
    machine, overread, codes = resources(bundle(RECORDING), "DiagnosticReport")
    assert [each["status"] for each in (machine, overread, codes)] == ["preliminary", "amended", "final"]
    assert overread["performer"][0]["identifier"]["value"] == "reader-7" and "performer" not in machine
    assert overread["conclusion"].startswith("Atrial flutter, possible LVH\nno infarct <&> 日本")
    said = [(each["coding"][0]["system"], each["coding"][0]["code"]) for each in overread["conclusionCode"]]
    label = "urn:overread:label:overread-2"
    assert said == [(label, "aflutter"), (label, "sinus_rhythm.uncertain")]
    given = [(each["coding"][0]["system"], each["coding"][0]["code"]) for each in codes["conclusionCode"]]
    assert given[:3] == [
        (label, "afib.negated"),
        ("http://snomed.info/sct", "164889003"),
        ("urn:overread:codes:SCP", "AFIB"),
    ]


def test_a_large_waveform_is_a_file_that_the_observation_is_derived_from() -> None:
    made = bundle(LONG)
    assert all("data" not in each["valueSampledData"] for each in waveform(made)["component"])
    places = {each["fullUrl"]: each["resource"] for each in made["entry"]}
    [derived] = waveform(made)["derivedFrom"]
    attachment = places[derived["reference"]]["content"][0]["attachment"]
    assert places[attachment["url"]]["resourceType"] == "Binary"
    assert attachment["size"] == LONG.samples.nbytes


def test_every_reference_leads_to_an_entry() -> None:
    for recording in (RECORDING, LONG, None):
        made = bundle(recording)
        known = {each["fullUrl"] for each in made["entry"]}
        assert len(known) == len(made["entry"])
        assert set(_references(made)) <= known


def test_a_simulated_one_says_so_on_every_resource() -> None:
    made = bundle(RECORDING, ecg_of(RECORDING, simulated_facts()))
    for each in [made, *(entry["resource"] for entry in made["entry"])]:
        assert each["meta"]["tag"][0]["code"] == "HTEST"
    assert "tag" not in bundle(RECORDING)["meta"]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [each for part in value.values() for each in _references(part)]
    return [each for part in value for each in _references(part)] if isinstance(value, list) else []
