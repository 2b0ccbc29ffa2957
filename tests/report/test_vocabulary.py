"""The divergence over all tokens, in every report that has it."""

import csv
import io
import json
from dataclasses import fields, replace

import pytest

from ggufeval.report import csvfile, html, jsonfile, markdown, terminal
from ggufeval.report.vocabulary import vocabulary_legend, vocabulary_title
from ggufeval.types import Spread, VocabularyDivergence

AT_80 = """\
Divergence over the whole vocabulary, 100 positions
model               KLD median    90%    99%    max     same top      RMS Δp
────────────────────────────────────────────────────────────────────────────
Q8_0    0.0017 ± 0.0002 0.0013 0.0039 0.0071 0.0080 97.00 ± 1.71 1.21 ± 0.15
Q4_K_M† 0.0313 ± 0.0040 0.0200 0.0600 0.1100 0.1200 90.00 ± 3.02 5.24 ± 0.61
"""
STACKED = """\
Divergence over the whole vocabulary, 100 positions
model        KLD median    90%    99%    max same top RMS Δp
────────────────────────────────────────────────────────────
Q8_0      0.0017 0.0013 0.0039 0.0071 0.0080    97.00   1.21
        ± 0.0002                               ± 1.71 ± 0.15
Q4_K_M†   0.0313 0.0200 0.0600 0.1100 0.1200    90.00   5.24
        ± 0.0040                               ± 3.02 ± 0.61
"""
MARKDOWN = """\
Divergence over the whole vocabulary, 100 positions:

| model | KLD | median | 90% | 99% | max | same top | RMS Δp |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| Q8_0 | 0.0017 ± 0.0002 | 0.0013 | 0.0039 | 0.0071 | 0.0080 | 97.00 ± 1.71 | 1.21 ± 0.15 |
"""
Q8_0 = VocabularyDivergence(
    n=100,
    n_vocab=49_152,
    kld=Spread(
        0.0017, 0.0002, 0.0001, 0.0002, 0.0003, 0.0004, 0.0013, 0.0039, 0.005, 0.0071, 0.0079, 0.008
    ),
    gold_change=Spread(
        -0.001, 0.0012, -0.04, -0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.035, 0.041
    ),
    gold_rms=0.0121,
    gold_rms_standard_error=0.0015,
    same_top=0.97,
    same_top_standard_error=0.0171,
)
Q4_K_M = replace(
    Q8_0,
    kld=replace(
        Q8_0.kld,
        mean=0.0313,
        standard_error=0.004,
        median=0.02,
        p90=0.06,
        p99=0.11,
        maximum=0.12,
    ),
    gold_rms=0.0524,
    gold_rms_standard_error=0.0061,
    same_top=0.9,
    same_top_standard_error=0.0302,
)


def keep(comparison, *found):
    """The comparison with the divergences of its first candidates."""
    missing = [None] * (len(comparison.candidates) - len(found))
    return replace(
        comparison,
        candidates=tuple(
            replace(item, vocabulary=each)
            for item, each in zip(comparison.candidates, [*found, *missing], strict=True)
        ),
    )


@pytest.fixture
def kept(comparison):
    """The third candidate's run has kept nothing."""
    return keep(comparison, Q8_0, Q4_K_M)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_longer_than_the_terminal(kept, width):
    table = terminal.draw(kept, width).partition("Divergence over")[2].partition("\n\n")[0]
    assert "1.21" in table
    assert max(map(len, table.splitlines())) <= width


@pytest.mark.parametrize(("width", "expected"), [(80, AT_80), (60, STACKED)])
def test_in_the_terminal(kept, width, expected):
    assert expected in terminal.draw(kept, width)


def test_every_term_is_explained(kept):
    for text in (terminal.draw(kept), markdown.render(kept), html.render(kept)):
        assert "49,152 tokens" in text
        assert "RMS Δp: root" in " ".join(text.split())


def test_where_runs_lack_it_nothing_is_said(comparison):
    for text in (terminal.draw(comparison), markdown.render(comparison), html.render(comparison)):
        assert "ocabulary" not in text
    assert "vocabulary" not in jsonfile.render(comparison)
    assert "vocabulary" not in csvfile.render(comparison)
    assert vocabulary_title(comparison) == vocabulary_legend(comparison) == ""


def test_levels_with_other_numbers_of_positions(comparison):
    title = vocabulary_title(keep(comparison, replace(Q8_0, n=31), Q4_K_M))
    assert title == "Divergence over the whole vocabulary, 31 to 100 positions"
    assert vocabulary_title(keep(comparison, replace(Q8_0, n=1))).endswith(", 1 position")


def test_markdown(kept):
    assert MARKDOWN in markdown.render(kept)


def test_html(kept):
    page = html.render(kept).partition("<h2>Divergence over the whole vocabulary, 100 positions")[2]
    section = page.partition("</section>")[0]
    assert '<td data-name="KLD" class="wide">0.0017 ± 0.0002</td>' in section
    assert '<td data-name="max">0.1200</td>' in section
    assert section.count('<tr><th scope="row">') == 2


def test_json_has_every_figure(kept, schema):
    tree = json.loads(jsonfile.render(kept))
    schema.validate(tree)
    reference, q8_0, _, q2_k = tree["models"]
    for field in fields(Spread):
        assert q8_0[f"vocabulary_kld_{field.name}"] == getattr(Q8_0.kld, field.name)
        assert q8_0[f"vocabulary_delta_p_{field.name}"] == getattr(Q8_0.gold_change, field.name)
    assert q8_0["vocabulary_n"] == 100
    assert q8_0["vocabulary_n_vocab"] == 49_152
    assert q8_0["vocabulary_rms_delta_p"] == 0.0121
    assert q8_0["vocabulary_same_top_standard_error"] == 0.0171
    assert reference["vocabulary_n"] is q2_k["vocabulary_kld_mean"] is None


def test_csv_has_the_same(kept):
    lines = list(csv.DictReader(io.StringIO(csvfile.render(kept))))
    models = json.loads(jsonfile.render(kept))["models"]
    names = [name for name in models[1] if name.startswith("vocabulary_")]
    assert len(names) == 2 * len(fields(Spread)) + 6
    for line, model in zip(lines, models, strict=True):
        assert [line[name] for name in names] == [
            "" if model[name] is None else str(model[name]) for name in names
        ]
