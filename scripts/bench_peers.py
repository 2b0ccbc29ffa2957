"""How much faster is it than what a user would script with llama-cpp-python?

    python scripts/bench_peers.py MODEL.gguf [--data MMLU] [--per-subject 2] [--subjects A,B]
        [--peers prefix,reset]

The same questions, MMLU's or the embedded ones, in one process, in turns, subject by subject, each
subject in contexts of its own:

    ours      the scorer: the shots decoded once a subject, its questions batched
    prefix    create_completion with a grammar, questions of a subject one behind the other, so
              that llama-cpp-python's prefix match keeps the shots: the best of careful scripts
    reset     reset() and eval() of the whole prompt for each question, letters compared by logit

Prints seconds for each, ratios to ours (over all, median and lowest subject), and how many letters
agree. Questions are tokenized beforehand for all three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp.llama_grammar import LlamaGrammar

from ggufeval import answers, plan, prompts, runner, tasks
from ggufeval.llama import capi
from ggufeval.llama.grammar import Admissible, admissible
from ggufeval.llama.model import Model
from ggufeval.llama.scorer import Scorer
from ggufeval.types import LETTERS, Batch, EngineSettings, Group, QuestionSet

Letters = list[str]
Peer = Callable[[Group], Letters]
Maker = Callable[[ExitStack], Peer]


def whole_prompts(group: Group) -> list[list[int]]:
    return [
        [*group.prefix_tokens, *item.suffix_tokens]
        for batch in group.batches
        for item in batch.items
    ]


def ours(scorer: Scorer) -> Peer:
    def answer(group: Group) -> Letters:
        scorer._prefix = None  # noqa: SLF001 - the shots anew
        return [
            LETTERS[int(np.argmax(scores.logits))]
            for batch in group.batches
            for scores in scorer.score(group.prefix_tokens, batch)
        ]

    return answer


def with_prefix(llama: Any, grammar: Any) -> Peer:
    def answer(group: Group) -> Letters:
        llama.reset()
        found = []
        for tokens in whole_prompts(group):
            # A list of tokens is taken as it is: nothing is tokenized again.
            made = llama.create_completion(tokens, max_tokens=2, temperature=0.0, grammar=grammar)
            found.append(made["choices"][0]["text"].strip())
        return found

    return answer


def with_reset(llama: Any, letters: Admissible) -> Peer:
    def answer(group: Group) -> Letters:
        found = []
        for tokens in whole_prompts(group):
            llama.reset()
            llama.eval(tokens)
            pointer = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
            logits = np.ctypeslib.as_array(pointer, shape=(llama.n_vocab(),))
            best = [float(logits[list(ids)].max()) for ids in letters.letters]
            found.append(LETTERS[int(np.argmax(best))])
        return found

    return answer


def compare(path: Path, questions: QuestionSet, prompt: str, chosen: Sequence[str]) -> None:
    capi.start()
    n_threads = runner.physical_cores()
    style = prompts.style(prompt)
    form = answers.letter_form(style.answer_prefix, 4)
    with Model(path) as model:
        rendered = prompts.render(prompt, questions.questions, questions.shots, model.chat_template)
        tokenized = model.tokenize_prompts(rendered)
        subjects = [question.subject for question in questions.questions]
        the_plan = plan.make(
            list(zip(subjects, tokenized, strict=True)), budget=2048, share_stems=True
        )
        longest = max(len(tokens) for g in the_plan.groups for tokens in whole_prompts(g))
        settings = EngineSettings(
            n_ctx=plan.context_size(the_plan),
            n_batch=2048,
            n_ubatch=512,
            n_seq_max=plan.sequences(the_plan),
            n_threads=n_threads,
            n_gpu_layers=0,
            flash_attn="auto",
        )
        letters = admissible(model, form)
        grammar = LlamaGrammar.from_string(form.grammar, verbose=False)

        def scorer(stack: ExitStack) -> Peer:
            return ours(stack.enter_context(Scorer(model, settings, {4: letters})))

        def llama(stack: ExitStack) -> Any:
            return stack.enter_context(
                closing(
                    llama_cpp.Llama(
                        model_path=str(path),
                        n_ctx=longest + 8,
                        n_batch=2048,
                        n_ubatch=512,
                        n_threads=n_threads,
                        n_threads_batch=n_threads,
                        verbose=False,
                    )
                )
            )

        makers: dict[str, Maker] = {
            "ours": scorer,
            "prefix": lambda stack: with_prefix(llama(stack), grammar),
            "reset": lambda stack: with_reset(llama(stack), letters),
        }
        makers = {name: make for name, make in makers.items() if name in {"ours", *chosen}}
        measure(makers, list(zip(dict.fromkeys(subjects), the_plan.groups, strict=True)))


def measure(makers: dict[str, Maker], groups: Sequence[tuple[str, Group]]) -> None:
    """Each subject in contexts of its own: how fast one is depends on where its memory happens to
    lie (bench_contexts.py), and all of a comparison must not hang on that."""
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    same = dict.fromkeys(makers, 0)
    n = 0
    names = list(makers)
    for place, (subject, group) in enumerate(groups):
        found = {}
        turn = place % len(names)
        with ExitStack() as stack:
            peers = {name: make(stack) for name, make in makers.items()}
            warm = Group(group.prefix_tokens[:64], (Batch(group.batches[0].items[:1]),))
            for name in names[turn:] + names[:turn]:  # in turns, another first each time
                peers[name](warm)
                started = time.perf_counter()
                found[name] = peers[name](group)
                seconds[name].append(time.perf_counter() - started)
        n += len(found["ours"])
        for name, letters in found.items():
            same[name] += sum(a == b for a, b in zip(letters, found["ours"], strict=True))
        ratios = "  ".join(
            f"{name} {seconds[name][-1] / seconds['ours'][-1]:5.2f}x" for name in makers
        )
        print(f"{subject:40} {len(found['ours']):3} questions  {ratios}", flush=True)
    for name in makers:
        each = [theirs / mine for theirs, mine in zip(seconds[name], seconds["ours"], strict=True)]
        print(
            f"{name:7} {n / sum(seconds[name]):6.2f} questions/s: ours is "
            f"{sum(seconds[name]) / sum(seconds['ours']):5.2f}x as fast over all "
            f"(median subject {statistics.median(each):.2f}x, lowest {min(each):.2f}x); "
            f"letters agree: {same[name]} of {n}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="a folder of MMLU; else the embedded questions")
    parser.add_argument("--per-subject", type=int, default=2)
    parser.add_argument("--subjects", default="", help="only these")
    parser.add_argument("--prompt", default="mmlu")
    parser.add_argument("--peers", default="prefix,reset")
    options = parser.parse_args()
    subjects = [options.subjects] if options.subjects else []
    task = "mmlu" if options.data else "sample"
    questions = tasks.load(task, options.data, subjects=subjects)
    limit = options.per_subject * len({question.subject for question in questions.questions})
    chosen = tasks.load(task, options.data, subjects=subjects, limit=limit)
    compare(options.model, chosen, options.prompt, options.peers.split(","))


if __name__ == "__main__":
    main()
