"""One fixed comparison: a reference in F16 and three candidates, one starred, one requantized."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ggufeval.types import (
    BuildInfo,
    Candidate,
    Comparison,
    Design,
    Difference,
    Divergence,
    EngineSettings,
    Estimate,
    Fingerprint,
    Floor,
    GroupScore,
    Judgement,
    ModelInfo,
    Positions,
    Question,
    Record,
    Run,
    RunResult,
    RunStatus,
    Score,
    Verdict,
)

ENGINE = EngineSettings(
    n_ctx=4096,
    n_batch=512,
    n_ubatch=512,
    n_seq_max=32,
    n_threads=2,
    n_gpu_layers=0,
    flash_attn="on",
)
BUILD = BuildInfo(
    llama_cpp_python="0.3.36",
    ggml_commit="b6123abc",
    libraries_sha256="e" * 64,
    system_info="CPU : AVX2 = 1 | FMA = 1",
    devices=("CPU",),
)


def make_model(quantization, size_mb, bits, tensor_types, **facts):
    return ModelInfo(
        label=f"SmolLM2-135M-Instruct {quantization}",
        path=f"/models/SmolLM2-135M-Instruct-{quantization}.gguf",
        sha256=quantization[-1].lower() * 64,
        size_bytes=int(size_mb * 1e6),
        architecture="llama",
        n_params=134_515_008,
        quantization=quantization,
        tensor_types=tensor_types,
        bits_per_weight=bits,
        **{"nominal_share": 1.0} | facts,
    )


def make_run(model, seconds, memory_mb):
    fingerprint = Fingerprint(
        model_sha256=model.sha256,
        plan_hash="b" * 64,
        questions_sha256="c" * 64,
        prompt_style="harness",
        shots=5,
        read="letter",
        grammar='root ::= " " [A-D]',
        engine=ENGINE,
        build=BUILD,
    )
    return Run(
        id=f"run-{model.quantization}",
        model=model,
        fingerprint=fingerprint,
        task="mmlu",
        source="cais/mmlu@c30699e8",
        design=Design.STRATIFIED,
        population={"anatomy": 135, "virology": 166},
        n_questions=570,
        n_batches=60,
        status=RunStatus.DONE,
        created="2025-11-24T20:18:00Z",
        n_done=570,
        n_tokens=123_456,
        seconds=seconds,
        peak_rss_bytes=int(memory_mb * 1e6),
        command="ggufeval sweep SmolLM2-135M-Instruct-F16.gguf --quants Q8_0,Q4_K_M,Q2_K",
    )


def make_score(model, n_correct, macro, mass, *, seconds, memory_mb):
    micro = n_correct / 570
    return Score(
        run=make_run(model, seconds, memory_mb),
        n=570,
        n_correct=n_correct,
        micro=Estimate(micro, micro - 0.04, micro + 0.041),
        macro=Estimate(macro, macro - 0.04, macro + 0.04),
        letter_mass=mass,
        letter_counts=(150, 140, 140, 140),
        n_unread=0,
        questions_per_second=570 / seconds,
        tokens_per_second=123_456 / seconds,
    )


@pytest.fixture(scope="session")
def schema():
    """Of the reports in JSON."""
    path = Path(__file__).parents[2] / "docs" / "report.schema.json"
    return Draft202012Validator(json.loads(path.read_text("utf-8")))


@pytest.fixture
def comparison():
    f16 = make_model("F16", 270.9, 16.02, {"F16": 134_500_000, "F32": 15_008})
    q8 = make_model("Q8_0", 144.8, 8.51, {"Q8_0": 134_500_000, "F32": 15_008})
    q4 = make_model("Q4_K_M", 105.5, 6.247, {"Q4_K": 100, "Q6_K": 50}, requantized_from="Q4_1")
    q2 = make_model("Q2_K", 88.2, 5.214, {"Q8_0": 8, "IQ4_NL": 62, "Q5_0": 30}, nominal_share=0.0)
    return Comparison(
        reference=make_score(f16, 235, 0.4123, 0.998, seconds=190.2, memory_mb=412.0),
        candidates=(
            Candidate(
                make_score(q8, 236, 0.414, 0.998, seconds=121.4, memory_mb=301.5),
                Difference(
                    lost=12,
                    won=13,
                    changed=20,
                    micro=Estimate(1 / 570, -0.0158, 0.0193),
                    macro=Estimate(0.0017, -0.0158, 0.0193),
                    mcnemar_p=0.8506,
                ),
                Judgement(Verdict.UNDECIDED, Estimate(1 / 570, -0.0182, 0.0219, 0.9667), 0.0201),
                0.8592,
                Divergence(0.00136, 0.00011, 0.0004, 0.0121, 0.0613, 0.0121, 525 / 570),
            ),
            Candidate(
                make_score(q4, 229, 0.4018, 0.9912, seconds=99.6, memory_mb=260.0),
                Difference(
                    lost=31,
                    won=25,
                    changed=44,
                    micro=Estimate(-6 / 570, -0.0367, 0.0156),
                    macro=Estimate(-0.0105, -0.0367, 0.0156),
                    mcnemar_p=0.4296,
                ),
                Judgement(Verdict.UNDECIDED, Estimate(-6 / 570, -0.0394, 0.0180, 0.9667), 0.0287),
                0.8592,
                Divergence(0.0313, 0.0021, 0.0118, 0.214, 0.688, 0.0524, 470 / 570),
            ),
            Candidate(
                make_score(q2, 181, 0.3175, 0.4021, seconds=3_725.4, memory_mb=1_320.0),
                Difference(
                    lost=104,
                    won=50,
                    changed=160,
                    micro=Estimate(-54 / 570, -0.1365, -0.0527),
                    macro=Estimate(-0.0948, -0.1365, -0.0527),
                    mcnemar_p=0.0000124,
                ),
                Judgement(Verdict.WORSE, Estimate(-54 / 570, -0.1404, -0.0489, 0.9667), 0.0465),
                3.72e-05,
                Divergence(0.445, 0.0191, 0.283, 2.21, 4.87, 0.203, 256 / 570),
            ),
        ),
        n_questions=570,
        n_population=14_042,
        n_subjects=57,
        design=Design.STRATIFIED,
        chance=0.25,
        reference_at_chance=False,
        alarms=("SmolLM2-135M-Instruct Q2_K: the letters hold only 40% of the probability.",),
    )


@pytest.fixture
def single(comparison):
    return replace(comparison, candidates=(), alarms=())


def make_group(name, n, micro, *differences):
    estimates = tuple(Estimate(d, d - 0.0507, d + 0.0493) for d in differences)
    accuracies = tuple(Estimate(micro + d, 0, 1) for d in (0, *differences))
    return GroupScore(name, n, accuracies, estimates)


@pytest.fixture
def grouped(comparison):
    groups = (
        make_group("high_school_government_and_politics", 193, 0.6218, 0.0052, -0.0155, -0.1088),
        make_group("virology", 9, 1 / 3, 0.0, -1 / 9, -1 / 3),
    )
    return replace(comparison, by="subject", groups=groups)


@pytest.fixture
def floored(comparison):
    """The flip floors of the reference and the first two candidates are known."""
    shares = (Estimate(1 / 160, 0.0011, 0.0345), Estimate(2 / 160, 0.0034, 0.0444), None)

    def change(score, number):
        share = (*shares, None)[number]
        return replace(
            score, floor=share and Floor(160, round(160 * share.value), 3, share, 0.2104)
        )

    known = each(comparison, change)
    first, *others = known.candidates
    judgement = replace(first.judgement, arithmetic=0.0081)
    return replace(known, candidates=(replace(first, judgement=judgement), *others))


@pytest.fixture
def stopped(comparison):
    """Runs that could end early: each level was asked as many questions as it took."""
    none = Estimate(math.nan, math.nan, math.nan)
    asked = (5_480, 1_180, 5_480, 240)

    def change(score, number):
        return replace(with_fingerprint(score, stopping="verdict"), n=asked[number], macro=none)

    whole = each(comparison, change)
    verdicts = (Verdict.WITHIN, Verdict.UNDECIDED, Verdict.WORSE)
    candidates = tuple(
        replace(
            item,
            difference=replace(item.difference, macro=none, mcnemar_p=math.nan),
            holm_p=math.nan,
            judgement=replace(
                item.judgement,
                verdict=verdict,
                detectable=math.nan,
                n_stop=0 if verdict is Verdict.UNDECIDED else item.score.n - 27,
                interval=replace(item.judgement.interval, low=low, high=high),
            ),
        )
        for item, verdict, low, high in zip(
            whole.candidates,
            verdicts,
            (-0.0099, -0.0394, -0.17),
            (0.0131, 0.018, -0.0489),
            strict=True,
        )
    )
    return replace(
        whole,
        candidates=candidates,
        n_questions=5_480,
        design=Design.FULL,
        stopping="verdict",
    )


@pytest.fixture
def unjudged(comparison):
    candidates = tuple(replace(item, judgement=None) for item in comparison.candidates)
    return replace(comparison, candidates=candidates, unjudged="No verdict: the runs differ.")


@pytest.fixture
def at_chance(comparison):
    low = Estimate(0.2561, 0.2219, 0.2935)
    return replace(
        comparison,
        reference=replace(comparison.reference, micro=low),
        candidates=tuple(replace(item, judgement=None) for item in comparison.candidates),
        reference_at_chance=True,
    )


def each(comparison, change):
    """The comparison with every score changed; `change` gets its number too, the reference's 0."""
    candidates = tuple(
        replace(item, score=change(item.score, number))
        for number, item in enumerate(comparison.candidates, 1)
    )
    return replace(comparison, reference=change(comparison.reference, 0), candidates=candidates)


def with_fingerprint(score, **fields):
    return replace(
        score, run=replace(score.run, fingerprint=replace(score.run.fingerprint, **fields))
    )


def without_divergence(comparison):
    candidates = tuple(replace(item, divergence=None) for item in comparison.candidates)
    return replace(comparison, candidates=candidates)


@pytest.fixture
def sampled(comparison):
    """Answers read off texts; the last model writes some that cannot be read."""
    how = {"read": "sample", "grammar": "", "parser": "json", "temperature": 0.6, "max_tokens": 10}

    def change(score, number):
        unread = {"n_unread": 12, "n_unparsed": 9, "n_no_choice": 3} if number == 3 else {}
        return replace(with_fingerprint(score, **how, seed=7), letter_mass=math.nan, **unread)

    return without_divergence(each(comparison, change))


@pytest.fixture
def cloze(comparison):
    def change(score, number):
        value = 0.3421 - number / 100
        return replace(
            with_fingerprint(score, read="cloze", grammar=""),
            letter_mass=math.nan,
            summed=Estimate(value, value - 0.04, value + 0.04),
        )

    return without_divergence(each(comparison, change))


@pytest.fixture
def rotate():
    """Gives a comparison positions of the right choice, as many as asked for."""

    def of(comparison, n=4):
        def change(score, number):
            values = [score.micro.value + 0.02 * (n / 2 - i) for i in range(n)]
            same = 0.5 - number / 10
            return replace(
                with_fingerprint(score, permute="cyclic"),
                positions=Positions(
                    tuple(Estimate(v, v - 0.04, v + 0.04) for v in values),
                    Estimate(same, same - 0.04, same + 0.04),
                ),
            )

        rotated = each(comparison, change)
        unknown = tuple(
            replace(
                item,
                difference=replace(item.difference, mcnemar_p=math.nan),
                holm_p=math.nan,
            )
            for item in rotated.candidates
        )
        return replace(rotated, candidates=unknown)

    return of


@pytest.fixture
def rename():
    """Gives a comparison other labels, the reference's first."""
    return _rename


def _rename(comparison, *labels):
    scores = [comparison.reference, *(item.score for item in comparison.candidates)]
    renamed = [
        replace(score, run=replace(score.run, model=replace(score.run.model, label=label)))
        for score, label in zip(scores, labels, strict=True)
    ]
    candidates = tuple(
        replace(item, score=score)
        for item, score in zip(comparison.candidates, renamed[1:], strict=True)
    )
    return replace(comparison, reference=renamed[0], candidates=candidates)


def make_result(score, questions, letters):
    """A run's records: the given letters, in the order of the questions."""
    records = tuple(
        Record(
            run_id=score.run.id,
            question_id=question.id,
            rotation=0,
            letter=letter,
            correct=letter == question.answer,
            letter_logits=(0.0,) * len(question.choices),
            logsumexp=1.0,
            letter_mass=0.9,
            margin=0.5,
            top_token=1,
            top_logit=0.0,
            n_tokens=700,
        )
        for question, letter in zip(questions, letters, strict=True)
    )
    return RunResult(score.run, tuple(questions), records)


@pytest.fixture
def questions():
    return [
        Question(
            id="mmlu/test/anatomy/7",
            subject="anatomy",
            stem="Which of these is <not> a bone of the hand?\nChoose one.",
            choices=("Scaphoid", "Lunate & co", "Talus", "Hamate"),
            answer=2,
        ),
        Question(
            id="mmlu/test/virology/0",
            subject="virology",
            stem="How many letters has this question?",
            choices=tuple(f"choice {i}" for i in range(10)),
            answer=9,
        ),
        Question(
            id="mmlu/test/virology/1",
            subject="virology",
            stem="All models know this one.",
            choices=("yes", "no"),
            answer=0,
        ),
    ]


@pytest.fixture
def results(comparison, questions):
    letters = ([2, 9, 0], [2, 9, 0], [1, 9, 0], [0, None, 0])
    scores = [comparison.reference, *(item.score for item in comparison.candidates)]
    return [
        make_result(score, questions, answers)
        for score, answers in zip(scores, letters, strict=True)
    ]
