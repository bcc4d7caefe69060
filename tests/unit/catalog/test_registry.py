from __future__ import annotations

import json
from pathlib import Path

import pytest
from registry_documents import VERSION, archive, package, provider, write_registry

from tablecloud.catalog import archives
from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.installed import active_version, installed_versions, packages_folder, version_key
from tablecloud.catalog.registry import Registry, offered, pull, read_registry, remove
from tablecloud.errors import DocumentError, SettingError, TablecloudError, UnknownProvider

OLD, NEW = "v26.01.00001", "v26.01.00010"


def never(address: str) -> bytes:
    raise AssertionError(f"nothing is fetched, but {address} was asked for")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(url=f"file://{write_registry(tmp_path / 'registry', NEW, OLD)}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def left_behind(root: Path) -> list[str]:
    return sorted(p.name for p in packages_folder(root).glob("*/.*"))


def test_versions_are_ordered_by_their_numbers() -> None:
    versions = ["v26.10.00001", "v26.9.00002", "v26.10.00001-dev", "v25.12.1"]
    assert sorted(versions, key=version_key) == [
        "v25.12.1",
        "v26.9.00002",
        "v26.10.00001-dev",
        "v26.10.00001",
    ]


def test_what_a_registry_offers(registry: Registry) -> None:
    assert offered(registry, never) == {"acme": [OLD, NEW], "other": ["v1.0.0"]}


def test_the_highest_is_pulled_and_older_ones_can_be_gone_back_to(registry: Registry, root: Path) -> None:
    assert pull(registry, root, "acme", "", never) == NEW
    assert pull(registry, root, "ACME", OLD, never) == OLD
    assert installed_versions(root, "acme") == [OLD, NEW]
    assert active_version(root, "acme") == OLD
    # What is installed is put in use without a registry.
    assert pull(Registry(url="file:///nowhere"), root, "acme", NEW, never) == NEW
    assert active_version(root, "acme") == NEW
    assert left_behind(root) == []


def test_without_a_record_the_highest_is_in_use(registry: Registry, root: Path) -> None:
    pull(registry, root, "acme", NEW, never)
    pull(registry, root, "acme", OLD, never)
    (packages_folder(root) / "acme" / "active").write_text("v9.9.9")
    assert active_version(root, "acme") == NEW


def test_remove_takes_one_version_or_all(registry: Registry, root: Path) -> None:
    pull(registry, root, "acme", OLD, never)
    pull(registry, root, "acme", NEW, never)
    assert remove(root, "acme", NEW) == [NEW]
    assert active_version(root, "acme") == OLD
    assert remove(root, "acme", "") == [OLD]
    assert installed_versions(root, "acme") == []
    with pytest.raises(UnknownProvider, match="not installed"):
        remove(root, "acme", "")


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("acmee", "", "did you mean acme"),
        ("acme", "v1.2.3", "no version v1.2.3"),
        ("other", "", "cannot read"),
        ("../acme", "", "no name of a provider"),
        ("acme", "../../x", "no version"),
    ],
)
def test_what_cannot_be_pulled(registry: Registry, root: Path, name: str, version: str, words: str) -> None:
    with pytest.raises(TablecloudError, match=words):
        pull(registry, root, name, version, never)
    assert not packages_folder(root).exists() or left_behind(root) == []


def test_http_registries_are_fetched_and_google_has_another_folder(root: Path) -> None:
    asked: list[str] = []
    files = {
        "https://r.test/p/dist/providers.yaml": json.dumps(
            {"providers": {"google": {"versions": [VERSION]}}}
        ).encode(),
        f"https://r.test/p/dist/googleapis.com/{VERSION}.tgz": package("google", folder="googleapis.com"),
    }

    def fetch(address: str) -> bytes:
        asked.append(address)
        return files[address]

    told: list[tuple[str, int, int]] = []
    registry = read_registry('{"url": "https://r.test/p/"}')
    assert pull(registry, root, "google", "", fetch, lambda *step: told.append(step)) == VERSION
    assert asked == list(files)
    assert told[-1][0] == f"unpacking google {VERSION}" and told[-1][1] <= told[-1][2]
    assert (packages_folder(root) / "googleapis.com" / VERSION / "services" / "billing.yaml").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive({"v1/../../evil.yaml": b"x"}), "leads out of it"),
        (archive({"/etc/evil.yaml": b"x"}), "leads out of it"),
        (archive({"v1/a\\..\\b.yaml": b"x"}), "leads out of it"),
        (archive({"v1/a.yaml": b"x"}, link="v1/link.yaml"), "no plain file"),
        (archive({"provider.yaml": b"x"}), "no plain file"),
        (archive({}), "empty"),
        (b"not an archive", "damaged"),
        (package()[:-200], "damaged"),
        (archive({"v1/a.yaml": b"x"}), "provider.yaml"),
        (package("another"), "is one of another"),
    ],
)
def test_an_archive_that_cannot_be_used_leaves_nothing(
    root: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    home = write_registry(tmp_path / "bad", VERSION)
    (home / "dist" / "acme" / f"{VERSION}.tgz").write_bytes(content)
    with pytest.raises(DocumentError, match=words):
        pull(Registry(url=f"file://{home}"), root, "acme", "", never)
    assert installed_versions(root, "acme") == [] and left_behind(root) == []
    assert not list(tmp_path.rglob("evil*"))


def test_an_archive_has_limits(root: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_MOST_FILES", "_LARGEST_FILE", "_MOST_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(archives, limit, 1)
            with pytest.raises(DocumentError, match="larger than"):
                pull(registry, root, "acme", "", never)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "https://registry.stackql.app/providers"),
        ("file:///a/b/", "file:///a/b"),
        (
            '{"url": "https://x.test", "localDocRoot": "/y", "verifyConfig": {"nopVerify": true}}',
            "https://x.test",
        ),
    ],
)
def test_the_registry_setting(text: str, url: str) -> None:
    assert read_registry(text).url == url


@pytest.mark.parametrize(
    "text", ["ftp://x", "{", '{"url": 5}', '{"url": "https://x", "verifyConfig": {"nopVerify": false}}']
)
def test_a_registry_setting_that_cannot_be_used(text: str) -> None:
    with pytest.raises(SettingError):
        read_registry(text)


def test_the_catalog_lists_a_package_without_reading_its_services(registry: Registry, root: Path) -> None:
    pull(registry, root, "acme", "", never)
    folder = packages_folder(root) / "acme" / NEW
    with_sources = Catalog.open(root, sources=_packages(root))
    assert with_sources.providers() == ["acme"]
    assert with_sources.provider_version("acme") == NEW
    assert [s.name for s in with_sources.services("acme")] == ["billing", "lost__beta"]
    assert not list((root / "catalog").glob("*/acme.billing.sqlite"))
    assert "invoices" in [r.name for r in with_sources.resources("acme", "billing")]
    (folder / "services" / "billing.yaml").write_text("changed: [")
    # Compiled once; a changed file makes another index, which says what is wrong with it.
    assert with_sources.resource(("acme", "billing", "invoices")).version == NEW
    with pytest.raises(DocumentError, match="is not YAML"):
        Catalog.open(root, sources=_packages(root)).resource(("acme", "billing", "invoices"))


def test_a_missing_document_hides_nothing_else(registry: Registry, root: Path) -> None:
    pull(registry, root, "acme", "", never)
    catalog = Catalog.open(root, sources=_packages(root))
    assert len(catalog.services("acme")) == 2
    with pytest.raises(DocumentError, match=r"lost\.yaml"):
        catalog.resources("acme", "lost__beta")


def test_a_document_outside_of_its_package_is_not_read(root: Path) -> None:
    folder = packages_folder(root) / "acme" / VERSION
    folder.mkdir(parents=True)
    document = provider()
    document["providerServices"]["billing"]["service"]["$ref"] = f"acme/{VERSION}/../../../secret.yaml"
    (folder / "provider.yaml").write_text(json.dumps(document))
    (root / "registry" / "secret.yaml").write_text("a: 1")
    with pytest.raises(DocumentError, match="outside of its package"):
        Catalog.open(root, sources=_packages(root)).resources("acme", "billing")


def test_a_packages_names_win_and_discovery_names_stay(
    registry: Registry, root: Path, tmp_path: Path
) -> None:
    from discovery_documents import document, folder_source

    pull(registry, root, "acme", "", never)
    discovery = folder_source(tmp_path / "acme", document(name="billing"), document(name="library"))
    catalog = Catalog.open(root, sources=[discovery, *_packages(root)])
    names = {r.name for r in catalog.resources("acme", "billing")}
    assert {"invoices", "books", "shelves.books"} <= names
    assert catalog.resource(("acme", "billing", "invoices")).ordered
    assert not catalog.resource(("acme", "billing", "books")).ordered
    assert [s.name for s in catalog.services("acme")] == ["billing", "library", "lost__beta"]
    assert catalog.resource(("acme", "library", "books")).name == "books"
    assert catalog.auth_defaults() == {"acme": '{"type":"bearer","credentialsenvvar":"ACME_TOKEN"}'}


def test_a_missing_document_does_not_hide_the_discovery_document(
    registry: Registry, root: Path, tmp_path: Path
) -> None:
    from discovery_documents import document, folder_source

    pull(registry, root, "acme", "", never)
    discovery = folder_source(tmp_path / "acme", document(name="billing"))
    (packages_folder(root) / "acme" / NEW / "services" / "billing.yaml").unlink()
    catalog = Catalog.open(root, sources=[discovery, *_packages(root)])
    assert [r.name for r in catalog.resources("acme", "billing")] == ["books", "operations", "shelves.books"]
    assert catalog.service("acme", "billing").version == "v1"


def _packages(root: Path):
    from tablecloud.catalog.sources import package_sources

    return package_sources(root)
