import pytest

from tablecloud.jobs.gcs.model import Refusal
from tablecloud.jobs.gcs.wire import (
    Block,
    boundary_of,
    read_conditions,
    read_content_range,
    read_hashes,
    read_json,
    read_range,
    split_multipart,
)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", None),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=8-99", (8, 10)),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
        ("bytes=-", None),
    ],
)
def test_ranges(header, part):
    assert read_range(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-2", "bytes=-0"])
def test_ranges_that_cannot_be(header):
    with pytest.raises(Refusal) as caught:
        read_range(header, 10)
    assert caught.value.status == 416


@pytest.mark.parametrize(
    ("header", "block"),
    [
        ("", Block(start=0, total=None)),
        ("bytes 0-9/*", Block(start=0, total=None)),
        ("bytes 10-19/20", Block(start=10, total=20)),
        ("bytes */20", Block(start=None, total=20)),
        ("bytes */*", Block(start=None, total=None)),
    ],
)
def test_content_ranges(header, block):
    assert read_content_range(header) == block


def test_a_content_range_that_is_none():
    with pytest.raises(Refusal):
        read_content_range("bytes 5/6")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("content", [b"", b"abc", b"a\r\n\r\nb", b"\n\n", b"--edge", b"x\r\n--edg"])
def test_multipart_bodies(end, content):
    parts = [b"--edge", b"Content-Type: application/json", b"", b'{"name": "a"}', b"--edge"]
    body = end.join([*parts, b"Content-Type: text/plain", b"", content, b"--edge--"]) + end
    fields, media_type, start, stop = split_multipart(body, body[-40:], len(body), b"--edge")
    assert (fields, media_type, body[start:stop]) == ({"name": "a"}, "text/plain", content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--edge",
        b"--edge\r\n\r\n{}\r\n--edge--",
        b"--edge\r\n\r\nnot json\r\n--edge\r\n\r\nx\r\n--edge--",
    ],
)
def test_multipart_bodies_that_are_none(body):
    with pytest.raises(Refusal) as caught:
        split_multipart(body, body, len(body), b"--edge")
    assert caught.value.status == 400


def test_boundaries():
    assert boundary_of('multipart/related; boundary="==a=="') == b"--==a=="
    for wrong in ("text/plain", "multipart/related", ""):
        with pytest.raises(Refusal):
            boundary_of(wrong)


def test_conditions_are_numbers():
    assert read_conditions({"ifGenerationMatch": "0"}).generation == 0
    assert read_conditions({"ifSourceGenerationMatch": "7"}, source=True).generation == 7
    for wrong in ("-1", "x", "", "1" * 30, "١"):
        with pytest.raises(Refusal):
            read_conditions({"ifGenerationMatch": wrong})


def test_hashes_and_json():
    assert read_hashes({"x-goog-hash": "crc32c=AA==, md5=BB=="}) == {"crc32c": "AA==", "md5Hash": "BB=="}
    assert read_json(b"  ") == {}
    for wrong in (b"[]", b"{", b"\xff"):
        with pytest.raises(Refusal):
            read_json(wrong)
