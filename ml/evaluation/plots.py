"""Plots as SVG or PNG. Only child processes import this: matplotlib takes a second to load."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ml.documents.xml import printable

Format = Literal["svg", "png"]

COLORS = ("#0b6e99", "#c4501b", "#3f7d20", "#7b4ea3", "#8a6d00", "#555555", "#b0235f", "#1f9e89")
_PANEL_INCHES = 2.3
_STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text: found by a search, and a fifth of the size
    "svg.hashsalt": "overread",  # the same numbers give the same file
    "text.parse_math": False,  # a `$` in a name is a dollar sign
    "savefig.dpi": 150,
}

styled = rc_context(_STYLE)  # a decorator: the style holds inside the function only


@styled
def render(figure: Figure, form: Format = "svg") -> bytes:
    """Return a figure as a file that is the same every time. Characters that XML forbids are replaced."""
    content = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_text(printable(text.get_text()))
    figure.savefig(content, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})
    return content.getvalue()


@styled
def panels(
    count: int,
    *,
    columns: int = 5,
    side_inches: float = _PANEL_INCHES,
    width_inches: float | None = None,
    foot_inches: float = 0.42,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels, at most `columns` in a row. They are square unless a width is given."""
    columns = min(columns, max(1, count))
    rows = -(-max(1, count) // columns)
    width, height = (width_inches or side_inches) * columns, (side_inches + foot_inches - 0.42) * rows
    # margins by hand: matplotlib's own layout takes as long as all the drawing
    edges = {"left": 0.58 / width, "right": 1 - 0.18 / width, "bottom": foot_inches / height, "top": 1 - 0.28 / height}
    figure = Figure((width, height))
    figure.subplots_adjust(**edges, wspace=0.4, hspace=(foot_inches + 0.3) / (side_inches - 0.6))
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


@styled
def curve_panels(labels: Mapping[str, Any], names: Mapping[str, str], grid: Sequence[float], kind: str) -> Figure:
    """Draw each label's ROC (`kind` "roc") or PR curve ("pr") with its 95 % band. An empty panel says why."""
    figure, axes = panels(len(labels))
    for ax, (key, label) in zip(axes, labels.items(), strict=True):
        ax.set_title(names[key])
        if label["curves"] is None:
            _say(ax, label["undefined"]["auroc"])
            continue
        metric = "auroc" if kind == "roc" else "auprc"
        draw_curve(ax, grid, label["curves"][kind], f"{metric.upper()} {label[metric]:.3f}", color=COLORS[0])
        frame_curve(ax, kind)
        ax.legend(loc="lower right" if kind == "roc" else "lower left", frameon=False, handlelength=0)
    return figure


def draw_curve(ax: Axes, grid: Sequence[float], curve: Mapping[str, Any], name: str, *, color: str) -> None:
    """Draw one curve on the grid, over its band if it has one."""
    if curve["low"] is not None:
        ax.fill_between(grid, curve["low"], curve["high"], color=color, alpha=0.2, linewidth=0)
    ax.plot(grid, curve["value"], color=color, linewidth=1.2, label=name)


def frame_curve(ax: Axes, kind: str) -> None:
    """Label the axes of a ROC or a PR curve."""
    if kind == "roc":
        ax.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.6, linestyle="--")
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.set_xlabel("False positive rate" if kind == "roc" else "Recall")
    ax.set_ylabel("True positive rate" if kind == "roc" else "Precision")


@styled
def reliability_panels(labels: Mapping[str, Any], names: Mapping[str, str]) -> Figure:
    """Draw each label's observed frequency against the predicted probability. A larger dot stands for more windows."""
    figure, axes = panels(len(labels))
    for ax, (key, label) in zip(axes, labels.items(), strict=True):
        ax.set_title(names[key])
        curve = label["reliability"]
        if curve is None:
            _say(ax, label["undefined"]["auroc"])
            continue
        filled = [place for place, rows in enumerate(curve["rows"]) if rows]
        x, y, rows = (np.array([curve[part][place] for place in filled]) for part in ("predicted", "observed", "rows"))
        ax.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.6, linestyle="--")
        ax.plot(x, y, color=COLORS[0], linewidth=0.8)
        ax.scatter(x, y, s=6 + 60 * rows / rows.sum(), color=COLORS[0])
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        words = f"ECE {label['ece']:.3f}\nBrier {label['brier']:.3f}"
        ax.text(0.97, 0.05, words, ha="right", va="bottom", transform=ax.transAxes)
        ax.set_xlabel("Predicted probability")
        ax.set_ylabel("Observed frequency")
    return figure


@styled
def history(epochs: Sequence[Mapping[str, Any]], best: int) -> Figure:
    """Draw the loss and the validation macro AUPRC by epoch. A line marks the epoch that was kept."""
    figure, (left, right) = panels(2)
    numbers = [epoch["epoch"] for epoch in epochs]
    for ax, name, title in (
        (left, "train_loss", "Training loss"),
        (right, "validation_macro_auprc", "Validation macro AUPRC"),
    ):
        values = [np.nan if epoch[name] is None else epoch[name] for epoch in epochs]
        ax.plot(numbers, values, color=COLORS[0], linewidth=1.2)
        ax.axvline(best, color="#bbbbbb", linewidth=0.8, linestyle="--")
        ax.set_title(title)
        ax.set_xlabel("Epoch")
    return figure


def _say(ax: Axes, text: str) -> None:
    ax.set_axis_off()
    ax.text(0.5, 0.5, text.replace(" ", "\n", 2), ha="center", va="center", transform=ax.transAxes, color="#777777")
