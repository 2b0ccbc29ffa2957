from dataclasses import replace

import pytest

from ggufeval.report.ladder.rows import decoding, rows
from ggufeval.report.ladder.sentences import alarms, finding, heading, legend
from ggufeval.types import Estimate, Rung


def with_rungs(ladder, *numbers):
    return replace(ladder, rungs=tuple(r for r in ladder.rungs if r.rung.number in numbers))


def with_micro(score, micro):
    return replace(score, micro=micro)


def test_heading(ladder):
    assert heading(ladder) == (
        "SmolLM2-360M-Instruct Q8_0 on the original study's ladder; mmlu: 570 of 14,042 questions, "
        "57 subjects, 10 per subject; source cais/mmlu@c30699e8"
    )


ALL = (
    "From rung 1 to rung 8: 21.05% to 44.74% right. Format cost most on rung 2: +24.74 points "
    "[+20.64, +28.74]; under the grammar the rungs lie between 38.07% and 44.74%."
)
SECOND = (
    "Rung 2: 14.74% right. Format cost +24.74 points [+20.64, +28.74]; under the grammar 39.47% "
    "are right."
)
FIFTH = (
    "Rung 5: 37.54% right. That format cost anything cannot be seen here (most on rung 5: +2.98 "
    "points [-1.12, +6.98]); under the grammar 40.53% are right."
)
EIGHTH = "Rung 8: 44.74% right."
NOTHING = "No rung could be run with this model."


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (range(1, 9), ALL),
        ((2, 7), SECOND),  # 7 is n/a here
        ((5,), FIFTH),
        ((8,), EIGHTH),
        ((7, 8), EIGHTH),
        ((7,), NOTHING),
        ((), NOTHING),
    ],
)
def test_finding(ladder, numbers, sentence):
    assert finding(with_rungs(ladder, *numbers)) == sentence


def test_without_free_texts_only_the_grammar_is_spoken_of(ladder):
    rungs = tuple(replace(item, free=None, cost=None) for item in ladder.rungs[:2])
    assert finding(replace(ladder, rungs=rungs)) == (
        "Under the grammar the rungs lie between 38.07% and 39.47%."
    )


def test_a_rung_that_guesses_under_the_grammar_is_not_judged(ladder):
    second = ladder.rungs[1]
    guess = with_micro(second.constrained, Estimate(0.27, 0.24, 0.3))
    rungs = (ladder.rungs[0], replace(second, constrained=guess))
    assert "Format cost most on rung 1: +17.02 points" in finding(replace(ladder, rungs=rungs))
    alone = finding(replace(ladder, rungs=rungs[1:]))
    assert alone == (
        "Rung 2: 14.74% right. Under the grammar it is no better than guessing, which cannot show "
        "a cost."
    )


def test_no_alarm(ladder):
    assert alarms(ladder) == ()


def test_what_cannot_be_told_from_guessing(ladder):
    guess = Estimate(0.26, 0.22, 0.3)
    first, second, third, *_, eighth = ladder.rungs
    rungs = (
        replace(first, free=with_micro(first.free, guess)),
        replace(second, free=with_micro(second.free, guess)),
        replace(
            third,
            free=with_micro(third.free, guess),
            constrained=with_micro(third.constrained, guess),
        ),
        replace(eighth, constrained=with_micro(eighth.constrained, guess)),
    )
    assert alarms(replace(ladder, rungs=rungs)) == (
        (
            "Not to be told from guessing (25.00%): rungs 1, 2 and 3 as studied; "
            "rungs 3 and 8 under the grammar."
        ),
    )
    assert alarms(replace(ladder, rungs=rungs[:1])) == (
        "Not to be told from guessing (25.00%): rung 1 as studied.",
    )


def test_below_chance_is_no_guess(ladder):
    """There the format is what loses, and that is told apart well."""
    first = ladder.rungs[0]
    low = with_micro(first.free, Estimate(0.1, 0.08, 0.12))
    assert alarms(replace(ladder, rungs=(replace(first, free=low),))) == ()


def test_legend(ladder, some, none):
    assert "letter: one forward pass" in legend(ladder)
    assert legend(ladder).endswith(
        "With 570 questions an accuracy's interval is up to 7 points wide."
    )
    assert "letter:" not in legend(some)
    assert legend(none).endswith("study: the published figures.")


@pytest.mark.parametrize(
    ("temperature", "max_tokens", "text"),
    [(0.6, 10, "temp 0.6, 10 tokens"), (0, 1, "greedy, 1 token"), (0, 0, "letter")],
)
def test_decoding(temperature, max_tokens, text):
    assert decoding(Rung(1, "json", temperature, max_tokens, by_letter=False)) == text


def test_notes(ladder):
    found, notes = rows(ladder)
    assert [(note.mark, note.text) for note in notes] == [
        ("a", "Rung 4, as published: the first 285 questions only."),
        ("b", "Rung 7, n/a: the vocabulary has no <|start_header_id|>."),
        ("c", "Rung 7, as published: 94.1% of the outputs parsed, 45.6% of those right."),
        ("d", "Rung 8: chat in place of meta, which this model cannot have."),
    ]
    assert [row.published_mark for row in found] == ["", "", "", "a", "", "", "c", ""]
    assert (found[6].micro, found[6].micro_mark, found[6].macro) == ("n/a", "b", "")
    assert (found[7].style_mark, found[7].unread, found[7].cost) == ("d", "-", "-")


def test_notes_of_an_unfinished_rung(unfinished):
    _, (note,) = rows(unfinished)
    assert note.text == (
        "Rung 1: 100 of 570 questions recorded under the grammar, the run is not finished; "
        "what format cost is over the questions that are recorded both ways."
    )


def test_the_alphabet_goes_on(ladder):
    _, notes = rows(replace(ladder, rungs=(ladder.rungs[6],) * 14))
    assert [note.mark for note in notes[24:]] == ["y", "z", "aa", "bb"]
