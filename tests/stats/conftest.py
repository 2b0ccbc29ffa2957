"""Runs made of a few letters, so that a test shows all the numbers it speaks about."""

from collections import Counter
from dataclasses import replace

import pytest

from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    Record,
    Run,
    RunResult,
    RunStatus,
)

FINGERPRINT = Fingerprint(
    model_sha256="",
    plan_hash="plan",
    questions_sha256="questions",
    prompt_style="completion",
    shots=5,
    read="letter",
    grammar='root ::= " " [A-D]',
    engine=EngineSettings(
        n_ctx=4096,
        n_batch=512,
        n_ubatch=512,
        n_seq_max=16,
        n_threads=2,
        n_gpu_layers=0,
        flash_attn="on",
    ),
    build=BuildInfo("0.3.36", "abc1234", "libs", "AVX2 = 1", ()),
)


def question(i, subject="law", answer=0, n_choices=4):
    choices = tuple(f"choice {k}" for k in range(n_choices))
    return Question(f"test/{subject}/{i}", subject, f"stem {i}", choices, answer)


def record(q, letter, *, rotation=0, mass=0.9, parse_error=None):
    return Record(
        run_id="run",
        question_id=q.id,
        rotation=rotation,
        letter=letter,
        correct=letter == q.answer,
        letter_logits=(0.0,) * len(q.choices),
        logsumexp=1.0,
        letter_mass=mass,
        margin=0.5,
        top_token=1,
        top_logit=0.0,
        n_tokens=100,
        parse_error=parse_error,
    )


@pytest.fixture(scope="session")
def make_question():
    return question


@pytest.fixture(scope="session")
def make_record():
    return record


@pytest.fixture(scope="session")
def make_result():
    """Return a factory: `letters` maps a subject to the answers to its questions ("ABA?").

    Gold is A everywhere; `?` could not be read, `-` is not recorded.
    """

    def make(
        letters,
        *,
        label="Tiny Q8_0",
        design=Design.FULL,
        population=None,
        mass=0.9,
        seconds=2.0,
        **fingerprint,
    ):
        questions, records = [], []
        for subject, answers in letters.items():
            for i, answer in enumerate(answers):
                q = question(i, subject)
                questions.append(q)
                if answer == "?":
                    records.append(record(q, None, mass=mass, parse_error="no letter"))
                elif answer != "-":
                    records.append(record(q, "ABCD".index(answer), mass=mass))
        counts = Counter(q.subject for q in questions)
        run = Run(
            id="run",
            model=ModelInfo(label, "m.gguf", label, 1, "llama", 1, "Q8_0", {}, 8.5, 1.0),
            fingerprint=replace(FINGERPRINT, model_sha256=label, **fingerprint),
            task="mmlu",
            source="embedded",
            design=design,
            population=population or dict(counts),
            n_questions=len(questions),
            n_batches=1,
            status=RunStatus.DONE,
            created="2025-01-01T00:00:00Z",
            n_done=len(records),
            n_tokens=100 * len(records),
            seconds=seconds,
            peak_rss_bytes=0,
            command="ggufeval run",
        )
        return RunResult(run, tuple(questions), tuple(records))

    return make
