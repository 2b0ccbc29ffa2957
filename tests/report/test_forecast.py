"""What a dry run says, against literal output."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ggufeval.report import forecast as report
from ggufeval.types import (
    Design,
    Disk,
    FamilyForecast,
    Forecast,
    LevelForecast,
    Origin,
    Pace,
    Surety,
)

NAME = "Llama-3.2-1B-Instruct"
HERE = FamilyForecast(
    (
        LevelForecast(
            f"{NAME} F16", Origin.HERE, size_bytes=2_480_000_000, run_id="3fa9c1d2e8b0",
            is_finished=True, seconds=0.0, memory_bytes=2_810_000_000,
            memory_surety=Surety.EXACT,
        ),
        LevelForecast(
            f"{NAME} Q8_0", Origin.HERE, size_bytes=1_320_000_000, run_id="77ab01c9d4e2",
            n_tokens=41_200, seconds=343.3, pace=Pace(120.0, run_id="77ab01c9d4e2"),
            memory_bytes=1_650_000_000, memory_surety=Surety.EXACT,
        ),
        LevelForecast(
            f"{NAME} Q4_K_M", Origin.FETCHED, size_bytes=808_000_000, to_fetch=808_000_000,
            n_tokens=82_556, seconds=688.0, pace=Pace(120.0, of=f"{NAME} Q8_0"),
            memory_bytes=1_140_000_000, memory_surety=Surety.ABOUT,
        ),
        LevelForecast(
            f"{NAME} Q2_K", Origin.MADE, base=f"{NAME} F16", size_bytes=581_000_000,
            n_tokens=82_556, seconds=688.0, pace=Pace(120.0, of=f"{NAME} Q8_0"),
            memory_bytes=911_000_000, memory_surety=Surety.ABOUT,
        ),
    ),
    82_556,
    Surety.EXACT,
    ((0.02, 0.0201), (0.07, 0.0321), (0.18, 0.0489)),
)  # fmt: skip
FORECAST = Forecast(
    "mmlu", "cais/mmlu@c30699e8", Design.STRATIFIED, 570, 14_042, 57, "mmlu", 5, "letter", (HERE,),
    (Disk("/home/me/.cache", 1_389_000_000, 61_200_000_000),), 8_200_000_000, 5_100_000_000, 0.01,
    0.05,
)  # fmt: skip
AT_80 = """\
Dry run: nothing is downloaded, quantized or stored.
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; prompt style mmlu, 5
shots; source cais/mmlu@c30699e8

Llama-3.2-1B-Instruct
level   what happens                         tokens     time         memory
────────────────────────────────────────────────────────────────────────────
F16     on disk; finished: run 3fa9c1d2e8b0       -        -        2.81 GB
Q8_0    on disk; begun: run 77ab01c9d4e2     41,200  0:05:43        1.65 GB
Q4_K_M  download 808 MB                      82,556  0:11:28  about 1.14 GB
Q2_K    made from F16, 581 MB                82,556  0:11:28   about 911 MB

Download: 808 MB in all.
Disk: about 1.39 GB needed, 61.2 GB free in /home/me/.cache.
Tokens to decode: 206,312 in all.
Time: about 0:28:39 in all on this machine, beside downloading and quantizing.
As in run 77ab01c9d4e2: Q8_0, 120 tokens/s. Taken to be as fast as Q8_0: Q4_K_M;
Q2_K.
Memory: 1.65 GB for the largest level (one runs at a time); this machine has
8.20 GB, 5.10 GB of them available.
What it could show: that a level which flips 2% of the answers between right and
wrong, and loses none on balance, loses no more than 2.01 points on questions
like these; with 7% 3.21, with 18% 4.89 points (570 questions, 3 levels against
a reference, alpha 0.05). None of it reaches --margin 1: ask more questions, or
widen it.
"""
AWAY = FamilyForecast(
    (
        LevelForecast(
            f"{NAME} Q4_K_M", Origin.FETCHED, size_bytes=808_000_000, to_fetch=808_000_000,
            n_tokens=86_123, memory_bytes=808_000_000,
        ),
        LevelForecast(
            f"{NAME} Q2_K", Origin.MADE, base=f"{NAME} F16", to_fetch=2_480_000_000, n_tokens=86_123
        ),
    ),
    86_123,
    Surety.ABOUT,
    ((0.02, 0.0101), (0.07, 0.0321), (0.18, 0.0489)),
)  # fmt: skip
NOTHING_HERE = """\
Dry run: nothing is downloaded, quantized or stored.
mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; prompt style mmlu, 5
shots; source cais/mmlu@c30699e8

Llama-3.2-1B-Instruct
level   what happens                            tokens  time       memory
──────────────────────────────────────────────────────────────────────────
Q4_K_M  download 808 MB                   about 86,000     ?  over 808 MB
Q2_K    made from F16 (download 2.48 GB)  about 86,000     ?            ?

Download: 3.29 GB in all.
Disk: over 3.29 GB needed, 2.00 GB free in /home/me/.cache. Too little: make
room, or set HF_HOME and GGUFEVAL_CACHE to another disk.
How large Llama-3.2-1B-Instruct Q2_K will be is not known before what it is made
from is here.
Tokens to decode: about 170,000 in all, by the length of the texts.
Time: not known before a file is here, on which the speed of this machine can be
measured.
Memory: over 808 MB for the largest level (one runs at a time); this machine has
8.20 GB, 5.10 GB of them available.
What it could show: that a level which flips 2% of the answers between right and
wrong, and loses none on balance, loses no more than 1.01 points on questions
like these; with 7% 3.21, with 18% 4.89 points (570 questions, 1 level against a
reference, alpha 0.05). None of it reaches --margin 1: ask more questions, or
widen it.
"""


def test_at_80_columns():
    assert report.draw(FORECAST, 80) == AT_80


def test_where_no_file_is_here():
    disk = Disk("/home/me/.cache", 3_288_000_000, 2_000_000_000, Surety.LEAST)
    assert report.draw(replace(FORECAST, families=(AWAY,), disks=(disk,))) == NOTHING_HERE


def test_all_finished():
    done = replace(HERE, levels=(HERE.levels[0],), detectable=())
    text = report.draw(replace(FORECAST, families=(done,), disks=()))
    assert "Time: none, all of it is finished." in text
    assert "Disk: nothing is written but the results." in text
    assert "What it could show" not in text


def test_how_long_texts_will_be_is_not_known():
    text = report.draw(replace(FORECAST, families=(AWAY,), read="sample"))
    assert "mmlu, 5 shots; read by sample;" in " ".join(text.split())
    assert "Time: not known: how long the texts will be" in text


def test_a_level_that_would_fail_says_why():
    broken = replace(HERE.levels[0], run_id="", trouble="m.gguf: a web\x1b page.")
    family = replace(HERE, levels=(broken, HERE.levels[1]))
    text = report.draw(replace(FORECAST, families=(family,)))
    assert "on disk; would fail" in text
    assert "Alarm: m.gguf: a web\\x1b page." in text


def test_labels_that_share_nothing_stand_whole():
    family = replace(HERE, levels=(replace(HERE.levels[0], label="tiny"), HERE.levels[1]))
    text = report.draw(replace(FORECAST, families=(family,)))
    assert f"\n{NAME} Q8_0 " in text


@pytest.mark.parametrize("width", [60, 72, 140])
def test_no_line_is_longer_than_the_terminal(width):
    assert max(map(len, report.draw(FORECAST, width).splitlines())) <= width


def test_json_has_every_field():
    tree = json.loads(report.to_json(FORECAST))
    assert tree["schema"] == 1
    assert tree["n_questions"] == 570
    (family,) = tree["families"]
    assert family["detectable"][0] == [0.02, 0.0201]
    assert [level["origin"] for level in family["levels"]] == ["here", "here", "fetched", "made"]
    assert family["levels"][1]["pace"] == {
        "per_second": 120.0, "run_id": "77ab01c9d4e2", "of": "", "spread": None,
    }  # fmt: skip


def test_how_far_times_may_be_off_is_said():
    second = replace(HERE.levels[1], between=(300.0, 420.0))
    text = " ".join(
        report.draw(replace(FORECAST, families=(replace(HERE, levels=(second,)),))).split()
    )
    assert "Time: about 0:05:43 in all (0:05:00 to 0:07:00) on this machine." in text
    assert "Q8_0, 120 tokens/s (0:05:00 to 0:07:00)." in text
    mixed = replace(HERE, levels=(second, replace(HERE.levels[2])))
    assert "in all on this machine" in " ".join(
        report.draw(replace(FORECAST, families=(mixed,))).split()
    )


def test_an_estimate_compares_nothing():
    text = report.draw(replace(FORECAST, alpha=0.0, families=(replace(HERE, detectable=()),)))
    assert text.startswith("Estimate: nothing is downloaded, quantized or stored.")
    done = replace(HERE, levels=(HERE.levels[0],), detectable=())
    text = report.draw(replace(FORECAST, alpha=0.0, families=(done,)))
    assert "Time: none, all of it is finished.\n" in text


def test_a_limit_on_memory_is_named():
    text = report.draw(replace(FORECAST, memory_total=2_000_000_000, memory_is_limit=True))
    said = (
        "Memory: 1.65 GB for the largest level (one runs at a time); --memory-limit allows 2.00 GB."
    )
    assert said in " ".join(text.split())
