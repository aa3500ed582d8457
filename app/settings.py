"""Every setting of the service, typed, in one place: `OVERREAD_*` environment variables, or a file that is named."""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.kit.explained import Explained

MEBIBYTE = 1024 * 1024
PREFIX = "OVERREAD_"
ENV_FILE = "OVERREAD_ENV_FILE"
"""Names a file of settings, `NAME=value` a line. Without it no file is read: otherwise everybody who can write to the
current folder could configure the service."""
OF_THE_TESTS = "OVERREAD_TEST_"
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Explained):
    """Settings that cannot be used; the message says which and what to do."""

    status = 2


class Settings(BaseSettings):
    """What a deployment decides; the defaults run everything on one machine with nothing else installed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    data_dir: Path = Field(default=Path("data"), description="Waveforms, datasets, models and the private database.")
    objects_url: str | None = Field(
        default=None,
        description="Where waveforms, datasets, models and results are kept for several machines: s3://bucket/folder, "
        "gs://…, az://…, or file:///folder; unset: data_dir.",
    )
    cache_bytes: Annotated[
        int, Field(gt=0, description="Copies of datasets and models that a machine keeps of an object store.")
    ] = 100 * 1024 * MEBIBYTE
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL 15–18, as postgresql://…; unset: `serve` runs a private PostgreSQL.",
    )
    broker_url: str | None = Field(
        default=None,
        description="Redis, as redis://…; unset: a folder below data_dir, and `serve` runs the workers.",
    )
    admin_key: SecretStr | None = Field(
        default=None, description="The first admin's API key, at least 32 characters; unset: one is made."
    )
    patient_key: SecretStr | None = Field(
        default=None,
        description="Secret of the keyed hash of patient numbers, at least 32 characters; "
        "unset: made once and kept in data_dir. Losing it means losing who is whom.",
    )

    max_upload_bytes: Annotated[int, Field(gt=0)] = 64 * MEBIBYTE
    max_json_bytes: Annotated[int, Field(gt=0)] = MEBIBYTE
    max_bundle_bytes: Annotated[int, Field(gt=0, description="Of a model that is uploaded.")] = 1024 * MEBIBYTE
    max_archive_bytes: Annotated[int, Field(gt=0, description="Of an archive of ECGs that is uploaded.")] = (
        4096 * MEBIBYTE
    )
    max_unpacked_bytes: Annotated[int, Field(gt=0, description="Of the files in such an archive, together.")] = (
        32 * 1024 * MEBIBYTE
    )
    import_folders: Annotated[
        dict[str, Path],
        NoDecode,
        Field(description="Folders that requests may import, by name, comma-separated: ptbxl=/data/ptb-xl"),
    ] = {}
    signal_memory_bytes: Annotated[
        int, Field(gt=0, description="Memory that uploads and waveform answers may take at once.")
    ] = 1024 * MEBIBYTE
    database_pool_size: Annotated[int, Field(gt=0, le=100)] = 20
    database_patience_s: Annotated[
        float, Field(gt=0, description="How long a request waits for a connection, or for a lock, before it gets 503.")
    ] = 8
    lease_s: Annotated[float, Field(gt=0, description="A job whose worker is silent for this long is free.")] = 30
    export_days: Annotated[int, Field(gt=0, description="How long the files of an export are kept.")] = 7
    reap_every_s: Annotated[float, Field(gt=0, description="How often lost jobs are looked for.")] = 5
    labeling_processes: Annotated[
        int, Field(ge=0, le=64, description="Processes that read texts when a vocabulary is activated; 0: one a CPU.")
    ] = 0
    job_attempts: Annotated[int, Field(gt=0, description="Workers a job may outlive before it fails.")] = 3
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(description="Origins whose pages may ask the API, comma-separated: https://ecg.example.org"),
    ] = ()
    public_url: str | None = Field(
        default=None,
        description="Where people reach the pages, as https://ecg.example.org; https makes cookies secure whatever the "
        "proxy says.",
    )
    session_idle_hours: Annotated[
        float, Field(gt=0, le=8_760, description="Without a request for this long, a signed-in session ends.")
    ] = 12
    session_days: Annotated[float, Field(gt=0, le=365, description="A signed-in session ends after this long.")] = 14
    off_hours: Annotated[
        str,
        Field(
            pattern=r"^([01]?\d|2[0-3])-([01]?\d|2[0-3])$",
            description="From which full hour until which it is off-hours, in a site's time zone; 0-0: never.",
        ),
    ] = "17-8"
    off_days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=7)], ...],
        NoDecode,
        Field(description="Days that are off-hours, comma-separated; 1 is Monday. Empty: none."),
    ] = (6, 7)
    watch_false_alarms_a_year: Annotated[
        float,
        Field(gt=0, le=100, description="Alarms that the change watch may give in a year in which nothing changes."),
    ] = 1
    watch_reference_days: Annotated[
        int,
        Field(ge=7, le=3_650, description="Days with which the change watch compares; more where they are too few."),
    ] = 90
    watch_settle_days: Annotated[
        int, Field(ge=0, le=365, description="How long over-reads of a day must have been there before it is counted.")
    ] = 3
    prediction_timeout_s: Annotated[float, Field(gt=0)] = 60
    log_json: bool = True

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @field_validator("objects_url")
    @classmethod
    def _of_a_store(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"file", "s3", "gs", "az"}:
            raise ValueError("must start with s3://, gs://, az:// or file:///")
        if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
            raise ValueError("must be an absolute folder: file:///srv/overread")
        if parts.scheme != "file" and not parts.netloc:
            raise ValueError("must name a bucket: s3://bucket/folder")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("must hold no credentials: they come from the environment of the provider's own tools")
        return url

    @field_validator("database_url")
    @classmethod
    def _psycopg(cls, url: str | None) -> str | None:
        if not url:
            return None
        scheme, separator, rest = url.partition("://")
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
            raise ValueError("must start with postgresql:// (PostgreSQL is the one database dialect)")
        return f"postgresql+psycopg://{rest}"

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, url: str | None) -> str | None:
        if not url:
            return None
        if not ORIGIN.fullmatch(url.removesuffix("/")):
            raise ValueError("must be the address of the pages without a path, such as https://ecg.example.org")
        return url.removesuffix("/").lower()

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, given: object) -> object:
        origins = [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given
        for origin in origins if isinstance(origins, list | tuple) else ():
            if not ORIGIN.fullmatch(str(origin)):
                raise ValueError("must be origins such as https://ecg.example.org, separated by commas")
        return origins

    @field_validator("import_folders", mode="before")
    @classmethod
    def _by_name(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        folders = [part.strip().partition("=") for part in given.split(",") if part.strip()]
        if not all(re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name) and path.startswith("/") for name, _, path in folders):
            raise ValueError("must be names and absolute paths such as ptbxl=/data/ptb-xl, separated by commas")
        return {name: path for name, _, path in folders}

    @field_validator("off_days", mode="before")
    @classmethod
    def _days(cls, given: object) -> object:
        return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, url: str | None) -> str | None:
        if not url:
            return None
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url

    @field_validator("admin_key", "patient_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or not key.get_secret_value():
            return None
        if len(key.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters")
        return key

    @property
    def store_url(self) -> str | None:
        """URL of the object store; None where everything lies in folders."""
        return None if self.objects_url is None or self._objects_folder is not None else self.objects_url

    @property
    def _objects_folder(self) -> Path | None:
        parts = urlsplit(self.objects_url or "")
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @property
    def objects_dir(self) -> Path:
        """Waveforms, where there is no object store."""
        return self._objects_folder or self.data_dir / "objects"

    @property
    def folders_dir(self) -> Path:
        """The folder in which datasets, models and runs are made; without an object store they stay there."""
        return self._objects_folder or self.data_dir

    @property
    def cache_dir(self) -> Path:
        """Copies of what is at the object store."""
        return self.data_dir / "cache"

    @property
    def broker_dir(self) -> Path:
        """Folder of the file broker that stands in for Redis."""
        return self.data_dir / "broker"

    @property
    def imports_dir(self) -> Path:
        """Uploaded archives until their job has ended, one folder a job."""
        return self.data_dir / "imports"

    @property
    def datasets_dir(self) -> Path:
        """Frozen datasets, one folder each."""
        return self.folders_dir / "datasets"

    @property
    def exports_dir(self) -> Path:
        """Results of exports, one folder a job."""
        return self.folders_dir / "exports"

    @property
    def models_dir(self) -> Path:
        """Registered bundles, one folder each."""
        return self.folders_dir / "models"


def load_settings() -> Settings:
    """Return the settings of this process, from its environment and the file that `OVERREAD_ENV_FILE` names.

    Raises `SettingsError` for a variable that is not a setting: with a misspelt `OVERREAD_DATABASE_URL` the service
    would start on an empty database.
    """
    named = os.environ.get(ENV_FILE) or None
    given = set(os.environ)
    if named is not None:
        named = str(Path(named).expanduser().resolve())
        os.environ[ENV_FILE] = named  # for our children, who work in another folder
        given |= _names_in(Path(named))
    if unknown := _unknown(given):
        raise SettingsError("; ".join(unknown))
    return Settings(_env_file=named)


def _names_in(file: Path) -> set[str]:
    try:
        with file.open(encoding="utf-8") as lines:
            return set(dotenv_values(stream=lines))
    except OSError as error:
        raise SettingsError(f"{ENV_FILE}: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{ENV_FILE}: {file} is not UTF-8 text") from error


def _unknown(given: Iterable[str]) -> list[str]:
    """Name the variables that look like settings and are none, with the setting that was probably meant."""
    known = [field.upper() for field in Settings.model_fields]
    found = []
    for variable in sorted(given):
        name = variable.upper()
        if not name.startswith(PREFIX) or name.startswith(OF_THE_TESTS) or name == ENV_FILE:
            continue
        setting = name.removeprefix(PREFIX)
        if setting not in known:
            close = difflib.get_close_matches(setting, known, 1)
            found.append(f"{variable} is no setting: " + (f"{PREFIX}{close[0]} is" if close else "unset it"))
    return found
