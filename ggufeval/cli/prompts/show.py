from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _options
from ggufeval.errors import PromptError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.llama.worker import Piece
    from ggufeval.types import Prompt, Question, QuestionSet

_LONGEST = 60


@click.command()
@click.argument("style")
@click.option(
    "-m", "--model", metavar="MODEL", help="Whose chat template and tokens: a file, or a name."
)
@click.option("--question", metavar="ID", help="Which question.  [default: the first]")
@click.option("--task", help="mmlu, or sample: the questions inside.  [default: sample]")
@_options.data
@click.option(
    "--shots", type=int, default=5, show_default=True, help="Solved examples in the prompt."
)
@_options.offline
def show(style: str, model: str | None, question: str | None, **values: Any) -> None:
    """Show the prompt that a style makes of a question: its text, and its tokens.

    Control tokens stand in [[ ]]; a question's own text never is one. What a question shares with
    the others of its subject is decoded once. Without a model there are no tokens, and styles that
    go through a chat template have no text.
    """
    from ggufeval import prompts

    prompts.style(style)
    whole = dict.fromkeys(("limit", "sample")) | {"subjects": (), "seed": 0, "prompt": style}
    questions = _options.load_questions(values | whole, default_task="sample")
    asked = _find(questions, question)
    if model is None:
        _show_text(_rendered(style, asked, questions))
        return
    same = [other for other in questions.questions if other.subject == asked.subject]
    n_shared, pieces = _tokenized(model, style, asked, same, questions, offline=values["offline"])
    _show_tokens(pieces, n_shared, len(same) - 1)


def _find(questions: QuestionSet, name: str | None) -> Question:
    if name is None:
        return questions.questions[0]
    for question in questions.questions:
        if question.id == name:
            return question
    raise UsageError(
        f"--question {name}: {questions.source} has none of that id; one of "
        f"{len(questions.questions):,} was expected, such as {questions.questions[0].id}."
    )


def _rendered(style: str, question: Question, questions: QuestionSet) -> Prompt:
    """The prompt as far as it can be made without a model."""
    from ggufeval import prompts

    needs = f"the prompt style `{style}` needs a model to be shown: add --model MODEL."
    if ":" in style:  # somebody's program: it runs in a model's process, under a time limit
        raise UsageError(needs)
    try:
        (prompt,) = prompts.render(style, [question], questions.shots, None)
    except PromptError as error:
        raise UsageError(needs) from error
    return prompt


def _tokenized(
    model: str,
    style: str,
    asked: Question,
    same: Sequence[Question],
    questions: QuestionSet,
    *,
    offline: bool,
) -> tuple[int, list[Piece]]:
    """How many tokens the prompt shares with those of its subject, and all its pieces."""
    from ggufeval import plan, prompts
    from ggufeval.cli import _models
    from ggufeval.job import TEMPLATE_SECONDS, Options
    from ggufeval.llama.client import ModelProcess

    (selection,) = _models.resolve([model], (), offline=offline, quiet=False)
    path = selection.sources[0].path
    render = partial(prompts.render, style, same, questions.shots)
    template = style.partition(":")[2] or "its chat template"
    with ModelProcess() as process:
        tokenized = process.tokenize(
            path, render, timeout=TEMPLATE_SECONDS * (1 + len(same) // 1000), template=template
        )
        named = [(asked.subject, prompt) for prompt in tokenized]
        the_plan = plan.make(named, budget=Options().n_batch)
        (prompt,) = (prompt for prompt in tokenized if prompt.question_id == asked.id)
        return len(the_plan.groups[0].prefix_tokens), process.pieces(path, prompt.tokens)


def _show_text(prompt: Prompt) -> None:
    from ggufeval.report.numerals import visible

    for span in prompt.spans:
        text = visible(span.text, keep="\n")
        click.echo(f"[[{text}]]" if span.control else text, nl=False)
    click.echo()


def _show_tokens(pieces: Sequence[Piece], n_shared: int, n_others: int) -> None:
    from ggufeval.report.numerals import count

    shared, own = pieces[:n_shared], pieces[n_shared:]
    others = count(n_others, "other question")
    click.echo(f"--- shared with {others} of its subject: {count(len(shared), 'token')}")
    if shared:
        click.echo(_text(shared))
    click.echo(f"--- its own: {count(len(own), 'token')}\n{_text(own)}")
    click.echo("--- tokens: position, id, piece")
    for i, piece in enumerate(pieces):
        if i == n_shared:
            click.echo("--- its own")
        click.echo(f"{i:6} {piece.token:7}  {_spelled(piece)}")


def _text(pieces: Sequence[Piece]) -> str:
    """The text that the pieces make, and control tokens in brackets."""
    from ggufeval.report.numerals import visible

    parts = (b"[[%s]]" % p.spelled if p.control else p.spelled for p in pieces)
    return visible(b"".join(parts).decode(errors="replace"), keep="\n")


def _spelled(piece: Piece) -> str:
    """On one line; bytes that are no whole character as such."""
    from ggufeval.report.numerals import clip, visible

    try:
        text = piece.spelled.decode()
    except UnicodeDecodeError:
        return repr(piece.spelled)
    return f"[[{visible(text)}]]" if piece.control else clip(repr(text), _LONGEST)
