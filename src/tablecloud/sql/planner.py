"""A statement to a plan: the one door of this floor."""

from __future__ import annotations

from tablecloud.errors import NotSupported, SqlError
from tablecloud.sql.names import Scope, find_resource, full_path, suggestion
from tablecloud.sql.plan import Explain, Plan, RegistryAction, SessionChange, Table
from tablecloud.sql.pointing import cut, pointing_into
from tablecloud.sql.statements import (
    Describe,
    ExplainStatement,
    Insert,
    Invoke,
    Malformed,
    Modify,
    Query,
    RegistryStatement,
    SetVariable,
    Show,
    Statement,
    Use,
)
from tablecloud.sql.values import token_value


def plan(statement: Statement, scope: Scope) -> Plan:
    """Return what a statement will do. Nothing is called yet.

    Raises:
        SqlError: it cannot be understood or done; `text` and `span` point into the script it came from.
        CatalogError: it names something that does not exist.
    """
    try:
        return _plan(statement, scope)
    except RecursionError:
        raise NotSupported(
            "this statement is nested too deeply", text=statement.script, span=statement.span
        ) from None
    except SqlError as error:
        if error.text is None:
            error.text = statement.script
        raise


def _plan(statement: Statement, scope: Scope) -> Plan:
    match statement:
        case Malformed(error=error):
            raise error
        case Query():
            from tablecloud.sql.query import plan_query

            fragment = cut(statement.script, statement.span)
            with pointing_into(fragment):
                return plan_query(fragment.text, scope)
        case Insert() | Modify():
            from tablecloud.sql.mutations import plan_insert, plan_modify

            return (
                plan_insert(statement, scope)
                if isinstance(statement, Insert)
                else plan_modify(statement, scope)
            )
        case Invoke():
            from tablecloud.sql.invocations import plan_invoke

            return plan_invoke(statement, scope)
        case ExplainStatement():
            return _explain(statement, scope)
        case Use() | SetVariable():
            return _session_change(statement, scope)
        case RegistryStatement(action=action, provider=provider, version=version):
            return RegistryAction(action=action, provider=provider, version=version)
    return _metadata(statement, scope)


def _explain(statement: ExplainStatement, scope: Scope) -> Explain:
    inner = _plan(statement.statement, scope)
    if isinstance(inner, (SessionChange, RegistryAction, Explain)):
        raise NotSupported("there is nothing to explain in this statement", span=statement.statement.span)
    return Explain(plan=inner, analyze=statement.analyze)


def _session_change(statement: Use | SetVariable, scope: Scope) -> SessionChange:
    if isinstance(statement, SetVariable):
        value = token_value(statement.value, statement.minus, scope.parameters)
        return SessionChange(setting=statement.name, value=value, message=f"{statement.name} is set")
    name = statement.provider.value
    for known in scope.catalog.providers():
        if known.casefold() == name.casefold():
            return SessionChange(
                setting="provider", value=known, message=f"names without a provider mean {known}"
            )
    from tablecloud.errors import UnknownProvider

    raise UnknownProvider(
        f"there is no provider {name}{suggestion(name, scope.catalog.providers())}",
        hint="SHOW PROVIDERS lists them",
    )


def _metadata(statement: Show | Describe, scope: Scope) -> Table:
    from tablecloud.sql import metadata

    catalog = scope.catalog
    if isinstance(statement, Describe):
        if statement.method:
            return metadata.describe_method(
                catalog, full_path(statement.name.parts, scope), statement.extended
            )
        resource = find_resource(statement.name.parts, scope)
        return metadata.describe(catalog, tuple(resource.id.split(".")), statement.extended)
    path = full_path(statement.name.parts, scope) if statement.name else ()
    match statement.what:
        case "PROVIDERS":
            return metadata.show_providers(catalog, statement.like, statement.extended)
        case "SERVICES":
            return metadata.show_services(catalog, ".".join(path), statement.like, statement.extended)
        case "RESOURCES":
            return metadata.show_resources(catalog, path, statement.like, statement.extended)
        case "METHODS":
            return metadata.show_methods(catalog, path, statement.like, statement.extended)
    return metadata.show_version(statement.extended)
