from __future__ import annotations

import os
from pathlib import Path

import pytest
from discovery_documents import document, folder_source

from tablecloud.catalog import sources
from tablecloud.catalog.sources import Source
from tablecloud.errors import DocumentError


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return folder_source(tmp_path, document(), preferred={"library": "v1"})


def test_documents_are_all_but_the_index(source: Source) -> None:
    assert [f.name for f in sources.document_files(source)] == ["library.v1.json"]
    assert sources.preferred_versions(source) == {"library": "v1"}


def test_an_index_that_is_missing_or_wrong_prefers_nothing(source: Source) -> None:
    for content in ("[]", "{"):
        (source.documents / "index.json").write_text(content)
        assert sources.preferred_versions(source) == {}
    (source.documents / "index.json").unlink()
    assert sources.preferred_versions(source) == {}


def test_the_fingerprint_changes_with_what_it_stands_for(source: Source) -> None:
    seen = [sources.fingerprint(source), sources.fingerprint(source)]
    assert seen[0] == seen[1]
    file = source.documents / "library.v1.json"
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))
    seen.append(sources.fingerprint(source))
    (source.documents / "more.v1.json").write_text("{}")
    seen.append(sources.fingerprint(source))
    (source.overlays / "acme.library.json").write_text("{}")
    seen.append(sources.fingerprint(source))
    assert len(set(seen[1:])) == 4


def test_an_overlay_is_found_by_provider_and_name(source: Source) -> None:
    assert sources.overlay_file(source, "library") is None
    path = source.overlays / "acme.library.json"
    path.write_text("{}")
    assert sources.overlay_file(source, "library") == path


def test_an_unreadable_document_is_an_error(source: Source) -> None:
    with pytest.raises(DocumentError, match="missing"):
        sources.read_document(source.documents / "missing.json")


def test_google_is_the_installed_package() -> None:
    google = sources.google_source()
    assert google.provider == "google" and len(sources.document_files(google)) > 500
    assert sources.provider_version(google)[0].isdigit()
    assert sources.overlay_file(google, "ml") is not None
