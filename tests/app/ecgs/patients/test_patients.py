"""The patient hash: always one key, kept closed, and no way to try numbers unseen."""

import json
import unicodedata
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.ecgs.patients import PatientHasher, PatientKeyError
from app.ecgs.patients import service as patients
from app.ecgs.patients.service import check_key
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

KEY = SecretStr("k" * 40)


@pytest.fixture
def key_file(settings: Settings, database: Database) -> Path:
    """The key's file of a service whose key is registered."""
    check(settings, database, may_make=True)
    return settings.data_dir / "patient.key"


def check(settings: Settings, database: Database, *, may_make: bool = False) -> None:
    with database.begin() as session:
        check_key(session, PatientHasher(settings), may_make=may_make)


def spoil(path: Path, how: str) -> None:
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "shortened":
        path.write_bytes(path.read_bytes()[:31])
    elif how == "changed":
        path.write_bytes(path.read_bytes()[::-1] + b"0")
    elif how == "readable to the group":
        path.chmod(0o640)
    elif how == "readable to all":
        path.chmod(0o604)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("deleted", "the patient key is gone"),
        ("emptied", "holds 0 bytes"),
        ("shortened", "holds 31 bytes"),
        ("changed", "is not the one that the stored patient hashes were made with"),
        ("readable to the group", "open to other accounts (mode 0640): run chmod 600"),
        ("readable to all", "open to other accounts (mode 0604): run chmod 600"),
    ],
)
@pytest.mark.parametrize("may_make", [True, False])
def test_a_key_that_was_spoilt_is_refused(
    settings: Settings, database: Database, key_file: Path, how: str, said: str, may_make: bool
) -> None:
    check(settings, database)
    spoil(key_file, how)
    with pytest.raises(PatientKeyError) as refused:
        check(settings, database, may_make=may_make)
    assert said in str(refused.value) and str(key_file) in str(refused.value)
    assert key_file.exists() is (how != "deleted"), "no other key was made in its place"


def test_another_key_of_the_environment_is_refused(settings: Settings, database: Database, key_file: Path) -> None:
    with pytest.raises(PatientKeyError, match="OVERREAD_PATIENT_KEY"):
        check(settings.model_copy(update={"patient_key": KEY}), database)


def test_the_first_key_is_made_by_who_may_and_closed(settings: Settings, database: Database) -> None:
    file = settings.data_dir / "patient.key"
    file.unlink()
    with pytest.raises(PatientKeyError, match="there is no patient key"):
        check(settings, database)
    check(settings, database, may_make=True)
    assert file.stat().st_mode & 0o777 == 0o600 and len(file.read_bytes()) == 64


def test_the_database_holds_a_fingerprint_and_not_the_key(
    settings: Settings, database: Database, key_file: Path
) -> None:
    with database.begin() as session:
        stored = session.execute(text("SELECT fingerprint FROM patient_key")).scalar_one()
    assert len(stored) == 32 and stored != key_file.read_bytes()[:32]
    assert stored != PatientHasher(settings)("overread: fingerprint of the patient key"), "no number's hash is it"


def test_an_import_with_another_key_is_one_line(
    settings: Settings, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    spoil(key_file, "changed")
    ended = CliRunner().invoke(cli, ["import", "reports", "-"], input="")
    assert isinstance(ended.exception, PatientKeyError)


@given(st.text(min_size=1))
def test_a_number_is_one_however_its_accents_are_encoded(number: str) -> None:
    hasher = PatientHasher(Settings(patient_key=KEY, _env_file=None))
    encodable = number.encode("utf-8", "replace").decode()
    forms = {hasher(unicodedata.normalize(form, f"  {encodable}\t")) for form in ("NFC", "NFD")}
    assert forms == {hasher(encodable)}


@given(st.text(min_size=1), st.text(min_size=1))
def test_orders_and_names_have_hashes_of_their_own(value: str, other: str) -> None:
    hasher = PatientHasher(Settings(patient_key=KEY, _env_file=None))
    value, other = (each.encode("utf-8", "replace").decode() for each in (value, other))
    assert hasher.order(f" {value}\n") == hasher.order(value) != hasher(value)
    assert (hasher.order(value) == hasher.order(other)) == (
        unicodedata.normalize("NFC", value.strip()) == unicodedata.normalize("NFC", other.strip())
    )
    assert hasher.pseudonym("reader", value) != hasher.pseudonym("order", value)


def test_a_reader_is_one_however_the_name_is_spaced_and_cased() -> None:
    hasher = PatientHasher(Settings(patient_key=KEY, _env_file=None))
    names = ("Müller, Anna", " MÜLLER,  anna", unicodedata.normalize("NFD", "müller, anna"))
    [pseudonym] = {hasher.pseudonym("reader", name) for name in names}
    assert pseudonym.startswith("reader-") and len(pseudonym) == len("reader-") + 16
    assert pseudonym not in {
        hasher.pseudonym("reader", "Müller, Anne"),
        PatientHasher(Settings(patient_key="x" * 32, _env_file=None)).pseudonym("reader", names[0]),
    }


def upload(client: httpx.Client, patient: str, key: str) -> httpx.Response:
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=4)).recording, "r").items()]
    metadata = json.dumps({"patient_id": patient, "site": "north"})
    headers = {"Authorization": f"Bearer {key}"}
    return client.post("/v1/ecgs", files=files, data={"metadata": metadata}, headers=headers)


def test_a_wrong_number_for_a_stored_ecg_is_audited(client: httpx.Client, keys: dict[str, str]) -> None:
    stored = upload(client, "4711", keys["admin"]).json()
    tried = upload(client, "4712", keys["reader"])
    assert tried.json()["conflicts"] == ["patient_id"]
    entry = client.get("/v1/audit").json()["items"][0]
    assert (entry["actor"], entry["action"], entry["after"]) == ("reader", "patient_miss", {"ecg_id": stored["id"]})
    assert entry["resource_id"] != stored["patient"] and "4712" not in json.dumps(entry)


def test_a_search_that_finds_nobody_is_audited_and_bounded_too(
    client: httpx.Client, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patients, "MOST_MISSES", 2)
    upload(client, "4711", keys["admin"])
    headers = {"Authorization": f"Bearer {keys['reader']}"}
    found = [
        client.post("/v1/ecgs/search", json={"patient_id": number}, headers=headers)
        for number in ("4711", "1", "4711", "2", "4711")
    ]
    assert [answer.status_code for answer in found] == [200, 200, 200, 200, 429]
    assert [len(answer.json()["items"]) for answer in found[:4]] == [1, 0, 1, 0]
    actions = [entry["action"] for entry in client.get("/v1/audit").json()["items"]]
    assert actions.count("patient_miss") == 2 and actions.count("search") == 4


def test_numbers_cannot_be_tried_without_end(
    client: httpx.Client, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patients, "MOST_MISSES", 3)
    upload(client, "4711", keys["admin"])
    for number in range(3):
        assert upload(client, str(number), keys["reader"]).status_code == 200
    for number in ("4", "4711"):  # the right one is not told from a wrong one
        refused = upload(client, number, keys["reader"])
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    assert upload(client, "4711", keys["admin"]).status_code == 200, "others go on"


def test_the_audit_log_has_all_that_is_known_of_a_new_ecg(client: httpx.Client, keys: dict[str, str]) -> None:
    stored = upload(client, "4711", keys["admin"]).json()
    entries = client.get("/v1/audit").json()["items"]
    (made,) = [entry["after"] for entry in entries if (entry["action"], entry["resource"]) == ("create", "ecg")]
    assert made == {
        "simulated": False,
        "patient_id": stored["patient"],
        **{name: stored[name] for name in ("waveform_sha256", "samples", "sampling_rate_hz", "site")},
    }
