"""A loaded model: its weights or its vocabulary alone, its tokens, its chat template."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import llama_cpp

from ggufeval.errors import ModelError, PromptError, UnsuitableError
from ggufeval.llama import capi
from ggufeval.types import (
    ChatTemplate,
    EngineSettings,
    Prompt,
    RequiredTokens,
    Span,
    TokenizedPrompt,
    Tokens,
)

_ATTR_UNKNOWN, _ATTR_CONTROL = 1, 8  # llama.h `llama_token_attr`


class Model:
    """Owns a `llama_model`. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        settings: EngineSettings | None = None,
        *,
        vocab_only: bool = False,
        no_alloc: bool = False,
    ) -> None:
        """`vocab_only` leaves the weights out; `no_alloc` has their shapes, but no memory."""
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers if settings else 0
        params.use_extra_bufts = not settings or settings.repack
        params.vocab_only = vocab_only
        if no_alloc:
            params.no_alloc = True
            params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE  # else llama.cpp aborts
        self.path = path
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise capi.refusal(path, "llama.cpp cannot load it")
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def close(self) -> None:
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- metadata ---

    @cached_property
    def chat_template(self) -> ChatTemplate | None:
        source = llama_cpp.llama_model_chat_template(self.handle, None)
        if source is None:
            return None
        return ChatTemplate(
            source.decode("utf-8", errors="replace"), bos_token=self.bos, eos_token=self.eos
        )

    @property
    def bos(self) -> str:
        return self._text_of(llama_cpp.llama_vocab_bos(self.vocab))

    @property
    def eos(self) -> str:
        return self._text_of(llama_cpp.llama_vocab_eos(self.vocab))

    @property
    def adds_bos(self) -> bool:
        return bool(llama_cpp.llama_vocab_get_add_bos(self.vocab))

    @property
    def n_bytes(self) -> int:
        """Of all tensors."""
        return int(llama_cpp.llama_model_size(self.handle))

    def metadata(self, key: str) -> str:
        """A value of the header as text; empty where there is none, or a list."""
        buffer = ctypes.create_string_buffer(1)
        args = (self.handle, key.encode())
        n = llama_cpp.llama_model_meta_val_str(*args, buffer, len(buffer))
        if n < 0:
            return ""
        buffer = ctypes.create_string_buffer(n + 1)
        llama_cpp.llama_model_meta_val_str(*args, buffer, len(buffer))
        return buffer.value.decode("utf-8", errors="replace")

    def _text_of(self, token: int) -> str:
        if token < 0:
            return ""
        return str(llama_cpp.llama_vocab_get_text(self.vocab, token).decode(errors="replace"))

    # --- tokens ---

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; control tokens have none."""
        buffer = ctypes.create_string_buffer(256)
        args = (self.vocab, token, buffer, len(buffer), 0, False)
        n = llama_cpp.llama_token_to_piece(*args)
        if n < 0:
            buffer = ctypes.create_string_buffer(-n)
            n = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, -n, 0, False)
        return bytes(buffer.raw[:n])

    def is_control(self, token: int) -> bool:
        """Whether it is what text alone cannot make: BOS, a header, the end of a turn."""
        attributes = llama_cpp.llama_vocab_get_attr(self.vocab, token)
        return bool(attributes & (_ATTR_UNKNOWN | _ATTR_CONTROL))

    def spelled(self, token: int) -> bytes:
        """The bytes that a token stands for; of a control token, what it is called."""
        return self._text_of(token).encode() if self.is_control(token) else self.piece(token)

    @cached_property
    def control_texts(self) -> tuple[str, ...]:
        """Texts that llama.cpp would turn into control tokens where it is told to parse them."""
        texts = (self._text_of(token) for token in range(self.n_vocab) if self.is_control(token))
        return tuple(text for text in texts if text)

    def tokenize(self, spans: Sequence[Span]) -> Tokens:
        """Tokens of the whole text, BOS exactly once where the vocabulary asks for one.

        Control tokens come from control spans only. The text is tokenized in one piece, since
        cutting it changes merges, unless a text span holds what looks like a control token:
        then it is cut at the control tokens around, where llama.cpp cuts too.
        """
        tokens = array("i")
        for text, control in self._pieces(spans):
            tokens.extend(self._tokenize(text, parse_special=control))
        bos = llama_cpp.llama_vocab_bos(self.vocab)
        if self.adds_bos and tokens[:1] != array("i", [bos]):
            tokens.insert(0, bos)
        return tokens

    def _pieces(self, spans: Sequence[Span]) -> list[tuple[str, bool]]:
        text = "".join(span.text for span in spans)
        if not any(span.control for span in spans):
            return [(text, False)]
        in_control = [span.control for span in spans for _ in span.text]
        real: list[tuple[int, int]] = []
        fake = False
        for start, end in self._control_matches(text):
            if all(in_control[start:end]):
                real.append((start, end))
            else:
                fake = True
        if not fake:
            return [(text, True)]
        pieces, position = [], 0
        for start, end in real:
            pieces += [(text[position:start], False), (text[start:end], True)]
            position = end
        pieces.append((text[position:], False))
        return [(piece, control) for piece, control in pieces if piece]

    def _control_matches(self, text: str) -> list[tuple[int, int]]:
        """Where control texts stand, from the left, the longest first, without overlap."""
        starts: dict[int, int] = {}
        for control in self.control_texts:
            at = text.find(control)
            while at >= 0:
                starts[at] = max(starts.get(at, 0), at + len(control))
                at = text.find(control, at + 1)
        matches: list[tuple[int, int]] = []
        for start in sorted(starts):
            if not matches or start >= matches[-1][1]:
                matches.append((start, starts[start]))
        return matches

    def _tokenize(self, text: str, *, parse_special: bool) -> Tokens:
        data = text.encode()
        size = len(data) + 2
        buffer = (ctypes.c_int32 * size)()
        # add_special would append EOS too, where a vocabulary asks for it: BOS is ours to add.
        n = llama_cpp.llama_tokenize(
            self.vocab,
            data,
            len(data),
            buffer,
            size,
            False,
            parse_special,
        )
        if n < 0:
            raise ModelError(f"{self.path}: llama.cpp cannot tokenize a text of {len(data)} bytes.")
        return array("i", memoryview(buffer)[:n].tobytes())

    def tokenize_prompts(self, prompts: Sequence[Prompt]) -> list[TokenizedPrompt]:
        """Tokens of each prompt; the letters of the first one of each kind are verified.

        Raises UnsuitableError where the vocabulary lacks a token that a prompt requires.
        """
        verified: set[tuple[str, ...]] = set()
        self.check_required(prompts)
        result = []
        for prompt in prompts:
            tokens = self.tokenize(prompt.spans)
            if prompt.by_letter and prompt.answers not in verified:
                self.answer_tokens(prompt, tokens)
                verified.add(prompt.answers)
            n = len(prompt.answers)
            result.append(TokenizedPrompt(prompt.question_id, tokens, n, text=prompt.text))
        return result

    def check_required(self, prompts: Sequence[Prompt]) -> None:
        """Raises UnsuitableError where the vocabulary lacks a token that a prompt requires."""
        for required in {prompt.required for prompt in prompts if prompt.required}:
            self._check(required)

    def _check(self, required: RequiredTokens) -> None:
        for text in required.texts:
            if len(self._tokenize(text, parse_special=True)) != 1:
                raise UnsuitableError(
                    f"{self.path}: the prompt style `{required.style}` needs the control token "
                    f"{text}, and the model's vocabulary has none",
                    f"Use --prompt {required.instead}.",
                )

    def answer_tokens(self, prompt: Prompt, tokens: Tokens) -> tuple[int, ...]:
        """The one token that each answer adds to the prompt.

        Raises PromptError unless each adds exactly one, leaves the prompt's own tokens as they
        are, and differs from the others: reading one forward pass would be wrong otherwise.
        """
        answers = []
        for answer in prompt.answers:
            longer = self.tokenize([*prompt.spans, Span(answer)])
            if longer[:-1] != tokens:
                raise PromptError(
                    f"{self.path}: the answer {answer!r} was expected to add one token to the "
                    f"prompt of {prompt.question_id}; in this vocabulary it adds "
                    f"{len(longer) - len(tokens)} or changes those before it. "
                    "Choose another --prompt."
                )
            answers.append(longer[-1])
        if len(set(answers)) != len(answers):
            raise PromptError(f"{self.path}: the letters are not distinct tokens ({answers}).")
        return tuple(answers)
