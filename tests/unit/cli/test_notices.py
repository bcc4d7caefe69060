import io

from tablecloud.cli.notices import describe, print_notices
from tablecloud.engine.result import Notice


def notice(zone: str, severity: str = "error", hint: str = "ask for access") -> Notice:
    return Notice(
        severity=severity,
        provider="google",
        method="compute.list",
        arguments={"zone": zone},
        message="403",
        hint=hint,
    )


def test_each_call_has_a_line_and_each_hint_is_said_once() -> None:
    out = io.StringIO()
    print_notices([notice("a"), notice("b"), notice("c", severity="info", hint="")], out)
    assert out.getvalue().splitlines() == [
        "error: compute.list (zone = a): 403",
        "error: compute.list (zone = b): 403",
        "hint: ask for access",
        "note: compute.list (zone = c): 403",
    ]


def test_many_alike_are_counted() -> None:
    out, everything = io.StringIO(), io.StringIO()
    notices = [notice(str(number)) for number in range(30)]
    print_notices(notices, out)
    assert "and 20 more like these" in out.getvalue()
    print_notices(notices, everything, verbose=True)
    assert everything.getvalue().count("compute.list") == 30


def test_a_notice_about_no_call_is_its_message() -> None:
    assert describe(Notice(severity="info", provider="", method="", arguments={}, message="so")) == "so"
