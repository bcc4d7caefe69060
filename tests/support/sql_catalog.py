"""A small catalog made by hand: enough shapes of tables to plan against, and no documents."""

from __future__ import annotations

from collections.abc import Sequence

from tablecloud.catalog.model import (
    Column,
    Form,
    Location,
    LongRunning,
    Method,
    Parameter,
    RemoteFilter,
    Resource,
    Verb,
)
from tablecloud.errors import UnknownMethod, UnknownProvider, UnknownResource
from tablecloud.sqltypes import SqlType, sql_type


def columns(*specs: str) -> tuple[Column, ...]:
    """`name:json_type:format` each."""
    made = []
    for spec in specs:
        name, json_type, format_ = (*spec.split(":"), "", "")[:3]
        json_type = json_type or "string"
        made.append(
            Column(
                name=name,
                path=(name,),
                type=sql_type(json_type, format_),
                json_type=json_type,
                format=format_,
            )
        )
    return tuple(made)


def path(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=name, wire=name, location=Location.PATH, required=True) for name in names)


def query(
    name: str, type_: SqlType = SqlType.VARCHAR, format_: str = "", required: bool = False
) -> Parameter:
    return Parameter(
        name=name, wire=name, location=Location.QUERY, type=type_, format=format_, required=required
    )


JOB = columns(
    "jobId",
    "state",
    "createTime:string:google-datetime",
    "trainingInput:object",
    "labels:object",
    "priority:integer",
)
PROJECT = path("projectsId")
JOB_KEY = path("projectsId", "jobsId")
LIST_QUERY = (query("filter"), query("pageSize", SqlType.BIGINT), query("pageToken"))


def _method(
    name: str, verb: Verb, http: str, template: str, parameters: tuple[Parameter, ...], **more: object
) -> Method:
    return Method(
        name=name,
        id=f"ml.projects.jobs.{name}",
        verb=verb,
        http=http,
        path=template,
        parameters=parameters,
        **more,  # type: ignore[arg-type]
    )


ONE = "v1/projects/{projectsId}/jobs/{jobsId}"
ALL = "v1/projects/{projectsId}/jobs"
IDENTITY = {"jobId": "jobsId"}
_WRITING = (
    _method(
        "create",
        Verb.INSERT,
        "POST",
        ALL,
        PROJECT,
        body=JOB,
        columns=JOB,
        identity=IDENTITY,
        long_running=LongRunning(poll="v1/projects/{projectsId}/jobs/{jobId}", acceptors=()),
    ),
    _method("cancel", Verb.EXEC, "POST", ONE + ":cancel", JOB_KEY, body=()),
    _method(
        "patch",
        Verb.EXEC,
        "PATCH",
        ONE,
        (*JOB_KEY, query("updateMask", format_="google-fieldmask")),
        body=JOB,
        columns=JOB,
        also=(Verb.UPDATE,),
    ),
    _method(
        "setIamPolicy",
        Verb.EXEC,
        "POST",
        ONE + ":setIamPolicy",
        JOB_KEY,
        body=columns("policy:object", "updateMask"),
    ),
)
_GET = _method("get", Verb.SELECT, "GET", ONE, JOB_KEY, columns=JOB, identity=IDENTITY)

JOBS = Resource(
    provider="google",
    service="ml",
    name="jobs",
    form=Form.TABLE,
    root_url="https://ml.googleapis.com/",
    twin="projects.jobs",
    methods=(
        _GET,
        _method(
            "list",
            Verb.SELECT,
            "GET",
            ALL,
            (*PROJECT, *LIST_QUERY),
            columns=JOB,
            items=("jobs",),
            identity=IDENTITY,
            remote_filter=RemoteFilter(
                parameter="filter",
                dialect="gcloud",
                columns={"state": ("=", "!="), "jobId": ("=",), "createTime": ("<", ">", "<=", ">=")},
            ),
        ),
        *_WRITING,
    ),
)
JOBS_PAGE = Resource(
    provider="google",
    service="ml",
    name="projects.jobs",
    form=Form.PAGE,
    root_url="https://ml.googleapis.com/",
    twin="jobs",
    methods=(
        _GET,
        _method(
            "list",
            Verb.SELECT,
            "GET",
            ALL,
            (*PROJECT, *LIST_QUERY),
            columns=columns("jobs:array", "nextPageToken"),
        ),
        *_WRITING,
    ),
)


def _simple(
    service: str, name: str, template: str, fields: str, parameters: tuple[Parameter, ...]
) -> Resource:
    method = Method(
        name="list",
        id=f"{service}.{name}.list",
        verb=Verb.SELECT,
        http="GET",
        path=template,
        parameters=parameters,
        columns=columns(*fields.split()),
        items=(name,),
    )
    insert = Method(
        name="insert",
        id=f"{service}.{name}.insert",
        verb=Verb.INSERT,
        http="POST",
        path=template,
        parameters=parameters,
        body=columns(*fields.split()),
        columns=columns(*fields.split()),
    )
    delete = Method(
        name="delete",
        id=f"{service}.{name}.delete",
        verb=Verb.DELETE,
        http="DELETE",
        path=template + "/{" + name + "Id}",
        parameters=(*parameters, *path(name + "Id")),
    )
    return Resource(
        provider="google",
        service=service,
        name=name,
        form=Form.TABLE,
        root_url=f"https://{service}.googleapis.com/",
        methods=(method, insert, delete),
    )


PROJECTS = _simple("crm", "projects", "v1/projects", "id state parent", (query("view"),))
BUCKETS = _simple(
    "storage", "buckets", "b", "name location project labels:object", (query("project", required=True),)
)
OBJECTS = _simple(
    "storage", "objects", "b/{bucket}/o", "name size:string:uint64 bucket", (*path("bucket"), query("prefix"))
)
ACTIONS = Resource(
    provider="google",
    service="ml",
    name="explainers",
    form=Form.TABLE,
    root_url="https://ml.googleapis.com/",
    methods=(_method("explain", Verb.EXEC, "POST", "v1/{projectsId}:explain", PROJECT),),
)


class StubCatalog:
    """The part of `Catalog` that planning uses, over a few resources."""

    def __init__(self, *resources: Resource) -> None:
        self._resources = {resource.id.casefold(): resource for resource in resources}

    def providers(self) -> list[str]:
        return sorted({resource.provider for resource in self._resources.values()})

    def resource(self, path: Sequence[str]) -> Resource:
        found = self._resources.get(".".join(path).casefold())
        if found is not None:
            return found
        if not path or path[0].casefold() not in self.providers():
            raise UnknownProvider(f"there is no provider {'.'.join(path)}")
        raise UnknownResource(f"there is no resource {'.'.join(path)}")

    def method(self, path: Sequence[str]) -> tuple[Resource, list[Method]]:
        resource = self.resource(path[:-1])
        methods = [method for method in resource.methods if method.name.casefold() == path[-1].casefold()]
        if not methods:
            raise UnknownMethod(f"{resource.id} has no method {path[-1]}")
        return resource, methods


CATALOG = StubCatalog(JOBS, JOBS_PAGE, PROJECTS, BUCKETS, OBJECTS, ACTIONS)
