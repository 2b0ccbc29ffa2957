"""Every rotation of the choices, read by letter."""

from __future__ import annotations

from dataclasses import replace


def test_a_rotation_is_the_question_with_its_choices_turned(evaluate, few_questions):
    """Turned by hand, the same questions give the same answers, in terms of the old choices."""
    rotated = evaluate(permute="cyclic")
    assert rotated.run.fingerprint.permute == "cyclic"
    assert rotated.run.n_questions == 32
    assert len(rotated.records) == 4 * 32
    by_hand = tuple(
        replace(q, choices=(*q.choices[1:], q.choices[0]), answer=(q.answer - 1) % 4)
        for q in few_questions.questions
    )
    turned = evaluate(replace(few_questions, questions=by_hand))
    ours = {r.question_id: r for r in rotated.records if r.rotation == 1}
    agree = 0
    for record in turned.records:
        own = ours[record.question_id]
        assert own.correct == (
            own.letter == next(q.answer for q in rotated.questions if q.id == own.question_id)
        )
        agree += own.letter == (record.letter + 1) % 4
        back = tuple(own.letter_logits[i] for i in (1, 2, 3, 0))
        assert max(abs(a - b) for a, b in zip(back, record.letter_logits, strict=True)) < 1.0
    assert agree >= 28  # another batch, other noise
