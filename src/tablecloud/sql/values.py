"""Constants: which expressions have a value before anything runs, and how a value fits a parameter."""

from __future__ import annotations

from collections.abc import Mapping

from tablecloud.catalog.model import Parameter
from tablecloud.errors import InvalidValue
from tablecloud.sql.lexer import Kind, Token
from tablecloud.sql.plan import Scalar
from tablecloud.sql.tree import Node
from tablecloud.sqltypes import SqlType

Constant = tuple[Scalar]
"""A known value, in a tuple so that NULL differs from `not a constant`."""

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT", "UBIGINT", "UINTEGER"}
_REAL = {"FLOAT", "DOUBLE", "REAL"}
_TEXT = {"VARCHAR", "TEXT", "STRING", "CHAR", "UUID"}
_TEXT |= {"DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"}


def constant(node: Node, parameters: Mapping[str, Scalar]) -> Constant | None:
    """Return the value of a literal, a prepared value, or a cast, sign or concatenation of these; else
    None."""
    match node.get("class"):
        case "CONSTANT":
            return _literal(node.get("literal") or {})
        case "PARAMETER":
            return (prepared(str(node["identifier"]), parameters),)
        case "CAST":
            return _cast(node, parameters)
        case "FUNCTION":
            return _function(node, parameters)
    return None


def prepared(name: str, parameters: Mapping[str, Scalar]) -> Scalar:
    """Return the prepared value `$name`.

    Raises:
        InvalidValue: none was given.
    """
    if name in parameters:
        return parameters[name]
    given = ", ".join(f"${key}" for key in parameters) or "none"
    raise InvalidValue(f"no value was given for ${name}", hint=f"given: {given}")


def token_value(token: Token, minus: bool, parameters: Mapping[str, Scalar]) -> Scalar:
    """Return the value that a token of EXEC or SET stands for."""
    if token.kind is Kind.PARAMETER:
        return prepared(token.value[1:], parameters)
    if token.kind is Kind.NUMBER:
        number = _number(token.value.replace("_", ""))
        return -number if minus else number
    if token.kind is Kind.WORD and token.value.upper() in _WORDS:
        return _WORDS[token.value.upper()]
    return token.value


_WORDS: dict[str, Scalar] = {"TRUE": True, "FALSE": False, "NULL": None}


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _literal(literal: Node) -> Constant | None:
    text = literal.get("text", "")
    match literal.get("kind"):
        case "STRING":
            return (str(text),)
        case "INTEGER" | "NUMERIC":
            return (_number(str(text).replace("_", "")),)
        case "BOOLEAN":
            return (str(text).lower() == "true",)
        case "NULL_LITERAL":
            return (None,)
    return None


def _cast(node: Node, parameters: Mapping[str, Scalar]) -> Constant | None:
    inner = constant(node["child"], parameters)
    if inner is None or inner[0] is None:
        return inner
    name = str((node.get("type_expr") or {}).get("type_name", "")).upper()
    value = inner[0]
    try:
        if name in _WHOLE and not isinstance(value, float):
            return (int(value),)
        if name in _REAL:
            return (float(value),)
    except ValueError:
        return None
    return (as_text(value),) if name in _TEXT else None


def _function(node: Node, parameters: Mapping[str, Scalar]) -> Constant | None:
    values = [constant(argument["expression"], parameters) for argument in node.get("arguments", [])]
    known = [value[0] for value in values if value is not None]
    if len(known) != len(values) or not node.get("is_operator"):
        return None
    name = node.get("function_name")
    if name == "-" and len(known) == 1 and isinstance(known[0], (int, float)):
        return (-known[0],)
    if name == "||" and all(isinstance(value, str) for value in known):
        return ("".join(map(str, known)),)
    return None


def as_text(value: Scalar) -> str:
    """Return a value as a request spells it: booleans in lower case, whole floats without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def fit(value: Scalar, parameter: Parameter) -> Scalar:
    """Return a value in the type of the parameter it is bound to.

    Raises:
        InvalidValue: it does not fit.
    """
    if value is None:
        return None
    text = as_text(value)
    try:
        if parameter.type is SqlType.BIGINT:
            return int(text)
        if parameter.type is SqlType.DOUBLE:
            return float(text)
    except ValueError:
        raise InvalidValue(f"{parameter.name} takes a number, not {text!r}") from None
    if parameter.type is SqlType.BOOLEAN:
        return _fit_boolean(text, parameter)
    return text


def _fit_boolean(text: str, parameter: Parameter) -> bool:
    if text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    raise InvalidValue(f"{parameter.name} takes true or false, not {text!r}")
