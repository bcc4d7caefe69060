from xml.etree import ElementTree

import pytest

from tablecloud.jobs.model import JobEvent, Reason, State
from tablecloud.jobs.page.charts import Curve, chart, duration, state_bar, trial_charts


def event(seq: int, to: State, at: float, before: State | None = None) -> JobEvent:
    return JobEvent(
        job_uid="u", seq=seq, from_state=before, to_state=to, reason=Reason.CREATED, at=at, actor="x"
    )


def widths(bar: str) -> dict[str, float]:
    return {rect.get("class"): float(rect.get("width")) for rect in ElementTree.fromstring(bar).iter("rect")}


def test_a_running_job_reaches_to_now():
    events = [event(1, State.QUEUED, 0.0), event(2, State.PREPARING, 10.0), event(3, State.RUNNING, 20.0)]
    assert widths(state_bar(events, 40.0, width=400)) == {
        "state-QUEUED": 100.0,
        "state-PREPARING": 100.0,
        "state-RUNNING": 200.0,
    }


def test_an_ended_job_stays_as_it_was():
    events = [event(1, State.QUEUED, 0.0), event(2, State.RUNNING, 5.0), event(3, State.FAILED, 10.0)]
    assert state_bar(events, 11.0) == state_bar(events, 1e9)
    assert "FAILED" in state_bar(events, 11.0)


def test_clocks_that_go_back_draw_something():
    ElementTree.fromstring(state_bar([event(1, State.QUEUED, 10.0), event(2, State.RUNNING, 5.0)], 1.0))
    assert state_bar([], 1.0) == ""


@pytest.mark.parametrize("points", [(), ((float("nan"), 1.0),), ((1.0, float("inf")),)])
def test_nothing_finite_is_no_chart(points):
    assert chart("t", "x", [Curve(name="c", points=points)]) == ""


def test_one_point_and_flat_lines_are_drawn():
    for points in (((0.0, 0.0),), ((1.0, 5.0), (2.0, 5.0))):
        assert "nan" not in chart("t", "x", [Curve(name="c", points=points)])


def trial(number: int, value: object, metrics: object = None) -> dict[str, object]:
    found = {"trialId": str(number), "finalMetric": {"trainingStep": "10", "objectiveValue": value}}
    return found if metrics is None else {**found, "allMetrics": metrics}


def test_trials_show_results_and_the_best_so_far():
    drawn = str(trial_charts([trial(1, 0.5), trial(2, 0.9), trial(3, 0.7)], maximize=True))
    svg = ElementTree.fromstring(drawn).find("svg")
    assert [title.text for title in svg.iter("title")] == [
        "trial 1: 0.5", "trial 2: 0.9", "trial 3: 0.7", "best so far",
    ]  # fmt: skip
    heights = [float(point.split(",")[1]) for point in svg.find("polyline").get("points").split()]
    assert heights[0] > heights[1] == heights[2]
    falling = ElementTree.fromstring(str(trial_charts([trial(1, 0.5), trial(2, 0.9)], maximize=False))).find(
        "svg"
    )
    heights = [float(point.split(",")[1]) for point in falling.find("polyline").get("points").split()]
    assert heights[0] == heights[1]


def test_metrics_by_step():
    metrics = [{"trainingStep": "1", "objectiveValue": 0.1}, {"trainingStep": "2", "objectiveValue": "0.4"}]
    drawn = str(trial_charts([trial(1, 0.4, metrics)], maximize=True))
    assert "Objective of each trial" in drawn
    assert str(trial_charts([{"trialId": "1"}, {}], maximize=True)) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0.0s"), (3.21, "3.2s"), (245, "4m 5s"), (7800, "2h 10m"), (273600, "3d 4h")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
