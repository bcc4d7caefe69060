from __future__ import annotations

import pytest

from tablecloud.errors import SettingError
from tablecloud.rest.wire import TransportSettings, classify, find_bundle, read_header_lines


@pytest.mark.parametrize(
    ("code", "left", "kind"),
    [
        (6, False, "dns"),
        (7, False, "connect"),
        (60, False, "tls"),
        (28, False, "connect"),
        (28, True, "timeout"),
        (52, True, "reset"),
        (56, True, "reset"),
        (92, True, "reset"),
    ],
)
def test_failures_are_classified(code: int, left: bool, kind: str) -> None:
    failure = classify(code, "why", request_left=left)
    assert (failure.kind, failure.sent) == (kind, left)


def test_headers_of_the_last_answer_count() -> None:
    lines = [
        b"HTTP/1.1 100 Continue\r\n",
        b"X-A: old\r\n",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"X-B: 1\r\n",
        b"x-b:2\r\n",
    ]
    assert read_header_lines(lines) == {"x-b": "1, 2"}


def test_a_bundle_that_is_not_there_is_named(tmp_path, monkeypatch) -> None:
    with pytest.raises(SettingError, match="nowhere"):
        find_bundle(str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(SettingError, match="SSL_CERT_FILE"):
        find_bundle("")


def test_the_proxy_password_is_not_shown() -> None:
    assert "hunter2" not in repr(TransportSettings(proxy_password="hunter2"))
