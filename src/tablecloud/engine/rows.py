"""Response bytes to Arrow: only the columns that are needed are decoded, nested values stay as JSON text.

A decoder belongs to one scan. It knows columns and types; nothing of calls, queues or DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tablecloud.catalog.model import Column, Parameter
from tablecloud.sqltypes import SqlType

if TYPE_CHECKING:
    from arro3.core import Array, DataType, Field, RecordBatch, Schema

_NULL = msgspec.Raw(b"null")
_WIRE_TYPES: Mapping[SqlType, Any] = {
    SqlType.VARCHAR: str | None,
    SqlType.BIGINT: int | None,
    SqlType.DOUBLE: float | None,
    SqlType.BOOLEAN: bool | None,
    SqlType.TIMESTAMP: str | None,
    SqlType.JSON: msgspec.Raw,
}
# DuckDB takes a column marked so as JSON without reading it again.
_JSON_MARK = {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}
ROW_MARK = "_row"
"""The column of a relation of which no column is needed, as in `SELECT count(*)`."""


class NotJson(Exception):
    """A successful answer whose body is not the JSON that the document promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One column of the relation: a field of the row, the argument of a parameter, or the first else that."""

    name: str
    type: SqlType
    path: tuple[str, ...] | None = None
    """Where the row has it; empty stands for the row itself; None where only the argument is."""
    argument: str | None = None
    """The parameter whose argument fills the column, or fills its gaps."""


def faces(
    columns: Sequence[Column], parameter_columns: Sequence[str], parameters: Sequence[Parameter]
) -> tuple[Face, ...]:
    """Return the columns of a scan's relation: fields first, then parameters that the row does not have.

    Where both lists have a name the argument only fills the gaps of the field; the planner sees to it that a
    required parameter is not among the fields (decision 5).
    """
    asked = {name.lower(): name for name in parameter_columns}
    types = {p.name: p.type for p in parameters}
    found = [
        Face(name=c.name, type=c.type, path=c.path, argument=asked.pop(c.name.lower(), None)) for c in columns
    ]
    found += [
        Face(name=name, type=types.get(name, SqlType.VARCHAR), argument=name) for name in asked.values()
    ]
    return tuple(found)


class RowDecoder:
    """Turns the bodies of one scan into record batches.

    Parameters:
        columns: the relation's columns, from `faces`.
        items: path of the rows in the body; empty where the body is the row.
    """

    def __init__(self, columns: Sequence[Face], items: tuple[str, ...]) -> None:
        self._faces = tuple(columns) or (Face(name=ROW_MARK, type=SqlType.BOOLEAN),)
        self._items = items
        self._paths = list(dict.fromkeys(face.path for face in self._faces if face.path is not None))
        self._attributes = {path: f"f{number}" for number, path in enumerate(self._paths)}
        self._typed = _typed_decoder(self._faces, items)
        self._schema: Schema | None = None
        self.misfits: dict[str, int] = {}
        """Column -> how many values did not fit its type and became NULL."""

    @property
    def schema(self) -> Schema:
        """The Arrow schema of every batch."""
        from arro3.core import Schema

        if self._schema is None:
            self._schema = Schema([_field(face) for face in self._faces])
        return self._schema

    def decode(self, body: bytes, arguments: Mapping[str, str | None]) -> RecordBatch | None:
        """Return the rows of one body, or None where it has none.

        Parameters:
            body: one response.
            arguments: the values of the call's parameters, by their SQL names.

        Raises:
            NotJson: the body is not JSON.
        """
        if not body or body.isspace():
            return None
        if self._typed is not None:
            try:
                rows = _dug(self._typed.decode(body), self._items)
                return self._batch(rows, arguments, self._typed_values)
            except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
                pass  # One odd value refuses the whole page, so the page is read again value by value.
        return self._batch(self._raw_rows(body), arguments, self._checked_values)

    def _batch(
        self,
        rows: list[Any],
        arguments: Mapping[str, str | None],
        values_of: Callable[[list[Any], Face], list[Any]],
    ) -> RecordBatch | None:
        from arro3.core import RecordBatch

        if not rows:
            return None
        arrays = []
        for face in self._faces:
            constant = argument_value(face.type, arguments.get(face.argument)) if face.argument else None
            if face.path is None:
                arrays.append(_array(face.type, [constant] * len(rows))[0])
                continue
            values = values_of(rows, face)
            if constant is not None:
                values = [constant if value is None else value for value in values]
            array, lost = _array(face.type, values)
            if lost:
                self._misfit(face, lost)
            arrays.append(array)
        return RecordBatch.from_arrays(arrays, schema=self.schema)

    def _typed_values(self, rows: list[Any], face: Face) -> list[Any]:
        return list(map(attrgetter(self._attributes[face.path or ()]), rows))

    def _checked_values(self, rows: list[dict[tuple[str, ...], msgspec.Raw]], face: Face) -> list[Any]:
        return [self._checked(row.get(face.path or ()), face) for row in rows]

    def _checked(self, raw: msgspec.Raw | None, face: Face) -> Any:
        """Return a value as its column's type has it; NULL, and a note of it, where it does not fit."""
        if raw is None or raw == _NULL:
            return None
        if face.type is SqlType.JSON:
            return raw
        try:
            value = msgspec.json.decode(raw, type=_WIRE_TYPES[face.type], strict=False)
        except UnicodeDecodeError as error:
            raise NotJson(str(error)) from error
        except msgspec.ValidationError:
            if face.type is SqlType.VARCHAR:
                return bytes(
                    raw
                ).decode()  # A number or an object where text was promised: its JSON loses nothing.
            return self._misfit(face)
        if face.type is SqlType.BIGINT and not -(2**63) <= value < 2**63:
            return self._misfit(face)
        return value

    def _misfit(self, face: Face, count: int = 1) -> None:
        self.misfits[face.name] = self.misfits.get(face.name, 0) + count

    def _raw_rows(self, body: bytes) -> list[dict[tuple[str, ...], msgspec.Raw]]:
        """Return the rows of a body as path -> JSON text, whatever their shape is."""
        try:
            found = _raw_lists(msgspec.Raw(body), self._items)
            return [self._members(row) for raw in found for row in _elements(raw)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotJson(str(error)) from error

    def _members(self, row: msgspec.Raw) -> dict[tuple[str, ...], msgspec.Raw]:
        found = {path: _raw_at(row, path) for path in self._paths}
        return {path: raw for path, raw in found.items() if raw is not None}


def argument_value(kind: SqlType, text: str | None) -> Any:
    """Return the argument of a call as its column's type has it; None where it does not fit."""
    if text is None or kind in (SqlType.VARCHAR, SqlType.TIMESTAMP):
        return text
    if kind is SqlType.JSON:
        return msgspec.Raw(msgspec.json.encode(text))
    try:
        return msgspec.convert(text, _WIRE_TYPES[kind], strict=False)
    except msgspec.ValidationError:
        return None


def _typed_decoder(columns: Sequence[Face], items: tuple[str, ...]) -> msgspec.json.Decoder[Any] | None:
    """Return the fast decoder, or None where a column is not simply a member of the row."""
    wanted = {face.path: face.type for face in columns if face.path is not None}
    if any(len(path) != 1 for path in wanted):
        return None
    fields = [
        (
            f"f{i}",
            _WIRE_TYPES[kind],
            msgspec.field(name=path[0], default=_NULL if kind is SqlType.JSON else None),
        )
        for i, (path, kind) in enumerate(wanted.items())
    ]
    row = msgspec.defstruct("Row", fields, gc=False)
    return msgspec.json.Decoder(_envelope(row, items), strict=False)


def _envelope(row: Any, items: tuple[str, ...]) -> Any:
    """Return the type of a body that has rows, or one row, at a path; `*` is every value of an object."""
    shape: Any = list[row] | row
    for key in reversed(items):
        if key == "*":
            shape = dict[str, shape | None]
        else:
            shape = msgspec.defstruct(
                "Envelope", [("at", shape | None, msgspec.field(name=key, default=None))]
            )
    return shape


def _dug(body: Any, items: tuple[str, ...]) -> list[Any]:
    """Return the rows of a decoded body."""
    if body is None:
        return []
    if not items:
        # What promises a list may answer with one object, and the other way round.
        return body if isinstance(body, list) else [body]
    if items[0] == "*":
        return [row for part in body.values() for row in _dug(part, items[1:])]
    return _dug(body.at, items[1:])


def _raw_lists(raw: msgspec.Raw | None, items: tuple[str, ...]) -> Iterator[msgspec.Raw]:
    """Yield what lies at the items path of a body, once a place."""
    if raw is None or raw == _NULL:
        return
    if not items:
        yield raw
    elif items[0] == "*":
        for part in _members_of(raw).values():
            yield from _raw_lists(part, items[1:])
    else:
        yield from _raw_lists(_raw_at(raw, items[:1]), items[1:])


def _raw_at(raw: msgspec.Raw, path: tuple[str, ...]) -> msgspec.Raw | None:
    """Return the JSON text at a path; None where there is none."""
    for key in path:
        found = _members_of(raw).get(key)
        if found is None:
            return None
        raw = found
    return raw


def _members_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the members of an object; anything else has none."""
    if not bytes(raw).lstrip().startswith(b"{"):
        msgspec.json.decode(raw)
        return {}
    return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])


def _elements(raw: msgspec.Raw) -> Iterable[msgspec.Raw]:
    """Return the rows of what is at the items path: the elements of a list, or the one object itself."""
    text = bytes(raw).lstrip()
    if text.startswith(b"["):
        return msgspec.json.decode(text, type=list[msgspec.Raw])
    msgspec.json.decode(text)
    return [raw]


def _field(face: Face) -> Field:
    from arro3.core import Field

    mark = _JSON_MARK if face.type is SqlType.JSON else {}
    return Field(face.name, _arrow_type(face.type), nullable=True, metadata=mark)


def _arrow_type(kind: SqlType) -> DataType:
    from arro3.core import DataType

    if kind is SqlType.BIGINT:
        return DataType.int64()
    if kind is SqlType.DOUBLE:
        return DataType.float64()
    if kind is SqlType.BOOLEAN:
        return DataType.bool()
    if kind is SqlType.TIMESTAMP:
        return DataType.timestamp("us", tz="UTC")
    return DataType.utf8()


def _array(kind: SqlType, values: list[Any]) -> tuple[Array, int]:
    """Return values of one column as Arrow, and how many Arrow could not take and made NULL.

    Times arrive as RFC 3339 text, nested values as JSON text.
    """
    from arro3.core import Array, DataType

    if kind is SqlType.TIMESTAMP:
        times = Array(values, DataType.utf8()).cast(_arrow_type(kind))
        return times, times.null_count - values.count(None)
    if kind is SqlType.JSON:
        texts: list[bytes | None] = list(map(bytes, (_NULL if v is None else v for v in values)))
        if b"null" in texts:
            texts = [None if text == b"null" else text for text in texts]
        nested = Array(texts, DataType.binary()).cast(DataType.utf8())
        return nested, nested.null_count - texts.count(None)
    return Array(values, _arrow_type(kind)), 0
