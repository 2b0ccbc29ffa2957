"""The values of the engine's options."""

from __future__ import annotations

from importlib import import_module

import click
import pytest

from ggufeval.cli import _engine, _options
from ggufeval.job import Options, prepare
from ggufeval.llama.client import ModelProcess


def parse(*words: str) -> dict[str, object]:
    @click.command()
    @_options.engine
    def command(**values: object) -> None:
        found.update(values)

    found: dict[str, object] = {}
    command.main(list(words), standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GB", 8_000_000_000),
        ("800MB", 800_000_000),
        ("6GiB", 6 * 1024**3),
        ("1.5 gb", 1_500_000_000),
        ("512kib", 524_288),
    ],
)
def test_sizes(text, size):
    assert parse("--memory-limit", text)["memory_limit"] == size


@pytest.mark.parametrize(("text", "layers"), [("auto", None), ("0", 0), ("-1", -1), ("20", 20)])
def test_layers(text, layers):
    assert parse("-ngl", text)["n_gpu_layers"] == layers


@pytest.mark.parametrize(("texts", "repack"), [([], True), (["--no-repack"], False)])
def test_layout(texts, repack):
    assert parse(*texts)["repack"] is repack


def test_by_default_layers_are_chosen_and_memory_is_what_there_is():
    values = parse()
    assert (values["n_gpu_layers"], values["memory_limit"]) == (None, None)
    assert len(_engine.OPTIONS) == len(values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "letter"),
        ({"n_batch": 512}, "letter -b 512"),
        ({"repack": False}, "letter --no-repack"),
    ],
)
def test_runs_say_what_is_not_as_usual(small_q4_0, few_questions, options, said):
    with ModelProcess() as process:
        job = prepare(process, small_q4_0, few_questions, Options(shots=1, **options))
    reading = import_module("ggufeval.cli.runs")._reading
    assert reading(job.fingerprint) == said
