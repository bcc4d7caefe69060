"""Transport rules and error envelopes: contract 1.1, 1.3, 1.4, 1.11, 1.13."""

import gzip

import msgspec
import pytest
from api_bench import TOKEN, TRAINING

from tablecloud.jobs.api.dispatch import METHODS
from tablecloud.jobs.api.routes import match_route, routes
from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.schemas import document

JOBS = "/v1/projects/demo/jobs"
ROUTES = [route for by_method in routes().values() for route in by_method.values()]


def sample(flat_path):
    return "/" + flat_path.replace("{", "").replace("}", "")


def test_every_method_of_the_document_has_its_route():
    count = 0
    todo = [document()]
    while todo:
        node = todo.pop()
        todo += node.get("resources", {}).values()
        for spec in node.get("methods", {}).values():
            route, names = match_route(spec["httpMethod"], sample(spec["flatPath"]))
            assert route.id == spec["id"]
            assert all(name == value for name, value in names.items())
            count += 1
    assert count == len(ROUTES) == 46
    assert METHODS.keys() == {route.id for route in ROUTES}


def test_what_is_not_served_says_so(bench, monkeypatch):
    monkeypatch.delitem(METHODS, "ml.projects.getConfig")
    code, status, message = bench.refusal("GET", "/v1/projects/demo:getConfig")
    assert (code, status) == (501, "UNIMPLEMENTED")
    assert "ml.projects.getConfig" in message
    assert "not offer" in message


def test_predict_takes_a_name_of_any_depth(bench):
    assert "model was not found" in bench.refusal("POST", "/v1/projects/demo/models/m/versions/v:predict")[2]
    for path in ("projects/demo", "projects/demo/jobs/j", "projects/demo/models/m/versions/v/parts/p"):
        assert "must name a model" in bench.refusal("POST", f"/v1/{path}:predict")[2]


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v2/projects/demo/jobs", "/v1/projects//jobs", "/v1/projects/demo/jobs/",
     "/v1/projects/demo/jobs/a:b", "/v1/projects/demo/jobs/a%3Acancel:nope", "/v1/projects/demo/nope"],
)  # fmt: skip
def test_unknown_urls_are_json_404(bench, path):
    code, status, message = bench.refusal("GET", path)
    assert (code, status) == (404, "NOT_FOUND")
    assert "was not found on this server" in message


def test_405_names_what_is_allowed(bench):
    reply = bench.send("DELETE", f"{JOBS}/a")
    assert reply.status == 405
    assert ("Allow", "GET, PATCH") in reply.headers


def test_escapes_are_decoded_after_splitting(bench):
    assert match_route("GET", "/v1/projects/p/jobs/a%20b%25c")[1]["jobsId"] == "a b%c"
    assert match_route("GET", "/v1/projects/p/jobs/a%3Acancel")[1]["jobsId"] == "a:cancel"
    for path in ("/v1/projects/p%2Fjobs%2Fj/jobs", "/v1/projects/%ff/jobs", "/v1/projects/a%00b/jobs"):
        with pytest.raises(ApiError) as caught:
            match_route("GET", path)
        assert caught.value.status == "INVALID_ARGUMENT"


def test_override_turns_a_post_into_a_get(bench):
    bench.create("a")
    headers = {"x-http-method-override": "GET", "content-type": "application/x-www-form-urlencoded"}
    body = b"filter=" + b"jobId%3Aa+OR+" * 40 + b"jobId%3Aa"
    assert len(bench.call("POST", f"{JOBS}?alt=json", body, headers=headers)["jobs"]) == 1


def test_a_failed_create_leaves_no_row(bench):
    bench.refusal("POST", JOBS, {"jobId": "a", "trainingInput": {**TRAINING, "region": ""}})
    assert bench.call("GET", JOBS) == {}


def test_envelope_with_details(bench):
    error = msgspec.json.decode(bench.send("POST", JOBS, {"jobId": "1"}).body)["error"]
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert error["details"][0]["fieldViolations"][0]["field"] == "job.job_id"
    assert "errors" not in error


def test_legacy_errors(bench):
    error = msgspec.json.decode(bench.send("GET", f"{JOBS}/x?$.xgafv=1").body)["error"]
    assert error["errors"] == [{"message": error["message"], "domain": "global", "reason": "notFound"}]


@pytest.mark.parametrize(
    "query",
    ["callback=f", "alt=proto", "alt=xml", "prettyPrint=maybe", "$.xgafv=3", "fields=zzz", "bogus=1",
     "quotaUser=" + "x" * 41, "a%ff=1"],
)  # fmt: skip
def test_parameters_that_are_refused(bench, query):
    code, status, _ = bench.refusal("GET", f"{JOBS}?{query}")
    assert (code, status) == (400, "INVALID_ARGUMENT")


def test_unknown_parameter_text(bench):
    assert bench.refusal("GET", f"{JOBS}?bogus=1")[2] == (
        'Invalid JSON payload received. Unknown name "bogus": Cannot bind query parameter. '
        "Field 'bogus' could not be found in request message."
    )


def test_parameters_that_are_accepted(bench):
    query = "key=k&quotaUser=u&uploadType=media&upload_protocol=raw&alt=json&$.xgafv=2&prettyPrint=true"
    assert bench.call("GET", f"{JOBS}?{query}") == {}


def test_pretty_and_compact(bench):
    bench.create("a")
    assert bench.send("GET", JOBS).body.startswith(b'{\n  "jobs": [\n    {\n      "jobId"')
    assert bench.send("GET", f"{JOBS}?prettyPrint=false").body.startswith(b'{"jobs":[{"jobId"')


def test_gzip_for_long_replies_only(bench):
    headers = {"accept-encoding": "gzip, deflate"}
    assert bench.send("GET", JOBS, headers=headers).body == b"{}\n"
    for number in range(4):
        bench.create(f"j{number}")
    reply = bench.send("GET", JOBS, headers=headers)
    assert ("Content-Encoding", "gzip") in reply.headers
    assert len(msgspec.json.decode(gzip.decompress(reply.body))["jobs"]) == 4
    assert bench.send("GET", JOBS).body.startswith(b"{")


def test_a_failure_of_ours_says_nothing_of_itself(bench, monkeypatch, caplog):
    monkeypatch.setattr(bench.service, "get", lambda *_: 1 / 0)
    assert bench.refusal("GET", f"{JOBS}/a") == (500, "INTERNAL", "Internal error encountered.")
    assert "ZeroDivisionError" in caplog.text


def test_a_stopped_service_is_unavailable(bench):
    bench.service.stop()
    assert bench.refusal("GET", JOBS)[:2] == (503, "UNAVAILABLE")


def test_twin_operation_of_a_job(bench):
    bench.create("a", labels={"x": "1"})
    path = "/v1/projects/demo/operations/job_a"
    twin = bench.call("GET", path)
    assert twin["name"] == "projects/demo/operations/job_a"
    assert twin["done"] is False
    assert twin["metadata"]["@type"] == "type.googleapis.com/google.cloud.ml.v1.OperationMetadata"
    assert twin["metadata"]["isCancellationRequested"] is False
    assert bench.call("POST", f"{path}:cancel") == {} == bench.call("POST", f"{path}:cancel")
    done = bench.call("GET", path)
    assert done["done"] is True
    assert done["error"] == {"code": 1, "message": "Cancelled by user."}


def test_twins_are_listed_only_when_asked_for(bench):
    bench.create("a")
    path = "/v1/projects/demo/operations"
    assert bench.call("GET", path) == {}
    assert bench.call("GET", f"{path}?filter=done:false") == {}
    assert len(bench.call("GET", f"{path}?filter=metadata.jobId:*")["operations"]) == 1
    assert bench.refusal("GET", f"{path}?returnPartialSuccess=true")[0] == 501


def test_missing_operations(bench):
    for path in ("operations/job_x", "operations/x", "locations/us-central1/operations/x"):
        assert bench.refusal("GET", f"/v1/projects/demo/{path}")[1] == "NOT_FOUND"
        assert bench.refusal("POST", f"/v1/projects/demo/{path}:cancel")[1] == "NOT_FOUND"


def test_locations_and_config(bench):
    first = bench.call("GET", "/v1/projects/demo/locations?pageSize=10")
    rest = bench.call("GET", f"/v1/projects/demo/locations?pageSize=10&pageToken={first['nextPageToken']}")
    names = [place["name"] for place in first["locations"] + rest["locations"]]
    assert names[0] == "projects/demo/locations/local"
    assert len(set(names)) == 14
    assert bench.call("GET", f"/v1/{names[3]}")["name"] == names[3]
    assert bench.refusal("GET", "/v1/projects/demo/locations/moon")[0] == 404
    config = bench.call("GET", "/v1/projects/demo:getConfig")
    assert config["serviceAccount"].startswith(f"service-{config['serviceAccountProject']}@")


BATCH = b"""--b\r
Content-Type: application/http\r
Content-ID: <x + 1>\r
\r
POST /v1/projects/demo/jobs/a:cancel?alt=json HTTP/1.1\r
Content-Type: application/json\r
\r
{"name": "projects/demo/jobs/a"}\r
--b\r
Content-Type: application/http\r
Content-ID: <x + 2>\r
\r
GET /v1/projects/demo/jobs/nope HTTP/1.1\r
\r
\r
--b\r
Content-Type: application/http\r
\r
POST /batch HTTP/1.1\r
\r
\r
--b--\r
"""


def test_batch(bench):
    bench.create("a")
    headers = {"content-type": "multipart/mixed; boundary=b"}
    reply = bench.send("POST", "/batch", BATCH, headers=headers)
    assert reply.status == 200
    assert b"Content-ID: <response-x + 1>" in reply.body
    assert [reply.body.count(line) for line in (b"HTTP/1.1 200", b"HTTP/1.1 404", b"HTTP/1.1 400")] == [
        1,
        1,
        1,
    ]
    assert bench.call("GET", f"{JOBS}/a")["state"] == "CANCELLED"


def test_batches_that_are_refused(bench):
    for kind, body in (
        ("application/json", b"{}"),
        ("multipart/mixed; boundary=b", b""),
        ("multipart/mixed", BATCH),
    ):
        assert bench.refusal("POST", "/batch", body, headers={"content-type": kind})[0] == 400
    assert bench.refusal("GET", "/batch")[0] == 405


def test_a_part_has_no_more_rights_than_its_token(bench):
    headers = {"content-type": "multipart/mixed; boundary=b"}
    reply = bench.send("POST", "/batch", BATCH, token=None, headers=headers)
    assert reply.body.count(b"HTTP/1.1 401") == 2


def test_tokens(bench):
    reply = bench.send("GET", JOBS, token=None)
    assert reply.status == 401
    assert any(name == "WWW-Authenticate" and value.startswith("Bearer") for name, value in reply.headers)
    assert bench.send("GET", JOBS, token="wrong").status == 401
    assert bench.send("GET", f"{JOBS}?access_token={TOKEN}", token=None).status == 200
    assert bench.send("GET", f"{JOBS}?oauth_token={TOKEN}", token=None).status == 200
    assert bench.send("GET", "/v1/nowhere", token=None).status == 404
