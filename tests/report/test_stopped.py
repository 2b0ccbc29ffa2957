"""Reports of runs that could end early."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ggufeval.report import csvfile, html, jsonfile, markdown, terminal

AT_80 = """\
mmlu: up to 5,480 of 14,042 questions, 57 subjects, in one random order; prompt
style harness, 5 shots; reference SmolLM2-135M-Instruct F16; source
cais/mmlu@c30699e8

Q8_0: within 1 point of F16, +0.18 points [-0.99, +1.31] after 1,153 questions;
1.9x smaller.
Q4_K_M†: undecided, -1.05 points [-3.94, +1.80]; 2.6x smaller.
Q2_K*: over 1 point below F16, -9.47 points [-17.00, -4.89] after 213 questions;
3.1x smaller.

model     size   bpw accuracy             difference            lost/won asked
──────────────────────────────────────────────────────────────────────────────
F16     271 MB 16.02 41.23 [37.23, 45.33] reference                      5,480
Q8_0    145 MB  8.51 41.40 [37.40, 45.50] +0.18 [-1.58, +1.93]     12/13 1,180
Q4_K_M† 106 MB  6.25 40.18 [36.18, 44.28] -1.05 [-3.67, +1.56]     31/25 5,480
Q2_K*    88 MB  5.21 31.75 [27.75, 35.85] -9.47 [-13.65, -5.27]   104/50   240

         letter            same
model      mass     KLD  answer  questions/s  tokens/s     time   memory
─────────────────────────────────────────────────────────────────────────
F16       0.998                         3.00       649  0:03:10   412 MB
Q8_0      0.998  0.0014   92.11         4.70     1,017  0:02:01   302 MB
Q4_K_M†   0.991  0.0313   82.46         5.72     1,240  0:01:40   260 MB
Q2_K*     0.402  0.4450   44.91         0.15      33.1  1:02:05  1.32 GB

Verdicts hold the loss on all 14,042 questions against 1 point, by a sequential
test that may be looked at after every question: at most 5% of the time is one
of the 3 false. The intervals are confidence sequences (95%), valid wherever one
stops; a difference that stopped early is biased outwards. 78% of the questions
of 4 whole runs were not asked.
accuracy: micro, in %, with its 95% interval; difference: in points, with its
paired 95% interval; lost: right in the reference, wrong here; won: the reverse;
asked: questions answered; bpw: measured bits per weight.
KLD: divergence of the letters' probabilities from the reference's, mean, in
nats (near the reference it does not tell which level is better); same answer: %
of the answers, right or wrong.
Q2_K*: IQ4_NL 62%, Q5_0 30%, Q8_0 8% of the weights.
Q4_K_M† (from Q4_1): made from a file that was lossy already.
Alarm: SmolLM2-135M-Instruct Q2_K: the letters hold only 40% of the probability.
"""


def test_in_the_terminal(stopped):
    assert terminal.draw(stopped) == AT_80


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_longer_than_the_terminal(stopped, width):
    assert max(map(len, terminal.draw(stopped, width).splitlines())) <= max(width, 60)


def test_a_budget_says_what_it_stands_on(stopped):
    text = terminal.draw(replace(stopped, stopping="budget 1180"), 400)
    assert "the reference answered all of them" in text
    assert "roughly 5% of the time is one of the 3 false" in text


def test_in_json_and_csv(stopped):
    tree = json.loads(jsonfile.render(stopped))
    assert (tree["stopping"], tree["n_population"]) == ("verdict", 14_042)
    reference, q8, q4, q2 = tree["models"]
    assert [m["n"] for m in tree["models"]] == [5480, 1180, 5480, 240]
    assert (q8["n_stop"], q2["n_stop"]) == (1153, 213)
    assert reference["n_stop"] is q4["n_stop"] is None
    assert q8["accuracy_macro"] is q8["mcnemar_p"] is q8["detectable"] is None
    assert csvfile.render(stopped).count("\n") == 5


def test_in_markdown(stopped):
    text = markdown.render(stopped)
    assert "| won | asked |" in text
    assert "macro accuracy" not in text
    assert "confidence sequences" in text


def test_in_html(stopped):
    page = html.render(stopped)
    assert '<td data-name="asked" class="narrow">1,180</td>' in page
    assert "macro accuracy" not in page
    assert "after 1,153 questions" in page


def test_whole_runs_have_no_number_of_their_own(comparison):
    assert "asked" not in terminal.draw(comparison)
    assert "stopping" not in json.loads(jsonfile.render(comparison))
