from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from job_archives import source_archive
from process_bench import Bench

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import attempt_folder, process
from tablecloud.jobs.executors.process import ProcessExecutor
from tablecloud.jobs.layout import build_attempt
from tablecloud.jobs.model import Job, State
from tablecloud.jobs.settings import ServiceSettings


def test_other_systems_are_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.sys, "platform", "darwin")
    with pytest.raises(ExecutorError, match="darwin") as caught:
        ProcessExecutor(tmp_path)
    assert "Linux" in caught.value.hint


def test_folder_that_cannot_be_made_is_told(bench: Bench) -> None:
    (bench.root / "attempts").write_text("a file in the way")
    spec = bench.spec("pass")
    with pytest.raises(ExecutorError, match=f"cannot start attempt {spec.attempt_id}: .*directory"):
        bench.executor.start(spec, bench.executor.plan_ref(spec))


def test_supervisor_that_cannot_begin_is_lost_with_its_last_words(bench: Bench) -> None:
    spec = bench.spec("pass")
    folder = Path(spec.folder)
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{")
    (folder / "shim").mkdir()
    for name, code in attempt_folder.supervisor_code().items():
        (folder / "shim" / name).write_bytes(code)
    seen = bench.finish(bench.start_spec(spec))
    assert seen.lost and seen.detail.startswith("json.decoder.JSONDecodeError")


def test_program_that_cannot_be_executed_is_an_internal_failure(bench: Bench) -> None:
    spec = bench.spec("pass")
    broken = replace(spec, replicas=(replace(spec.replicas[0], argv=("/nowhere/python",)),))
    seen = bench.finish(bench.start_spec(broken))
    assert seen.finished and seen.failed is not None and seen.failed.value == "internal"
    assert "/nowhere/python" in seen.detail


def test_the_program_sees_its_attempt_and_nothing_of_the_server(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    ref = bench.start("import json, os; print(json.dumps(dict(os.environ)))")
    bench.finish(ref)
    seen = json.loads(next(line for line in bench.lines(ref) if line.startswith("{")))
    assert seen["CLOUD_ML_ATTEMPT_ID"] == ref["attempt_id"]
    assert "SECRET_OF_THE_SERVER" not in seen


def test_the_program_inherits_no_descriptor_and_no_ignored_signal(bench: Bench) -> None:
    ref = bench.start("""
        import os, signal
        print('open', sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3])
        print('more', len(os.listdir('/proc/self/fd')))
        print('hup', signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)
    """)
    bench.finish(ref)
    lines = bench.lines(ref)
    assert lines[1:4] == ["open [0, 1, 2]", "more 4", "hup True"]


def test_cleanup_keeps_what_the_program_wrote(bench: Bench) -> None:
    ref = bench.start("open('result', 'w').write('kept')")
    bench.finish(ref)
    bench.executor.cleanup(ref)
    folder = Path(ref["folder"])
    assert (folder / "work" / "result").read_text() == "kept"
    assert not (folder / "env").exists() and not (folder / "shim").exists()


def test_folder_is_closed_to_others(bench: Bench) -> None:
    ref = bench.start("pass")
    bench.finish(ref)
    assert Path(ref["folder"]).stat().st_mode & 0o077 == 0


def test_a_job_runs_from_its_document_to_its_model(bench: Bench) -> None:
    source = """
        import argparse, json, os, pathlib
        flags = argparse.ArgumentParser()
        flags.add_argument('--job-dir')
        flags.add_argument('--epochs', type=int)
        given = flags.parse_args()
        host, port = json.loads(os.environ['TF_CONFIG'])['cluster']['chief'][0].split(':')
        model = pathlib.Path(os.environ['AIP_MODEL_DIR'])
        model.mkdir()
        (model / 'model.txt').write_text(f'{given.job_dir} {given.epochs} {int(port) > 0} {os.getcwd()}')
    """
    bucket = bench.root / "gcs" / "bucket"
    bucket.mkdir(parents=True)
    source_archive(bucket, "trainer", modules={"task": textwrap.dedent(source)})
    training = {
        "runtimeVersion": "2.11",
        "packageUris": ["gs://bucket/trainer-0.1.tar.gz"],
        "pythonModule": "trainer.task",
        "args": ["--epochs", "3"],
        "jobDir": "gs://bucket/out",
    }
    for attempt in (1, 2):  # the second finds the packages installed
        job = Job(
            uid=bench.stem,
            project="p",
            job_id="j",
            state=State.PREPARING,
            document={"trainingInput": training},
            create_time=0.0,
        )
        spec = build_attempt(job, attempt, f"token-{attempt}", ServiceSettings(root=bench.root))
        seen = bench.finish(bench.start_spec(spec))
        assert (seen.failed, seen.replicas[0].exit_code) == (None, 0), bench.lines(bench.refs[-1])[-9:]
        model = bucket / "out" / "model" / "model.txt"
        assert model.read_text() == f"gs://bucket/out 3 True {spec.folder}/work"
        model.unlink()
        model.parent.rmdir()
