from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ggufeval.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from ggufeval.making import Level
    from ggufeval.types import EngineSettings, Memory, ModelDetails

_N_CTX = 6144
"""What MMLU with five shots needs at the usual batch size, give or take a tokenizer."""


@click.command()
@click.argument("model")
@click.option("--format", "format_name", type=click.Choice(["text", "json"]), default="text")
def show(model: str, format_name: str) -> None:
    """Show what a model's file says of itself, and the memory it will need.

    MODEL is a GGUF file, or a model that is on the disk. Nothing is fetched.
    """
    from ggufeval import making
    from ggufeval.catalog.files import file_sha256
    from ggufeval.catalog.resolve import Request, resolve
    from ggufeval.llama.client import ModelProcess
    from ggufeval.report import numerals

    request = Request(offline=True, makeable=making.quantizations())
    for i, level in enumerate(making.levels([resolve(model, request)])):
        parts = _parts(level)
        with ModelProcess() as process:
            details = process.details(parts, file_sha256(parts[0]))
            memory = process.memory(parts[0], _settings())
        if format_name == "json":
            facts = {"model": asdict(details), "memory": asdict(memory)}
            click.echo(json.dumps(facts, indent=2))
            continue
        click.echo("" if i else None, nl=bool(i))
        for name, value in _facts(details, memory).items():
            click.echo(f"{name:15} {numerals.visible(value)}")


def _parts(level: Level) -> tuple[Path, ...]:
    from ggufeval.catalog.resolve import level_path

    if not level.quantization:
        return level.source.parts
    path = level_path(level.source, level.quantization)
    if not path.exists():
        raise ModelError(
            f"{level.label} was not made yet. `ggufeval quantize` makes it, and `sweep` does."
        )
    return (path,)


def _settings() -> EngineSettings:
    """Those of a run of MMLU that says nothing else."""
    from ggufeval.plan import MAX_SEQUENCES
    from ggufeval.runner import Options, physical_cores
    from ggufeval.types import EngineSettings

    options = Options()
    return EngineSettings(
        n_ctx=_N_CTX,
        n_batch=options.n_batch,
        n_ubatch=options.n_ubatch,
        n_seq_max=MAX_SEQUENCES + 1,
        n_threads=physical_cores(),
        n_gpu_layers=0,
        flash_attn=options.flash_attn,
        repack=options.repack,
    )


def _facts(details: ModelDetails, memory: Memory) -> dict[str, str]:
    from ggufeval.report import numerals
    from ggufeval.report.rows import tensor_mix

    info, template = details.info, details.template
    date = ", with the day's date (fixed by us)" if details.template_takes_date else ""
    made = f", made here from {info.quantized_from}" if info.quantized_from else ""
    origin = info.requantized_from
    lossy = f", which was once {origin}" if origin not in ("", info.quantized_from) else ""
    unknown = "not said"
    return {
        "path": info.path,
        "name": numerals.visible(details.name) or unknown,
        "architecture": f"{info.architecture}, {details.n_layers} layers, {details.n_embd} wide, "
        f"{details.n_heads} heads ({details.n_heads_kv} for keys and values)",
        "parameters": f"{info.n_params:,}",
        "context": f"{info.context_length:,} tokens" if info.context_length else unknown,
        "quantization": f"{info.quantization}{made}{lossy}",
        "tensor types": tensor_mix(info),
        "bits per weight": f"{info.bits_per_weight:.2f}, measured",
        "imatrix": info.imatrix or "none, or not said",
        "quantized by": numerals.visible(details.quantized_by) or unknown,
        "tokenizer": f"{details.tokenizer}/{details.pre_tokenizer}, {details.n_vocab:,} tokens",
        "BOS": f"{details.bos or 'none'}, {'added' if details.adds_bos else 'not added'}",
        "EOS": details.eos or "none",
        "chat template": f"{len(template.source):,} characters{date}" if template else "none",
        "licence": numerals.visible(details.licence) or unknown,
        "size": numerals.size(info.size_bytes),
        "sha256": info.sha256,
        "memory": f"{numerals.size(memory.peak)} for MMLU on the CPU",
        "of it": f"weights {numerals.size(memory.weights + memory.copied)}, "
        f"cache {numerals.size(memory.cache)}, compute {numerals.size(memory.compute)}",
    }
