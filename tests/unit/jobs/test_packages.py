from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from job_archives import source_archive, wheel

from tablecloud.jobs import packages

TASK = {"task": "print('trained')"}


def make(root: Path, *archives: Path) -> Path:
    """Install as an attempt does, in this process, and return the layer."""
    names = [str(archive) for archive in archives]
    planned = packages.plan(root, names)
    assert planned.layer is not None and planned.argv
    packages.install(planned.layer, names, offline=True)
    return planned.layer


def run(environment: Path, *arguments: str) -> str:
    python = packages.environment_python(environment)
    done = subprocess.run([python, *arguments], capture_output=True, text=True, check=True, env={})
    return done.stdout.strip()


def test_no_packages_need_nothing(tmp_path: Path) -> None:
    assert packages.plan(tmp_path, []) == packages.Installation()


def test_environment_has_the_runtime_and_is_its_own(tmp_path: Path) -> None:
    packages.create_environment(tmp_path / "env", None)
    seen = run(tmp_path / "env", "-c", "import sys, msgspec; print(sys.prefix, sys.version)")
    assert seen == f"{tmp_path / 'env'} {sys.version}"
    packages.create_environment(tmp_path / "env", None)  # again, over itself


def test_source_archive_and_wheel_are_installed_together(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = source_archive(tmp_path, "trainer", requires=["helper", "msgspec"], modules=TASK)
    helper = wheel(tmp_path, "helper")
    layer = make(tmp_path, trainer, helper)
    packages.create_environment(tmp_path / "env", layer)
    assert run(tmp_path / "env", "-m", "trainer.task") == "trained"
    assert run(tmp_path / "env", "-c", "import helper, trainer; print('both')") == "both"
    assert "Successfully installed" in capfd.readouterr().out


def test_warm_cache_needs_no_command_and_content_decides(tmp_path: Path) -> None:
    archive = wheel(tmp_path, "trainer", modules=TASK)
    layer = make(tmp_path, archive)
    assert packages.plan(tmp_path, [str(archive)]) == packages.Installation(layer=layer)
    wheel(tmp_path, "trainer", modules={"task": "print('changed')"})
    changed = packages.plan(tmp_path, [str(archive)])
    assert changed.layer != layer and changed.argv


def test_the_command_of_a_plan_makes_the_layer(tmp_path: Path) -> None:
    planned = packages.plan(tmp_path, [str(wheel(tmp_path, "trainer"))])
    subprocess.run(planned.argv, env=dict(planned.environment), check=True, capture_output=True)
    assert planned.layer is not None and (planned.layer / "trainer").is_dir()
    assert [path.name for path in planned.layer.parent.iterdir() if path.suffix == ".new"] == []


def test_a_packages_that_the_runtime_has_too_is_the_jobs_own(tmp_path: Path) -> None:
    layer = make(tmp_path, wheel(tmp_path, "msgspec", modules={"mine": ""}))
    packages.create_environment(tmp_path / "env", layer)
    assert str(layer) in run(tmp_path / "env", "-c", "import msgspec; print(msgspec.__file__)")
    assert run(tmp_path / "env", "-c", "import duckdb; print('still')") == "still"


def test_missing_requirement_is_named(tmp_path: Path) -> None:
    archive = wheel(tmp_path, "trainer", requires=["no-such-thing>=2"])
    with pytest.raises(packages.InstallError, match=r"no-such-thing>=2 \(from trainer\)"):
        make(tmp_path, archive)
    assert packages.plan(tmp_path, [str(archive)]).argv, "nothing half-made may pass for a layer"


def test_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(packages.InstallError, match=r"msgspec>=999"):
        make(tmp_path, wheel(tmp_path, "trainer", requires=["msgspec>=999"]))


def test_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(packages.InstallError, match=r"/nowhere/trainer\.tar\.gz does not exist\."):
        make(tmp_path, Path("/nowhere/trainer.tar.gz"))


def test_broken_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "trainer-0.1.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(packages.InstallError, match=r"trainer-0\.1\.tar\.gz is damaged"):
        make(tmp_path, tmp_path / "trainer-0.1.tar.gz")


def test_cut_archive_is_told(tmp_path: Path) -> None:
    archive = source_archive(tmp_path, "trainer")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(packages.InstallError, match="is damaged"):
        make(tmp_path, archive)


def test_file_that_is_no_package_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "trainer.whl", "w") as archive:
        archive.writestr("a", "")
    with pytest.raises(packages.InstallError, match=r"trainer\.whl is not a valid wheel filename"):
        make(tmp_path, tmp_path / "trainer.whl")


def test_failing_setup_is_told_with_its_words(tmp_path: Path) -> None:
    archive = source_archive(tmp_path, "trainer", setup="import nothing_here")
    with pytest.raises(packages.InstallError, match="No module named 'nothing_here'"):
        make(tmp_path, archive)


@pytest.mark.parametrize("member", ["../../escaped.py", "/escaped-by-a-test.py"])
def test_archive_that_leads_out_is_refused(tmp_path: Path, member: str) -> None:
    archive = source_archive(tmp_path, "trainer", extra={member: "x"})
    with pytest.raises(packages.InstallError, match="outside of itself"):
        make(tmp_path, archive)
    assert not list(tmp_path.rglob("escaped*")) and not Path("/escaped-by-a-test.py").exists()


def test_wheel_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(packages.InstallError, match="outside of itself"):
        make(tmp_path, wheel(tmp_path, "trainer", extra={"../../../../../escaped.py": "x"}))
    assert not list(tmp_path.rglob("escaped*"))


def test_archive_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    archive = wheel(tmp_path, "trainer")
    planned = packages.plan(tmp_path, [str(archive)])
    wheel(tmp_path, "trainer", modules=TASK)
    assert planned.layer is not None
    with pytest.raises(packages.InstallError, match="replaced"):
        packages.install(planned.layer, [str(archive)], offline=True)


def test_concurrent_installs_happen_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = str(wheel(tmp_path, "trainer"))
    layer = packages.plan(tmp_path, [archive]).layer
    assert layer is not None
    built: list[Path] = []
    build = packages._build

    def counted(layer: Path, archives: list[str], offline: bool) -> None:
        built.append(layer)
        build(layer, archives, offline)

    monkeypatch.setattr(packages, "_build", counted)
    threads = [
        threading.Thread(target=packages.install, args=(layer, [archive]), kwargs={"offline": True})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [layer]


def test_main_says_why_in_its_last_line(tmp_path: Path) -> None:
    planned = packages.plan(tmp_path, ["/nowhere/a.whl"])
    done = subprocess.run(planned.argv, env=dict(planned.environment), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "The package /nowhere/a.whl does not exist.\n")


def without(*missing: str) -> Callable[[str], ModuleSpec | None]:
    find = importlib.util.find_spec
    return lambda name: None if name in missing else find(name)


def test_pip_comes_from_the_interpreter_where_none_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", without("pip"))
    assert Path(packages._bundled_pip()).suffix == ".whl"
    layer = make(tmp_path, wheel(tmp_path, "trainer", modules=TASK))
    assert (layer / "trainer" / "task.py").is_file()


def test_no_pip_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", without("pip", "ensurepip"))
    with pytest.raises(packages.InstallError, match="has no pip"):
        make(tmp_path, wheel(tmp_path, "trainer"))
