"""Provider, service, resource, method, parameter, column: the catalog's records, as compiled and stored.

Structs, not dataclasses, because they are written to and read from the compiled index as MessagePack.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tablecloud.catalog.xml_shapes import XmlBody
from tablecloud.sqltypes import SqlType


class Verb(StrEnum):
    """The SQL statement that reaches a method."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    REPLACE = "REPLACE"
    DELETE = "DELETE"
    EXEC = "EXEC"


class Location(StrEnum):
    """Where a parameter goes in the request."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"
    SERVER = "server"


class Form(StrEnum):
    """The two faces of a resource (architecture section 3)."""

    PAGE = "page"
    """One row a response: `google.ml.projects.jobs` has the columns `jobs` and `nextPageToken`."""
    TABLE = "table"
    """One row an item: `google.ml.jobs`."""


class Parameter(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One value a method takes outside its body; for a query by POST, one field of it."""

    name: str
    """As SQL spells it: `projectsId`."""
    wire: str
    """As the request spells it."""
    location: Location
    type: SqlType = SqlType.VARCHAR
    required: bool = False
    repeated: bool = False
    format: str = ""
    """The document's format, such as `google-fieldmask`."""
    pattern: str = ""
    enum: tuple[str, ...] = ()
    default: str | None = None
    description: str = ""
    joined: str = ""
    """What joins the items of a repeated parameter to one value; empty repeats the key."""
    variable: str = ""
    """Environment variable that gives a server variable its value where the statement does not."""
    spread: bool = False
    """Whether a JSON value becomes several parameters: `Filter.1.Name`, `Filter.1.Value.1`."""


class Column(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One field of a row, or one field of a request body."""

    name: str
    path: tuple[str, ...]
    """Keys from the row's object (or the body's root) down to the value."""
    type: SqlType = SqlType.JSON
    json_type: str = "object"
    """`string`, `integer`, `number`, `boolean`, `object`, `array`: what the reference page prints."""
    format: str = ""
    required: bool = False
    read_only: bool = False
    enum: tuple[str, ...] = ()
    description: str = ""


class Follow(StrEnum):
    """How the next page is asked for."""

    QUERY = "query"
    """The token goes into a query parameter."""
    BODY = "body"
    """The token goes into a field of the body."""
    URL = "url"
    """The token is the address of the next page."""
    NUMBER = "number"
    """The response says which page it is, of how many."""
    GUESS = "guess"
    """The document says nothing: a next link is followed where the response has one."""


class Pagination(Struct, frozen=True, array_like=True, omit_defaults=True):
    """How a list says that there is more: a token in the response, sent back with the next request."""

    request: str
    """Wire name of the parameter, or of the body's field, that takes the token."""
    response: tuple[str, ...]
    """Path of the token in the response; absent or empty means the end. Where `header`, the header's name."""
    page_size: str = ""
    """Wire name of the parameter that asks for larger pages; empty where there is none."""
    follow: Follow = Follow.QUERY
    header: bool = False
    """Whether the token is the `rel="next"` link of a header."""
    total: tuple[str, ...] = ()
    """Path of the number of pages, for `Follow.NUMBER`."""


class Acceptor(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One rule that tells from a polled response that the waiting is over."""

    path: tuple[str, ...]
    values: tuple[str, ...] = ()
    """Texts (or JSON literals, `true`) that match; none means: the field is present."""
    success: bool = True


class LongRunning(Struct, frozen=True, array_like=True, omit_defaults=True):
    """How to wait for what a method began. Rules are tried in order; the first match decides."""

    poll: str
    """URL template of the GET: `v1/{+name}` below the service's root, or `{+selfLink}`; names are fields of
    the first response or arguments of the call; `{+x}` is inserted as it is, `{x}` percent-encoded."""
    acceptors: tuple[Acceptor, ...]
    progress: tuple[str, ...] = ()
    """Path of the word shown while waiting, such as `state`."""
    message: tuple[str, ...] = ()
    """Path of the failure's text; a number in it is a place in an array: `error.errors.0.message`."""
    result: tuple[str, ...] = ()
    """Path of the final resource in the last response; empty means the response itself."""
    follow: str = ""
    """URL template of one more GET whose answer is the final resource (compute's `{+targetLink}`)."""


class RemoteFilter(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a list method can filter by itself. A remote filter only saves work: the engine filters again."""

    parameter: str
    """Wire name of the query parameter that takes the expression."""
    dialect: str
    """`gcloud`: terms `key op "value"` joined by ` AND `."""
    columns: dict[str, tuple[str, ...]] = {}
    """Column name -> operators (`=`, `!=`, `<`, `<=`, `>`, `>=`) whose remote result never lacks a row."""


class Reshape(StrEnum):
    """What is done to a response before its rows are read: a document's template, by what it does."""

    FLATTEN_LIST = "flatten_list"
    """`value` is the list; the members of each row's `properties` become members of the row."""
    FLATTEN_ONE = "flatten_one"
    """The same for a response that is one row."""


class Transform(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a document has done to a text before it is sent, or before its rows are read."""

    kind: str
    """As documents name it: `golang_template_json_v0.3.0`."""
    template: str = ""
    protocol: str = ""
    """The service's protocol, `info.x-protocol`."""
    elements: dict[str, str] = {}
    """Property of a row -> its element in XML, where that has another name."""


class BodyRules(Struct, frozen=True, array_like=True, omit_defaults=True):
    """How a request body is made beside its fields."""

    media_type: str = "application/json"
    base: str = ""
    """JSON object that the user's fields are laid upon; empty for none."""
    bare_names: bool = False
    """Whether SHOW and DESCRIBE name the fields without `data__`."""
    transform: Transform | None = None
    """What makes the text that is sent from the JSON body."""
    xml: XmlBody | None = None
    """How it goes out, where it goes out as XML."""


class Method(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One operation of the API, seen from one resource."""

    name: str
    """`list`"""
    id: str
    """`ml.projects.jobs.list`, as the document has it."""
    verb: Verb
    http: str
    """`GET`, `POST` …"""
    path: str
    """URL template below the service's root: `v1/projects/{projectsId}/jobs`."""
    parameters: tuple[Parameter, ...] = ()
    """Path parameters first, in path order, then query parameters by name."""
    body: tuple[Column, ...] = ()
    """Top-level fields of the request body; empty where there is no body."""
    columns: tuple[Column, ...] = ()
    """Fields of one row."""
    items: tuple[str, ...] = ()
    """Path of the array of rows in the response; empty means the response is the row. A `*` in it stands for
    each value of the object there: `items`, `*`, `instances` reads compute's aggregated lists."""
    pagination: Pagination | None = None
    long_running: LongRunning | None = None
    remote_filter: RemoteFilter | None = None
    also: tuple[Verb, ...] = ()
    """Further verbs that reach it: `patch` is EXEC on the page and UPDATE as well."""
    description: str = ""
    response: str = ""
    """Name of the response's schema."""
    free_body: bool = False
    """The body is any JSON object, and so is the answer: the document has only a wrapper for both."""
    identity: dict[str, str] = {}
    """Column of a row -> parameter it is the value of (`jobId` -> `jobsId`): rows say how to reach them."""
    body_rules: BodyRules = BodyRules()
    accept: str = ""
    """Media type to ask for; empty means JSON."""
    root_url: str = ""
    """Where this method is served, in place of the resource's `root_url`."""
    reshape: Reshape | None = None
    transform: Transform | None = None
    """What makes JSON with the rows from a response; in place of `reshape`."""
    form: bool = False
    """Whether the query goes as the form of a POST."""
    unsupported: str = ""
    """Why this version cannot call it, as the end of a sentence; empty where it can."""

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required parameters, path order first."""
        return tuple(p.name for p in self.parameters if p.required)

    @property
    def read_only(self) -> bool:
        """Whether sending it twice does no harm: a GET, a HEAD, or what SELECT calls, even by POST."""
        return (self.http in ("GET", "HEAD") and not self.form) or self.verb is Verb.SELECT

    @property
    def is_query(self) -> bool:
        """Whether it is a POST that only reads: its parameters are its body."""
        if self.http in ("GET", "HEAD"):
            return False
        return self.verb is Verb.SELECT and any(p.location is Location.BODY for p in self.parameters)


class Resource(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One table: its names, its methods in document order, and where its service is."""

    provider: str
    service: str
    """As SQL spells it: `ml`, `compute_beta`."""
    name: str
    """`projects.jobs` or `jobs`."""
    form: Form
    methods: tuple[Method, ...]
    root_url: str
    """`https://ml.googleapis.com/`; method paths hang below it."""
    version: str = ""
    twin: str = ""
    """Name of the same resource in the other form; empty where there is one name for both."""
    description: str = ""
    scopes: tuple[str, ...] = ()
    """OAuth scopes of the service."""
    standing: dict[str, str] = {}
    """Query parameters of every call, by wire name: `prettyPrint=false` saves a third of the bytes."""
    signing_service: str = ""
    """Name of the service in signatures (AWS): `ec2`; empty where calls need none of that kind."""
    ordered: bool = False
    """Whether the order of the methods is the document's choice: the first that can be called is meant."""

    @property
    def id(self) -> str:
        """The full name: `google.ml.projects.jobs`."""
        return f"{self.provider}.{self.service}.{self.name}"

    @property
    def default_select(self) -> Method | None:
        """The SELECT method whose columns stand for the resource: `list`, else one that pages, else any.

        None where SELECT does not reach the resource.
        """
        methods = self.serving(Verb.SELECT)
        if self.ordered:
            return next(iter(methods), None)
        listed = [m for m in methods if m.name == "list"] or [m for m in methods if m.items or m.pagination]
        return next(iter(listed or methods), None)

    def serving(self, verb: Verb) -> tuple[Method, ...]:
        """Return the methods that a verb can choose from, in document order."""
        return tuple(m for m in self.methods if m.verb is verb or verb in m.also)


class ServiceEntry(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One service, as SHOW SERVICES lists it."""

    provider: str
    name: str
    version: str
    title: str = ""
    description: str = ""
    preferred: bool = True
    document: str = ""
    """Where it was read from."""
    beneath: str = ""
    """A document whose names hold where `document` has none of that name."""
    packaged: bool = False
    """Whether `document` is of a registry package."""


class ResourceEntry(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One resource, as SHOW RESOURCES lists it."""

    provider: str
    service: str
    name: str
    form: Form
    description: str = ""
