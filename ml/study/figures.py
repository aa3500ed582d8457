"""The paper's figures from a study's result."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ml.documents.xml import printable
from ml.evaluation.metrics import CURVE_GRID
from ml.evaluation.plots import COLORS, Format, draw_curve, frame_curve, panels, render, styled
from ml.paradigms.registry import PARADIGMS
from ml.study import tables


class Figures(NamedTuple):
    """The files of the figures by name, and why a figure is missing, by its name."""

    files: dict[str, bytes]
    missing: dict[str, str]


Draw = Callable[[Mapping[str, Any]], Figure | None]


def _curves(result: Mapping[str, Any]) -> Figure | None:
    arms = [arm for name in PARADIGMS if (arm := tables.arm_named(result, name)) is not None]
    if not any(arm["overread"]["macro_curves"] for arm in arms):
        return None
    figure, axes = panels(2, side_inches=3.4)
    for ax, kind, metric in zip(axes, ("roc", "pr"), tables.METRICS, strict=True):
        for arm, color in zip(arms, COLORS, strict=False):
            if arm["overread"]["macro_curves"]:
                name = f"{arm['title']}, {arm['overread']['macro'][metric]['value']:.3f}"
                draw_curve(ax, CURVE_GRID.tolist(), arm["overread"]["macro_curves"][kind], name, color=color)
        frame_curve(ax, kind)
        ax.set_title(f"Macro {metric.upper()}")
        ax.legend(loc="lower right" if kind == "roc" else "lower left", frameon=False)
    return figure


def _granularity(rows: Sequence[tables.Row]) -> Figure | None:
    return _bars(rows, {"statement": "Statements", "report": "Whole reports"})


def _label_source(rows: Sequence[tables.Row]) -> Figure | None:
    return _bars(
        rows,
        {
            "machine_on_machine": "Trained and measured on machine labels",
            "machine_on_overread": "Trained on machine labels, measured on over-reads",
            "overread_on_overread": "Trained and measured on over-reads",
        },
    )


def _bars(rows: Sequence[tables.Row], columns: Mapping[str, str]) -> Figure | None:
    """Draw AUROC and AUPRC by label, with one bar for each column, and intervals."""
    if not rows:
        return None
    figure, axes = panels(2, columns=1, side_inches=2.6, width_inches=9.0, foot_inches=0.9)
    places = np.arange(len(rows))
    width = 0.8 / len(columns)
    for ax, metric in zip(axes, tables.METRICS, strict=True):
        for number, (column, name) in enumerate(columns.items()):
            at = places + (number - (len(columns) - 1) / 2) * width
            value, low, high = (
                np.array(
                    [
                        np.nan if row[f"{column}_{metric}{end}"] is None else row[f"{column}_{metric}{end}"]
                        for row in rows
                    ]
                )
                for end in ("", "_low", "_high")
            )
            ax.bar(at, value, width, color=COLORS[number], label=name)
            reach = np.nan_to_num(np.clip([value - low, high - value], 0, None))
            ax.errorbar(at, np.nan_to_num(value), reach, fmt="none", ecolor="#333333", elinewidth=0.6)
        ax.set_xticks(places, [printable(row["name"]) for row in rows], rotation=30, ha="right")
        ax.set(xlim=(-0.6, len(rows) - 0.4), ylim=(0, 1.02), ylabel=metric.upper())
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=len(columns))
    return figure


def _sweep(rows: Sequence[tables.Row], column: str, title: str) -> Figure | None:
    if not rows:
        return None
    figure, [ax] = panels(1, side_inches=3.4)
    x = [row[column] for row in rows]
    for number, (name, shown) in enumerate((("validation_macro_auprc", "Validation"), ("test_macro_auprc", "Test"))):
        values = [np.nan if row[name] is None else row[name] for row in rows]
        ax.plot(x, values, marker="o", markersize=3, linewidth=1.2, color=COLORS[number], label=shown)
    if all(row["low"] is not None for row in rows):
        ax.fill_between(x, [row["low"] for row in rows], [row["high"] for row in rows], color=COLORS[1], alpha=0.2)
    ax.set(xlabel=title, ylabel="Macro AUPRC")
    ax.legend(frameon=False)
    return figure


FIGURES: Mapping[str, Draw] = {
    "figure_3": lambda result: _granularity(tables.figure_3(result)),
    "figure_a2": _curves,
    "figure_a3": lambda result: _sweep(tables.figure_a3(result), "weight", "λ"),
    "figure_a4": lambda result: _sweep(
        tables.figure_a4(result), "unlabelled_fraction", "Share of the unlabelled corpus"
    ),
    "label_source": lambda result: _label_source(tables.table_2(result)),
}


@styled
def figures(
    result: Mapping[str, Any], forms: Sequence[Format] = ("svg", "png"), named: Mapping[str, Draw] = FIGURES
) -> Figures:
    """Draw every figure that the study has data for. One that cannot be drawn does not stop the others."""
    drawn = Figures({}, {})
    for name, draw in named.items():
        try:
            figure = draw(result)
            if figure is not None:
                drawn.files.update({f"figures/{name}.{form}": render(figure, form) for form in forms})
        except Exception as error:  # days of training are worth more than a picture
            traceback.print_exc()  # to the run's log
            drawn.missing[name] = f"{type(error).__name__}: {error}"
    return drawn
