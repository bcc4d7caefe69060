from __future__ import annotations

import re
from pathlib import Path

import pytest
from discovery_documents import document, folder_source, method, record

from tablecloud import docgen
from tablecloud.catalog.catalog import Catalog
from tablecloud.errors import SettingError, UnknownResource

SEED = Path("shared", "seed", "google.ml.projects.jobs.md")
"""The page that the product is made after; it lies beside a check-out, not in it."""
JOBS = ("google", "ml", "projects", "jobs")


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("docgen"))


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("docgen")
    odd = {"type": "string", "description": "This | that\n  and more."}
    pens = document(
        {
            "pens": {"get": method("GET", "p", response="Pen")},
            "ink.well-known": {"fill": method("POST", "i")},
        },
        name="pens",
        schemas={"Pen": record(odd=odd)},
    )
    return Catalog.open(folder, sources=[folder_source(folder, document(), pens)])


def front_keys(page: str) -> list[str]:
    front = page.split("---\n")[1]
    return re.findall(r"^(\w+):", front, re.MULTILINE)


def table(page: str, section: str) -> list[list[str]]:
    """The cells of a section's table, header and rule left out."""
    body = page.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_the_page_of_the_product_is_ours(google: Catalog) -> None:
    file = next((p / SEED for p in Path(__file__).resolve().parents if (p / SEED).exists()), None)
    if file is None:
        pytest.skip(f"the product's page is not beside this check-out: {SEED}")
    seed, ours = file.read_text(), docgen.page(google, JOBS)
    assert front_keys(ours) == front_keys(seed)
    assert re.findall(r"<tr>.*</tr>", ours) == re.findall(r"<tr>.*</tr>", seed)
    assert [row[:2] for row in table(ours, "Fields")] == [row[:2] for row in table(seed, "Fields")]
    assert [row[:3] for row in table(ours, "Methods")] == [row[:3] for row in table(seed, "Methods")]
    assert [line for line in ours.splitlines() if line.startswith("|:")] == [
        line for line in seed.splitlines() if line.startswith("|:")
    ]


def test_the_page_of_jobs(google: Catalog) -> None:
    page = docgen.page(google, JOBS)
    assert table(page, "Fields")[0] == ["`jobs`", "`array`", "The list of jobs."]
    assert [row[0].strip("`") for row in table(page, "Methods")] == [
        "get", "list", "create", "cancel", "getIamPolicy", "patch", "setIamPolicy", "testIamPermissions",
    ]  # fmt: skip
    assert "For one row an item see `google.ml.jobs`." in page


def test_the_table_has_a_page_too(google: Catalog) -> None:
    page = docgen.page(google, ("google", "ml", "jobs"))
    assert "title: jobs\n" in page and "<code>google.ml.jobs</code>" in page
    assert ["`jobId`", "`string`"] in [row[:2] for row in table(page, "Fields")]
    assert "For one row a response see `google.ml.projects.jobs`." in page


def test_prose_stays_in_its_cell(acme: Catalog) -> None:
    (row,) = table(docgen.page(acme, ("acme", "pens", "pens")), "Fields")
    assert row == ["`odd`", "`string`", "This \\| that and more."]


def test_a_resource_without_select_says_so(acme: Catalog) -> None:
    assert "SELECT does not reach this resource." in docgen.page(acme, ("acme", "pens", "well-known"))


def test_an_unknown_resource_is_an_error(acme: Catalog) -> None:
    with pytest.raises(UnknownResource):
        docgen.page(acme, ("acme", "pens", "pencils"))


def test_a_service_has_a_page_a_resource_and_an_index(acme: Catalog, tmp_path: Path) -> None:
    files = docgen.service_pages(acme, "ACME", "pens", tmp_path / "new")
    assert [f.name for f in files] == [
        "index.md", "acme.pens.ink.well-known.md", "acme.pens.pens.md", "acme.pens.well-known.md",
    ]  # fmt: skip
    index = files[0].read_text()
    for file in files[1:]:
        assert f"({file.name})" in index
    assert files[2].read_text() == docgen.page(acme, ("acme", "pens", "pens"))
    assert docgen.service_pages(acme, "acme", "pens", tmp_path / "new") == files


def test_a_file_of_another_origin_is_left_alone(acme: Catalog, tmp_path: Path) -> None:
    foreign = tmp_path / "acme.pens.pens.md"
    foreign.write_text("mine")
    with pytest.raises(SettingError, match="in the way"):
        docgen.service_pages(acme, "acme", "pens", tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["acme.pens.pens.md"] and foreign.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_an_error(acme: Catalog, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot write reference pages"):
        docgen.service_pages(acme, "acme", "pens", tmp_path / "file" / "below")
