"""Whatever is sent, the API answers in its own words: a success or an envelope, never a failure."""

import asyncio
import gzip
from collections.abc import Iterator

import msgspec
import pytest
from api_bench import TOKEN, TRAINING, ApiBench
from hypothesis import given, settings
from hypothesis import strategies as st

from tablecloud.jobs.api.calls import HttpRequest
from tablecloud.jobs.api.dispatch import answer


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path_factory.mktemp("api") / "root")
    made.create("a")
    yield made
    made.close()


SEGMENTS = st.sampled_from(
    [
        "v1",
        "projects",
        "demo",
        "jobs",
        "a",
        "operations",
        "job_a",
        "locations",
        "local",
        "batch",
        "%2F",
        "%ff",
        "é",
        "",
    ]
)
VERBS = st.sampled_from(
    ["", ":cancel", ":getIamPolicy", ":setIamPolicy", ":testIamPermissions", ":predict", ":", "::"]
)
PATHS = st.builds(
    lambda segments, verb: "/" + "/".join(segments) + verb,
    st.one_of(
        st.just(["v1", "projects", "demo", "jobs", "a"]),
        st.just(["v1", "projects", "demo", "jobs"]),
        st.just(["v1", "projects", "demo", "operations", "job_a"]),
        st.just(["batch"]),
        st.lists(SEGMENTS, max_size=7),
    ),
    VERBS,
)
NAMES = st.sampled_from(
    ["filter", "pageSize", "pageToken", "updateMask", "fields", "alt", "prettyPrint", "$.xgafv", "x",
     "options.requestedPolicyVersion", "returnPartialSuccess"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["labels", "etag", "jobs/jobId", "metadata.jobId:*", "1", "-1"])
)
QUERIES = st.lists(st.builds("{}={}".format, NAMES, TEXTS), max_size=3).map("&".join)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just(TRAINING))
KEYS = st.sampled_from(
    ["jobId", "trainingInput", "predictionInput", "labels", "etag", "policy", "bindings", "role", "members",
     "condition", "expression", "version", "permissions", "scheduling", "maxWaitTime", "masterConfig", "name",
     "args"]
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
BODIES = st.one_of(st.binary(max_size=30), JSON.map(msgspec.json.encode))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-http-method-override": st.sampled_from(["GET", "PATCH", "nope"]),
        "content-type": st.sampled_from(
            ["application/x-www-form-urlencoded", "multipart/mixed; boundary=b", "x"]
        ),
        "accept-encoding": st.just("gzip"),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD"]), PATHS, QUERIES, HEADERS, BODIES)
def test_every_request_is_answered(bench, method, path, query, headers, body):
    sent = {**headers, "authorization": f"Bearer {TOKEN}"}
    request = HttpRequest(method=method, path=path, query=query, headers=sent, body=body)
    reply = asyncio.run(answer(bench.api, request))
    assert reply.status in (200, 400, 403, 404, 405, 409, 501), reply.body
    if reply.status != 200:
        body = gzip.decompress(reply.body) if reply.body.startswith(b"\x1f") else reply.body
        assert msgspec.json.decode(body)["error"]["code"] == reply.status
