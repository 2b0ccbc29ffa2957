"""Names beside dots: none hides another."""

from hypothesis import given
from hypothesis import strategies as st

from ggufeval.report.plots import names
from ggufeval.report.plots.names import PLACES, place_names, short


def datum(model, x, accuracy, half=1.0):
    return {
        "short": model, "x": x, "accuracy": accuracy, "low": accuracy - half,
        "high": accuracy + half,
    }  # fmt: skip


def test_alone_it_stands_right_of_its_dot():
    far = [datum("Q2_K", 0.0, 40.0), datum("F16", 10.0, 60.0)]
    assert place_names(far, [-5.0, 15.0]) == ["right above", "right above"]


def test_at_the_edge_it_stands_left():
    assert place_names([datum("Q2_K", 0.0, 40.0), datum("F16", 10.0, 60.0)], [-1, 11]) == [
        "right above",
        "left above",
    ]


def test_a_neighbour_is_not_hidden():
    near = [datum("Q4_0", 4.0, 50.0), datum("Q4_K_M", 4.4, 50.0)]
    first, second = place_names(near, [0, 8])
    assert second == "right above"
    assert first.startswith("left")


def test_of_a_long_name_the_end_is_shown():
    assert short("Q4_K_M") == "Q4_K_M"
    assert short("qwen2.5-coder-1.5b-instruct Q4_K_M") == "\u2026.5b-instruct Q4_K_M"
    assert len(short("x" * 80)) == 20


def test_what_finds_no_room_is_left_out():
    crowd = [datum("A-long-name", 4.0, 50.0) for _ in range(20)]
    found = place_names(crowd, [0, 8])
    assert 1 <= sum(map(bool, found)) < 20


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.floats(20, 80), st.floats(0, 5), st.integers(1, 12)),
        min_size=1,
        max_size=9,
    )
)
def test_no_two_names_meet(found):
    data = [datum("x" * n, x, accuracy, half) for x, accuracy, half, n in found]
    reach = [-1.0, 11.0]
    chosen = place_names(data, reach)
    top, bottom = max(d["high"] for d in data), min(d["low"] for d in data)
    boxes = []
    for one, name in zip(data, chosen, strict=True):
        if name:
            place = PLACES[name]
            x = (one["x"] - reach[0]) / 12 * names._WIDTH
            y = (top - one[place.field]) / ((top - bottom) or 1.0) * names._HEIGHT
            boxes.append(names._box(place, x, y, len(one["short"])))
    for i, box in enumerate(boxes):
        assert box.left >= 0
        assert box.right <= names._WIDTH
        assert not any(box.meets(other) for other in boxes[:i])
