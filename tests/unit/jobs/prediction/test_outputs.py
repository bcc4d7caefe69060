from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.jobs.prediction.outputs import ERRORS_STATS, OutputFolder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_visible_before_everything_is(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "out"
    output = OutputFolder(home, "u1", 2, csv=False)
    output.shard(0).write_text("1\n")
    output.shard(1).write_text("2\n")
    assert all(name.startswith(".tablecloud-prediction-u1-") for name in names(home))
    output.publish({"b": 1, "a'\n\n": 2})
    assert names(home) == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00002",
        "prediction.results-00001-of-00002",
    ]
    assert (home / "prediction.results-00001-of-00002").read_text() == "2\n"
    assert (home / ERRORS_STATS).read_text() == "(\"a'\\n\\n\", 2)\n('b', 1)\n"


def test_stale_results_go_and_strangers_stay(tmp_path: Path) -> None:
    stale = (
        "prediction.results-00000-of-00009",
        "prediction.results-00000-of-00001.csv",
        "prediction.results_header.csv",
    )
    strangers = ("prediction.results-old", "model.joblib", ".tablecloud-prediction-u2-00000.json")
    for name in (*stale, *strangers):
        (tmp_path / name).touch()
    mine = tmp_path / ".tablecloud-prediction-u1-00007.json"
    mine.touch()
    output = OutputFolder(tmp_path, "u1", 1, csv=False)
    assert not mine.exists()
    assert all((tmp_path / name).exists() for name in stale)
    output.shard(0).touch()
    output.publish({})
    assert names(tmp_path) == sorted([*strangers, ERRORS_STATS, "prediction.results-00000-of-00001"])


def test_discard_leaves_only_strangers(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path, "u1", 1, csv=False)
    output.shard(0).touch()
    (tmp_path / "other").touch()
    output.discard()
    output.discard()
    assert names(tmp_path) == ["other"]


def test_csv_has_the_columns_of_all_shards(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path, "u1", 2, csv=True)
    output.shard(0).write_text('{"score": 0.5, "label": "a,b"}\n')
    output.shard(1).write_text('{"label": null, "extra": [1, {"x": "é"}]}\n{"score": true}\n')
    output.publish({})
    content = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert content == {
        ERRORS_STATS: "",
        "prediction.results_header.csv": "score,label,extra\n",
        "prediction.results-00000-of-00002.csv": '0.5,"a,b",\n',
        "prediction.results-00001-of-00002.csv": ',,"[1, {""x"": ""é""}]"\ntrue,,\n',
    }


def test_a_surrogate_in_an_error_can_be_written(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path, "u1", 0, csv=False)
    output.publish({"half \ud800": 1})
    assert (tmp_path / ERRORS_STATS).read_text() == "('half \\ud800', 1)\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        OutputFolder(tmp_path / "file", "u1", 1, csv=False)
