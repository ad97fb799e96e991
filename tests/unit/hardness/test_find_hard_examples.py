"""find_hard_examples.py and find_hard_to_learn.py on small made-up studies."""

import html

import pandas as pd
import pytest
from conftest import assert_one_clear_line, run_script
from made_up_study import ALL_COMBOS, LABELS, PARTITIONS, MadeUpStudy, N
from matplotlib.text import Text

from find_hard_examples import growth_of_the_list
from study.hardness.reliability import Reliability


def hard_examples(study, *options):
    """Return the tables that find_hard_examples.py writes of a made-up study, by name."""
    folder, out = study.folder, study.folder / "hard"
    tables = ("output", "top-table", "reliability", "growth", "confusions", "behind")
    figures = ("map", "growth", "confusions")
    run_script(
        "find_hard_examples.py", "--runs", folder / "runs.csv",
        "--index", folder / "index.csv", "--images", folder / "images.npy",
        "--partitions", *(folder / f"{name}.csv" for name in PARTITIONS),
        "--duplicates", folder / "duplicates.csv", "--page", out / "h.html",
        "--behind-page", out / "b.html",
        *(word for name in tables for word in (f"--{name}", out / f"{name}.csv")),
        *(word for name in figures for word in (f"--{name}-figure", out / f"{name}.svg")),
        *options,
    )  # fmt: skip
    return {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return MadeUpStudy(tmp_path_factory.mktemp("whole"), ALL_COMBOS, ["a", "b"], [1, 2, 3])


def test_hard_examples_have_a_row_for_every_image_and_leave_out_near_duplicates(whole):
    tables = hard_examples(whole)
    table = tables["output"]
    assert sorted(table["image_id"]) == list(range(N)) and len(tables["top-table"]) == 100
    assert (table["hardness"].dropna().diff().dropna() <= 0).all()
    by_id = table.set_index("image_id")
    assert by_id.loc[3, "near_duplicate"] == 200 and by_id.loc[200, "near_duplicate"] == 3
    assert by_id.loc[200, "near_duplicate_distance"] == 0.1
    differ = LABELS[3] != LABELS[200]
    assert by_id["near_duplicate_other_label"].to_dict() == {
        i: differ and i in (3, 200) for i in by_id.index
    }
    # 200 is in v3: without its pair, 3 of v1, a run on v1 might judge it.
    alone = by_id.loc[200, "n_eligible"]
    others = by_id.loc[[i for i in range(200, 240) if i != 200], "n_eligible"]
    assert alone < others.max()
    assert by_id.loc[0, "partition"] == "v1" and by_id.loc[0, "class"] == "cat"
    assert set(tables["reliability"]["score"]) == {"hardness", "error_rate"}
    assert not set(table.columns) & {"human_source", "human_error"}


def test_the_page_says_how_many_images_no_run_may_judge_and_nothing_of_tiny_lists(tmp_path):
    study = MadeUpStudy(tmp_path, ["v1"], ["a", "b"], [1])
    judged = hard_examples(study)["output"]["n_eligible"].gt(0).sum()
    page = " ".join((tmp_path / "hard" / "h.html").read_text().split())
    assert 0 < judged < N
    assert f" hardest of {judged} images" in page
    assert f"equal training size ({judged} have fewer, {N - judged} have none)." in page
    assert "random halves" not in page


def test_votes_of_people_stand_in_the_row_of_their_image(whole, tmp_path):
    (tmp_path / "votes.csv").write_text("image_id,n_votes,cat,dog,fox\n7,4,3,1,0\n0,2,2,0,0\n")
    tables = hard_examples(whole, "--kinds", "csv", "--votes", tmp_path / "votes.csv")
    by_id = tables["output"].set_index("image_id")
    assert by_id["human_source"].notna().sum() == 2
    columns = ["human_source", "human_n", "human_error", "human_top", "human_rejects"]
    assert by_id.loc[7, columns].tolist() == ["csv", 4, 0.75, "cat", True]  # a dog
    assert by_id.loc[0, "human_error"] == 0


def test_hard_to_learn_lists_real_image_ids(whole, tmp_path):
    arguments = (
        "find_hard_to_learn.py", "--runs", whole.folder / "runs.csv",
        "--index", whole.folder / "index.csv", "--table", tmp_path / "t.csv",
        "--report", tmp_path / "r.txt", "--page", tmp_path / "r.html",
    )  # fmt: skip
    run_script(*arguments, "--partition", whole.folder / "v1.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table.columns[:3]) == ["Image", "True Label", "Predicted Label"]
    assert table["Image"].isin(PARTITIONS["v1"]).all()
    assert (table["True Label"] != table["Predicted Label"]).all()
    report = (tmp_path / "r.txt").read_text()
    assert "none of the models on v1, v1+v2, v1+v2+v3 learnt" in report
    assert "== Out of sample, a, seed 1 ==" in report
    page = (tmp_path / "r.html").read_text()
    assert html.unescape(page.split("<pre>")[1].split("</pre>")[0]) == report.split("\n", 1)[1]
    (tmp_path / "other.csv").write_text("image_id\n0\n")
    failed = run_script(*arguments, "--partition", tmp_path / "other.csv", check=False)
    assert_one_clear_line(failed.stderr, "no runs on other alone", "add other to 'combos'")


@pytest.mark.parametrize(
    ("combos", "models", "seeds"),
    [
        (["v1"], ["a"], [1]),
        (["v1", "v2"], ["a"], [1]),
        (["official"], ["a", "b"], [1, 2]),
        (["v1+v2"], ["a", "b"], [1]),
    ],
)
def test_a_poor_study_has_a_row_for_every_image_too(tmp_path, combos, models, seeds):
    assert len(hard_examples(MadeUpStudy(tmp_path, combos, models, seeds))["output"]) == N


def test_a_diverged_run_judges_nothing(tmp_path):
    study = MadeUpStudy(tmp_path, ["v1", "v1+v2"], ["a", "b"], [1, 2], diverged=[("v1", "a", 1)])
    assert hard_examples(study)["output"]["n_eligible"].max() == 7


def test_a_study_in_which_everything_diverged_has_no_scores(tmp_path):
    study = MadeUpStudy(tmp_path, ["v1"], ["a"], [1], diverged=[("v1", "a", 1)])
    assert hard_examples(study)["output"]["hardness"].isna().all()


def test_the_figure_of_growth_needs_no_halves_of_comparable_runs():
    settling = pd.DataFrame({"n_runs": [1, 2], "score": "hardness", "overlap": [0.5, 1.0]})
    halves = [Reliability("hardness", 0.9, 0.95, {10: 0.5}, 20)]
    texts = growth_of_the_list(settling, halves, 10).findobj(Text)
    title = " ".join(text.get_text() for text in texts)
    assert "Halves of the runs share 50% of the 10 hardest" in title and "errors" not in title
