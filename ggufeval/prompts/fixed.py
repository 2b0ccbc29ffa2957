"""The five solved examples of rungs 2 to 5, the same for every question.

The study took dev questions of five subjects other than the question's own. These are of our own
writing, from five subjects that MMLU does not have, so that they are other subjects always, and no
data is needed for them.
"""

from __future__ import annotations

from ggufeval.prompts.listed import solved

FIXED = (
    # music
    solved(
        "How many strings does a violin have?",
        ("Three", "Four", "Six", "Eight"),
        1,
    ),
    # cookery
    solved(
        "What makes bread dough rise?",
        ("Salt", "Oil", "Yeast", "Flour"),
        2,
    ),
    # chess
    solved(
        "Which piece may jump over others?",
        ("The knight", "The rook", "The bishop", "The queen"),
        0,
    ),
    # sailing
    solved(
        "What is the left side of a ship called, looking forward?",
        ("Starboard", "Stern", "Bow", "Port"),
        3,
    ),
    # gardening
    solved(
        "Which of these plants grows from a bulb?",
        ("The bean", "The tulip", "The carrot", "The sunflower"),
        1,
    ),
)
