"""Every value that travels between the rooms of the house: frozen, slotted, standard library only.

Token ids, never text, cross from `plan` to `llama`; letters are indices into `Question.choices`
(0 is A). Probabilities are natural logarithms. Times are seconds, sizes bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeAlias

LETTERS = "ABCDEFGHIJ"
"""A question has 2 to 10 choices, and so at most this many letters."""


# --- questions -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question. `id` is stable: `mmlu/test/<subject>/<row>`."""

    id: str
    subject: str
    stem: str
    choices: tuple[str, ...]
    answer: int
    """Index of the gold choice."""


class Design(StrEnum):
    """How the questions were drawn from the whole set; it decides the weights of a score."""

    FULL = "full"
    STRATIFIED = "stratified"
    """Equal numbers from each subject (`--limit`): the unweighted mean is macro."""
    RANDOM = "random"
    """A simple random sample of all questions (`--sample`)."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of a study, in the order in which they will be asked, with their shots."""

    task: str
    source: str
    """Where they came from, for people: `cais/mmlu@c30699e8`, a path, `embedded`."""
    questions: tuple[Question, ...]
    shots: Mapping[str, tuple[Question, ...]]
    """Subject -> its dev questions, in order."""
    population: Mapping[str, int]
    """Subject -> N_k, how many questions it has in the whole set, of the subjects asked for."""
    design: Design
    seed: int | None = None
    notes: tuple[str, ...] = ()
    """What a reader must be told: counts that deviate, subjects left out."""

    @property
    def sha256(self) -> str:
        """Hash of all that can change a verdict or where it counts: id, subject, stem, choices and
        gold, in order."""
        digest = hashlib.sha256()
        for q in self.questions:
            row = json.dumps([q.id, q.subject, q.stem, q.choices, q.answer], ensure_ascii=True)
            digest.update(row.encode() + b"\n")
        return digest.hexdigest()


# --- prompts -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a prompt. Only where `control` is true may text become a control token."""

    text: str
    control: bool = False


@dataclass(frozen=True, slots=True)
class RequiredTokens:
    """Control tokens without which a prompt would not be what its style means."""

    style: str
    texts: tuple[str, ...]
    instead: str
    """The style for vocabularies that lack one."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent for one question, and the strings that answer it, one a choice."""

    question_id: str
    spans: tuple[Span, ...]
    answers: tuple[str, ...]
    """` A`, ` B`, ... or `A`, `B`, ...: what must follow the prompt, byte for byte."""
    required: RequiredTokens | None = None
    by_letter: bool = True
    """Whether an answer is a letter, and so must be one token. Else it is a choice's text."""

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How the answer to a question is constrained: a grammar, and the answers it lets through."""

    grammar: str
    """GBNF."""
    answers: tuple[str, ...]
    """One a choice."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A model's own chat template, as its file carries it."""

    source: str
    """Jinja."""
    bos_token: str
    eos_token: str


# --- the plan ------------------------------------------------------------------------------

Tokens: TypeAlias = "array[int]"
"""Token ids, type code `i` (a tuple of all of MMLU's would take 360 MB). Never changed."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text whose likelihood is asked for: the tokens that follow its question's prompt."""

    tokens: Tokens
    n_scored: int
    """The last ones, which are the text. Those before them are the prompt's own end, where
    another choice's text changes its tokens."""
    n_bytes: int
    """Of the text as it was given, in UTF-8."""


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt in the model's tokens, BOS included. `n_choices` letters can follow."""

    question_id: str
    tokens: Tokens
    n_choices: int
    continuations: tuple[Continuation, ...] = ()

    @property
    def n_tokens(self) -> int:
        """To be decoded: nothing follows the last token of a continuation."""
        return len(self.tokens) + _n_tokens(self.continuations)


@dataclass(frozen=True, slots=True)
class Item:
    """A question inside a batch: the tokens that follow its group's prefix."""

    question_id: str
    suffix_tokens: Tokens
    n_choices: int
    continuations: tuple[Continuation, ...] = ()

    @property
    def n_tokens(self) -> int:
        """To be decoded."""
        return len(self.suffix_tokens) + _n_tokens(self.continuations)

    @property
    def n_sequences(self) -> int:
        return max(1, len(self.continuations))


def _n_tokens(continuations: tuple[Continuation, ...]) -> int:
    return sum(len(continuation.tokens) - 1 for continuation in continuations)


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that are decoded together. Also the unit of storing and of resuming."""

    items: tuple[Item, ...]

    @property
    def n_tokens(self) -> int:
        return sum(item.n_tokens for item in self.items)

    @property
    def n_sequences(self) -> int:
        return sum(item.n_sequences for item in self.items)


@dataclass(frozen=True, slots=True)
class Group:
    """Batches that share a prefix, which is decoded once."""

    prefix_tokens: Tokens
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will be decoded, in order. See `ggufeval.plan`."""

    groups: tuple[Group, ...]

    @property
    def n_questions(self) -> int:
        return sum(len(batch.items) for group in self.groups for batch in group.batches)

    @property
    def n_batches(self) -> int:
        return sum(len(group.batches) for group in self.groups)

    @property
    def n_tokens(self) -> int:
        """Unique tokens: each prefix once, each suffix once."""
        return sum(
            len(group.prefix_tokens) + sum(batch.n_tokens for batch in group.batches)
            for group in self.groups
        )


# --- the model and the engine --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about one GGUF model, read from its file(s)."""

    label: str
    """What tables show: `SmolLM2-135M-Instruct Q8_0`."""
    path: str
    sha256: str
    """Of the file; of the concatenation of the parts' digests where it is split."""
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


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """What a file says of the importance matrix that it was quantized with; 0 or empty: nothing."""

    file: str
    dataset: str
    n_entries: int
    n_chunks: int


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
    """What a run will take, in bytes: of the machine's memory, and of its GPUs'."""

    mapped: int
    """Weights that are used where they stand in the file: the system can drop and reread them."""
    allocated: int
    """Weights that are kept in another layout, in memory of their own."""
    cache: int
    """Keys and values of the context."""
    compute: int
    devices: int = 0
    """All of it that lies on GPUs, and in none of the above."""

    @property
    def weights(self) -> int:
        return self.mapped + self.allocated

    @property
    def fixed(self) -> int:
        """What cannot be dropped and reread."""
        return self.allocated + self.cache + self.compute

    @property
    def total(self) -> int:
        return self.mapped + self.fixed


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


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """The llama.cpp that did it."""

    llama_cpp_python: str
    ggml_commit: str
    """Empty where the library does not tell."""
    libraries_sha256: str
    system_info: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that can change a logit or the verdict on it. Equal fingerprints, equal records."""

    model_sha256: str
    plan_hash: str
    questions_sha256: str
    prompt_style: str
    shots: int
    read: str
    grammar: str
    engine: EngineSettings
    build: BuildInfo

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        fields = json.loads(text)
        fields["engine"] = EngineSettings(**fields["engine"])
        fields["build"]["devices"] = tuple(fields["build"]["devices"])
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


# --- what comes back -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LetterScores:
    """Raw float32 scores at the position of the answer, before any grammar.

    A letter's logit is the greatest over its admissible tokens.
    """

    question_id: str
    logits: tuple[float, ...]
    """One a choice."""
    mass: float
    """Probability on all letters together, their admissible tokens summed."""
    logsumexp: float
    """Over the whole vocabulary."""
    top_token: int
    top_logit: float
    partial_logit: float = -math.inf
    """Greatest logit of an admissible token that is only a part of an answer (a bare space)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text of the model's own says. See `ggufeval.reading`."""

    letter: int | None
    """Index of the choice that it answers; None where none can be read."""
    error: str = ""
    """Why not: `unparsed: ...`, or `no choice: ...` where it parses and matches none."""


@dataclass(frozen=True, slots=True)
class Record:
    """The verdict on one question in one run."""

    run_id: str
    question_id: str
    rotation: int
    letter: int | None
    """Index of the answer; None where nothing could be read."""
    correct: bool
    letter_logits: tuple[float, ...]
    logsumexp: float
    letter_mass: float
    margin: float
    """Logit of the best letter minus that of the second, in nats."""
    top_token: int
    top_logit: float
    n_tokens: int
    """Tokens of the whole prompt, the shared prefix included."""
    text: str | None = None
    parse_error: str | None = None
    partial: bool = False
    """The grammar's best first token was only a part of an answer: generation might differ."""

    @property
    def letter_logprobs(self) -> tuple[float, ...]:
        return tuple(logit - self.logsumexp for logit in self.letter_logits)


class RunStatus(StrEnum):
    RUNNING = "running"
    """Or interrupted: it goes on when the same command is repeated."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Run:
    """One model over one plan. Times are sums over its batches, however often it was resumed."""

    id: str
    model: ModelInfo
    fingerprint: Fingerprint
    task: str
    source: str
    design: Design
    population: Mapping[str, int]
    n_questions: int
    n_batches: int
    status: RunStatus
    created: str
    """ISO 8601, UTC."""
    n_done: int
    """Questions recorded."""
    n_tokens: int
    """Tokens decoded for them, each shared prefix once (again after a resume)."""
    seconds: float
    peak_rss_bytes: int
    command: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run with its records and the questions they belong to, both in the run's order."""

    run: Run
    questions: tuple[Question, ...]
    records: tuple[Record, ...]


# --- statistics ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value in [0, 1] or [-1, 1] with its interval. Percent is the reports' business."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Score:
    """How one run did, by itself."""

    run: Run
    n: int
    n_correct: int
    micro: Estimate
    macro: Estimate
    letter_mass: float
    """Mean over the questions."""
    letter_counts: tuple[int, ...]
    """How often each letter was answered."""
    n_unread: int
    """Questions whose answer could not be read; they count as wrong."""
    questions_per_second: float
    tokens_per_second: float
    n_partial: int = 0
    """Questions where the grammar's best first token was only a part of an answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A candidate against the reference, question by question: candidate minus reference."""

    lost: int
    """Right in the reference, wrong in the candidate (b)."""
    won: int
    """Wrong in the reference, right in the candidate (c)."""
    changed: int
    """Wrong in both, with different letters (w)."""
    micro: Estimate
    macro: Estimate
    mcnemar_p: float
    """Mid-p, two-sided."""


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """A figure that somebody has published for a model, and under which conditions."""

    quantization: str
    task: str
    prompt: str
    shots: int
    average: str
    """`macro` or `micro`."""
    accuracy: float
    """In [0, 1]."""
    allowance: float
    """How far another engine's arithmetic, and the figure's own rounding, may move it."""
    source: str
    """Who published it, where."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A run beside a published figure. In [0, 1]."""

    measured: Estimate
    """Its interval speaks of the very questions that the figure was measured on."""
    published: PublishedScore
    n: int
    n_population: int

    @property
    def low(self) -> float:
        """From here to `high` the published figure agrees."""
        return self.measured.low - self.published.allowance

    @property
    def high(self) -> float:
        return self.measured.high + self.published.allowance

    @property
    def agrees(self) -> bool:
        return self.low <= self.published.accuracy <= self.high


@dataclass(frozen=True, slots=True)
class Candidate:
    score: Score
    difference: Difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """What statistics hand to reports."""

    reference: Score
    candidates: tuple[Candidate, ...]
    n_questions: int
    n_population: int
    n_subjects: int
    design: Design
    chance: float
    """Accuracy of guessing: the mean of 1/k."""
    reference_at_chance: bool
    alarms: tuple[str, ...] = ()
    """One sentence each, what a reader must know before believing the table."""
