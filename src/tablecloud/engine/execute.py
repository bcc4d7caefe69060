"""Runs a plan, whatever its kind: the one door of this floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tablecloud.engine.model import Engine
from tablecloud.engine.query import run_query
from tablecloud.engine.result import Result, ResultColumn
from tablecloud.engine.scan import argument_sets
from tablecloud.sql.plan import (
    Explain,
    Invocation,
    Mutation,
    Plan,
    QueryPlan,
    RegistryAction,
    SessionChange,
    Table,
)

if TYPE_CHECKING:
    from arro3.core import RecordBatch

    from tablecloud.rest.messages import Request
    from tablecloud.sql.plan import Scalar

_SHOWN_CALLS = 1000
"""Requests of one scan that a dry run lists."""


def execute(plan: Plan, engine: Engine) -> Result:
    """Carry out a plan. A SELECT's rows are computed while they are read; everything else is done on return.

    Raises:
        TablecloudError: what the statement failed with; see `run_query` and `run_mutation`.
    """
    match plan:
        case QueryPlan():
            return _dry_query(plan, engine) if engine.dry_run else run_query(plan, engine)
        case Mutation() | Invocation():
            return _write(plan, engine)
        case Table():
            return table_result(plan)
        case Explain():
            return _explain(plan, engine)
        case SessionChange():
            return Result(message=plan.message)
        case RegistryAction():
            from tablecloud.engine.registry import run_registry

            return run_registry(plan, engine)


def _write(plan: Mutation | Invocation, engine: Engine) -> Result:
    from tablecloud.engine.mutate import run_invocation, run_mutation, would_send

    if engine.dry_run:
        if isinstance(plan, Mutation) and plan.source.scans:
            # The rows are not known without reading, and a dry run sends nothing at all.
            return _dry_query(
                plan.source, engine, then=f"then one {plan.method.http} a row: {plan.method.path}"
            )
        return _request_table(would_send(plan, engine))
    return run_mutation(plan, engine) if isinstance(plan, Mutation) else run_invocation(plan, engine)


def _dry_query(plan: QueryPlan, engine: Engine, then: str = "") -> Result:
    """Return the requests that a SELECT begins with."""
    from tablecloud.rest.request import build_request

    requests: list[Request] = []
    told: list[str] = []
    for scan in plan.scans:
        if scan.dependent:
            told.append(f"{scan.alias}: calls that depend on rows read before")
            continue
        root = engine.root_url(scan.resource)
        for arguments in islice(argument_sets(scan), _SHOWN_CALLS):
            requests.append(build_request(scan.resource, scan.method, arguments, None, root_url=root))
        if scan.calls > _SHOWN_CALLS:
            told.append(f"{scan.alias}: {scan.calls - _SHOWN_CALLS} more calls")
    result = _request_table(requests)
    result.message = "; ".join([*told, then] if then else told)
    return result


def _request_table(requests: Sequence[Request]) -> Result:
    rows = tuple((r.shown, None if r.body is None else r.body.decode(errors="replace")) for r in requests)
    return table_result(Table(columns=("request", "body"), rows=rows))


def _explain(plan: Explain, engine: Engine) -> Result:
    from tablecloud.sql.explain import explain

    table = explain(plan.plan, engine.shown_root)
    if not plan.analyze or isinstance(plan.plan, Table):
        return table_result(table)
    with execute(plan.plan, engine) as run:
        count = sum(batch.num_rows for batch in run.batches())
    stats = run.stats
    facts = (
        ("actual rows", f"{count}"),
        ("actual calls", f"{stats.calls}, {stats.retries} retries"),
        ("actual pages", f"{stats.pages}, {stats.bytes} bytes"),
        ("actual seconds", f"{stats.seconds:.3f}"),
    )
    width = len(table.columns)
    rows = tuple((*fact, *(None,) * width)[:width] for fact in facts)
    result = table_result(Table(columns=table.columns, rows=table.rows + rows))
    result.notices, result.stats, result.failure = run.notices, stats, run.failure
    return result


def table_result(table: Table) -> Result:
    """Return rows that are known already as a result."""
    columns = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    kinds = [_kind(values) for values in columns]
    names = tuple(ResultColumn(name=n, type=k) for n, k in zip(table.columns, kinds, strict=True))
    result = Result(columns=names, source=_table_batches(names, columns))
    result.stats.rows = len(table.rows)
    return result


def _kind(values: Sequence[Scalar]) -> str:
    """Return the DuckDB type of one column's values."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _table_batches(columns: Sequence[ResultColumn], values: Sequence[Sequence[Any]]) -> Iterator[RecordBatch]:
    from arro3.core import Array, DataType, Field, RecordBatch, Schema

    kinds = {"BOOLEAN": DataType.bool(), "BIGINT": DataType.int64(), "DOUBLE": DataType.float64()}
    types = [kinds.get(column.type, DataType.utf8()) for column in columns]
    fields = [Field(c.name, t, nullable=True) for c, t in zip(columns, types, strict=True)]
    texts = [
        [v if v is None or c.type != "VARCHAR" else str(v) for v in cells]
        for c, cells in zip(columns, values, strict=True)
    ]
    arrays = [Array(cells, kind) for cells, kind in zip(texts, types, strict=True)]
    if arrays and len(arrays[0]):
        yield RecordBatch.from_arrays(arrays, schema=Schema(fields))
