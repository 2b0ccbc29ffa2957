"""Tokens guessed from characters, held against a vocabulary's."""

from __future__ import annotations

import pytest

from ggufeval import job, readers, runner
from ggufeval.forecast import characters
from ggufeval.llama.client import ModelProcess
from ggufeval.types import Question, QuestionSet

READER = readers.make("letter", None)


def test_as_many_as_a_vocabulary_counts_but_for_a_fifth(few_questions, smollm2):
    with ModelProcess() as process:
        model = runner.ModelFiles((smollm2,), "")
        work = job.prepare(process, model, few_questions, runner.Options(shots=1)).work
    guessed = characters.n_tokens(READER, few_questions.questions, few_questions)
    assert guessed == pytest.approx(work.plan.n_tokens, rel=0.2)


def n_tokens(reader, few_questions: QuestionSet, put: list[Question]):
    return characters.n_tokens(reader, put, few_questions)


def test_shots_are_counted_once_a_subject(few_questions):
    first, second = few_questions.questions[:2]
    assert first.subject == second.subject
    one, other = (n_tokens(READER, few_questions, [q]) for q in (first, second))
    both = n_tokens(READER, few_questions, [first, second])
    assert both < one + other - 20


def test_texts_that_are_weighed_are_counted(few_questions):
    put = list(few_questions.questions)
    cloze = readers.make("cloze", None)
    texts = sum(len(text) for q in put for text in q.choices)
    prompts = readers.make("sample", "continuation")
    more = n_tokens(cloze, few_questions, put) - n_tokens(prompts, few_questions, put)
    assert more == pytest.approx(texts / characters.PER_TOKEN, rel=0.1)


def test_a_chat_template_that_is_not_here_is_done_without(few_questions):
    put = list(few_questions.questions)
    chat = n_tokens(readers.make("letter", "chat"), few_questions, put)
    assert chat == n_tokens(READER, few_questions, put)
