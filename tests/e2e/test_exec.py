import json
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, Run
from http_server import HttpServer

from tablecloud.connect import connect

TRAINING = json.dumps(
    {
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": ["/nowhere/trainer-1.0-py3-none-any.whl"],
        "pythonModule": "trainer.task",
    }
)
INSTANCES = "SELECT name FROM google.compute.instances WHERE project = 'p' AND zone IN ({}) ORDER BY name"


@pytest.fixture(scope="session", autouse=True)
def jobs(root: Path, environment: dict[str, str]) -> None:
    """Three jobs, created through the command line as users do."""
    script = "".join(
        f"INSERT INTO google.ml.jobs (projectsId, jobId, labels, trainingInput) "
        f"SELECT 'e2e', 'job_{n}', '{{\"n\": \"{n}\"}}', '{TRAINING}';\n"
        for n in range(3)
    )
    done = subprocess.run(
        [*COMMAND, "exec"],
        input=script,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


QUERIES = [
    "SELECT jobId, trainingInput ->> 'region' AS at FROM google.ml.jobs WHERE projectsId = 'e2e' ORDER BY 1",
    "SELECT count(*) AS n FROM google.ml.jobs WHERE projectsId = 'e2e' AND labels ->> 'n' <> '1'",
    "SELECT json_array_length(jobs) AS n FROM google.ml.projects.jobs WHERE projectsId = 'e2e'",
    "SELECT jobId FROM google.ml.jobs WHERE projectsId = 'e2e' AND jobsId IN ('job_0', 'job_2') ORDER BY 1",
    "SELECT jobId FROM google.ml.jobs WHERE projectsId = 'nobody'",
    "WITH j AS (SELECT * FROM google.ml.jobs WHERE projectsId = 'e2e') SELECT max(jobId) AS last FROM j",
    "SHOW METHODS IN google.ml.projects.jobs",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_every_door_gives_the_same_rows(sql: str, root: Path, tablecloud: Run) -> None:
    with connect(root) as session, session.execute(sql) as result:
        names = [column.name for column in result.columns]
        expected = [dict(zip(names, row, strict=True)) for row in result.rows()]
    by_exec = tablecloud("exec", "-o", "json", sql)
    by_shell = tablecloud("shell", "-o", "json", stdin=sql + ";\n")
    assert json.loads(by_exec.stdout) == expected
    assert by_shell.stdout == by_exec.stdout
    assert by_exec.stderr == by_shell.stderr == ""
    assert by_exec.returncode == by_shell.returncode == 0


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "SELECT jobIdd FROM google.ml.jobs WHERE projectsId = 'e2e'",
            ["jobIdd", "LINE 1:", "^^^^", "did you mean jobId"],
        ),
        ("SELECT * FROM google.ml.jobz", ["jobz", "jobs"]),
        ("SELECT * FROM google.ml.jobs", ["projectsId"]),
        ("SELEC 1", ["SELEC", "SELECT"]),
        ("SELECT 'open", ["LINE 1:"]),
        ("SELECT 1/", ["LINE 1:"]),
        ("DELETE FROM google.ml.jobs WHERE projectsId = 'e2e' AND jobsId = 'job_0'", ["cancel"]),
        ("INSERT INTO google.ml.jobs (projectsId, jobId) SELECT 'e2e', 'job_0'", ["400"]),
    ],
)
def test_a_statement_that_fails_says_why_and_exits_with_1(
    sql: str, words: list[str], tablecloud: Run
) -> None:
    done = tablecloud("exec", sql)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("hint: ") <= 1
    for word in words:
        assert word in done.stderr


def test_an_error_in_a_script_points_at_its_line(tmp_path: Path, tablecloud: Run) -> None:
    (tmp_path / "script.sql").write_text("SELECT 1;\n\n  SELECT nothing\n  FROM google.ml.jobs;\nSELECT 2;\n")
    done = tablecloud("exec", "-i", str(tmp_path / "script.sql"), "-o", "csv", "-H")
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert "LINE 3:   SELECT nothing" in done.stderr
    going = tablecloud("exec", "-i", str(tmp_path / "script.sql"), "-o", "csv", "-H", "--keep-going")
    assert (going.returncode, going.stdout) == (1, "1\n2\n")


def test_calls_that_fail_are_named_and_the_status_is_4(zones: HttpServer, tablecloud: Run) -> None:
    argv = ("exec", "-o", "csv", "-H", "--endpoint", f"google.compute={zones.url}/compute/v1/")
    sql = INSTANCES.format("'good', 'bad'")
    done = tablecloud(*argv, sql)
    assert (done.returncode, done.stdout) == (4, "a\nb\n")
    assert "bad" in done.stderr
    assert "403" in done.stderr
    strict = tablecloud(*argv, "--on-error", "strict", sql)
    assert strict.returncode == 1
    ignored = tablecloud(*argv, "--on-error", "ignore", sql)
    assert (ignored.returncode, ignored.stdout) == (0, "a\nb\n")
    assert "403" in ignored.stderr
    nothing = tablecloud(*argv, INSTANCES.format("'bad'"))
    assert (nothing.returncode, nothing.stdout) == (1, "")


def test_the_file_of_rows_is_there_only_when_all_is_done(tmp_path: Path, tablecloud: Run) -> None:
    target = tmp_path / "rows.jsonl"
    assert (
        tablecloud("exec", "-o", "jsonl", "-f", str(target), "SELECT 1 AS a; SELECT 2 AS a").returncode == 0
    )
    assert target.read_text() == '{"a":1}\n{"a":2}\n'
    assert tablecloud("exec", "-o", "jsonl", "-f", str(target), "SELECT 3 AS a; SELECT nope").returncode == 1
    assert target.read_text() == '{"a":1}\n{"a":2}\n'
    assert list(tmp_path.iterdir()) == [target]


def test_values_come_from_flags(tmp_path: Path, tablecloud: Run) -> None:
    done = tablecloud(
        "exec",
        "-o",
        "csv",
        "-H",
        "SELECT $a, $b + 1, $c",
        "--param",
        "a=it's",
        "--param",
        "b:=41",
        "--param",
        "c:=null",
    )
    assert (done.returncode, done.stdout) == (0, "it's,42,\n")
    (tmp_path / "v.json").write_text('{"job": {"id": "job_1"}}')
    sql = "SELECT jobId FROM google.ml.jobs WHERE projectsId = {{ p | quote }} AND jobsId = '{{ .job.id }}'"
    done = tablecloud("exec", "-o", "csv", "-H", sql, "-q", str(tmp_path / "v.json"), "--var", "p=e2e")
    assert (done.returncode, done.stdout) == (0, "job_1\n")


def test_dry_run_shows_requests_and_sends_none(tablecloud: Run) -> None:
    sql = f"INSERT INTO google.ml.jobs (projectsId, jobId, trainingInput) SELECT 'e2e', 'never', '{TRAINING}'"
    done = tablecloud("exec", "--dry-run", "-o", "csv", sql)
    assert done.returncode == 0
    assert "/v1/projects/e2e/jobs" in done.stdout
    count = tablecloud(
        "exec", "-o", "csv", "-H", "SELECT count(*) FROM google.ml.jobs WHERE projectsId = 'e2e'"
    )
    assert count.stdout == "3\n"


def test_requests_can_be_logged_without_secrets(root: Path, tablecloud: Run) -> None:
    done = tablecloud(
        "exec", "--http.log.enabled", "SELECT jobId FROM google.ml.jobs WHERE projectsId = 'e2e'"
    )
    assert done.returncode == 0
    assert "http: GET http://127.0.0.1:" in done.stderr
    assert (root / "ml" / "token").read_text().strip() not in done.stderr


def test_ctrl_c_ends_a_query_and_its_connection(zones: HttpServer, environment: dict[str, str]) -> None:
    argv = [
        "exec",
        "--endpoint",
        f"google.compute={zones.url}/compute/v1/",
        INSTANCES.format("'good', 'slow'"),
    ]
    process = subprocess.Popen(
        [*COMMAND, *argv], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert zones.wait_until(lambda server: any("/zones/slow/" in seen.path for seen in server.seen))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert zones.wait_until(lambda server: server.open_connections == 0, 2)


def test_a_reader_that_leaves_ends_it_quietly(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "exec", "-o", "csv", "SELECT range FROM range(3000000)"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"range\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == 141


def test_the_command_says_how_the_service_is(tablecloud: Run) -> None:
    tablecloud("exec", "SELECT 1 FROM google.ml.jobs WHERE projectsId = 'e2e'")
    status = tablecloud("ml", "status")
    assert status.returncode == 0
    assert "http://127.0.0.1:" in status.stdout
    missing = tablecloud("ml", "logs", "no_such_job")
    assert missing.returncode == 1
    assert "no_such_job" in missing.stderr
    followed = tablecloud("ml", "logs", "projects/e2e/jobs/job_0", "--follow")
    assert followed.returncode == 0
    assert "Job job_0 is queued." in followed.stdout


def test_stopping_the_service_keeps_the_jobs(tablecloud: Run) -> None:
    query = ("exec", "-o", "csv", "-H", "SELECT count(*) FROM google.ml.jobs WHERE projectsId = 'e2e'")
    before = tablecloud(*query).stdout
    assert tablecloud("ml", "stop").returncode == 0
    assert tablecloud("ml", "status").returncode == 1
    assert tablecloud(*query).stdout == before == "3\n"


def test_the_service_can_be_served_in_the_foreground(tmp_path: Path, environment: dict[str, str]) -> None:
    own = {**environment, "TABLECLOUD_ROOT": str(tmp_path)}
    server = subprocess.Popen([*COMMAND, "ml", "serve"], env=own, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline().startswith("ml service at http://127.0.0.1:")
    sql = "SELECT count(*) FROM google.ml.jobs WHERE projectsId = 'p'"
    query = [*COMMAND, "exec", "-o", "csv", "-H", sql]
    done = subprocess.run(query, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0
    server.stdout.close()
