from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.jobs.prediction import inputs
from tablecloud.jobs.prediction.inputs import InputFile, NoInput, find_inputs, shard_count, shards
from tablecloud.jobs.prediction.outputs import HIDDEN
from tablecloud.jobs.storage import Storage, StorageError


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    for name in ("a/1.json", "a/2.json", "a/10.json", "a/2.txt", "b/1.json", "b/deep/1.json", "a/[x].json"):
        path = tmp_path / "gcs" / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Storage(tmp_path)


def names(storage: Storage, *patterns: str) -> list[str]:
    home = storage.gcs_root / "data"
    return [str(file.path.relative_to(home)) for file in find_inputs(patterns, storage)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a/1.json", ["a/1.json"]),
        ("a/?.json", ["a/1.json", "a/2.json"]),
        ("a/*.json", ["a/1.json", "a/10.json", "a/2.json", "a/[x].json"]),
        ("a/[x].json", ["a/[x].json"]),
        ("a/2.*", ["a/2.json", "a/2.txt"]),
        ("*/1.json", ["a/1.json", "b/1.json"]),
        ("*/*/1.json", ["b/deep/1.json"]),
        ("b/*", ["b/1.json"]),
        ("?/1?.json", ["a/10.json"]),
    ],
)
def test_wildcards(storage: Storage, pattern: str, found: list[str]) -> None:
    assert names(storage, f"gs://data/{pattern}") == found


def test_paths_are_sorted_and_each_is_there_once(storage: Storage) -> None:
    assert names(storage, "gs://data/b/*", "gs://data/a/1.json", "gs://data/a/?.json") == [
        "a/1.json",
        "a/2.json",
        "b/1.json",
    ]


def test_messages_call_objects_by_their_address(storage: Storage, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.touch()
    found = find_inputs([f"{storage.gcs_root}/data/a/1.json", str(other)], storage)
    assert [file.name for file in found] == ["gs://data/a/1.json", str(other)]


def test_file_addresses_and_paths(storage: Storage) -> None:
    home = storage.gcs_root / "data"
    assert names(storage, f"file://{home}/a/?.json", f"{home}/b/*") == ["a/1.json", "a/2.json", "b/1.json"]


@pytest.mark.parametrize("pattern", ["gs://data/c/*", "gs://data/a/x", "gs://none/*", "gs://data/a/1.json/*"])
def test_no_match_names_the_pattern(storage: Storage, pattern: str) -> None:
    with pytest.raises(NoInput) as caught:
        find_inputs(["gs://data/a/1.json", pattern], storage)
    assert f"{pattern} matches no file." in str(caught.value)


def test_a_folder_gets_advice(storage: Storage) -> None:
    with pytest.raises(NoInput, match=r"write gs://data/a/\* for the files in it"):
        find_inputs(["gs://data/a/"], storage)


def test_temporary_files_of_jobs_are_no_input(storage: Storage) -> None:
    (storage.gcs_root / "data" / "a" / f"{HIDDEN}u-00000.json").write_text("x")
    assert "a/1.json" in names(storage, "gs://data/a/*")
    assert not [name for name in names(storage, "gs://data/a/*") if HIDDEN in name]


def test_nothing_outside_of_the_buckets(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("s")
    (storage.gcs_root / "data" / "link").symlink_to(tmp_path / "outside")
    (storage.gcs_root / "data" / "a" / "zlink").symlink_to(tmp_path / "outside" / "secret")
    with pytest.raises(NoInput):
        find_inputs(["gs://data/l*/secret"], storage)
    assert "a/zlink" not in names(storage, "gs://data/a/*")
    with pytest.raises(StorageError):
        find_inputs(["gs://data/../x"], storage)


def files(*sizes: int, name: str = "f") -> list[InputFile]:
    return [
        InputFile(path=Path(f"/{name}{number}"), size=size, name=name) for number, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "most", "divisible", "count"),
    [
        ((), 10, True, 1),
        ((0,), 10, True, 1),
        ((1,), 10, True, 1),
        ((inputs.SHARD_BYTES,), 10, True, 1),
        ((inputs.SHARD_BYTES + 1,), 10, True, 2),
        ((inputs.SHARD_BYTES * 50,), 10, True, 10),
        ((inputs.SHARD_BYTES * 50,), 10, False, 1),
        ((inputs.SHARD_BYTES, inputs.SHARD_BYTES), 10, False, 2),
        ((1, 1, 1), 10, False, 1),
        ((inputs.SHARD_BYTES * 200_000,), 200_000, True, 99_999),
    ],
)
def test_how_many_shards(sizes: tuple[int, ...], most: int, divisible: bool, count: int) -> None:
    assert shard_count(files(*sizes), most, divisible=divisible) == count


def test_slices_cut_the_files_laid_end_to_end() -> None:
    pieces = shards(files(5, 0, 4, 3), 3, divisible=True)
    assert [[(str(p.path), p.start, p.end) for p in shard] for shard in pieces] == [
        [("/f0", 0, 4)],
        [("/f0", 4, 5), ("/f2", 0, 3)],
        [("/f2", 3, 4), ("/f3", 0, 3)],
    ]


def test_indivisible_files_stay_whole_where_they_begin() -> None:
    pieces = shards(files(5, 4, 3), 3, divisible=False)
    assert [[(str(p.path), p.start, p.end) for p in shard] for shard in pieces] == [
        [("/f0", 0, None)],
        [("/f1", 0, None)],
        [("/f2", 0, None)],
    ]
    gz = [InputFile(path=Path("/x.gz"), size=12, name="x")]
    assert [len(shard) for shard in shards(gz, 3, divisible=True)] == [1, 0, 0]
