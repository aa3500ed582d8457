"""What filters, groups and numbers are called on the pages, and what each of them means."""

from typing import NamedTuple

from app.disagreement.attributes import GroupKey

NAMES = {
    "recorded_at": "Recorded",
    "device_software": "Device software",
    "off_hours": "Off-hours",
    "qtc_ms": "QTc, ms",
    "qt_ms": "QT, ms",
    "qrs_ms": "QRS, ms",
    "pr_ms": "PR, ms",
    "p_axis": "P axis, °",
    "qrs_axis": "QRS axis, °",
    "t_axis": "T axis, °",
    "heart_rate": "Heart rate, 1/min",
    "age": "Age",
    "simulated": "Kind of ECGs",
    "blinded": "Over-read blinded",
    "validated": "Over-read validated",
    "hour": "Hour",
    "hedged": "Hedged findings",
}
"""Names of attributes, filters and groups where they are not their parameters with spaces."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
VALUES = {
    "simulated": {"true": "simulated", "false": "real"},
    "weekday": {str(number): day for number, day in enumerate(WEEKDAYS, 1)},
    "hour": {str(hour): f"{hour:02d}:00–{hour:02d}:59" for hour in range(24)},
    "hedged": {"positive": "count as positive", "negative": "count as negative", "ignore": "are left out"},
}
"""Words of values where they are not the values themselves."""


class Number(NamedTuple):
    """A number of a label's row: its heading, its meaning, its unit and its decimals."""

    heading: str
    meaning: str
    unit: str = ""
    decimals: int = 2


NUMBERS = {
    "machine": Number("Machine", "ECGs of which the machine's report has the label."),
    "overread": Number("Over-read", "ECGs of which the over-read has the label."),
    "disagreement": Number("Differ", "ECGs on which the two differ in the label: added and removed together."),
    "added": Number("Added", "ECGs of which only the over-read has the label: the expert added it."),
    "removed": Number("Removed", "ECGs of which only the machine's report has the label: the expert removed it."),
    "added_pct": Number(
        "Added, %",
        "Added for every 100 that the machine called. Above 100 the expert added more than the machine had found. "
        "95 % interval: Wilson's, of the ratio.",
        "\u202f%",
        1,
    ),
    "removed_pct": Number(
        "Removed, %", "Of those that the machine called, the share that the expert removed. 95 % interval: Wilson's.",
        "\u202f%",
        1,
    ),
    "kappa": Number(
        "κ", "Cohen's kappa: agreement beyond chance; 1 is complete, 0 chance. 95 % interval: Fleiss, Cohen, Everitt."
    ),
    "ppv": Number("PPV", "Of the machine's positives, the share that the expert kept. 95 % interval: Wilson's."),
    "sensitivity": Number(
        "Sensitivity", "Of the expert's positives, the share that the machine had. 95 % interval: Wilson's."
    ),
    "specificity": Number(
        "Specificity", "Of the expert's negatives, the share that the machine left out. 95 % interval: Wilson's.",
        decimals=3,
    ),
    "mcnemar_p": Number(
        "McNemar's p", "Exact, two-sided: how likely so uneven a split into added and removed is by chance alone."
    ),
    "differing_pct": Number(
        "Any label, %", "Share of the ECGs on which at least one label differs. 95 % interval: Wilson's.", "\u202f%", 1
    ),
}  # fmt: skip
RATES = ("added_pct", "removed_pct", "kappa", "ppv", "sensitivity", "specificity")
"""The numbers that have intervals."""


def name_of(parameter: str) -> str:
    """Return what an attribute, a filter or a group is called."""
    return NAMES.get(parameter, parameter.replace("_", " ").capitalize())


def value_of(parameter: str, value: str) -> str:
    """Return how a filter's value is written for people."""
    return VALUES.get(parameter, {}).get(value) or {"true": "yes", "false": "no"}.get(value, value)


def group_of(grouping: str, value: GroupKey, width: int | None = None) -> str:
    """Return how a group is written for people; `width` is that of its band."""
    if value is None:
        return "not known"
    if width is not None:
        return f"{value}–{int(value) + width - 1}".replace("-", "\u2212")
    return value_of(grouping, str(value).lower() if isinstance(value, bool) else str(value))
