from __future__ import annotations

import base64

import pytest

from tablecloud.auth.credentials import Credential, read_secret, resolve, sign
from tablecloud.auth.spec import AuthSpec
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request

REQUEST = Request(http="GET", url="https://h/x?a=1", headers=(("Accept", "j"),))


def value_of(environ=None, **spec) -> str:
    credential = resolve("acme", AuthSpec(**spec), environ or {})
    return credential.value


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "api_key", "credentialsenvvar": "K"}, "api_key s3"),
        ({"type": "api_key", "credentialsenvvar": "K", "valuePrefix": "Bearer "}, "Bearer s3"),
        ({"type": "bearer", "credentialsenvvar": "K"}, "Bearer s3"),
        ({"type": "basic", "credentialsenvvar": "K"}, "Basic s3"),
        ({"type": "custom", "credentialsenvvar": "K"}, "s3"),
        ({"type": "basic", "username": "u", "password": "p"}, "Basic " + base64.b64encode(b"u:p").decode()),
        (
            {"type": "basic", "username_var": "U", "password_var": "K"},
            "Basic " + base64.b64encode(b"me:s3").decode(),
        ),
        ({"type": "api_key", "api_key": "inline"}, "api_key inline"),
    ],
)
def test_values(spec: dict, value: str) -> None:
    if "valuePrefix" in spec:
        spec["value_prefix"] = spec.pop("valuePrefix")
    assert value_of({"K": "s3", "U": "me"}, **spec) == value


def test_precedence(tmp_path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f" {name}\n")
    environ = {"V": "zero", "P": str(tmp_path / "one")}
    spec = {"credentialsfilepath": str(tmp_path / "two"), "username": "u", "password": "p"}
    assert read_secret("a", AuthSpec(**spec), environ) == "two"
    spec["credentialsfilepathenvvar"] = "P"
    assert read_secret("a", AuthSpec(**spec), environ) == "one"
    spec["credentialsenvvar"] = "V"
    assert read_secret("a", AuthSpec(**spec), environ) == "zero"


def test_variables_go_before_the_inline_pair() -> None:
    spec = AuthSpec(type="basic", username_var="U", password_var="P", username="x", password="y")
    credential = resolve("a", spec, {"U": "u", "P": "p"})
    assert base64.b64decode(credential.secret) == b"u:p"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"type": "bearer", "credentialsenvvar": "GONE"}, "GONE"),
        ({"type": "bearer", "credentialsfilepathenvvar": "GONE"}, "GONE"),
        ({"type": "bearer", "credentialsfilepath": "/no/such/file"}, "/no/such/file"),
        ({"type": "basic", "username_var": "U", "password_var": "GONE"}, "GONE"),
        ({"type": "bearer"}, "acme"),
    ],
)
def test_what_is_missing_is_named(spec: dict, name: str) -> None:
    with pytest.raises(CredentialError, match=name) as caught:
        resolve("acme", AuthSpec(**spec), {"U": "hunter2"})
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_line_break_in_a_secret_is_refused_unseen() -> None:
    with pytest.raises(CredentialError) as caught:
        resolve("acme", AuthSpec(type="bearer", credentialsenvvar="K"), {"K": "hunter2\r\nX-Evil: 1"})
    assert "hunter2" not in caught.value.message


def test_an_empty_file_is_no_secret(tmp_path) -> None:
    path = tmp_path / "empty"
    path.write_text("\n")
    with pytest.raises(CredentialError, match="is empty"):
        resolve("acme", AuthSpec(type="bearer", credentialsfilepath=str(path)), {})


def test_a_query_value_is_encoded_and_masked() -> None:
    spec = AuthSpec(type="custom", location="query", name="two", credentialsenvvar="B")
    request = sign(REQUEST, resolve("acme", spec, {"B": "2 nd"}))
    assert request.url == "https://h/x?a=1&two=2%20nd"
    assert "2%20nd" not in request.shown


def test_a_header_is_replaced_not_doubled() -> None:
    request = Request(http="GET", url="https://h", headers=(("authorization", "old"),))
    signed = sign(request, Credential(value="new"))
    assert signed.headers == (("Authorization", "new"),)


def test_a_credential_does_not_show_itself() -> None:
    assert "hunter2" not in repr(Credential(value="Bearer hunter2", secret="hunter2"))
