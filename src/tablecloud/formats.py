"""Rows as text: table, markdown, json, jsonl, csv, text, pptext. All but the table are written as they come.

A writer takes names, types (DuckDB's spelling) and rows of Python values, and writes to a text stream. It
knows nothing of statements. Contract: RFC 4180 for csv, RFC 8259 for json, RFC 3339 for times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Any, TextIO, TypeAlias

from tablecloud.errors import SettingError

Row: TypeAlias = Sequence[Any]
Columns: TypeAlias = Sequence[tuple[str, str]]

_WIDTH_SAMPLE = 5000
"""Rows of a table that are held back to find its widths; wider cells after them are wrapped."""
_LEAST_WIDTH = 8
_LEGIBLE_WIDTH = 14
"""Where columns would have to be narrower than this, a row is shown as lines of name and value."""
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatOptions:
    """How rows are shown."""

    format: str = "table"
    header: bool = True
    delimiter: str = ","
    width: int | None = None
    """Columns of the terminal; None: no limit."""


def write(
    result: Any,
    out: TextIO,
    *,
    format: str = "table",
    delimiter: str = ",",
    header: bool = True,
    width: int | None = None,
) -> int:
    """Write a result (`tablecloud.engine.result.Result`, or its like) and return how many rows it had.

    Parameters and errors: see `FormatOptions` and `write_rows`.
    """
    options = FormatOptions(format=format, header=header, delimiter=delimiter, width=width)
    columns = [(column.name, column.type) for column in result.columns]
    return write_rows(columns, result.rows(), out, options)


def write_rows(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> int:
    """Write the rows of one statement and return how many there were.

    Parameters:
        columns: name and DuckDB type of each column.
        rows: read once, as far as the stream takes them.
        out: a text stream; what it raises (a broken pipe) goes through.

    Raises:
        SettingError: no such format, or a delimiter that csv cannot have.
    """
    writer = _WRITERS.get(options.format)
    if writer is None:
        raise SettingError(
            f"there is no output format {options.format!r}", hint=f"choose one of: {', '.join(FORMATS)}"
        )
    counted = _Counted(rows)
    writer(columns, counted, out, options)
    return counted.count


class _Counted:
    """An iterable that counts what it gave."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def cell_text(value: object, kind: str = "") -> str:
    """Return a value as people read it: `true`, `2024-01-02T03:04:05Z`, `null`, nested values as JSON."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _one_line(value) if kind == "JSON" and "\n" in value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return _json_text(json_value(value, kind))
    plain = json_value(value, kind)
    return plain if isinstance(plain, str) else str(plain)


def _one_line(text: str) -> str:
    """Return JSON text without the line breaks of its layout; other text as it is."""
    import msgspec

    try:
        return msgspec.json.format(text, indent=0)
    except msgspec.DecodeError:
        return text


def json_value(value: Any, kind: str = "") -> Any:
    """Return a value as JSON has it: a JSON column's text as what it says, times as RFC 3339."""
    if kind == "JSON" and isinstance(value, str):
        import msgspec

        try:
            # On one line, whatever layout the service chose: a line of jsonl is one object.
            return msgspec.Raw(msgspec.json.format(value.encode(), indent=-1))
        except msgspec.DecodeError:
            return value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return (
            int(value) if value == value.to_integral_value() and kind.endswith("HUGEINT") else _number(value)
        )
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _json_nested(value, kind)


def _number(value: Decimal) -> Any:
    """Return a decimal as a JSON number with its own digits."""
    import msgspec

    return msgspec.Raw(str(value).encode()) if value.is_finite() else str(value)


def _json_nested(value: Any, kind: str) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if kind.startswith("MAP("):
            return {cell_text(key): json_value(inner) for key, inner in value}
        return [json_value(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode() if value.isascii() else "\\x" + value.hex()
    return str(value) if isinstance(value, timedelta) else value


def _json_text(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


# Formats that stream.


def _write_json(columns: Columns, rows: Iterable[Row], out: TextIO, _options: FormatOptions) -> None:
    start = "["
    for line in _json_objects(columns, rows):
        out.write(f"{start}{line}")
        start = ",\n"
    out.write("[]\n" if start == "[" else "]\n")


def _write_jsonl(columns: Columns, rows: Iterable[Row], out: TextIO, _options: FormatOptions) -> None:
    for line in _json_objects(columns, rows):
        out.write(line + "\n")


def _json_objects(columns: Columns, rows: Iterable[Row]) -> Iterator[str]:
    names = unique_names([name for name, _ in columns])
    kinds = [kind for _, kind in columns]
    for row in rows:
        yield _json_text({n: json_value(v, k) for n, v, k in zip(names, row, kinds, strict=True)})


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with `_1`, `_2` … after those that were there before: an object has a key once."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        found.append(candidate)
    return found


def _write_csv(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> None:
    mark = options.delimiter
    if len(mark) != 1 or mark in '"\r\n':
        raise SettingError(f"{mark!r} cannot delimit csv", hint="give one character, such as ';'")
    if options.header:
        out.write(mark.join(_csv_field(name, mark) for name, _ in columns) + "\n")
    kinds = [kind for _, kind in columns]
    for row in rows:
        cells = zip(row, kinds, strict=True)
        # NULL is an empty field and an empty text a quoted one, so that they can be told apart.
        fields = ("" if v is None else _csv_field(cell_text(v, k), mark) for v, k in cells)
        out.write(mark.join(fields) + "\n")


def _csv_field(text: str, mark: str) -> str:
    if text and not any(c in text for c in (mark, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'


def _write_text(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> None:
    _write_joined(columns, rows, out, options, lambda value, kind: cell_text(value, kind))


def _write_pptext(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> None:
    _write_joined(columns, rows, out, options, _pretty)


def _write_joined(
    columns: Columns,
    rows: Iterable[Row],
    out: TextIO,
    options: FormatOptions,
    shown: Callable[[object, str], str],
) -> None:
    if options.header:
        out.write(options.delimiter.join(name for name, _ in columns) + "\n")
    kinds = [kind for _, kind in columns]
    for row in rows:
        out.write(options.delimiter.join(shown(v, k) for v, k in zip(row, kinds, strict=True)) + "\n")


def _pretty(value: object, kind: str) -> str:
    if value is None or not (kind == "JSON" or isinstance(value, list | dict)):
        return cell_text(value, kind)
    import msgspec

    return msgspec.json.format(msgspec.json.encode(json_value(value, kind)), indent=2).decode()


# Formats that people look at.


def _write_markdown(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> None:
    kinds = [kind for _, kind in columns]
    if options.header:
        out.write("| " + " | ".join(_markdown(name) for name, _ in columns) + " |\n")
        out.write("| " + " | ".join("---:" if is_numeric(kind) else "---" for kind in kinds) + " |\n")
    for row in rows:
        out.write(
            "| " + " | ".join(_markdown(cell_text(v, k)) for v, k in zip(row, kinds, strict=True)) + " |\n"
        )


def _markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def _write_table(columns: Columns, rows: Iterable[Row], out: TextIO, options: FormatOptions) -> None:
    if not columns:
        return
    kinds = [kind for _, kind in columns]
    names = [name for name, _ in columns]
    texts = ([_cleaned(cell_text(v, k)) for v, k in zip(row, kinds, strict=True)] for row in rows)
    sample = list(islice(texts, _WIDTH_SAMPLE))
    if sample and _too_many([names, *sample], options.width):
        _write_records(names, chain(sample, texts), out)
        return
    widths = _widths([names, *sample] if options.header else sample or [names], options.width)
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|\n"
    right = [is_numeric(kind) for kind in kinds]
    out.write(rule)
    if options.header:
        out.write(_table_row([_cleaned(name) for name in names], widths, [None] * len(names)))
        out.write(rule)
    for cells in chain(sample, texts):
        out.write(_table_row(cells, widths, right))
        out.write(rule)


def _too_many(rows: Sequence[Sequence[str]], limit: int | None) -> bool:
    """Return whether the columns would be illegible beside each other on a terminal this wide."""
    if limit is None:
        return False
    return sum(min(need, _LEGIBLE_WIDTH) + 3 for need in _widths(rows, None)) + 1 > limit


def _write_records(names: Sequence[str], rows: Iterable[Sequence[str]], out: TextIO) -> None:
    """Write each row as lines of name and value, as psql's expanded display does."""
    shown = [_cleaned(name) for name in names]
    width = max(display_width(name) for name in shown)
    for number, row in enumerate(rows, start=1):
        out.write(f"-[ RECORD {number} ]".ljust(width + 3, "-") + "\n")
        for name, cell in zip(shown, row, strict=True):
            first, *more = cell.split("\n")
            out.write(f"{_aligned(name, width, False)} | {first}\n")
            out.writelines(f"{' ' * width} | {line}\n" for line in more)


def is_numeric(kind: str) -> bool:
    """Return whether a column of this DuckDB type is shown to the right."""
    return kind.removeprefix("U").partition("(")[0] in _NUMERIC


def _cleaned(text: str) -> str:
    """Return text whose control characters cannot move the terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else " " if c in "\t\r" else repr(c)[1:-1] for c in text)


def _widths(rows: Sequence[Sequence[str]], limit: int | None) -> list[int]:
    """Return the width of each column: what it needs, and less for the widest where the terminal ends."""
    needs = [
        max((display_width(line) for cell in cells for line in cell.split("\n")), default=0)
        for cells in zip(*rows, strict=True)
    ]
    if limit is None:
        return needs
    room = max(limit - 3 * len(needs) - 1, _LEAST_WIDTH * len(needs))
    while sum(needs) > room:
        widest = max(needs)
        index = needs.index(widest)
        others = [need for need in needs if need < widest]
        floor = max(max(others, default=0), _LEAST_WIDTH)
        cut = min(sum(needs) - room, max(widest - floor, 1))
        if widest <= _LEAST_WIDTH:
            break
        needs[index] = widest - cut
    return needs


def display_width(text: str) -> int:
    """Return how many terminal cells a line takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _table_row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool | None]) -> str:
    """Return the lines of one row; `right` is None for a centred cell."""
    stacks = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(stack) for stack in stacks)
    lines = []
    for index in range(height):
        parts = [stack[index] if index < len(stack) else "" for stack in stacks]
        shown = (_aligned(part, width, side) for part, width, side in zip(parts, widths, right, strict=True))
        lines.append("| " + " | ".join(shown) + " |\n")
    return "".join(lines)


def _aligned(text: str, width: int, right: bool | None) -> str:
    gap = max(width - display_width(text), 0)
    if right is None:
        return " " * (gap // 2) + text + " " * (gap - gap // 2)
    return " " * gap + text if right else text + " " * gap


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a cell: at its line breaks, then at spaces where it is too wide, else anywhere."""
    lines: list[str] = []
    for line in text.split("\n"):
        while display_width(line) > width:
            cut = _cut(line, width)
            lines.append(line[:cut].rstrip())
            line = line[cut:].lstrip(" ")
        lines.append(line)
    return lines


def _cut(line: str, width: int) -> int:
    """Return where to break a line wider than `width`: at a space in its second half, else anywhere."""
    taken = fitting = 0
    while fitting < len(line) and (taken := taken + display_width(line[fitting])) <= width:
        fitting += 1
    space = line.rfind(" ", 1, fitting + 1)
    return space if space > fitting // 2 else max(fitting, 1)


_WRITERS: Mapping[str, Callable[[Columns, Iterable[Row], TextIO, FormatOptions], None]] = {
    "table": _write_table,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "ndjson": _write_jsonl,
    "csv": _write_csv,
    "text": _write_text,
    "markdown": _write_markdown,
    "pptext": _write_pptext,
}
FORMATS = tuple(_WRITERS)
