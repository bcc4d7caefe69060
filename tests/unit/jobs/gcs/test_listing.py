from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tablecloud.jobs.gcs.listing import Query, list_names

PART = st.text("ab.-é/", min_size=1, max_size=5)
NAMES = st.sets(PART, max_size=12)


def fill(home: Path, names: set[str]) -> list[str]:
    """Make files of those names that can be files; return those that are there then."""
    for name in sorted(names):
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            continue
        path = home / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            continue
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def expected(names: list[str], query: Query) -> tuple[list[str], list[str]]:
    """What the API's documentation says, word by word."""
    items, prefixes = [], set()
    for name in names:
        if not name.startswith(query.prefix) or name < query.start or (query.end and name >= query.end):
            continue
        at = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if at >= 0:
            prefixes.add(name[: at + len(query.delimiter)])
        else:
            items.append(name)
    return items, sorted(prefixes)


@settings(max_examples=200, deadline=None)
@given(
    NAMES,
    st.one_of(st.just(""), PART),
    st.sampled_from(["", "/", "a", ".-"]),
    st.one_of(st.just(""), PART),
    st.one_of(st.just(""), PART),
    st.integers(1, 4),
)
def test_pages_together_are_what_the_rules_say(names, prefix, delimiter, start, end, limit):
    with TemporaryDirectory() as folder:
        home = Path(folder)
        there = fill(home, names)
        if any(part in (".", "..", "") for part in prefix.split("/")[:-1]):
            prefix = ""  # the store answers those before a listing begins
        query = Query(prefix=prefix, delimiter=delimiter, start=start, end=end, limit=limit)
        items, prefixes, after = [], [], ""
        while True:
            page = list_names(home, [], Query(**{**fields(query), "after": after}))
            assert len(page.names) + len(page.prefixes) <= limit
            items += page.names
            prefixes += page.prefixes
            if not page.last:
                break
            after = page.last
    assert (items, prefixes) == expected(there, query)


def fields(query: Query) -> dict[str, object]:
    return {name: getattr(query, name) for name in Query.__slots__}


def test_folder_objects_are_listed_in_their_place(tmp_path):
    fill(tmp_path, {"a/b", "c"})
    assert list_names(tmp_path, ["a/", "b/"], Query()).names == ("a/", "a/b", "b/", "c")
    folded = list_names(tmp_path, ["a/", "b/"], Query(delimiter="/"))
    assert (folded.names, folded.prefixes) == (("c",), ("a/", "b/"))
    trailing = list_names(tmp_path, ["a/"], Query(delimiter="/", trailing=True))
    assert (trailing.names, trailing.prefixes) == (("a/", "c"), ("a/",))


def test_links_are_not_followed(tmp_path):
    fill(tmp_path, {"a"})
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list_names(tmp_path, [], Query()).names == ("a",)
