import gzip
from base64 import b64decode
from hashlib import sha256

from ggufeval.report.packed import allowed, chart_library, packed, packed_json, page_script


def test_what_is_packed_comes_back_and_is_always_the_same():
    text = "模 </script> 🦙" * 100
    assert gzip.decompress(b64decode(packed(text))).decode() == text
    assert packed(text) == packed(text)
    assert gzip.decompress(b64decode(packed_json({"a": [1, "ü"]}))).decode() == '{"a":[1,"ü"]}'


def test_only_scripts_of_ours_may_run():
    name = allowed("alert(1)")
    assert b64decode(name.removeprefix("'sha256-").rstrip("'")) == sha256(b"alert(1)").digest()


def test_the_library_draws_and_asks_nobody():
    assert "vegaEmbed" in chart_library()


def test_foreign_text_is_never_markup():
    assert not {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"} & set(
        page_script().replace("(", " ").replace(".", " ").split()
    )
    assert "</script" not in page_script()
    assert "eval(" not in page_script()
