import re
import struct

from ggufeval.report.plots.files import chart_files


def test_every_chart_is_written_as_svg_and_png(comparison):
    files = dict(chart_files(comparison))
    names = {name.partition(".")[0] for name in files}
    assert {"accuracy-bits", "differences", "letters"} < names
    assert files.keys() == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    svg = files["differences.svg"].decode()
    assert "Difference to the reference" in svg
    assert "Each level minus F16" in svg
    assert not re.search(r'href="|<script|<image', svg)
    png = files["differences.png"]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width > 1280
    assert height > 200


def test_hostile_names_stay_text(comparison, rename):
    hostile = rename(comparison, *(f"<script>alert({n})</script>" for n in range(4)))
    svg = dict(chart_files(hostile))["differences.svg"].decode()
    assert "<script" not in svg
    assert "&lt;script" in svg
