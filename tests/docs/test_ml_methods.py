"""docs/ml-methods.md names every method of the ml v1 document and what this service does with it.

`TABLECLOUD_WRITE_DOCS=1 python -m pytest tests/docs` writes the page anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.documents import discovery_document
from tablecloud.jobs.api.dispatch import METHODS

PAGE = Path(__file__).parents[2] / "docs" / "ml-methods.md"
HEAD = """# Methods of the ml v1 API

Written by `tests/docs/test_ml_methods.py` from the Discovery document and the service's own table of methods.

| method | request | answer |
| --- | --- | --- |
"""


def documented(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from documented(resource.get("resources", {}))


def page() -> str:
    document = msgspec.json.decode(discovery_document("ml", "v1"))
    methods = sorted(documented(document["resources"]), key=lambda method: method["id"])
    rows = (
        f"| `{m['id']}` | `{m['httpMethod']} {m.get('flatPath', m['path'])}` "
        f"| {'works' if m['id'] in METHODS else 'UNIMPLEMENTED'} |\n"
        for m in methods
    )
    return HEAD + "".join(rows)


def test_the_page_says_what_each_method_answers() -> None:
    if os.environ.get("TABLECLOUD_WRITE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_method_that_is_served_is_documented() -> None:
    document = msgspec.json.decode(discovery_document("ml", "v1"))
    assert set(METHODS) <= {method["id"] for method in documented(document["resources"])}
