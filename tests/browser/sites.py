"""A service with an archive, as browser tests ask it: a database, a data folder, keys, and the address it is served at."""

import json
import logging
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.auth import service as auth
from app.auth.queries import user_by_name
from app.auth.sessions import service as sessions
from app.auth.sessions.cookies import Cookies
from app.discrepancy_models.schemas import DiscrepancyModelTable
from app.discrepancy_models.tables import DiscrepancyModel
from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.imports import simulation
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.folders import open_folders
from app.migrate import migrate
from app.models.starter import ensure_starter
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies.queries import active
from ml.corpus.simulator import simulate
from ml.corpus.simulator.ledger import table_a1
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin_text
from tests.app.application import application
from tests.app.serving import served
from tests.conftest import _run, _with_name, drop

ECGS = 24
PAIRS = 1000
VERSION = "hostile-1"
BLIND = "blind reader"  # a user who holds an ECG to read blind, and is shown nothing else until then
SEED = 19

HOSTILE = (
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raise %}${7*7}",
    "\u202edetrevni\u202c 'quoted\" & <u class=hostile>u</u>",
    "W" * 60,
)
"""Texts that a careless page runs, evaluates, or is torn apart by."""


@dataclass(frozen=True)
class Site:
    """A service. `ids` has an identifier of each kind of thing that is in it; `hostile` the ECGs with hostile texts."""

    settings: Settings
    keys: dict[str, str]
    ecgs: tuple[str, ...] = ()
    hostile: tuple[str, ...] = ()
    ids: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def client(self, role: str = "admin") -> httpx.Client:
        """Return a client of the API with the key of a role; the caller closes it."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.keys[role]}"}, timeout=60)


def new_session(site: Site, name: str) -> tuple[str, str]:
    """Sign a user in, as their browser would be after a password; return the cookie's name and value."""
    database = Database(site.settings)
    cookies = Cookies(site.settings, PatientHasher(site.settings))
    value, token = cookies.new()
    try:
        with database.begin() as session:
            user = user_by_name(session, name)
            assert user is not None
            browser = sessions.Browser("127.0.0.1", "test")
            sessions.open_session(session, user, token, opened_by="password", browser=browser, settings=site.settings)
    finally:
        database.close()
    return "overread", value


def signed_in(site: Site, name: str | None) -> dict[str, Any]:
    """Return the options of a browser context in which a user is signed in."""
    if name is None:
        return {}
    cookie_name, value = new_session(site, name)
    cookie = {"name": cookie_name, "value": value, "httpOnly": True, "sameSite": "Lax", "secure": False}
    return {"storage_state": {"cookies": [{**cookie, "domain": "127.0.0.1", "path": "/", "expires": -1}]}}


@contextmanager
def standing_alone() -> Iterator[tuple[tuple[str, str], Path]]:
    """Yield a migrated database to copy on a PostgreSQL of one's own, and a folder: for scripts, which have no fixtures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg", durable=False) as url:
        _run(url, "CREATE DATABASE base")
        database = Database(Settings(database_url=_with_name(url, "base"), _env_file=None))
        migrate(database)
        database.close()
        yield (url, "base"), Path(folder)


def new_settings(template: tuple[str, str], folder: Path) -> Settings:
    """Return settings on a new database, which is a copy of `template`'s, and on a data folder."""
    server, source = template
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {source}")
    settings = Settings(
        data_dir=folder,
        database_url=_with_name(server, name),
        lease_s=3,
        reap_every_s=0.3,
        prediction_timeout_s=120,  # a machine that runs the tests of several people
        _env_file=None,
    )
    assert PatientHasher(settings).fingerprint
    return settings


def name_of(settings: Settings) -> str:
    """Return the name of the database of settings."""
    return str(settings.database_url).partition("?")[0].rpartition("/")[2]


@contextmanager
def empty(template: tuple[str, str], folder: Path) -> Iterator[Site]:
    """Make a site with a user of each role and nothing else; it is not served."""
    settings = new_settings(template, folder)
    try:
        database, keys = Database(settings), {}
        with database.begin() as session:
            for role in auth.ROLES:
                auth.create_user(session, "test", role, role)
                keys[role] = auth.issue_key(session, "test", role)
        database.close()
        yield Site(settings, keys)
    finally:
        drop(template[0], name_of(settings))


@contextmanager
def copied(server_url: str, site: Site, folder: Path) -> Iterator[Site]:
    """Copy a site that nobody is connected to."""
    shutil.copytree(site.settings.data_dir, folder)
    settings = new_settings((server_url, name_of(site.settings)), folder)
    try:
        yield replace(site, settings=settings)
    finally:
        drop(server_url, name_of(settings))


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site on a free port."""
    with served(site.settings) as url:
        yield replace(site, url=url)


def run_job(settings: Settings, job_id: str) -> None:
    """Run a job to its end, as a worker does."""
    database = Database(settings)
    try:
        Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(uuid.UUID(job_id))
    finally:
        database.close()


def fill(site: Site) -> Site:
    """Put an archive into an empty site: ECGs with both readings, hostile ones, reports alone, a model, a dataset.

    The signals are simulated. Those of `ecgs` are not marked so, because pages show unmarked ECGs first.
    """
    database = Database(site.settings)
    try:
        ensure_starter(database, open_folders(site.settings, Archive.of(site.settings).store))
        archive = simulation.Archive(table_a1(PAIRS), PAIRS, SEED)
        simulation.load(database, site.settings, "test", archive, progress=lambda *_: None)
    finally:
        database.close()
    with TestClient(application(site.settings)) as client:
        client.headers["Authorization"] = f"Bearer {site.keys['admin']}"
        simulated = list(simulate(ECGS + len(HOSTILE), seed=SEED))
        ecgs = []
        for number, ecg in enumerate(simulated[:ECGS]):
            metadata = {
                "record": f"rec-{number:03}",
                "patient_id": f"patient-{number // 2}",
                "recorded_at": ecg.recorded_at.isoformat(),
                "site": ecg.site,
                "device": ecg.device,
                "device_software": "12SL v23",
                "location": "ward" if number % 2 else "emergency",
                "age": ecg.age,
                "sex": ecg.sex,
            }
            ecgs.append(_upload(client, ecg.recording, metadata, (ecg.machine_report, ecg.overread_report)))
        hostile = [
            _upload(
                client, ecg.recording, _hostile_metadata(words, number), (f"Atrial flutter {words}", f"{words}\nLBBB")
            )
            for number, (ecg, words) in enumerate(zip(simulated[ECGS:], HOSTILE, strict=True))
        ]
        for ecg_id, words in zip(hostile, HOSTILE, strict=True):
            report = {"source": "overread", "text": f"{words}\nPossible LVH", "reader": words, "blinded": "yes"}
            assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=report).status_code == 201
        yaml = builtin_text().replace("version: overread-2", f"version: {VERSION}", 1)
        yaml = yaml.replace("name: Sinus Rhythm", f"name: '{HOSTILE[1]} SR'", 1)
        assert client.post("/v1/vocabularies", json={"yaml": yaml}).status_code == 201
        accepted = client.post("/v1/datasets", json={"name": HOSTILE[0], "seed": 1})
        assert accepted.status_code == 202, accepted.text
        job = accepted.json()["id"]
        run_job(site.settings, job)
        model = client.get("/v1/models").json()["items"][0]["id"]
        dataset = client.get(f"/v1/jobs/{job}").json()["result"]["dataset_id"]
    ids = {
        "version": VERSION,
        "ecg_id": ecgs[0],
        "label": "aflutter",
        "job_id": job,
        "dataset_id": dataset,
        "model_id": model,
    }
    return replace(site, ecgs=tuple(ecgs), hostile=tuple(hostile), ids=ids)


def complete(site: Site) -> Site:
    """Put one of everything else into a filled site: people, a review that is open, a trained model, an evaluation."""
    quick = {"epochs": 2, "batch_size": 8, "learning_rate": 0.003}
    dataset, ids = site.ids["dataset_id"], {}
    with TestClient(application(site.settings)) as client:
        client.headers["Authorization"] = f"Bearer {site.keys['admin']}"

        ids |= _people(site) | _reviews(client, site)

        def done(address: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
            job = client.post(address, json=body).json()["id"]
            run_job(site.settings, job)
            ended = client.get(f"/v1/jobs/{job}").json()
            assert ended["state"] == "succeeded", ended
            return job, ended["result"]

        asked = {"dataset": dataset, "preset": "tiny", "overrides": quick}
        ids["training_id"], trained = done("/v1/training-jobs", asked)
        ids["trained_id"] = trained["model_id"]
        asked = {"model": site.ids["model_id"], "compare_with": ids["trained_id"], "dataset": dataset}
        ids["preview_id"], _ = done("/v1/vocabularies/preview", {"version": VERSION, "sample": "all"})
        versions = client.get("/v1/vocabularies").json()["items"]
        ids["active"] = next(each["version"] for each in versions if each["active"])
        unmapped = client.get(f"/v1/vocabularies/{ids['active']}/unmapped").json()["items"]
        ids["statement"] = quote(unmapped[0]["statement"])
        run_job(site.settings, client.post("/v1/change-watch/counts").json()["id"])
        ids["stream_id"] = client.get("/v1/change-watch/streams").json()["items"][0]["id"]
        ids["discrepancy_model_id"] = _discrepancy_model(site, ids["training_id"])
        ids["evaluation_id"], _ = done("/v1/evaluations", {**asked, "split": "train"})
    return replace(site, ids=site.ids | ids)


def _discrepancy_model(site: Site, job_id: str) -> str:
    """Put in a discrepancy model with the table of the API's example: to learn one takes a minute."""
    shown = next(iter(DiscrepancyModelTable.model_config["json_schema_extra"]["examples"]))  # type: ignore[index,call-overload]
    summary = {name: shown[name] for name in ("pairs", "with_logits", "split", "verdicts")}
    database = Database(site.settings)
    with database.begin() as session:
        row = DiscrepancyModel(
            job_id=uuid.UUID(job_id),
            name=HOSTILE[0],
            vocabulary_id=active(session).id,
            model_id=uuid.UUID(site.ids["model_id"]),
            simulated=True,
            summary=summary,
            measured=shown["table"],
        )
        session.add(row)
        session.flush()
        model_id = str(row.id)
    database.close()
    return model_id


def _people(site: Site) -> dict[str, str]:
    """Make the reader who reads blind, and a user with a hostile name who was sent a link."""
    database = Database(site.settings)
    with database.begin() as session:
        auth.create_user(session, "test", BLIND, "reader")
        user = auth.create_user(session, "test", HOSTILE[0], "viewer")
        ids = {"user_id": str(user.id), "link_token": sessions.make_link(session, "test", user)}
        session.execute(text("UPDATE sign_in_links SET expires_at = now() + interval '1 day'"))  # longer than a walk
        site.keys[BLIND] = auth.issue_key(session, "test", BLIND)
    database.close()
    return ids


def _reviews(client: TestClient, site: Site) -> dict[str, str]:
    """Make two lists, and let the blind reader claim an ECG."""
    rule = {"kind": "random", "seed": 1}
    for mode in ("assisted", "blind"):
        asked = {"name": f"{mode} {HOSTILE[0]}", "mode": mode, "rule": rule, "ecgs": 20}
        made = client.post("/v1/reviews/lists", json=asked)
        assert made.status_code == 201, made.text
    blind = {"Authorization": f"Bearer {site.keys[BLIND]}"}
    claimed = client.post(f"/v1/reviews/lists/{made.json()['id']}/claim", headers=blind)
    return {"list_id": made.json()["id"], "item_id": claimed.json()["item"]["id"]}


def _hostile_metadata(text: str, number: int) -> dict[str, Any]:
    fields = ("record", "site", "device", "device_software", "location")
    return {name: f"{name} {text}" for name in fields} | {"patient_id": f"hostile-{number}", "age": 50, "sex": "male"}


def _upload(client: TestClient, recording: Any, metadata: dict[str, Any], reports: tuple[str, str]) -> str:
    files = [("file", item) for item in write_wfdb(recording, "r").items()]
    form = {"metadata": json.dumps(metadata), "machine_report": reports[0], "overread_report": reports[1]}
    answer = client.post("/v1/ecgs", files=files, data=form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
