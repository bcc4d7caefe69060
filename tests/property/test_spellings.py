"""However a client spells a job, the canonical form is one; and canonical form reads as itself."""

from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.json_reader import read_message
from tablecloud.jobs.wire.schemas import snake_case

JOB = "GoogleCloudMlV1__Job"
COUNTS = st.integers(0, 1 << 40)
TEXTS = st.text(max_size=20)
CANONICAL = st.fixed_dictionaries(
    {"jobId": TEXTS},
    optional={
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "trainingInput": st.fixed_dictionaries(
            {},
            optional={
                "args": st.lists(TEXTS, max_size=3),
                "workerCount": COUNTS.map(str),
                "useChiefInTfConfig": st.booleans(),
                "scaleTier": st.sampled_from(["BASIC", "STANDARD_1", "CUSTOM"]),
                "scheduling": st.fixed_dictionaries(
                    {},
                    optional={
                        "priority": st.integers(0, 9),
                        "maxWaitTime": COUNTS.map(lambda n: f"{n % 9999}s"),
                    },
                ),
            },
        ),
    },
)


def spellings(value, key, draw):
    """Return one of the spellings that contract 1.2 accepts for a value."""
    if isinstance(value, dict):
        if key == "labels":
            return value
        renamed = {draw(st.sampled_from([k, snake_case(k)])): spellings(v, k, draw) for k, v in value.items()}
        return {**renamed, **({"startTime": None} if "jobId" in value and draw(st.booleans()) else {})}
    if isinstance(value, bool):
        return draw(st.sampled_from([value, str(value), str(value).lower()]))
    if key == "workerCount":
        return draw(st.sampled_from([value, int(value), float(value)]))
    if key == "priority":
        return draw(st.sampled_from([value, str(value)]))
    if key == "maxWaitTime":
        seconds = int(value[:-1])
        return draw(st.sampled_from([value, {"seconds": seconds}, {"seconds": str(seconds), "nanos": 0}]))
    if key == "scaleTier":
        return draw(st.sampled_from([value, value.lower(), value.title()]))
    return value


@given(CANONICAL, st.data())
def test_all_spellings_are_one(canonical, data):
    assert read_message(JOB, spellings(canonical, "", data.draw)) == canonical


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jobId", "trainingInput", "labels", "args", "scheduling", "x"]), inner
        )
    ),
)


@given(JSON)
def test_any_json_is_read_or_refused(value):
    try:
        once = read_message(JOB, value, path="job")
    except ApiError as error:
        assert error.status == "INVALID_ARGUMENT"
    else:
        assert read_message(JOB, once, path="job") == once
