"""Records as the tools write them, made here, over questions of our own; and a run of ours."""

from __future__ import annotations

import json
import zipfile

import pytest
from click.testing import CliRunner

from ggufeval import tasks
from ggufeval.cli import cli
from ggufeval.store import Store
from ggufeval.types import (
    LETTERS,
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Record,
    Run,
    RunStatus,
)

DATE = "2025-03-04T05-06-07.890123"


@pytest.fixture(scope="session")
def questions():
    """Eight of each of four subjects, of ours."""
    subjects = ("anatomy", "astronomy", "marketing", "philosophy")
    groups = {name: [] for name in subjects}
    for question in tasks.load("sample", None, shots=0).questions:
        if question.subject in groups and len(groups[question.subject]) < 8:
            groups[question.subject].append(question)
    found = tuple(q for group in groups.values() for q in group)
    assert len(found) == 32
    return found


@pytest.fixture
def database(tmp_path):
    return tmp_path / "r.sqlite"


@pytest.fixture
def ggufeval(database):
    """Calls the command line; the output, where the exit status is the expected one."""

    def call(*arguments, status=0):
        given = [str(argument) for argument in arguments]
        done = CliRunner().invoke(cli, [*given, "--db", str(database)])
        assert done.exit_code == status, done.output
        assert status or done.exception is None
        return done

    return call


@pytest.fixture
def ours(database, questions):
    """The id of a run of ours that answers each question, the last of a subject wrongly."""
    run = Run(
        "",
        ModelInfo("Tiny Q8_0", "m.gguf", "m", 4_000_000, "llama", 1, "Q8_0", {}, 8.5, 1.0),
        Fingerprint(
            "m", "p", "q", "mmlu", 5, "letter", "g",
            EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
            BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",)),
        ),
        "mmlu", "s", Design.FULL, {q.subject: 8 for q in questions}, len(questions), 1,
        RunStatus.RUNNING, "2025-01-01T00:00:00+00:00", 0, 0, 0.0, 0, "",
    )  # fmt: skip
    with Store.open(database) as store:
        run_id = store.begin(run, questions)
        records = [
            Record("", q.id, 0, letter, letter == q.answer, (1.0, 0.0, 0.0, 0.0), 2.0, 0.9,
                   1.0, 1, 1.0, 10)
            for i, q in enumerate(questions)
            for letter in [(q.answer + (i % 8 == 7)) % 4]
        ]  # fmt: skip
        store.add_batch(run_id, 0, "p", records, n_tokens=320, seconds=2.0)
        store.finish(run_id)
    return run_id


# --- lm-evaluation-harness ---------------------------------------------------------------------


def likelihoods(question, wrong=False):
    """Of the choices: the right one's is the greatest, or that of the one behind it."""
    best = (question.answer + wrong) % len(question.choices)
    return [-0.25 if i == best else -2.0 - i for i in range(len(question.choices))]


def doc(question):
    return {
        "question": question.stem,
        "subject": question.subject,
        "choices": list(question.choices),
        "answer": question.answer,
    }


def lm_sample(question, number, *, wrong=False, texts=False):
    """As `evaluator.py` hands it over, before anything writes it."""
    values = likelihoods(question, wrong)
    put = question.choices if texts else LETTERS[: len(question.choices)]
    context = f"...\n\n{question.stem}\nAnswer:"
    return {
        "doc_id": number,
        "doc": doc(question),
        "target": question.answer,
        "arguments": [[context, f" {text}"] for text in put],
        "resps": [[[value, False]] for value in values],
        "filtered_resps": [[value, False] for value in values],
        "acc": float(not wrong),
    }


def lm_text(question, number, said, *, right, name="get_response"):
    return {
        "doc_id": number,
        "doc": doc(question),
        "target": LETTERS[question.answer],
        "arguments": [["...", {"until": ["\n"], "do_sample": False, "temperature": 0.0,
                               "max_gen_toks": 10}]],
        "resps": [[f" {said}\n"]],
        "filtered_resps": [said],
        "filter": name,
        "exact_match": float(right),
    }  # fmt: skip


def as_text(tree):
    """`sanitize_list`: every value as text, 0.4.3 and later."""
    return [as_text(item) for item in tree] if isinstance(tree, list) else str(tree)


def sanitized(sample):
    """What `save_results_samples` makes of it: 0.4.3 to 0.4.13."""
    arguments = {
        f"gen_args_{i}": {f"arg_{j}": value for j, value in enumerate(request)}
        for i, request in enumerate(sample["arguments"])
    }
    return sample | {
        "arguments": arguments,
        "resps": as_text(sample["resps"]),
        "filtered_resps": as_text(sample["filtered_resps"]),
        "target": str(sample["target"]),
    }


def by_subject(questions):
    groups = {}
    for question in questions:
        groups.setdefault(question.subject, []).append(question)
    return groups


def results(subjects, version="0.4.9", **more):
    tree = {
        "results": {},
        "versions": {f"mmlu_{name}": 1.0 for name in subjects},
        "n-shot": {f"mmlu_{name}": 5 for name in subjects},
        "n-samples": {f"mmlu_{name}": {"original": 8, "effective": 8} for name in subjects},
        "config": {"model": "hf", "model_args": "pretrained=meta-llama/Llama-3.2-1B,dtype=auto"},
        "date": 1741064767.5,
        "lm_eval_version": version,
        "model_name": "meta-llama/Llama-3.2-1B",
    }
    return {name: value for name, value in (tree | more).items() if value is not None}


def write_samples(folder, questions, sample, *, task="mmlu_{}", date=DATE, about=None):
    """One file a subject, as 0.4.3 and later do; `sample` makes one of a question and its row."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = by_subject(questions)
    for subject, group in groups.items():
        path = folder / f"samples_{task.format(subject)}_{date}.jsonl"
        lines = [
            json.dumps(sanitized(sample(q, i)), ensure_ascii=False) for i, q in enumerate(group)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tree = results(groups) if about is None else about
    if tree:
        (folder / f"results_{date}.json").write_text(json.dumps(tree, indent=2), encoding="utf-8")
    return folder


def write_lists(folder, questions, sample):
    """As 0.4.0 to 0.4.2 do: a list a task, in a file named by the model's arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    for subject, group in by_subject(questions).items():
        path = folder / f"pretrained__meta-llama__Llama-3.2-1B_mmlu_{subject}.jsonl"
        samples = [sample(q, i) for i, q in enumerate(group)]
        path.write_text(json.dumps(samples, indent=2), encoding="utf-8")
    tree = results(by_subject(questions), None, **{"model_name": None, "n-samples": None})
    (folder / "results.json").write_text(json.dumps(tree), encoding="utf-8")
    return folder


# --- inspect -----------------------------------------------------------------------------------


def inspect_sample(question, number, said=None, *, epoch=1, value=None, **more):
    """`EvalSample` of inspect-ai 0.3.285, what is of no use here left out."""
    said = LETTERS[question.answer] if said is None else said
    right = said == LETTERS[question.answer]
    return {
        "id": f"mmlu_{number:08x}",
        "epoch": epoch,
        "input": question.stem,
        "choices": list(question.choices),
        "target": LETTERS[question.answer],
        "messages": [
            {"id": f"random{number}", "role": "user", "content": f"Answer: {question.stem}"},
            {"id": f"other{number}", "role": "assistant", "content": f"ANSWER: {said}"},
        ],
        "output": {"model": "m", "choices": [], "completion": f"ANSWER: {said}"},
        "scores": {
            "choice": {"value": value or ("C" if right else "I"), "answer": said, "history": []}
        },
        "metadata": {"subject": question.subject},
    } | more


def inspect_header(task="inspect_evals/mmlu_0_shot", **more):
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "created": "2025-03-04T05:06:07+00:00",
            "task": task,
            "model": "hf/meta-llama/Llama-3.2-1B",
            "model_generate_config": {"max_tokens": 16},
            "packages": {"inspect_ai": "0.3.285"},
        },
        "plan": {"name": "plan", "config": {"temperature": 0.0}},
    } | more


def write_log(path, samples, header=None):
    tree = (header or inspect_header()) | {"samples": samples}
    path.write_text(json.dumps(tree, indent=2), encoding="utf-8")
    return path


def write_eval(path, samples, header=None, *, name="header.json"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in samples:
            member = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(member, json.dumps(sample))
        archive.writestr("summaries.json", "[]")
        archive.writestr(name, json.dumps(header or inspect_header()))
    return path
