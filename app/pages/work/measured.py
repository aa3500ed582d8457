"""What was measured of models, as pages show it: curves with bands, and differences with intervals."""

from typing import NamedTuple

from app.kit.database import Json
from app.pages.work.figures import Chart, Series, chart

READINGS = {"overread": "the over-read", "machine": "the machine's report"}
FIGURES = (("auroc", "AUROC"), ("auprc", "AUPRC"))
MACRO = "Mean over the labels"


class LabelCurves(NamedTuple):
    """A label's charts, and its figures; None for the mean over the labels."""

    name: str
    charts: list[Chart]
    figures: Json | None


def curves(against: Json, names: dict[str, str]) -> list[LabelCurves]:
    """Return the ROC and PR curves with their bands: the macro ones, then each label's with its figures."""
    grid = against.get("curve_grid", [])
    drawn: list[LabelCurves] = []
    if against.get("macro_curves"):
        drawn.append(LabelCurves(MACRO, _pair("the mean over the labels", grid, against["macro_curves"]), None))
    for key, name in names.items():
        label = against.get("labels", {}).get(key)
        if label is not None and label.get("curves"):
            drawn.append(LabelCurves(name, _pair(name, grid, label["curves"]), label))
    return drawn


def _pair(name: str, grid: list[float], curves: Json) -> list[Chart]:
    kinds = (("roc", "ROC", "1 - specificity", "sensitivity"), ("pr", "PR", "sensitivity", "precision"))
    return [
        chart(
            f"{words} curve of {name}, against the over-read",
            [Series(words, 0, _points(grid, curves[kind]["value"]), _band(grid, curves[kind]))],
            labels=(x, y),
            x_range=(0.0, 1.0),
            y_range=(0.0, 1.0),
        )
        for kind, words, x, y in kinds
    ]


def _points(grid: list[float], values: list[float | None]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(grid, values, strict=True) if y is not None]


def _band(grid: list[float], curve: Json) -> list[tuple[float, float, float]]:
    rows = zip(grid, curve["low"], curve["high"], strict=True)
    return [(x, low, high) for x, low, high in rows if low is not None and high is not None]


def differences(compared: Json, names: dict[str, str]) -> list[Json]:
    """Return the differences by label for AUROC and AUPRC, the macro ones first, each with where it is drawn."""
    rows = [(MACRO, compared["macro"])]
    rows += [(name, compared["labels"][key]) for key, name in names.items() if key in compared.get("labels", {})]
    widest = {name: _widest([row.get(name) for _, row in rows]) for name, _ in FIGURES}
    return [
        {
            "name": words,
            "delong": row.get("delong"),
            **{name: _placed(row.get(name), widest[name]) for name, _ in FIGURES},
        }
        for words, row in rows
    ]


def _widest(found: list[Json | None]) -> float:
    """Return the farthest that an interval reaches from zero."""
    intervals = [each["difference_ci"] for each in found if each is not None and each.get("difference_ci")]
    return max((abs(end) for interval in intervals for end in interval), default=0.0) or 1.0


def _placed(figure: Json | None, widest: float) -> Json | None:
    """Return a difference with its places on a line from 0 to 100, where 50 is no difference."""
    if figure is None or figure["difference"] is None:
        return figure
    low, high = figure["difference_ci"] or (figure["difference"], figure["difference"])
    begins, at, ends = (
        min(max(round(50 + 48 * each / widest, 1), 1), 99) for each in (low, figure["difference"], high)
    )
    return {**figure, "begins": begins, "at": at, "ends": ends, "clear": low > 0 or high < 0}
