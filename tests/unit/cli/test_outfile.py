import os
from pathlib import Path

import pytest

from tablecloud.cli.outfile import open_output
from tablecloud.errors import SettingError


def test_the_file_appears_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    with open_output(str(target)) as out:
        out.write("a\r\n")
        assert not target.exists()
    assert target.read_bytes() == b"a\r\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), open_output(str(target)) as out:
        out.write("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("")
    real.chmod(0o640)
    (tmp_path / "link").symlink_to(real)
    with open_output(str(tmp_path / "link")) as out:
        out.write("x")
    assert (tmp_path / "link").is_symlink()
    assert real.read_text() == "x"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to(tmp_path: Path) -> None:
    with open_output(os.devnull) as out:
        out.write("x")
    assert not Path(os.devnull).is_file()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError), open_output(str(tmp_path / "no" / "rows")):
        pass
