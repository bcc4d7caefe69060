"""The file of facts when it cannot be opened: what is no damage puts nothing aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.errors import JobError
from tablecloud.jobs.gcs.facts import FactFile


def test_trouble_that_is_no_damage_is_told_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "facts.sqlite"
    path.mkdir()  # SQLite cannot open a folder, as it could not write to a full disk
    with pytest.raises(JobError, match=r"facts\.sqlite"):
        FactFile(path)
    assert path.is_dir()
    assert list(tmp_path.iterdir()) == [path]
