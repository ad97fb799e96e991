"""What a study found, in plain words with numbers and intervals, and what it cannot say."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.comparison.claims import VERDICTS
from study.comparison.pairs import CONFIDENCE
from study.data.names import OFFICIAL
from study.hardness.human_agreement import finding as validation_finding
from study.hardness.scores import KINDS
from study.wording import counted

_FEW_TEST_IMAGES = 500
_MANY_DUPLICATES = 0.1


class Finding(NamedTuple):
    """One finding.

    Attributes:
        subject: what it is about, some words.
        text: plain sentences.
        chapter: of the report, that shows it.
    """

    subject: str
    text: str
    chapter: str


class Results(NamedTuple):
    """The tables that the findings are read from, as the workflow writes them.

    Attributes:
        runs: a row a run: `combo`, `model`, `seed`, `status`, `n_train`.
        groups: of `study.comparison.tables`, as are comparisons, power, variance and scaling.
        reliability: of `study.hardness.reliability`; confusions: of `study.hardness.ranking`.
        hard_examples: a row an image: `image_id`, `file`, `n_eligible`, `error_rate`, `kind`, `cl_issue`.
        duplicates: a row a pair of near-duplicates: `image_id`, `other_id`, `pixel_distance`, `labels_differ`.
        claims: of `study.comparison.claims`; None if the study has none, as with those that follow.
        reproduction: of `study.comparison.reproduction`.
        validation: of `study.hardness.human_agreement`.
    """

    runs: pd.DataFrame
    groups: pd.DataFrame
    comparisons: pd.DataFrame
    power: pd.DataFrame
    variance: pd.DataFrame
    scaling: pd.DataFrame
    reliability: pd.DataFrame
    confusions: pd.DataFrame
    hard_examples: pd.DataFrame
    duplicates: pd.DataFrame
    claims: pd.DataFrame | None = None
    reproduction: pd.DataFrame | None = None
    validation: pd.DataFrame | None = None


def main_findings(results: Results) -> list[Finding]:
    """Return the findings, most important first; what too few seeds, combos or models leave open is one of them."""
    if not (results.runs["status"] == "ok").any():
        text = (
            "All runs diverged, so there is nothing to report. Lower optimizer.lr in the recipes."
        )
        return [Finding("Diverged runs", text, "Results")]
    return [
        *_diverged(results.runs),
        *_best(results),
        *_real_differences(results),
        *_more_data(results.scaling),
        *_partitions_and_seeds(results),
        *_what_can_be_found(results.power),
        *_little_to_go_by(results),
        *_hard_images(results),
        *_near_duplicates(results),
        *_published(results),
        *_claims(results.claims),
    ]


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"


def _interval(low: float, high: float) -> str:
    low, high = (round(100 * end, 1) + 0.0 for end in (low, high))  # no "-0.0"
    return f"{low:.1f} to {high:.1f}"


def _interval_of_share(low: float, high: float) -> str:
    """Return an interval of an accuracy, which Student's t may take beyond what there is."""
    return _interval(max(low, 0.0), min(high, 1.0))


def _diverged(runs: pd.DataFrame) -> list[Finding]:
    lost = runs[runs["status"] != "ok"]
    if lost.empty:
        return []
    names = "; ".join(f"{row.model} on {row.combo}, seed {row.seed}" for row in lost.itertuples())
    text = f"{len(lost)} of {len(runs)} runs diverged ({names}). They count in no mean or comparison and judge no image."
    return [Finding("Diverged runs", text, "Results")]


def _best(results: Results) -> list[Finding]:
    measured = results.groups.dropna(subset=["accuracy"])
    found = []
    for subject, test, groups in (
        ("Best on the common test", "the common test", measured[measured["combo"] != OFFICIAL]),
        (
            "Best on the publisher's test",
            "the publisher's test split",
            measured[measured["combo"] == OFFICIAL],
        ),
    ):
        if groups.empty:
            continue
        best = groups.loc[groups["accuracy"].idxmax()]
        text = (
            f"{best['model']} on {best['combo']} is right on {_percent(best['accuracy'])} of {test}"
        )
        over_images = _interval_of_share(best["images_low"], best["images_high"])
        if best["n_seeds"] > 1:
            # Two seeds may agree by chance, or differ so much that the interval leaves 0 to 1: neither says anything.
            over_seeds = (
                f"{_interval_of_share(best['seeds_low'], best['seeds_high'])} % over seeds, "
                if best["n_seeds"] > 2
                else ""
            )
            text += (
                f", the mean of {best['n_seeds']} seeds. 95 % interval{'s' if over_seeds else ''}: {over_seeds}{over_images} % over test images, "
                "for these trained models."
            )
        else:
            text += f" (95 % interval over test images, for this trained model: {over_images} %). What another seed would give is not known."
        found.append(Finding(subject, text + _rivals(best, results.comparisons), "Results"))
    return found


def _rivals(best: pd.Series, comparisons: pd.DataFrame) -> str:
    """Return which groups the best one, compared over combos and over models, was not found better than."""
    undecided, compared = [], 0
    for kind, own, within in (
        ("combos", best["combo"], best["model"]),
        ("models", best["model"], best["combo"]),
    ):
        family = _accuracy(comparisons, kind, within)
        family = family[(family["a"] == own) | (family["b"] == own)]
        compared += len(family)
        for row in family[family["verdict"] == "undecided"].itertuples():
            other = row.b if row.a == own else row.a
            undecided.append(f"{within} on {other}" if kind == "combos" else f"{other} on {within}")
    if undecided:
        return f" Of what it was compared with (other combos with {best['model']}, other models on {best['combo']}), not found worse: {', '.join(undecided)}."
    if not compared:
        return ""
    return f" Better than all it was compared with: {best['model']} on other combos, other models on {best['combo']}."


def _accuracy(comparisons: pd.DataFrame, kind: str, within: str | None = None) -> pd.DataFrame:
    rows = comparisons[(comparisons["measure"] == "accuracy") & (comparisons["compared"] == kind)]
    return rows if within is None else rows[rows["within"] == within]


class _Pair(NamedTuple):
    better: str
    worse: str
    within: str
    difference: float
    low: float
    high: float
    real: bool

    def text(self) -> str:
        verdict = "real" if self.real else "undecided"
        return f"{100 * self.difference:+.1f} points ({_interval(self.low, self.high)}; {verdict})"


def _pairs(rows: pd.DataFrame, better: str | None = None) -> list[_Pair]:
    """Return pairs, turned so that `better`, or what has the higher accuracy, comes first."""
    pairs = []
    for row in rows.itertuples():
        real = row.verdict != "undecided"
        if row.b == better or (better is None and row.difference >= 0):
            pairs.append(_Pair(row.b, row.a, row.within, row.difference, row.low, row.high, real))
        else:
            pairs.append(
                _Pair(row.a, row.b, row.within, -row.difference, -row.high, -row.low, real)
            )
    return pairs


def _real_differences(results: Results) -> list[Finding]:
    rows = results.comparisons[results.comparisons["measure"] == "accuracy"].dropna(
        subset=["difference"]
    )
    if rows.empty:
        text = "The study has one combo and one model whose runs can be compared, so it says nothing of differences."
        return [Finding("Differences", text, "Comparisons")]
    decided = int((rows["verdict"] != "undecided").sum())
    one_seed = results.runs["seed"].nunique() == 1
    text = (
        f"{decided} of {len(rows)} differences of accuracy are real at {_percent(1 - CONFIDENCE, 0)}, adjusted for how many were "
        f"looked at (Holm); {len(rows) - decided} undecided."
    )
    if one_seed:
        text += (
            " With one seed this holds for these trained models on other test images; whether other seeds would show the same is "
            "not known."
        )
    largest = max(_pairs(rows), key=lambda pair: (pair.real, pair.difference))
    if ((rows["verdict"] == "undecided") & ((rows["low"] > 0) | (rows["high"] < 0))).any():
        text += " An interval is of its difference alone, so it may leave out 0 where the adjusted verdict is undecided."
    kind = "with" if largest.within in set(results.runs["model"]) else "on"
    text += f" The largest: {largest.better} less {largest.worse} {kind} {largest.within}, {largest.text()}."
    return [Finding("Differences", text, "Comparisons"), *_most_data(results), *_models(results)]


def _sizes(runs: pd.DataFrame) -> pd.Series:
    """Return training images by combo of partitions, in the study's order."""
    return runs[runs["combo"] != OFFICIAL].groupby("combo", sort=False)["n_train"].mean()


def _most_data(results: Results) -> list[Finding]:
    sizes = _sizes(results.runs)
    if sizes.nunique() < 2:
        return []
    most, least = sizes.idxmax(), sizes.idxmin()
    texts = []
    for model in results.runs["model"].unique():
        rows = _accuracy(results.comparisons, "combos", model)
        both = rows[rows["a"].isin([most, least]) & rows["b"].isin([most, least])]
        texts += [f"{pair.text()} with {model}" for pair in _pairs(both, better=most)]
    if not texts:
        return []
    text = f"{most} ({sizes[most]:,.0f} training images) less {least} ({sizes[least]:,.0f}): {', '.join(texts)}; 95 % intervals."
    return [Finding("All the data against the least", text, "Comparisons")]


def _models(results: Results) -> list[Finding]:
    """Return how the best two models differ on the largest combo on which models were compared."""
    rows = _accuracy(results.comparisons, "models")
    if rows.empty:
        return []
    combos = [
        combo
        for combo in _sizes(results.runs).sort_values(ascending=False, kind="stable").index
        if combo in set(rows["within"])
    ]
    combo = combos[0] if combos else OFFICIAL
    groups = (
        results.groups[results.groups["combo"] == combo]
        .dropna(subset=["accuracy"])
        .nlargest(2, "accuracy")
    )
    best, second = groups["model"]
    both = rows[
        (rows["within"] == combo) & rows["a"].isin([best, second]) & rows["b"].isin([best, second])
    ]
    text = "".join(
        f"On {combo}, {best} less {second}: {pair.text()}; 95 % interval."
        for pair in _pairs(both, better=best)
    )
    return [Finding("Models", text, "Comparisons")]


def _more_data(scaling: pd.DataFrame) -> list[Finding]:
    if scaling.empty:
        text = "The study has combos of one size only, so it cannot say what more training images bring."
    else:
        gains = [
            f"{_percent(1 - 2**-row.exponent, 0)} less error with {row.model}"
            + (
                f" ({100 * (1 - 2**-row.low):.0f} to {100 * (1 - 2**-row.high):.0f})"
                if not math.isnan(row.low)
                else ""
            )
            for row in scaling.itertuples()
        ]
        text = (
            f"By a power law, twice the training images make {', '.join(gains)}. The 95 % intervals draw the study's own seeds and combos anew, which makes "
            "them too narrow where there are few; the verdicts on differences do not rest on them."
        )
    return [Finding("More data", text, "Comparisons")]


def _partitions_and_seeds(results: Results) -> list[Finding]:
    found = []
    partition = results.variance[results.variance["source"] == "partition"].dropna(subset=["p"])
    if len(partition):
        p_values = ", ".join(f"p = {row.p:.2g} with {row.model}" for row in partition.itertuples())
        differ = partition.loc[partition["p"] <= 1 - CONFIDENCE, "model"].tolist()
        text = (
            f"Which partition a model is trained on matters beyond the seed with {', '.join(differ)} ({p_values})."
            if differ
            else f"Partitions were not found to differ by more than seeds do ({p_values})."
        )
        found.append(Finding("Partitions", text, "Comparisons"))
    seed = results.variance[results.variance["source"] == "seed"].dropna(subset=["sd"])
    noise = results.power[results.power["measure"] == "accuracy"].dropna(subset=["sd"])
    if results.runs["seed"].nunique() == 1:
        text = "With one seed the study cannot say how far accuracies would differ with others."
    elif len(seed):
        chance = results.variance[results.variance["source"] == "finite test"].set_index("model")[
            "sd"
        ]
        spreads = [
            f"{100 * row.sd:.1f} points with {row.model} ({_interval(row.low, row.high)}; the size of the test set alone would make "
            f"it {100 * chance[row.model]:.1f})"
            for row in seed.itertuples()
        ]
        text = f"On one partition, another seed (another split, other initial weights) changes the accuracy by a standard deviation of {', '.join(spreads)}."
    elif len(noise):
        spreads = [
            f"{100 * row.sd:.1f} points among {row.compared} {'of' if row.compared == 'combos' else 'on'} {row.within}"
            for row in noise.itertuples()
        ]
        text = f"Beside what seeds have in common, runs vary by a standard deviation of {', '.join(spreads)}."
    else:
        group = results.groups.dropna(subset=["accuracy"]).iloc[0]
        text = (
            f"The mean accuracy of {group['model']} on {group['combo']} over {group['n_seeds']} seeds has the 95 % interval "
            f"{_interval_of_share(group['seeds_low'], group['seeds_high'])} %."
        )
    return [*found, Finding("Seeds", text, "Comparisons")]


def _what_can_be_found(power: pd.DataFrame) -> list[Finding]:
    rows = power[(power["measure"] == "accuracy") & (power["compared"] == "combos")].dropna(
        subset=["detectable"]
    )
    if rows.empty:
        return []
    found = ", ".join(
        f"{100 * row.detectable:.1f} points with {row.model}"
        for row in rows.rename(columns={"within": "model"}).itertuples()
    )
    needed = ", ".join(
        f"{row.seeds_needed:.0f} with {row.within}"
        for row in rows.dropna(subset=["seeds_needed"]).itertuples()
    )
    text = f"With {rows['n_seeds'].max()} seeds a difference between combos is found in four of five cases if it is at least {found}."
    if needed:
        text += f" Seeds it would take to know it to ± {100 * rows['precision'].max():.1f} points: {needed}."
    return [Finding("What this study can find", text, "Comparisons")]


def _little_to_go_by(results: Results) -> list[Finding]:
    """Return what makes accuracies and differences of this study uncertain before any is looked at."""
    rows = results.comparisons[results.comparisons["measure"] == "accuracy"]
    reasons = []
    if results.runs["seed"].nunique() == 2:
        reasons.append(
            "Two seeds hardly show how far seeds differ: take three or more before a difference counts."
        )
    if len(rows) and (n_test := int((rows["n_images"] / rows["n_seeds"]).min())) < _FEW_TEST_IMAGES:
        reasons.append(
            f"With {n_test} test images a seed one image is {_percent(1 / n_test)} of accuracy: small differences cannot be seen, and which images were "
            "drawn for testing decides much."
        )
    return [Finding("Little to go by", " ".join(reasons), "Comparisons")] if reasons else []


def _near_duplicates(results: Results) -> list[Finding]:
    pairs, n = results.duplicates, len(results.hard_examples)
    found = []
    same = pairs[(pairs["pixel_distance"] == 0) & pairs["labels_differ"]]
    if len(same):
        files = results.hard_examples.set_index("image_id")["file"]
        shown = "; ".join(
            " and ".join(
                f"{files[image_id]} (image_id {image_id})"
                for image_id in (row.image_id, row.other_id)
            )
            for row in same.head(5).itertuples()
        )
        text = (
            f"{counted(len(same), 'pair')} of images with the same pixels {'bears' if len(same) == 1 else 'bear'} two labels, one of which must be wrong: "
            f"{shown}{'; and more' if len(same) > 5 else ''}."
        )
        found.append(Finding("One picture, two labels", text, "Data"))
    share = len(np.union1d(pairs["image_id"], pairs["other_id"])) / n
    if share > _MANY_DUPLICATES:
        text = (
            f"{_percent(share, 0)} of the images are nearly the same as another one, so that fewer runs may judge them. Look at the pairs: if they show "
            "different things, near_duplicates.threshold is too large for these images."
        )
        found.append(Finding("Many near-duplicates", text, "Data"))
    return found


def _hard_images(results: Results) -> list[Finding]:
    judged = results.hard_examples[results.hard_examples["n_eligible"] > 0]
    if judged.empty:
        return [Finding("Hard images", "No run may judge any image.", "Hard examples")]
    halves = results.reliability.set_index("score")
    tops = [
        column
        for column in halves
        if column.startswith("overlap_top_") and halves[column].notna().all()
    ]
    if len(halves) and tops:
        top = max(tops, key=lambda column: int(column.rsplit("_", 1)[1]))
        hardness, count = halves.loc["hardness"], halves.loc["error_rate"]
        text = (
            f"Two random halves of the runs share {_percent(hardness[top], 0)} of their {int(top.rsplit('_', 1)[1]):,} hardest images, and rank all "
            f"images alike with a correlation of {hardness['correlation']:.2f}. Lists made by counting wrong runs share {_percent(count[top], 0)}."
        )
    else:
        text = "There are too few runs or images to say how far the list of hard images can be relied on."
    found = [Finding("How reliable the list of hard images is", text, "Hard examples")]
    always, often = int((judged["error_rate"] == 1).sum()), judged["error_rate"] >= 0.5
    text = f"Of {counted(len(judged), 'image')} that runs may judge, {always:,} are wrong for all of these runs, {int(often.sum()):,} for at least half."
    if len(results.confusions):
        pairs = ", ".join(
            f"{row.label} → {row.consensus} ({row.n:,})"
            for row in results.confusions.head(3).itertuples()
        )
        text += f" Among the latter, label and what most runs say: {pairs}."
    found.append(Finding("Confusions", text, "Hard examples"))
    agreed, flagged = (
        int((judged["kind"] == KINDS[0]).sum()),
        int((judged["cl_issue"] == True).sum()),  # noqa: E712,
    )
    text = (
        f"On {agreed:,} images at least half of the runs are wrong and four of five of all runs agree on one other class; confident learning doubts "
        f"{counted(flagged, 'label')}. Both are reasons to look, not proofs."
    )
    found.append(Finding("Suspect labels", text, "Hard examples"))
    if results.validation is not None:
        found.append(
            Finding("People", f"{validation_finding(results.validation)}.", "Hard examples")
        )
    return found


def _published(results: Results) -> list[Finding]:
    if results.reproduction is None:
        return []
    counts = results.reproduction["verdict"].value_counts()
    text = (
        "Of the published figures: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        + "."
    )
    return [Finding("Published figures", text, "Reproduction")]


def _claims(claims: pd.DataFrame | None) -> list[Finding]:
    if claims is None:
        return []
    verdicts = claims.drop_duplicates("claim").groupby("verdict")["claim"].agg("; ".join)
    text = " ".join(
        f"{verdict.capitalize()}: {verdicts[verdict]}."
        for verdict in VERDICTS
        if verdict in verdicts
    )
    return [Finding("Claims", text, "Comparisons")]
