"""What every door consumes: columns, batches of rows, notices, statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arro3.core import RecordBatch

    from tablecloud.errors import RemoteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One call that failed, was skipped or cut short: what a truthful answer must carry."""

    severity: str
    """`error`: rows are missing because of it; `warning`: rows may be other than meant; `info`: to know."""
    provider: str
    method: str
    arguments: Mapping[str, Any]
    message: str
    status: int | None = None
    code: str = ""
    hint: str = ""
    call: str = ""


@dataclass(slots=True, kw_only=True)
class QueryStats:
    """What a statement cost; grows while rows are read."""

    calls: int = 0
    pages: int = 0
    retries: int = 0
    bytes: int = 0
    rows: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultColumn:
    """Name and type (DuckDB's spelling) of one column."""

    name: str
    type: str


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome of one statement. Rows can be read once; `notices` and `stats` are complete after that.

    A statement without rows has `columns == ()` and says what it did in `message`.
    """

    columns: tuple[ResultColumn, ...] = ()
    message: str = ""
    notices: list[Notice] = field(default_factory=list)
    stats: QueryStats = field(default_factory=QueryStats)
    source: Iterator[RecordBatch] = field(default_factory=lambda: iter(()), repr=False)
    on_close: Callable[[], None] = field(default=lambda: None, repr=False)
    failure: RemoteError | None = None
    """The first failed call, for the exit status of `--on-error partial`."""

    def batches(self) -> Iterator[RecordBatch]:
        """Yield Arrow record batches; leaving early cancels what is still running."""
        try:
            yield from self.source
        finally:
            self.close()

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield rows as tuples of Python values."""
        for batch in self.batches():
            columns: list[Any] = [batch.column(i).to_pylist() for i in range(len(self.columns))]
            for index, column in enumerate(self.columns):
                if column.type == "HUGEINT":
                    # Arrow has no integer that wide: it travels as a decimal.
                    columns[index] = [None if value is None else int(value) for value in columns[index]]
            yield from zip(*columns, strict=True)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Read every row."""
        return list(self.rows())

    def close(self) -> None:
        """Cancel what is still running and free it; safe when repeated."""
        close, self.on_close = self.on_close, _nothing
        close()

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _nothing() -> None:
    """Stand in for a closer that has run."""
