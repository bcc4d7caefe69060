"""Times, durations and masks as google.protobuf writes them: the oracle of contract 6."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.wire.json_reader import read_message
from tablecloud.jobs.wire.times import (
    MAX_DURATION,
    NANOS,
    format_duration,
    format_seconds,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)

FIRST, LAST = -62_135_596_800, 253_402_300_799
"""Years 1 to 9999."""

FRACTIONS = st.one_of(st.integers(0, NANOS - 1), st.sampled_from([0, 500_000_000, 1000, 120_000_000]))


@given(st.integers(FIRST, LAST), FRACTIONS)
def test_timestamps(seconds, nanos):
    text = Timestamp(seconds=seconds, nanos=nanos).ToJsonString()
    assert format_timestamp(seconds * NANOS + nanos) == text
    assert parse_timestamp(text) == seconds * NANOS + nanos


@given(st.integers(-(MAX_DURATION - 1), MAX_DURATION - 1), FRACTIONS)
def test_durations(seconds, nanos):
    signed = -nanos if seconds < 0 else nanos
    text = Duration(seconds=seconds, nanos=signed).ToJsonString()
    assert format_duration(seconds * NANOS + signed) == text
    assert parse_duration(text) == seconds * NANOS + signed


@given(st.integers(0, LAST), st.integers(0, 999_999))
def test_job_times_are_whole_seconds(seconds, micros):
    assert format_seconds(seconds + micros / 1e6 if seconds < 1 << 32 else seconds) == format_timestamp(
        seconds * NANOS
    )


WORDS = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5}){0,2}(\.[a-z]{1,5}){0,1}", fullmatch=True)


@given(st.lists(WORDS, min_size=1, max_size=3))
def test_masks(paths):
    written = FieldMask(paths=paths).ToJsonString()
    for spelling in (written, ",".join(paths), {"paths": paths}):
        assert read_message("GoogleIamV1__SetIamPolicyRequest", {"updateMask": spelling}) == {
            "updateMask": written
        }
