"""How every figure looks."""

import re

import extreme_studies as extreme
import numpy as np
import pytest
from conftest import ROOT, run_python
from matplotlib import pyplot as plt

from study.report.plots.accuracy import accuracy_by_combo_figure
from study.report.plots.comparisons import variance_figure
from study.report.plots.images import captioned_images_figure
from study.report.plots.style import STYLE, font_families, save_figure


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


STUDY = extreme.STUDIES["long names"]
RUNS = extreme.summary(STUDY)
PIXELS = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize(
    ("draw", "tables"),
    [
        (accuracy_by_combo_figure, (RUNS, extreme.groups(RUNS), extreme.baselines(STUDY))),
        (captioned_images_figure, (PIXELS, ["a caption"], "a title")),
        (variance_figure, (extreme.components(STUDY),)),
    ],
    ids=["accuracy", "images", "variance"],
)
def test_a_figure_is_the_same_to_the_byte_each_time(draw, tables, tmp_path, ending):
    for name in ("a", "b"):
        save_figure(draw(*tables), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_figures_do_not_depend_on_the_users_matplotlib(tmp_path):
    program = (
        "from study.report.plots.style import Figure, message_figure, save_figure\n"
        "save_figure(message_figure('a line'), 'figure.svg')"
    )
    drawn = set()
    for place, style in (("plain", ""), ("here", "font.size: 30\n"), ("broken", "no: \xe4\n")):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "mine").write_text(style, encoding="latin-1")
        if place == "here":
            (folder / "matplotlibrc").write_text(style)
        user = {"MPLBACKEND": "module://not_installed", "MATPLOTLIBRC": str(folder / "mine")}
        run_python(program, cwd=folder, **(user if style else {}))
        drawn.add((folder / "figure.svg").read_bytes())
    assert len(drawn) == 1


def test_matplotlib_is_imported_where_that_is_settled_and_nowhere_else():
    for path in (ROOT / "scripts").rglob("*.py"):
        if "plots" not in path.parts:
            assert not re.search(r"^ *(import|from) matplotlib", path.read_text(), re.M), path
