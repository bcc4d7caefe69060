"""Drawings as inline SVG: the states of a job over time, and the trials of a tuning job. Pure.

Colours come from the style sheet by class, so that a drawing holds no style and the page's policy can forbid
all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tablecloud.jobs.model import JobEvent
from tablecloud.jobs.page.markup import Markup, join, tag

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640.0, 220.0, 64.0, 28.0
_COLOURS = 8
_CAP = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]


def state_bar(events: Sequence[JobEvent], now: float, *, width: float = 220, height: float = 12) -> Markup:
    """Return the states of a job as one bar from its creation to its end, or to now.

    The last state, which takes no time, is a cap at the end.
    """
    if not events:
        return Markup("")
    start = events[0].at
    ended = events[-1].to_state.final
    end = events[-1].at if ended else max(now, events[-1].at)
    scale = (width - (_CAP if ended else 0)) / max(end - start, 0.001)
    parts = []
    for event, after in zip(events, [*events[1:], None], strict=True):
        until = after.at if after else end
        cap = ended and after is None
        title = event.to_state.value if cap else f"{event.to_state.value} for {duration(until - event.at)}"
        parts.append(
            tag(
                "rect",
                tag("title", title),
                x=_number((event.at - start) * scale),
                y=0,
                width=_number(_CAP if cap else max((until - event.at) * scale, 0)),
                height=_number(height),
                class_=f"state-{event.to_state.value}",
            )
        )
    label = ", ".join(event.to_state.value for event in events)
    return _svg(width, height, f"States: {label}", *parts, class_="bar")


def chart(title: str, x_label: str, curves: Sequence[Curve], *, dots: bool = False) -> Markup:
    """Return a line chart; empty where there is no finite point.

    Parameters:
        dots: mark each point of the first curve instead of joining them.
    """
    drawn = [_finite(curve) for curve in curves]
    points = [point for curve in drawn for point in curve.points]
    if not points:
        return Markup("")
    x_axis, y_axis = _axis([x for x, _ in points]), _axis([y for _, y in points])

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = _LEFT + (point[0] - x_axis[0]) / (x_axis[1] - x_axis[0]) * (_WIDTH - _LEFT - 12)
        y = (_HEIGHT - _BOTTOM) - (point[1] - y_axis[0]) / (y_axis[1] - y_axis[0]) * (_HEIGHT - _BOTTOM - 12)
        return x, y

    lines = [
        _marks(curve, [place(point) for point in curve.points])
        if dots and number == 0
        else _line(curve, [place(point) for point in curve.points], number)
        for number, curve in enumerate(drawn)
    ]
    drawing = _svg(_WIDTH, _HEIGHT, title, _frame(x_axis, y_axis), *lines, class_="chart")
    return tag("figure", tag("figcaption", f"{title}, by {x_label}"), drawing)


def trial_charts(trials: Sequence[dict[str, Any]], *, maximize: bool) -> Markup:
    """Return the charts of `trainingOutput.trials`: each result and the best so far; metrics by step."""
    results = [
        (float(number), value)
        for number, trial in enumerate(trials, 1)
        if (value := _final(trial)) is not None
    ]
    best: list[tuple[float, float]] = []
    for number, value in results:
        reached = best[-1][1] if best else value
        best.append((number, max(reached, value) if maximize else min(reached, value)))
    overview = chart(
        "Objective",
        "trial",
        [Curve(name="trial", points=tuple(results)), Curve(name="best so far", points=tuple(best))],
        dots=True,
    )
    curves = [
        Curve(name=f"trial {trial.get('trialId', number)}", points=_metrics(trial))
        for number, trial in enumerate(trials, 1)
    ]
    return join(
        overview, chart("Objective of each trial", "training step", [c for c in curves if len(c.points) > 1])
    )


def _finite(curve: Curve) -> Curve:
    return Curve(name=curve.name, points=tuple(p for p in curve.points if all(map(math.isfinite, p))))


def duration(seconds: float) -> str:
    """Return a time span for people: `3.2s`, `4m 5s`, `2h 10m`, `3d 4h`."""
    seconds = max(seconds, 0.0)
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}d {hour}h" if days else f"{hour}h {minute}m" if hour else f"{minute}m {second}s"


def _final(trial: dict[str, Any]) -> float | None:
    return _float((trial.get("finalMetric") or {}).get("objectiveValue"))


def _metrics(trial: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    pairs = (
        (_float(metric.get("trainingStep")) or 0.0, _float(metric.get("objectiveValue")))
        for metric in trial.get("allMetrics") or ()
    )
    return tuple((step, value) for step, value in pairs if value is not None)


def _float(value: object) -> float | None:
    """Return a number that JSON may carry as text (int64 and the special floats do)."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _axis(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low < high:
        return low, high
    margin = abs(high) * 0.05 or 1.0
    return low - margin, high + margin


def _frame(x_axis: tuple[float, float], y_axis: tuple[float, float]) -> Markup:
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - 12
    lines = tag("path", d=f"M{_LEFT} 12V{floor}H{right}", class_="axis")
    labels = [
        tag("text", f"{y_axis[0]:.4g}", x=_LEFT - 6, y=_number(floor), class_="label end"),
        tag("text", f"{y_axis[1]:.4g}", x=_LEFT - 6, y=18, class_="label end"),
        tag("text", f"{x_axis[0]:.4g}", x=_number(_LEFT), y=_number(_HEIGHT - 8), class_="label"),
        tag("text", f"{x_axis[1]:.4g}", x=_number(right), y=_number(_HEIGHT - 8), class_="label end"),
    ]
    return join(lines, *labels)


def _line(curve: Curve, places: list[tuple[float, float]], number: int) -> Markup:
    text = " ".join(f"{_number(x)},{_number(y)}" for x, y in places)
    return tag("polyline", tag("title", curve.name), points=text, class_=f"curve c{number % _COLOURS}")


def _marks(curve: Curve, places: list[tuple[float, float]]) -> Markup:
    return join(
        *(
            tag(
                "circle",
                tag("title", f"{curve.name} {x:g}: {y:.6g}"),
                cx=_number(px),
                cy=_number(py),
                r=4,
                class_="mark",
            )
            for (x, y), (px, py) in zip(curve.points, places, strict=True)
        )
    )


def _svg(width: float, height: float, label: str, *children: Markup, class_: str) -> Markup:
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        width=_number(width),
        height=_number(height),
        role="img",
        aria_label=label,
        class_=class_,
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
