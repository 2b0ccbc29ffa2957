"""Inspect's logs, as inspect-ai 0.3.285 writes them."""

import json
import zipfile

import pyarrow as pa
import pytest

from ggufeval import imports
from ggufeval.errors import DataError, UsageError
from ggufeval.imports import archive, documents

from .conftest import inspect_header, inspect_sample, write_eval, write_log


def made(questions, *said):
    letters = [*said, *[None] * (len(questions) - len(said))]
    return [
        inspect_sample(q, i, s) for i, (q, s) in enumerate(zip(questions, letters, strict=True))
    ]


def read(path):
    (log,), _ = imports.read([path])
    return log


def test_a_log_in_json(tmp_path, questions):
    log = read(write_log(tmp_path / "l.json", made(questions)))
    assert log.tool == "inspect 0.3.285"
    assert (log.model, log.style) == ("hf/meta-llama/Llama-3.2-1B", "inspect:mmlu_0_shot")
    assert (log.shots, log.read, log.parser) == (0, "sample", "choice")
    assert (log.temperature, log.max_tokens) == (0.0, 16)
    assert log.created == "2025-03-04T05:06:07+00:00"
    assert [a.question.stem for a in log.answers] == [q.stem for q in questions]
    assert all(a.record.correct for a in log.answers)
    assert log.answers[0].record.text.startswith("ANSWER: ")
    assert log.notes == ()


def test_the_zip_says_the_same(tmp_path, questions):
    zipped = read(write_eval(tmp_path / "l.eval", made(questions)))
    plain = read(write_log(tmp_path / "l.json", made(questions)))
    assert sorted(a.sent for a in zipped.answers) == sorted(a.sent for a in plain.answers)
    assert zipped.tool == plain.tool


def test_a_log_that_was_never_finished(tmp_path, questions):
    header = inspect_header()
    del header["status"]
    path = write_eval(tmp_path / "l.eval", made(questions), header, name="_journal/start.json")
    log = read(path)
    assert len(log.answers) == 32
    assert log.notes == ("The log's status is None.",)


def zstandard(path, members):
    """A zip whose members are in zstandard, as inspect 0.3.285 writes it: stored first, and
    the method then set, since Python's zipfile cannot before 3.14."""
    with zipfile.ZipFile(path, "w") as file:
        for name, text in members.items():
            packed = pa.compress(text.encode(), codec="zstd", asbytes=True)
            file.writestr(name, packed)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset : at + offset + 2] = (93).to_bytes(2, "little")
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return path


def test_zstandard(tmp_path, questions):
    samples = made(questions[:3])
    members = {f"samples/{s['id']}_epoch_1.json": json.dumps(s) for s in samples}
    members["header.json"] = json.dumps(inspect_header())
    log = read(zstandard(tmp_path / "l.eval", members))
    assert [a.question.stem for a in log.answers] == [q.stem for q in questions[:3]]


def test_a_bomb_is_not_unpacked(tmp_path, questions, monkeypatch):
    monkeypatch.setattr(documents, "MOST_OF_A_LINE", 20_000)
    sample = made(questions[:1])[0] | {"store": " " * 50_000}
    with pytest.raises(DataError, match="expected at most 20,000 bytes, found more"):
        read(write_eval(tmp_path / "l.eval", [sample]))
    members = {"header.json": json.dumps(inspect_header()), "samples/x.json": " " * 50_000}
    with pytest.raises(DataError, match="expected at most 20,000 bytes, found more"):
        read(zstandard(tmp_path / "z.eval", members))


def test_with_shots_the_question_is_the_last_message(tmp_path, questions):
    conversation = [
        {"role": "system", "content": "The following are ..."},
        {"role": "user", "content": "a shot"},
        {"role": "assistant", "content": "Answer: A"},
        {"role": "user", "content": questions[0].stem},
    ]
    parts = [{"role": "user", "content": [{"type": "text", "text": questions[1].stem}]}]
    samples = [
        inspect_sample(questions[0], 0, input=conversation),
        inspect_sample(questions[1], 1, input=parts),
    ]
    log = read(
        write_log(tmp_path / "l.json", samples, inspect_header("inspect_evals/mmlu_5_shot"))
    )  # fmt: skip
    assert [a.question.stem for a in log.answers] == [q.stem for q in questions[:2]]
    assert (log.shots, log.style) == (5, "inspect:mmlu_5_shot")


def test_what_was_sent_does_not_depend_on_ids_or_answers(tmp_path, questions):
    one, two = (inspect_sample(questions[0], i, said) for i, said in ((1, "A"), (2, "B")))
    log = read(write_log(tmp_path / "l.json", [one, two]))
    assert log.answers[0].sent == log.answers[1].sent
    other = inspect_sample(questions[0], 1, messages=[{"role": "user", "content": "x"}])
    assert read(write_log(tmp_path / "m.json", [other])).answers[0].sent != log.answers[0].sent


def test_verdicts(tmp_path, questions):
    question = questions[0]
    wrong = "ABCD"[(question.answer + 1) % 4]
    samples = [
        inspect_sample(question, 0, wrong),
        inspect_sample(question, 1, ""),
        inspect_sample(question, 2, "A, B"),
        inspect_sample(question, 3, "", value="N"),
        inspect_sample(question, 4, scores={"mine": {"value": 1, "answer": "?"}}),
    ]
    log = read(write_log(tmp_path / "l.json", samples))
    records = [a.record for a in log.answers]
    assert [r.correct for r in records] == [False, False, False, False, True]
    assert records[0].letter == (question.answer + 1) % 4
    assert [r.letter for r in records[1:]] == [None, None, None, question.answer]
    assert [r.parse_error is None for r in records] == [True, False, False, False, True]
    assert log.parser == "choice, mine"


def test_errors_and_epochs_are_left_out_and_said(tmp_path, questions):
    samples = [
        inspect_sample(questions[0], 0),
        inspect_sample(questions[0], 0, epoch=2),
        inspect_sample(questions[1], 1, error={"message": "refused"}),
        inspect_sample(questions[2], 2, scores=None),
    ]
    log = read(write_log(tmp_path / "l.json", samples, inspect_header(status="error")))
    assert len(log.answers) == 1
    assert log.notes == (
        "The log's status is 'error'.",
        "2 samples have an error or no score: left out.",
        "1 samples of further epochs: left out.",
    )


def test_logs_of_other_tasks_in_a_folder_are_passed_over(tmp_path, questions):
    write_log(tmp_path / "a.json", made(questions))
    other = write_log(tmp_path / "b.json", made(questions), inspect_header("gsm8k"))
    (tmp_path / "results.json").write_text('{"version": 1, "x": 2}')
    logs, skipped = imports.read([tmp_path])
    assert len(logs) == 1
    assert "found one of 'gsm8k'" in skipped[0]
    with pytest.raises(DataError, match="found one of 'gsm8k'"):
        imports.read([other])
    (tmp_path / "a.json").unlink()
    with pytest.raises(DataError, match="holds no records of MMLU"):
        imports.read([tmp_path])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": {}}, "expected text for the subject in the sample's metadata, found None"),
        ({"metadata": None}, "expected text for the subject"),
        ({"metadata": [1]}, "expected text for the subject"),
        ({"choices": None}, "expected choices as a list"),
        ({"target": ["A", "B"]}, "in the column answer, found"),
        ({"input": []}, "expected text for the question"),
        ({"scores": [1]}, "expected an object as 'scores'"),
        ({"scores": {"a": {}, "b": {}}}, "expected a score of the scorer choice, found 'a, b'"),
        ({"scores": {"choice": 1}}, "expected a score of the scorer choice"),
        ({"scores": {"choice": {"value": "P"}}}, "expected the score C or I, found 'P'"),
        ({"scores": {"choice": {"value": [1]}}}, "expected the score C or I"),
        ({"scores": {"choice": {"value": float("nan")}}}, "expected the score C or I"),
    ],
)
def test_a_sample_that_is_none(tmp_path, questions, change, said):
    path = write_log(
        tmp_path / "l.json", [*made(questions[:1]), inspect_sample(questions[1], 1, **change)]
    )
    with pytest.raises(DataError) as caught:
        read(path)
    assert said in str(caught.value)
    assert f"{path}, sample 1" in str(caught.value)


def test_a_sample_twice(tmp_path, questions):
    with pytest.raises(DataError, match="is there twice"):
        read(write_log(tmp_path / "l.json", made(questions[:1]) * 2))


def test_no_samples(tmp_path):
    with pytest.raises(DataError, match="expected samples with scores, found none"):
        read(write_log(tmp_path / "l.json", []))


def test_zips_that_are_none(tmp_path, questions, monkeypatch):
    path = tmp_path / "l.eval"
    path.write_bytes(b"PK\x03\x04 but not")
    with pytest.raises(DataError, match="which is a zip file, found something else"):
        read(path)
    write_eval(path, [], name="other.json")
    with pytest.raises(DataError, match=r"a zip file with header\.json, found another one"):
        read(path)
    write_eval(path, made(questions))
    monkeypatch.setattr(archive, "MOST_MEMBERS", 10)
    with pytest.raises(DataError, match="found another one"):
        read(path)


def test_a_zip_that_is_cut_or_changed(tmp_path, questions):
    path = write_eval(tmp_path / "l.eval", made(questions))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="which is a zip file"):
        read(path)
    data[200:260] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be unpacked|expected JSON"):
        read(path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(UsageError, match="or logs of inspect"):
        imports.read([tmp_path])


def test_members_and_samples_that_are_no_objects(tmp_path):
    path = tmp_path / "l.json"
    with pytest.raises(DataError, match=r"sample 0: expected a JSON object, found 'x'"):
        read(write_log(path, ["x"]))
    with pytest.raises(DataError, match=r"header\.json: expected a JSON object, found a list"):
        read(write_eval(tmp_path / "l.eval", [], [1]))


def test_zstandard_whose_place_is_wrong(tmp_path):
    path = zstandard(tmp_path / "l.eval", {"header.json": json.dumps(inspect_header())})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\x03\x04", b"PK\x03\x05"))
    with pytest.raises(DataError, match=r"header\.json cannot be unpacked"):
        read(path)
