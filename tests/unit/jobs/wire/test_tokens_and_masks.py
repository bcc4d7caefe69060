import pytest

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.masks import read_mask
from tablecloud.jobs.wire.tokens import make_token, read_token

KEY = b"k" * 32


def test_a_token_gives_its_position_back():
    token = make_token(KEY, scope="s", position=(1700000000.123456, "job_1"))
    assert read_token(KEY, token, scope="s") == (1700000000.123456, "job_1")


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-3] + "AAA", lambda t: "", lambda t: "%%%", lambda t: t + "é"]
)
def test_damaged_tokens_are_refused(spoil):
    token = spoil(make_token(KEY, scope="s", position=(1.0, "a")))
    with pytest.raises(ApiError, match="page_token"):
        read_token(KEY, token, scope="s")


def test_a_token_serves_one_scope_and_one_key():
    token = make_token(KEY, scope="s", position=(1.0, "a"))
    for key, scope in ((KEY, "other"), (b"o" * 32, "s")):
        with pytest.raises(ApiError, match="page_token"):
            read_token(key, token, scope=scope)


def test_masks_have_either_spelling():
    names = read_mask("labels, audit_configs", supported=("labels", "auditConfigs"), required=True)
    assert names == {"labels", "auditConfigs"}


@pytest.mark.parametrize("text", [None, "", " , "])
def test_a_required_mask(text):
    with pytest.raises(ApiError, match="labels, etag"):
        read_mask(text, supported=("labels", "etag"), required=True)
    assert read_mask(text, supported=("labels",), required=False) == frozenset()


@pytest.mark.parametrize(
    "text", ["description", "autoScaling.minNodes", "manual_scaling.nodes", "labels.team"]
)
def test_unsupported_paths_name_the_supported_ones(text):
    with pytest.raises(ApiError, match="Supported paths: labels, etag"):
        read_mask(text, supported=("labels", "etag"), required=True)
