from pathlib import Path

import pytest

from tablecloud.cli.dotenv import read_env_file
from tablecloud.errors import SettingError


def test_all_forms_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"# note\r\n\r\nA=1\r\nexport B = two words \r\nC='x=y'\r\nD=\"q\"\r\nEMPTY=\r\nF='\r\n")
    assert read_env_file(file) == {"A": "1", "B": "two words", "C": "x=y", "D": "q", "F": "'"}


def test_a_line_that_is_none_never_shows_its_text(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=1\nsecret-without-name\n")
    with pytest.raises(SettingError) as caught:
        read_env_file(file)
    assert "line 2" in caught.value.message
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        read_env_file(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError):
        read_env_file(tmp_path / "binary")
