"""Broken and hostile GGUF files: does each one end in a sentence, and nothing else?

    python scripts/fuzz_gguf.py VOCABULARY.gguf [--files 500] [--seed 0] [--keep FOLDER]

Makes a small model of random weights with the file's vocabulary (a model or a vocabulary alone),
and mutates it: truncated, bytes flipped, lengths, offsets, types and metadata replaced by extremes,
weights that are not numbers. Each mutant goes through `ggufeval run` and `ggufeval models show` in
this process. A fault is an exception that gets out, an exit status that is none of ours, a message
that is none, more than a minute, or a file that appears where none should. Prints what came out,
by kind of mutation, and leaves with status 1 where there was a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import gguf
import make_model
from click.testing import CliRunner

from ggufeval.cli import cli

SECONDS = 60
SHAPE = make_model.Shape(1, 64, 2, 1, 64, 4096)
EXTREMES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
KEYS = (
    b"llama.block_count",
    b"llama.context_length",
    b"llama.embedding_length",
    b"llama.feed_forward_length",
    b"llama.attention.head_count",
    b"llama.attention.head_count_kv",
    b"llama.rope.dimension_count",
    b"llama.vocab_size",
    b"general.file_type",
    b"general.alignment",
    b"tokenizer.ggml.bos_token_id",
    b"tokenizer.ggml.eos_token_id",
)

Mutation = Callable[[bytearray, int, random.Random], bytearray]


def truncated(data: bytearray, header: int, rng: random.Random) -> bytearray:
    return data[: rng.choice((rng.randrange(64), rng.randrange(header), rng.randrange(len(data))))]


def flipped(data: bytearray, header: int, rng: random.Random) -> bytearray:
    end = rng.choice((256, 4096, header))
    for _ in range(rng.choice((1, 4, 32))):
        data[rng.randrange(min(end, len(data)))] ^= 1 << rng.randrange(8)
    return data


def lengths(data: bytearray, _header: int, rng: random.Random) -> bytearray:
    """Counts and lengths stand at the beginning, and before each text."""
    place = rng.choice((4, 8, 16, 24, rng.randrange(24, 2048)))
    struct.pack_into("<Q", data, place, rng.choice(EXTREMES))
    return data


def offsets(data: bytearray, header: int, rng: random.Random) -> bytearray:
    """The tensors' names, shapes, types and offsets are the header's end."""
    place = header - rng.randrange(8, 700)
    struct.pack_into("<Q", data, place, rng.choice(EXTREMES))
    return data


def types(data: bytearray, header: int, rng: random.Random) -> bytearray:
    names = (b"token_embd.weight", b"output.weight", b"blk.0.ffn_up.weight")
    place = data.find(rng.choice(names), 0, header)
    if place > 0:
        place = data.index(b".weight", place) + len(b".weight")
        n_dimensions = struct.unpack_from("<I", data, place)[0]
        struct.pack_into("<I", data, place + 4 + 8 * n_dimensions, rng.randrange(60))
    return data


def metadata(data: bytearray, header: int, rng: random.Random) -> bytearray:
    key = rng.choice(KEYS)
    place = data.find(key, 0, header)
    if place > 0:
        struct.pack_into("<I", data, place + len(key) + 4, rng.choice(EXTREMES) & 0xFFFFFFFF)
    return data


def not_numbers(data: bytearray, header: int, rng: random.Random) -> bytearray:
    start = rng.randrange(header, len(data) - 4096)
    data[start : start + 4096] = b"\xff" * 4096
    return data


MUTATIONS: tuple[Mutation, ...] = (
    truncated,
    flipped,
    lengths,
    offsets,
    types,
    metadata,
    not_numbers,
)


def _late(_signal: int, _frame: object) -> None:
    raise TimeoutError


def told(args: list[str]) -> tuple[str, str]:
    """How a command ended: a kind (`fault` if it must not be), and what it printed last."""
    signal.alarm(SECONDS)
    try:
        result = CliRunner().invoke(cli, args)
    except TimeoutError:
        return "fault", f"more than {SECONDS} s"
    finally:
        signal.alarm(0)
    said = (result.stderr or result.output).strip()
    last = said.splitlines()[-1] if said else ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return "fault", repr(result.exception)
    if "Traceback" in said or result.exit_code not in {0, 1, 2} or not said:
        return "fault", f"exit status {result.exit_code}: {last}"
    return ("taken" if result.exit_code == 0 else "refused"), last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files with faults")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    counts: dict[str, Counter[str]] = {mutation.__name__: Counter() for mutation in MUTATIONS}
    messages: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        whole = Path("whole.gguf")
        make_model.write(whole, SHAPE, options.vocabulary)
        data, header = whole.read_bytes(), int(gguf.GGUFReader(whole).data_offset)
        started = time.monotonic()
        for i in range(options.files):
            rng = random.Random(f"{options.seed} {i}")
            mutation = MUTATIONS[i % len(MUTATIONS)]
            mutant = Path("mutant.gguf")
            mutant.write_bytes(mutation(bytearray(data), header, rng))
            run = ["run", str(mutant), "--task", "sample", "--sample", "2", "--shots", "0", "-q"]
            for args in ([*run, "--db", "db.sqlite"], ["models", "show", str(mutant)]):
                kind, said = told(args)
                counts[mutation.__name__][kind] += 1
                messages[said.replace(str(mutant), "FILE")[:60]] += kind == "refused"
                if kind == "fault":
                    print(f"{i} {mutation.__name__} {args[0]}: {said}", flush=True)
                    if options.keep:
                        shutil.copy(mutant, options.keep / f"{mutation.__name__}-{i}.gguf")
            left = {path.name for path in Path().iterdir()} - {"whole.gguf", "mutant.gguf"}
            left = {file for file in left if not file.startswith("db.sqlite")}
            if left:
                counts[mutation.__name__]["fault"] += 1
                print(f"{i} {mutation.__name__}: left {left}", flush=True)
        seconds = time.monotonic() - started
    for mutation_name, count in counts.items():
        print(f"{mutation_name:12} {dict(count)}")
    print(f"{options.files} files in {seconds:.0f} s; the commonest sentences:")
    for message, n in messages.most_common(12):
        print(f"  {n:4} {message}")
    sys.exit(1 if any(count["fault"] for count in counts.values()) else 0)


if __name__ == "__main__":
    main()
