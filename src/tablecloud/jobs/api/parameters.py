"""Query parameters: the method override, the system parameters, the method's own. Pure.

Contract: ml-jobs-service 1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tablecloud.jobs.api.calls import HttpRequest
from tablecloud.jobs.api.replies import Style
from tablecloud.jobs.api.routes import Route
from tablecloud.jobs.wire.errors import ApiError, invalid

_SYSTEM = {
    "alt": "alt",
    "fields": "fields",
    "prettyPrint": "prettyPrint",
    "pretty_print": "prettyPrint",
    "key": "key",
    "access_token": "access_token",
    "oauth_token": "access_token",
    "quotaUser": "quotaUser",
    "quota_user": "quotaUser",
    "$.xgafv": "xgafv",
    "$xgafv": "xgafv",
    "callback": "callback",
    "$callback": "callback",
    "$alt": "alt",
    "$fields": "fields",
    "$prettyPrint": "prettyPrint",
    "uploadType": "upload",
    "upload_protocol": "upload",
}
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")
_MAX_PARAMETERS = 100
_INT32 = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A request's query, parted."""

    system: dict[str, str] = field(default_factory=dict, repr=False)
    """By one name each; may hold an access token."""
    own: dict[str, str] = field(default_factory=dict)
    """As spelled by the caller."""


def apply_override(request: HttpRequest) -> tuple[str, str, bytes]:
    """Return method, query and body, after `X-HTTP-Method-Override`.

    A GET whose URL would be too long comes as a POST with its query as a form in the body (observed: the
    Python client from 2048 bytes on). Ignoring the header would turn a list into a create.

    Raises:
        ApiError: INVALID_ARGUMENT: an override by something that is no method.
    """
    override = request.headers.get("x-http-method-override", "").upper()
    if not override or request.method != "POST":
        return request.method, request.query, request.body
    if override not in _METHODS:
        raise invalid(f"X-HTTP-Method-Override: {override[:20]} is not a method.")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        return override, request.query, request.body
    try:
        form = request.body.decode("ascii").strip()
    except UnicodeDecodeError:
        raise invalid("The form in the body is not percent-encoded.") from None
    return override, "&".join(filter(None, (request.query, form))), b""


def split_parameters(query: str) -> Parameters:
    """Part a query string into system parameters and the method's own; of a repeated one the last holds.

    Raises:
        ApiError: INVALID_ARGUMENT: not UTF-8, or too many.
    """
    if not query:
        return Parameters()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise invalid("The query string is not UTF-8, or has too many parameters.") from None
    parameters = Parameters()
    for name, value in pairs:
        if name in _SYSTEM:
            parameters.system[_SYSTEM[name]] = value
        else:
            parameters.own[name] = value
    return parameters


def reply_style(parameters: Parameters, request: HttpRequest) -> Style:
    """Return how to write the reply; what makes no sense counts as absent, and `check_system` refuses it."""
    encodings = request.headers.get("accept-encoding", "")
    return Style(
        pretty=parameters.system.get("prettyPrint", "true").lower() not in ("false", "0"),
        legacy_errors=parameters.system.get("xgafv") == "1",
        gzip="gzip" in encodings and not _NO_GZIP.search(encodings),
    )


def check_system(parameters: Parameters) -> None:
    """Refuse system parameters that cannot be honoured.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    given = parameters.system
    if "callback" in given:
        raise invalid("JSONP is not offered: the parameter 'callback' must not be set.", field="callback")
    if given.get("alt", "json") not in ("json", "media", ""):
        raise invalid(f"The parameter alt={given['alt'][:40]} is not supported; use alt=json.", field="alt")
    if given.get("prettyPrint", "true").lower() not in ("true", "false", "1", "0", ""):
        raise _bad_parameter("prettyPrint", "TYPE_BOOL", given["prettyPrint"])
    if given.get("xgafv", "2") not in ("1", "2", ""):
        raise invalid("The parameter $.xgafv must be 1 or 2.", field="$.xgafv")
    if len(given.get("quotaUser", "")) > 40:
        raise invalid("The parameter quotaUser may have at most 40 characters.", field="quotaUser")


def own_parameters(route: Route, parameters: Parameters) -> dict[str, str]:
    """Return the method's parameters by their Discovery names.

    Raises:
        ApiError: INVALID_ARGUMENT: a parameter the method does not have.
    """
    result = {}
    for name, value in parameters.own.items():
        known = route.parameters.get(name)
        if known is None:
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{name[:80]}": Cannot bind query parameter. '
                f"Field '{name[:80]}' could not be found in request message.",
                field=name[:80],
            )
        result[known] = value
    return result


def integer_parameter(query: dict[str, str], name: str, proto: str) -> int | None:
    """Return an int32 parameter; None where it is absent or empty.

    Raises:
        ApiError: INVALID_ARGUMENT: it is no int32.
    """
    text = query.get(name, "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10) or not -_INT32 <= int(text) < _INT32:
        raise _bad_parameter(proto, "TYPE_INT32", text)
    return int(text)


def boolean_parameter(query: dict[str, str], name: str, proto: str) -> bool:
    """Return a boolean parameter; False where it is absent or empty.

    Raises:
        ApiError: INVALID_ARGUMENT: it is no boolean.
    """
    text = query.get(name, "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise _bad_parameter(proto, "TYPE_BOOL", text)
    return text in ("true", "1")


def _bad_parameter(proto: str, type_name: str, value: str) -> ApiError:
    return invalid(f"Invalid value at '{proto}' ({type_name}), \"{value[:80]}\"", field=proto)
