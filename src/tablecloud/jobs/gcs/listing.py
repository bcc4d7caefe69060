"""The names below a folder in the order that Cloud Storage lists them, and pages of them. Reads folders only.

Names are ordered by their UTF-8 bytes, which is how Python orders text. A folder's entries, sorted with a
slash behind each folder's name, give that order by a plain walk, so a page costs what it shows, and no
listing holds a whole bucket in memory.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which names to list."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    """First name that may be listed."""
    end: str = ""
    """First name that may not; empty for none."""
    after: str = ""
    """The page token: what was listed last."""
    limit: int = 1000
    trailing: bool = False
    """Whether names that end in the delimiter are items beside being prefixes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is on a page: names of objects, folded prefixes, and whether more follow."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    last: str = ""
    """Token of the next page; empty on the last."""


def list_names(home: Path, folders: Iterable[str], query: Query) -> Page:
    """Return one page of a bucket.

    Parameters:
        home: the bucket's folder.
        folders: names of its folder objects that begin with the prefix, in order; they end in a slash.
    """
    names: list[str] = []
    prefixes: list[str] = []
    last = ""
    found = heapq.merge(_walk(home, query), (name for name in folders if _wanted(name, query)))
    for name in found:
        folded = _folded(name, query)
        if folded and (folded <= query.after or (prefixes and prefixes[-1] == folded)):
            if query.trailing and name == folded and folded > query.after:
                names.append(name)
            continue
        if len(names) + len(prefixes) == query.limit:
            return Page(names=tuple(names), prefixes=tuple(prefixes), last=last)
        if folded:
            prefixes.append(folded)
        if not folded or (query.trailing and name == folded):
            names.append(name)
        last = folded or name
    return Page(names=tuple(names), prefixes=tuple(prefixes))


def _folded(name: str, query: Query) -> str:
    """Return the prefix that stands for a name; empty where the name stands for itself."""
    if not query.delimiter:
        return ""
    at = name.find(query.delimiter, len(query.prefix))
    return name[: at + len(query.delimiter)] if at >= 0 else ""


def _wanted(name: str, query: Query) -> bool:
    if not name.startswith(query.prefix) or name <= query.after:
        return False
    return name >= query.start and (not query.end or name < query.end)


def _walk(home: Path, query: Query) -> Iterator[str]:
    """Yield the wanted files of a bucket in order; of a folder that a delimiter folds only the first."""
    folder = query.prefix.rpartition("/")[0]
    root = home / folder if folder else home
    yield from _below(root, f"{folder}/" if folder else "", query)


def _below(folder: Path, path: str, query: Query) -> Iterator[str]:
    for name, is_folder in _entries(folder):
        below = path + name
        if not is_folder:
            if _wanted(below, query):
                yield below
        elif _may_hold(below, query):
            names = _below(folder / name, below, query)
            folded = query.delimiter == "/" and below != query.prefix and below.startswith(query.prefix)
            yield from islice(names, 1) if folded else names


def _may_hold(folder: str, query: Query) -> bool:
    """Say whether wanted names may lie below a folder, given with its slash."""
    if not (folder.startswith(query.prefix) or query.prefix.startswith(folder)):
        return False
    floor = max(query.after, query.start)
    # Everything below sorts before the floor unless the floor lies below too.
    return folder > floor or floor.startswith(folder)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Return the files and folders in a folder, folders with a slash; links are left out."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.name + "/", True) if entry.is_dir(follow_symlinks=False) else (entry.name, False)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(pair for pair in found if _is_text(pair[0]))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
