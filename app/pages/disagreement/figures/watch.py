"""A chart of the change watch: the rate week by week beside its reference, and the statistic beside its limit."""

from collections.abc import Sequence
from datetime import timedelta

from app.change_watch.schemas import WatchChartOut
from app.change_watch.tables import WatchDay
from app.pages.disagreement.figures.drawing import Drawing, Scale, nice, tick

WEEK = timedelta(days=7)


def picture(days: Sequence[WatchDay], place: int, chart: WatchChartOut, unit: float, *, width: float = 1120) -> Drawing:
    """Return the picture of the chart at a `place` of its stream; `unit` of the statistic is 1 in log-likelihood."""
    drawing = Drawing(width, alone=False)
    drawing.height = 330
    if not days:
        return drawing
    first, last = days[0].day.toordinal(), max(days[-1].day.toordinal(), days[0].day.toordinal() + 1)
    x = Scale(first, last, 50, width - 12)
    weeks = _weeks(days, place, chart)
    reference = chart.reference_events / chart.reference_readings if chart.reference_readings else None
    top, step = nice(1.1 * max([*(100 * rate for _, rate, _ in weeks), 100 * (reference or 0)], default=1))
    y = Scale(0, top, 150, 26)
    drawing.text("strong", 2, 13, f"{chart.direction.capitalize()}, by week")
    for value in (0.0, step, top):
        drawing.line("line", (x.start, y(value)), (x.end, y(value)))
        drawing.text("small", x.start - 4, y(value) + 4, f"{tick(value)}\u202f%", anchor="end")
    drawing.path(f"{chart.direction}-line", [(x(at), y(100 * rate)) for at, rate, _ in weeks])
    for at, rate, words in weeks:
        with drawing.about(words):
            drawing.dot(chart.direction, x(at), y(100 * rate), 2.5)
    if reference is not None:
        with drawing.about(f"reference: {100 * reference:.1f} %"):
            drawing.line("axis", (x.start, y(100 * reference)), (x.end, y(100 * reference)))
    statistics = [(day.day.toordinal(), day.statistics[place] / unit) for day in days]
    high = max([*(value for _, value in statistics), chart.limit or 0, 1.0])
    top, step = nice(1.1 * high)
    y = Scale(0, top, 310, 196)
    drawing.text("strong", 2, 183, "Statistic and limit")
    for value in (0.0, step, top):
        drawing.line("line", (x.start, y(value)), (x.end, y(value)))
        drawing.text("small", x.start - 4, y(value) + 4, tick(value), anchor="end")
    drawing.path("same-line", [(x(at), y(value)) for at, value in statistics])
    if chart.limit is not None:
        with drawing.about(f"limit: {chart.limit:.1f}"):
            drawing.line("removed-line", (x.start, y(chart.limit)), (x.end, y(chart.limit)))
    for day, anchor in ((days[0].day, "start"), (days[-1].day, "end")):
        drawing.text("small", x(day.toordinal()), 326, day.isoformat(), anchor=anchor)
    return drawing


def _weeks(days: Sequence[WatchDay], place: int, chart: WatchChartOut) -> list[tuple[int, float, str]]:
    """Return the middle of each week with readings of the chart, its rate, and words."""
    label = place % len(days[0].machine)
    found: list[tuple[int, float, str]] = []
    start, readings, events = days[0].day, 0, 0

    def end_week() -> None:
        if readings:
            words = f"week of {start.isoformat()}: {events} of {readings}"
            found.append((min(start.toordinal() + 3, days[-1].day.toordinal()), events / readings, words))

    for day in days:
        while day.day >= start + WEEK:
            end_week()
            start, readings, events = start + WEEK, 0, 0
        machine = day.machine[label]
        readings += machine if chart.direction == "removed" else day.pairs - machine
        events += (day.removed if chart.direction == "removed" else day.added)[label]
    end_week()
    return found
