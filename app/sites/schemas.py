"""What sites look like outside."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.kit.text import Name

NORTH: dict[str, JsonValue] = {"name": "north", "time_zone": "Europe/Berlin", "is_default": False}


class SiteIn(BaseModel):
    """What is known of a site."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"time_zone": "Europe/Berlin"}]})

    time_zone: Annotated[Name, Field(description="A name of the IANA time zone database.")]


class SiteOut(BaseModel):
    """A site and its time zone."""

    model_config = ConfigDict(json_schema_extra={"examples": [NORTH]})

    name: str
    time_zone: str
    is_default: bool = Field(description="Whether nobody has given it a time zone: then it is UTC.")


class SiteList(BaseModel):
    """Sites by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [NORTH], "next_after": None}]})

    items: list[SiteOut]
    next_after: str | None = Field(description="Pass it as `after` for the next page; null on the last.")
