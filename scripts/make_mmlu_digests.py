"""Tell MMLU's questions from others that are called as they are.

    python scripts/make_mmlu_digests.py MMLU

Writes ggufeval/bundle/mmlu.digests: of each of the 14,042 questions of the split `test`, subjects
in the order of the alphabet, the first four bytes of its SHA-256, see `licences.digest`. MMLU
is a folder with the data set's parquet files, at the revision that `tasks.hub` names. No text can
be read out of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ggufeval import tasks
from ggufeval.bundle import licences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    questions = tasks.load("mmlu", options.data, shots=0).questions
    digests = {question.id: licences.digest(question) for question in questions}
    licences.DIGESTS.write_bytes(b"".join(digests[name] for name in licences.names()))
    print(f"{licences.DIGESTS.name}: {len(digests):,} questions")


if __name__ == "__main__":
    main()
