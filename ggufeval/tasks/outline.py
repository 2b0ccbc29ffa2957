"""MMLU's size without its texts: what can be said of a study before the questions are fetched."""

from __future__ import annotations

from ggufeval.tasks import hub
from ggufeval.tasks.source import Source
from ggufeval.types import Question

_NOTE = (
    "The questions (MMLU, a few MB) are not on this disk, and a dry run fetches nothing: they are "
    "taken to be as long as they are on the average in their subjects."
)
_WORD = " that"
"""A token in the vocabularies at hand, and as long as theirs are in MMLU's sentences."""
_N_DEV = 5
# As counted in the revision that `hub` names: questions of the split `test`; characters of a
# question and its choices on the average there, and in the split `dev`.
_SUBJECTS = {
    "abstract_algebra": (100, 161, 132),
    "anatomy": (135, 213, 159),
    "astronomy": (152, 275, 381),
    "business_ethics": (100, 300, 404),
    "clinical_knowledge": (265, 205, 208),
    "college_biology": (144, 307, 272),
    "college_chemistry": (100, 213, 230),
    "college_computer_science": (100, 394, 519),
    "college_mathematics": (100, 214, 264),
    "college_medicine": (173, 443, 299),
    "college_physics": (102, 263, 248),
    "computer_security": (100, 238, 185),
    "conceptual_physics": (235, 141, 152),
    "econometrics": (114, 376, 294),
    "electrical_engineering": (145, 141, 159),
    "elementary_mathematics": (378, 152, 253),
    "formal_logic": (126, 353, 309),
    "global_facts": (100, 152, 211),
    "high_school_biology": (310, 322, 292),
    "high_school_chemistry": (203, 255, 210),
    "high_school_computer_science": (100, 411, 549),
    "high_school_european_history": (165, 1602, 2276),
    "high_school_geography": (198, 180, 246),
    "high_school_government_and_politics": (193, 310, 321),
    "high_school_macroeconomics": (390, 267, 231),
    "high_school_mathematics": (270, 170, 225),
    "high_school_microeconomics": (238, 286, 225),
    "high_school_physics": (151, 361, 262),
    "high_school_psychology": (545, 260, 347),
    "high_school_statistics": (216, 480, 471),
    "high_school_us_history": (204, 1419, 1735),
    "high_school_world_history": (237, 1562, 940),
    "human_aging": (223, 175, 167),
    "human_sexuality": (131, 213, 181),
    "international_law": (121, 410, 449),
    "jurisprudence": (108, 282, 226),
    "logical_fallacies": (163, 275, 280),
    "machine_learning": (112, 270, 429),
    "management": (103, 162, 145),
    "marketing": (234, 237, 262),
    "medical_genetics": (100, 176, 183),
    "miscellaneous": (783, 157, 105),
    "moral_disputes": (346, 280, 317),
    "moral_scenarios": (895, 386, 377),
    "nutrition": (306, 270, 383),
    "philosophy": (311, 225, 162),
    "prehistory": (324, 244, 341),
    "professional_accounting": (282, 409, 395),
    "professional_law": (1534, 1201, 1288),
    "professional_medicine": (272, 767, 726),
    "professional_psychology": (612, 336, 417),
    "public_relations": (110, 229, 265),
    "security_studies": (245, 804, 1033),
    "sociology": (201, 297, 288),
    "us_foreign_policy": (100, 252, 288),
    "virology": (166, 201, 185),
    "world_religions": (171, 116, 100),
}


def subjects() -> tuple[str, ...]:
    """The names of MMLU's 57."""
    return tuple(_SUBJECTS)


def sizes() -> dict[str, int]:
    """Subject -> questions of the split `test`."""
    return {subject: n for subject, (n, _, _) in _SUBJECTS.items()}


def mmlu() -> Source:
    """MMLU with its ids and numbers, so that the draws are those that will be made."""
    tests = (
        _blank(f"mmlu/test/{subject}/{row}", subject, row, length)
        for subject, (n, length, _) in _SUBJECTS.items()
        for row in range(n)
    )
    shots = {
        subject: tuple(
            _blank(f"mmlu/dev/{subject}/{row}", subject, row, length) for row in range(_N_DEV)
        )
        for subject, (_, _, length) in _SUBJECTS.items()
    }
    return Source("mmlu", hub.SOURCE, tuple(tests), shots, (_NOTE,), is_outline=True)


def _blank(identifier: str, subject: str, row: int, length: int) -> Question:
    # No two begin alike: what a subject's prompts share is the shots.
    stem = chr(ord("\u4e00") + row) + _WORD * (length // len(_WORD))
    return Question(identifier, subject, stem, ("", "", "", ""), 0)
