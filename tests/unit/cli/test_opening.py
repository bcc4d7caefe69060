import pytest

from tablecloud.cli.opening import log_exchange, open_session, read_endpoints, transport_settings
from tablecloud.cli.progress import ProgressLine
from tablecloud.errors import SettingError, TablecloudError
from tablecloud.rest.messages import Request, Response, TransportFailure
from tablecloud.settings import load


def test_endpoints() -> None:
    assert read_endpoints(("google.ml=http://h:1/", "a.b=https://x?y=z")) == {
        "google.ml": "http://h:1/",
        "a.b": "https://x?y=z",
    }


@pytest.mark.parametrize("word", ["google.ml", "ml=http://h", "google.ml=ftp://h", "google.ml=", "=http://h"])
def test_what_is_no_endpoint(word: str) -> None:
    with pytest.raises(SettingError):
        read_endpoints((word,))


def test_flags_reach_the_transport(tmp_path) -> None:
    flags = {
        "approot": str(tmp_path),
        "execution.concurrency.limit": "7",
        "apirequesttimeout": "3",
        "http.proxy.host": "proxy",
        "http.proxy.port": "8080",
        "http.proxy.user": "u",
        "tls.allowInsecure": True,
    }
    found = transport_settings(load(flags, {}))
    assert (found.concurrency, found.total_seconds, found.proxy) == (7, 3.0, "http://proxy:8080")
    assert (found.proxy_user, found.allow_insecure, found.on_exchange) == ("u", True, None)


def test_no_limit_means_the_transport_adapts(tmp_path) -> None:
    default = transport_settings(load({"approot": str(tmp_path)}, {}))
    unlimited = transport_settings(load({"approot": str(tmp_path), "execution.concurrency.limit": "-1"}, {}))
    assert default.concurrency == unlimited.concurrency > 10
    assert default.proxy == ""


def test_the_log_of_requests_masks_what_is_secret(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(
        http="GET", url="https://h/x?key=k3y", headers=(("Authorization", "Bearer t0ken"),), secrets=("k3y",)
    )
    log_exchange(request, Response(status=200, headers={}, body=b"secret body", seconds=0.5))
    log_exchange(request, TransportFailure("reset", "the connection was reset", sent=True))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "http: GET https://h/x?key=*** [Authorization: ***] -> 200, 11 bytes, 0.500 s"
    assert lines[1].endswith("no answer: the connection was reset")


def test_the_log_of_requests_masks_what_a_failure_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(http="GET", url="https://h/x?key=k3y", secrets=("k3y",))
    log_exchange(request, TransportFailure("connect", "no way to https://h/x?key=k3y", sent=False))
    shown = capsys.readouterr().err
    assert "no way to https://h/x?key=***" in shown
    assert "k3y" not in shown


def test_bad_auth_is_told_at_once(tmp_path) -> None:
    settings = load({"approot": str(tmp_path), "auth": "{"}, {})
    with pytest.raises(TablecloudError) as caught:
        open_session(settings, progress=ProgressLine())
    assert "auth" in str(caught.value).lower()
