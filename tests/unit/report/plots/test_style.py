"""How every figure looks."""

import pytest
from matplotlib import pyplot as plt

from study.report.plots.style import STYLE, font_families, save_figure


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_fonts_with_more_letters_stand_in_where_they_are_installed():
    assert font_families(["Arial", "UnDotum", "IPAGothic"]) == [
        "sans-serif",
        "IPAGothic",
        "UnDotum",
    ]
    assert font_families(["Arial"]) == ["sans-serif"]


@pytest.mark.skipif(
    STYLE["font.family"] == ["sans-serif"],
    reason="needs a font with Chinese, Japanese or Korean letters",
)
@pytest.mark.filterwarnings("error:Glyph")
def test_class_names_of_other_scripts_are_drawn_and_latin_ones_as_ever(tmp_path):
    letters = "고양이" if STYLE["font.family"][1] in ("UnDotum", "NanumGothic") else "猫"
    with plt.rc_context(STYLE):
        figure = plt.figure()
        figure.text(0.1, 0.5, f"{letters} and cat")
    save_figure(figure, tmp_path / "text.png")
