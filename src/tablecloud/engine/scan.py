"""One scan: argument sets to calls, calls to pages, pages to Arrow batches.

Calls start before anybody reads, a bounded number at a time; whoever reads the batches starts the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from tablecloud.engine.result import Notice
from tablecloud.engine.tally import Tally, method_name
from tablecloud.errors import Cancelled, RemoteError, RemoteNotFound, RemoteRefused
from tablecloud.rest.pages import CallEnded, PageArrived, PageQueue
from tablecloud.rest.paginate import read_pages
from tablecloud.sql.plan import Scalar, Scan

if TYPE_CHECKING:
    from arro3.core import RecordBatch, RecordBatchReader

    from tablecloud.engine.model import Engine
    from tablecloud.engine.rows import RowDecoder
    from tablecloud.rest.transport import Call

Arguments = dict[str, Scalar]


def argument_sets(scan: Scan, dependent: Iterable[Sequence[Scalar]] = ((),)) -> Iterator[Arguments]:
    """Yield the arguments of each call, lazily: the product of constant bindings and dependent values.

    Parameters:
        dependent: value tuples, in the order of `scan.dependent`.

    A set with a NULL in it makes no call: nothing equals NULL.
    """
    fixed = _filter_argument(scan)
    names = [*(b.parameter for b in scan.bindings), *(d.parameter for d in scan.dependent)]
    for tail in dependent:
        for head in product(*(b.values for b in scan.bindings)):
            values = (*head, *tail)
            if None not in values:
                yield {**fixed, **dict(zip(names, values, strict=True))}


def _filter_argument(scan: Scan) -> Arguments:
    remote = scan.method.remote_filter
    if scan.remote_filter is None or remote is None:
        return {}
    names = {p.wire: p.name for p in scan.method.parameters}
    return {names.get(remote.parameter, remote.parameter): scan.remote_filter}


class ScanRun:
    """A scan under way. `start` and the reading of `batches` may be in different threads, in that order."""

    def __init__(self, scan: Scan, engine: Engine, tally: Tally) -> None:
        self.scan = scan
        self._engine = engine
        self._tally = tally
        # Pages fetched ahead are wasted calls where a few rows are enough.
        self._queue = PageQueue() if scan.limit is None else PageQueue(pages=1)
        self._sets: Iterator[Arguments] = iter(())
        self._under_way: dict[Call[Any], Arguments] = {}
        self._paged: set[Call[Any]] = set()
        """Calls that brought a page, and so count as successful until they fail."""
        self._broken: set[Call[Any]] = set()
        self._cut: set[Call[Any]] = set()
        self._rows_of: dict[Call[Any], int] = {}
        self._decoder: RowDecoder | None = None
        self._root_url = ""

    def start(self, dependent: Iterable[Sequence[Scalar]] = ((),)) -> None:
        """Begin as many calls as may be under way."""
        self._root_url = self._engine.root_url(self.scan.resource)
        self._sets = argument_sets(self.scan, dependent)
        while len(self._under_way) < self._engine.reads_in_flight and self._start_next():
            pass

    def _start_next(self) -> bool:
        arguments = next(self._sets, None)
        if arguments is None:
            return False
        conversation = read_pages(
            self.scan.resource,
            self.scan.method,
            arguments,
            root_url=self._root_url,
            policy=self._engine.policy,
        )
        self._tally.sent()
        call = self._engine.transport.start(conversation, sink=self._queue)
        self._under_way[call] = arguments
        return True

    def reader(self) -> RecordBatchReader:
        """Return the batches as a reader that DuckDB takes."""
        from arro3.core import RecordBatchReader

        return RecordBatchReader.from_batches(self._decoding().schema, self.batches())

    def _decoding(self) -> RowDecoder:
        from tablecloud.engine.rows import RowDecoder, faces

        if self._decoder is None:
            columns = faces(self.scan.columns, self.scan.parameter_columns, self.scan.method.parameters)
            self._decoder = RowDecoder(columns, self.scan.method.items)
        return self._decoder

    def batches(self) -> Iterator[RecordBatch]:
        """Yield batches until every call is over or the limit is reached.

        Raises:
            RemoteError: failed calls fail the statement.
            Cancelled: `cancel` was called.
        """
        left = self.scan.limit
        try:
            while self._under_way and (left is None or left > 0):
                batch = self._next_batch()
                if batch is not None:
                    left = None if left is None else left - batch.num_rows
                    yield batch
            self._warn_of_misfits()
            self._tally.part_ended()
        except Exception as error:
            # DuckDB carries only the text of an error through; whoever reads the result raises this one.
            self._tally.fatal = self._tally.fatal or error
            raise
        finally:
            self.cancel()

    def _next_batch(self) -> RecordBatch | None:
        arrival = self._queue.get()
        if isinstance(arrival, PageArrived):
            return self._decoded(arrival)
        if isinstance(arrival, CallEnded):
            self._ended(arrival)
        return None

    def _decoded(self, arrival: PageArrived) -> RecordBatch | None:
        from tablecloud.engine.rows import NotJson

        if arrival.call in self._cut:
            return None
        self._tally.page(len(arrival.page.body))
        try:
            batch = self._decoding().decode(arrival.page.body, arrival.page.arguments)
        except NotJson as error:
            if arrival.call not in self._broken:
                self._broken.add(arrival.call)
                self._take_back_success(arrival.call)
                self._failed(self._unreadable(error), self._under_way.get(arrival.call, {}))
            return None
        self._count_success(arrival.call)
        return self._within_limits(arrival, batch)

    def _within_limits(self, arrival: PageArrived, batch: RecordBatch | None) -> RecordBatch | None:
        """End a call that has brought as many pages or rows as the settings allow, and say so."""
        pages, rows = self._engine.page_limit, self._engine.row_limit
        if rows and batch is not None:
            room = rows - self._rows_of.get(arrival.call, 0)
            self._rows_of[arrival.call] = rows - room + batch.num_rows
            if batch.num_rows > room:
                batch = batch.slice(0, room)
                self._cut_off(arrival, f"{rows} row(s)")
        if pages and arrival.page.number >= pages and not arrival.call.done():
            self._cut_off(arrival, f"{pages} page(s)")
        return batch

    def _cut_off(self, arrival: PageArrived, what: str) -> None:
        if arrival.call not in self._cut:
            self._cut.add(arrival.call)
            arrival.call.cancel()
            self._warn(f"cut off after {what}, which the settings allow at most", arrival.page.arguments)

    def _ended(self, arrival: CallEnded) -> None:
        arguments = self._under_way.pop(arrival.call, {})
        self._tally.retried(arrival.call.stats.retries)
        error = arrival.error
        if isinstance(error, RemoteNotFound) and self.scan.method.pagination is None:
            self._tally.missing(error, self.scan.resource, self.scan.method, arguments)
        elif isinstance(error, Cancelled) and arrival.call in self._cut:
            pass
        elif isinstance(error, RemoteError):
            self._take_back_success(arrival.call)
            self._failed(error, arguments)
        elif error is not None:
            # Not the remote side's failure: a missing credential, a wrong value. No mode goes on after it.
            raise error
        else:
            self._count_success(arrival.call)
        self._start_next()

    def _count_success(self, call: Call[Any]) -> None:
        if call not in self._paged and call not in self._broken:
            self._paged.add(call)
            self._tally.succeeded()

    def _take_back_success(self, call: Call[Any]) -> None:
        if call in self._paged:
            self._paged.discard(call)
            self._tally.succeeded(-1)

    def _failed(self, error: RemoteError, arguments: Mapping[str, Scalar]) -> None:
        self._tally.failed(error, self.scan.resource, self.scan.method, arguments)

    def _unreadable(self, error: Exception) -> RemoteError:
        name = method_name(self.scan.resource, self.scan.method)
        return RemoteRefused(
            f"{name} answered with something that is not JSON: {error}",
            hint="is the endpoint the API's own address, and not a sign-in page or a proxy?",
            method=name,
            status=200,
        )

    def _warn_of_misfits(self) -> None:
        kinds = {c.name.lower(): c.type.value for c in self.scan.columns}
        for column, count in self._decoding().misfits.items():
            kind = kinds.get(column.lower(), "value of its type")
            self._warn(f"{count} value(s) of column {column} are no {kind} and read as NULL", {})

    def _warn(self, message: str, arguments: Mapping[str, Scalar]) -> None:
        self._tally.note(
            Notice(
                severity="warning",
                provider=self.scan.resource.provider,
                method=method_name(self.scan.resource, self.scan.method),
                arguments=dict(arguments),
                message=message,
            )
        )

    def cancel(self) -> None:
        """End every call that is under way; safe when repeated, from any thread."""
        self._queue.cancel()
