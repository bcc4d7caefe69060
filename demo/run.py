"""The demo: train a model, cancel a job, change labels and policies; in SQL, on this machine, no account.

Runs the installed `tablecloud` in an application root of its own (`.demo`), shows each statement and its
rows, and checks what comes back: the exit status is 1 at the first surprise.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent / ".demo"
TABLECLOUD = Path(sys.executable).parent / "tablecloud"
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("TABLECLOUD_")}


class Surprise(Exception):
    """Something else came back than the demo promises."""


def main() -> int:
    began = time.monotonic()
    ENVIRONMENT["TABLECLOUD_ROOT"] = str(ROOT / "approot")
    tablecloud("ml", "stop", show=False)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(mode=0o700)
    try:
        tell(build_trainer())
    except Surprise as surprise:
        print(f"\ndemo failed: {surprise}", file=sys.stderr)
        return 1
    finally:
        tablecloud("ml", "stop", show=False)
    print(f"\nThe demo took {time.monotonic() - began:.0f} seconds. Everything it made is in {ROOT}.")
    return 0


def tell(package: Path) -> None:
    values = {"package": str(package), "jobdir": str(ROOT / "model")}
    step("01-methods", "cancel", "testIamPermissions")
    step("02-train", "SUCCEEDED", values=values)
    expect((ROOT / "model" / "model.joblib").is_file(), "the model was saved")
    step("03-page", "1")
    step("04-jobs", "digits", "SUCCEEDED")
    step("05-long", "endless", values=values)
    wait_until_running()
    step("07-cancel", "CANCELLED")
    step("08-labels")
    step("09-labelled", "yes")
    step("10-set-policy", "roles/ml.viewer")
    step("11-get-policy", "user:ann@example.com")
    step("12-test-policy", "ml.jobs.get")
    command("ml", "logs", "digits", words=("accuracy 0.9", "Job completed successfully."))
    command("docs", "google.ml.projects.jobs", words=("# Overview", "testIamPermissions"))
    command("ml", "status", words=("1 SUCCEEDED", "1 CANCELLED"))


def build_trainer() -> Path:
    """Build the trainer's package, as a user would before submitting it."""
    folder = ROOT / "packages"
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    source = ROOT / "trainer"
    shutil.copytree(HERE / "trainer", source)
    subprocess.run([*build, "--wheel-dir", folder, source], check=True)
    return next(folder.glob("*.whl"))


def step(name: str, *words: str, values: dict[str, str] | None = None) -> None:
    """Run one file of statements, show both, and check that each word came back."""
    file = HERE / "sql" / f"{name}.sql"
    print("\n" + file.read_text(encoding="utf-8").rstrip())
    given = [part for key, value in (values or {}).items() for part in ("--var", f"{key}={value}")]
    check(tablecloud("exec", "-i", str(file), *given), words, name)


def command(*argv: str, words: tuple[str, ...]) -> None:
    print(f"\n$ tablecloud {' '.join(argv)}")
    check(tablecloud(*argv), words, " ".join(argv))


def wait_until_running() -> None:
    print("\n" + (HERE / "sql" / "06-state.sql").read_text(encoding="utf-8").rstrip())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done = tablecloud("exec", "-i", str(HERE / "sql" / "06-state.sql"), "-o", "csv", "-H", show=False)
        if done.stdout.strip() == "RUNNING":
            print("RUNNING")
            return
        time.sleep(0.1)
    raise Surprise("the long job does not run")


def tablecloud(*argv: str, show: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([TABLECLOUD, *argv], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    if show:
        print(done.stdout + done.stderr, end="", flush=True)
    return done


def check(done: "subprocess.CompletedProcess[str]", words: tuple[str, ...], what: str) -> None:
    expect(done.returncode == 0, f"{what} ends with status 0, not {done.returncode}")
    for word in words:
        expect(word in done.stdout + done.stderr, f"{what} says {word!r}")


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Surprise(f"it was expected that {what}")


if __name__ == "__main__":
    sys.exit(main())
