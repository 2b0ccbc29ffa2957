"""One fixed ladder on a model that cannot have rung 7, and has rung 8 as `chat`."""

from dataclasses import replace

import pytest

from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Estimate,
    Fingerprint,
    Ladder,
    ModelInfo,
    Run,
    Rung,
    RungResult,
    RunStatus,
    Score,
    StudyFigure,
)

N = 570
MODEL = ModelInfo(
    label="SmolLM2-360M-Instruct Q8_0",
    path="/models/SmolLM2-360M-Instruct-Q8_0.gguf",
    sha256="a" * 64,
    size_bytes=386_404_992,
    architecture="llama",
    n_params=361_821_120,
    quantization="Q8_0",
    tensor_types={"Q8_0": 361_700_000, "F32": 121_120},
    bits_per_weight=8.54,
    nominal_share=1.0,
)
ENGINE = EngineSettings(
    n_ctx=4096,
    n_batch=2048,
    n_ubatch=512,
    n_seq_max=32,
    n_threads=2,
    n_gpu_layers=0,
    flash_attn="on",
)
BUILD = BuildInfo("0.3.36", "b6123abc", "e" * 64, "CPU : AVX2 = 1", ("CPU",))
RUNGS = (
    Rung(1, "answer-line", 0.6, 10, by_letter=False, published=StudyFigure(0.213)),
    Rung(2, "json", 0.6, 10, by_letter=False, published=StudyFigure(0.157)),
    Rung(3, "json", 0.1, 256, by_letter=False, published=StudyFigure(0.305)),
    Rung(
        4,
        "json",
        0.6,
        256,
        by_letter=False,
        published=StudyFigure(0.357, caveat="the first 285 questions only"),
    ),
    Rung(5, "json-final", 0.1, 64, by_letter=False, published=StudyFigure(0.363)),
    Rung(6, "json-subject", 0.1, 20, by_letter=False, published=StudyFigure(0.371, 0.39)),
    Rung(
        7,
        "meta-system",
        0,
        10,
        by_letter=True,
        published=StudyFigure(
            0.429, 0.437, caveat="94.1% of the outputs parsed, 45.6% of those right"
        ),
    ),
    Rung(8, "meta", 0, 0, by_letter=True, otherwise="chat"),
)
RIGHT = {1: (120, 217), 2: (84, 225), 3: (201, 230), 4: (196, 228), 5: (214, 231), 6: (208, 241)}
"""Of 570: as studied, under the grammar."""
UNREAD = {1: 60, 2: 371, 3: 22, 4: 31, 5: 8, 6: 44}


def make_run(rung, how, n=N):
    return Run(
        id=f"run-{rung.number}-{how}",
        model=MODEL,
        fingerprint=Fingerprint(
            model_sha256=MODEL.sha256,
            plan_hash="b" * 64,
            questions_sha256="c" * 64,
            prompt_style=rung.style,
            shots=0,
            read="text",
            grammar="",
            engine=ENGINE,
            build=BUILD,
        ),
        task="mmlu",
        source="cais/mmlu@c30699e8",
        design=Design.STRATIFIED,
        population={"anatomy": 135, "virology": 166},
        n_questions=N,
        n_batches=60,
        status=RunStatus.DONE if n == N else RunStatus.RUNNING,
        created="2025-11-24T20:18:00Z",
        n_done=n,
        n_tokens=123_456,
        seconds=190.2,
        peak_rss_bytes=412_000_000,
        command="ggufeval ladder SmolLM2-360M-Instruct-Q8_0.gguf",
    )


def make_score(rung, how, n_correct, n_unread=0, n=N):
    micro = n_correct / n
    return Score(
        run=make_run(rung, how, n),
        n=n,
        n_correct=n_correct,
        micro=Estimate(micro, micro - 0.033, micro + 0.036),
        macro=Estimate(micro - 0.012, micro - 0.044, micro + 0.026),
        letter_mass=float("nan"),
        letter_counts=(150, 140, 140, 140),
        n_unread=n_unread,
        questions_per_second=n / 190.2,
        tokens_per_second=649.0,
    )


def make_result(rung):
    number = rung.number
    if number == 7:
        reason = "the vocabulary has no <|start_header_id|>"
        return RungResult(rung, rung.style, None, None, None, unavailable=reason)
    if number == 8:
        return RungResult(rung, "chat", None, make_score(rung, "grammar", 255), None)
    free, constrained = RIGHT[number]
    cost = (constrained - free) / N
    return RungResult(
        rung=rung,
        style=rung.style,
        free=make_score(rung, "free", free, UNREAD[number]),
        constrained=make_score(rung, "grammar", constrained),
        cost=Estimate(cost, cost - 0.041, cost + 0.04),
    )


@pytest.fixture
def ladder():
    return Ladder(
        model=MODEL,
        rungs=tuple(make_result(rung) for rung in RUNGS),
        task="mmlu",
        source="cais/mmlu@c30699e8",
        design=Design.STRATIFIED,
        n_questions=N,
        n_population=14_042,
        n_subjects=57,
        chance=0.25,
    )


@pytest.fixture
def some(ladder):
    """As with `--rungs 2,7`, on a model that has both."""
    second, seventh = ladder.rungs[1], ladder.rungs[6]
    free, constrained = make_score(RUNGS[6], "free", 240, 31), make_score(RUNGS[6], "grammar", 252)
    cost = Estimate(12 / N, 0.004, 0.039)
    seventh = replace(seventh, free=free, constrained=constrained, cost=cost, unavailable="")
    return replace(ladder, rungs=(second, seventh))


@pytest.fixture
def none(ladder):
    """Nothing could be run."""
    return replace(ladder, rungs=(ladder.rungs[6],))


@pytest.fixture
def unfinished(ladder):
    """The grammar's run of the only rung has recorded 100 questions."""
    first = replace(ladder.rungs[0], constrained=make_score(RUNGS[0], "grammar", 30, n=100))
    return replace(ladder, rungs=(first,))


@pytest.fixture
def hostile(ladder):
    """A ladder whose every foreign text is the one given."""

    def make(text):
        model = replace(ladder.model, label=text, architecture=text, tensor_types={text: 1})
        rungs = []
        for item in ladder.rungs:
            published = item.rung.published and replace(item.rung.published, caveat=text)
            rung = replace(item.rung, style=text, published=published)
            scores = [
                score and replace(score, run=replace(score.run, id=text, command=text, model=model))
                for score in (item.free, item.constrained)
            ]
            reason = text if item.unavailable else ""
            style = f"{text}!" if item.style == "chat" else text
            rungs.append(RungResult(rung, style, *scores, item.cost, unavailable=reason))
        return replace(ladder, model=model, rungs=tuple(rungs), task=text, source=text)

    return make
