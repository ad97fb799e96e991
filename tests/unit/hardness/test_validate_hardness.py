"""validate_hardness.py: scores of hardness are compared with files of people's votes."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import CLASSES, assert_one_clear_line, run_script

from study.data.index import read_index
from study.files import read_table
from study.hardness.human_agreement import SCORES
from study.hardness.noise_ceiling import CEILING


@pytest.fixture
def study(decoded, tmp_path):
    """Scores of the synthetic data set, and people who fail where `hardness` says so."""
    index = read_index(decoded / "index.csv")
    random = np.random.default_rng(5)
    hard = random.random(360)
    scores = pd.DataFrame(
        {
            "image_id": np.arange(360), "class": np.array(CLASSES)[index.labels], "hardness": hard,
            "error_rate": random.integers(0, 3, 360) / 2, "label_suspicion": random.random(360),
            "p_label_mean": 1 - hard, "n_eligible": 2,
        }
    )  # fmt: skip
    scores.loc[359, ["hardness", "error_rate", "label_suspicion", "p_label_mean"]] = np.nan
    scores.sort_values("hardness", ascending=False).to_csv(
        tmp_path / "hard_examples.csv", index=False
    )
    test = np.flatnonzero(index.source_split == "test")
    wrong = np.round(40 * hard[test] ** 2).astype(int)
    counts = np.zeros((60, 10), int)
    counts[np.arange(60), index.labels[test]] = 50 - wrong
    counts[np.arange(60), (index.labels[test] + 1) % 10] = wrong
    np.save(tmp_path / "counts.npy", counts)
    train = {"clean_label": index.labels[:300]}
    for number in (1, 2, 3):
        train[f"random_label{number}"] = (
            index.labels[:300] + (random.random(300) < hard[:300])
        ) % 10
    torch.save(train, tmp_path / "human.pt")
    return tmp_path


def validate(folder, decoded, kinds, votes, **options):
    return run_script(
        "validate_hardness.py", "--hard-examples", folder / "hard_examples.csv",
        "--index", decoded / "index.csv", "--kinds", *kinds, "--votes", *votes, "--resamples", 100,
        "--page", folder / "out/v.html", "--precision-recall", folder / "out/pr.svg",
        "--human-error", folder / "out/he.svg", "--output", folder / "out/v.csv", **options,
    )  # fmt: skip


def test_the_comparison_is_made_from_files(study, decoded):
    validate(study, decoded, ["cifar10h", "cifar10n"], [study / "counts.npy", study / "human.pt"])
    table = pd.read_csv(study / "out/v.csv")
    assert list(table) == [
        "target", "source", "score", "metric", "value", "low", "high", "difference_to_error_rate",
        "difference_low", "difference_high", "n", "n_positive",
    ]  # fmt: skip
    assert len(table) == 2 * ((6 + 2) * 4 + 2) and set(table["score"]) == {*SCORES, CEILING}
    assert table.groupby("source")["n"].unique().map(list).to_dict() == {
        "cifar10h": [59],
        "cifar10n": [300],
    }
    row = table[
        (table["source"] == "cifar10h")
        & (table["score"] == "hardness")
        & (table["target"] == "human_rejects")
    ]
    assert row["value"].tolist() == pytest.approx([1, 1]) and (row["difference_low"] > 0).all()
    page = (study / "out/v.html").read_text()
    assert (
        "better than the plain error count in 4 of 4 comparisons" in page
        and "hard for both" in page
    )
    assert all((study / "out" / name).stat().st_size > 10_000 for name in ("pr.svg", "he.svg"))


def test_verdicts_that_the_study_was_corrected_by_leave_nothing_to_compare(study, decoded):
    """One file serves corrections and votes: a wrong label and an image that was left out."""
    index = pd.read_csv(decoded / "index.csv").assign(left_out="")
    index["given"] = index["label"]
    files, labels = index["file"], (index["label"] + 1) % 10
    index.loc[300, ["label", "class"]] = labels[300], CLASSES[labels[300]]
    index.loc[301, "left_out"] = "1"
    index.to_csv(study / "index.csv", index=False)
    (study / "verdicts.csv").write_text(
        "image_id,file,sha256,verdict,label,who,when\n"
        f"300,{files[300]},,wrong label,{CLASSES[labels[300]]},,\n"
        f"301,{files[301]},,leave out,,,\n"
    )
    votes = {"verdicts": study / "verdicts.csv", "cifar10h": study / "counts.npy"}
    for kinds in (["verdicts"], ["cifar10h", "verdicts"]):
        validate(study, study, kinds, [votes[kind] for kind in kinds])
        table = read_table(study / "out/v.csv")
        assert set(table["source"]) == set(kinds) - {"verdicts"} and "difference_low" in table
        page = (study / "out/v.html").read_text()
        assert "verdicts is not compared" in page and "corrected since do not count" in page
        assert ("Too few judged images have votes" in page) == (len(kinds) == 1)


def test_a_wrong_file_of_votes_ends_with_one_line_and_no_output(study, decoded):
    np.save(study / "counts.npy", np.load(study / "counts.npy")[:-1])
    result = validate(study, decoded, ["cifar10h"], [study / "counts.npy"], check=False)
    assert result.returncode == 1 and not (study / "out").exists()
    assert_one_clear_line(result.stderr, "counts.npy", "59×10", "expected counts of 60×10")
