import io

from tablecloud.cli import progress
from tablecloud.cli.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_written_to_a_file() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    line.show("x")
    line.clear()
    assert stream.getvalue() == ""


def test_a_short_statement_shows_nothing() -> None:
    stream = Terminal()
    line = ProgressLine(stream)
    line.show("x")
    line.clear()
    assert stream.getvalue() == ""


def test_a_long_one_shows_one_line_and_removes_it(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    line = ProgressLine(stream)
    now[0] += 1
    line.show("state:\nRUNNING and much more text")
    line.show("too soon")
    line.clear()
    line.show("too early again")
    assert stream.getvalue() == "\r\x1b[Kstate: RUNNING and…\r\x1b[K"
