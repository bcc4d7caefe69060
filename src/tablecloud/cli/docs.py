"""`tablecloud docs`: the reference page of a table on standard output, or a service's pages in a folder."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from tablecloud.cli.exits import OK
from tablecloud.errors import SettingError
from tablecloud.settings import Settings, prepare_root


def run_docs(given: Namespace, settings: Settings) -> int:
    """Print or write reference pages and return the exit status.

    Raises:
        SettingError: the name is neither a resource nor, with a folder, a service.
        CatalogError: the name is unknown.
    """
    path = given.name.split(".")
    folder = getattr(given, "out", "")
    if len(path) > 2 and folder:
        raise SettingError("one page goes to standard output", hint=f"tablecloud docs {given.name} > page.md")
    if len(path) < 2 or (len(path) == 2 and not folder):
        raise SettingError(
            f"{given.name} is no resource", hint="such as google.ml.projects.jobs; for a service add -o DIR"
        )
    from tablecloud.catalog.catalog import Catalog
    from tablecloud.docgen import page, service_pages

    catalog = Catalog.open(prepare_root(settings.approot))
    try:
        if folder:
            written = service_pages(catalog, path[0], path[1], Path(folder).expanduser())
            sys.stderr.write(f"{len(written)} pages written to {folder}\n")
        else:
            sys.stdout.write(page(catalog, path))
    finally:
        catalog.close()
    return OK
