import pytest

from tablecloud.jobs.page.sessions import LINK_SECONDS, SESSION_SECONDS, Sessions, link, link_key, make_code

KEY = link_key("token", 1000.25)


def test_a_code_is_good_once():
    sessions, code = Sessions(KEY), make_code(KEY, 100.0)
    assert sessions.redeem(code, 101.0)
    assert not sessions.redeem(code, 102.0)
    assert sessions.redeem(make_code(KEY, 100.0), 103.0)


def test_a_code_ends():
    assert not Sessions(KEY).redeem(make_code(KEY, 100.0), 100.0 + LINK_SECONDS + 1)


@pytest.mark.parametrize("code", ["", ".", "..", "ff", "ffffffffffff.00.00", "é.é.é", "\ud800"])
def test_forged_codes(code):
    assert not Sessions(KEY).redeem(code, 0.0)
    assert not Sessions(b"").redeem(code, 0.0)


def test_a_changed_time_is_forged():
    ends, nonce, signature = make_code(KEY, 100.0).split(".")
    assert not Sessions(KEY).redeem(f"f{ends}.{nonce}.{signature}", 100.0)


def test_a_code_of_another_run_or_token_is_none():
    for other in (link_key("token", 1000.5), link_key("other", 1000.25)):
        assert not Sessions(KEY).redeem(make_code(other, 100.0), 101.0)
    assert not Sessions(b"").redeem(make_code(b"", 100.0), 101.0)


def test_a_session_begins_and_ends():
    sessions = Sessions(KEY)
    first = sessions.open("user:ann@example.com", 0.0)
    assert sessions.member(first, 1.0) == "user:ann@example.com"
    assert sessions.member(first, SESSION_SECONDS + 1) is None
    assert sessions.member("", 1.0) is None
    sessions.close(first)
    sessions.close(first)
    assert sessions.member(first, 1.0) is None


def test_the_token_is_in_no_link():
    assert "token" not in link("http://127.0.0.1:1", KEY, 0.0)
