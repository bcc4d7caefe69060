import pytest

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.json_reader import decode_body, read_body, read_message
from tablecloud.jobs.wire.schemas import document, message, proto_name, snake_case

JOB = "GoogleCloudMlV1__Job"


def refused(value, schema=JOB, path="job"):
    with pytest.raises(ApiError) as caught:
        read_message(schema, value, path=path)
    assert caught.value.status == "INVALID_ARGUMENT"
    return caught.value.message


def training(**fields):
    return read_message(JOB, {"trainingInput": fields}, path="job")["trainingInput"]


def test_snake_and_camel_mix():
    body = {"job_id": "a", "training_input": {"scaleTier": "custom", "master_type": "n1-standard-4"}}
    assert read_message(JOB, body) == {
        "jobId": "a",
        "trainingInput": {"scaleTier": "CUSTOM", "masterType": "n1-standard-4"},
    }


@pytest.mark.parametrize("value", ["True", "true", True, "TRUE"])
def test_booleans(value):
    assert training(useChiefInTfConfig=value) == {"useChiefInTfConfig": True}


@pytest.mark.parametrize("value", [4, "4", 4.0, "4.0", "+4"])
def test_int64_becomes_a_string(value):
    assert training(workerCount=value) == {"workerCount": "4"}


def test_int32_becomes_a_number():
    assert training(scheduling={"priority": "7"}) == {"scheduling": {"priority": 7}}


@pytest.mark.parametrize("value", [True, 1.5, "1e3", "abc", str(1 << 63), [], {}])
def test_what_is_no_int64(value):
    assert "(TYPE_INT64)" in refused({"trainingInput": {"workerCount": value}})


def test_null_is_absent():
    assert training(jobDir=None, args=None, region="r") == {"region": "r"}


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("7200s", "7200s"),
        ({"seconds": 3}, "3s"),
        ({"seconds": "3", "nanos": 500_000_000}, "3.500s"),
        ("1.5s", "1.500s"),
        ("0.000000001s", "0.000000001s"),
    ],
)
def test_durations(value, canonical):
    assert training(scheduling={"maxRunningTime": value}) == {"scheduling": {"maxRunningTime": canonical}}


@pytest.mark.parametrize("value", ["7200", 7200, "s", "1.s", {"secs": 1}, "999999999999s"])
def test_what_is_no_duration(value):
    assert "google.protobuf.Duration" in refused({"trainingInput": {"scheduling": {"maxRunningTime": value}}})


def test_output_only_fields_are_ignored_whatever_they_hold():
    body = {"jobId": "a", "state": 5, "createTime": "yesterday", "trainingOutput": [], "jobPosition": "x"}
    assert read_message(JOB, body) == {"jobId": "a"}


def test_what_was_sent_is_kept_and_nothing_is_added():
    sent = {"args": [], "region": "us-central1", "enableWebAccess": False, "masterConfig": {}}
    assert training(**sent) == sent


def test_elapsed_time_is_an_input_although_described_as_output():
    measured = read_message("GoogleCloudMlV1__Measurement", {"elapsedTime": {"seconds": 3}})
    assert measured == {"elapsedTime": "3s"}


def test_etag_is_standard_base64():
    assert read_message(JOB, {"etag": "-_8"}) == {"etag": "+/8="}
    assert "TYPE_BYTES" in refused({"etag": "a"})


@pytest.mark.parametrize(
    ("value", "canonical"), [("NaN", "NaN"), (2, 2), ("0.5", 0.5), (2.0, 2), ("-Infinity", "-Infinity")]
)
def test_doubles(value, canonical):
    spec = read_message("GoogleCloudMlV1__ParameterSpec", {"minValue": value})
    assert spec == {"minValue": canonical}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"zzz": 1}, "Invalid JSON payload received. Unknown name \"zzz\" at 'job': Cannot find field."),
        (
            {"trainingInput": {"zzz": 1}},
            "Invalid JSON payload received. Unknown name \"zzz\" at 'job.training_input': Cannot find field.",
        ),
        (
            {"trainingInput": {"workerCount": "abc"}},
            "Invalid value at 'job.training_input.worker_count' (TYPE_INT64), \"abc\"",
        ),
        (
            {"trainingInput": {}, "predictionInput": {}},
            "Invalid value at 'job' (oneof), oneof field 'input' is already set. "
            "Cannot set 'predictionInput'",
        ),
        (
            {"trainingInput": {"scaleTier": "HUGE"}},
            "Invalid value at 'job.training_input.scale_tier' "
            '(type.googleapis.com/google.cloud.ml.v1.TrainingInput.ScaleTier), "HUGE"',
        ),
        (
            {"trainingInput": {"packageUris": ["a", 1]}},
            "Invalid value at 'job.training_input.package_uris[1]' (TYPE_STRING), 1",
        ),
        (
            {"trainingInput": []},
            "Invalid value at 'job.training_input' "
            "(type.googleapis.com/google.cloud.ml.v1.TrainingInput), []",
        ),
        (
            {"jobId": "a", "job_id": "b"},
            "Invalid JSON payload received. Name \"job_id\" at 'job' is set twice.",
        ),
        ({"labels": {"a": 1}}, "Invalid value at 'job.labels[a]' (TYPE_STRING), 1"),
    ],
)
def test_error_texts(body, text):
    assert refused(body) == text


def test_two_members_of_a_prediction_oneof():
    text = refused({"predictionInput": {"uri": "gs://m", "modelName": "m"}})
    assert "oneof field 'model_version' is already set" in text


def test_unknown_name_of_a_request_message_has_no_path():
    text = refused({"zzz": 1}, "GoogleIamV1__SetIamPolicyRequest", "")
    assert text == 'Invalid JSON payload received. Unknown name "zzz": Cannot find field.'


def test_masks_in_bodies_have_either_spelling():
    body = {"updateMask": "audit_configs,bindings"}
    assert read_message("GoogleIamV1__SetIamPolicyRequest", body) == {"updateMask": "auditConfigs,bindings"}


def test_an_empty_body_is_an_empty_message():
    assert read_body(JOB, b"") == {} == read_body(JOB, b" \n")


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff", b'{"a":"\\ud800"}', b"[" * 5000, b"nul"])
def test_bodies_that_are_no_object(body):
    with pytest.raises(ApiError, match="Invalid JSON payload received"):
        decode_body(body)


def test_long_values_are_clipped_in_errors():
    assert len(refused({"trainingInput": {"workerCount": "x" * 5000}})) < 400


def test_every_schema_of_the_document_compiles():
    for schema in document()["schemas"]:
        assert message(schema).type_name


def test_names():
    assert snake_case("consumedMLUnits") == "consumed_ml_units"
    assert snake_case("bootDiskSizeGb") == "boot_disk_size_gb"
    assert proto_name("GoogleIamV1__Policy") == "google.iam.v1.Policy"
    nested = "GoogleCloudMlV1_HyperparameterOutput_HyperparameterMetric"
    assert proto_name(nested) == "google.cloud.ml.v1.HyperparameterOutput.HyperparameterMetric"
