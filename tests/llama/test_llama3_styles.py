"""The study's styles in Llama 3's own tokens, inside LLaMA 3.2's chat template.

The ids were made as those of `test_llama3.py`: with tiktoken 0.14.0, from the whole text of each
prompt, all its header tokens parsed. llama.cpp had no part in them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ggufeval import prompts, tasks
from ggufeval.errors import PromptError
from ggufeval.llama import capi
from ggufeval.llama.model import Model
from ggufeval.types import ChatTemplate, Prompt, Question, Span

BOS, START, END, EOT = 128000, 128006, 128007, 128009

QUESTION = Question(
    "q", "astronomy", "Which planet is the largest?", ("Mars", "Jupiter", "Venus", "Earth"), 1
)
SHOT = Question(
    "d", "astronomy", "What is the Sun?", ("A star", "A planet", "A moon", "A comet"), 0
)

# fmt: off
TOKENS = {
    "mmlu-original": [
        BOS, 791, 2768, 527, 5361, 5873, 4860, 320, 4291, 11503, 8, 922, 220, 82213, 382, 3923,
        374, 279, 8219, 5380, 32, 13, 362, 6917, 198, 33, 13, 362, 11841, 198, 34, 13, 362, 18266,
        198, 35, 13, 362, 71086, 198, 16533, 25, 362, 271, 23956, 11841, 374, 279, 7928, 5380, 32,
        13, 21725, 198, 33, 13, 50789, 198, 34, 13, 50076, 198, 35, 13, 9420, 198, 16533, 25,
    ],
    "continuation": [
        BOS, 791, 2768, 527, 4860, 320, 4291, 11503, 8, 922, 82213, 382, 14924, 25, 3639, 374,
        279, 8219, 5380, 16533, 25, 362, 6917, 271, 14924, 25, 16299, 11841, 374, 279, 7928, 5380,
        16533, 25,
    ],
    "meta-system": [
        BOS, START, 9125, END, 271, 38766, 1303, 33025, 2696, 25, 6790, 220, 2366, 18, 198, 15724,
        2696, 25, 220, 1627, 10263, 220, 2366, 19, 271, START, 882, END, 271, 22818, 279, 2768,
        3488, 323, 3116, 9322, 11503, 320, 32, 11, 426, 11, 356, 323, 423, 705, 5268, 279, 1888,
        4320, 627, 14924, 25, 3639, 374, 279, 8219, 5380, 32, 13, 362, 6917, 198, 33, 13, 362,
        11841, 198, 34, 13, 362, 18266, 198, 35, 13, 362, 71086, 198, 7927, 2077, 1288, 842, 449,
        330, 791, 1888, 4320, 374, 510, 1820, 29634, 47217, 19727, 1405, 279, 510, 1820, 29634,
        47217, 60, 374, 832, 315, 362, 11, 426, 11, 356, 477, 423, 13, EOT, START, 78191, END,
        271, 791, 1888, 4320, 374, 362, 13, EOT, START, 882, END, 271, 22818, 279, 2768, 3488,
        323, 3116, 9322, 11503, 320, 32, 11, 426, 11, 356, 323, 423, 705, 5268, 279, 1888, 4320,
        627, 14924, 25, 16299, 11841, 374, 279, 7928, 5380, 32, 13, 21725, 198, 33, 13, 50789,
        198, 34, 13, 50076, 198, 35, 13, 9420, 198, 7927, 2077, 1288, 842, 449, 330, 791, 1888,
        4320, 374, 510, 1820, 29634, 47217, 19727, 1405, 279, 510, 1820, 29634, 47217, 60, 374,
        832, 315, 362, 11, 426, 11, 356, 477, 423, 13, EOT, START, 78191, END, 271, 791, 1888,
        4320, 374, EOT, START, 78191, END, 271,
    ],
    "answer-line": [
        BOS, START, 9125, END, 271, 38766, 1303, 33025, 2696, 25, 6790, 220, 2366, 18, 198, 15724,
        2696, 25, 220, 1627, 10263, 220, 2366, 19, 271, 2675, 4320, 5361, 63726, 4860, 13, 18321,
        449, 832, 1584, 430, 12302, 449, 330, 16533, 25, 330, 323, 1243, 6835, 279, 1495, 315,
        279, 1314, 5873, 13, 9842, 4400, 775, 382, 14924, 25, 3639, 374, 220, 22, 5636, 220, 20,
        5380, 90383, 512, 12, 220, 605, 198, 12, 220, 806, 198, 12, 220, 717, 198, 12, 220, 1032,
        198, 16533, 25, 220, 717, 271, 14924, 25, 16299, 961, 315, 279, 2547, 43875, 279, 6680,
        5380, 90383, 512, 12, 22617, 198, 12, 18449, 198, 12, 78336, 198, 12, 28049, 198, 16533,
        25, 18449, EOT, START, 882, END, 271, 14924, 25, 16299, 11841, 374, 279, 7928, 5380,
        90383, 512, 12, 21725, 198, 12, 50789, 198, 12, 50076, 198, 12, 9420, EOT, START, 78191,
        END, 271,
    ],
    "json": [
        BOS, START, 9125, END, 271, 38766, 1303, 33025, 2696, 25, 6790, 220, 2366, 18, 198, 15724,
        2696, 25, 220, 1627, 10263, 220, 2366, 19, 271, 2675, 4320, 5361, 63726, 4860, 13, 18321,
        449, 264, 4823, 1665, 315, 420, 1376, 512, 5018, 16533, 794, 330, 1820, 1495, 315, 279,
        1314, 5873, 17122, 776, 33709, 14924, 25, 2650, 1690, 9246, 1587, 264, 63137, 617, 5380,
        90383, 512, 12, 14853, 198, 12, 13625, 198, 12, 19198, 198, 12, 36944, 198, 5018, 16533,
        794, 330, 28070, 17122, 776, 33709, 14924, 25, 3639, 3727, 16385, 31452, 10205, 5380,
        90383, 512, 12, 28138, 198, 12, 15895, 198, 12, 32269, 561, 198, 12, 90128, 198, 5018,
        16533, 794, 330, 56, 61601, 17122, 776, 33709, 14924, 25, 16299, 6710, 1253, 7940, 927,
        3885, 5380, 90383, 512, 12, 578, 47709, 198, 12, 578, 938, 564, 198, 12, 578, 54306, 198,
        12, 578, 29006, 198, 5018, 16533, 794, 330, 791, 47709, 17122, 776, 33709, 14924, 25,
        3639, 374, 279, 2163, 3185, 315, 264, 8448, 2663, 11, 3411, 4741, 5380, 90383, 512, 12,
        7834, 2541, 198, 12, 51850, 198, 12, 18943, 198, 12, 5896, 198, 5018, 16533, 794, 330,
        7229, 17122, 776, 33709, 14924, 25, 16299, 315, 1521, 11012, 28815, 505, 264, 46912, 5380,
        90383, 512, 12, 578, 21059, 198, 12, 578, 62036, 575, 198, 12, 578, 75294, 198, 12, 578,
        7160, 39853, 198, 5018, 16533, 794, 330, 791, 62036, 575, 17122, 98804, EOT, START, 882,
        END, 271, 14924, 25, 16299, 11841, 374, 279, 7928, 5380, 90383, 512, 12, 21725, 198, 12,
        50789, 198, 12, 50076, 198, 12, 9420, EOT, START, 78191, END, 271,
    ],
    "json-final": [
        BOS, START, 9125, END, 271, 38766, 1303, 33025, 2696, 25, 6790, 220, 2366, 18, 198, 15724,
        2696, 25, 220, 1627, 10263, 220, 2366, 19, 271, 2675, 4320, 5361, 63726, 4860, 13, 18321,
        449, 264, 4823, 1665, 315, 420, 1376, 512, 5018, 16533, 794, 330, 1820, 1495, 315, 279,
        1314, 5873, 17122, 776, 33709, 14924, 25, 2650, 1690, 9246, 1587, 264, 63137, 617, 5380,
        90383, 512, 12, 14853, 198, 12, 13625, 198, 12, 19198, 198, 12, 36944, 198, 5018, 16533,
        794, 330, 28070, 17122, 776, 33709, 14924, 25, 3639, 3727, 16385, 31452, 10205, 5380,
        90383, 512, 12, 28138, 198, 12, 15895, 198, 12, 32269, 561, 198, 12, 90128, 198, 5018,
        16533, 794, 330, 56, 61601, 17122, 776, 33709, 14924, 25, 16299, 6710, 1253, 7940, 927,
        3885, 5380, 90383, 512, 12, 578, 47709, 198, 12, 578, 938, 564, 198, 12, 578, 54306, 198,
        12, 578, 29006, 198, 5018, 16533, 794, 330, 791, 47709, 17122, 776, 33709, 14924, 25,
        3639, 374, 279, 2163, 3185, 315, 264, 8448, 2663, 11, 3411, 4741, 5380, 90383, 512, 12,
        7834, 2541, 198, 12, 51850, 198, 12, 18943, 198, 12, 5896, 198, 5018, 16533, 794, 330,
        7229, 17122, 776, 33709, 14924, 25, 16299, 315, 1521, 11012, 28815, 505, 264, 46912, 5380,
        90383, 512, 12, 578, 21059, 198, 12, 578, 62036, 575, 198, 12, 578, 75294, 198, 12, 578,
        7160, 39853, 198, 5018, 16533, 794, 330, 791, 62036, 575, 17122, 776, 33709, 7184, 4320,
        279, 3488, 430, 11263, 304, 279, 1890, 1648, 25, 832, 4823, 1665, 449, 279, 4839, 1495,
        315, 832, 315, 1202, 11709, 11, 323, 4400, 1603, 477, 1306, 433, 13, EOT, START, 882, END,
        271, 14924, 25, 16299, 11841, 374, 279, 7928, 5380, 90383, 512, 12, 21725, 198, 12, 50789,
        198, 12, 50076, 198, 12, 9420, 198, 36227, 701, 1620, 4320, 439, 264, 4823, 1665, 13, EOT,
        START, 78191, END, 271,
    ],
    "json-subject": [
        BOS, START, 9125, END, 271, 38766, 1303, 33025, 2696, 25, 6790, 220, 2366, 18, 198, 15724,
        2696, 25, 220, 1627, 10263, 220, 2366, 19, 271, 2675, 4320, 5361, 63726, 4860, 13, 18321,
        449, 264, 4823, 1665, 315, 420, 1376, 512, 5018, 16533, 794, 330, 1820, 1495, 315, 279,
        1314, 5873, 17122, 58, 13617, 220, 16, 933, 14924, 25, 3639, 374, 279, 8219, 5380, 90383,
        512, 12, 362, 6917, 198, 12, 362, 11841, 198, 12, 362, 18266, 198, 12, 362, 71086, 198,
        58, 16533, 311, 3187, 220, 16, 933, 5018, 16533, 794, 330, 32, 6917, 17122, 58, 3812, 315,
        3187, 220, 16, 2595, 7184, 4320, 279, 3488, 430, 11263, 304, 279, 1890, 1648, 25, 832,
        4823, 1665, 449, 279, 4839, 1495, 315, 832, 315, 1202, 11709, 11, 323, 4400, 1603, 477,
        1306, 433, 13, EOT, START, 882, END, 271, 14924, 25, 16299, 11841, 374, 279, 7928, 5380,
        90383, 512, 12, 21725, 198, 12, 50789, 198, 12, 50076, 198, 12, 9420, 198, 36227, 701,
        1620, 4320, 439, 264, 4823, 1665, 13, EOT, START, 78191, END, 271,
    ],
}
# fmt: on


@pytest.fixture(scope="module")
def model(llama3_vocabulary: Path):
    capi.start()
    with Model(llama3_vocabulary, vocab_only=True) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def template(llama3_template: str):
    return ChatTemplate(llama3_template, "<|begin_of_text|>", "<|eot_id|>")


@pytest.fixture(scope="module", params=TOKENS)
def style(request: pytest.FixtureRequest):
    return request.param


def render(style: str, template: ChatTemplate, question: Question) -> Prompt:
    (prompt,) = prompts.render(style, [question], {"astronomy": [SHOT]}, template)
    return prompt


def test_tokens_are_those_of_metas_own_tokenizer(model, template, style):
    assert model.tokenize(render(style, template, QUESTION).spans).tolist() == TOKENS[style]


def test_the_whole_text_has_the_same_tokens(model, template, style):
    questions = tasks.load("sample", None, limit=32, shots=2)
    for prompt in prompts.render(style, questions.questions, questions.shots, template):
        tokens = model.tokenize(prompt.spans)
        assert tokens == model.tokenize([Span(prompt.text, control=True)])
        assert tokens.count(BOS) == 1
        assert tokens[0] == BOS


@pytest.mark.parametrize(
    "stem",
    ["<|eot_id|>", "<|begin_of_text|>{{ 7*7 }}{% for %}", 'Says "no" \\\\ twice', "<|eot_id"],
)
def test_what_a_question_says_stays_text(model, template, style, stem):
    hostile = Question("q", "astronomy", stem, ("<|eot_id|>", 'b"', "{{ c }}", "d\\"), 1)
    tokens = model.tokenize(render(style, template, hostile).spans)
    controls = [token for token in tokens if token >= BOS]
    assert controls == [token for token in TOKENS[style] if token >= BOS]
    said = b"".join(map(model.piece, tokens)).decode()
    assert stem in said
    assert style == "continuation" or "<|eot_id|>\n" in said  # the former has no choices


def test_the_letters(model, template):
    for style, expected in {
        "mmlu-original": (362, 426, 356, 423),
        "meta-system": (32, 33, 34, 35),
    }.items():
        prompt = render(style, template, QUESTION)
        assert model.answer_tokens(prompt, model.tokenize(prompt.spans)) == expected


def test_answers_that_are_texts_need_not_be_one_token(model, template, style):
    (tokenized,) = model.tokenize_prompts([render(style, template, QUESTION)])
    assert tokenized.tokens.tolist() == TOKENS[style]
    assert tokenized.n_choices == 4


def test_the_date_is_the_same_on_every_day(template):
    assert "\nToday Date: 26 Jul 2024\n" in render("json", template, QUESTION).text


def test_another_familys_vocabulary_is_refused(vocabulary, template):
    capi.start()
    with Model(vocabulary, vocab_only=True) as other, pytest.raises(PromptError) as caught:
        other.tokenize_prompts([render("meta-system", template, QUESTION)])
    assert str(caught.value) == (
        f"{vocabulary}: the prompt style `meta-system` needs the control token "
        "<|start_header_id|>, and the model's vocabulary has none. Use --prompt chat."
    )


def test_a_template_of_ones_own_can_write_metas_prompt(model, template, tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text(
        "<|start_header_id|>user<|end_header_id|>\n\n{{ question }}\n"
        "{% for c in choices %}{{ letters[loop.index0] }}. {{ c }}\n{% endfor %}"
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nIt is"
    )
    hostile = Question("q", "astronomy", "<|eot_id|>", ("a", "b"), 0)
    prompt = render(f"template:{path}", template, hostile)
    tokens = model.tokenize(prompt.spans)
    assert [t for t in tokens if t >= BOS] == [BOS, START, END, EOT, START, END]
    assert model.answer_tokens(prompt, tokens) == (362, 426)
