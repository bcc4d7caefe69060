from __future__ import annotations

from discovery_documents import OPERATIONS, SCHEMAS, encoded, method, record

from tablecloud.catalog.model import Acceptor, LongRunning, Method, Pagination
from tablecloud.catalog.readers.discovery import read_resources

STRING = {"type": "string"}
ERROR = {"type": "object", "properties": {"errors": {"type": "array", "items": {"type": "object"}}}}
LINKED = record(selfLink=STRING, status=STRING, targetLink=STRING, error=ERROR)


def only(data: bytes, resource: str, name: str) -> Method:
    found = read_resources(data, "library.v1.json", provider="acme", service="library")
    return next(m for r in found if r.name == resource for m in r.methods if m.name == name)


def test_an_operation_is_polled_by_its_name_under_the_methods_version() -> None:
    rule = only(encoded(), "books", "create").long_running
    assert rule == LongRunning(
        poll="v1/{+name}",
        acceptors=(Acceptor(path=("error",), success=False), Acceptor(path=("done",), values=("true",))),
        message=("error", "message"),
        result=("response",),
    )
    assert only(encoded(), "operations", "get").long_running is None


def test_the_version_of_the_path_counts_and_must_offer_a_poll() -> None:
    create = method("POST", "v2/b", response="Operation")
    tree = {"books": {"create": create}, "operations": OPERATIONS}
    assert only(encoded(tree), "books", "create").long_running is None
    polled = {"get": method("GET", "v2/{+name}", response="Operation")}
    rule = only(encoded({**tree, "operations": polled}), "books", "create").long_running
    assert rule is not None and rule.poll == "v2/{+name}"


def test_a_version_in_the_service_path_stands_before_the_poll() -> None:
    tree = {
        "b": {"create": method("POST", "b", response="Operation")},
        "o": {"get": method("GET", "{+name}", response="Operation")},
    }
    rule = only(encoded(tree, service_path="lib/v1/"), "b", "create").long_running
    assert rule is not None and rule.poll == "lib/v1/{+name}"


def test_a_linked_operation_is_polled_by_its_link() -> None:
    schemas = {**SCHEMAS, "Op": LINKED}
    tree = {
        "b": {
            n: method(h, "b", response="Op")
            for n, h in (("insert", "POST"), ("delete", "DELETE"), ("get", "GET"))
        }
    }
    data = encoded(tree, schemas=schemas)
    rule = only(data, "b", "insert").long_running
    assert rule is not None
    assert (rule.poll, rule.follow, rule.progress) == ("{+selfLink}", "{+targetLink}", ("status",))
    assert rule.message == ("error", "errors", "0", "message")
    assert rule.acceptors[-1] == Acceptor(path=("status",), values=("DONE",))
    deleted = only(data, "b", "delete").long_running
    assert deleted is not None and deleted.follow == ""
    assert only(data, "b", "get").long_running is None


def test_paging_needs_a_token_on_both_sides() -> None:
    token = {"type": "string", "location": "query"}
    books = {"list": method("GET", "b", response="ListBooksResponse", pageToken=token, maxResults=token)}
    assert only(encoded({"b": books}), "b", "list").pagination == Pagination(
        request="pageToken", response=("nextPageToken",), page_size="maxResults"
    )
    for response, parameters in (("ListBooksResponse", {}), ("Book", {"pageToken": token})):
        data = encoded({"b": {"list": method("GET", "b", response=response, **parameters)}})
        assert only(data, "b", "list").pagination is None
