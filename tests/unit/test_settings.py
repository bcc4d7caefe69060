from pathlib import Path

import pytest

from tablecloud.errors import SettingError
from tablecloud.settings import describe, load, prepare_root


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("# mine\noutput = csv\nprovider = google\napirequesttimeout = 5\n")
    environ = {"TABLECLOUD_ROOT": str(tmp_path), "TABLECLOUD_OUTPUT": "json", "TABLECLOUD_PROVIDER": "aws"}
    settings = load({"output": "text"}, environ)
    assert (settings.output, settings.provider, settings.request_timeout) == ("text", "aws", 5.0)
    assert settings.approot == tmp_path


def test_defaults_stand_where_nothing_is_said(tmp_path: Path) -> None:
    settings = load({"approot": str(tmp_path / "none")}, {})
    assert settings.output == "table"
    assert settings.concurrency == 0
    assert settings.endpoints == ()
    assert settings.service_root == tmp_path / "none" / "ml"


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({"output": "xml"}, "xml"),
        ({"http.proxy.port": "many"}, "whole number"),
        ({"apirequesttimeout": "soon"}, "a number"),
        ({"on-error": "maybe"}, "maybe"),
    ],
)
def test_a_bad_value_names_setting_and_source(tmp_path: Path, flags: dict[str, str], word: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({"approot": str(tmp_path), **flags}, {})
    name = next(iter(flags))
    assert word in caught.value.message
    assert f"--{name}" in caught.value.message


@pytest.mark.parametrize(
    ("text", "word"), [("outptu = csv", "did you mean output"), ("output csv", "write name = value")]
)
def test_a_bad_line_of_the_file_is_told_with_its_number(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "config").write_text("\n" + text)
    with pytest.raises(SettingError) as caught:
        load({"approot": str(tmp_path)}, {})
    assert "line 2" in caught.value.message
    assert word in caught.value.hint


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        load({"approot": str(tmp_path)}, {}, configfile=str(tmp_path / "no"))


def test_truth_has_several_spellings(tmp_path: Path) -> None:
    for word, expected in {"true": True, "YES": True, "1": True, "off": False, "No": False}.items():
        assert load({"approot": str(tmp_path), "hideheaders": word}, {}).hide_headers is expected


def test_lists_come_from_repeated_flags_or_from_commas(tmp_path: Path) -> None:
    flags = {"approot": str(tmp_path), "endpoint": ["a=1", "b=2"]}
    assert load(flags, {}).endpoints == ("a=1", "b=2")
    environ = {"TABLECLOUD_ROOT": str(tmp_path), "TABLECLOUD_ENDPOINT": "a=1,b=2"}
    assert load({}, environ).endpoints == ("a=1", "b=2")


def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    settings = load({"approot": str(tmp_path), "auth": "hidden1", "http.proxy.password": "hidden2"}, {})
    assert "hidden" not in repr(settings)


def test_every_setting_is_explained_and_named_once() -> None:
    everything = list(describe())
    assert (
        len({item.name for item in everything}) == len({item.env for item in everything}) == len(everything)
    )
    assert all(item.doc and item.env.startswith("TABLECLOUD_") for item in everything)


def test_the_root_is_private(tmp_path: Path) -> None:
    root = prepare_root(tmp_path / "a" / "b")
    assert root.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(SettingError):
        prepare_root(tmp_path / "file" / "b")
