"""The output folder: hidden shards that become visible together, and the files beside them.

Nothing has its final name before everything is on disk. Contract: ml-jobs-service 3.3.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

HIDDEN = ".tablecloud-prediction-"
"""How the names of temporary files begin; no input pattern matches them."""
ERRORS_STATS = "prediction.errors_stats-00000-of-00001"
HEADER = "prediction.results_header.csv"

_RESULTS = re.compile(r"prediction\.results-\d{5}-of-\d{5}(\.csv)?|prediction\.results_header\.csv")


class OutputFolder:
    """The files of one job in its output folder.

    Parameters:
        path: of the folder; it is made where it is missing.
        uid: of the job; its temporary files carry it, those of other jobs are left alone.
        count: of shards.
        csv: whether the results are CSV.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, path: Path, uid: str, count: int, *, csv: bool) -> None:
        self._path = path
        self._mark = f"{HIDDEN}{uid}-"
        self._count = count
        self._csv = csv
        path.mkdir(parents=True, exist_ok=True)
        self.discard()

    def shard(self, number: int) -> Path:
        """Return where the predictions of a shard are written, as lines of JSON."""
        return self._hidden(f"{number:05d}.json")

    def discard(self) -> None:
        """Remove every temporary file of this job, also those of an attempt before."""
        for path in list(self._path.iterdir()):
            if path.name.startswith(self._mark):
                path.unlink(missing_ok=True)

    def publish(self, errors: Mapping[str, int]) -> None:
        """Write what is not a shard, make all of it durable, give it its names, remove what is stale.

        Parameters:
            errors: how many records failed, by message.

        Raises:
            OSError: something cannot be written; some files may have their names already.
        """
        files = {self._name(number): self.shard(number) for number in range(self._count)}
        if self._csv:
            files = self._as_csv(list(files))
        lines = (f"{(message, count)!r}\n" for message, count in sorted(errors.items()))
        files[ERRORS_STATS] = self._written("errors", lines)
        for path in files.values():
            _sync(path)
        for path in list(self._path.iterdir()):
            if _RESULTS.fullmatch(path.name) and path.name not in files:
                path.unlink(missing_ok=True)
        for name, path in files.items():
            path.replace(self._path / name)
        _sync(self._path)
        self.discard()

    def _name(self, number: int) -> str:
        ending = ".csv" if self._csv else ""
        return f"prediction.results-{number:05d}-of-{self._count:05d}{ending}"

    def _as_csv(self, names: list[str]) -> dict[str, Path]:
        """Return the CSV files made of the shards: only now is it known which columns there are."""
        from tablecloud.jobs.prediction import csv_rows

        columns: dict[str, None] = {}
        for number in range(len(names)):
            columns.update(csv_rows.columns_of(_lines(self.shard(number))))
        files = {HEADER: self._written("header", csv_rows.header(columns))}
        for number, name in enumerate(names):
            rows = csv_rows.rows(_lines(self.shard(number)), columns)
            files[name] = self._written(f"{number:05d}.csv", rows)
        return files

    def _hidden(self, name: str) -> Path:
        return self._path / f"{self._mark}{name}"

    def _written(self, name: str, lines: Iterable[str]) -> Path:
        path = self._hidden(name)
        # Backslashes for what has no UTF-8 form: half a surrogate pair in the text of an error.
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.writelines(lines)
        return path


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
