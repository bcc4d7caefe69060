"""Runs a SELECT: scans in dependency order, DuckDB in a thread of its own, rows through a bounded channel.

Calls are on their way before duckdb and arro3 are imported: the imports hide behind the network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tablecloud.engine.channel import Channel
from tablecloud.engine.model import Engine, OnError
from tablecloud.engine.result import Result, ResultColumn
from tablecloud.engine.scan import ScanRun
from tablecloud.engine.tally import Tally
from tablecloud.errors import Cancelled
from tablecloud.sql.plan import QueryPlan, Scalar, Scan

if TYPE_CHECKING:
    from arro3.core import RecordBatch

    from tablecloud.duck import Database

_WAITING_BATCHES = 8


def run_query(plan: QueryPlan, engine: Engine) -> Result:
    """Begin a SELECT and return its result, whose rows are computed as they are read.

    Raises:
        SqlError: DuckDB refuses the residual SQL.
        RemoteError, CredentialError: calls failed before the columns were known, and fail the statement.
        Cancelled: the statement was cancelled.
    """
    run = QueryRun(plan, engine)
    engine.cancellation.on_cancel(run.close)
    try:
        return run.start()
    except BaseException:
        run.close()
        raise


class QueryRun:
    """One SELECT under way. `close` may come from any thread and ends it within moments."""

    def __init__(self, plan: QueryPlan, engine: Engine) -> None:
        self._plan = plan
        self._engine = engine
        self._tally = Tally(engine.on_error, parts=len(plan.scans))
        self._scans = {scan.relation: ScanRun(scan, engine, self._tally) for scan in plan.scans}
        self._channel: Channel[RecordBatch] = Channel(_WAITING_BATCHES)
        self._columns: tuple[ResultColumn, ...] = ()
        self._columns_known = threading.Event()
        self._closing = threading.Event()
        self._database: Database | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._began = time.monotonic()

    def start(self) -> Result:
        """Send the first calls, start the worker, wait for the columns."""
        for run in self._scans.values():
            if not run.scan.dependent:
                run.start()
        self._thread = threading.Thread(target=self._work, name="tablecloud-query", daemon=True)
        self._thread.start()
        self._columns_known.wait()
        if self._failure is not None:
            raise self._failure
        result = Result(columns=self._columns, notices=self._tally.notices, stats=self._tally.stats)
        result.source = self._rows(result)
        result.on_close = self.close
        return result

    def _rows(self, result: Result) -> Iterator[RecordBatch]:
        """Yield the batches to the consumer; the result's figures are complete after the last one."""
        while (batch := self._channel.get()) is not None:
            self._tally.stats.rows += batch.num_rows
            yield batch
        if self._closing.is_set():
            raise Cancelled("the statement was cancelled")
        self._tally.stats.seconds = time.monotonic() - self._began
        if self._engine.on_error is not OnError.IGNORE:
            result.failure = self._tally.first_failure

    def _work(self) -> None:
        """Compute everything. The body of the worker thread."""
        try:
            self._compute()
        except BaseException as error:
            self._failure = self._meant(error)
        finally:
            for run in self._scans.values():
                run.cancel()
            self._channel.finish(self._failure)
            self._columns_known.set()

    def _meant(self, error: BaseException) -> BaseException:
        if self._closing.is_set():
            return Cancelled("the statement was cancelled")
        return self._tally.fatal or error

    def _compute(self) -> None:
        from tablecloud.duck import Database

        self._database = database = Database(self._engine.database)
        try:
            for scan in self._plan.scans:
                self._stop_if_closing()
                self._bring(scan, database)
            self._stop_if_closing()
            answer = database.query(self._plan.residual_sql, self._plan.parameters)
            self._columns = tuple(ResultColumn(name=name, type=kind) for name, kind in answer.columns)
            self._columns_known.set()
            with closing(answer.batches) as batches:
                for batch in batches:
                    if not self._channel.put(batch):
                        return
            if self._plan.scans:
                self._tally.settle()
        finally:
            database.close()

    def _bring(self, scan: Scan, database: Database) -> None:
        """Make a scan's relation readable: as a stream when it is read once, else as a table."""
        run = self._scans[scan.relation]
        if scan.dependent:
            run.start(_dependent_values(scan, database))
        feeds_another = any(
            d.relation == scan.relation for other in self._plan.scans for d in other.dependent
        )
        if scan.uses == 1 and not feeds_another:
            database.stream(scan.relation, run.reader())
        else:
            database.land(scan.relation, run.reader())

    def _stop_if_closing(self) -> None:
        if self._closing.is_set():
            raise Cancelled("the statement was cancelled")

    def close(self) -> None:
        """End the calls, the query and the thread; safe when repeated."""
        self._closing.set()
        self._channel.close()
        for run in self._scans.values():
            run.cancel()
        thread = self._thread
        while thread is not None and thread is not threading.current_thread() and thread.is_alive():
            # Again and again: an interrupt that comes between two queries is lost.
            if self._database is not None:
                self._database.interrupt()
            thread.join(0.05)


def _dependent_values(scan: Scan, database: Database) -> Iterator[tuple[Scalar, ...]]:
    """Return the distinct value tuples that the scan's calls take from landed relations."""
    relations = dict.fromkeys(d.relation for d in scan.dependent)
    terms = ", ".join(d.expression for d in scan.dependent)
    sources = ", ".join(f'"{name}"' for name in relations)
    rows = database.query(f"SELECT DISTINCT {terms} FROM {sources}")
    return iter([row for batch in rows.batches for row in _tuples(batch)])


def _tuples(batch: RecordBatch) -> Iterator[tuple[Any, ...]]:
    columns = [batch.column(i).to_pylist() for i in range(batch.num_columns)]
    return zip(*columns, strict=True)
