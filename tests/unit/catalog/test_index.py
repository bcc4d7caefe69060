from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from discovery_documents import document, folder_source

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.index import Index
from tablecloud.catalog.sources import Source
from tablecloud.errors import DocumentError

BOOKS = ("acme", "library", "books")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return folder_source(
        tmp_path / "acme", document(), document(name="archive"), document(name="archive", version="v2")
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def files(root: Path) -> list[Path]:
    return sorted((root / "catalog").glob("*/*"))


def use(root: Path, source: Source) -> Catalog:
    catalog = Catalog.open(root, sources=[source])
    assert catalog.resource(BOOKS).name == "books"
    return catalog


def test_the_first_use_builds_and_the_next_reads_no_document(root: Path, source: Source) -> None:
    told: list[tuple[str, int, int]] = []
    first = Catalog.open(root, sources=[source], progress=lambda *step: told.append(step))
    assert first.resource(BOOKS).id == "acme.library.books"
    assert told[0][1:] == (0, 3) and told[-1][1:] == (3, 3)
    assert [f.name for f in files(root)] == ["acme.library.sqlite", "names.sqlite"]
    stamps = [f.stat().st_mtime_ns for f in files(root)]

    told.clear()
    again = Catalog.open(root, sources=[source], progress=lambda *step: told.append(step))
    assert again.resource(BOOKS) == first.resource(BOOKS)
    assert told == [] and [f.stat().st_mtime_ns for f in files(root)] == stamps


def test_a_known_resource_opens_its_own_file_alone(root: Path, source: Source) -> None:
    use(root, source).close()
    next(root.glob("catalog/*/names.sqlite")).unlink()
    use(root, source).close()
    assert [f.name for f in files(root)] == ["acme.library.sqlite"]


def test_a_changed_document_is_read_anew(root: Path, source: Source) -> None:
    use(root, source).close()
    pens = document({"pens": {"list": {"httpMethod": "GET", "path": "pens"}}})
    (source.documents / "library.v1.json").write_text(json.dumps(pens))
    catalog = Catalog.open(root, sources=[source])
    assert [e.name for e in catalog.resources("acme", "library")] == ["pens"]


def test_a_changed_overlay_is_read_anew(root: Path, source: Source) -> None:
    use(root, source).close()
    overlay = {
        "service": "acme.library",
        "version": "v1",
        "methods": {"library.shelves.books.get": {"identity": {"name": "booksId"}}},
    }
    (source.overlays / "acme.library.json").write_text(json.dumps(overlay))
    assert use(root, source).resource(BOOKS).methods[0].identity == {"name": "booksId"}


def test_builds_of_other_documents_go_in_time(root: Path, source: Source) -> None:
    for version in range(6):
        (source.documents / f"extra.v{version}.json").write_text(
            json.dumps(document(name="extra", version=f"v{version}"))
        )
        use(root, source).close()
    assert len(list((root / "catalog").iterdir())) == 4


@pytest.mark.parametrize("name", ["names", "acme.library"])
def test_a_broken_file_is_built_anew(root: Path, source: Source, name: str) -> None:
    use(root, source).close()
    (path,) = root.glob(f"catalog/*/{name}.sqlite")
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * len(whole)):
        path.write_bytes(damaged)
        catalog = use(root, source)
        assert len(catalog.services("acme")) == 3 and len(catalog.resources("acme", "library")) == 3
        catalog.close()
    assert path.stat().st_size == len(whole)


def test_a_damaged_record_is_compiled_anew(root: Path, source: Source) -> None:
    use(root, source).close()
    (path,) = root.glob("catalog/*/acme.library.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE compiled SET resource = x'00'")
    connection.close()
    use(root, source).close()
    use(root, source).close()


def test_where_nothing_can_be_written_it_lives_in_memory_and_says_so(tmp_path: Path, source: Source) -> None:
    (tmp_path / "file").touch()
    catalog = Catalog.open(tmp_path / "file", sources=[source])
    assert catalog.note == ""
    assert catalog.resource(BOOKS).id == "acme.library.books"
    assert len(catalog.services("acme")) == 3
    assert "cannot be kept" in catalog.note


def test_a_document_that_cannot_be_read_hides_no_other(root: Path, source: Source) -> None:
    (source.documents / "broken.v1.json").write_text("{")
    catalog = use(root, source)
    assert "broken" in [e.name for e in catalog.services("acme")]
    with pytest.raises(DocumentError, match=r"broken\.v1\.json"):
        catalog.resource(("acme", "broken", "things"))


def test_missing_documents_are_an_error(root: Path, source: Source) -> None:
    shutil.rmtree(source.documents)
    with pytest.raises(DocumentError, match="acme"):
        Index(root, [source])


def test_several_processes_may_build_at_once(root: Path, source: Source) -> None:
    program = (
        "import sys; from pathlib import Path; from tablecloud.catalog.catalog import Catalog\n"
        "from tablecloud.catalog.sources import Source\n"
        "source = Source(provider='acme', documents=Path(sys.argv[2]), overlays=Path(sys.argv[3]))\n"
        "catalog = Catalog.open(Path(sys.argv[1]), sources=[source])\n"
        "print(catalog.resource(('acme', 'library', 'books')).id, len(catalog.services('acme')),"
        " catalog.note)\n"
    )
    command = [sys.executable, "-c", program, str(root), str(source.documents), str(source.overlays)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [p.communicate(timeout=60)[0].strip() for p in running] == ["acme.library.books 3"] * 4
    assert [f.name for f in files(root)] == ["acme.library.sqlite", "names.sqlite"]


def test_threads_share_one_catalog(root: Path, source: Source) -> None:
    catalog = Catalog.open(root, sources=[source])
    paths = [BOOKS, ("acme", "archive", "books"), ("acme", "archive_v1", "shelves", "books")] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda path: catalog.resource(path).id, paths))
    assert found == [".".join(path) for path in paths]
