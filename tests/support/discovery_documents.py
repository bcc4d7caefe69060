"""Small Discovery documents for tests: the shapes that matter, a few methods each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tablecloud.catalog.sources import Source

JsonObject = dict[str, Any]

STRING = {"type": "string"}
TOKEN = {"type": "string", "location": "query"}


def array(ref: str) -> JsonObject:
    return {"type": "array", "items": {"$ref": ref}}


def record(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties}


def method(
    http: str, path: str, *, flat: str = "", response: str = "", request: str = "", **parameters: JsonObject
) -> JsonObject:
    """One method; its id is put in by `document`."""
    made: JsonObject = {
        "httpMethod": http,
        "path": path,
        "parameters": parameters,
        "description": f"{http} it. More.",
    }
    if flat:
        made["flatPath"] = flat
    if response:
        made["response"] = {"$ref": response}
    if request:
        made["request"] = {"$ref": request}
    return made


NAME = {"type": "string", "location": "path", "required": True, "description": "The name."}

BOOK = record(
    name=STRING,
    pages={"type": "integer", "format": "int32"},
    sold={"type": "string", "format": "int64"},
    mass={"type": "string", "format": "uint64"},
    printed={"type": "string", "format": "google-datetime", "readOnly": True},
    tags={"type": "array", "items": STRING},
    author={"$ref": "Author", "description": "Who wrote it."},
    shelf={"type": "string", "description": "Required. Where it stands."},
)
SCHEMAS: JsonObject = {
    "Book": BOOK,
    "Author": record(name=STRING),
    "ListBooksResponse": record(books=array("Book"), nextPageToken=STRING, warnings=array("Author")),
    "Operation": record(
        name=STRING, done={"type": "boolean"}, error={"type": "object"}, response={"type": "object"}
    ),
}

IN_BOOKS = "v1/shelves/{shelvesId}/books"
ONE_BOOK = "v1/shelves/{shelvesId}/books/{booksId}"
MASK = {"type": "string", "format": "google-fieldmask", "location": "query"}
SIZE = {"type": "integer", "format": "int32", "location": "query"}

SHELF_BOOKS: JsonObject = {
    "list": method(
        "GET",
        "v1/{+parent}/books",
        flat=IN_BOOKS,
        response="ListBooksResponse",
        parent=NAME,
        pageToken=TOKEN,
        pageSize=SIZE,
        alt=TOKEN,
    ),
    "get": method("GET", "v1/{+name}", flat=ONE_BOOK, response="Book", name=NAME),
    "create": method(
        "POST", "v1/{+parent}/books", flat=IN_BOOKS, response="Operation", request="Book", parent=NAME
    ),
    "delete": method("DELETE", "v1/{+name}", flat=ONE_BOOK, name=NAME),
    "patch": method(
        "PATCH", "v1/{+name}", flat=ONE_BOOK, response="Book", request="Book", name=NAME, updateMask=MASK
    ),
    "getIamPolicy": method(
        "GET", "v1/{+resource}:getIamPolicy", flat=ONE_BOOK + ":getIamPolicy", resource=NAME
    ),
}
OPERATIONS: JsonObject = {
    "get": method("GET", "v1/{+name}", flat="v1/operations/{operationsId}", response="Operation", name=NAME)
}


def document(
    resources: JsonObject | None = None,
    *,
    name: str = "library",
    version: str = "v1",
    schemas: JsonObject | None = None,
    service_path: str = "",
) -> JsonObject:
    """A document; without resources the library of shelves and books."""
    tree = {"shelves.books": SHELF_BOOKS, "operations": OPERATIONS} if resources is None else resources
    made: JsonObject = {
        "name": name,
        "version": version,
        "title": f"{name.title()} API",
        "description": f"The {name}.",
        "rootUrl": f"https://{name}.example/",
        "servicePath": service_path,
        "auth": {"oauth2": {"scopes": {"https://example/scope": {"description": "all"}}}},
        "parameters": {"alt": TOKEN, "key": TOKEN},
        "schemas": SCHEMAS if schemas is None else schemas,
        "resources": {},
    }
    for path, methods in tree.items():
        node = made
        for part in path.split("."):
            node = node.setdefault("resources", {}).setdefault(part, {})
        node["methods"] = {n: {"id": f"{name}.{path}.{n}", **m} for n, m in methods.items()}
    return made


def encoded(*arguments: Any, **options: Any) -> bytes:
    return json.dumps(document(*arguments, **options)).encode()


def folder_source(folder: Path, *documents: JsonObject, preferred: dict[str, str] | None = None) -> Source:
    """Write documents below a folder and return the source of them; its overlays go to `overlays` there."""
    place = folder / "documents"
    place.mkdir(parents=True, exist_ok=True)
    (folder / "overlays").mkdir(exist_ok=True)
    for made in documents:
        (place / f"{made['name']}.{made['version']}.json").write_text(json.dumps(made))
    if preferred is not None:
        items = [{"name": n, "version": v, "preferred": True} for n, v in preferred.items()]
        (place / "index.json").write_text(json.dumps({"items": items}))
    return Source(provider="acme", documents=place, overlays=folder / "overlays")
