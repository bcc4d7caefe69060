import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from command_line import Run
from http_server import HttpServer

PROMPT = r"tablecloud>[^\n]*\x1b\[\?25h"
# Drawn, and the cursor shown again. What is printed after a statement follows an escape that ends with `l`.


@pytest.fixture
def shell(environment: dict[str, str], zones: HttpServer) -> Iterator[pexpect.spawn]:
    argv = ["-m", "tablecloud.cli.main", "shell", "-o", "csv", "-H"]
    argv += ["--endpoint", f"google.compute={zones.url}/compute/v1/"]
    child = pexpect.spawn(
        sys.executable,
        argv,
        env={**environment, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"},
        encoding="utf-8",
        timeout=10,
    )
    child.expect(PROMPT)
    yield child
    child.close(force=True)


def test_statements_of_several_lines_and_errors(shell: pexpect.spawn) -> None:
    shell.send("SELECT 40 +\r")
    shell.expect_exact("...>")
    shell.send("2 AS answer;\r")
    shell.expect_exact("l42\r\n")
    shell.expect(PROMPT)
    shell.send("SELECT nope;\r")
    shell.expect_exact("error: ")
    shell.expect(PROMPT)
    shell.send("SELECT 'still' || ' here';\r")
    shell.expect_exact("lstill here\r\n")
    shell.expect(PROMPT)
    shell.send("exit\r")
    shell.expect_exact("goodbye")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0


def test_ctrl_c_ends_the_statement_and_keeps_the_shell(shell: pexpect.spawn, zones: HttpServer) -> None:
    shell.send("SELECT name FROM google.compute.instances WHERE project = 'p' AND zone = 'slow';\r")
    assert zones.wait_until(lambda server: bool(server.seen), 20)
    shell.sendintr()
    shell.expect_exact("cancelled")
    shell.expect(PROMPT)
    assert zones.wait_until(lambda server: server.open_connections == 0, 2)
    shell.send(
        "SELECT name FROM google.compute.instances WHERE project = 'p' AND zone = 'good' ORDER BY 1;\r"
    )
    shell.expect_exact("la\r\nb\r\n")
    shell.expect(PROMPT)


def test_ctrl_c_drops_what_is_typed_and_ctrl_d_leaves(shell: pexpect.spawn) -> None:
    shell.send("SELECT 1 +")
    shell.sendintr()
    shell.expect(PROMPT)
    shell.sendeof()
    shell.expect_exact("goodbye")
    shell.expect(pexpect.EOF)


def test_tab_completes_names_of_the_catalog(shell: pexpect.spawn) -> None:
    shell.send("DESCRIBE google.ml.projects.locations.stud\t")
    shell.expect_exact("studies")
    shell.sendintr()


def test_the_history_is_private(shell: pexpect.spawn, root: Path) -> None:
    shell.send("SELECT 'remembered';\r")
    shell.expect(PROMPT)
    assert "remembered" in (root / "history").read_text()
    assert (root / "history").stat().st_mode & 0o777 == 0o600


def test_piped_statements_run_to_the_end_and_tell_the_worst(tablecloud: Run) -> None:
    lines = "help\nSELECT 1\n AS a;\n-- a remark\nSELECT nope;\n\\d google.ml.jobs\n\\z\nSELECT 2; SELECT 3"
    done = tablecloud("shell", "-o", "csv", "-H", stdin=lines)
    assert done.returncode == 1
    assert done.stdout.startswith("Type a statement")
    assert done.stdout.rstrip().endswith("\n2\n3")
    assert "jobId" in done.stdout
    assert "nope" in done.stderr
    assert "\\z" in done.stderr
    assert "tablecloud>" not in done.stdout


def test_exit_ends_piped_input(tablecloud: Run) -> None:
    done = tablecloud("shell", "-o", "csv", "-H", stdin="SELECT 1;\nexit;\nSELECT 2;\n")
    assert (done.returncode, done.stdout) == (0, "1\n")
