import pytest

from tablecloud.jobs.wire.times import (
    NANOS,
    format_duration,
    format_seconds,
    format_timestamp,
    parse_duration,
    parse_moment,
    parse_timestamp,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2018-02-27T22:09:40Z", "2018-02-27T22:09:40Z"),
        ("2018-02-27T23:09:40+01:00", "2018-02-27T22:09:40Z"),
        ("2018-02-27T22:09:40.5z", "2018-02-27T22:09:40.500Z"),
        ("2018-02-27T22:09:40.000001Z", "2018-02-27T22:09:40.000001Z"),
        ("2018-02-27T22:09:40.123456789Z", "2018-02-27T22:09:40.123456789Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamps_become_utc(text, canonical):
    assert format_timestamp(parse_timestamp(text)) == canonical


@pytest.mark.parametrize("text", ["2018-02-27", "2018-02-27T22:09:40", "2018-02-30T00:00:00Z", "now", ""])
def test_what_is_no_timestamp(text):
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


def test_job_times_show_whole_seconds():
    assert format_seconds(1519769380.999) == "2018-02-27T22:09:40Z"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("2017-01-15", "2017-01-15T00:00:00Z"), ("2017-01-15T19:00", "2017-01-15T19:00:00Z")],
)
def test_moments_of_filters_may_be_short(text, shown):
    assert format_timestamp(parse_moment(text, now=0)) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("-P1D", -86400), ("P1D", 86400), ("-PT1H30M", -5400), ("p1w", 604800)]
)
def test_moments_may_be_relative(text, seconds):
    assert parse_moment(text, now=1000.0) == (1000 + seconds) * NANOS


@pytest.mark.parametrize("text", ["P", "-", "5", "PT", "tomorrow"])
def test_what_is_no_moment(text):
    with pytest.raises(ValueError, match="neither"):
        parse_moment(text, now=0)


def test_durations_round():
    assert format_duration(parse_duration("-1.5s")) == "-1.500s"
    assert format_duration(parse_duration("7200.0s")) == "7200s"
