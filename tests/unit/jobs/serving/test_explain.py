import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.serving.explain import NotExplainable, Plan, explain

numbers = st.floats(-1e3, 1e3)


def only(explanations):
    [row] = explanations
    [found] = row["attributions_by_label"]
    return found


@given(row=st.lists(numbers, min_size=1, max_size=6), paths=st.integers(1, 5))
def test_a_linear_model_gets_its_own_terms(row, paths):
    weights = [index + 1.0 for index in range(len(row))]
    found = only(
        explain(
            lambda rows: [sum(w * v for w, v in zip(weights, r, strict=True)) for r in rows],
            [row],
            Plan(paths=paths),
        )
    )
    terms = [w * v for w, v in zip(weights, row, strict=True)]
    assert found["attributions"]["features"] == pytest.approx(terms, abs=1e-6)


@given(row=st.lists(numbers, min_size=2, max_size=5))
def test_attributions_add_up_for_any_model(row):
    def predict(rows):
        return [max(r) * r[0] - r[-1] for r in rows]

    found = only(explain(predict, [row], Plan(paths=3)))
    assert sum(found["attributions"]["features"]) == pytest.approx(
        found["example_score"] - found["baseline_score"], abs=1e-5
    )


def test_the_highest_score_is_explained_from_the_baseline():
    plan = Plan(baseline=(1.0, 1.0), input_name="x", output_name="y", paths=2)
    found = only(explain(lambda rows: [[r[0], 10 * r[1]] for r in rows], [[5, 3]], plan))
    assert found["label_index"] == 1
    assert (found["baseline_score"], found["example_score"]) == (10, 30)
    assert found["attributions"] == {"x": [0, 20]}
    assert found["output_name"] == "y"
    assert found["approx_error"] == 0


def test_the_same_each_time():
    def predict(rows):
        return [r[0] * r[1] * r[2] for r in rows]

    first = explain(predict, [[1, 2, 3]], Plan(paths=2))
    assert first == explain(predict, [[1, 2, 3]], Plan(paths=2))


@pytest.mark.parametrize("instance", [3, "abc", [], [1, "a"], {"a": 1}, [[1]]])
def test_instances_that_are_no_rows(instance):
    with pytest.raises(NotExplainable, match="Instance 0"):
        explain(lambda rows: [0 for _ in rows], [instance], Plan())


@pytest.mark.parametrize("answer", ["cat", [], ["cat"], float("nan"), None])
def test_answers_that_are_no_numbers(answer):
    with pytest.raises(NotExplainable, match="numbers"):
        explain(lambda rows: [answer for _ in rows], [[1.0]], Plan())


def test_a_baseline_of_another_width():
    with pytest.raises(NotExplainable, match="baseline has 1"):
        explain(lambda rows: [0 for _ in rows], [[1, 2]], Plan(baseline=(0.0,)))
