"""The zip file: the same bytes for the same contents, and whatever strangers put into one."""

from __future__ import annotations

import io
import json
import random
import stat
import zipfile

import pytest

from ggufeval.bundle import archive
from ggufeval.bundle.archive import Archive
from ggufeval.bundle.verifying import verify
from ggufeval.errors import DataError


def member(name):
    """Called so byte for byte: zipfile would put some names right."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def put(path, *members, manifest="{}"):
    with zipfile.ZipFile(path, "w") as target:
        for info, content in (*members, (member("manifest.json"), manifest)):
            target.writestr(info, content)
    return path


def refusal(path):
    """The one sentence, after which nothing lies beside the file."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(DataError) as caught, Archive(path):
        pass
    assert sorted(path.parent.rglob("*")) == before
    said = str(caught.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said


def test_equal_contents_are_equal_bytes_whatever_their_order():
    one = archive.packed({"b": b"2", "a": b"1"})
    assert one == archive.packed({"a": b"1", "b": b"2"})
    with zipfile.ZipFile(io.BytesIO(one)) as opened:
        assert opened.namelist() == ["a", "b"]
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "a/../../evil", "/etc/passwd", "\\\\host\\share", "C:/evil", "a\\b", "a//b",
        "a/", "./a", "-rf", ".hidden", "a/b/c/d/e", "x\x00.json", "é", "a\nb", "~root", "a:b",
        "\x1b[2J",
    ],
)  # fmt: skip
def test_names_that_are_none_of_a_bundle_are_refused(name, tmp_path):
    path = put(tmp_path / "x.ggb", (member(name), b"1"))
    assert "is no plain name of a file in a bundle" in refusal(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind, tmp_path):
    info = member("report.html")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    assert "is a link or another thing" in refusal(put(tmp_path / "x.ggb", (info, b"/etc")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path):
    twice = (member("a.json"), b"1"), (member("a.json"), b"2")
    assert "'a.json' is inside twice" in refusal(put(tmp_path / "x.ggb", *twice))
    folded = (member("a.json"), b"1"), (member("A.json"), b"2")
    assert "differ in capitals alone" in refusal(put(tmp_path / "y.ggb", *folded))


def test_other_ways_of_compressing_and_encryption_are_refused(tmp_path):
    info = member("a.json")
    info.compress_type = zipfile.ZIP_LZMA
    assert "compressed in a way" in refusal(put(tmp_path / "x.ggb", (info, b"1")))
    path = put(tmp_path / "y.ggb", (member("a.json"), b"1"))
    text = bytearray(path.read_bytes())
    text[text.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(text)
    assert "is encrypted" in refusal(path)


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    many = [(member(f"{i}.json"), b"") for i in range(4)]
    assert "at most 3 files inside, found 5" in refusal(put(tmp_path / "x.ggb", *many))


def test_a_directory_without_end_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = put(tmp_path / "x.ggb", (member("a.json"), b"1"))
    whole = path.read_bytes()
    monkeypatch.setattr(archive.zipfile, "ZipFile", pytest.fail)
    start, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    many = whole[start:end] * 30_000
    lying = bytearray(whole[end:])  # of how many there are, and where; not of their size
    lying[12:16] = len(many).to_bytes(4, "little")
    path.write_bytes(whole[:start] + many + lying)
    assert "more files inside than any bundle" in refusal(path)
    path.write_bytes(whole[:end] + b"PK\x06\x07" + bytes(16) + whole[end:])
    assert "more files inside than any bundle" in refusal(path)


def test_a_comment_or_anything_else_behind_the_end_is_refused(tmp_path):
    path = put(tmp_path / "x.ggb", (member("a.json"), b"1"))
    with zipfile.ZipFile(path, "a") as target:
        target.comment = b"hello"
    assert "a zip's end is not there" in refusal(path)
    path.write_bytes(put(tmp_path / "y.ggb").read_bytes() + b"\n")
    assert "a zip's end is not there" in refusal(path)


def test_a_member_that_says_to_take_more_than_the_file_has_is_refused(tmp_path):
    """Else the ratio would be measured against that."""
    path = put(tmp_path / "x.ggb", (member("a.json"), b"1"))
    text = bytearray(path.read_bytes())
    at = text.index(b"PK\x01\x02") + 20
    text[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(text)
    assert "takes more than the file has" in refusal(path)


def test_json_of_more_values_than_memory_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_VALUES", 1000)
    path = put(tmp_path / "x.ggb", manifest=b"[" + b"{}," * 1001 + b"{}]")
    assert "manifest.json: has more than 1,000 values" in refusal(path)


def test_a_bomb_is_refused_before_it_has_unfolded(tmp_path):
    path = put(tmp_path / "x.ggb", manifest=b" " * 40 * 2**20)
    assert path.stat().st_size < 100_000
    assert "unpacks to more than" in refusal(path)


def test_members_have_a_limit_alone_and_together(study, monkeypatch):
    monkeypatch.setattr(archive, "MOST_OF_A_MEMBER", 100)
    assert "manifest.json: unpacks to more than 100 bytes" in refusal(study)
    monkeypatch.setattr(archive, "MOST_OF_A_MEMBER", 2**20)
    monkeypatch.setattr(archive, "MOST_OF_ALL", study.stat().st_size + 10_000)
    with pytest.raises(DataError, match="unpacks to more than"):
        verify(study)
    monkeypatch.setattr(archive, "MOST_OF_ALL", 1000)
    assert "of at most 1,000 bytes" in refusal(study)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"", "manifest.json: expected JSON"),
        (b"[]", "expected the manifest of a ggufeval bundle"),
        (b'{"format": "another"}', "expected the manifest of a ggufeval bundle"),
        (b'{"format": "ggufeval bundle"}', "version: expected a whole number"),
        (b'{"format": "ggufeval bundle", "version": 0}', "expected a version from 1, found 0"),
        (b'{"format": "ggufeval bundle", "version": 99, "new": 1}', "Upgrade ggufeval"),
        (b'{"format": "ggufeval bundle", "version": 1}', "is missing"),
        ('{"format": "é"}'.encode("latin-1"), "expected UTF-8"),
        (b"[" * 100_000, "nesting"),
    ],
)
def test_a_manifest_that_is_none_is_one_sentence(manifest, said, tmp_path):
    assert said in refusal(put(tmp_path / "x.ggb", manifest=manifest))


def test_members_and_manifest_must_agree(changed, study, contents, tmp_path):
    def lie(manifest):
        manifest["members"]["more.json"] = {"sha256": "0" * 64, "size_bytes": 1}

    assert "'more.json' is missing" in refusal(changed({}, lie))
    assert "there but not in the manifest" in refusal(
        changed({}, lambda manifest: manifest["members"].pop("report.html"))
    )
    members = contents(study)
    members["report.html"] += b"<script>"
    path = tmp_path / "x.ggb"
    path.write_bytes(archive.packed(members))
    with pytest.raises(DataError, match=r"report\.html: its sha256 is not the one"):
        verify(path)
    edit = changed({}, lambda manifest: manifest["members"]["report.html"].update(size_bytes=7))
    with pytest.raises(DataError, match="expected 7 bytes"):
        verify(edit)


def test_what_is_no_zip_is_one_sentence(tmp_path):
    for name, content in {
        "empty": b"",
        "text": b"hello",
        "half": b"PK\x03\x04" + bytes(30),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert "is a zip file; this is something else, or a part of one" in refusal(path)
    assert "cannot be read" in refusal(tmp_path / "missing.ggb")
    assert "no regular file" in refusal(tmp_path)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as target:
        target.writestr("hello.txt", "hello")
    assert "this zip file has none" in refusal(other)


def test_a_bundle_that_was_cut_off_is_refused_wherever_it_was(study, tmp_path):
    whole = study.read_bytes()
    path = tmp_path / "cut.ggb"
    for length in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:length])
        assert "Get the file again" in refusal(path)


def test_damaged_bytes_are_found_or_harmless_and_never_a_crash(study, tmp_path):
    """A byte that counts is held by a hash; those of the zip's dates and the like are free."""
    whole, lots = study.read_bytes(), random.Random(1)  # noqa: S311 - no secret
    found = []
    path = tmp_path / "damaged.ggb"
    spots = [lots.randrange(len(whole)) for _ in range(60)]
    spots += [lots.randrange(len(whole) - 1500, len(whole)) for _ in range(60)]  # the directory
    for spot in spots:
        damaged = bytearray(whole)
        damaged[spot] ^= 1 << lots.randrange(8)
        path.write_bytes(damaged)
        try:
            verify(path)
        except DataError as error:
            found.append(str(error))
    assert len(found) >= 90
    assert not [said for said in found if "\n" in said]


def test_every_member_of_json_can_be_read_by_any_program(study, contents):
    for name, text in contents(study).items():
        if name.endswith((".json", ".jsonl")):
            for line in text.splitlines():
                json.loads(line, parse_constant=pytest.fail)
