import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tablecloud import __version__
from tablecloud.cli import main as cli
from tablecloud.cli.foreign_flags import FOREIGN_FLAGS
from tablecloud.errors import SqlSyntaxError
from tablecloud.settings import describe


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TABLECLOUD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TABLECLOUD_ROOT", str(tmp_path / "root"))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"tablecloud {__version__}\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "tablecloud shell" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["exec", "--ouptut", "csv", "SELECT 1"], ["--ouptut", "did you mean --output"]),
        (["exec", "-o", "xml", "SELECT 1"], ["xml", "one of table, json"]),
        (["exec", "-i", "/nowhere/x.sql"], ["/nowhere/x.sql"]),
        (["exec", "-i", "/nowhere/x.sql", "SELECT 1"], ["twice"]),
        (["exec", "--param", "x", "SELECT 1"], ["--param wants NAME=VALUE"]),
        (["exec", "--param", "x:=nope", "SELECT 1"], ["wants JSON"]),
        (["exec", "SELECT {{ .x }}"], ["no value", "--var name=value"]),
        (["exec", "--http.log.enabled=perhaps", "SELECT 1"], ["true or false"]),
        (["exec", "--env.file", "/nowhere/env", "SELECT 1"], ["/nowhere/env"]),
        (["excute", "SELECT 1"], ["excute", "exec"]),
        (["ml"], ["ACTION"]),
        (["registry", "pull"], ["registry pull wants a provider", "registry list"]),
        (["registry", "list", "--registry", "ftp://x"], ["ftp://x", "neither http nor file"]),
        (["docs", "google"], ["google is no resource"]),
    ],
)
def test_a_mistake_is_told_and_exits_with_2(
    argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    for word in words:
        assert word in captured.err


def test_an_empty_standard_input_is_nothing_to_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert cli.main(["exec"]) == 2
    assert "nothing to run" in capsys.readouterr().err


def test_templates_can_be_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["exec", "--dryrun", "--var", "p=demo", "SELECT '{{ .p }}';"]) == 0
    assert capsys.readouterr().out == "SELECT 'demo';\n"


def test_flags_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--var", "p=demo", "--dryrun=true", "--output", "csv", "exec", "{{ .p }}"]) == 0
    assert capsys.readouterr().out == "demo\n"


@pytest.mark.parametrize("flag", FOREIGN_FLAGS, ids=lambda flag: flag.name)
def test_every_foreign_flag_is_noted_or_refused(flag, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"--{flag.name}"] if flag.switch else [f"--{flag.name}", "x"]
    status = cli.main(["exec", *words, "--dryrun", "SELECT 1"])
    captured = capsys.readouterr()
    assert status == (2 if flag.refused else 0)
    assert f"--{flag.name}" in captured.err
    assert flag.note in captured.err
    assert captured.out == ("" if flag.refused else "SELECT 1\n")


def test_a_refused_flag_with_a_value_that_says_nothing_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["exec", "--acid={}", "--errorpresentation", "stderr", "--dryrun", "SELECT 1"]) == 0
    assert capsys.readouterr().err == ""


def test_switches_take_true_and_false(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["exec", "--dryrun=true", "--offline=false", "--tls.allowInsecure=false", "SELECT 1"]) == 0
    )
    assert capsys.readouterr().err == ""


def test_the_reference_lists_every_flag() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    for item in describe():
        assert f"`--{item.name}`" in text
        assert f"`{item.env}`" in text
    for flag in FOREIGN_FLAGS:
        assert f"`--{flag.name}`" in text


def test_a_defect_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("boom")

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["exec", "SELECT 1"]) == 1
    assert "internal error: RuntimeError: boom" in capsys.readouterr().err
    assert cli.main(["exec", "-v", "SELECT 1"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_and_failed_statements_have_their_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status in ((KeyboardInterrupt(), 130), (SqlSyntaxError("no", hint="so"), 1)):

        def fail(*_: object, error: BaseException = error) -> int:
            raise error

        monkeypatch.setattr(cli, "_dispatch", fail)
        assert cli.main(["exec", "SELECT 1"]) == status
    assert capsys.readouterr().err == "error: no\nhint: so\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    script = "import sys; from tablecloud.cli.main import main; sys.exit(main(['exec', '--help']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b""


def test_the_environment_file_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "env").write_text("TABLECLOUD_OUTPUT=xml\n")
    before = dict(os.environ)
    try:
        assert cli.main(["exec", "--env.file", str(tmp_path / "env"), "--dryrun", "SELECT 1"]) == 2
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert "TABLECLOUD_OUTPUT" in capsys.readouterr().err
