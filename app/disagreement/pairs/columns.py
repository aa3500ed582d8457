"""What stands in the columns of pairs, as SQL of the ECG `e`, its over-read `p` and its site's zone `z`."""

from app.disagreement.attributes import ATTRIBUTES, NAMED
from app.sites.tables import DEFAULT_ZONE

ZONED = "LEFT JOIN sites z ON z.name = e.site"
_LOCAL = f"e.recorded_at AT TIME ZONE coalesce(z.time_zone, '{DEFAULT_ZONE}')"
VALUES = {
    attribute.column: attribute.written.format(local=_LOCAL)
    for attribute in ATTRIBUTES
    if attribute.name is None and attribute.written is not None
}
"""By column; not those of names, which hold ids."""
COMPUTED = ", ".join(f"{value} AS {column}" for column, value in VALUES.items())
WRITTEN = ("cell_id", *VALUES, *(attribute.column for attribute in NAMED.values()))
"""The columns that are written; the database computes the others."""
LOCAL = {
    attribute.column: attribute.written
    for attribute in ATTRIBUTES
    if attribute.written and "{local}" in attribute.written
}
"""The columns that follow from the site's time zone."""
