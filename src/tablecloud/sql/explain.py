"""A plan as rows for EXPLAIN: every call or call template, how many, what is pushed, and the SQL left for
DuckDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product

from tablecloud.catalog.model import Location, Method, Resource
from tablecloud.sql.plan import Explain, Invocation, Mutation, Plan, QueryPlan, Scalar, Scan, Table, Verdict
from tablecloud.sql.values import as_text

_SHOWN_CALLS = 3
_SECRET = frozenset({"key", "access_token", "oauth_token", "token", "password", "secret"})

Row = tuple[str, str]
Roots = Callable[[Resource], str]


def _documented_root(resource: Resource) -> str:
    return resource.root_url


def explain(plan: Plan, roots: Roots = _documented_root) -> Table:
    """Return what a plan would do, without doing it: rows of (step, detail).

    Parameters:
        roots: where the calls of a resource go, as people read it.
    """
    shown = plan.plan if isinstance(plan, Explain) else plan
    return Table(columns=("step", "detail"), rows=tuple(_rows(shown, roots)))


def _rows(plan: Plan, roots: Roots) -> Iterator[Row]:
    match plan:
        case QueryPlan():
            yield from _query_rows(plan, roots)
        case Mutation():
            yield from _mutation_rows(plan, roots)
        case Invocation():
            yield from _invocation_rows(plan, roots)
        case Table():
            yield "read", f"{len(plan.rows)} rows of the catalog; no call"


def _query_rows(plan: QueryPlan, roots: Roots) -> Iterator[Row]:
    for scan in plan.scans:
        yield from _scan_rows(scan, roots)
    if plan.scans:
        yield "calls", _total(plan)
    yield "DuckDB", plan.residual_sql


def _scan_rows(scan: Scan, roots: Roots) -> Iterator[Row]:
    yield "scan", f"{scan.relation}: {scan.resource.id} AS {scan.alias}, method {scan.method.name}"
    for address in islice(_addresses(scan, roots(scan.resource)), _SHOWN_CALLS):
        yield "  call", f"{scan.method.http} {address}"
    if not scan.dependent and scan.calls > _SHOWN_CALLS:
        yield "  call", f"… {scan.calls - _SHOWN_CALLS} more"
    for dependent in scan.dependent:
        yield "  for each", f"{dependent.parameter} in {dependent.relation}: {dependent.expression}"
    yield "  pages", _pages(scan.method)
    names = dict.fromkeys([*(column.name for column in scan.columns), *scan.parameter_columns])
    yield "  columns", ", ".join(names) or "none"
    for conjunct in scan.conjuncts:
        yield f"  {_place(conjunct.verdict)}", conjunct.text
    if scan.limit is not None:
        yield "  limit", f"paging stops after {scan.limit} rows"


def _place(verdict: Verdict) -> str:
    if verdict is Verdict.EXACT:
        return "pushed"
    return "pushed, checked here" if verdict is Verdict.INEXACT else "filtered here"


def _pages(method: Method) -> str:
    if method.pagination is None:
        return "one a call"
    return f"until {'.'.join(method.pagination.response)} is empty; how many is not known before"


def _total(plan: QueryPlan) -> str:
    known = sum(scan.calls for scan in plan.scans if not scan.dependent)
    following = [scan.relation for scan in plan.scans if scan.dependent]
    total = str(known)
    if following:
        total += f", and those of {', '.join(following)}, which depend on rows"
    return total


def _addresses(scan: Scan, root: str) -> Iterator[str]:
    fixed = _filter_argument(scan)
    holes = {each.parameter: f"⟨{each.parameter}⟩" for each in scan.dependent}
    names = [binding.parameter for binding in scan.bindings]
    for values in product(*(binding.values for binding in scan.bindings)):
        yield address(root, scan.method, {**fixed, **dict(zip(names, values, strict=True))}, holes)


def _filter_argument(scan: Scan) -> dict[str, Scalar]:
    rule = scan.method.remote_filter
    if rule is None or scan.remote_filter is None:
        return {}
    name = next((p.name for p in scan.method.parameters if p.wire == rule.parameter), rule.parameter)
    return {name: scan.remote_filter}


def address(
    root: str,
    method: Method,
    arguments: Mapping[str, Scalar],
    holes: Mapping[str, str] | None = None,
) -> str:
    """Return the URL of a call as people read it: values encoded, secrets masked.

    Parameters:
        root: where the service is.
        arguments: values by the SQL names of the parameters.
        holes: what to show for parameters whose values are not known yet.
    """
    from urllib.parse import quote

    shown = {name: _shown(name, value) for name, value in arguments.items()}
    wire = {p.wire: quote(shown[p.name], safe="") for p in method.parameters if p.name in shown}
    wire |= {p.wire: holes[p.name] for p in method.parameters if holes and p.name in holes}
    path = re.sub(r"\{\+?([^}]+)\}", lambda match: wire.get(match[1], match[0]), method.path)
    in_query = [p.wire for p in method.parameters if p.location is Location.QUERY and p.wire in wire]
    query = [f"{name}={wire[name]}" for name in in_query]
    return root.rstrip("/") + "/" + path.lstrip("/") + ("?" + "&".join(query) if query else "")


def _shown(name: str, value: Scalar) -> str:
    return "***" if name.casefold() in _SECRET else as_text(value)


def _mutation_rows(plan: Mutation, roots: Roots) -> Iterator[Row]:
    yield plan.verb.lower(), f"{plan.resource.id}, method {plan.method.name}"
    holes = {target.parameter: f"⟨{target.parameter}⟩" for target in plan.targets if target.parameter}
    yield "  call", f"{plan.method.http} {address(roots(plan.resource), plan.method, {}, holes)}"
    body = [".".join(target.body_path) for target in plan.targets if target.body_path]
    if body:
        yield "  body", ", ".join(body)
    yield "  calls", "one a row of the source"
    if plan.await_:
        yield "  await", "each call is followed to its end"
    if plan.returning is not None:
        yield "  returning", plan.returning
    yield from _query_rows(plan.source, roots)


def _invocation_rows(plan: Invocation, roots: Roots) -> Iterator[Row]:
    yield "exec", f"{plan.resource.id}, method {plan.method.name}"
    yield "  call", f"{plan.method.http} {address(roots(plan.resource), plan.method, plan.arguments)}"
    if plan.body is not None:
        yield "  body", f"{len(plan.body)} bytes of JSON"
    if plan.await_:
        yield "  await", "the call is followed to its end"
    yield "calls", "1"
