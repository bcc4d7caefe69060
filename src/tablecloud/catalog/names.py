"""What services and tables are called: pure rules over all names of a provider or of a service at once.

Look-up ignores case, so names that differ by case alone count as one name here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ResourcePath = tuple[str, ...]

_UNSTABLE = re.compile(r"alpha|beta|preview|p\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTitle:
    """Name and version of a document, and the file it is in."""

    name: str
    version: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceName:
    """What a document's service is called in SQL."""

    title: DocumentTitle
    name: str
    preferred: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table name and the resources that it brings together, shortest path first."""

    name: str
    paths: tuple[ResourcePath, ...]


def name_services(titles: Iterable[DocumentTitle], preferred: Mapping[str, str]) -> list[ServiceName]:
    """Name the service of each document: the preferred version bare, the others `compute_beta`.

    Of documents with the same name and version the first by file name is kept.

    Parameters:
        preferred: document name -> the version that the discovery index prefers; for a name that it does not
            know, or a version that is not here, the highest stable version is preferred.
    """
    by_name: dict[str, dict[str, DocumentTitle]] = {}
    for title in sorted(titles, key=lambda t: t.file):
        by_name.setdefault(title.name, {}).setdefault(title.version, title)
    named = []
    taken = {name.lower() for name in by_name}
    for name, versions in sorted(by_name.items()):
        chosen = preferred.get(name, "")
        if chosen not in versions:
            chosen = highest_stable(versions)
        for version, title in sorted(versions.items()):
            spelled = name if version == chosen else _free(re.sub(r"\W", "_", f"{name}_{version}"), taken)
            taken.add(spelled.lower())
            named.append(ServiceName(title=title, name=spelled, preferred=version == chosen))
    return named


def highest_stable(versions: Iterable[str]) -> str:
    """Return the highest version that is neither alpha, beta nor preview, else the highest of all."""

    def rank(version: str) -> tuple[bool, list[int]]:
        return not _UNSTABLE.search(version) and bool(re.search(r"\d", version)), _numbers(version)

    return max(sorted(versions), key=rank)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def name_tables(rows: Mapping[ResourcePath, str]) -> list[Table]:
    """Give each resource of a service a table (architecture section 3).

    Resources whose paths end alike and whose rows are alike are one table, called by the last segment. Where
    rows differ, a path of one segment keeps its name and the others get the shortest suffix of their path
    that tells them apart, joined with `_`.

    Parameters:
        rows: resource path -> word for its rows (`readers.rows.row_name`); resources without one stay alone.
    """
    families: dict[str, list[tuple[ResourcePath, ...]]] = {}
    for segment, group in sorted(_by_last_segment(rows).items()):
        families[segment] = _split(group, rows)
    taken: set[str] = set()
    tables: list[Table] = []
    # Bare names first: no suffix may take one of them.
    for alone in (True, False):
        for members in families.values():
            for paths in members:
                if alone is (len(members) == 1 or len(paths[0]) == 1):
                    others = [path for other in members if other is not paths for path in other]
                    name = _free(paths[0][-1], taken) if alone else _suffix(paths, others, taken)
                    taken.add(name.lower())
                    tables.append(Table(name=name, paths=paths))
    return tables


def _by_last_segment(rows: Mapping[ResourcePath, str]) -> dict[str, list[ResourcePath]]:
    groups: dict[str, list[ResourcePath]] = {}
    for path in rows:
        groups.setdefault(path[-1].lower(), []).append(path)
    return groups


def _split(group: list[ResourcePath], rows: Mapping[ResourcePath, str]) -> list[tuple[ResourcePath, ...]]:
    """Divide paths that end alike by their rows; each part, and the parts, in order of length, then name."""
    parts: dict[object, list[ResourcePath]] = {}
    for path in sorted(group, key=lambda p: (len(p), p)):
        parts.setdefault(rows[path] or path, []).append(path)
    return [tuple(part) for part in parts.values()]


def _suffix(paths: Sequence[ResourcePath], others: Sequence[ResourcePath], taken: set[str]) -> str:
    """Return the shortest suffix of one of `paths` that no other path ends with and no table has taken."""
    tails = {tuple(s.lower() for s in path[-size:]) for path in others for size in range(1, len(path) + 1)}
    candidates = [(size, path[-size:]) for path in paths for size in range(1, len(path) + 1)]
    for _, suffix in sorted(candidates, key=lambda c: c[0]):
        name = "_".join(suffix)
        if tuple(s.lower() for s in suffix) not in tails and name.lower() not in taken:
            return name
    return _free("_".join(paths[0]), taken)


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it where it is taken."""
    number, free = 2, name
    while free.lower() in taken:
        number, free = number + 1, f"{name}_{number}"
    return free
