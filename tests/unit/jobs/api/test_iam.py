"""Policies, roles, principals: contract 1.10."""

import pytest
from api_bench import TOKEN

from tablecloud.errors import SettingError
from tablecloud.jobs.api.conditions import Attributes, condition_holds
from tablecloud.jobs.api.principals import load_principals, local_principals
from tablecloud.jobs.api.roles import ROLES, is_member_name

JOB = "/v1/projects/demo/jobs/a"
VIEWER = {"role": "roles/ml.viewer", "members": ["user:ann@example.com"]}
GUARDED = {
    "role": "roles/ml.jobOwner",
    "members": ["user:bob@example.com"],
    "condition": {"title": "t", "expression": "resource.name.startsWith('projects/demo/')"},
}


@pytest.fixture
def shared(bench, tmp_path):
    """Ann and Bob have tokens; Cat is in a group that may view the project."""
    path = tmp_path / "principals.json"
    path.write_text(
        '{"tokens": {"ann": "user:ann@example.com", "bob": "user:bob@example.com",'
        ' "cat": "user:cat@example.com"},'
        ' "groups": {"group:g@example.com": ["user:cat@example.com"]},'
        ' "bindings": {"demo": [{"role": "roles/ml.viewer", "members": ["group:g@example.com"]}]}}'
    )
    path.chmod(0o600)
    bench.use(load_principals(path, TOKEN))
    bench.create("a")
    return bench


def set_policy(bench, policy, **more):
    return bench.call("POST", f"{JOB}:setIamPolicy", {"policy": policy, **more})


def test_an_unset_policy_is_empty(bench):
    bench.create("a")
    assert bench.call("GET", f"{JOB}:getIamPolicy") == {"etag": "ACAB"}


def test_set_and_get(bench):
    bench.create("a")
    policy = set_policy(bench, {"bindings": [VIEWER]})
    assert policy["bindings"] == [VIEWER]
    assert policy["version"] == 1
    assert bench.call("GET", f"{JOB}:getIamPolicy") == policy


def test_stale_etags_abort(bench):
    bench.create("a")
    first = set_policy(bench, {"bindings": [VIEWER], "etag": "ACAB"})["etag"]
    second = set_policy(bench, {"bindings": [], "etag": first})
    assert "bindings" not in second
    for stale in (first, "ACAB", "AAAA"):
        body = {"policy": {"bindings": [VIEWER], "etag": stale}}
        code, status, message = bench.refusal("POST", f"{JOB}:setIamPolicy", body)
        assert (code, status) == (409, "ABORTED")
        assert message.startswith("There were concurrent policy changes.")
    set_policy(bench, {"bindings": [VIEWER]})


def test_audit_configs_only_with_the_mask(bench):
    bench.create("a")
    audit = [{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]
    assert "auditConfigs" not in set_policy(bench, {"bindings": [VIEWER], "auditConfigs": audit})
    with_audit = set_policy(bench, {"auditConfigs": audit}, updateMask="audit_configs")
    assert with_audit["auditConfigs"] == audit
    assert with_audit["bindings"] == [VIEWER]


def test_conditions_are_hidden_from_old_versions(bench):
    bench.create("a")
    set_policy(bench, {"version": 3, "bindings": [VIEWER, GUARDED]})
    old = bench.call("GET", f"{JOB}:getIamPolicy")
    assert old["version"] == 1
    assert old["bindings"][0] == VIEWER
    assert old["bindings"][1]["role"].startswith("roles/ml.jobOwner_withcond_")
    assert "condition" not in old["bindings"][1]
    new = bench.call("GET", f"{JOB}:getIamPolicy?options.requestedPolicyVersion=3")
    assert (new["version"], new["bindings"][1]) == (3, GUARDED)
    assert bench.refusal("GET", f"{JOB}:getIamPolicy?options.requestedPolicyVersion=2")[0] == 400


@pytest.mark.parametrize(
    "policy",
    [
        {"bindings": [{"role": "roles/nope", "members": ["allUsers"]}]},
        {"bindings": [{"role": "roles/ml.jobOwner_withcond_1", "members": ["allUsers"]}]},
        {"bindings": [{"role": "roles/ml.viewer", "members": []}]},
        {"bindings": [{"role": "roles/ml.viewer"}]},
        {"bindings": [{"role": "roles/ml.viewer", "members": ["ann"]}]},
        {"bindings": [{"role": "roles/ml.viewer", "members": ["user:a@x"] * 1501}]},
        {"bindings": [{"role": "roles/ml.viewer", "members": ["group:a@x"] * 251}]},
        {"version": 1, "bindings": [GUARDED]},
        {"version": 2, "bindings": []},
        {"version": 3, "bindings": [{**VIEWER, "condition": {}}]},
    ],
)
def test_policies_that_are_refused(bench, policy):
    bench.create("a")
    assert bench.refusal("POST", f"{JOB}:setIamPolicy", {"policy": policy})[:2] == (400, "INVALID_ARGUMENT")
    assert bench.call("GET", f"{JOB}:getIamPolicy") == {"etag": "ACAB"}


def test_a_conditional_policy_is_changed_only_by_version_3(bench):
    bench.create("a")
    set_policy(bench, {"version": 3, "bindings": [GUARDED]})
    assert bench.refusal("POST", f"{JOB}:setIamPolicy", {"policy": {"bindings": [VIEWER]}})[0] == 400


def test_policy_methods_of_a_missing_job(bench):
    assert bench.refusal("GET", f"{JOB}:getIamPolicy")[0] == 404
    assert bench.refusal("POST", f"{JOB}:setIamPolicy", {"policy": {}})[0] == 404
    assert bench.call("POST", f"{JOB}:testIamPermissions", {"permissions": ["ml.jobs.get"]}) == {}


def test_permissions_are_tested_in_the_order_asked(shared):
    asked = ["ml.jobs.update", "ml.jobs.get", "nope", "ml.jobs.list"]
    body = {"permissions": asked}
    assert shared.call("POST", f"{JOB}:testIamPermissions", body)["permissions"] == [
        "ml.jobs.update", "ml.jobs.get", "ml.jobs.list"
    ]  # fmt: skip
    assert shared.call("POST", f"{JOB}:testIamPermissions", body, token="cat")["permissions"] == [
        "ml.jobs.get", "ml.jobs.list"
    ]  # fmt: skip
    assert shared.call("POST", f"{JOB}:testIamPermissions", body, token="ann") == {}
    assert shared.refusal("POST", f"{JOB}:testIamPermissions", {"permissions": ["ml.jobs.*"]})[0] == 400


def test_without_the_permission_existing_and_missing_look_the_same(shared):
    for job in ("a", "missing"):
        path = f"/v1/projects/demo/jobs/{job}"
        code, status, message = shared.refusal("GET", path, token="ann")
        assert (code, status) == (403, "PERMISSION_DENIED")
        assert message == (
            f"Permission 'ml.jobs.get' denied on resource 'projects/demo/jobs/{job}' (or it may not exist)."
        )


def test_project_roles_hold_for_their_project(shared):
    assert shared.call("GET", JOB, token="cat")["jobId"] == "a"
    assert shared.refusal("POST", f"{JOB}:cancel", token="cat")[0] == 403
    assert shared.refusal("GET", "/v1/projects/p2/jobs", token="cat")[0] == 403
    assert shared.refusal("POST", "/v1/projects/demo/jobs", {"jobId": "b"}, token="cat")[0] == 403
    assert shared.refusal("GET", "/v1/projects/demo/jobs", token="ann")[0] == 403


def test_a_jobs_policy_is_enforced(shared):
    set_policy(shared, {"version": 3, "bindings": [VIEWER, GUARDED]})
    assert shared.call("GET", JOB, token="ann")["jobId"] == "a"
    assert shared.refusal("POST", f"{JOB}:cancel", token="ann")[0] == 403
    assert shared.call("POST", f"{JOB}:cancel", token="bob") == {}
    set_policy(shared, {"version": 3, "bindings": []})
    assert shared.refusal("GET", JOB, token="ann")[0] == 403


def test_a_condition_nobody_can_evaluate_grants_nothing(shared):
    odd = {**GUARDED, "condition": {"expression": "request.auth.claims.x == 1"}}
    set_policy(shared, {"version": 3, "bindings": [odd]})
    assert shared.refusal("GET", JOB, token="bob")[0] == 403


def test_the_twin_does_not_widen_rights(shared):
    set_policy(
        shared, {"bindings": [{"role": "roles/ml.operationOwner", "members": ["user:bob@example.com"]}]}
    )
    twin = "/v1/projects/demo/operations/job_a"
    assert shared.refusal("POST", f"{twin}:cancel", token="bob")[0] == 403
    assert shared.refusal("GET", twin, token="bob")[0] == 403
    assert shared.call("GET", twin, token="cat")["done"] is False


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("true", True),
        ("!false && (true || false)", True),
        ("resource.name == 'projects/p/jobs/j'", True),
        ("resource.name.startsWith('projects/p/')", True),
        ('resource.name.endsWith("/j") && resource.service == "ml.googleapis.com"', True),
        ("resource.type == 'ml.googleapis.com/Job'", True),
        ("request.time < timestamp('2020-10-01T00:00:00.000Z')", True),
        ("request.time >= timestamp('2020-10-01T00:00:00Z')", False),
        ("'abc'.contains('b')", True),
        ("resource.name", False),
        ("'true'", False),
        ("1 == 1", False),
        ("true || request.auth == 1", False),
        ("!(request.auth == 1)", False),
        ("resource.name == true", False),
        ("request.time == 'x'", False),
        ("true true", False),
        ("(true", False),
        ("", False),
        ("resource.name.matches('.*')", False),
        ("timestamp('x') < request.time", False),
        ("'a\\n' == 'an'", False),
        ("(" * 1000 + "true" + ")" * 1000, False),
        ("!" * 1001 + "false", False),
    ],
)
def test_conditions(text, holds):
    attributes = Attributes(time=1_577_836_800.0, name="projects/p/jobs/j", type="ml.googleapis.com/Job")
    assert condition_holds(text, attributes) is holds


def test_roles_as_the_contract_lists_them():
    assert "ml.jobs.cancel" not in ROLES["roles/ml.developer"]
    assert "ml.jobs.update" not in ROLES["roles/ml.developer"]
    assert "ml.versions.create" not in ROLES["roles/ml.developer"]
    assert "ml.jobs.setIamPolicy" not in ROLES["roles/ml.editor"]
    assert len(ROLES["roles/ml.admin"]) == 38
    assert ROLES["roles/ml.viewer"] < ROLES["roles/ml.editor"] < ROLES["roles/ml.admin"]


@pytest.mark.parametrize(
    ("name", "well_formed"),
    [("allUsers", True), ("user:a@x", True), ("principal://iam.x/y", True), ("deleted:user:a?uid=1", True),
     ("ann", False), ("user:", False), ("robot:x", False)],
)  # fmt: skip
def test_member_names(name, well_formed):
    assert is_member_name(name) is well_formed


@pytest.mark.parametrize(
    "content", ["", "[]", '{"tokens": 1}', '{"x": {}}', '{"bindings": {"p": [{"role": "r", "members": []}]}}']
)
def test_principal_files_that_are_refused(tmp_path, content):
    path = tmp_path / "p.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SettingError):
        load_principals(path, TOKEN)


def test_a_principal_file_must_be_private(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(SettingError, match="open to others") as caught:
        load_principals(path, TOKEN)
    assert "chmod 600" in caught.value.hint


def test_tokens_do_not_show():
    assert TOKEN not in repr(local_principals(TOKEN))


def test_an_open_server_serves_programs_and_no_web_pages(bench):
    bench.use(local_principals(TOKEN, open_door=True))
    jobs = "/v1/projects/demo/jobs"
    for headers in ({}, {"host": "127.0.0.1:8080"}, {"host": "localhost"}, {"host": "[::1]:80"}):
        assert bench.send("GET", jobs, token=None, headers=headers).status == 200
    assert bench.send("GET", jobs, token="anything").status == 200
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example:8080"}):
        assert bench.send("GET", jobs, token=None, headers=headers).status == 403


def test_a_batch_does_not_hide_where_it_comes_from(bench):
    bench.use(local_principals(TOKEN, open_door=True))
    part = (
        b"--b\r\nContent-Type: application/http\r\n\r\n"
        b"GET /v1/projects/demo/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n--b--\r\n"
    )
    kind = {"content-type": "multipart/mixed; boundary=b"}
    for outer, status in (
        ({}, b"200"),
        ({"host": "evil.example"}, b"403"),
        ({"origin": "http://evil"}, b"403"),
    ):
        reply = bench.send("POST", "/batch", part, token=None, headers={**kind, **outer})
        assert b"HTTP/1.1 " + status in reply.body
