"""A small registry package for tests: one provider, one service with every feature that the reader knows.

The documents are JSON, which is YAML too.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]

VERSION = "v26.01.00001"
TEXT: JsonObject = {"type": "string"}
_MEMBERS = '{{ range $k, $v := %s }}{{ printf "%%q" $k }}: {{ toJson $v }}, {{ end }}'
FLATTEN_LIST = (
    '{"value": [\n{{- range $i, $row := index . "value" }}{{ if $i }},{{ end }}\n  { '
    '{{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}'
    + _MEMBERS % "$p"
    + "{{ end }}"
    + _MEMBERS % "$row"
    + '"_flattened": true }\n{{- end }}\n], "nextLink": {{ toJson (index . "nextLink") }}}'
)
WRAP = r'{{- $wrapped := printf "{\"people\":%s}" . -}}' + "\n{{- $wrapped -}}"
TAGS = (
    '{{- $lst := index . "tags" -}}{"line_items": [{{- if eq (kindOf $lst) "slice" -}}'
    '{{- range $i, $v := $lst -}}{{- if $i }},{{ end }}{"tag": {{ toJson $v }}}{{- end -}}{{- end -}}]}'
)


def ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def record(*required: str, **properties: JsonObject) -> JsonObject:
    return {"type": "object", "required": list(required), "properties": properties}


def parameter(name: str, place: str, *, required: bool = False, **schema: Any) -> JsonObject:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string", **schema}}


def answer(schema: JsonObject, media_type: str = "application/json") -> JsonObject:
    return {"200": {"description": "ok", "content": {media_type: {"schema": schema}}}}


def operation(schema: JsonObject, *parameters: JsonObject, body: JsonObject | None = None) -> JsonObject:
    made: JsonObject = {"parameters": list(parameters), "responses": answer(schema)}
    if body is not None:
        made["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return made


def method(path: str, http: str, **more: Any) -> JsonObject:
    """A method; `response` gets what all have, `config` and `request` are taken as they are."""
    pointer = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{http}"
    response = {"mediaType": "application/json", "openAPIDocKey": "200", **more.pop("response", {})}
    return {"operation": {"$ref": pointer}, "response": response, **more}


def resource(name: str, methods: dict[str, JsonObject], **verbs: list[str]) -> JsonObject:
    def references(names: list[str]) -> list[JsonObject]:
        return [{"$ref": f"#/components/x-stackQL-resources/{name}/methods/{each}"} for each in names]

    return {
        "name": name,
        "title": f"all {name}",
        "methods": methods,
        "sqlVerbs": {verb: references(names) for verb, names in verbs.items()},
    }


INVOICE = {
    "allOf": [
        record(
            id=TEXT,
            amount={"type": "number"},
            paid={"type": "boolean"},
            issued=TEXT | {"format": "date-time"},
        ),
        record("customer", customer=ref("Customer"), lines={"type": "array", "items": TEXT}, odd={}),
    ]
}
SCHEMAS: JsonObject = {
    "Invoice": INVOICE,
    "Customer": record(name=TEXT, parent={"$ref": "#/components/schemas/Customer"}),
    "Invoices": record(items={"type": "array", "items": ref("Invoice")}, nextPageToken=TEXT),
    "Report": record(
        result=record(usage={"type": "array", "items": record(day=TEXT, total={"type": "integer"})})
    ),
    "Reason": record(why=TEXT, dueDates={"type": "array", "items": TEXT}),
    "Search": record(
        "query", query=TEXT, limit={"type": "integer"}, kinds={"type": "array", "items": TEXT}, NextToken=TEXT
    ),
    "Hits": record(hits={"type": "array", "items": record(id=TEXT)}, NextToken=TEXT),
    "People": record(people={"type": "array", "items": ref("Customer")}),
    "Tags": record(line_items={"type": "array", "items": record(tag=TEXT)}),
    "Machine": record(id=TEXT, vmSize=TEXT, properties={"type": "object"}),
    "Machines": record(value={"type": "array", "items": ref("Machine")}),
}
ONE, ALL = "/accounts/{account}/invoices/{id}", "/accounts/{account}/invoices"
ACCOUNT = parameter("account", "path", required=True)
VERSION_HEADER = parameter("acme-version", "header", required=True, default="2024-01-01")
KINDS = {
    "name": "kinds",
    "in": "query",
    "explode": False,
    "schema": {"type": "array", "items": TEXT},
}
NAIVE = {"requestBodyTranslate": {"algorithm": "naive"}}
TRANSFORMED = {"overrideMediaType": "application/json", "objectKey": "$.value"}


def _template(body: str, kind: str = "golang_template_json_v0.3.0") -> JsonObject:
    return {"overrideMediaType": "application/json", "transform": {"type": kind, "body": body}}


PATHS: JsonObject = {
    ALL: {
        "parameters": [ACCOUNT, VERSION_HEADER],
        "get": operation(ref("Invoices"), KINDS, parameter("since", "query"), parameter("pageSize", "query")),
        "post": operation(ref("Invoice"), body=ref("Invoice")),
    },
    ONE: {
        "parameters": [ACCOUNT, VERSION_HEADER, parameter("id", "path", required=True)],
        "get": operation(ref("Invoice")),
        "delete": {"responses": {"204": {"description": "gone"}}},
        "patch": operation(ref("Invoice"), body=ref("Invoice")),
    },
    f"{ONE}:void": {
        "post": operation(ref("Invoice"), ACCOUNT, parameter("id", "path", required=True), body=ref("Reason"))
    },
    "/report?api=2": {"get": operation(ref("Report"))},
    "/people": {"get": operation({"type": "array", "items": ref("Customer")})},
    "/tags": {"get": operation(record(tags={"type": "array", "items": TEXT}))},
    "/machines?__x=1&v=2": {"get": operation(ref("Machines"))},
    "/search": {"post": operation(ref("Hits"), body=ref("Search"))},
    "/hits/remove": {"post": operation(ref("Hits"), body=record("id", id=TEXT, force={"type": "boolean"}))},
    "/hits/change": {"post": operation(ref("Hits"), body=record("id", id=TEXT, note=TEXT))},
    "/names": {"get": operation({"type": "array", "items": TEXT})},
    "/files": {"get": {"responses": answer(TEXT, "text/csv")}},
}
RESOURCES: JsonObject = {
    "invoices": resource(
        "invoices",
        {
            "list": method(ALL, "get", response={"objectKey": "$.items"}),
            "get": method(ONE, "get"),
            "create": method(ALL, "post", config=NAIVE, request={"base": '{"currency": "EUR"}'}),
            "delete": method(ONE, "delete", response={"openAPIDocKey": "204"}),
            "update": method(ONE, "patch"),
            "void": method(f"{ONE}:void", "post", config=NAIVE),
        },
        select=["get", "list"],
        insert=["create"],
        update=["update"],
        delete=["delete"],
    ),
    "usage": resource(
        "usage",
        {"list": method("/report?api=2", "get", response={"objectKey": "$.result.usage"})},
        select=["list"],
    ),
    "people": resource(
        "people",
        {
            "list": method(
                "/people",
                "get",
                response={
                    "objectKey": "$.people",
                    "schema_override": ref("People"),
                    **_template(WRAP, "golang_template_text_v0.3.0"),
                },
            )
        },
        select=["list"],
    ),
    "tags": resource(
        "tags",
        {
            "list": method(
                "/tags",
                "get",
                response={"objectKey": "$.line_items", "schema_override": ref("Tags"), **_template(TAGS)},
            )
        },
        select=["list"],
    ),
    "machines": resource(
        "machines",
        {
            "list": method(
                "/machines?__x=1&v=2",
                "get",
                config={"requestTranslate": {"algorithm": "drop_double_underscore_params"}},
                response={"objectKey": "$.value", **_template(FLATTEN_LIST)},
            )
        },
        select=["list"],
    ),
    # The first one needs nothing; the document says to try the other one before it.
    "hits": resource(
        "hits",
        {
            "search": method(
                "/search",
                "post",
                config={
                    "requestBodyTranslate": {"algorithm": "naive"},
                    "pagination": {
                        "requestToken": {"key": "NextToken", "location": "body"},
                        "responseToken": {"key": "$.NextToken", "location": "body"},
                    },
                },
                request={"base": '{"order": "up"}'},
                response={"objectKey": "$.hits"},
            ),
            "all": method("/names", "get"),
            "remove": method("/hits/remove", "post", config=NAIVE),
            "change": method("/hits/change", "post", config=NAIVE),
        },
        select=["search", "all"],
        delete=["remove"],
        insert=["change"],
        update=["change"],
    ),
    "names": resource("names", {"list": method("/names", "get")}, select=["list"]),
    "strange": resource(
        "strange",
        {
            "list": method("/people", "get", response=_template("{{ . }}", "starlark_v1")),
            "get": method("/files", "get", response={"mediaType": "text/csv"}),
        },
        select=["list", "get"],
    ),
    # No word on verbs: the usual names count.
    "quiet": {"methods": {"list": method("/names", "get"), "insert": method(ALL, "post")}},
    "view_only": {"name": "view_only", "config": {"views": {"select": {"ddl": "SELECT 1"}}}},
}
SERVERS = [
    {
        "url": "https://{region:^(?:[a-z]{2})$}.{host}/v1/",
        "variables": {"region": {"default": "eu"}, "host": {"default": "billing.test"}},
    }
]


def service(**more: Any) -> JsonObject:
    """The service document."""
    return {
        "openapi": "3.0.0",
        "info": {"title": "billing"},
        "servers": SERVERS,
        "paths": PATHS,
        "components": {"schemas": SCHEMAS, "x-stackQL-resources": RESOURCES},
        **more,
    }


def provider(name: str = "acme", folder: str = "", version: str = VERSION, **config: Any) -> JsonObject:
    """`provider.yaml`, with one service whose document is there and one whose is not."""

    def entry(service: str) -> JsonObject:
        path = f"{folder or name}/{version}/services/{service}.yaml"
        return {"name": service, "title": f"{service} API", "version": version, "service": {"$ref": path}}

    auth = {"type": "bearer", "credentialsenvvar": "ACME_TOKEN"}
    return {
        "id": name,
        "name": name,
        "version": version,
        "config": {"auth": auth, **config},
        "providerServices": {"billing": entry("billing"), "lost:beta": entry("lost")},
    }


def write_package(folder: Path, provider_document: JsonObject, **services: JsonObject) -> Path:
    """Write a package's documents into a folder."""
    (folder / "services").mkdir(parents=True)
    (folder / "provider.yaml").write_text(json.dumps(provider_document), encoding="utf-8")
    for name, document in services.items():
        (folder / "services" / f"{name}.yaml").write_text(json.dumps(document), encoding="utf-8")
    return folder


def archive(files: dict[str, bytes | None], *, link: str = "") -> bytes:
    """A gzipped tar: path -> content, None for a folder; `link` is a symbolic link to `/etc/passwd`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as entries:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(content)
            entries.addfile(entry, io.BytesIO(content or b""))
        if link:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            entries.addfile(entry)
    return stream.getvalue()


def package(name: str = "acme", version: str = VERSION, *, folder: str = "", **config: Any) -> bytes:
    """A package as a registry serves it."""
    return archive(
        {
            version: None,
            f"{version}/provider.yaml": json.dumps(provider(name, folder, version, **config)).encode(),
            f"{version}/services/billing.yaml": json.dumps(service()).encode(),
        }
    )


def write_registry(folder: Path, *versions: str, **config: Any) -> Path:
    """A registry on disk that has these versions of `acme`, with `config` in their provider.yaml."""
    dist = folder / "dist"
    (dist / "acme").mkdir(parents=True)
    index = {"providers": {"acme": {"versions": list(versions)}, "other": {"versions": ["v1.0.0"]}}}
    (dist / "providers.yaml").write_text(json.dumps(index), encoding="utf-8")
    for version in versions:
        (dist / "acme" / f"{version}.tgz").write_bytes(package(version=version, **config))
    return folder
