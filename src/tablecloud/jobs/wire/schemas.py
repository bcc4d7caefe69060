"""The messages of the ml v1 API, compiled once from the bundled Discovery document into what a reader needs.

Contract: ml-jobs-service 1.2. Fields are found by any accepted spelling; each knows its name in error texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from tablecloud.documents import discovery_document

JsonObject = dict[str, Any]
"""A JSON object as decoded."""

_FORMATS = {
    "google-datetime": "timestamp",
    "google-duration": "duration",
    "google-fieldmask": "mask",
    "byte": "bytes",
    "int32": "int32",
    "int64": "int64",
    "double": "double",
}
_PLAIN = {"string": "string", "boolean": "bool", "integer": "int32", "number": "double", "any": "any"}

_RESULTS = {("Job", "trainingOutput"), ("Job", "predictionOutput")}
"""Output-only although their descriptions do not say so."""

_INPUTS = {("Measurement", "elapsedTime"), ("Model", "defaultVersion")}
"""Described as output-only, yet clients set them and mean it."""

_ONEOFS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "Job": (
        ("input", ("trainingInput", "predictionInput")),
        ("output", ("trainingOutput", "predictionOutput")),
    ),
    "PredictionInput": (("model_version", ("modelName", "versionName", "uri")),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    name: str
    """lowerCamelCase, as written."""
    proto: str
    """snake_case, as error paths spell it."""
    kind: str
    """string, bool, int32, int64, double, bytes, timestamp, duration, mask, enum, message or any."""
    type_name: str
    """As error texts name it: `TYPE_INT64`, or `type.googleapis.com/google.cloud.ml.v1.TrainingInput`."""
    schema: str = ""
    """Of the message, where kind is message."""
    values: dict[str, str]
    """Of an enum: upper-case spelling to name."""
    repeated: bool = False
    mapped: bool = False
    """A map from string to `kind`."""
    output_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: its fields by every accepted spelling."""

    type_name: str
    fields: dict[str, Field]
    oneofs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    open: bool = False
    """Takes any names: free-form objects such as `Operation.metadata`."""


@cache
def document() -> JsonObject:
    """Return the decoded Discovery document of ml v1.

    Raises:
        DocumentError: google-api-python-client is not installed.
    """
    decoded: JsonObject = msgspec.json.decode(discovery_document("ml", "v1"))
    return decoded


@cache
def message(schema: str) -> Message:
    """Return the compiled message of one schema id, such as `GoogleCloudMlV1__Job`."""
    raw: JsonObject = document()["schemas"][schema]
    type_name = proto_name(schema)
    short = type_name.rpartition(".")[2]
    fields: dict[str, Field] = {}
    for name, spec in raw.get("properties", {}).items():
        field = _field(short, type_name, name, spec)
        fields[name] = fields[field.proto] = field
    known_shape = "properties" in raw or "additionalProperties" not in raw
    return Message(
        type_name=type_name,
        fields=fields,
        oneofs=_ONEOFS.get(short, ()),
        # HttpBody and the predict payloads are JSON of the user's own shape.
        open=not known_shape or short == "HttpBody",
    )


def snake_case(name: str) -> str:
    """Return the proto spelling of a lowerCamelCase name: `consumedMLUnits` is `consumed_ml_units`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def camel_case(name: str) -> str:
    """Return the JSON spelling of a snake_case name."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def proto_name(schema: str) -> str:
    """Return `google.cloud.ml.v1.Job` for `GoogleCloudMlV1__Job`."""
    package, _, rest = schema.partition("_")
    words = re.findall(r"[A-Z][a-z]*\d*", package)
    return ".".join([*(word.lower() for word in words), *rest.strip("_").split("_")])


def _field(short: str, type_name: str, name: str, spec: JsonObject) -> Field:
    element = spec
    if spec.get("type") == "array":
        element = spec["items"]
    elif "additionalProperties" in spec:
        element = spec["additionalProperties"]
    kind, described = _kind(element, type_name, name)
    said = "Output only" in spec.get("description", "") or bool(spec.get("readOnly"))
    return Field(
        name=name,
        proto=snake_case(name),
        kind=kind,
        type_name=described,
        schema=element.get("$ref", ""),
        values={value.upper(): value for value in element.get("enum", ())},
        repeated=spec.get("type") == "array",
        mapped="additionalProperties" in spec,
        output_only=((said and (short, name) not in _INPUTS) or (short, name) in _RESULTS),
    )


def _kind(spec: JsonObject, owner: str, name: str) -> tuple[str, str]:
    if "$ref" in spec:
        return "message", "type.googleapis.com/" + proto_name(spec["$ref"])
    if "enum" in spec:
        return "enum", f"type.googleapis.com/{owner}.{name[0].upper()}{name[1:]}"
    if spec["type"] == "object":
        return "any", "type.googleapis.com/google.protobuf.Struct"
    kind = _FORMATS.get(spec.get("format", "")) or _PLAIN[spec["type"]]
    well_known = {"timestamp": "Timestamp", "duration": "Duration", "mask": "FieldMask"}.get(kind)
    return kind, f"type.googleapis.com/google.protobuf.{well_known}" if well_known else f"TYPE_{kind.upper()}"
