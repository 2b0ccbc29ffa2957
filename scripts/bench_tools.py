"""How much faster is it than other programs that evaluate the same GGUF?

    python -m venv lm && lm/bin/pip install "lm-eval[hf,api]" gguf "llama-cpp-python[server]"
    python scripts/bench_tools.py MODEL.gguf --data FOLDER --lm-eval lm/bin/python \
        --perplexity llama.cpp/build/bin/llama-perplexity

The same 5-shot questions of a few subjects through `ggufeval run`, and

    hf          lm-evaluation-harness, whose transformers write the GGUF's weights out in float32
    gguf        lm-evaluation-harness, which asks a `llama_cpp.server` four times a question
                (`--server N`: over N questions)
    perplexity  llama.cpp's `llama-perplexity --multiple-choice`

Of ours the time from the first token of the shots to the last record counts. The others are
processes, run twice, with few and with more questions: the difference is what questions cost,
without start and loading. Prints questions per second, ratios and how many letters
agree (of llama-perplexity: in how many questions both are right, or both wrong).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from ggufeval import prompts, tasks
from ggufeval.runner import physical_cores
from ggufeval.store import Store
from ggufeval.types import LETTERS, Question, QuestionSet

PORT = 8765
LEAST = 2
"""Questions of the shorter run."""

TASK = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/test.jsonl, dev: {folder}/dev.jsonl}}}}
test_split: test
fewshot_split: dev
fewshot_config: {{sampler: first_n}}
output_type: multiple_choice
description: "The following are multiple choice questions (with answers) about {subject}.\\n\\n"
doc_to_text: "{{{{question.strip()}}}}\\nA. {{{{choices[0]}}}}\\nB. {{{{choices[1]}}}}\\n\\
  C. {{{{choices[2]}}}}\\nD. {{{{choices[3]}}}}\\nAnswer:"
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: answer
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


@dataclass(frozen=True, slots=True)
class Timed:
    seconds: float
    letters: dict[str, str]
    """The question's id -> the letter, or whether it is right: `+` or `-`."""


def ours(model: Path, data: Path, asked: Sequence[Question]) -> Timed:
    """`ggufeval run` over the questions of one subject, as a file of its own."""
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "db.sqlite"
        args = ["run", str(model), "--data", str(data), "--subjects", asked[0].subject, "-q"]
        args += ["--limit", str(len(asked)), "--db", str(db)]
        subprocess.run([sys.executable, "-m", "ggufeval", *args], check=True, capture_output=True)
        with Store.open(db, read_only=True) as store:
            (run,) = store.runs()
            records = store.result(run.id).records
    return Timed(
        run.seconds, {r.question_id: "" if r.letter is None else LETTERS[r.letter] for r in records}
    )


def harness(
    python: str, model_args: Sequence[str], asked: Sequence[Question], shots: Sequence[Question]
) -> Timed:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subject = asked[0].subject
        for split, questions in (("test", asked), ("dev", shots)):
            lines = [
                json.dumps({"question": q.stem, "choices": list(q.choices), "answer": q.answer})
                for q in questions
            ]
            (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        task = TASK.format(name="asked", folder=folder, subject=subject.replace("_", " "))
        (folder / "asked.yaml").write_text(task, encoding="utf-8")
        args = [python, "-m", "lm_eval", "run", *model_args, "--tasks", "asked"]
        args += ["--include_path", name, "--num_fewshot", str(len(shots)), "--log_samples"]
        args += ["--output_path", str(folder / "out"), "--device", "cpu"]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": name}
        environment.pop("PYTHONPATH", None)
        started = time.perf_counter()
        done = subprocess.run(args, capture_output=True, text=True, env=environment, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        (samples,) = (folder / "out").rglob("samples_*.jsonl")
        return Timed(seconds, dict(_letters(samples, asked)))


def _letters(samples: Path, asked: Sequence[Question]) -> Iterator[tuple[str, str]]:
    for line in samples.read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        logprobs = [float(response[0]) for response in sample["filtered_resps"]]
        yield asked[sample["doc_id"]].id, LETTERS[logprobs.index(max(logprobs))]


def perplexity(
    binary: Path, model: Path, asked: Sequence[Question], shots: Sequence[Question]
) -> Timed:
    rendered = prompts.render("mmlu", asked, {asked[0].subject: tuple(shots)}, None)
    n_choices = len(LETTERS[:4])
    tasks_ = [
        _text(prompt.text)
        + struct.pack("<I", n_choices)
        + b"".join(map(_text, LETTERS[:n_choices]))
        + struct.pack(f"<{n_choices}i", *(i == question.answer for i in range(n_choices)))
        + struct.pack("<I", 0)
        for prompt, question in zip(rendered, asked, strict=True)
    ]
    n = len(tasks_)
    places = accumulate(map(len, tasks_[:-1]), initial=4 + 4 * n)
    content = struct.pack(f"<{n + 1}I", n, *places) + b"".join(tasks_)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(content)
        file.flush()
        args = [str(binary), "-m", str(model), "--multiple-choice", "-bf", file.name]
        args += ["-c", "1024", "-b", "2048", "-ub", "512", "-t", str(physical_cores())]
        started = time.perf_counter()
        done = subprocess.run(args, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    found = re.findall(r"^(\d+)\t([\d.]+)$", done.stdout, re.MULTILINE)
    if len(found) != n:
        sys.exit(f"llama-perplexity: {done.stderr[-1000:]}")
    right = [round(int(i) * float(share) / 100) for i, share in found]
    marks = ("+" if b > a else "-" for a, b in pairwise([0, *right]))
    return Timed(seconds, dict(zip((q.id for q in asked), marks, strict=True)))


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()


@contextmanager
def server(python: str, model: Path) -> Iterator[str]:
    """A `llama_cpp.server` that gives the log-probabilities of a prompt's tokens."""
    args = [python, "-m", "llama_cpp.server", "--model", str(model), "--port", str(PORT)]
    args += ["--logits_all", "true", "--n_ctx", "4096"]
    with subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{PORT}"
        try:
            _wait(process, url)
            yield url
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(120):
        if process.poll() is not None:
            sys.exit("llama_cpp.server ended: is llama-cpp-python[server] installed there?")
        try:
            with urllib.request.urlopen(f"{url}/v1/models", timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.5)
    sys.exit("llama_cpp.server does not answer.")


def compare(model: Path, questions: QuestionSet, options: argparse.Namespace) -> None:
    hf = ["--model", "hf", "--batch_size", options.batch_size, "--model_args"]
    hf.append(f"pretrained={model.parent},gguf_file={model.name},dtype=float32")
    for subject, shots in questions.shots.items():
        asked = [q for q in questions.questions if q.subject == subject]
        few = asked[:LEAST]
        mine = ours(model, options.data, asked)
        rate = len(asked) / mine.seconds
        right = {q.id: "-+"[mine.letters[q.id] == LETTERS[q.answer]] for q in asked}
        print(f"{subject}: {len(asked)} questions; ggufeval {rate:.2f} a second", flush=True)
        if options.perplexity:
            theirs = [perplexity(options.perplexity, model, n, shots) for n in (few, asked)]
            _tell("llama-perplexity", theirs, rate, right)
        if options.lm_eval:
            theirs = [harness(options.lm_eval, hf, part, shots) for part in (few, asked)]
            _tell("lm-eval, hf", theirs, rate, mine.letters)
        if options.lm_eval and options.server:
            with server(options.lm_eval, model) as url:
                args = ["--model", "gguf", "--model_args", f"base_url={url}"]
                some = (asked[:1], asked[: 1 + options.server])
                theirs = [harness(options.lm_eval, args, part, shots) for part in some]
            _tell("lm-eval, gguf", theirs, rate, mine.letters)


def _rate(runs: Sequence[Timed]) -> float:
    """Questions a second, from what the longer run has and took more than the shorter one."""
    short, long = runs
    return (len(long.letters) - len(short.letters)) / (long.seconds - short.seconds)


def _tell(name: str, theirs: Sequence[Timed], rate: float, own: dict[str, str]) -> None:
    other = _rate(theirs)
    letters = theirs[-1].letters
    same = sum(own[question_id] == letter for question_id, letter in letters.items())
    print(
        f"  {name:16} {other:8.4f} a second ({theirs[-1].seconds:.0f} s for {len(letters)}); "
        f"ggufeval is {rate / other:.1f}x as fast; {same} agree",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lm-eval", help="the Python of an environment that has it")
    parser.add_argument("--perplexity", type=Path, help="llama-perplexity")
    parser.add_argument("--subjects", default="anatomy,professional_law")
    parser.add_argument("--limit", type=int, default=40, help="questions of each subject")
    parser.add_argument("--batch-size", default="1")
    parser.add_argument("--server", type=int, default=0, help="questions for the gguf model")
    options = parser.parse_args()
    subjects = options.subjects.split(",")
    n = options.limit * len(subjects)
    questions = tasks.load("mmlu", options.data, subjects=subjects, limit=n)
    compare(options.model.resolve(), questions, options)


if __name__ == "__main__":
    main()
