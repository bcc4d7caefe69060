"""Builds the HTTP request of one call: URL, query, headers, body. Nothing is sent here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec

from tablecloud.catalog.model import Location, Method, Parameter, Resource
from tablecloud.catalog.xml_shapes import XmlBody
from tablecloud.errors import InvalidValue, NotSupported
from tablecloud.rest.body import Scalar, body_of_arguments, lay_upon
from tablecloud.rest.messages import Request, Signing
from tablecloud.rest.template import expand, expand_server, quote_query

# Standard query parameters of Google APIs that carry a credential; masked when a user gives one.
_SECRET_QUERY = frozenset({"key", "access_token", "oauth_token"})


def build_request(
    resource: Resource, method: Method, arguments: Mapping[str, Scalar], body: bytes | None, *, root_url: str
) -> Request:
    """Return the request that carries out one call, complete but for credentials.

    Parameters, Raises: see `compose_request`.
    """
    return as_sent(compose_request(resource, method, arguments, body, root_url=root_url), method)


def as_sent(request: Request, method: Method) -> Request:
    """Return a request in the form in which the service takes it, the last step of all.

    Raises:
        TransformError: it has a body already, and its query should become one.
    """
    if not method.form:
        return request
    from tablecloud.rest.transform.flatten import query_to_form

    form = query_to_form(request.url, request.body or b"")
    headers = [pair for pair in request.headers if pair[0].lower() != "content-type"]
    return replace(
        request,
        http="POST",
        url=form.url,
        body=form.body,
        headers=(*headers, ("Content-Type", form.content_type)),
    )


def compose_request(
    resource: Resource, method: Method, arguments: Mapping[str, Scalar], body: bytes | None, *, root_url: str
) -> Request:
    """Return the request of one call, its query not yet made a form: the next page's is made from it.

    Parameters:
        arguments: values by the parameter's SQL name; None means not given.
            A repeated parameter takes a JSON array.
        body: JSON text; None sends none, but for a query by POST, whose parameters are its body.
        root_url: where the service is, with its `{server}` variables; usually `resource.root_url`.

    Raises:
        MissingParameter: a path parameter has no value.
        InvalidValue: a path value is empty or a dot segment, or a header value holds a line break.
        NotSupported: the method needs something that this version does not have.
        TransformError: the document's template does not fit the body.
    """
    if method.unsupported:
        raise NotSupported(
            f"{resource.id}.{method.name} cannot be called in this version: {method.unsupported}",
            hint=f"SHOW METHODS IN {resource.id} lists the others",
        )
    values = {p.name: scalar_text(arguments.get(p.name)) for p in method.parameters}
    places = _places(method, values)
    if method.root_url and root_url == resource.root_url:
        # An endpoint that was configured speaks for the whole service.
        root_url = method.root_url
    root = expand_server(root_url, lambda name: places.get((Location.SERVER, name)))
    asked = body_of_arguments(method, arguments)
    body = lay_upon(asked.decode(), body) if asked else body
    body = _transformed(lay_upon(method.body_rules.base, body), method)
    path = expand(method.path, lambda name: places.get((Location.PATH, name)))
    query = list(_query_pairs(method, values))
    query += [(quote_query(key), quote_query(value)) for key, value in resource.standing.items()]
    url = f"{root.rstrip('/')}/{path.lstrip('/')}"
    if query:
        url += ("&" if "?" in path else "?") + "&".join(f"{key}={value}" for key, value in query)
    return Request(
        http=method.http,
        url=url,
        headers=_headers(method, values, has_body=body is not None),
        body=body,
        method_id=method.id,
        provider=resource.provider,
        signing=_signing(resource, places),
        repeatable=method.read_only,
        secrets=tuple(value for key, value in query if key in _SECRET_QUERY),
    )


def _transformed(body: bytes | None, method: Method) -> bytes | None:
    """Return the text that goes out for the JSON body: what the document's template makes of it, or XML."""
    rules = method.body_rules
    if body is None or (rules.transform is None and rules.xml is None):
        return body
    if rules.transform is not None:
        from tablecloud.rest.transform.response import apply_request_transform

        return apply_request_transform(rules.transform.kind, rules.transform.template, body)
    from tablecloud.rest.transform.xmlbody import xml_body

    rule, fields = rules.xml or XmlBody(), msgspec.json.decode(body, type=dict[str, object])
    # Without a field there is no element to send: a bucket is created without a configuration.
    return xml_body(fields, rule) if fields or rule.root else None


def _signing(resource: Resource, places: Mapping[tuple[Location, str], str | None]) -> Signing | None:
    """Return what signatures over the call cover: the region is a variable of the server's address."""
    if not resource.signing_service:
        return None
    region = places.get((Location.SERVER, "region")) or "us-east-1"
    return Signing(service=resource.signing_service, region=region)


def scalar_text(value: Scalar) -> str | None:
    """Return a value as requests spell it: `true`, `5` for 5.0, text as it is; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _places(method: Method, values: Mapping[str, str | None]) -> dict[tuple[Location, str], str | None]:
    """Index path and server values by every name a template may use: the wire's and SQL's."""
    places: dict[tuple[Location, str], str | None] = {}
    for parameter in method.parameters:
        value = values[parameter.name]
        if value is None and parameter.location is Location.SERVER:
            given = os.environ.get(parameter.variable) if parameter.variable else None
            value = given or parameter.default
        places[parameter.location, parameter.name] = value
        places[parameter.location, parameter.wire] = value
    return places


def _query_pairs(method: Method, values: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Yield encoded key and value of each query parameter that is given, in document order."""
    for parameter in method.parameters:
        value = values[parameter.name]
        if parameter.location is Location.QUERY and value is not None:
            for key, one in _spread(parameter, value):
                yield quote_query(key), quote_query(one)


def _spread(parameter: Parameter, value: str) -> Iterable[tuple[str, str]]:
    """Return the keys and values that one parameter is sent as."""
    if parameter.spread:
        from tablecloud.rest.transform.flatten import flatten_canonical

        return flatten_canonical(parameter.wire, value)
    return [(parameter.wire, one) for one in _repeated(parameter, value)]


def _repeated(parameter: Parameter, value: str) -> list[str]:
    """Split the JSON array of a repeated parameter, or join its items; any other text is one value."""
    if not parameter.repeated or not value.startswith("["):
        return [value]
    try:
        items = msgspec.json.decode(value, type=list[str | int | float | bool])
    except msgspec.MsgspecError:
        return [value]
    texts = [scalar_text(item) or "" for item in items]
    return [parameter.joined.join(texts)] if parameter.joined else texts


def _headers(
    method: Method, values: Mapping[str, str | None], *, has_body: bool
) -> tuple[tuple[str, str], ...]:
    """Return the headers: what the call gives, then the media types, then the document's defaults."""
    headers = [("Accept", method.accept or "application/json")]
    if has_body:
        headers.append(("Content-Type", method.body_rules.media_type))
    for parameter in method.parameters:
        if parameter.location is not Location.HEADER:
            continue
        given = values[parameter.name]
        if given is not None:
            headers = [pair for pair in headers if pair[0].lower() != parameter.wire.lower()]
            headers.append((parameter.wire, _header_value(parameter, given)))
        elif parameter.default is not None and not _taken(headers, parameter.wire, has_body):
            headers.append((parameter.wire, _header_value(parameter, parameter.default)))
    return tuple(headers)


def _taken(headers: Iterable[tuple[str, str]], name: str, has_body: bool) -> bool:
    """Tell whether a header's default has no place: it is there, or says the type of a body that is not."""
    if name.lower() == "content-type" and not has_body:
        return True
    return any(key.lower() == name.lower() for key, _ in headers)


def _header_value(parameter: Parameter, value: str) -> str:
    if "\r" in value or "\n" in value or "\0" in value:
        raise InvalidValue(f"the parameter {parameter.name} is a header and cannot hold a line break")
    return value
