import pytest

from ggufeval.errors import DataError
from ggufeval.tasks import layout


@pytest.fixture
def put(tmp_path):
    def put(name, content):
        path = tmp_path / "test" / f"{name}_test.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return put


def read(folder):
    return layout.read(folder, "mmlu", "test")


def test_subjects_are_in_the_order_of_their_names(tmp_path, put):
    # By file name, "_" would come before "_test" and after "b_test".
    for name in ("law_b", "law", "law_and_order"):
        put(name, b"?,a,b,c,d,A\n")
    (tmp_path / "test" / "._law_test.csv").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "test" / "README.txt").touch()

    assert list(read(tmp_path)) == ["law", "law_and_order", "law_b"]


def test_text_is_kept_as_it_is(tmp_path, put):
    put("law", b'\xef\xbb\xbf" a ""b"",\r\n\nc ", 1,2 , 3\t," 4\xc2\xa0",D\r\n')

    [question] = read(tmp_path)["law"]

    assert question.stem == ' a "b",\r\n\nc '
    assert question.choices == (" 1", "2 ", " 3\t", " 4\xa0")
    assert question.answer == 3


def test_quotes_in_the_middle_belong_to_the_text(tmp_path, put):
    put("law", b'Is "it" so?,a,"b"c,c,d,A\n')
    [question] = read(tmp_path)["law"]
    assert question.stem == 'Is "it" so?'
    assert question.choices == ("a", "bc", "c", "d")


def test_empty_lines_do_not_count(tmp_path, put):
    put("law", b"one?,a,b,c,d,A\n\ntwo?,a,b,c,d,B\n\n")
    assert [(q.id, q.answer) for q in read(tmp_path)["law"]] == [
        ("mmlu/test/law/0", 0),
        ("mmlu/test/law/1", 1),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'"one\n?",a,b,c,d,A\ntwo?,a,b,c,A\n',
            (
                "line 3: expected six fields (question, four choices, letter), found 5. "
                "Check its commas and quotes."
            ),
        ),
        (
            b"one?,a,b,c,d,A\n\nquestion,A,B,C,D,answer\n",
            (
                "line 3: expected a letter from A to D or a number from 0 to 3 in the "
                "column answer, found 'answer'."
            ),
        ),
        (
            b"?,a,b,c,d,E\n",
            (
                "line 1: expected a letter from A to D or a number from 0 to 3 in the "
                "column answer, found 'E'."
            ),
        ),
        (b" ,a,b,c,d,A\n", "line 1: expected text for the question, found ' '. Fill it in."),
        (
            b"one?,a,b,c,d,A\nt\xfcwo?,a,b,c,d,A\n",
            "line 2: expected UTF-8 text, found the byte 0xfc. Save the file as UTF-8.",
        ),
    ],
)
def test_what_is_refused(tmp_path, put, content, message):
    path = put("law", content)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{path}, {message}"


def test_a_field_without_end(tmp_path, put):
    path = put("law", b'one?,a,b,c,d,A\ntwo?,"' + b"x" * 200_000)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"{path}, line 2: malformed CSV (field larger than field limit (131072)). "
        "Check the quotes of the record that starts there."
    )


def test_a_file_that_cannot_be_read(tmp_path):
    path = tmp_path / "test" / "law_test.csv"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"law_test\.csv cannot be read: Is a directory\."):
        read(tmp_path)
