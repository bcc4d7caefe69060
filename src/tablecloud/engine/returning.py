"""The answers of mutations and bare calls as rows: what RETURNING selects from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tablecloud.catalog.model import Column, Method, Verb
from tablecloud.engine.model import Engine
from tablecloud.engine.result import Notice, Result, ResultColumn
from tablecloud.engine.rows import NotJson, RowDecoder, faces
from tablecloud.engine.tally import method_name
from tablecloud.engine.told import Answer
from tablecloud.rest.request import scalar_text
from tablecloud.rest.reshape import shaped
from tablecloud.sql.plan import Invocation, Mutation
from tablecloud.sqltypes import SqlType

if TYPE_CHECKING:
    from arro3.core import RecordBatch

RELATION = "returned"
_WHOLE = Column(name="response", path=(), type=SqlType.JSON)


def returned_rows(
    plan: Mutation | Invocation, answers: Sequence[Answer], select: str, engine: Engine
) -> Result:
    """Return `SELECT <select> FROM returned`, where `returned` has one row an item of the answers.

    Parameters:
        select: the select list after RETURNING.

    Raises:
        SqlError: DuckDB refuses the select list.
    """
    from arro3.core import RecordBatchReader

    from tablecloud.duck import Database, quoted

    columns, items = _shape(plan)
    decoder = RowDecoder(faces(columns, _filled_parameters(plan, answers), plan.method.parameters), items)
    notices: list[Notice] = []
    database = Database(engine.database)
    try:
        batches = list(_decoded(plan, decoder, answers, notices))
        database.land(RELATION, RecordBatchReader.from_batches(decoder.schema, batches))
        rows = database.query(f"SELECT {select} FROM {quoted(RELATION)}")
        found = list(rows.batches)
    finally:
        database.close()
    result = Result(columns=tuple(ResultColumn(name=n, type=t) for n, t in rows.columns), notices=notices)
    result.source = iter(found)
    result.stats.rows = sum(batch.num_rows for batch in found)
    return result


def _shape(plan: Mutation | Invocation) -> tuple[Sequence[Column], tuple[str, ...]]:
    """Return the columns and the items path of the answers.

    What an operation ends in is the resource itself, so its columns are those of the method that reads one.
    """
    method = plan.method
    if plan.await_ and method.long_running is not None and (rules := method.long_running):
        reader = _reader_of_one(plan)
        if reader is not None and (rules.result or rules.follow or not method.columns):
            return reader.columns, ()
    return method.columns or (_WHOLE,), method.items


def _reader_of_one(plan: Mutation | Invocation) -> Method | None:
    return next((m for m in plan.resource.serving(Verb.SELECT) if not m.items and m.pagination is None), None)


def _filled_parameters(plan: Mutation | Invocation, answers: Sequence[Answer]) -> list[str]:
    """Return the parameters that the calls had: columns for RETURNING, not for a bare call."""
    if isinstance(plan, Invocation):
        return []
    given = {name for _, arguments in answers for name, value in arguments.items() if value is not None}
    return [p.name for p in plan.method.parameters if p.name in given]


def _decoded(
    plan: Mutation | Invocation, decoder: RowDecoder, answers: Sequence[Answer], notices: list[Notice]
) -> Iterator[RecordBatch]:
    for body, arguments in answers:
        try:
            text = shaped(body.strip(), plan.method)
            batch = decoder.decode(text or b"{}", {n: scalar_text(v) for n, v in arguments.items()})
        except NotJson as error:
            batch = None
            notices.append(_unreadable(plan, arguments, error))
        if batch is not None:
            yield batch


def _unreadable(plan: Mutation | Invocation, arguments: object, error: Exception) -> Notice:
    return Notice(
        severity="warning",
        provider=plan.resource.provider,
        method=method_name(plan.resource, plan.method),
        arguments=dict(arguments) if isinstance(arguments, dict) else {},
        message=f"the call was done, but its answer is not JSON: {error}",
    )
