"""Query parameters that several questions about ECGs understand."""

from typing import Annotated

from fastapi import Query

from app.kit.text import Name
from app.kit.times import Time

From = Annotated[
    Time | None,
    Query(alias="from", description="Recorded at or after; UTC without an offset.", examples=["2026-01-01T00:00:00Z"]),
]
To = Annotated[Time | None, Query(alias="to", description="Recorded before.", examples=["2027-01-01T00:00:00Z"])]
Site = Annotated[Name | None, Query(examples=["north"])]
Location = Annotated[Name | None, Query(description="The care unit.", examples=["emergency"])]
Device = Annotated[Name | None, Query(examples=["MAC 2000"])]
Simulated = Annotated[
    bool | None,
    Query(description="Real ECGs (false) or simulated ones (true); by default real ones where there are any."),
]
