"""From input addresses to slices of files: wildcards, sizes, and which slice belongs to which shard.

The number of shards follows from the input alone, and shard i is the i-th contiguous slice of the sorted
input, so the output does not depend on how many workers there were. Contract: ml-jobs-service 3.1, 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tablecloud.errors import JobError
from tablecloud.jobs.prediction.outputs import HIDDEN
from tablecloud.jobs.storage import Storage

SHARD_BYTES = 1 << 20
"""Less input than this for each shard is not worth a worker of its own."""
MOST_SHARDS = 99_999
"""Names of shards have five digits."""


class NoInput(JobError):
    """An input address that matches no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file to read."""

    path: Path
    size: int
    name: str
    """As messages call it: the address of an object, the path of any other file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The records of one file that begin at `start` or later, and before `end`."""

    path: Path
    name: str
    start: int
    end: int | None
    """None is the end of the file."""


def find_inputs(patterns: Sequence[str], storage: Storage) -> list[InputFile]:
    """Return the files of all addresses, sorted, each once.

    Parameters:
        patterns: addresses in which `*` and `?` stand for characters of one path segment.

    Raises:
        NoInput: an address matches nothing.
        StorageError: one is no address, or leads out of its bucket.
    """
    found: set[Path] = set()
    for pattern in patterns:
        matches = _matches(pattern, storage)
        if not matches:
            raise NoInput(f"The input path {pattern} matches no file.{_advice(pattern, storage)}")
        found.update(matches)
    return [
        InputFile(path=path, size=path.stat().st_size, name=_name(path, storage)) for path in sorted(found)
    ]


def shard_count(files: Sequence[InputFile], most: int, *, divisible: bool) -> int:
    """Return how many shards some input makes; at least one, so that there is always an output.

    Parameters:
        divisible: as `shards` has it.
    """
    total = sum(file.size for file in files)
    whole = not divisible or all(compressed(file.path) for file in files)
    return max(1, min(-(-total // SHARD_BYTES), most, len(files) if whole else most, MOST_SHARDS))


def shards(files: Sequence[InputFile], count: int, *, divisible: bool) -> list[list[Slice]]:
    """Return the slices of each shard; some shards may get none.

    Parameters:
        divisible: whether records can be found from the middle of a file; else files stay whole.
    """
    total = sum(file.size for file in files)
    edges = [total * number // count for number in range(count + 1)]
    return [list(_slices(files, edges[i], edges[i + 1], divisible)) for i in range(count)]


def _slices(files: Sequence[InputFile], low: int, high: int, divisible: bool) -> Iterator[Slice]:
    """Yield what of the files lies between two offsets of all of them put one after the other."""
    begin = 0
    for file in files:
        if divisible and not compressed(file.path):
            start, end = max(low, begin), min(high, begin + file.size)
            if start < end:
                yield Slice(path=file.path, name=file.name, start=start - begin, end=end - begin)
        elif low <= begin < high and file.size:
            yield Slice(path=file.path, name=file.name, start=0, end=None)
        begin += file.size


def compressed(path: Path) -> bool:
    """Say whether a file's name says that it is compressed with gzip."""
    return path.suffix == ".gz"


def _matches(pattern: str, storage: Storage) -> list[Path]:
    # In a file: address a bare ? would begin a query.
    plain = pattern.replace("?", "%3F") if pattern.startswith("file:") else pattern
    address = storage.local_path(plain)
    depth = _fixed_depth(address)
    found = [Path(*address.parts[:depth])]
    for segment in address.parts[depth:]:
        expression = _expression(segment)
        found = [folder / name for folder in found for name in _names(folder) if expression.fullmatch(name)]
    return [path for path in found if path.is_file() and _inside(path, pattern, storage)]


def _fixed_depth(address: Path) -> int:
    """Return how many parts of a path come before its first wildcard."""
    for depth, part in enumerate(address.parts):
        if "*" in part or "?" in part:
            return depth
    return len(address.parts)


def _expression(segment: str) -> re.Pattern[str]:
    words = {"*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(character) or re.escape(character) for character in segment), re.S)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if not path.name.startswith(HIDDEN)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _inside(path: Path, pattern: str, storage: Storage) -> bool:
    """Whether a match stays below the buckets: a folder of one may be a symbolic link out of it."""
    root = storage.gcs_root.resolve()
    return not pattern.startswith("gs://") or path.resolve().is_relative_to(root)


def _name(path: Path, storage: Storage) -> str:
    if path.is_relative_to(storage.gcs_root):
        return f"gs://{path.relative_to(storage.gcs_root)}"
    return str(path)


def _advice(pattern: str, storage: Storage) -> str:
    if storage.local_path(pattern).is_dir():
        return f" It is a folder: write {pattern.rstrip('/')}/* for the files in it."
    return ""
