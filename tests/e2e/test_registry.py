"""`tablecloud registry` as users type it."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import Run
from registry_documents import write_registry

OLD, NEW = "v26.01.00001", "v26.01.00010"


def test_a_provider_is_installed_switched_used_and_removed(tablecloud: Run, tmp_path: Path) -> None:
    there = ("--registry", f"file://{write_registry(tmp_path / 'registry', OLD, NEW)}")
    listed = tablecloud("registry", "list", "acme", "-o", "json", *there)
    assert json.loads(listed.stdout) == [{"provider": "acme", "versions": f"{OLD}, {NEW}"}]

    pulled = tablecloud("registry", "pull", "acme", *there)
    assert (pulled.returncode, pulled.stdout) == (0, "")
    assert f"acme provider, version '{NEW}' successfully installed" in pulled.stderr
    assert tablecloud("registry", "pull", "acme", OLD, *there).returncode == 0

    shown = tablecloud("exec", "-o", "csv", "SHOW PROVIDERS LIKE 'acme'; SHOW SERVICES IN acme LIKE 'b%'")
    assert f"acme,{OLD}" in shown.stdout and "billing API" in shown.stdout
    sent = tablecloud("exec", "--dry-run", "-o", "csv", "SELECT id FROM acme.billing.machines")
    assert "GET https://eu.billing.test/v1/machines?v=2" in sent.stdout

    refused = tablecloud("registry", "pull", "nobody", *there)
    assert refused.returncode == 1 and "no provider nobody" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert tablecloud("registry", "remove", "acme").returncode == 0
    assert "acme" not in tablecloud("exec", "SHOW PROVIDERS").stdout
