from __future__ import annotations

import pytest

from tablecloud.auth.connections import Connections
from tablecloud.auth.spec import read_auth
from tablecloud.errors import CredentialError

ACCOUNTS = """{"aws": {"type": "aws_assume_role", "keyID": "base", "credentialsenvvar": "S", "connections": {
    "prod": {"aws_role_arn": "arn:prod"},
    "own": {"type": "aws_signing_v4", "profile": "own"},
    "broken": {"keyID": 5, "password": "hunter2"}}}}"""


def test_a_connection_is_laid_upon_what_all_share() -> None:
    aws = Connections("aws", read_auth(ACCOUNTS)["aws"])
    prod, own = aws.find("prod"), aws.find("own")
    assert (prod.type, prod.key_id, prod.aws_role_arn) == ("aws_assume_role", "base", "arn:prod")
    assert (own.type, own.profile) == ("aws_signing_v4", "own")


def test_a_connection_that_is_not_there_gets_the_nearest_spelling() -> None:
    with pytest.raises(CredentialError, match="no connection 'prd'") as caught:
        Connections("aws", read_auth(ACCOUNTS)["aws"]).find("prd")
    assert "prod" in caught.value.hint


def test_a_broken_connection_is_told_when_it_is_asked_for() -> None:
    with pytest.raises(CredentialError, match="'broken' of aws is not understood") as caught:
        Connections("aws", read_auth(ACCOUNTS)["aws"]).find("broken")
    assert "hunter2" not in caught.value.message


def test_ten_thousand_connections_are_not_read_before_one_is_asked_for() -> None:
    entries = ",".join(f'"a{n}": {{"keyID": {n}}}' for n in range(10_000))
    spec = read_auth(f'{{"aws": {{"type": "aws_signing_v4", "connections": {{{entries}}}}}}}')["aws"]
    # Each of them is wrong (a number for a text), and nobody noticed.
    with pytest.raises(CredentialError, match="a9999"):
        Connections("aws", spec).find("a9999")


@pytest.mark.parametrize("connections", ['["a"]', '"a"', "5"])
def test_connections_that_are_no_map(connections: str) -> None:
    spec = read_auth(f'{{"aws": {{"connections": {connections}}}}}')["aws"]
    with pytest.raises(CredentialError, match="no map"):
        Connections("aws", spec).find("a")


def test_a_provider_without_connections_says_so() -> None:
    with pytest.raises(CredentialError, match="no connection 'a'") as caught:
        Connections("aws", read_auth('{"aws": {}}')["aws"]).find("a")
    assert "0 of them" in caught.value.hint
