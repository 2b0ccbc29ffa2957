"""What one calls a repository's models, and what is found in its list of files."""

import pytest

from ggufeval.catalog.repository import HubFile, HubModel, HubName, Listing, models, parse
from ggufeval.errors import ModelError

REPO = "bartowski/Llama-3.2-1B-Instruct-GGUF"
FILE = "Llama-3.2-1B-Instruct-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (REPO, HubName(REPO)),
        (f"{REPO}/", HubName(REPO)),
        (f"{REPO}:q4_k_m", HubName(REPO, quantization="Q4_K_M")),
        (f"{REPO}:UD-Q4_K_XL", HubName(REPO, quantization="UD-Q4_K_XL")),
        (f"{REPO}/{FILE}", HubName(REPO, FILE)),
        (f"{REPO}/BF16/m-00001-of-00002.gguf", HubName(REPO, "BF16/m-00001-of-00002.gguf")),
        (f"{REPO}/m.GGUF", HubName(REPO, "m.GGUF")),
    ],
)
def test_names(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "site",
    [
        "https://huggingface.co/",
        "http://huggingface.co/",
        "https://www.huggingface.co/",
        "huggingface.co/",
        "https://hf.co/",
        "hf.co/",
        "hf://",
        "hf://models/",
    ],
)
@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", HubName(REPO)),
        (":Q8_0", HubName(REPO, quantization="Q8_0")),
        ("/tree/main", HubName(REPO)),
        ("/tree/main?show_file_info=a.gguf", HubName(REPO)),
        (f"/blob/main/{FILE}", HubName(REPO, FILE)),
        (f"/resolve/main/{FILE}?download=true", HubName(REPO, FILE)),
        (f"/resolve/067b946cf0/BF16/{FILE}#top", HubName(REPO, f"BF16/{FILE}")),
    ],
)
def test_addresses_of_a_browser(site, rest, expected):
    assert parse(f"{site}{REPO}{rest}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name:Q4_K_M",
        "m.gguf",
        "./a/b.gguf",
        "../a/b.gguf",
        "/a/b.gguf",
        "/a/b/c.gguf",
        "~/models/m.gguf",
        "a/b.gguf",
        r"C:\models\m.gguf",
        "C:/a/b.gguf",
        r"a\b\c.gguf",
        "a/b/c.safetensors",
        "a/b/c.gguf:Q4_K_M",
        "a/b c",
        "https://example.com/a/b",
    ],
)
def test_what_only_can_be_a_path(text):
    assert parse(text) is None


def listed(*names):
    return models("o/r", [HubFile(name, 10, "") for name in names])


def found(*names):
    return [(model.name, model.quantization, len(model.files)) for model in listed(*names)]


def test_a_repository_as_they_mostly_are():
    assert found(
        ".gitattributes",
        "README.md",
        "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
        "Llama-3.2-1B-Instruct-Q6_K_L.gguf",
        "Llama-3.2-1B-Instruct-UD-Q4_K_XL.gguf",
        "Llama-3.2-1B-Instruct-f16.gguf",
        "Llama-3.2-1B-Instruct.imatrix",
        "Llama-3.2-1B-Instruct-imatrix.gguf",
        "mmproj-Llama-3.2-1B-Instruct-f16.gguf",
        "model.safetensors",
    ) == [
        ("Llama-3.2-1B-Instruct", "Q4_K_M", 1),
        ("Llama-3.2-1B-Instruct", "Q6_K_L", 1),
        ("Llama-3.2-1B-Instruct", "UD-Q4_K_XL", 1),
        ("Llama-3.2-1B-Instruct", "F16", 1),
    ]


def test_all_parts_are_one_model():
    (model,) = listed("m-Q8_0-00002-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf")
    assert (model.name, model.quantization, model.size_bytes) == ("m", "Q8_0", 20)
    assert [file.name for file in model.files] == [
        "m-Q8_0-00001-of-00002.gguf",
        "m-Q8_0-00002-of-00002.gguf",
    ]


@pytest.mark.parametrize("number", [1, 2])
def test_a_model_that_lacks_a_part_is_none(number):
    assert found("m-F16.gguf", f"m-Q8_0-0000{number}-of-00002.gguf") == [("m", "F16", 1)]


def test_a_folder_tells_the_quantization():
    assert found("BF16/m-00001-of-00002.gguf", "BF16/m-00002-of-00002.gguf", "Q4_0/m.gguf") == [
        ("m", "BF16", 2),
        ("m", "Q4_0", 1),
    ]


def test_a_file_without_a_name_takes_that_of_its_folder_or_of_the_repository():
    assert found("m/Q8_0.gguf", "Q8_0.gguf") == [("r", "Q8_0", 1), ("m", "Q8_0", 1)]


def test_parts_in_two_folders_are_not_of_one_model():
    assert found("a/m-00001-of-00002.gguf", "b/m-00002-of-00002.gguf") == []


def listing(*names, absence=""):
    found = tuple(
        HubModel((HubFile(f"m-{name}.gguf", size, ""),), "m", name)
        for size, name in enumerate(names, 1)
    )
    return Listing("o/r", "0" * 40, found, absence)


def test_quantizations_come_the_largest_first_and_once():
    assert listing("Q2_K", "Q8_0", "F16", "Q8_0").quantizations == ("Q8_0", "F16", "Q2_K")


def test_a_level_in_any_case():
    assert listing("Q2_K", "Q8_0").of("q8_0").quantization == "Q8_0"
    assert listing("Q2_K").of("Q8_0") is None


def test_a_level_that_two_models_have():
    two = Listing("o/r", "0" * 40, listed("a-Q4_0.gguf", "b-Q4_0.gguf"))
    with pytest.raises(ModelError) as caught:
        two.of("Q4_0")
    assert str(caught.value) == (
        "o/r has 2 models of Q4_0: a-Q4_0.gguf, b-Q4_0.gguf. Name the file: o/r/a-Q4_0.gguf"
    )


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("F32", "BF16", "F16"), "F16"),
        (("F32", "BF16", "Q8_0"), "BF16"),
        (("Q8_0", "F32"), "F32"),
    ],
)
def test_what_levels_are_made_from(names, best):
    assert listing(*names).full_precision().quantization == best


def test_a_repository_without_full_precision():
    assert listing("Q8_0", "Q4_0").full_precision() is None


def test_any_part_stands_for_its_model():
    names = ("m-F16.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")
    split = Listing("o/r", "0" * 40, listed(*names))
    assert split.file(names[2]).files[0].name == names[1]


@pytest.mark.parametrize(("absence", "where"), [("", ""), ("nobody answers", " (nobody answers)")])
def test_no_such_file_tells_the_nearest(absence, where):
    with pytest.raises(ModelError) as caught:
        listing("F16", "Q8_0", absence=absence).file("m-Q8.gguf")
    assert str(caught.value).startswith(f"o/r has no file 'm-Q8.gguf'{where}. It has m-Q8_0.gguf")


def test_what_there_is_to_choose_from():
    assert listing("Q2_K", "F16").offers == "F16, Q2_K"
    assert Listing("o/r", "0" * 40, listed("model.gguf", "other.gguf")).offers == (
        "model.gguf, other.gguf"
    )


def test_it_has_a_level_or_a_file():
    here = listing("F16")
    assert here.has("f16")
    assert here.has("m-F16.gguf")
    assert not here.has("Q8_0")
    assert not here.has("x/m-F16.gguf")
