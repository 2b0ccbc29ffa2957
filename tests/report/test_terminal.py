"""The tables against literal output at fixed widths, as a terminal would show them."""

import io
import math
from dataclasses import replace

import pytest

from ggufeval.report import terminal
from ggufeval.types import Design, Estimate, Positions

AT_80 = """\
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; prompt style
harness, 5 shots; reference SmolLM2-135M-Instruct F16; source cais/mmlu@c30699e8

Q8_0: undecided, +0.18 points [-1.82, +2.19]; 1.9x smaller.
Q4_K_M†: undecided, -1.05 points [-3.94, +1.80]; 2.6x smaller.
Q2_K*: over 1 point below F16, -9.47 points [-14.04, -4.89]; 3.1x smaller.

model     size   bpw accuracy             difference            lost/won     p
──────────────────────────────────────────────────────────────────────────────
F16     271 MB 16.02 41.23 [37.23, 45.33] reference
Q8_0    145 MB  8.51 41.40 [37.40, 45.50] +0.18 [-1.58, +1.93]     12/13 0.859
Q4_K_M† 106 MB  6.25 40.18 [36.18, 44.28] -1.05 [-3.67, +1.56]     31/25 0.859
Q2_K*    88 MB  5.21 31.75 [27.75, 35.85] -9.47 [-13.65, -5.27]   104/50 <.001

                             letter          same
model   macro accuracy         mass    KLD answer questions/s    time  memory
─────────────────────────────────────────────────────────────────────────────
F16     41.23 [37.23, 45.23]  0.998                      3.00 0:03:10  412 MB
Q8_0    41.40 [37.40, 45.40]  0.998 0.0014  92.11        4.70 0:02:01  302 MB
Q4_K_M† 40.18 [36.18, 44.18]  0.991 0.0313  82.46        5.72 0:01:40  260 MB
Q2_K*   31.75 [27.75, 35.75]  0.402 0.4450  44.91        0.15 1:02:05 1.32 GB

Verdicts hold the loss on questions like these against 1 point, with 96.67%
intervals; roughly 5% of the time is one of the 3 false. The smallest margin
that 570 questions could have cleared, with as many flips and no loss: 2.01
(Q8_0), 2.87 (Q4_K_M†), 4.65 (Q2_K*) points.
accuracy: micro, in %, with its 95% interval; difference: in points, with its
paired 95% interval; lost: right in the reference, wrong here; won: the reverse;
p: mid-p McNemar, Holm-corrected; bpw: measured bits per weight.
KLD: divergence of the letters' probabilities from the reference's, mean, in
nats (near the reference it does not tell which level is better); same answer: %
of the answers, right or wrong.
Q2_K*: IQ4_NL 62%, Q5_0 30%, Q8_0 8% of the weights.
Q4_K_M† (from Q4_1): made from a file that was lossy already.
Alarm: SmolLM2-135M-Instruct Q2_K: the letters hold only 40% of the probability.
"""

AT_60 = """\
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject;
prompt style harness, 5 shots; reference
SmolLM2-135M-Instruct F16; source cais/mmlu@c30699e8

Q8_0: undecided, +0.18 points [-1.82, +2.19]; 1.9x smaller.
Q4_K_M†: undecided, -1.05 points [-3.94, +1.80]; 2.6x
smaller.
Q2_K*: over 1 point below F16, -9.47 points [-14.04, -4.89];
3.1x smaller.

           size                                   lost/won
model       bpw  accuracy        difference              p
───────────────────────────────────────────────────────────
F16      271 MB  41.23           reference
          16.02  [37.23, 45.33]
Q8_0     145 MB  41.40           +0.18               12/13
           8.51  [37.40, 45.50]  [-1.58, +1.93]      0.859
Q4_K_M†  106 MB  40.18           -1.05               31/25
           6.25  [36.18, 44.28]  [-3.67, +1.56]      0.859
Q2_K*     88 MB  31.75           -9.47              104/50
           5.21  [27.75, 35.85]  [-13.65, -5.27]     <.001

        macro          letter    KLD questions/s    time
model   accuracy         mass   same    tokens/s  memory
────────────────────────────────────────────────────────
F16     41.23           0.998               3.00 0:03:10
        [37.23, 45.23]                       649  412 MB
Q8_0    41.40           0.998 0.0014        4.70 0:02:01
        [37.40, 45.40]         92.11       1,017  302 MB
Q4_K_M† 40.18           0.991 0.0313        5.72 0:01:40
        [36.18, 44.18]         82.46       1,240  260 MB
Q2_K*   31.75           0.402 0.4450        0.15 1:02:05
        [27.75, 35.75]         44.91        33.1 1.32 GB

Verdicts hold the loss on questions like these against 1
point, with 96.67% intervals; roughly 5% of the time is one
of the 3 false. The smallest margin that 570 questions could
have cleared, with as many flips and no loss: 2.01 (Q8_0),
2.87 (Q4_K_M†), 4.65 (Q2_K*) points.
accuracy: micro, in %, with its 95% interval; difference: in
points, with its paired 95% interval; lost: right in the
reference, wrong here; won: the reverse; p: mid-p McNemar,
Holm-corrected; bpw: measured bits per weight.
KLD: divergence of the letters' probabilities from the
reference's, mean, in nats (near the reference it does not
tell which level is better); same answer: % of the answers,
right or wrong.
Q2_K*: IQ4_NL 62%, Q5_0 30%, Q8_0 8% of the weights.
Q4_K_M† (from Q4_1): made from a file that was lossy
already.
Alarm: SmolLM2-135M-Instruct Q2_K: the letters hold only 40%
of the probability.
"""

SINGLE = """\
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; prompt style
harness, 5 shots; model SmolLM2-135M-Instruct F16; source cais/mmlu@c30699e8

model                        size    bpw  accuracy
───────────────────────────────────────────────────────────────
SmolLM2-135M-Instruct F16  271 MB  16.02  41.23 [37.23, 45.33]

                           macro           letter  questions/s     time
model                      accuracy          mass     tokens/s   memory
────────────────────────────────────────────────────────────────────────
SmolLM2-135M-Instruct F16  41.23            0.998         3.00  0:03:10
                           [37.23, 45.23]                  649   412 MB

accuracy: micro, in %, with its 95% interval; bpw: measured bits per weight.
"""

AT_CHANCE = """\
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; prompt style
harness, 5 shots; reference SmolLM2-135M-Instruct F16; source cais/mmlu@c30699e8

Reference at chance: F16 scores 25.61% [22.19, 29.35] where guessing scores
25.00%, so these questions cannot show what a quantization costs.

model     size   bpw accuracy             difference            lost/won p
──────────────────────────────────────────────────────────────────────────
F16     271 MB 16.02 25.61 [22.19, 29.35] reference
Q8_0    145 MB  8.51 41.40 [37.40, 45.50] +0.18 [-1.58, +1.93]     12/13 -
Q4_K_M† 106 MB  6.25 40.18 [36.18, 44.28] -1.05 [-3.67, +1.56]     31/25 -
"""

POSITIONS = """\
Position of the right choice
model        A      B      C      D   mean   same
──────────────────────────────────────────────────
F16      45.23  43.23  41.23  39.23  41.23  50.00
Q8_0     45.40  43.40  41.40  39.40  41.40  40.00
Q4_K_M†  44.18  42.18  40.18  38.18  40.18  30.00
Q2_K*    35.75  33.75  31.75  29.75  31.75  20.00

Verdicts hold the loss on questions like these against 1 point, with 96.67%
intervals; roughly 5% of the time is one of the 3 false. The smallest margin
that 570 questions could have cleared, with as many flips and no loss: 2.01
(Q8_0), 2.87 (Q4_K_M†), 4.65 (Q2_K*) points.
accuracy: micro, in %, with its 95% interval; difference: in points, with its
paired 95% interval; lost: right in the reference, wrong here; won: the reverse;
p: mid-p McNemar (-: a question's rotations depend on one another); bpw:
measured bits per weight.
KLD: divergence of the letters' probabilities from the reference's, mean, in
nats (near the reference it does not tell which level is better); same answer: %
of the answers, right or wrong.
A to D: accuracy, in %, where the right choice stands there; mean: over a
question's rotations; same: % of the questions that are answered alike in every
rotation; lost and won count answers, one a rotation.
"""

TEN_POSITIONS_AT_60 = """\
Position of the right choice
             A      B      C      D      E
model        F      G      H      I      J   mean   same
─────────────────────────────────────────────────────────
F16      51.23  49.23  47.23  45.23  43.23  41.23  50.00
         41.23  39.23  37.23  35.23  33.23
"""

Q2_K_IN_COLOR = (
    "Q2_K*    88 MB  5.21 31.75 \x1b[2m[27.75, 35.85]\x1b[0m "
    "\x1b[31m-9.47\x1b[0m \x1b[2m[-13.65, -5.27]\x1b[0m   104/50 <.001\n"
)


class Stream(io.StringIO):
    """A terminal or a pipe."""

    def __init__(self, *, tty=True):
        super().__init__()
        self._tty = tty

    def isatty(self):
        return self._tty


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_80_columns(comparison):
    assert terminal.draw(comparison) == AT_80


def test_60_columns_stack_the_cells(comparison):
    assert terminal.draw(comparison, 60) == AT_60


def test_a_single_run_has_no_differences(single):
    assert terminal.draw(single) == SINGLE


def test_a_reference_at_chance_says_so_and_shows_no_p(at_chance):
    assert terminal.draw(at_chance).startswith(AT_CHANCE)


def test_nothing_is_toned_where_the_reference_is_at_chance(at_chance):
    assert "\x1b[31m" not in terminal.draw(at_chance, color=True)


def test_color(comparison):
    assert Q2_K_IN_COLOR in terminal.draw(comparison, color=True)


@pytest.mark.parametrize("width", [60, 72, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(comparison, width):
    text = terminal.draw(comparison, width)
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", [1, 20, 40])
def test_a_number_is_never_cropped(comparison, width):
    text = terminal.draw(comparison, width)
    for number in ("[-13.65, -5.27]", "1:02:05", "1.32 GB", "104/50", "16.02"):
        assert number in text


def test_long_names_are_folded(comparison, rename):
    names = [f"{letter * 50} model" for letter in "abcd"]
    text = terminal.draw(rename(comparison, *names), 60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert text.count("a") >= 50
    assert "[-13.65, -5.27]" in text


def test_rendered_for_a_file_it_is_plain(comparison):
    assert terminal.render(comparison) == AT_80


def test_rendered_for_a_terminal_it_has_color(comparison):
    assert Q2_K_IN_COLOR in terminal.render(comparison, (), Stream())


@pytest.mark.parametrize("name", ["NO_COLOR", "pipe", "dumb"])
def test_without_color(comparison, monkeypatch, name):
    if name == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    if name == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    assert terminal.render(comparison, (), Stream(tty=name != "pipe")) == AT_80


def test_the_environment_decides_on_the_width(comparison, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal.render(comparison, (), Stream(tty=False)) == AT_60


@pytest.mark.parametrize("name", ["FORCE_COLOR", "JUPYTER_COLUMNS", "TTY_COMPATIBLE"])
def test_what_rich_reads_from_the_environment_is_ignored(comparison, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert terminal.draw(comparison) == AT_80


def test_hostile_labels(comparison, rename):
    labels = ["\x1b[31mred", "[bold]markup[/] :smile:", "two\nlines\u202e", "\udcff surrogate"]
    hostile = replace(rename(comparison, *labels), alarms=("\x1b]0;title\x07 \x9b2J",))
    text = terminal.draw(hostile, 200)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    for shown in (r"\x1b[31mred", "[bold]markup[/] :smile:", r"two\nlines\u202e", r"\udcff sur"):
        assert shown in text
    assert r"Alarm: \x1b]0;title\x07 \x9b2J" in text


def test_huge_and_tiny_numbers(comparison):
    huge = replace(
        comparison.reference,
        run=replace(
            comparison.reference.run,
            seconds=4e6,
            peak_rss_bytes=10**13,
            model=replace(comparison.reference.run.model, size_bytes=7 * 10**11),
        ),
        micro=Estimate(1.0, 0.99999, 1.0),
        letter_mass=1e-12,
        questions_per_second=1e-6,
        tokens_per_second=1e9,
    )
    text = terminal.draw(replace(comparison, reference=huge), 60)
    assert max(len(line) for line in text.splitlines()) <= 66
    for shown in ("700 GB", "100.00", "<.001", "<0.01", "1,000,000,000", "1,111:06:40", "10.0 TB"):
        assert shown in text


def test_a_full_run_is_exact(comparison):
    score = replace(comparison.reference, micro=Estimate(0.4, 0.4, 0.4))
    full = replace(comparison, reference=score, design=Design.FULL, n_population=570)
    text = terminal.draw(full)
    assert "40.00 (exact)" in text
    assert "\nexact: every question was asked" in text


def test_texts_have_no_letter_mass(sampled):
    text = terminal.draw(sampled)
    assert "model    macro accuracy        questions/s  tokens/s     time   memory\n" in text
    assert "mass" not in text
    assert "nan" not in text


def test_one_model_with_a_letter_mass_keeps_the_column(comparison):
    unknown = replace(comparison.reference, letter_mass=math.nan)
    text = terminal.draw(replace(comparison, reference=unknown))
    assert "\nF16     41.23 [37.23, 45.23]      -                      3.00 0:03:10" in text


def test_positions_of_the_right_choice(comparison, rotate):
    text = terminal.draw(rotate(comparison))
    assert POSITIONS in text
    assert "+0.18 [-1.58, +1.93]     12/13 -\n" in text
    assert "every rotation of the choices; reference SmolLM2-135M-Instruct" in text


def test_ten_positions_share_columns_where_it_is_narrow(comparison, rotate):
    assert TEN_POSITIONS_AT_60 in terminal.draw(rotate(comparison, 10), 60)


@pytest.mark.parametrize("n", range(2, 11))
@pytest.mark.parametrize("width", [60, 80, 200])
def test_positions_fit(comparison, rotate, n, width):
    text = terminal.draw(rotate(comparison, n), width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_position_that_was_not_asked(single):
    nothing = Estimate(math.nan, math.nan, math.nan)
    positions = Positions((Estimate(0.5, 0.4, 0.6), nothing), nothing)
    text = terminal.draw(replace(single, reference=replace(single.reference, positions=positions)))
    assert "\nSmolLM2-135M-Instruct F16  50.00  -  41.23     -\n" in text


def test_a_wide_terminal_has_both_speeds(comparison):
    heads = [line for line in terminal.draw(comparison, 100).splitlines() if "time" in line]
    assert " ".join(heads[0].split()) == (
        "model macro accuracy mass KLD answer questions/s tokens/s time memory"
    )


def test_some_candidates_without_a_divergence(comparison):
    first, *rest = comparison.candidates
    some = replace(comparison, candidates=(replace(first, divergence=None), *rest))
    assert "\nQ8_0    41.40 [37.40, 45.40]  0.998                      4.70" in terminal.draw(some)


def test_verdicts_have_tones(comparison):
    assert "\x1b[31mQ2_K*: over 1 point below F16" in terminal.draw(comparison, color=True)


def test_why_there_is_no_verdict(unjudged):
    text = terminal.draw(unjudged, color=True)
    assert "\x1b[33mNo verdict: the runs differ.\x1b[0m\n" in text
    assert "undecided" not in text
