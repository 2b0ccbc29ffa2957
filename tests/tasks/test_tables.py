import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ggufeval.errors import DataError
from ggufeval.tasks import tables


def put(path, content):
    path.write_bytes(content)
    return path


def found(rows):
    return [(row.place.rpartition(", ")[2], row.fields) for row in rows]


def refused(read, path):
    with pytest.raises(DataError) as caught:
        list(read(path))
    return str(caught.value).replace(str(path), path.name)


# --- CSV -----------------------------------------------------------------------------------


def test_csv(tmp_path):
    content = b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n" 2 ","say ""hi"""\r\n,'
    assert found(tables.csv_rows(put(tmp_path / "t.csv", content))) == [
        ("line 2", {"a": "1", "b": "x\r\ny"}),
        ("line 5", {"a": " 2 ", "b": 'say "hi"'}),
        ("line 6", {"a": "", "b": ""}),
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", b"a,b\n"])
def test_csv_without_rows(tmp_path, content):
    assert found(tables.csv_rows(put(tmp_path / "t.csv", content))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a,b\n1,2\n1,2,3\n",
            (
                "t.csv, line 3: expected 2 fields as in the header, found 3. "
                "Put fields that contain commas or line breaks into double quotes."
            ),
        ),
        (
            b"a,b\n1\n",
            (
                "t.csv, line 2: expected 2 fields as in the header, found 1. "
                "Put fields that contain commas or line breaks into double quotes."
            ),
        ),
        (
            b'a,b\n1,2\n3,"4\n5,6\n',
            (
                "t.csv, line 3: malformed CSV (unexpected end of data). "
                "Check the quotes of the record that starts there."
            ),
        ),
        (
            b'a,b\n"1"x,2\n',
            (
                "t.csv, line 2: malformed CSV (',' expected after '\"'). "
                "Check the quotes of the record that starts there."
            ),
        ),
        (b"a,b,a\n", "t.csv, line 1: the column 'a' is there twice. Rename one of them."),
        (
            "a\nü\n".encode("latin-1"),
            "t.csv, line 2: expected UTF-8 text, found the byte 0xfc. Save the file as UTF-8.",
        ),
        (
            "a\nü\n".encode("utf-16"),
            "t.csv, line 1: expected UTF-8 text, found the byte 0xff. Save the file as UTF-8.",
        ),
    ],
)
def test_csv_that_is_refused(tmp_path, content, message):
    assert refused(tables.csv_rows, put(tmp_path / "t.csv", content)) == message


def test_many_columns_are_counted_once(tmp_path):
    """Each held against each other takes minutes."""
    names = ",".join(f"c{i}" for i in range(50_000))
    start = time.monotonic()
    assert found(tables.csv_rows(put(tmp_path / "t.csv", f"{names}\n".encode()))) == []
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("read", [tables.csv_rows, tables.jsonl_rows])
def test_a_file_that_is_too_large(tmp_path, read):
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.truncate(tables.MOST_BYTES + 1)
    assert refused(read, path) == (
        "t: expected at most 256 MiB of questions, found more. Split the file."
    )


# --- JSON lines ----------------------------------------------------------------------------


def test_a_line_that_is_too_long(tmp_path):
    line = b"[" + b"[]," * 6_000_000 + b"[]]"
    assert refused(tables.jsonl_rows, put(tmp_path / "t.jsonl", b"\n" + line)) == (
        "t.jsonl, line 2: expected one question a line, at most 16,777,216 characters; "
        "found 18,000,004. Is it JSON lines?"
    )


def test_jsonl(tmp_path):
    content = '\ufeff{"a": 1}\r\n\n  {"a": "x\u2028y"}\n'.encode()
    assert found(tables.jsonl_rows(put(tmp_path / "t.jsonl", content))) == [
        ("line 1", {"a": 1}),
        ("line 3", {"a": "x\u2028y"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'{"a": 1}\n{"a": \n',
            (
                "t.jsonl, line 2: expected one JSON object a line, found something else "
                "(Expecting value at column 7). Write each question on a line of its own."
            ),
        ),
        (
            b"[\n",
            (
                "t.jsonl, line 1: expected one JSON object a line, found something else "
                "(Expecting value at column 2). Write each question on a line of its own."
            ),
        ),
        (
            b'[{"a": 1}]',
            (
                "t.jsonl, line 1: expected one JSON object a line, found a list. "
                "Write each question as an object on a line of its own."
            ),
        ),
        (
            b'\n{"a": "\xff"}',
            "t.jsonl, line 2: expected UTF-8 text, found the byte 0xff. Save the file as UTF-8.",
        ),
    ],
)
def test_jsonl_that_is_refused(tmp_path, content, message):
    assert refused(tables.jsonl_rows, put(tmp_path / "t.jsonl", content)) == message


def test_jsonl_too_deep(tmp_path):
    path = put(tmp_path / "t.jsonl", b"[" * 200_000)
    assert refused(tables.jsonl_rows, path).startswith(
        "t.jsonl, line 1: expected one JSON object a line, found something else ("
    )


# --- parquet -------------------------------------------------------------------------------


def test_parquet(tmp_path):
    # The folder's name must not become a column.
    path = tmp_path / "k=v" / "t.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"a": [1, None], "b": [["x"], []]}), path)
    assert found(tables.parquet_rows(path)) == [
        ("row 0", {"a": 1, "b": ["x"]}),
        ("row 1", {"a": None, "b": []}),
    ]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1" + b"\x00" * 20])
def test_parquet_that_is_refused(tmp_path, content):
    message = refused(tables.parquet_rows, put(tmp_path / "t.parquet", content))
    assert message.startswith("t.parquet: expected a parquet file, found something else (")
    assert message.endswith("). Download or write it again.")
    assert "\n" not in message


# --- a stream of Arrow ---------------------------------------------------------------------


def test_arrow(tmp_path):
    table = pa.table({"a": [1, 2], "b": [["x"], None]})
    with (tmp_path / "t.arrow").open("wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    assert found(tables.arrow_rows(tmp_path / "t.arrow")) == [
        ("row 0", {"a": 1, "b": ["x"]}),
        ("row 1", {"a": 2, "b": None}),
    ]


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", b"a,b\n1,2\n"])
def test_arrow_that_is_refused(tmp_path, content):
    message = refused(tables.arrow_rows, put(tmp_path / "t.arrow", content))
    assert message.startswith("t.arrow: expected a stream of Arrow, found something else (")
    assert message.endswith("). Download it again.")


@pytest.mark.parametrize("read", [tables.csv_rows, tables.jsonl_rows, tables.parquet_rows])
def test_a_file_that_cannot_be_read(tmp_path, read):
    with pytest.raises(DataError):
        list(read(tmp_path))


def bomb_of_nothing(n=10_000_000):
    nothing = pa.nulls(n)
    return {"question": nothing, "A": nothing, "answer": nothing}


def bomb_of_one_text(n=100_000):
    one = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["x" * 1_000_000]))
    return {"question": one}


@pytest.mark.parametrize("make", [bomb_of_nothing, bomb_of_one_text])
def test_a_parquet_that_is_larger_inside(tmp_path, make):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(make()), path, compression="zstd")
    assert path.stat().st_size < 200_000
    assert refused(tables.parquet_rows, path) == (
        "t.parquet: expected at most 256 MiB of questions, found more. Split the file."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a limit that holds")
def test_a_parquet_of_one_page_that_is_all_memory(tmp_path):
    path = tmp_path / "t.parquet"
    n = 6_000
    one = pa.DictionaryArray.from_arrays(
        pa.array([0] * n, pa.int32()), pa.array(["x" * 20_000_000])
    )
    pq.write_table(pa.table({"question": one}), path, compression="zstd")
    assert refused(tables.parquet_rows, path).startswith("t.parquet: expected at most 256 MiB")
