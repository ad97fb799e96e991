"""What is said of a study: numbers, intervals and what cannot be known."""

import re

import numpy as np
import pandas as pd
import pytest

from describe_study import outcomes
from study.comparison.difference import OF_BOTH, OF_IMAGES, OF_SEEDS
from study.data.likely_groups import likely_groups
from study.files import write_json
from study.report.findings import Results, main_findings
from study.report.findings.differences import unequal_noise
from study.runs.metrics import run_metrics
from study.runs.predictions import Predictions, roles_in_run
from study.runs.run import run_of

SIZES = {"v1": 100, "v2": 100, "v1+v2": 200, "official": 300}
ACCURACY = {"v1": 0.6, "v2": 0.61, "v1+v2": 0.7, "official": 0.8}


def table(columns: str, rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def study(
    seeds=(1, 2), combos=("v1", "v2", "v1+v2"), models=("m", "n"), status="ok", **changes
) -> Results:
    """A study: n is 5 points better than m, v1+v2 10 points better than v1, and v2 about as v1."""
    runs = table(
        "combo model seed status n_train accuracy",
        [(c, m, s, status, SIZES[c], ACCURACY[c]) for c in combos for m in models for s in seeds],
    )
    groups = table(
        "combo model accuracy n_seeds",
        [(c, m, ACCURACY[c] + 0.05 * (m == "n"), len(seeds)) for c in combos for m in models],
    )
    for name, half in (("seeds", 0.04 if len(seeds) > 1 else np.nan), ("images", 0.02)):
        groups[f"{name}_low"] = groups["accuracy"] - half
        groups[f"{name}_high"] = groups["accuracy"] + half
    partitions = [combo for combo in combos if combo != "official"]
    baselines = table("combo nearest_neighbour", [(combo, 0.4) for combo in combos])
    tables = {
        "runs": runs,
        "baselines": baselines,
        "groups": groups,
        "comparisons": comparisons(seeds, combos, partitions, models),
    }
    tables |= spread(len(seeds) > 1, len(partitions) > 1, models) | hardness()
    return Results(**(tables | changes))


def comparisons(seeds, combos, partitions, models) -> pd.DataFrame:
    pairs = [
        ("combos", m, a, b, ACCURACY[b] - ACCURACY[a], 0.0, 0.2, "undecided" if b == "v2" else b)
        for m in models
        for i, a in enumerate(partitions)
        for b in partitions[i + 1 :]
    ]
    if len(models) > 1:
        pairs += [("models", c, "n", "m", -0.05, -0.08, -0.02, "n") for c in combos]
    pairs = table("compared within a b difference low high verdict", pairs)
    of_many = np.where(pairs["within"] == "official", OF_BOTH, OF_SEEDS)
    return pairs.assign(
        measure="accuracy", p_holm=0.01, n_tests=900 * len(seeds), n_seeds=len(seeds),
        holds_for=of_many if len(seeds) > 1 else OF_IMAGES,
    )  # fmt: skip


def spread(many_seeds: bool, many_combos: bool, models) -> dict[str, pd.DataFrame]:
    power = [
        ("combos", m, "accuracy", 0.01, 6, 2, 9, 0.03, 0.02, 0.08, 0.07, 0.005, 40) for m in models
    ]
    variance = [
        (m, source, 0.01, 0.005, 0.03, p)
        for m in models
        for source, p in (("partition", 0.6), ("seed", np.nan), ("finite test", np.nan))
    ]
    scaling = [(m, 0.2, 0.1, 0.3) for m in models]
    return {
        "power": table(
            "compared within measure sd freedom n_seeds n_pairs detectable detectable_low "
            "detectable_high detectable_most precision seeds_needed",
            power if many_seeds and many_combos else [],
        ),
        "variance": table("model source sd low high p", variance if many_seeds else []),
        "scaling": table("model exponent low high", scaling if many_combos else []),
    }


def hardness() -> dict[str, pd.DataFrame]:
    return {
        "reliability": table(
            "score correlation overlap_top_100 overlap_top_1000",
            [("hardness", 0.9, 0.5, 0.7), ("error_rate", 0.8, 0.1, 0.2)],
        ),
        "confusions": table("label other_class n", [("cat", "dog", 3), ("dog", "cat", 1)]),
        "hard_examples": table(
            "image_id file class n_eligible n_comparable error_rate wrong_of_four kind cl_issue",
            [
                (2, "two.png", "cat", 8, 8, 0.5, 4, "consensus other", True),
                (0, "zero.png", "cat", 8, 8, 0.1, 2, "split", True),
                (1, "one.png", "dog", 9, 4, 0.0, 0, "easy", False),
                (3, "three.png", "dog", 0, 0, np.nan, np.nan, None, None),
            ],
        ),
        "duplicates": duplicates(),
    }


def duplicates(*pairs) -> pd.DataFrame:
    return table("image_id other_id pixel_distance labels_differ", pairs)


def texts(results: Results) -> dict[str, str]:
    return {finding.subject: finding.text for finding in main_findings(results)}


def test_the_weakest_class_of_the_best_model_is_named():
    assert "Classes" not in texts(study())
    runs = study().runs
    best = (runs["combo"] == "v1+v2") & (runs["model"] == "n")
    runs = runs.assign(recall_cat=np.where(best, 0.9, 0.1), recall_dog=0.6)
    runs.loc[runs["seed"] == 2, "recall_dog"] = 0.7
    found = texts(study(runs=runs))["Classes"]
    assert found.startswith(
        "n on v1+v2 recognises 65 % of the test images of dog, its weakest class, and 90 % of cat"
    )
    alike = runs.assign(recall_cat=1.0, recall_dog=1.0)
    assert texts(study(runs=alike))["Classes"].endswith("all classes alike, 100 % of each.")


@pytest.mark.parametrize(("combo", "share"), [("v1", 50), ("official", 0)])
def test_classes_are_told_by_what_measuring_a_run_wrote(tmp_path, combo, share):
    labels, common = np.repeat([0, 1], 4), np.array([0, 1, 4, 5])
    logits = np.eye(2, dtype=np.float32)[labels]
    logits[[0, 2, 3]] = logits[[0, 2, 3], ::-1]
    # Runs on the combo official train on images of the common test, so their own test counts.
    parts = {"test": [2, 3, 6, 7]} | ({"train": common} if combo == "official" else {})
    metrics = run_metrics(
        Predictions(logits, roles_in_run(8, parts)), labels, ["cat", "dog"], common
    )
    runs = [run_of(tmp_path, combo, model, 1) for model in "mn"]
    for run in runs:
        run.folder.mkdir(parents=True)
        write_json(run.folder / "metrics.json", metrics)
    told = texts(study(seeds=(1,), combos=(combo,), runs=outcomes(runs, {combo: 4})))
    assert f" {share} % of the test images of cat, its weakest class" in told["Classes"]


def test_uneven_classes_have_a_baseline_and_measures_that_suit_them_beside_it():
    assert "Uneven classes" not in texts(study())
    images = study().hard_examples.assign(**{"class": ["cat", "cat", "dog", "cat"]})
    found = texts(study(hard_examples=images, combos=("v1",), models=("m",)))["Uneven classes"]
    assert found.startswith("cat is 75.0 % of the images and dog 25.0 %")
    assert "Always naming cat reaches 75.0 % accuracy" in found and found.endswith("the same.")
    pairs = study().comparisons
    by_class = [pairs.head(4).assign(measure=name) for name in ("balanced_accuracy", "auroc")]
    changes = {"comparisons": pd.concat([pairs, *by_class]), "hard_examples": images}
    n = (by_class[0]["verdict"] != "undecided").sum()
    expected = f"Real among 4 differences: {n} by balanced accuracy, {n} by AUROC."
    assert expected in texts(study(**changes))["Uneven classes"]


def test_a_network_that_is_no_better_than_a_neighbour_is_named():
    assert "Nearest neighbours" not in texts(study())
    baselines = study().baselines.assign(nearest_neighbour=[0.4, 0.6, 0.7])
    found = texts(study(baselines=baselines))["Nearest neighbours"]
    # v2 reaches 61 % and 66 %, of images 2 points less; v1+v2 70 % and 75 %.
    assert found.startswith("2 of 6 combos and models are not shown to be better")
    assert "m on v2 (61.0 %, the neighbour 60.0 %), m on v1+v2 (70.0 %" in found


def test_what_is_best_comes_first_then_what_is_real_then_what_limits_the_study():
    images = study().hard_examples.assign(**{"class": ["cat", "cat", "dog", "cat"]})
    subjects = [finding.subject for finding in main_findings(study(hard_examples=images))]
    assert subjects[:7] == [
        "Best on the common test", "Uneven classes", "Differences",
        "All the data against the least", "Models", "Little to go by", "What this study can find",
    ]  # fmt: skip


def test_the_findings_say_what_is_best_real_and_reliable_with_numbers_and_intervals():
    found = texts(study())
    best = found["Best on the common test"]
    assert best.startswith(
        "n on v1+v2 reaches 75.0 % accuracy on the common test, the mean of 2 seeds"
    )
    assert "95 % interval: 73.0 to 77.0 % over test images" in best and "better than all" in best
    of_three = texts(study(seeds=(1, 2, 3)))["Best on the common test"]
    assert "95 % intervals: 71.0 to 79.0 % over seeds, 73.0 to 77.0 % over test images" in of_three
    assert found["Differences"].startswith("7 of 9 differences of accuracy are real at 5 %")
    assert "v1+v2 minus v1 with m, +10.0 points (0.0 to 20.0; real)" in found["Differences"]
    assert found["All the data against the least"].startswith(
        "v1+v2 has 200 training images; v1, v2 have 100 each. v1+v2 with m: minus v1 +10.0 "
        "points (0.0 to 20.0; real), minus v2 +9.0 points (0.0 to 20.0; real); with n: minus v1"
    )
    about = study()
    about.runs.loc[about.runs["combo"] == "v2", "n_train"] = 101
    assert "; v1, v2 have 100 to 101 each." in texts(about)["All the data against the least"]
    assert found["Models"].startswith("On v1+v2, n minus m: +5.0 points (2.0 to 8.0; real)")
    assert "13 % less error with m (7 to 19 %)" in found["More data"]
    assert found["What this study can find"] == (
        "This study has 2 seeds, and is adjusted for 9 pairs. For the pair of combos in the "
        "middle, four of five such studies find a true difference of 3.0 points with m (2.0 to "
        "8.0), 3.0 points with n (2.0 to 8.0). The pair of combos that is hardest to decide takes "
        "7.0 with m, 7.0 with n. The noise is itself an estimate, which gives the ranges in "
        "brackets. By this noise intervals of at most ± 0.5 points take 40 seeds with m, 40 seeds "
        "with n."
    )
    assert (
        "not found to differ" in found["Partitions"]
        and "1.0 points with m (0.5 to 3.0" in found["Seeds"]
    )
    assert "share 70 % of their 1,000 hardest" in found["How reliable the list of hard images is"]
    assert (
        "Of 3 images with four judges of equal training size (1 has none), " in found["Confusions"]
        and "1 is wrong for all four, 2 for two or more." in found["Confusions"]
        and "cat → dog (3)" in found["Confusions"]
    )
    assert (
        "On 1 image " in found["Suspect labels"]
        and "three of the four doubt 2 labels" in found["Suspect labels"]
    )


def test_a_model_with_which_nothing_can_be_found_has_its_own_sentence():
    noisy = study()
    noisy.power["seeds_needed"] = [np.inf, 40]
    noisy.power.loc[0, ["detectable", "detectable_most"]] = 1.4, 2.0
    found = texts(noisy)["What this study can find"]
    assert "true difference of 3.0 points with n (2.0 to 8.0)." in found
    assert "Not even the largest possible difference would be found reliably with m." in found
    assert found.endswith("not even 10,000 seeds are enough for ± 0.5 points with m.")
    noisy.power.loc[1, ["detectable", "detectable_most"]] = 1.4, 2.0
    found = texts(noisy)["What this study can find"]
    assert "found reliably with m, with n." in found and "in brackets" not in found


def of_models(combo: str) -> pd.DataFrame:
    """Return what can be found of the models on a combo, where the images limit it."""
    changes = {"compared": "models", "within": combo, "seeds_needed": np.inf}
    return study().power.head(1).assign(**changes)


def test_what_can_be_found_of_models_is_told_where_there_are_no_combos_and_on_official():
    alone = texts(study(power=of_models("v1")))["What this study can find"]
    assert "For the pair of models in the middle" in alone and "3.0 points on v1 (2.0" in alone
    assert "The pair of models that is hardest to decide takes 7.0 on v1." in alone
    assert alone.endswith("not even 10,000 seeds are enough for ± 0.5 points on v1.")
    several = [study().power, of_models("v1"), of_models("official")]
    both = texts(study(power=pd.concat(several)))["What this study can find"]
    assert "pair of combos in the middle" in both and "pair of models in the middle" in both
    assert "are enough for ± 0.5 points on official." in both and "on v1" not in both
    assert both.count("in brackets") == 1 and "take 40 seeds with m, 40 seeds with n." in both


def test_where_few_seeds_show_the_noise_no_number_of_seeds_is_named():
    few = study()
    few.power["seeds_needed"] = [np.nan, 40]
    found = texts(few)["What this study can find"]
    assert "take 40 seeds with n. How many seeds" in found
    assert "± 0.5 points take with m cannot be said" in found


def test_runs_that_vary_much_more_than_others_are_named():
    assert "Unequal noise" not in texts(study())
    small = study(seeds=tuple(range(12)), combos=("v1", "v2"), models=("m",)).runs
    large = small.assign(combo=small["combo"] + "+v3", n_train=200)
    runs = pd.concat([small, large], ignore_index=True)
    sd = np.where(runs["n_train"] == 100, 0.05, 0.01)
    runs["accuracy"] = 0.7 + sd * np.random.default_rng(0).normal(size=len(runs))
    (found,) = unequal_noise(runs)
    of = r"\d\.\d points with m on "
    assert re.search(rf"are {of}v1, v2 against {of}v1\+v3, v2\+v3\. Each verdict", found.text)


def test_more_training_images_may_be_said_to_add_error():
    worse = study()
    worse.scaling[["exponent", "low", "high"]] = -0.1, -0.2, 0.1
    found = texts(worse)["More data"]
    assert "give 7 % more error with m (15 % more to 7 % less)" in found
    worse.scaling["high"] = -0.05
    assert "7 % more error with m (4 to 15 %)" in texts(worse)["More data"]


def test_sentences_fit_single_pairs_single_seeds_and_partitions_of_unequal_size():
    pair = study(combos=("v1", "v1+v2"), models=("m",))
    found = texts(pair)["Differences"]
    assert " It is v1+v2 minus v1 with m, +10.0 points" in found and "picked" not in found
    assert "The largest real one: v1+v2 minus v1 with m" in texts(study())["Differences"]
    uneven = study()
    uneven.runs.loc[uneven.runs["combo"] == "v2", "n_train"] = 150
    assert "They also differ in size" in texts(uneven)["Partitions"]
    assert "differ in size" not in texts(study())["Partitions"]
    one_seed = study()
    one_seed.scaling[["low", "high"]] = np.nan
    assert "intervals over seeds" not in texts(one_seed)["More data"]
    left = study(combos=("v1",), models=("m",))
    left.groups["n_seeds"] = 1
    left.variance.drop(left.variance.index, inplace=True)
    assert texts(left)["Seeds"].startswith("One run is left")


def test_partitions_are_tested_once_for_all_models():
    lucky = study()
    partition = lucky.variance["source"] == "partition"
    lucky.variance.loc[partition, "p"] = 0.04, 0.5
    found = texts(lucky)["Partitions"]
    assert "not found to differ" in found
    assert "p = 0.08 with m, p = 0.5 with n, adjusted for the number of models" in found
    lucky.variance.loc[partition, "p"] = 0.01, 0.5
    assert "beyond the seed with m (p = 0.02 with m" in texts(lucky)["Partitions"]


def test_weak_and_few_judges_suspect_no_label_and_it_is_said_why():
    weak = study()
    weak.hard_examples["error_rate"] += 0.2
    few = study()
    few.hard_examples["n_comparable"] = 3
    found = [texts(results)["Suspect labels"] for results in (weak, few)]
    assert "these reach 60 % accuracy" in found[0] and "below 75 %" in found[0]
    assert "no image has 4 judges of equal training size" in found[1]


def test_rivals_of_the_best_are_named():
    close = study()
    close.comparisons.loc[close.comparisons["compared"] == "models", "verdict"] = "undecided"
    assert (
        "Whether it is better than m on v1+v2 (70.0 %) is undecided: with 2 seeds such a"
        in texts(close)["Best on the common test"]
    )


def test_the_best_is_said_to_beat_only_what_is_there():
    for change, beaten in (
        ({"combos": ("v1",)}, "other models on v1"),
        ({"models": ("m",)}, "m on other combos"),
        ({}, "n on other combos, other models on v1+v2"),
    ):
        best = texts(study(**change))["Best on the common test"]
        assert f"better than all that it was compared with: {beaten}." in best


def test_an_interval_without_zero_of_an_undecided_difference_is_explained():
    assert "An interval looks at its difference alone" not in texts(study())["Differences"]
    close = study()
    close.comparisons.loc[close.comparisons["compared"] == "models", "verdict"] = "undecided"
    assert "An interval looks at its difference alone" in texts(close)["Differences"]


def test_verdicts_are_said_to_be_about_these_images_only_where_splits_draw_them_again():
    here, everywhere = "about these images and partitions", "hold for other seeds and other images"
    for changes, said in (
        ({}, here),
        ({"combos": ("v1", "v2", "official")}, here),
        ({"combos": ("official",)}, everywhere),
        ({"seeds": (1,)}, "for these trained models on other test images"),
    ):
        text = texts(study(**changes))["Differences"]
        assert [words for words in (here, everywhere) if words in text] == (
            [said] if said in (here, everywhere) else []
        )
        assert said in text
    folds = study()
    folds.comparisons["holds_for"] = OF_BOTH
    text = texts(folds)["Differences"]
    assert everywhere in text and here not in text and "new_images_low" not in text


def test_the_largest_difference_on_your_own_test_images_is_said_to_be_picked():
    whole = study()
    external = whole.comparisons.assign(measure="external_test_accuracy")
    for rows, said in (
        (
            external,
            "The largest real one: v1+v2 minus v1 with m, +10.0 points",
        ),
        (external.iloc[:1].assign(verdict="undecided"), "It is v2 minus v1 with m, +1.0 points"),
    ):
        both = pd.concat([whole.comparisons, rows], ignore_index=True)
        text = texts(study(comparisons=both))["Differences on your test images"]
        assert said in text and "other seeds and other images of the same source." in text
        assert ("It was picked as the largest" in text) == (len(rows) > 1)


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
    small.comparisons["n_tests"] = 3 * 57
    assert texts(small)["Little to go by"].startswith(
        "With 57 test images per seed one image is 1.8 % of accuracy"
    )


def test_pictures_under_two_labels_and_a_threshold_that_takes_in_too_many_are_told():
    found = texts(
        study(duplicates=duplicates((0, 2, 0.0, True), (1, 3, 0.0, False), (0, 1, 0.2, True)))
    )
    assert found["One picture, two labels"].startswith(
        "1 pair of images that are the same up to brightness and contrast has two labels"
    )
    assert found["One picture, two labels"].endswith(
        "zero.png (image_id 0) and two.png (image_id 2)."
    )
    assert found["Many near-duplicates"].startswith("100 % of the images")
    assert texts(study()).keys().isdisjoint({"One picture, two labels", "Many near-duplicates"})


def test_one_combo_and_one_model_are_said_to_tell_nothing_of_differences():
    found = texts(study(combos=("v1",), models=("m",)))
    assert (
        "No two combos of a model" in found["Differences"]
        and "No model has runs on combos of several sizes" in found["More data"]
    )
    assert found.keys().isdisjoint({"Models", "All the data against the least"})


def test_the_official_combo_is_told_apart_from_the_common_test():
    found = texts(study(combos=("v1", "official")))
    assert "n on v1 reaches 65.0 % accuracy" in found["Best on the common test"]
    assert (
        "n on official reaches 85.0 % accuracy on the official test images"
        in found["Best on the official test"]
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


def test_runs_that_learnt_nothing_are_named_before_the_best():
    partly = study()
    partly.runs.loc[0, "status"] = "no better than chance"
    first, second, *_ = main_findings(partly)
    assert first.subject == "No better than chance" and second.subject.startswith("Best")
    assert "1 of 12 runs is not found better" in first.text and "m on v1, seed 1" in first.text


def test_claims_and_published_figures_are_counted_where_there_are_any():
    claims = pd.DataFrame(
        {"claim": ["A", "A", "B"], "verdict": ["supported", "supported", "undecided"]}
    )
    published = pd.DataFrame({"verdict": ["equivalent", "equivalent", "different"]})
    found = texts(study(claims=claims, reproduction=published))
    assert found["Claims"] == "Supported: A. Undecided: B."
    assert "2 equivalent, 1 different" in found["Published figures"]


def test_names_that_suggest_groups_are_told_where_no_groups_are_given():
    names = {f"a/patient{i // 4}_{i % 4}.png": "a" for i in range(40)}
    guess = likely_groups(names | {name.replace("a/", "b/"): "b" for name in names})
    (found,) = (f for f in main_findings(study(likely_groups=guess)) if "together" in f.subject)
    assert "80 images are of 20 patients" in found.text and "accuracies may flatter" in found.text
    assert f"group: '{guess.pattern}'" in found.text
    assert not any("together" in f.subject for f in main_findings(study()))


def test_a_study_without_halves_of_comparable_runs_says_how_far_the_list_is_reliable():
    whole = study().reliability
    said = " ".join(texts(study(reliability=whole[whole["score"] == "hardness"])).values())
    assert "halves of the runs share 70 %" in said and "how many runs are wrong" not in said
    unlisted = whole.assign(overlap_top_1000=[0.7, np.nan])
    said = " ".join(texts(study(reliability=unlisted)).values())
    assert "halves of the runs share 70 %" in said and "how many runs are wrong" not in said
    said = " ".join(texts(study(reliability=whole[:0])).values())
    assert "too few runs or images to say how reliable" in said
