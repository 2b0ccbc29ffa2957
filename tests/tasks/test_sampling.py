import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import sampling
from ggufeval.tasks.source import Source
from ggufeval.types import Design, Question

SUBJECTS = (
    "college_biology",
    "high_school_biology",
    "international_law",
    "professional_law",
    "virology",
)


def questions(subject, n, split=""):
    return tuple(
        Question(f"t/{split}{subject}/{row}", subject, "?", ("a", "b"), 0) for row in range(n)
    )


def make(sizes, n_dev=5, notes=()):
    return Source(
        "t",
        "a test",
        tuple(question for subject, n in sizes.items() for question in questions(subject, n)),
        {subject: questions(subject, n_dev, "dev/") for subject in sizes},
        notes,
    )


def select(source, *, subjects=(), limit=None, sample=None, seed=0, shots=0):
    return sampling.select(
        source, subjects=subjects, limit=limit, sample=sample, seed=seed, shots=shots
    )


def ids(question_set):
    return [question.id.removeprefix("t/") for question in question_set.questions]


XYZ = make({"x": 6, "y": 2, "z": 6})


# --- everything ----------------------------------------------------------------------------


def test_everything():
    result = select(XYZ, seed=7)
    assert result.questions == XYZ.questions
    assert result.design is Design.FULL
    assert result.seed is None
    assert result.population == {"x": 6, "y": 2, "z": 6}
    assert result.shots == {"x": (), "y": (), "z": ()}
    assert (result.task, result.source, result.notes) == ("t", "a test", ())


@pytest.mark.parametrize("n", [14, 15, 10_000])
def test_a_subset_of_all_is_everything(n):
    assert select(XYZ, limit=n, seed=7) == select(XYZ)
    assert select(XYZ, sample=n, seed=7) == select(XYZ)


def test_questions_are_ordered_by_subject_then_row():
    a, b = questions("b", 2), questions("a", 2)
    source = Source("t", "", (a[0], b[0], a[1], b[1]), {})
    assert ids(select(source)) == ["b/0", "b/1", "a/0", "a/1"]


# --- --limit -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "drawn"),
    [
        (3, ["x/0", "y/1", "z/5"]),
        (4, ["x/0", "y/0", "y/1", "z/5"]),
        (8, ["x/0", "x/1", "x/3", "y/0", "y/1", "z/2", "z/4", "z/5"]),
        (13, [f"x/{n}" for n in range(5)] + ["y/0", "y/1"] + [f"z/{n}" for n in range(6)]),
    ],
)
def test_a_limit_draws_the_same_for_ever(limit, drawn):
    result = select(XYZ, limit=limit)
    assert ids(result) == drawn
    assert result.design is Design.STRATIFIED
    assert result.seed == 0
    assert result.population == {"x": 6, "y": 2, "z": 6}


def test_another_seed_draws_others():
    assert ids(select(XYZ, limit=3, seed=1)) == ["x/1", "y/1", "z/1"]


def test_the_rank_is_a_hash_of_seed_and_id():
    rank = {q.id: hashlib.sha256(b"5:" + q.id.encode()).hexdigest() for q in questions("x", 50)}
    result = select(make({"x": 50}), limit=20, seed=5)
    assert {q.id for q in result.questions} == set(sorted(rank, key=rank.__getitem__)[:20])


def test_a_draw_does_not_depend_on_the_order_of_the_source():
    backwards = Source("t", "a test", XYZ.questions[::-1], {})
    for limit in range(3, 14):
        assert set(ids(select(backwards, limit=limit))) == set(ids(select(XYZ, limit=limit)))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_a_larger_limit_contains_the_smaller(seed):
    source = make({"a": 3, "b": 12, "c": 1, "d": 7})
    smaller = set()
    for limit in range(4, 24):
        larger = set(ids(select(source, limit=limit, seed=seed)))
        assert len(larger) == limit
        assert smaller < larger
        smaller = larger


@pytest.mark.parametrize(
    ("limit", "counts"),
    [
        (4, {"a": 1, "b": 1, "c": 1, "d": 1}),
        (10, {"a": 2, "b": 2, "c": 3, "d": 3}),
        (12, {"a": 2, "b": 3, "c": 3, "d": 4}),
        (14, {"a": 2, "b": 4, "c": 4, "d": 4}),
        (28, {"a": 2, "b": 8, "c": 9, "d": 9}),
    ],
)
def test_quotas(limit, counts):
    assert sampling.quotas({"a": 2, "b": 9, "c": 9, "d": 9}, limit, 0) == counts


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 30), min_size=1, max_size=8),
    st.integers(0, 240),
    st.integers(),
)
def test_quotas_are_as_equal_as_can_be(sizes, extra, seed):
    limit = min(len(sizes) + extra, sum(sizes.values()))
    counts = sampling.quotas(sizes, limit, seed)

    assert sum(counts.values()) == limit
    assert all(1 <= counts[subject] <= sizes[subject] for subject in sizes)
    most = max(counts.values())
    assert all(counts[name] >= most - 1 or counts[name] == sizes[name] for name in sizes)


def test_the_seed_picks_who_gets_the_rest():
    sizes = dict.fromkeys("abcdef", 9)
    favoured = {
        tuple(name for name, n in sampling.quotas(sizes, 8, seed).items() if n == 2)
        for seed in range(200)
    }
    assert len(favoured) == 15, "each pair of six"


def test_a_limit_below_the_number_of_subjects():
    with pytest.raises(UsageError) as caught:
        select(XYZ, limit=2)
    assert str(caught.value) == (
        "--limit 2 leaves some of the 3 subjects without a question: the smallest is --limit 3. "
        "Take fewer --subjects, or --sample 2."
    )
    assert ids(select(XYZ, limit=2, subjects=["x", "z"])) == ["x/0", "z/5"]


def test_smaller_subjects_are_told():
    assert select(XYZ, limit=6).notes == ()
    assert select(XYZ, limit=8).notes == (
        "Smaller than the 3 questions that other subjects give: y (2).",
    )


# --- --sample ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "drawn"),
    [(1, ["x/0"]), (2, ["x/0", "z/5"]), (5, ["x/0", "x/1", "x/3", "x/4", "z/5"])],
)
def test_a_sample_draws_the_same_for_ever(sample, drawn):
    result = select(XYZ, sample=sample)
    assert ids(result) == drawn
    assert result.design is Design.RANDOM
    assert result.seed == 0
    assert result.population == {"x": 6, "y": 2, "z": 6}


def test_a_sample_is_fair():
    source = make({"a": 8, "b": 2})
    hits = dict.fromkeys((question.id for question in source.questions), 0)
    for seed in range(2000):
        for question in select(source, sample=3, seed=seed).questions:
            hits[question.id] += 1
    # 600 expected of each, with a standard deviation of 20.
    assert all(520 < n < 680 for n in hits.values()), hits


# --- options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "sample", "shots", "message"),
    [
        (0, None, 5, "--limit must be at least 1, found 0."),
        (None, -3, 5, "--sample must be at least 1, found -3."),
        (None, None, -1, "--shots must be at least 0, found -1."),
        (
            9,
            9,
            5,
            (
                "--limit takes equal numbers from each subject, --sample takes from all questions "
                "alike: give one of them."
            ),
        ),
    ],
)
def test_options_that_cannot_be(limit, sample, shots, message):
    with pytest.raises(UsageError) as caught:
        sampling.check(limit, sample, shots)
    assert str(caught.value) == message


# --- --subjects ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        ["virology", "college_biology"],
        ["virology,college_biology"],
        [" Virology ,, College Biology,"],
        ["college-biology", "VIROLOGY", "college_biology"],
    ],
)
def test_subjects_are_in_the_order_of_the_data(asked):
    assert sampling.pick_subjects(SUBJECTS, asked) == ("college_biology", "virology")


def test_nothing_asked_is_all():
    assert sampling.pick_subjects(SUBJECTS, []) == SUBJECTS


def test_a_comma_in_a_name():
    assert sampling.pick_subjects(("Law, old", "Law", "old"), ["Law, old"]) == ("Law, old",)
    assert sampling.pick_subjects(("Law, old", "Law", "old"), ["Law,old"]) == ("Law", "old")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("virolgy", "There is no subject 'virolgy'. Did you mean virology?"),
        ("law", "There is no subject 'law'. Did you mean international_law, professional_law?"),
        (
            "virology, biology",
            (
                "There is no subject 'biology'. Did you mean virology, college_biology, "
                "high_school_biology?"
            ),
        ),
        (
            "xyz",
            (
                "There is no subject 'xyz' among the 5, such as college_biology, "
                "high_school_biology, international_law, professional_law, virology."
            ),
        ),
        ("", "--subjects names no subject: expected one or more, separated by commas."),
        (" , ", "--subjects names no subject: expected one or more, separated by commas."),
    ],
)
def test_unknown_subjects(asked, message):
    with pytest.raises(UsageError) as caught:
        sampling.pick_subjects(SUBJECTS, [asked])
    assert str(caught.value) == message


def test_the_population_is_that_of_the_subjects_asked_for():
    result = select(make({"x": 6, "y": 2, "z": 6}, notes=("Old.",)), subjects=["z", "x"])
    assert result.population == {"x": 6, "z": 6}
    assert list(result.shots) == ["x", "z"]
    assert result.design is Design.FULL
    assert result.notes == ("Old.", "2 of 3 subjects: x, z.")


# --- shots ---------------------------------------------------------------------------------


def test_shots_are_the_first_dev_questions():
    result = select(XYZ, subjects=["x"], shots=2)
    assert [shot.id for shot in result.shots["x"]] == ["t/dev/x/0", "t/dev/x/1"]


def test_too_few_dev_questions():
    shots = {"x": questions("x", 4, "dev/"), "z": questions("z", 3, "dev/"), "y": ()}
    source = Source("t", "quiz.csv", XYZ.questions, shots)
    with pytest.raises(DataError) as caught:
        select(source, subjects=["x", "z"], shots=5)
    assert str(caught.value) == (
        "quiz.csv: expected 5 dev questions of each subject for the shots, found 3 of z. "
        "Add some, or use --shots 3."
    )
    assert len(select(source, subjects=["x", "z"], shots=3).shots["x"]) == 3
    assert select(source, shots=0).shots == {"x": (), "y": (), "z": ()}


def test_a_subject_that_was_not_drawn_needs_no_shots():
    source = Source("t", "quiz.csv", XYZ.questions, {"x": questions("x", 5, "dev/")})
    result = select(source, sample=1, shots=5)
    assert ids(result) == ["x/0"]
    assert list(result.shots) == ["x"]


def test_questions_with_prompts_of_their_own_need_no_shots():
    source = Source("t", "rows", XYZ.questions, None)
    assert select(source, shots=5).shots == {"x": (), "y": (), "z": ()}


def test_recorded_answers_are_those_of_the_questions_drawn():
    recorded = {"t/x/0": 1, "t/z/5": None, "t/nowhere/0": 0}
    source = Source("t", "rows", XYZ.questions, None, (), recorded)
    assert select(source).recorded == {"t/x/0": 1, "t/z/5": None}
    assert select(source, subjects=["z"]).recorded == {"t/z/5": None}
    assert select(XYZ).recorded == {}


# --- again -------------------------------------------------------------------------------------


def test_again_is_another_order_inside_each_subject():
    again = sampling.shuffled(select(XYZ), 14, 3)
    assert sorted(ids(again)) == sorted(ids(select(XYZ)))
    assert [name[0] for name in ids(again)] == list("xxxxxxyyzzzzzz")
    assert ids(again) != ids(select(XYZ))
    assert again == sampling.shuffled(again, 14, 3)
    assert again.sha256 != select(XYZ).sha256
    assert again.design is Design.FULL


def test_some_of_them_again():
    whole = select(make({"x": 6, "y": 2, "z": 6}, n_dev=2), shots=2)
    some = sampling.shuffled(whole, 5, 3)
    assert set(ids(some)) < set(ids(sampling.shuffled(whole, 6, 3)))
    assert len(ids(some)) == 5
    assert (some.design, some.population) == (Design.RANDOM, whole.population)
    assert some.shots == whole.shots
    stratified = select(XYZ, limit=6)
    assert sampling.shuffled(stratified, 4, 3).design is Design.STRATIFIED
