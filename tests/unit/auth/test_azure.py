from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.conversations import Told, answer, drive

from tablecloud.auth.azure import MANAGEMENT, find_azure
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError

CLOCK = FakeClock()
TOKEN = answer(b'{"access_token":"t0k","expires_in":"3599","token_type":"Bearer"}')
CLIENT = {"AZURE_TENANT_ID": "ten", "AZURE_CLIENT_ID": "cli"}
APP = {"IDENTITY_ENDPOINT": "http://127.0.0.1:41/msi/token", "IDENTITY_HEADER": "hunter2"}
POD = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:42/"}


def ask(environ: dict[str, str], scopes: tuple[str, ...] = ()) -> Told:
    return drive(find_azure("azure", scopes, environ, CLOCK).fetch(), [TOKEN])


def query(told: Told) -> dict[str, list[str]]:
    return parse_qs(urlsplit(told.sent[0].url).query)


def test_a_client_secret() -> None:
    told = ask({**CLIENT, "AZURE_CLIENT_SECRET": "hunter2"})
    assert told.value == ("t0k", 3599)
    (request,) = told.sent
    assert request.url == "https://login.microsoftonline.com/ten/oauth2/v2.0/token"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["cli"],
        "client_secret": ["hunter2"],
        "scope": [MANAGEMENT],
    }
    assert "hunter2" in request.secrets and "hunter2" not in request.shown


def test_another_cloud_has_another_authority() -> None:
    told = ask(
        {**CLIENT, "AZURE_CLIENT_SECRET": "s", "AZURE_AUTHORITY_HOST": "login.microsoftonline.us/"},
        ("https://management.usgovcloudapi.net/.default",),
    )
    assert told.sent[0].url == "https://login.microsoftonline.us/ten/oauth2/v2.0/token"
    assert parse_qs(told.sent[0].body.decode())["scope"] == ["https://management.usgovcloudapi.net/.default"]


def test_a_workloads_token_file_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = find_azure("azure", (), {**CLIENT, "AZURE_FEDERATED_TOKEN_FILE": str(path)}, CLOCK)
    for assertion in ("first", "second"):
        path.write_text(assertion)
        told = drive(source.fetch(), [TOKEN])
        assert parse_qs(told.sent[0].body.decode())["client_assertion"] == [assertion]


def test_an_app_services_identity() -> None:
    told = ask({**APP, "AZURE_CLIENT_ID": "cli"})
    assert query(told) == {
        "api-version": ["2019-08-01"],
        "resource": ["https://management.core.windows.net/"],
        "client_id": ["cli"],
    }
    assert dict(told.sent[0].headers) == {"X-IDENTITY-HEADER": "hunter2"}


def test_a_machines_identity() -> None:
    told = ask(POD)
    assert told.sent[0].url.startswith("http://127.0.0.1:42/metadata/identity/oauth2/token?")
    assert dict(told.sent[0].headers) == {"Metadata": "true"}
    assert "client_id" not in query(told)


def test_the_order_of_the_chain(tmp_path: Path) -> None:
    environ = {
        **CLIENT,
        "AZURE_CLIENT_SECRET": "s",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "t"),
        **APP,
        **POD,
    }
    for removed, kind in (
        ("", "azure secret"),
        ("AZURE_CLIENT_SECRET", "azure workload"),
        ("AZURE_FEDERATED_TOKEN_FILE", "azure app"),
        ("IDENTITY_HEADER", "azure machine"),
    ):
        environ.pop(removed, None)
        assert find_azure("azure", (), environ, CLOCK).key.startswith(kind)


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "az"


def really_wait(seconds: float) -> None:
    import time

    time.sleep(seconds)


@pytest.mark.parametrize(
    ("extra", "life"), [(f'"expires_on": {CLOCK.now() + 60}', 60), ('"expiresOn": "2026-01-01"', 1800)]
)
def test_the_command_line_tool(az: Path, extra: str, life: float) -> None:
    az.write_text(f"""#!/bin/sh\nprintf '{{"accessToken": "t0k for %s", {extra}}}' "$*"\n""")
    az.chmod(0o755)
    told = drive(find_azure("azure", (), {}, CLOCK).fetch(), [], on_pause=really_wait)
    command = "account get-access-token --output json --resource https://management.core.windows.net/"
    assert told.value == (f"t0k for {command}", life)


def test_a_tool_that_prints_something_else(az: Path) -> None:
    az.write_text("#!/bin/sh\necho hunter2\n")
    az.chmod(0o755)
    told = drive(find_azure("azure", (), {}, CLOCK).fetch(), [], on_pause=really_wait)
    assert isinstance(told.error, CredentialError) and "hunter2" not in told.error.message


def test_nothing_at_all_names_what_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CredentialError, match="AZURE_CLIENT_SECRET") as caught:
        find_azure("azure", (), CLIENT, CLOCK)
    assert "az login" in caught.value.hint
