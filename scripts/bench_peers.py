"""How much faster is it than what a user would script with llama-cpp-python?

    python scripts/bench_peers.py MODEL.gguf [--data MMLU] [--per-subject 2] [--subjects A,B]
        [--peers prefix,reset] [--rounds 1] [--no-repack]

The same questions, MMLU's or the embedded ones, in one process, in turns, batch by batch:

    ours      the scorer: the shots decoded once a subject, its questions batched
    prefix    create_completion with a grammar, questions of a subject one behind the other, so
              that llama-cpp-python's prefix match keeps the shots: the best of careful scripts
    reset     reset() and eval() of the whole prompt for each question, letters compared by logit

Prints seconds for each, ratios to ours (over all, median and lowest subject), and how many letters
agree. Questions are tokenized beforehand for all three. `--no-repack` is for ours alone, since the
high-level API of llama-cpp-python has no such setting; `--tune` chooses it where it is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
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
from ggufeval.types import LETTERS, Batch, EngineSettings, Group, QuestionSet, Tokens

Letters = list[str]
Answer = Callable[[Tokens, Batch], Letters]
Forget = Callable[[], object]
Peer = tuple[Answer, Forget]
"""Answers the questions of a batch, and forgets the shots that it still holds."""


def whole_prompts(prefix: Tokens, batch: Batch) -> list[list[int]]:
    return [[*prefix, *item.suffix_tokens] for item in batch.items]


def ours(scorer: Scorer) -> Peer:
    def answer(prefix: Tokens, batch: Batch) -> Letters:
        return [LETTERS[int(np.argmax(found.logits))] for found in scorer.score(prefix, batch)]

    def forget() -> None:
        scorer._prefix = None  # noqa: SLF001

    return answer, forget


def with_prefix(llama: Any, grammar: Any) -> Peer:
    def answer(prefix: Tokens, batch: Batch) -> Letters:
        found = []
        for tokens in whole_prompts(prefix, batch):
            # A list of tokens is taken as it is: nothing is tokenized again.
            made = llama.create_completion(tokens, max_tokens=2, temperature=0.0, grammar=grammar)
            found.append(made["choices"][0]["text"].strip())
        return found

    return answer, llama.reset


def with_reset(llama: Any, letters: Admissible) -> Peer:
    def answer(prefix: Tokens, batch: Batch) -> Letters:
        found = []
        for tokens in whole_prompts(prefix, batch):
            llama.reset()
            llama.eval(tokens)
            pointer = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
            logits = np.ctypeslib.as_array(pointer, shape=(llama.n_vocab(),))
            best = [float(logits[list(ids)].max()) for ids in letters.letters]
            found.append(LETTERS[int(np.argmax(best))])
        return found

    return answer, llama.reset


def compare(
    path: Path,
    questions: QuestionSet,
    prompt: str,
    chosen: Sequence[str],
    rounds: int,
    *,
    repack: bool,
) -> None:
    capi.start()
    n_threads = runner.physical_cores()
    settings = EngineSettings(0, 2048, 512, 0, n_threads, 0, "auto", repack=repack)
    style = prompts.style(prompt)
    form = answers.letter_form(style.answer_prefix, 4)
    with ExitStack() as stack:
        model = stack.enter_context(Model(path, settings))
        rendered = prompts.render(prompt, questions.questions, questions.shots, model.chat_template)
        tokenized = model.tokenize_prompts(rendered)
        subjects = [question.subject for question in questions.questions]
        the_plan = plan.make(
            list(zip(subjects, tokenized, strict=True)), budget=2048, share_stems=True
        )
        settings = replace(
            settings, n_ctx=plan.context_size(the_plan), n_seq_max=plan.sequences(the_plan)
        )
        letters = admissible(model, form)

        def llama() -> Any:
            return stack.enter_context(
                closing(
                    llama_cpp.Llama(
                        model_path=str(path),
                        n_ctx=max(prompt.n_tokens for prompt in tokenized) + 8,
                        n_batch=2048,
                        n_ubatch=512,
                        n_threads=n_threads,
                        n_threads_batch=n_threads,
                        verbose=False,
                    )
                )
            )

        peers = {"ours": ours(stack.enter_context(Scorer(model, settings, {4: letters})))}
        if "prefix" in chosen:
            grammar = LlamaGrammar.from_string(form.grammar, verbose=False)
            peers["prefix"] = with_prefix(llama(), grammar)
        if "reset" in chosen:
            peers["reset"] = with_reset(llama(), letters)
        measure(peers, list(zip(dict.fromkeys(subjects), the_plan.groups, strict=True)), rounds)


def measure(peers: dict[str, Peer], groups: Sequence[tuple[str, Group]], rounds: int) -> None:
    """Subject by subject, and print what was found."""
    names = list(peers)
    first = groups[0][1]
    for answer, _ in peers.values():
        answer(first.prefix_tokens[:16], Batch(first.batches[0].items[:1]))  # warm
    seconds: dict[str, list[float]] = {name: [] for name in names}
    letters: dict[str, Letters] = {name: [] for name in names}
    for subject, group in groups:
        for name, (spent, found) in in_turns(peers, group, rounds).items():
            seconds[name].append(spent)
            letters[name] += found
        n_items = sum(len(batch.items) for batch in group.batches)
        ratios = (f"{name} {seconds[name][-1] / seconds['ours'][-1]:5.2f}x" for name in names[1:])
        print(f"{subject:40} {n_items:3} questions  {'  '.join(ratios)}", flush=True)
    n = len(letters["ours"])
    for name in names:
        each = [theirs / mine for theirs, mine in zip(seconds[name], seconds["ours"], strict=True)]
        same = sum(a == b for a, b in zip(letters[name], letters["ours"], strict=True))
        print(
            f"{name:7} {n / sum(seconds[name]):6.2f} questions/s: ours is "
            f"{sum(seconds[name]) / sum(seconds['ours']):5.2f}x as fast over all "
            f"(median subject {statistics.median(each):.2f}x, lowest {min(each):.2f}x); "
            f"letters agree: {same} of {n}"
        )


def in_turns(peers: dict[str, Peer], group: Group, rounds: int) -> dict[str, tuple[float, Letters]]:
    """Seconds of each for the group, batch by batch the median of the rounds, and its letters.

    The turn goes from one to the next after each batch: a shared machine may be half as fast for
    some seconds, and that must not fall on one of them.
    """
    order = deque(peers)
    spent: dict[str, list[list[float]]] = {name: [] for name in peers}
    letters: dict[str, Letters] = {}
    for _ in range(rounds):
        for name, (_, forget) in peers.items():
            forget()
            spent[name].append([])
            letters[name] = []
        for batch in group.batches:
            order.rotate()
            for name in order:
                started = time.perf_counter()
                letters[name] += peers[name][0](group.prefix_tokens, batch)
                spent[name][-1].append(time.perf_counter() - started)
    return {
        name: (sum(map(statistics.median, zip(*spent[name], strict=True))), letters[name])
        for name in peers
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="a folder of MMLU; else the embedded questions")
    parser.add_argument("--per-subject", type=int, default=2)
    parser.add_argument("--subjects", default="", help="only these")
    parser.add_argument("--prompt", default="mmlu")
    parser.add_argument("--peers", default="prefix,reset")
    parser.add_argument("--rounds", type=int, default=1, help="medians of so many")
    parser.add_argument("--no-repack", action="store_true", help="for ours alone")
    options = parser.parse_args()
    subjects = [options.subjects] if options.subjects else []
    task = "mmlu" if options.data else "sample"
    questions = tasks.load(task, options.data, subjects=subjects)
    limit = options.per_subject * len({question.subject for question in questions.questions})
    chosen = tasks.load(task, options.data, subjects=subjects, limit=limit)
    peers = options.peers.split(",")
    compare(
        options.model,
        chosen,
        options.prompt,
        peers,
        options.rounds,
        repack=not options.no_repack,
    )


if __name__ == "__main__":
    main()
