"""The deployment files describe the product there is: its commands, its settings, and nothing left open."""

import json
import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
import yaml

from app.cli import cli
from app.embedded.binaries import SUPPORTED
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
WHOLE: dict[str, Any] = yaml.safe_load(COMPOSE)
SERVICES: dict[str, Any] = WHOLE["services"]
OURS = ["migrate", "api", "worker-cpu", "worker-infer", "worker-train", "worker-train-cpu"]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rule>:[?-])?(?P<text>[^}]*)\}")
SECRET = "0123456789abcdef" * 4


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and their arguments, continuation lines joined, comments dropped."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage() -> dict[str, list[str]]:
    instructions = dockerfile()
    begin = max(i for i, (name, _) in enumerate(instructions) if name == "FROM")
    stage: dict[str, list[str]] = {}
    for name, argument in instructions[begin:]:
        stage.setdefault(name, []).append(argument)
    return stage


def filled_in(value: str) -> str:
    return VARIABLE.sub(lambda match: match["text"] if match["rule"] == ":-" else SECRET, value)


def test_every_part_of_the_product_is_there() -> None:
    assert set(SERVICES) == {"db", "redis", *OURS}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_overread_takes(name: str) -> None:
    command, *arguments = SERVICES[name]["command"]
    group = typer.main.get_command(cli)
    parsed = group.commands[command].make_context(command, [str(word) for word in arguments])  # type: ignore[attr-defined]
    if command == "worker":
        assert list(parsed.params["queue"]) == [name.split("-")[1]]
    if command == "serve":
        assert (parsed.params["host"], parsed.params["port"]) == ("0.0.0.0", 8000)


def test_the_images_own_command_serves_on_the_port_it_exposes() -> None:
    stage = last_stage()
    assert stage["ENTRYPOINT"] == ['["overread"]']
    assert yaml.safe_load(stage["CMD"][0]) == SERVICES["api"]["command"]
    assert stage["EXPOSE"] == ["8000"]
    assert ":8000/healthz" in stage["HEALTHCHECK"][0]


@pytest.mark.parametrize("name", OURS)
def test_each_setting_is_one_that_the_service_knows_and_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in SERVICES[name]["environment"].items():
        assert variable.removeprefix("OVERREAD_").lower() in Settings.model_fields
        monkeypatch.setenv(variable, filled_in(value))
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert settings.database_url == f"postgresql+psycopg://overread:{SECRET}@db:5432/overread"
    assert settings.broker_url == f"redis://:{SECRET}@redis:6379/0"
    assert str(settings.data_dir) == SERVICES[name]["volumes"][0].partition(":")[2]


def test_secrets_are_demanded_and_never_defaulted() -> None:
    variables = {match["name"]: match["rule"] for match in VARIABLE.finditer(COMPOSE)}
    secrets = {name for name in variables if re.search("PASSWORD|KEY|SECRET|TOKEN", name)}
    passwords = {"POSTGRES_SUPERUSER_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert secrets == passwords | {"OVERREAD_ADMIN_KEY", "OVERREAD_PATIENT_KEY"}
    for match in VARIABLE.finditer(COMPOSE):
        assert (match["rule"] == ":?") == (match["name"] in secrets), match[0]


def test_a_secret_goes_only_where_it_is_used() -> None:
    holders = {name for name, service in SERVICES.items() if "OVERREAD_ADMIN_KEY" in service.get("environment", {})}
    assert holders == {"api"}


def test_nothing_of_ours_knows_the_superusers_password() -> None:
    holders = {name for name, service in SERVICES.items() if "POSTGRES_SUPERUSER_PASSWORD" in json.dumps(service)}
    assert holders == {"db"}


def test_the_services_role_is_no_superuser(server_url: str) -> None:
    """The script that makes it, run by psql as the image runs it."""
    psql = shutil.which("psql")
    role = f"overread_{uuid.uuid4().hex[:12]}"
    script = WHOLE["configs"]["db-role"]["content"].replace("overread", role)
    assert SERVICES["db"]["configs"] == [{"source": "db-role", "target": "/docker-entrypoint-initdb.d/role.sql"}]
    if psql is None or not of_server(server_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        pytest.skip("no psql, or not the superuser of a server")
    command = [psql, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", server_url]
    environment = {**os.environ, "SERVICE_ROLE_PASSWORD": "it's"}
    subprocess.run(command, input=script, text=True, env=environment, check=True, capture_output=True)
    rights = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles"
    assert of_server(server_url, f"{rights} WHERE rolname = '{role}'") == (False, False, False, True)
    undo = f"DROP DATABASE {role};\nDROP ROLE {role};"
    subprocess.run(command, input=undo, text=True, check=True, capture_output=True)


def of_server(url: str, question: str) -> Any:
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return row[0] if row is not None and len(row) == 1 else row


def test_only_the_api_can_be_reached_from_outside_and_nothing_else_gets_out() -> None:
    assert WHOLE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] != ["inside"]} == {"api"}
    assert SERVICES["api"]["networks"] == ["inside", "outside"]


def test_every_container_has_a_memory_limit_and_nothing_to_write_but_its_volume() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"(\$\{\w+:-)?\d+[gm]\}?", str(service["mem_limit"])), name
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name


def test_no_secret_is_built_into_the_image() -> None:
    for name, argument in dockerfile():
        if name in {"ENV", "ARG", "LABEL"}:
            assert not re.search("PASSWORD|KEY|SECRET|TOKEN", argument), argument
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in ignored
    assert not {"!.env", "!data", "!.git"} & set(ignored)


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    let_through = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        source
        for name, argument in dockerfile()
        if name == "COPY" and "--from" not in argument
        for source in argument.split()[:-1]
    }
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_runs_under_a_named_account_that_is_not_root() -> None:
    stage = last_stage()
    uid = stage["USER"][-1].partition(":")[0]
    assert int(uid) > 0
    assert f"useradd --uid {uid} " in stage["RUN"][0]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_but_their_data(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["data:/var/lib/overread"]


def test_no_container_gains_privileges_or_the_hosts_network() -> None:
    for service in SERVICES.values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "pid", "ipc"} & set(service)


def test_only_the_api_is_published_and_only_to_this_host() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])


def test_nothing_starts_before_the_schema_is_there() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["restart"] == "no"
    for name in set(OURS) - {"migrate"}:
        after = SERVICES[name]["depends_on"]
        assert after["migrate"] == {"condition": "service_completed_successfully"}
        assert after["redis"] == {"condition": "service_healthy"}


def test_what_others_wait_for_has_a_health_check() -> None:
    for name in ("db", "redis", "api"):
        assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert "/readyz" in SERVICES["api"]["healthcheck"]["test"][-1]


def test_the_databases_version_is_supported_and_its_rows_are_on_a_named_volume() -> None:
    version = int(SERVICES["db"]["image"].partition(":")[2])
    assert version in SUPPORTED
    assert SERVICES["db"]["volumes"] == ["db:/var/lib/postgresql/data"]
    assert set(yaml.safe_load(COMPOSE)["volumes"]) == {"db", "data"}


def test_only_the_gpu_profile_asks_for_a_gpu() -> None:
    assert {name for name, service in SERVICES.items() if "deploy" in service} == {"worker-train"}
    train = SERVICES["worker-train"]
    assert train["profiles"] == ["gpu"]
    [device] = train["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    unconditional = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert unconditional == {"db", "redis", "migrate", "api", "worker-cpu", "worker-infer"}
