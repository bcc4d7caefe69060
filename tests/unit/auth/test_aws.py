from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.support.conversations import Told, answer, drive

from tablecloud.auth.aws import find_keys
from tablecloud.auth.aws_sts import Keys, keys_of
from tablecloud.auth.sigv4 import AwsKeys
from tablecloud.auth.spec import AuthSpec
from tablecloud.auth.tokens import TokenSource
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Response

CLOCK = FakeClock(1_700_000_000.0)
HOUR_LATER = "2023-11-14T23:13:20Z"
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "env-hunter2"}
STS = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s3</SecretAccessKey>
<SessionToken>tok/==</SessionToken><Expiration>{HOUR_LATER}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>""".encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    return tmp_path


def find(environ: dict[str, str], **spec) -> Keys:
    return find_keys("aws", AuthSpec(**{"type": "aws_signing_v4", **spec}), environ, CLOCK)


def fetch(keys: Keys, *answers: Response) -> Told:
    assert isinstance(keys, TokenSource)
    return drive(keys.fetch(), answers)


def test_a_pair_in_variables_or_written_down(tmp_path: Path) -> None:
    environ = {"ID": "AK1", "SECRET": "s1"}
    keys = find(environ, key_id_env_var="ID", credentialsenvvar="SECRET")
    assert keys == AwsKeys(access_key="AK1", secret_key="s1")
    (tmp_path / "secret").write_text("s2\n")
    keys = find({}, key_id="AK2", credentialsfilepath=str(tmp_path / "secret"))
    assert keys == AwsKeys(access_key="AK2", secret_key="s2")


@pytest.mark.parametrize(
    ("owner", "token"), [("", "tok"), ("AK1", "tok"), ("AKOTHER", "")], ids=["nobody", "itself", "another"]
)
def test_a_session_token_belongs_to_its_key(owner: str, token: str) -> None:
    environ = {"SECRET": "s1", "AWS_SESSION_TOKEN": "tok", "AWS_ACCESS_KEY_ID": owner}
    keys = find(environ, key_id="AK1", credentialsenvvar="SECRET")
    assert keys == AwsKeys(access_key="AK1", secret_key="s1", session_token=token)


def test_half_a_pair_is_told() -> None:
    with pytest.raises(CredentialError, match="lacks the secret key"):
        find({}, key_id="AK1")
    with pytest.raises(CredentialError, match="GONE"):
        find({}, key_id_env_var="GONE", credentialsenvvar="X")


def test_the_registrys_block_is_the_default_chain(home: Path) -> None:
    spec = {"key_id_env_var": "AWS_ACCESS_KEY_ID", "credentialsenvvar": "AWS_SECRET_ACCESS_KEY"}
    assert find({**ENVIRON, "HOME": str(home)}, **spec) == AwsKeys(
        access_key="AKENV", secret_key="env-hunter2"
    )
    (home / ".aws/credentials").write_text(
        "[default]\naws_access_key_id=AKFILE\naws_secret_access_key = fs\n"
    )
    assert find({"HOME": str(home)}, **spec) == AwsKeys(access_key="AKFILE", secret_key="fs")


def test_nothing_at_all(home: Path) -> None:
    with pytest.raises(CredentialError, match="no AWS credentials") as caught:
        find({"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"})
    assert "aws configure" in caught.value.hint


def test_the_credentials_file_wins_over_the_configuration(home: Path) -> None:
    (home / ".aws/config").write_text(
        "# mine\n[profile dev]\nregion = eu-west-1\naws_access_key_id = AKCONF\naws_secret_access_key = c\n"
        "s3 =\n  addressing_style = path\n[plan]\naws_access_key_id = never\n"
    )
    (home / ".aws/credentials").write_text(
        "[dev]\naws_access_key_id = AKCRED\naws_secret_access_key = a=b\naws_session_token = t\n"
    )
    expected = AwsKeys(access_key="AKCRED", secret_key="a=b", session_token="t")
    assert find({"HOME": str(home)}, profile="dev") == expected
    assert find({"HOME": str(home), "AWS_PROFILE": "dev"}) == expected
    with pytest.raises(CredentialError, match="no AWS profile 'plan'"):
        find({"HOME": str(home)}, profile="plan")


def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = s\n")
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c"), "AWS_CONFIG_FILE": str(tmp_path / "none")}
    assert find(environ) == AwsKeys(access_key="A", secret_key="s")


ROLE = {
    "type": "aws_assume_role",
    "aws_role_arn": "arn:aws:iam::1:role/r",
    "aws_role_external_id_env_var": "EXTERNAL",
    "aws_role_duration_seconds": 900,
    "aws_sts_region": "eu-west-1",
}


def test_a_role_is_assumed_with_the_base_keys() -> None:
    keys = find({**ENVIRON, "EXTERNAL": "ext-hunter2"}, **ROLE)
    told = fetch(keys, answer(STS))
    (request,) = told.sent
    assert (request.http, request.url) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    assert parse_qs(request.body.decode()) == {
        "Action": ["AssumeRole"],
        "Version": ["2011-06-15"],
        "RoleArn": ["arn:aws:iam::1:role/r"],
        "RoleSessionName": ["tablecloud-assume-role-session"],
        "DurationSeconds": ["900"],
        "ExternalId": ["ext-hunter2"],
    }
    assert "Credential=AKENV/20231114/eu-west-1/sts/aws4_request" in dict(request.headers)["Authorization"]
    assert request.anonymous
    value, life = told.value
    assert keys_of(value) == AwsKeys(access_key="ASIA1", secret_key="s3", session_token="tok/==")
    assert life == 3600
    assert "hunter2" not in repr(keys) + repr(request)


def test_a_role_that_is_refused_says_why_and_no_secret() -> None:
    keys = find({**ENVIRON, "EXTERNAL": "ext-hunter2"}, **ROLE)
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>ext-hunter2 may not</Message></Error>"
    told = fetch(keys, answer(body, status=403))
    assert isinstance(told.error, CredentialError) and "AccessDenied" in told.error.message
    assert "hunter2" not in told.error.message


@pytest.mark.parametrize(
    "body", [b"", b"<a/>", b"{}", b"<x><Credentials><AccessKeyId>A</AccessKeyId></Credentials></x>"]
)
def test_an_answer_without_keys(body: bytes) -> None:
    told = fetch(find({**ENVIRON, "EXTERNAL": "e"}, **ROLE), answer(body))
    assert isinstance(told.error, CredentialError)


def test_where_sts_is() -> None:
    def url(**spec) -> str:
        return fetch(find({**ENVIRON, "EXTERNAL": "e"}, **{**ROLE, **spec}), answer(STS)).sent[0].url

    assert url(aws_sts_endpoint="http://127.0.0.1:9") == "http://127.0.0.1:9/"
    assert url(aws_sts_region="cn-north-1") == "https://sts.cn-north-1.amazonaws.com.cn/"
    with pytest.raises(CredentialError, match="not https"):
        url(aws_sts_endpoint="http://sts.example.com")


def test_no_role() -> None:
    with pytest.raises(CredentialError, match="no role"):
        find(ENVIRON, type="aws_assume_role")


def test_roles_of_profiles_lead_to_each_other(home: Path) -> None:
    (home / ".aws/config").write_text(
        "[default]\naws_access_key_id = AKBASE\naws_secret_access_key = b\n"
        "[profile hub]\nrole_arn = arn:hub\nsource_profile = default\n"
        "[profile leaf]\nrole_arn = arn:leaf\nsource_profile = hub\nexternal_id = e\nregion = eu-west-1\n"
        "[profile self]\nrole_arn = arn:self\nsource_profile = self\n"
        "[profile lost]\nrole_arn = arn:lost\n"
    )
    told = fetch(find({"HOME": str(home)}, profile="leaf"), answer(STS), answer(STS))
    assert [parse_qs(r.body.decode())["RoleArn"] for r in told.sent] == [["arn:hub"], ["arn:leaf"]]
    first, second = (dict(r.headers)["Authorization"] for r in told.sent)
    assert "Credential=AKBASE/" in first and "Credential=ASIA1/" in second
    assert dict(told.sent[1].headers)["X-Amz-Security-Token"] == "tok/=="
    with pytest.raises(CredentialError, match="holds no keys"):
        find({"HOME": str(home)}, profile="self")
    with pytest.raises(CredentialError, match="nothing to assume it with"):
        find({"HOME": str(home)}, profile="lost")


@pytest.mark.parametrize(
    ("settings", "word"),
    [("sso_session = x", "aws sso login"), ("role_arn = a\nmfa_serial = m", "export-credentials")],
)
def test_profiles_that_need_a_person_say_what_to_run(home: Path, settings: str, word: str) -> None:
    (home / ".aws/config").write_text(f"[profile p]\n{settings}\n")
    with pytest.raises(CredentialError) as caught:
        find({"HOME": str(home)}, profile="p")
    assert word in caught.value.hint


def test_a_profile_whose_keys_a_program_prints(home: Path) -> None:
    printed = json.dumps(
        {
            "Version": 1,
            "AccessKeyId": "A",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": HOUR_LATER,
        }
    )
    (home / "keys.json").write_text(printed)
    (home / ".aws/config").write_text(f"[default]\ncredential_process = /bin/cat '{home}/keys.json'\n")
    source = find({"HOME": str(home)})
    assert isinstance(source, TokenSource)
    told = drive(source.fetch(), [], on_pause=really_wait)
    value, life = told.value
    assert (keys_of(value).access_key, life) == ("A", 3600)


def really_wait(seconds: float) -> None:
    import time

    time.sleep(seconds)


def test_a_web_identity(home: Path) -> None:
    (home / "token").write_text("jwt-hunter2")
    environ = {"HOME": str(home), "AWS_WEB_IDENTITY_TOKEN_FILE": str(home / "token"), "AWS_ROLE_ARN": "arn:w"}
    told = fetch(find(environ), answer(STS))
    form = parse_qs(told.sent[0].body.decode())
    assert form["Action"] == ["AssumeRoleWithWebIdentity"]
    assert form["WebIdentityToken"] == ["jwt-hunter2"]
    assert "Authorization" not in dict(told.sent[0].headers)
    assert "jwt-hunter2" in told.sent[0].secrets


MACHINE_KEYS = answer(
    json.dumps({"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t", "Expiration": HOUR_LATER}).encode()
)


def test_a_containers_keys(home: Path) -> None:
    environ = {"HOME": str(home), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}
    told = fetch(find({**environ, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "auth"}), MACHINE_KEYS)
    assert told.sent[0].url == "http://169.254.170.2/v2/x"
    assert dict(told.sent[0].headers) == {"Authorization": "auth"}
    assert keys_of(told.value[0]) == AwsKeys(access_key="A", secret_key="s", session_token="t")
    with pytest.raises(CredentialError, match="neither https nor local"):
        find({"HOME": str(home), "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example.com/"})


def test_a_machines_keys(home: Path) -> None:
    environ = {"HOME": str(home), "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:7/"}
    told = fetch(find(environ), answer(b"session"), answer(b"my-role\n"), MACHINE_KEYS)
    root = "http://127.0.0.1:7/latest"
    assert [(r.http, r.url) for r in told.sent] == [
        ("PUT", f"{root}/api/token"),
        ("GET", f"{root}/meta-data/iam/security-credentials/"),
        ("GET", f"{root}/meta-data/iam/security-credentials/my-role"),
    ]
    assert dict(told.sent[2].headers) == {"X-aws-ec2-metadata-token": "session"}
    assert told.value[1] == 3600
