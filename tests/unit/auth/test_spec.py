from __future__ import annotations

import pytest

from tablecloud.auth.spec import AuthSpec, connection, read_auth
from tablecloud.errors import CredentialError


def test_specs_by_provider() -> None:
    specs = read_auth(
        '{"google": {"type": "service_account", "credentialsfilepath": "k.json", "scopes": ["a", "b"]},'
        ' "acme": {"type": "custom", "location": "query", "name": "key", "credentialsenvvar": "K",'
        ' "successor": {"type": "custom", "name": "X-App", "credentialsenvvar": "A"}}}'
    )
    assert specs["google"].scopes == ("a", "b")
    assert specs["acme"].successor == AuthSpec(type="custom", name="X-App", credentialsenvvar="A")


def test_nothing_is_nothing() -> None:
    assert read_auth("") == {}


def test_the_prefix_is_spelled_as_users_know_it() -> None:
    assert read_auth('{"a": {"type": "api_key", "valuePrefix": ""}}')["a"].value_prefix == ""


@pytest.mark.parametrize("text", ["[]", "google", '{"google', "a: b: c", "1: {}\n[]"])
def test_what_is_no_map(text: str) -> None:
    with pytest.raises(CredentialError, match="not a JSON or YAML map"):
        read_auth(text)


def test_unknown_types_list_the_known() -> None:
    with pytest.raises(CredentialError) as caught:
        read_auth('{"p": {"type": "magic"}}')
    assert "bearer_file" in caught.value.hint


@pytest.mark.parametrize(
    "entry",
    [
        '{"type": "basic", "passwrd": "hunter2"}',
        '{"type": "basic", "password": ["hunter2"]}',
        '{"type": "custom", "location": "body"}',
        '{"type": "custom", "successor": {"type": "magic"}, "password": "hunter2"}',
        '"hunter2"',
    ],
)
def test_misspelled_keys_are_refused_without_showing_values(entry: str) -> None:
    with pytest.raises(CredentialError) as caught:
        read_auth(f'{{"p": {entry}}}')
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_spec_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(AuthSpec(type="basic", username="u", password="hunter2"))


def test_yaml_says_the_same_as_json() -> None:
    yaml = """
    acme:
      type: custom
      name: X-Key
      credentialsenvvar: K
      successor: {type: custom, name: X-App, credentialsenvvar: A}
    aws: {type: aws_signing_v4, keyID: "0123", credentialsenvvar: S}
    """
    json = (
        '{"acme": {"type": "custom", "name": "X-Key", "credentialsenvvar": "K",'
        ' "successor": {"type": "custom", "name": "X-App", "credentialsenvvar": "A"}},'
        ' "aws": {"type": "aws_signing_v4", "keyID": "0123", "credentialsenvvar": "S"}}'
    )
    assert read_auth(yaml) == read_auth(json)


ACCOUNTS = """{"aws": {"type": "aws_assume_role", "keyID": "base", "credentialsenvvar": "S", "connections": {
    "prod": {"aws_role_arn": "arn:prod"},
    "own": {"type": "aws_signing_v4", "profile": "own"},
    "broken": {"keyID": 5, "password": "hunter2"}}}}"""


def test_a_connection_is_laid_upon_what_all_share() -> None:
    aws = read_auth(ACCOUNTS)["aws"]
    prod, own = connection("aws", aws, "prod"), connection("aws", aws, "own")
    assert (prod.type, prod.key_id, prod.aws_role_arn) == ("aws_assume_role", "base", "arn:prod")
    assert (own.type, own.profile) == ("aws_signing_v4", "own")


def test_a_connection_that_is_not_there_gets_the_nearest_spelling() -> None:
    with pytest.raises(CredentialError, match="no connection 'prd'") as caught:
        connection("aws", read_auth(ACCOUNTS)["aws"], "prd")
    assert "prod" in caught.value.hint


def test_a_broken_connection_is_told_when_it_is_asked_for() -> None:
    with pytest.raises(CredentialError, match="'broken' of aws is not understood") as caught:
        connection("aws", read_auth(ACCOUNTS)["aws"], "broken")
    assert "hunter2" not in caught.value.message


def test_ten_thousand_connections_are_not_read_before_one_is_asked_for() -> None:
    entries = ",".join(f'"a{n}": {{"keyID": {n}}}' for n in range(10_000))
    spec = read_auth(f'{{"aws": {{"type": "aws_signing_v4", "connections": {{{entries}}}}}}}')["aws"]
    # Each of them is wrong (a number for a text), and nobody noticed.
    with pytest.raises(CredentialError, match="a9999"):
        connection("aws", spec, "a9999")
