"""Reference pages: a resource of the catalog as Markdown, in the form of the product's own page.

Front matter (same keys, same order), Overview, Fields, Methods. Reads the catalog; makes no call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.model import Form, Method, Resource, ResourceEntry, ServiceEntry
from tablecloud.errors import SettingError

_MARK = "# written by tablecloud docs"
"""A YAML comment in the front matter, by which a page is known as ours before it is overwritten."""


def page(catalog: Catalog, path: Sequence[str]) -> str:
    """Return the reference page of a resource, in Markdown.

    Parameters:
        path: the parts of its name, in either form: `("google", "ml", "projects", "jobs")` or `("google",
            "ml", "jobs")`.

    Raises:
        UnknownProvider, UnknownService, UnknownResource: there is no such name.
    """
    resource = catalog.resource(path)
    sections = [
        _front_matter(
            resource.name, f"The resource {resource.id} as a table: fields, methods, parameters", resource
        ),
        _overview(resource),
        _fields(resource),
        _methods(resource.methods),
    ]
    return "\n".join(sections)


def service_pages(catalog: Catalog, provider: str, service: str, folder: Path) -> list[Path]:
    """Write a page a resource, and `index.md`, for one service; return the files, the index first.

    Parameters:
        folder: where to; created where it is missing. Files there that are not such pages are never
            overwritten.

    Raises:
        UnknownProvider, UnknownService: there is no such name.
        SettingError: a file of another origin is in the way, or the folder cannot be written to.
    """
    entry = catalog.service(provider, service)
    entries = catalog.resources(provider, service)
    texts = {folder / "index.md": _index(entry, entries)}
    for listed in entries:
        path = (entry.provider, entry.name, listed.name)
        texts[folder / _file_name(entry, listed)] = page(catalog, path)
    try:
        _refuse_foreign(texts)
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingError(f"cannot write reference pages to {folder}: {error.strerror}") from error
    return list(texts)


def _refuse_foreign(files: Iterable[Path]) -> None:
    for file in files:
        if file.exists() and _MARK not in file.read_text(encoding="utf-8", errors="replace").splitlines():
            raise SettingError(
                f"{file} is in the way: it was not written by tablecloud docs",
                hint="name another folder, or move the file",
            )


def _file_name(service: ServiceEntry, resource: ResourceEntry) -> str:
    return re.sub(r"[^\w.-]", "_", f"{service.provider}.{service.name}.{resource.name}") + ".md"


def _front_matter(title: str, description: str, about: Resource | ServiceEntry) -> str:
    service = about.service if isinstance(about, Resource) else about.name
    keywords = ("tablecloud", "sql", about.provider, service)
    lines = [
        "---",
        _MARK,
        f"title: {title}",
        "hide_title: false",
        "hide_table_of_contents: false",
        "keywords:",
        *(f"  - {word}" for word in keywords),
        f"description: '{description}'",
        "custom_edit_url: null",
        "image: null",
        "---",
    ]
    return "\n".join(lines) + "\n"


def _overview(resource: Resource) -> str:
    facts = {"Name": f"<code>{resource.name}</code>", "Type": "Resource", "Id": f"<code>{resource.id}</code>"}
    cells = [f"<tr><td><b>{name}</b></td><td>{value}</td></tr>" for name, value in facts.items()]
    return "\n".join(["## Overview", "<table><tbody>", *cells, "</tbody></table>", "", *_forms(resource)])


def _forms(resource: Resource) -> list[str]:
    """Say what one row is, and where the other form of the resource is found."""
    if not resource.twin:
        return []
    twin = f"`{resource.provider}.{resource.service}.{resource.twin}`"
    if resource.form is Form.PAGE:
        return [f"One row a response, as the API gives it. For one row an item see {twin}.", ""]
    return [f"One row an item. For one row a response see {twin}.", ""]


def _fields(resource: Resource) -> str:
    method = resource.default_select
    if method is None:
        return "## Fields\nSELECT does not reach this resource.\n"
    rows = [(f"`{c.name}`", f"`{c.json_type}`", c.description) for c in method.columns]
    return "## Fields\n" + _table(("Name", "Datatype", "Description"), rows)


def _methods(methods: Iterable[Method]) -> str:
    rows = [
        (
            f"`{m.name}`",
            f"`{m.verb.value}`",
            f"`{', '.join(sorted(m.required))}`" if m.required else "",
            m.description,
        )
        for m in methods
    ]
    return "## Methods\n" + _table(("Name", "Accessible by", "Required Params", "Description"), rows)


def _index(service: ServiceEntry, entries: Sequence[ResourceEntry]) -> str:
    rows = [(f"[`{e.name}`]({_file_name(service, e)})", e.form.value, e.description) for e in entries]
    front = _front_matter(service.name, f"The tables of {service.provider}.{service.name}", service)
    said = f"{_cell(service.description)}\n\n" if service.description else ""
    return f"{front}\n{said}## Resources\n" + _table(("Name", "Form", "Description"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; its rule is as wide as its header, as on the product's page."""
    rule = "|".join(":" + "-" * (len(name) + 1) for name in header)
    lines = [f"| {' | '.join(header)} |", f"|{rule}|"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Return text that stays inside a cell: on one line, its pipes escaped."""
    return " ".join(text.split()).replace("|", "\\|")
