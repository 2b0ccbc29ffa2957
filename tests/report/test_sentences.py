from dataclasses import replace

import pytest

from ggufeval.report.notes import notes
from ggufeval.report.sentences import (
    alarms,
    finding,
    heading,
    legend,
    positions_legend,
    replication,
)
from ggufeval.types import Design, Difference, Estimate, Replication, RunStatus


@pytest.mark.parametrize(
    ("changes", "questions"),
    [
        ({}, "570 of 14,042 questions, 57 subjects, 10 per subject"),
        ({"n_questions": 569}, "569 of 14,042 questions, 57 subjects, about 10 per subject"),
        ({"design": Design.RANDOM}, "570 of 14,042 questions, 57 subjects, random sample"),
        ({"design": Design.FULL, "n_population": 570}, "all 570 questions, 57 subjects"),
        (
            {"design": Design.FULL},
            "570 of 14,042 questions, 57 subjects, the rest not asked yet",
        ),
        (
            {"n_subjects": 1, "n_questions": 1, "n_population": 1, "design": Design.FULL},
            "all 1 question, 1 subject",
        ),
    ],
)
def test_heading(comparison, changes, questions):
    assert heading(replace(comparison, **changes)) == (
        f"mmlu: {questions}; prompt style harness, 5 shots; "
        "reference SmolLM2-135M-Instruct F16; source cais/mmlu@c30699e8"
    )


def test_without_verdicts_the_finding_names_a_few_candidates(unjudged):
    assert finding(unjudged) == (
        "Against F16 (41.23%): Q8_0 +0.18, Q4_K_M† -1.05, Q2_K* -9.47 points."
    )


def test_the_finding_of_one_candidate(unjudged):
    one = replace(unjudged, candidates=unjudged.candidates[2:])
    assert (
        finding(one)
        == "Q2_K* differs from F16 by -9.47 points [-13.65, -5.27], at 33% of its size."
    )


def test_the_finding_of_one_candidate_that_cannot_be_told_from_the_reference(unjudged):
    one = replace(unjudged, candidates=unjudged.candidates[:1])
    assert 0 in one.candidates[0].difference.micro
    assert finding(one).startswith("Q8_0 differs from F16 by +0.18 points [")
    assert finding(one).endswith(
        "; the interval contains 0, so these questions cannot tell the two apart."
    )


def test_the_finding_of_many_candidates(unjudged):
    many = replace(unjudged, candidates=unjudged.candidates * 2)
    assert finding(many) == (
        "Against F16 (41.23%), 6 levels differ by -9.47 (Q2_K* (run-Q2_K)) "
        "to +0.18 (Q8_0 (run-Q8_0)) points."
    )


def test_the_finding_of_a_single_run(single):
    assert finding(single) == (
        "SmolLM2-135M-Instruct F16 answers 41.23% of 570 questions right [37.23, 45.33]."
    )


def test_at_chance_stands_in_place_of_the_finding(at_chance):
    assert finding(at_chance) == (
        "Reference at chance: F16 scores 25.61% [22.19, 29.35] where guessing scores 25.00%, "
        "so these questions cannot show what a quantization costs."
    )


def test_chance_of_questions_with_ten_choices(at_chance):
    ten = replace(at_chance, chance=0.1)
    assert "where guessing scores 10.00%" in finding(ten)


def test_legend_of_a_single_run_is_short(single):
    assert legend(single) == (
        "accuracy: micro, in %, with its 95% interval; bpw: measured bits per weight."
    )


def test_what_may_be_meant_so_is_a_note(single):
    said = notes(replace(single, remarks=("In plain\x1b text.",)))
    assert "In plain\\x1b text." in said


def test_notes(comparison):
    assert notes(comparison) == (
        "Q2_K*: IQ4_NL 62%, Q5_0 30%, Q8_0 8% of the weights.",
        "Q4_K_M† (from Q4_1): made from a file that was lossy already.",
    )


def test_one_note_for_all_that_came_from_the_same_type(comparison):
    both = replace(comparison, candidates=(comparison.candidates[1],) * 2)
    (note,) = notes(both)
    assert note.startswith("Q4_K_M† (run-Q4_K), Q4_K_M† (run-Q4_K) (from Q4_1): made from a file")


def origins(comparison, *facts):
    """The notes of a comparison whose models, the reference first, were made in these ways."""
    scores = [comparison.reference, *(item.score for item in comparison.candidates)]
    made = [
        replace(score, run=replace(score.run, model=replace(score.run.model, **fact)))
        for score, fact in zip(scores, facts, strict=True)
    ]
    candidates = tuple(
        replace(item, score=score)
        for item, score in zip(comparison.candidates, made[1:], strict=True)
    )
    return notes(replace(comparison, reference=made[0], candidates=candidates))[1:]


def test_levels_made_here_and_levels_with_an_importance_matrix_are_told_apart(comparison):
    here = {"quantized_from": "F16", "requantized_from": ""}
    published = {"imatrix": "imatrix.dat", "requantized_from": ""}
    assert origins(comparison, {}, here, published, here) == (
        "With an importance matrix: Q4_K_M.",
        "Made here from F16, without an importance matrix: Q8_0, Q2_K*.",
    )


def test_what_was_made_from_a_lossy_file_is_said_once(comparison):
    lossy = {"quantized_from": "F16", "requantized_from": "Q4_1"}
    assert origins(comparison, lossy, lossy, lossy, lossy) == (
        "F16†, Q8_0†, Q4_K_M†, Q2_K*† (from Q4_1): made from a file that was lossy already.",
    )


def test_no_matrix_is_missed_where_none_could_help(comparison):
    lossless = {"quantized_from": "F32"}
    assert origins(comparison, lossless, {}, {"requantized_from": ""}, {}) == ()


def test_origins_are_safe_to_print(comparison):
    strange = {"quantized_from": "\x1b[2J", "requantized_from": ""}
    assert r"from \x1b[2J, without" in origins(comparison, {}, strange, strange, strange)[0]


def test_notes_on_unfinished_runs_and_unread_answers(single):
    run = replace(single.reference.run, status=RunStatus.RUNNING, n_done=300)
    score = replace(single.reference, run=run, n_unread=1)
    assert notes(replace(single, reference=score)) == (
        "SmolLM2-135M-Instruct F16: the run is not finished, 300 of 570 questions recorded.",
        "SmolLM2-135M-Instruct F16: 1 answer could not be read and counted as wrong.",
    )


def test_alarms_are_safe_to_print(comparison):
    assert alarms(replace(comparison, alarms=("\x1b[2J",))) == (r"\x1b[2J",)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"read": "letter"}, ""),
        ({"read": "cloze"}, "read by cloze (per byte); "),
        ({"permute": "cyclic"}, "every rotation of the choices; "),
        (
            {"read": "sample", "max_tokens": 1, "permute": "cyclic"},
            "read by sample (temperature 0, 1 token, a grammar); every rotation of the choices; ",
        ),
        (
            {"read": "sample", "max_tokens": 30, "grammar": "choice json"},
            "read by sample (temperature 0, 30 tokens, a grammar of each question's choices); ",
        ),
        (
            {
                "read": "sample",
                "max_tokens": 10,
                "grammar": "",
                "parser": "\x1b",
                "temperature": 0.6,
            },
            "read by sample (temperature 0.6, 10 tokens, no grammar, parser \\x1b); ",
        ),
    ],
)
def test_heading_says_how_answers_were_read(single, how, said):
    run = single.reference.run
    run = replace(run, fingerprint=replace(run.fingerprint, **how))
    text = heading(replace(single, reference=replace(single.reference, run=run)))
    assert f"5 shots; {said}model SmolLM2" in text


def test_unread_answers_by_kind(sampled):
    assert notes(sampled)[-1] == (
        "Q2_K*: 12 answers could not be read and counted as wrong (9 unparsed, 3 no choice)."
    )


def test_the_plain_sum_is_told_too(cloze):
    assert notes(cloze)[-1] == (
        "By the plain sum of log-probabilities: "
        "F16 34.21, Q8_0 33.21, Q4_K_M† 32.21, Q2_K* 31.21 (%)."
    )


def test_legends_of_rotations(comparison, single, rotate):
    assert positions_legend(comparison) == ""
    assert "p: mid-p McNemar (-: a question's rotations" in legend(rotate(comparison))
    assert positions_legend(rotate(comparison, 5)).startswith("A to E: accuracy")
    assert positions_legend(rotate(single)).endswith("in every rotation.")


def test_a_replication(comparison):
    found = Replication(
        n=570,
        ours=Estimate(274 / 570, 0.44, 0.52),
        theirs=Estimate(280 / 570, 0.45, 0.53),
        ours_macro=Estimate(0.481, 0.44, 0.52),
        theirs_macro=Estimate(0.493, 0.45, 0.53),
        n_same=520,
        difference=Difference(
            lost=12,
            won=6,
            changed=32,
            micro=Estimate(-6 / 570, -0.026, 0.005),
            macro=Estimate(-0.01, -0.026, 0.005),
            mcnemar_p=0.2379,
        ),
    )
    assert replication("Meta-Llama 1B\x1b F16", found) == (
        r"Meta-Llama 1B\x1b F16 beside the recorded answers to the same 570 questions: 48.07% "
        "right (macro 48.10), recorded 49.12% (macro 49.30); the same answer to 91.23%; "
        "lost 12, won 6, difference -1.05 points [-2.60, +0.50], p 0.238."
    )
