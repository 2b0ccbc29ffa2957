"""lm-evaluation-harness' samples, as 0.4.0, 0.4.3, 0.4.9 and 0.4.13 write them."""

import json
import math
from dataclasses import replace

import pytest

from ggufeval import imports
from ggufeval.errors import DataError, UsageError

from .conftest import (
    DATE,
    by_subject,
    lm_sample,
    lm_text,
    results,
    write_lists,
    write_samples,
)


def read(folder, **more):
    (log,), _ = imports.read([folder], **more)
    return log


def test_samples_of_043_and_later(tmp_path, questions):
    log = read(write_samples(tmp_path / "l", questions, lm_sample))
    assert log.tool == "lm-evaluation-harness 0.4.9 (hf)"
    assert (log.model, log.style) == ("meta-llama/Llama-3.2-1B", "lm-eval:mmlu")
    assert (log.shots, log.read, log.parser) == (5, "letter", "")
    assert log.source == f"4 files samples_mmlu_*_{DATE}.jsonl"
    assert log.created == "2025-03-04T05:06:07+00:00"
    assert log.population == dict.fromkeys(by_subject(questions), 8)
    assert [replace(a.question, id="") for a in log.answers] == [
        replace(q, id="") for q in questions
    ]
    first = log.answers[0].record
    right = questions[0].answer
    assert first.letter == right
    assert first.correct
    assert first.letter_logits == tuple(-0.25 if i == right else -2.0 - i for i in range(4))
    assert first.letter_logprobs == first.letter_logits
    assert first.letter_mass == pytest.approx(sum(map(math.exp, first.letter_logits)))
    assert first.margin == pytest.approx(-0.25 - sorted(first.letter_logits)[-2])
    assert log.answers[9].number == 1


def test_lists_of_040_to_042_say_the_same(tmp_path, questions):
    old = read(write_lists(tmp_path / "old", questions, lm_sample))
    new = read(write_samples(tmp_path / "new", questions, lm_sample))
    assert old.tool == "lm-evaluation-harness 0.4.0 to 0.4.2 (hf)"
    assert (old.model, old.style, old.shots) == (new.model, new.style, new.shots)
    assert old.answers == new.answers
    assert old.population == {}


def test_wrong_answers(tmp_path, questions):
    log = read(write_samples(tmp_path, questions, lambda q, i: lm_sample(q, i, wrong=i == 3)))
    wrong = [a.number for a in log.answers if not a.record.correct]
    assert wrong == [3] * 4


def test_texts_of_the_choices_are_read_as_cloze(tmp_path, questions):
    def sample(question, number):
        made = lm_sample(question, number, texts=True)
        long = max(range(4), key=lambda i: len(question.choices[i].encode()))
        values = [-1.0 * len(choice.encode()) for choice in question.choices]
        values[long] = -0.5 * len(question.choices[long].encode())
        made["filtered_resps"] = [[value, False] for value in values]
        best = max(range(4), key=values.__getitem__)
        return made | {"acc": float(best == question.answer)}

    log = read(write_samples(tmp_path, questions, sample, task="mmlu_{}_continuation"))
    assert (log.read, log.style) == ("cloze", "lm-eval:mmlu_continuation")
    record, question = log.answers[0].record, log.answers[0].question
    lengths = [len(choice.encode()) for choice in question.choices]
    assert lengths[record.letter] == max(lengths)
    assert record.correct == (record.letter == question.answer)
    assert math.isnan(record.letter_mass)


def test_requests_for_mutual_information_come_behind(tmp_path, questions):
    def sample(question, number):
        made = lm_sample(question, number)
        made["arguments"] += [["", text] for _, text in made["arguments"]]
        made["filtered_resps"] += [[-0.001, True]] * 4
        return made

    log = read(write_samples(tmp_path, questions, sample))
    assert all(len(a.record.letter_logits) == 4 for a in log.answers)


def test_requests_are_in_the_order_of_their_numbers(tmp_path, questions):
    folder = write_samples(tmp_path, questions[:1], lm_sample)
    (path,) = folder.glob("samples_*")
    tree = json.loads(path.read_text("utf-8"))
    tree["arguments"] = dict(reversed(tree["arguments"].items()))
    path.write_text(json.dumps(tree), encoding="utf-8")
    assert read(folder).answers[0].record.letter == questions[0].answer


@pytest.mark.parametrize(
    ("said", "right", "read_as"),
    [
        ("B", False, (1, None)),
        ("(b)", False, (1, None)),
        ("B.", True, (0, None)),  # the tool's verdict stands
        ("A", True, (0, None)),
        ("a", False, (None, "no choice")),
        ("perhaps", False, (None, "unparsed")),
        ("E", False, (None, "unparsed")),
        ("", False, (None, "unparsed")),
    ],
)
def test_texts(tmp_path, questions, said, right, read_as):
    letter, error = read_as
    question = replace(questions[0], answer=0)
    log = read(
        write_samples(
            tmp_path,
            [question],
            lambda q, i: lm_text(q, i, said, right=right),
            task="mmlu_{}_generative",
        )
    )
    (answer,) = log.answers
    assert (log.read, log.parser, log.max_tokens) == ("sample", "get_response", 10)
    assert (answer.record.letter, answer.record.correct) == (letter, right)
    assert answer.record.letter_logits == ()
    assert answer.record.text == said
    assert (answer.record.parse_error or "").startswith(error or "")
    assert (answer.record.parse_error is None) == (error is None)


def write_two_filters(folder, questions):
    folder.mkdir()
    lines = [
        json.dumps(lm_text(questions[0], 0, said, right=said == "B", name=name))
        for said, name in (("B", "strict-match"), ("C", "flexible-extract"))
    ]
    path = folder / f"samples_mmlu_flan_cot_zeroshot_anatomy_{DATE}.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_several_filters_are_asked_for(tmp_path, questions):
    folder = write_two_filters(tmp_path / "l", [replace(questions[0], answer=1)])
    with pytest.raises(UsageError, match=r"--filter flexible-extract or strict-match\."):
        read(folder)
    with pytest.raises(UsageError, match="was read by flexible-extract, strict-match"):
        read(folder, wanted_filter="none")
    strict = read(folder, wanted_filter="strict-match")
    assert (strict.parser, strict.answers[0].record.letter) == ("strict-match", 1)
    assert read(folder, wanted_filter="flexible-extract").answers[0].record.letter == 2
    assert strict.style == "lm-eval:mmlu_flan_cot_zeroshot"


def test_a_filter_where_none_is_named(tmp_path, questions):
    folder = write_samples(tmp_path, questions, lm_sample)
    with pytest.raises(UsageError, match=r"names no filters\. Leave it out"):
        read(folder, wanted_filter="x")


def test_runs_are_told_apart_by_their_date(tmp_path, questions):
    write_samples(tmp_path, questions, lm_sample)
    write_samples(tmp_path, questions, lm_sample, date="2025-03-05T00-00-00.1")
    logs, _ = imports.read([tmp_path])
    assert sorted(len(log.answers) for log in logs) == [32, 32]


def test_a_file_alone_is_a_run(tmp_path, questions):
    write_samples(tmp_path, questions, lm_sample)
    (log,), _ = imports.read([tmp_path / f"samples_mmlu_marketing_{DATE}.jsonl"])
    assert {a.question.subject for a in log.answers} == {"marketing"}
    assert log.population == {"marketing": 8}


def test_other_tasks_of_a_folder_are_passed_over_and_counted(tmp_path, questions):
    write_samples(tmp_path, questions, lm_sample)
    (tmp_path / f"samples_gsm8k_{DATE}.jsonl").write_text("{}")
    other = tmp_path / f"samples_mmlu_pro_math_{DATE}.jsonl"
    other.write_text('{"doc": {"question": "?", "options": [], "answer": "A"}}')
    (log,), (first, second) = imports.read([tmp_path])
    assert len(log.answers) == 32
    assert first == f"{tmp_path}: 1 files of samples are of other tasks: left out."
    assert second.startswith(f"Left out: {other}, line 1: expected a sample of an MMLU task")
    with pytest.raises(DataError, match="found 'question', 'options', 'answer'"):
        imports.read([other])


def test_what_results_do_not_say_is_unknown(tmp_path, questions):
    log = read(write_samples(tmp_path, questions, lm_sample, about={}))
    assert (log.tool, log.model, log.shots) == (
        "lm-evaluation-harness of unknown version", "", -1
    )  # fmt: skip
    assert "No results file lies beside" in log.notes[0]
    assert log.created == "2025-03-04T05:06:07"


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({}, "meta-llama/Llama-3.2-1B"),
        ({"model_name": "/home/someone/models/Tiny-Q8_0.gguf"}, "Tiny-Q8_0.gguf"),
        ({"model_name": "C:\\models\\Tiny.gguf"}, "Tiny.gguf"),
        ({"model_name": ""}, "meta-llama/Llama-3.2-1B"),
        ({"model_name": 7}, ""),
        ({"model_name": None, "config": {"model_args": {"pretrained": "a/b"}}}, "a/b"),
        ({"model_name": None, "config": "x"}, ""),
    ],
)
def test_the_model_s_name(tmp_path, questions, changes, model):
    about = results(by_subject(questions), **changes)
    assert read(write_samples(tmp_path, questions, lm_sample, about=about)).model == model


def test_why_the_version_cannot_be_told_is_no_version(tmp_path, questions):
    about = results(by_subject(questions), "No package metadata was found for lm_eval")
    log = read(write_samples(tmp_path, questions, lm_sample, about=about))
    assert log.tool == "lm-evaluation-harness of unknown version (hf)"


# --- what is wrong -----------------------------------------------------------------------------


def edited(tmp_path, questions, edit):
    folder = write_samples(tmp_path, questions[:2], lm_sample)
    (path,) = folder.glob("samples_*")
    lines = path.read_text("utf-8").splitlines()
    tree = json.loads(lines[1])
    edit(tree)
    path.write_text("\n".join([lines[0], json.dumps(tree)]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t.pop("doc"), "question, choices and answer, found no doc"),
        (lambda t: t["doc"].pop("choices"), "found 'question', 'subject', 'answer'"),
        (lambda t: t["doc"].update(choices=[]), "expected 2 to 10 choices, found 0"),
        (lambda t: t["doc"].update(answer=4), "expected a letter from A to D or a number"),
        (lambda t: t["doc"].update(question="\ud800"), "half of a surrogate pair"),
        (lambda t: t["doc"].update(subject=3), "expected text for the subject, found 3"),
        (lambda t: t.pop("doc_id"), "expected a whole number as 'doc_id', there is none"),
        (lambda t: t.update(doc_id=True), "expected a whole number as 'doc_id', found True"),
        (lambda t: t.update(doc_id=0), "the doc_id 0 of anatomy was at"),
        (lambda t: t.pop("arguments"), "expected the requests as 'arguments'"),
        (lambda t: t.update(arguments=[]), "expected the requests as 'arguments'"),
        (lambda t: t.update(arguments={"gen_args_0": 1}), "expected the requests as 'arguments'"),
        (lambda t: t.pop("filtered_resps"), "expected a list as 'filtered_resps'"),
        (lambda t: t["filtered_resps"].pop(), "found 3 of"),
        (lambda t: t["filtered_resps"].__setitem__(1, ["nan", "False"]), "log-likelihoods"),
        (lambda t: t["filtered_resps"].__setitem__(1, ["1e999", "False"]), "log-likelihoods"),
        (lambda t: t["filtered_resps"].__setitem__(1, ["x", "False"]), "log-likelihoods"),
        (lambda t: t["filtered_resps"].__setitem__(1, [-1e300, False]), "log-likelihoods"),
        (lambda t: t["filtered_resps"].__setitem__(1, [True, False]), "log-likelihoods"),
        (lambda t: t["filtered_resps"].__setitem__(1, None), "log-likelihoods"),
        (lambda t: t.update(acc=0.0), "its acc is 0.0, its log-likelihoods"),
        (lambda t: t["arguments"]["gen_args_2"].update(arg_1=" X"), "likelihood of each of 4"),
        (lambda t: t["arguments"]["gen_args_0"].update(arg_1={}), "verdict on a text as exact_m"),
    ],
)  # fmt: skip
def test_a_sample_that_is_none(tmp_path, questions, edit, said):
    path = edited(tmp_path, questions, edit)
    with pytest.raises(DataError) as caught:
        imports.read([path])
    assert said in str(caught.value)
    assert f"{path}, line 2" in str(caught.value)


def test_minus_infinity_is_a_log_likelihood(tmp_path, questions):
    def worst(tree):
        wrong = (questions[1].answer + 1) % 4
        tree["filtered_resps"][wrong] = ["-inf", "False"]

    (log,), _ = imports.read([edited(tmp_path, questions, worst)])
    assert -math.inf in log.answers[1].record.letter_logits


def test_results_that_are_broken(tmp_path, questions):
    write_samples(tmp_path, questions, lm_sample)
    (tmp_path / f"results_{DATE}.json").write_text("{")
    with pytest.raises(DataError, match=r"results_.*expected JSON, found something else"):
        imports.read([tmp_path])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"results_{DATE}.json", "it holds no answers. Name the files samples_mmlu_"),
        ("hendrycksTest-anatomy_write_out_info.json", "a version before 0.4"),
        ("x.json", "found neither"),
        ("x.txt", "found neither"),
    ],
)
def test_other_files(tmp_path, name, said):
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=said):
        imports.read([tmp_path / name])


def test_the_subject_may_stand_in_the_file_s_name_alone(tmp_path, questions):
    def sample(question, number):
        made = lm_sample(question, number)
        del made["doc"]["subject"]
        return made

    log = read(write_samples(tmp_path, questions, sample))
    assert [a.question.subject for a in log.answers] == [q.subject for q in questions]


def test_a_file_of_several_subjects(tmp_path, questions):
    made = [json.dumps(lm_sample(q, i)) for i, q in enumerate(questions)]
    path = tmp_path / f"samples_mmlu_all_{DATE}.jsonl"
    path.write_text("\n".join(made), encoding="utf-8")
    (log,), _ = imports.read([path])
    assert {a.question.subject for a in log.answers} == set(by_subject(questions))
    assert log.style == "lm-eval:mmlu_all"


def test_two_readings_in_one_file(tmp_path, questions):
    made = [lm_sample(questions[0], 0), lm_sample(questions[1], 1, texts=True)]
    path = tmp_path / f"samples_mmlu_anatomy_{DATE}.jsonl"
    path.write_text("\n".join(map(json.dumps, made)), encoding="utf-8")
    with pytest.raises(DataError, match="one way of reading in a run, found cloze and letter"):
        imports.read([path])


@pytest.mark.parametrize("answer", [[], [[]], [None], [1.5]])
def test_a_text_that_is_none(tmp_path, questions, answer):
    tree = lm_text(questions[0], 0, "A", right=False) | {"filtered_resps": answer}
    path = tmp_path / f"samples_mmlu_anatomy_generative_{DATE}.jsonl"
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(DataError, match="line 1: expected a text in filtered_resps, found"):
        imports.read([path])
