"""`study diff` of two groups: what the study computed of them, turned as they are asked for."""

import pytest
from conftest import assert_one_clear_line

from study.cli.main import main
from study.files import write_csv, write_text

COMPARISONS = """\
measure,compared,within,a,b,difference,low,high,p_holm,verdict,holds_for
accuracy,combos,m,v1,v2,0.05,0.01,0.09,0.02,v2,"other seeds, on these images"
accuracy,combos,n,v1,v2,0.5,0.1,0.9,0.02,v2,other seeds and other images of the same source
accuracy,models,v1,m,n,0.03,-0.01,0.07,0.4,undecided,"other test images, for these trained models"
"""


@pytest.fixture
def results(tmp_path):
    runs = [(combo, model, 1) for combo in ("v1", "v2", "v3") for model in ("m", "n")]
    write_csv(tmp_path / "runs.csv", ["combo", "model", "seed"], runs)
    write_text(tmp_path / "comparisons/comparisons.csv", COMPARISONS)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("v1/m", "v2/m"), ["+0.0500", "+0.0100", "to", "+0.0900", "0.02", "v2"]),
        (("v2/m", "v1/m"), ["-0.0500", "-0.0900", "to", "-0.0100", "0.02", "v2"]),
        (("v1/m", "v1/n"), ["+0.0300", "-0.0100", "to", "+0.0700", "0.4", "undecided"]),
    ],
)
def test_groups_are_compared_over_all_seeds_as_the_study_did(results, asked, said, capsys):
    main(["diff", *asked, "--results", str(results)])
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["accuracy", *said]


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (("v1/m", "v2/m"), "other seeds, on these images."),
        (("v2/m", "v1/m"), "other seeds, on these images."),
        (("v2/n", "v1/n"), "other seeds and other images of the same source."),
        (("v1/m", "v1/n"), "other test images, for these trained models."),
    ],
)
def test_it_says_what_the_intervals_are_for(results, asked, what, capsys):
    main(["diff", *asked, "--results", str(results)])
    said = " ".join(capsys.readouterr().out.split())
    assert f"all seeds that both have. Intervals are for {what}" in said


def test_comparisons_of_an_earlier_version_are_refused_in_one_line(results, capsys):
    path = results / "comparisons/comparisons.csv"
    path.write_text(path.read_text().replace("holds_for", "other"))
    with pytest.raises(SystemExit):
        main(["diff", "v1/m", "v2/m", "--results", str(results)])
    assert_one_clear_line(capsys.readouterr().err, "comparisons.csv", "earlier version")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("v1/m", "v2/n"), "name two combos of one model, or two models on one combo"),
        (("v1/m", "v1/m"), "name two combos of one model"),
        (("v1/m", "v3/m"), "does not compare v1 and v3 of m"),
    ],
)
def test_other_pairs_are_refused_in_one_line(results, asked, said, capsys):
    with pytest.raises(SystemExit):
        main(["diff", *asked, "--results", str(results)])
    assert said in capsys.readouterr().err


def test_the_differences_are_written_as_they_are_shown(results, tmp_path):
    written = tmp_path / "written.csv"
    for _ in range(2):  # it may be written again
        main(["diff", "v2/m", "v1/m", "--results", str(results), "--csv", str(written)])
    assert written.read_text().splitlines() == [
        "measure,a,b,difference,low,high,p_holm,verdict",
        "accuracy,v2/m,v1/m,-0.05,-0.09,-0.01,0.02,v2",
    ]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--all", "--all is for two runs; v1/m and v2/m are two combos with a model"),
        ("--measure=nll", "--measure is for two studies"),
    ],
)
def test_an_option_for_something_else_is_refused(results, option, said, capsys):
    with pytest.raises(SystemExit):
        main(["diff", "v1/m", "v2/m", "--results", str(results), option])
    assert said in capsys.readouterr().err
