"""What users, keys and sessions look like outside."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.auth.schemas import UserName
from app.auth.service import Role
from app.kit.times import Time

ANNA: dict[str, JsonValue] = {
    "id": "7e0f4a52-3c55-4c1e-9f7e-0a6a3a2f1d10",
    "name": "anna",
    "role": "reader",
    "disabled": False,
    "has_password": True,
    "keys": 1,
    "sessions": 2,
    "last_seen_at": "2026-03-02T08:55:40.193027Z",
    "created_at": "2026-01-12T10:00:00Z",
}
KEY: dict[str, JsonValue] = {
    "id": "5f0c8c6b-9f1a-4c38-8f1b-1a8f0f6a7c11",
    "hint": "ovr_Xk3d",
    "source": "issued",
    "state": "active",
    "created_at": "2026-01-12T10:00:00Z",
    "expires_at": "2027-01-31T00:00:00Z",
    "last_used_at": None,
}
SESSION: dict[str, JsonValue] = {
    "id": "d0a1c3a4-50b7-4f1a-8c0e-5b1f2d7f3a90",
    "current": True,
    "opened_by": "password",
    "address": "10.20.0.14",
    "browser": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "created_at": "2026-03-02T08:00:00Z",
    "last_seen_at": "2026-03-02T08:55:40.193027Z",
    "expires_at": "2026-03-16T08:00:00Z",
}


class UserIn(BaseModel):
    """A user to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "anna", "role": "reader"}]})

    name: UserName
    role: Role


class UserChange(BaseModel):
    """What is to change of a user; what is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "researcher"}]})

    role: Role | None = None
    disabled: bool | None = Field(default=None, description="Whether keys, password and sessions are refused.")


class UserOut(BaseModel):
    """A user."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANNA]})

    id: uuid.UUID
    name: str
    role: Role
    disabled: bool
    has_password: bool
    keys: int = Field(description="Keys that are accepted.")
    sessions: int = Field(description="Browsers in which the user is signed in.")
    last_seen_at: datetime | None = Field(description="When a key or a session was last used, to the minute.")
    created_at: datetime


class UserList(BaseModel):
    """Every user, by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [ANNA]}]})

    items: list[UserOut]


class LinkOut(BaseModel):
    """A link that signs a user in once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "address": "https://ecg.example.org/sign-in/link?token=Jm2l0m9v1r3c8WgV5k0dQmZ2yB1b7Xh4nT6pL9sR3wA",
                    "expires_at": "2026-03-02T09:15:00Z",
                }
            ]
        }
    )

    address: str = Field(description="Shown only now. Whoever opens it first is signed in as the user.")
    expires_at: datetime


class KeyIn(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"expires_at": "2027-01-31T00:00:00Z"}]})

    expires_at: Time | None = Field(
        default=None, description="When it ends; a key that was made with a key ends no later than that one."
    )


class KeyOut(BaseModel):
    """A key, without the key itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [KEY]})

    id: uuid.UUID
    hint: str = Field(description="Its first characters; empty where the environment gave it.")
    source: str
    state: str = Field(description="`active`, `expired` or `revoked`.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeKey(KeyOut):
    """A key that was just made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**KEY, "key": "ovr_Xk3dQ0VfT1mY7c…"}]})

    key: str = Field(description="Shown only now: send it as `Authorization: Bearer …`.")


class KeyList(BaseModel):
    """A user's keys, newest first, 500 at most."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [KEY]}]})

    items: list[KeyOut]


class SessionOut(BaseModel):
    """A browser in which a user is signed in."""

    model_config = ConfigDict(json_schema_extra={"examples": [SESSION]})

    id: uuid.UUID
    current: bool = Field(description="Whether this request belongs to it.")
    opened_by: str = Field(description="`password` or `link`.")
    address: str
    browser: str = Field(description="What the browser said it is.")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class SessionList(BaseModel):
    """A user's sessions, the last seen first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [SESSION]}]})

    items: list[SessionOut]
