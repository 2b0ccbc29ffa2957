"""Whose questions they are, and so whether their text may travel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ggufeval import tasks
from ggufeval.tasks import hub, outline
from ggufeval.types import Question, Run

DIGESTS = Path(__file__).with_name("mmlu.digests")
"""Made by scripts/make_mmlu_digests.py."""
_BYTES = 4
_MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one task's questions."""

    name: str
    licence: str
    """Empty: nobody told us."""
    notice: str
    """What every copy must carry; empty where there is none."""
    where: str
    """Where the questions are to be had."""

    @property
    def is_free(self) -> bool:
        return bool(self.licence)


_MMLU = Terms(
    "MMLU",
    "MIT",
    f"MMLU (Hendrycks et al., 2021), MIT License\n\nCopyright (c) 2020 Dan Hendrycks\n\n{_MIT}",
    f"the data set {hub.REPO} on the Hugging Face hub, at {hub.REVISION}",
)
_OURS = "ggufeval's embedded questions"
_SAMPLE = Terms(
    _OURS,
    "MIT",
    f"{_OURS}, MIT License\n\nCopyright (c) 2026 the ggufeval authors\n\n{_MIT}",
    "ggufeval itself: --task sample",
)


def terms(run: Run, questions: Sequence[Question]) -> Terms:
    """The licence is known of questions that are the embedded ones, and of MMLU's: from the hub, or
    word for word those from a folder. A file of one's own is nobody's but its owner's,
    whatever its name."""
    if run.fingerprint.tool == "" and run.task == "sample" and _are_embedded(questions):
        return _SAMPLE
    if run.task == "mmlu" and (run.source == hub.SOURCE or _are_mmlus(questions)):
        return _MMLU
    return Terms(run.task, "", "", f"{run.source}, from whoever has it")


def _are_embedded(questions: Sequence[Question]) -> bool:
    embedded = set(tasks.load("sample", None, shots=0).questions)
    return embedded.issuperset(questions)


def _are_mmlus(questions: Sequence[Question]) -> bool:
    """Whether each of them is the question of MMLU that it is called."""
    known = _known()
    return all(known.get(question.id) == digest(question) for question in questions)


def names() -> list[str]:
    """Ids of all questions of MMLU's split `test`, subjects in the order of the alphabet."""
    sizes = sorted(outline.sizes().items())
    return [f"mmlu/test/{subject}/{row}" for subject, n in sizes for row in range(n)]


def digest(question: Question) -> bytes:
    """The first four bytes of the SHA-256 of its text, choices and answer: one of MMLU's names on
    another question would pass for MMLU's one time in four thousand million."""
    whole = "\0".join((question.stem, *question.choices, str(question.answer)))
    return hashlib.sha256(whole.encode()).digest()[:_BYTES]


@cache
def _known() -> dict[str, bytes]:
    digests = DIGESTS.read_bytes()
    cut = (digests[i : i + _BYTES] for i in range(0, len(digests), _BYTES))
    return dict(zip(names(), cut, strict=True))
