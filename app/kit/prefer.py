"""The `Prefer` header (RFC 7240). A preference that an operation does not honour is refused."""

import re
from typing import Annotated, NamedTuple

from fastapi import Depends, Header

from app.kit.problems import invalid

FIELD = "header.prefer"
LONGEST_WAIT_S = 3600

_WAIT = re.compile(r"wait=([0-9]{1,4})")


class Preferences(NamedTuple):
    """Whether the client wants no wait (`respond-async`), and how long it waits at most (`wait`)."""

    respond_async: bool = False
    wait_s: float | None = None

    def applied(self) -> dict[str, str]:
        """Return the `Preference-Applied` header."""
        parts = ["respond-async"] if self.respond_async else []
        parts += [f"wait={self.wait_s:.0f}"] if self.wait_s is not None else []
        return {"Preference-Applied": ", ".join(parts)} if parts else {}


async def preferences(
    prefer: Annotated[
        list[str] | None,
        Header(
            max_length=4,
            description="`respond-async`, `wait=SECONDS` (RFC 7240).",
            examples=[["respond-async, wait=10"]],
        ),
    ] = None,
) -> Preferences:
    """Return the client's preferences. Answers 422 for anything but `respond-async` and `wait`."""
    found = Preferences()
    for part in (part.strip().lower() for line in prefer or () for part in line[:200].split(",")):
        if part == "respond-async":
            found = found._replace(respond_async=True)
        elif match := _WAIT.fullmatch(part):
            found = found._replace(wait_s=float(min(int(match[1]), LONGEST_WAIT_S)))
        elif part:
            raise invalid(FIELD, "only respond-async and wait=SECONDS are honoured here", "unknown")
    return found


PreferencesDep = Annotated[Preferences, Depends(preferences)]
