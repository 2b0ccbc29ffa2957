"""Where a model came from, read off where it lay."""

from __future__ import annotations

import pytest

from ggufeval.bundle.contents import Origin
from ggufeval.bundle.origins import origin
from ggufeval.catalog.entries import entry
from ggufeval.types import ModelInfo


def model(path, sha256="0" * 64, quantized_from=""):
    info = ModelInfo("Tiny", path, sha256, 1, "llama", 1, "Q8_0", {}, 8.5, 1.0)
    return ModelInfo(**{n: getattr(info, n) for n in ModelInfo.__slots__} | {
        "quantized_from": quantized_from
    })  # fmt: skip


CACHE = "/home/jane/.cache/huggingface/hub/models--bartowski--Llama-3.2-1B-Instruct-GGUF"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            f"{CACHE}/snapshots/0a1b2c/Llama-3.2-1B-Instruct-Q8_0.gguf",
            Origin(
                "hub", "bartowski/Llama-3.2-1B-Instruct-GGUF", "0a1b2c",
                ("Llama-3.2-1B-Instruct-Q8_0.gguf",),
            ),
        ),
        (
            f"{CACHE}/snapshots/0a1b2c/BF16/m-00001-of-00002.gguf",
            Origin(
                "hub", "bartowski/Llama-3.2-1B-Instruct-GGUF", "0a1b2c",
                ("BF16/m-00001-of-00002.gguf", "BF16/m-00002-of-00002.gguf"),
            ),
        ),
        (
            "/home/jane/.cache/ggufeval/models/smollm2-135m-instruct/SmolLM2-135M-Instruct-Q8_0.gguf",
            Origin("made", "smollm2-135m-instruct", "", ("SmolLM2-135M-Instruct-Q8_0.gguf",)),
        ),
        (
            "/c/models/unsloth--Llama-3.2-1B-0123456789ab/Llama-3.2-1B-Q2_K.gguf",
            Origin("made", "unsloth/Llama-3.2-1B", "", ("Llama-3.2-1B-Q2_K.gguf",)),
        ),
        (
            "/c/models/dequantized/x-0123456789ab-F32.gguf",
            Origin("made", "", "", ("x-0123456789ab-F32.gguf",)),
        ),
        ("/home/jane/x-Q8_0.gguf", Origin("file", "", "", ("x-Q8_0.gguf",))),
        ("C:\\models\\jane\\x.gguf", Origin("file", "", "", ("x.gguf",))),
        ("", Origin("file", "", "", ())),
    ],
)  # fmt: skip
def test_a_place_tells(path, expected):
    assert origin(model(path)) == expected


def test_a_hash_of_the_catalogue_tells_wherever_the_file_lay():
    sha256 = entry("smollm2-135m-instruct").source.sha256
    found = origin(model("/home/jane/renamed.gguf", sha256))
    assert found == Origin("catalogue", "smollm2-135m-instruct", "", ("renamed.gguf",))


def test_what_we_made_of_somebodys_own_file_has_no_name():
    path = "/c/models/mine-0123456789ab/mine-Q8_0.gguf"
    assert origin(model(path, quantized_from="F16")).kind == "made"
    assert origin(model(path)).kind == "file"
