"""The model, the engine, and all that can change a logit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ggufeval.types.prompts import ChatTemplate

FULL_PRECISION = ("F32", "F16", "BF16")
"""Types of weights that nobody quantized, or that were written out again."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about one GGUF model, read from its file(s)."""

    label: str
    """What tables show: `SmolLM2-135M-Instruct Q8_0`."""
    path: str
    """Of a model that was never here, this and what follows is empty or 0."""
    sha256: str
    """Of the file; of the concatenation of the parts' digests where it is split; of the records
    where another tool evaluated a model that was never here."""
    size_bytes: int
    architecture: str
    n_params: int
    quantization: str
    """Nominal type, llama.cpp's name: `Q4_K_M`."""
    tensor_types: Mapping[str, int]
    """ggml type name -> number of weights stored in it."""
    bits_per_weight: float
    """Measured: 8 * tensor bytes / weights."""
    nominal_share: float
    """Share of the weights that is stored in the types that the nominal name promises."""
    requantized_from: str = ""
    """The lossy type that it was made from, if it was made from one."""
    context_length: int = 0
    """Tokens that it was trained for; 0 where the file does not say."""
    imatrix: str = ""
    """The importance matrix that it was quantized with: its file's name, or its data set's."""
    quantized_from: str = ""
    """The type that we made it from (`F16`); empty where others made it."""
    dequantized_from: str = ""
    """The sha256 of the quantized model whose weights these are, written out; mostly empty."""

    has_state: bool = False
    """Whether it keeps a state of each sequence, instead of attention's cache or beside it:
    recurrent and hybrid models."""

    @property
    def level(self) -> str:
        """What tells it from other levels of its model: `Q4_0`, `Q4_0 as F32`."""
        if not self.dequantized_from:
            return self.quantization
        return f"{self.quantized_from} as {self.quantization}"

    @property
    def fidelity(self) -> tuple[bool, bool, float]:
        """Greatest for the model that others are best compared with: the most bits a weight, of
        those that were not made from a lossy file where there are any (the level that a copy was
        made from must not look free); written-out weights come last."""
        return not self.dequantized_from, not self.requantized_from, self.bits_per_weight

    @property
    def is_lossy(self) -> bool:
        """Whether it is quantized, or was once, as far as it says."""
        return bool(self.requantized_from) or self.quantization not in FULL_PRECISION


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """What a file says of the importance matrix that it was quantized with; 0 or empty: nothing."""

    file: str
    dataset: str
    n_entries: int
    n_chunks: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a level is made beside its type. Empty: as llama.cpp's quantizer does it by itself."""

    imatrix: Path | None = None
    """An importance matrix, in llama-imatrix's GGUF or its older format."""
    imatrix_name: str = ""
    """What the level says of it; empty: its file's name."""
    output_type: str = ""
    """ggml's type (`Q8_0`) for the output matrix, which may be that of the token embeddings."""
    embedding_type: str = ""
    """ggml's type for the token embeddings."""
    may_requantize: bool = True
    """Whether the source may be quantized itself, or have been."""
    dequantized: str = ""
    """The source's sha256, where its weights are only written out in F32 or F16."""

    @property
    def is_plain(self) -> bool:
        return not (self.imatrix or self.output_type or self.embedding_type)


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """All that one GGUF model says of itself, for people. Empty or 0: the file does not say."""

    info: ModelInfo
    name: str
    licence: str
    quantized_by: str
    imatrix: ImportanceMatrix | None
    n_layers: int
    n_embd: int
    n_heads: int
    """Of attention; 0 also where layers differ."""
    n_heads_kv: int
    tokenizer: str
    """Kind of vocabulary: `llama`, `gpt2`."""
    pre_tokenizer: str
    """How text is cut before it is tokenized: `llama-bpe`."""
    n_vocab: int
    bos: str
    """Text of the token; empty where there is none."""
    adds_bos: bool
    """Whether llama.cpp puts BOS before a prompt, which the file need not say."""
    eos: str
    template: ChatTemplate | None

    @property
    def template_takes_date(self) -> bool:
        """Whether the chat template writes the day's date into the prompt."""
        source = self.template.source if self.template else ""
        return "strftime_now" in source or "date_string" in source


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model's process will take in a run, in bytes: of the machine's memory, and of its
    GPUs'."""

    mapped: int
    """Weights that are used where they stand in the file: the system can drop and reread them."""
    allocated: int
    """Weights that are kept in another layout, in memory of their own."""
    cache: int
    """Keys and values of the context."""
    compute: int
    gpus: Mapping[str, int] = field(default_factory=dict)
    """All of it that lies on GPUs, by llama.cpp's name (`CUDA0`), and in none of the above."""
    copied: int = 0
    """Weights that are read from the file once, for `allocated` or a GPU. They count as the
    process's own, and are dropped when others want the memory."""
    process: int = 0
    """What it has without a model: Python, its libraries, the vocabulary, the prompts."""

    @property
    def weights(self) -> int:
        return self.mapped + self.allocated

    @property
    def fixed(self) -> int:
        """What cannot be dropped and reread."""
        return self.allocated + self.cache + self.compute + self.process

    @property
    def total(self) -> int:
        """Of the machine's memory, as much as it works with."""
        return self.mapped + self.fixed

    @property
    def peak(self) -> int:
        """The greatest resident set, where nobody else wants the memory."""
        return self.total + self.copied

    @property
    def devices(self) -> int:
        return sum(self.gpus.values())


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What is handed to llama.cpp for a run. All of it can change a logit."""

    n_ctx: int
    n_batch: int
    n_ubatch: int
    n_seq_max: int
    n_threads: int
    n_gpu_layers: int
    flash_attn: str
    """`on`, `off` or `auto`."""
    type_k: str = "f16"
    type_v: str = "f16"
    kv_unified: bool = True
    swa_full: bool = True
    repack: bool = True
    """Whether the processor's part may have weights in another layout than the file's, as
    llama.cpp does where it has kernels for one: other arithmetic, another speed."""


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """The llama.cpp that did it."""

    llama_cpp_python: str
    ggml_commit: str
    """Empty where the library does not tell."""
    libraries_sha256: str
    system_info: str
    devices: tuple[str, ...]
    variables: tuple[str, ...] = ()
    """Of the environment, `NAME=value`, that ggml may have heeded: `GGML_CUDA_FORCE_MMQ=1`."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that can change a logit or the verdict on it. Equal fingerprints, equal records."""

    model_sha256: str
    plan_hash: str
    questions_sha256: str
    prompt_style: str
    shots: int
    """-1 where another tool's records do not say."""
    read: str
    grammar: str
    engine: EngineSettings
    build: BuildInfo
    parser: str = ""
    """How a text is read. This and what follows is empty or 0 where it changes nothing."""
    temperature: float = 0.0
    max_tokens: int = 0
    seed: int = 0
    """Of the draws of tokens."""
    permute: str = ""
    """`cyclic`: each question in every rotation of its choices."""
    stopping: str = ""
    """`verdict` or `budget 500`, where the run may end before its plan does."""
    tool: str = ""
    """Who evaluated, where it was another program, with its version; the engine and the build are
    unknown then, the plan's hash is of what was sent, and the model's of the records."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """What a way of reading does not have, or what is as it always was, is left out, so that it
        keeps its digest when another one comes to have more."""
        later = ("parser", "temperature", "max_tokens", "seed", "permute", "stopping", "tool")
        fields = asdict(self)
        kept = {name: value for name, value in fields.items() if value or name not in later}
        if not self.build.variables:
            del kept["build"]["variables"]
        if self.engine.repack:
            del kept["engine"]["repack"]
        return json.dumps(kept, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        fields = json.loads(text)
        fields["engine"] = EngineSettings(**fields["engine"])
        for name in ("devices", "variables"):
            fields["build"][name] = tuple(fields["build"].get(name, ()))
        fields["build"] = BuildInfo(**fields["build"])
        return cls(**fields)

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """Dotted names of the fields that differ, the model's hash aside."""
        mine, theirs = _flatten(asdict(self)), _flatten(asdict(other))
        return tuple(name for name in mine if name != "model_sha256" and mine[name] != theirs[name])


def _flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
