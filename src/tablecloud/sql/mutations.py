"""INSERT, UPDATE, REPLACE and DELETE to a plan: a method, a SELECT that brings its argument sets, and what
each sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from tablecloud.catalog.model import Method, Resource, Verb
from tablecloud.errors import MissingParameter, UnknownColumn
from tablecloud.sql.access import Example, choose, find_parameter, missing_parameter
from tablecloud.sql.bind import spellings
from tablecloud.sql.lexer import quote_name, quote_value
from tablecloud.sql.metadata import field_name, own_fields
from tablecloud.sql.names import Scope, find_resource, no_such_verb, segments, suggestion
from tablecloud.sql.placeholders import join_numbered
from tablecloud.sql.plan import Mutation, Scalar, Target
from tablecloud.sql.pointing import Fragment, join, pointing_into
from tablecloud.sql.selection import Selection, read_selection
from tablecloud.sql.sources import parse_alone, plan_source
from tablecloud.sql.statements import Insert, Modify, Name, Span
from tablecloud.sql.targets import find_target, parameter_names, resolve_targets, with_types
from tablecloud.sql.tree import is_query, parse, walk
from tablecloud.sql.values import fit
from tablecloud.sql.waiting import check_awaitable


def plan_insert(statement: Insert, scope: Scope) -> Mutation:
    """Return the plan of an INSERT: one call a row of its source.

    Raises:
        CatalogError: no such resource.
        SqlError: no method fits, a column is unknown, or the source is wrong; points into the script.
    """
    resource = _resource(statement.target, Verb.INSERT, scope)
    given = parameter_names(column.value for column in statement.columns)
    method = choose(resource, Verb.INSERT, given)
    if method is None:
        raise _missing(resource, Verb.INSERT, given, _insert_example(resource), statement.target.span)
    targets = resolve_targets(resource, method, statement.columns)
    _check_body(resource, method, targets, statement.target.span)
    source = plan_source(join_numbered(statement, [statement.source]), scope, width=len(targets))
    return Mutation(
        text=statement.text,
        verb=Verb.INSERT.value,
        resource=resource,
        method=method,
        source=source.plan,
        targets=with_types(targets, source.types),
        await_=_awaits(statement, resource, method),
        returning=_returning(statement),
    )


def plan_modify(statement: Modify, scope: Scope) -> Mutation:
    """Return the plan of an UPDATE, REPLACE or DELETE: one call an object that its WHERE means.

    Where WHERE only gives parameters their values, the calls are known at once. Otherwise the same table is
    read first and the parameters are taken from its rows.

    Raises:
        CatalogError: no such resource.
        SqlError: no method fits, a column is unknown, or a condition is wrong; points into the script.
    """
    resource = _resource(statement.target, statement.verb, scope)
    selection = read_selection(statement, resource, scope)
    draft = _Draft(statement=statement, resource=resource, selection=selection, scope=scope)
    # First, because it finds what is wrong in the expressions of SET.
    reads_rows = _reads_rows(statement)
    _check_names(statement, resource, selection)
    method = choose(resource, statement.verb, draft.given)
    if not reads_rows and method is not None and selection.only_gives(method):
        return draft.finish(method, draft.direct(method))
    method = choose(resource, statement.verb, draft.given | draft.from_rows)
    if method is None:
        raise draft.missing()
    return draft.finish(method, draft.by_rows(method))


class _Part(Struct, frozen=True, kw_only=True):
    """One column of the source: what it sets, and its expression as words of ours or a span of the script."""

    target: Target
    expression: str | Span


class _Draft(Struct, frozen=True, kw_only=True):
    """An UPDATE, REPLACE or DELETE while its source is being put together."""

    statement: Modify
    resource: Resource
    selection: Selection
    scope: Scope

    @property
    def given(self) -> set[str]:
        """Parameters that WHERE or SET gives a value, in lower case."""
        return set(self.selection.values) | parameter_names(
            each.column.value for each in self.statement.assignments
        )

    @property
    def from_rows(self) -> set[str]:
        """Parameters that a row of the table can give: its columns, and those it is the key of."""
        methods = self.resource.serving(Verb.SELECT)
        fields = {column.name.casefold() for method in methods for column in method.columns}
        return fields | {name.casefold() for method in methods for name in method.identity.values()}

    def finish(self, method: Method, source: tuple[list[_Part], Fragment]) -> Mutation:
        """Return the mutation whose source is this SELECT."""
        parts, fragment = source
        try:
            planned = plan_source(fragment, self.scope, width=len(parts))
        except MissingParameter as error:
            # The rows cannot be listed; what is missing is missing in this statement.
            raise self.missing() from error
        return Mutation(
            text=self.statement.text,
            verb=self.statement.verb.value,
            resource=self.resource,
            method=method,
            source=planned.plan,
            targets=with_types([part.target for part in parts], planned.types),
            await_=_awaits(self.statement, self.resource, method),
            returning=_returning(self.statement),
        )

    def direct(self, method: Method) -> tuple[list[_Part], Fragment]:
        """Return the source whose rows are the product of the values given."""
        parts: list[_Part] = []
        lists: list[str] = []
        for name, values in self.selection.values.items():
            target = find_target(method, name)
            if target is None:
                continue
            target = replace(target, column=target.parameter or target.column)
            fitting = self._fitting(method, target, values)
            if len(fitting) == 1:
                parts.append(_Part(target=target, expression=quote_value(fitting[0])))
                continue
            column = f"v{len(lists)}"
            parts.append(_Part(target=target, expression=column))
            lists.append(_value_list(column, fitting))
        parts += self._set_parts(method)
        tail = [" FROM " + ", ".join(lists)] if lists else []
        return parts, self._select(parts, tail)

    def by_rows(self, method: Method) -> tuple[list[_Part], Fragment]:
        """Return the source that reads the table and takes the parameters from its rows."""
        alias = self.statement.alias or segments(self.statement.target.parts)[-1]
        set_parts = self._set_parts(method)
        already = {part.target.parameter for part in set_parts}
        parts = []
        for parameter in method.parameters:
            if parameter.name in already:
                continue
            expression = self._row_expression(parameter.name, alias)
            if expression and (parameter.required or parameter.name.casefold() in self.selection.values):
                target = Target(column=parameter.name, parameter=parameter.name)
                parts.append(_Part(target=target, expression=expression))
        parts += set_parts
        tail: list[str | Span] = [" FROM ", self.statement.target.span, f" AS {quote_name(alias)}"]
        return parts, self._select(parts, [*tail, *self._conditions(method)])

    def _row_expression(self, name: str, alias: str) -> str:
        values = self.selection.values.get(name.casefold())
        if values is not None and len(values) == 1:
            return quote_value(values[0])
        methods = self.resource.serving(Verb.SELECT)
        known = [p.name for m in methods for p in m.parameters] if values else []
        known += [column.name for method in methods for column in method.columns]
        known += [column for method in methods for column, of in method.identity.items() if of == name]
        same = [each for each in known if each.casefold() == name.casefold()]
        identity = [column for method in methods for column, of in method.identity.items() if of == name]
        found = next(iter(same + identity), None)
        return f"{quote_name(alias)}.{quote_name(found)}" if found else ""

    def _conditions(self, method: Method) -> Iterator[str | Span]:
        """Yield the terms of WHERE, without those that only the mutation's own method understands."""
        readable = {p.name.casefold() for m in self.resource.serving(Verb.SELECT) for p in m.parameters}
        readable |= {c.name.casefold() for m in self.resource.serving(Verb.SELECT) for c in m.columns}
        word = " WHERE "
        for term in self.selection.terms:
            if term.name and term.name not in readable and find_parameter(method, term.name):
                continue
            yield word + "("
            yield term.span
            yield ")"
            word = " AND "

    def _set_parts(self, method: Method) -> list[_Part]:
        columns = [assignment.column for assignment in self.statement.assignments]
        targets = resolve_targets(self.resource, method, columns)
        parts = [
            _Part(target=target, expression=assignment.value)
            for target, assignment in zip(targets, self.statement.assignments, strict=True)
        ]
        mask = _update_mask(method, targets, self.given)
        return [*parts, mask] if mask else parts

    def _fitting(self, method: Method, target: Target, values: tuple[Scalar, ...]) -> list[Scalar]:
        parameter = find_parameter(method, target.parameter) if target.parameter else None
        return [fit(value, parameter) if parameter else value for value in values]

    def _select(self, parts: list[_Part], tail: Iterable[str | Span]) -> Fragment:
        words: list[str | Span] = ["SELECT "]
        for index, part in enumerate(parts):
            words += [", "] if index else []
            # `string(x)` must stay the whole item, so an expression of the user's stands without parentheses.
            words += [part.expression, f" AS {quote_name(part.target.column)}"]
        return join_numbered(self.statement, [*words, *tail])

    def missing(self) -> MissingParameter:
        """Return the error for values that are still needed."""
        words = "DELETE FROM" if self.statement.verb is Verb.DELETE else self.statement.verb.value
        sets = self.statement.assignments
        setting = f" SET {sets[0].column.value} = …" if sets else ""
        example = Example(template=f"{words} {self.resource.id}{setting} WHERE {{}}")
        return _missing(self.resource, self.statement.verb, self.given, example, self.statement.target.span)


def _value_list(column: str, values: list[Scalar]) -> str:
    if not values:
        return f"(SELECT NULL AS {column} WHERE false)"
    rows = ", ".join(f"({quote_value(value)})" for value in values)
    return f"(VALUES {rows}) AS of_{column}({column})"


def _update_mask(method: Method, targets: list[Target], given: set[str]) -> _Part | None:
    """Return the field mask that names what is set, where the method takes one and the statement gives
    none."""
    masks = [
        p for p in method.parameters if p.format == "google-fieldmask" and p.name.casefold() not in given
    ]
    paths = [".".join(target.body_path) for target in targets if target.body_path]
    if len(masks) != 1 or not paths:
        return None
    target = Target(column=masks[0].name, parameter=masks[0].name)
    return _Part(target=target, expression=quote_value(",".join(paths)))


def _reads_rows(statement: Modify) -> bool:
    """Whether an expression of SET names a column of the row that it changes."""
    for assignment in statement.assignments:
        fragment = join(statement.script, ["SELECT ", assignment.value])
        with pointing_into(fragment):
            nodes = list(walk(parse_alone(fragment, condition=False).root))
        # Inside a subquery a name may be either; reading the row is right for both.
        if any(node.get("class") == "COLUMN_REF" for node in nodes) and not _has_from(nodes):
            return True
    return False


def _check_names(statement: Modify, resource: Resource, selection: Selection) -> None:
    known = {name.casefold() for name in spellings(resource)}
    methods = resource.serving(statement.verb)
    for term in selection.terms:
        if term.name and term.name not in known and not any(find_target(m, term.name) for m in methods):
            names = [p.name for method in methods for p in method.parameters] + spellings(resource)
            raise UnknownColumn(
                f"{resource.id} has no column {term.name}{suggestion(term.name, names)}", span=term.span
            )


def _has_from(nodes: list[dict[str, object]]) -> bool:
    return any(is_query(node) and node is not nodes[0] for node in nodes)


def _resource(target: Name, verb: Verb, scope: Scope) -> Resource:
    resource = find_resource(target.parts, scope)
    if not resource.serving(verb):
        error = no_such_verb(resource, verb.value)
        error.span = target.span
        raise error
    return resource


def _missing(
    resource: Resource, verb: Verb, given: set[str], example: Example, span: Span
) -> MissingParameter:
    error = missing_parameter(resource.id, resource.serving(verb), given, example)
    error.span = span
    return error


def _insert_example(resource: Resource) -> Example:
    return Example(
        template=f"INSERT INTO {resource.id}({{}}, …) VALUES ('…', …)", condition="{}", separator=", "
    )


def _check_body(resource: Resource, method: Method, targets: list[Target], span: Span) -> None:
    given = [target.body_path for target in targets if target.body_path]
    fields = [field for field in own_fields(method) if field.required]
    absent = [f for f in fields if not any(path[: len(f.path)] == f.path for path in given)]
    if absent:
        raise MissingParameter(
            f"{resource.id}.{method.name} needs {', '.join(field.name for field in absent)} in its body",
            hint=f"add {', '.join(field_name(method, field) for field in absent)} to the columns",
            span=span,
        )


def _awaits(statement: Insert | Modify, resource: Resource, method: Method) -> bool:
    if "AWAIT" not in statement.hints:
        return False
    check_awaitable(resource, method, statement.target.span)
    return True


def _returning(statement: Insert | Modify) -> str | None:
    if statement.returning is None:
        return None
    fragment = join(statement.script, ["SELECT ", statement.returning, " FROM returned"])
    with pointing_into(fragment):
        parse(fragment.text)
    return statement.script[statement.returning[0] : statement.returning[1]]
