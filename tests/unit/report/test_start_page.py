"""What the start page of the report says of a study, and that it says it in text that the report can read."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from study.audit.provenance import repository
from study.report.findings import Finding, Results, main_findings
from study.report.start_page import (
    computed_with,
    configuration,
    data,
    literal,
    plain,
    start_page,
    table,
)

PAIR = [
    "compared",
    "within",
    "measure",
    "a",
    "b",
    "difference",
    "low",
    "high",
    "p_holm",
    "verdict",
    "n_images",
    "n_seeds",
]


def study(
    seeds=(1, 2), combos=("v1", "v2", "v1+v2"), models=("m", "n"), status="ok", **changes
) -> Results:
    """A study in which n is 5 points better than m, v1+v2 is 10 points better than v1, and v2 is as good as v1."""
    sizes = {"v1": 100, "v2": 100, "v1+v2": 200, "official": 300}
    accuracy = {"v1": 0.6, "v2": 0.61, "v1+v2": 0.7, "official": 0.8}
    runs = pd.DataFrame(
        [(c, m, s, status, sizes[c]) for c in combos for m in models for s in seeds],
        columns=["combo", "model", "seed", "status", "n_train"],
    )
    groups = pd.DataFrame(
        [(c, m, accuracy[c] + 0.05 * (m == "n"), len(seeds)) for c in combos for m in models]
    )
    groups.columns = ["combo", "model", "accuracy", "n_seeds"]
    for name, half in (("seeds", 0.04 if len(seeds) > 1 else np.nan), ("images", 0.02)):
        groups[f"{name}_low"], groups[f"{name}_high"] = (
            groups["accuracy"] - half,
            groups["accuracy"] + half,
        )
    return Results(
        **({"runs": runs, "groups": groups} | tables(seeds, combos, models, accuracy) | changes)
    )


def tables(seeds, combos, models, accuracy) -> dict[str, pd.DataFrame]:
    partitions = [combo for combo in combos if combo != "official"]
    tested = 900 * len(seeds), len(seeds)
    pairs = [
        (
            "combos",
            m,
            "accuracy",
            a,
            b,
            accuracy[b] - accuracy[a],
            0.0,
            0.2,
            0.01,
            "undecided" if b == "v2" else b,
            *tested,
        )
        for m in models
        for i, a in enumerate(partitions)
        for b in partitions[i + 1 :]
    ]
    pairs += [
        ("models", c, "accuracy", "n", "m", -0.05, -0.08, -0.02, 0.01, "n", *tested)
        for c in combos
        if len(models) > 1
    ]
    many = len(seeds) > 1
    variance = [
        (m, s, 0.01, 0.005, 0.03, p)
        for m in models
        for s, p in (("partition", 0.6), ("seed", np.nan), ("finite test", np.nan))
    ]
    return {
        "comparisons": pd.DataFrame(pairs, columns=PAIR),
        "power": pd.DataFrame(
            [
                ("combos", m, "accuracy", 0.01, 2, 0.03, 0.005, 40)
                for m in models
                if many and len(partitions) > 1
            ],
            columns=[
                "compared",
                "within",
                "measure",
                "sd",
                "n_seeds",
                "detectable",
                "precision",
                "seeds_needed",
            ],
        ),
        "variance": pd.DataFrame(
            variance if many else [], columns=["model", "source", "sd", "low", "high", "p"]
        ),
        "scaling": pd.DataFrame(
            [(m, 0.2, 0.1, 0.3) for m in models if len(partitions) > 1],
            columns=["model", "exponent", "low", "high"],
        ),
        "reliability": pd.DataFrame(
            {
                "score": ["hardness", "error_rate"],
                "correlation": [0.9, 0.8],
                "overlap_top_100": [0.5, 0.1],
                "overlap_top_1000": [0.7, 0.2],
            }
        ),
        "confusions": pd.DataFrame(
            {"label": ["cat", "dog"], "consensus": ["dog", "cat"], "n": [3, 1]}
        ),
        "hard_examples": pd.DataFrame(
            {
                "image_id": [2, 0, 1, 3],
                "file": ["two.png", "zero.png", "one.png", "three.png"],
                "n_eligible": [2, 2, 2, 0],
                "error_rate": [1.0, 0.5, 0.0, np.nan],
                "kind": ["consensus other", "split", "easy", None],
                "cl_issue": [True, True, False, None],
            }
        ),
        "duplicates": duplicates(),
    }


def duplicates(*pairs) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["image_id", "other_id", "pixel_distance", "labels_differ"])


def texts(results: Results) -> dict[str, str]:
    return {finding.subject: finding.text for finding in main_findings(results)}


def test_the_findings_say_what_is_best_real_and_reliable_with_numbers_and_intervals():
    found = texts(study())
    best = found["Best on the common test"]
    assert best.startswith("n on v1+v2 is right on 75.0 % of the common test, the mean of 2 seeds")
    assert "95 % interval: 73.0 to 77.0 % over test images" in best and "Better than all" in best
    of_three = texts(study(seeds=(1, 2, 3)))["Best on the common test"]
    assert "95 % intervals: 71.0 to 79.0 % over seeds, 73.0 to 77.0 % over test images" in of_three
    assert found["Differences"].startswith("7 of 9 differences of accuracy are real at 5 %")
    assert "v1+v2 less v1 with m, +10.0 points (0.0 to 20.0; real)" in found["Differences"]
    assert found["All the data against the least"].startswith(
        "v1+v2 (200 training images) less v1 (100): +10.0 points"
    )
    assert found["Models"].startswith("On v1+v2, n less m: +5.0 points (2.0 to 8.0; real)")
    assert "13 % less error with m (7 to 19)" in found["More data"]
    assert (
        "not found to differ" in found["Partitions"]
        and "1.0 points with m (0.5 to 3.0" in found["Seeds"]
    )
    assert "share 70 % of their 1,000 hardest" in found["How reliable the list of hard images is"]
    assert (
        "Of 3 images" in found["Confusions"]
        and "1 are wrong for all" in found["Confusions"]
        and "cat → dog (3)" in found["Confusions"]
    )
    assert "On 1 images" in found["Suspect labels"] and "doubts 2 labels" in found["Suspect labels"]


def test_no_interval_of_an_accuracy_goes_beyond_what_there_is():
    sure = study(seeds=(1, 2, 3))
    sure.groups[["seeds_high", "images_high"]] = 1.02
    assert (
        "71.0 to 100.0 % over seeds, 73.0 to 100.0 % over test"
        in texts(sure)["Best on the common test"]
    )


def test_rivals_of_the_best_are_named():
    close = study()
    close.comparisons.loc[close.comparisons["compared"] == "models", "verdict"] = "undecided"
    assert (
        "other models on v1+v2), not found worse: m on v1+v2."
        in texts(close)["Best on the common test"]
    )


def test_an_interval_without_zero_of_an_undecided_difference_is_explained():
    assert "An interval is of its difference alone" not in texts(study())["Differences"]
    close = study()
    close.comparisons.loc[close.comparisons["compared"] == "models", "verdict"] = "undecided"
    assert "An interval is of its difference alone" in texts(close)["Differences"]


def test_one_seed_is_said_to_tell_nothing_of_others():
    found = texts(study(seeds=(1,)))
    assert "95 % interval over test images" in found[
        "Best on the common test"
    ] and "nan" not in " ".join(found.values())
    assert "What another seed would give is not known" in found["Best on the common test"]
    assert "With one seed" in found["Differences"] and "With one seed" in found["Seeds"]
    assert "What this study can find" not in found


def test_few_seeds_and_few_test_images_are_said_to_be_little_to_go_by():
    assert "Little to go by" not in texts(study(seeds=(1, 2, 3)))
    assert texts(study())["Little to go by"].startswith("Two seeds hardly show")
    small = study(seeds=(1, 2, 3))
    small.comparisons["n_images"] = 3 * 57
    assert texts(small)["Little to go by"].startswith(
        "With 57 test images a seed one image is 1.8 % of accuracy"
    )


def test_pictures_under_two_labels_and_a_threshold_that_takes_in_too_many_are_told():
    found = texts(
        study(duplicates=duplicates((0, 2, 0.0, True), (1, 3, 0.0, False), (0, 1, 0.2, True)))
    )
    assert found["One picture, two labels"].startswith(
        "1 pair of images with the same pixels bears two labels"
    )
    assert found["One picture, two labels"].endswith(
        "zero.png (image_id 0) and two.png (image_id 2)."
    )
    assert found["Many near-duplicates"].startswith("100 % of the images")
    assert texts(study()).keys().isdisjoint({"One picture, two labels", "Many near-duplicates"})


def test_one_combo_and_one_model_are_said_to_tell_nothing_of_differences():
    found = texts(study(combos=("v1",), models=("m",)))
    assert (
        "one combo and one model" in found["Differences"]
        and "combos of one size" in found["More data"]
    )
    assert found.keys().isdisjoint({"Models", "All the data against the least"})


def test_the_official_combo_is_told_apart_from_the_common_test():
    found = texts(study(combos=("v1", "official")))
    assert "n on v1 is right on 65.0 %" in found["Best on the common test"]
    assert (
        "n on official is right on 85.0 % of the publisher's test split"
        in found["Best on the publisher's test"]
    )
    assert "Best on the common test" not in texts(study(combos=("official",)))


def test_diverged_runs_are_named_first():
    partly = study()
    partly.runs.loc[0, "status"] = "diverged"
    first = main_findings(partly)[0]
    assert (
        first.subject == "Diverged runs" and "1 of 12 runs diverged (m on v1, seed 1)" in first.text
    )
    (only,) = main_findings(study(status="diverged"))
    assert only.text.startswith("All runs diverged")


def test_claims_and_published_figures_are_counted_where_there_are_any():
    claims = pd.DataFrame(
        {"claim": ["A", "A", "B"], "verdict": ["supported", "supported", "undecided"]}
    )
    published = pd.DataFrame({"verdict": ["reproduced", "reproduced", "worse"]})
    found = texts(study(claims=claims, reproduction=published))
    assert found["Claims"] == "Supported: A. Undecided: B."
    assert "2 reproduced, 1 worse" in found["Published figures"]


class Category:
    def __init__(self, name):
        self.name = name


def shown(page: str, chapters: tuple[str, ...]) -> str:
    """Return the HTML that Snakemake's report makes of a start page."""
    text = Environment(trim_blocks=True, lstrip_blocks=True).from_string(page)
    return publish_parts(
        text.render(categories=[Category(name) for name in chapters]), writer_name="html"
    )["html_body"]


HOSTILE = "*a* `b`_ c_ |d| {{ e }} {% f %} \\g <b>"


def test_the_report_shows_the_start_page_as_it_was_meant():
    findings = [
        Finding("Best", f"72.9 % {HOSTILE}", "Results"),
        Finding("Other", "more", "Hard examples"),
    ]
    sections = {
        "Configuration": configuration({"claims": HOSTILE, "overrides": {}}),
        "Table": table(["x"], [[HOSTILE], ["- y"]]),
    }
    page = shown(
        start_page(f"Title {HOSTILE}", "Question?", findings, sections),
        ("1. Results", "3. Comparisons"),
    )
    assert "system-message" not in page and "problematic" not in page
    assert page.count("*a* `b`_ c_ |d| {{ e }} {% f %} \\g &lt;b&gt;") == 4
    assert "overrides: {}" in page
    assert """app.showCategory('1.%20Results')&quot;))">1. Results</a>""" in page
    assert "(Hard examples)" in page  # a partial report lacks that chapter


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "1. a",
        "* a",
        ".. a::",
        ":a: b",
        "a::",
        "+ a",
        "=====",
        "> a",
        "# a",
        "(a) b",
        "| a",
        "'a'",
        "A. b",
    ],
)
def test_plain_text_is_never_markup(text):
    page = shown(f"{plain(text)}\n\n{literal(text)}", ())
    assert f"<p>{text.replace('>', '&gt;')}</p>" in page.replace("\u2019", "'")
    assert "system-message" not in page and "<li>" not in page


def test_the_data_are_told_with_their_near_duplicates_and_unusable_files():
    manifest = {
        "dataset": "birds",
        "images": [9, 8, 8, 3],
        "classes": ["a", "b"],
        "sha256": {"images.npy": "0f"},
    }
    partitions = {"v1": {"seed": 1, "size": 9, "class_counts": {"a": 4, "b": 5}}}
    text = data(
        manifest, partitions, {"v1": 6}, np.array([[0, 2], [0, 5]]), {"unusable": 4, "converted": 3}
    )
    assert "birds: 9 images of 8×8 pixels, colour, 2 classes (a, b)." in text
    assert "Nearly the same as another image: 3 images, in 2 pairs." in text
    assert "data/problems.csv has reasons for: 4 unusable, 3 converted." in text
    assert "problems.csv" not in data(manifest, partitions, {"v1": 6}, np.empty((0, 2), int), {})


def test_machines_and_versions_are_told_apart():
    record = {"device": "cpu", "threads": 1, "total_seconds": 3600, "peak_memory_mb": 10}
    record |= {"machine": {"cpu": "A", "cpus": 2, "system": "Linux", "architecture": "x86_64"}}
    records = [record | {"versions": {"torch": version}} for version in ("2.1", "2.1", "2.2")]
    text = computed_with(records)
    assert "torch 2.1 (2 runs)" in text and "torch 2.2 (1 run)" in text and "3.0 hours" in text


def test_the_commit_is_that_of_the_project_itself(tmp_path):
    assert repository(tmp_path) == {"commit": None, "dirty": None, "lock": None}

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init")
    (tmp_path / "requirements.lock").write_text("a")
    git("add", "requirements.lock")
    git("commit", "--message", "first")
    clean = repository(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False and len(clean["lock"]) == 64
    (tmp_path / "inner").mkdir()
    assert repository(tmp_path / "inner")["commit"] is None
    (tmp_path / "requirements.lock").write_text("b")
    changed = repository(tmp_path)
    assert (
        changed["commit"] == clean["commit"]
        and changed["dirty"]
        and changed["lock"] != clean["lock"]
    )
