"""The columns of the table of hard examples, as the gallery shows and sorts by them."""

import numpy as np
import pandas as pd

from study.report.gallery.packing import Part, array_part, json_part, quantised

CATEGORIES = (
    "class",
    "consensus",
    "second",
    "kind",
    "partition",
    "source_split",
    "human_source",
    "human_top",
)
MEANINGS = {
    "image_id": "number of the image in the study",
    "hardness": "mean rank of the label's loss within a run: 0 easy, 1 hard",
    "hardness_se": "standard error of hardness over models",
    "label_suspicion": "(1 − mean margin) / 2, where margin = p(label) − largest other p: "
    "near 1, suspect the label",
    "error_rate": "share of the runs that may judge it which are wrong",
    "error_rate_low": "lower end of its 95 % Wilson interval",
    "error_rate_high": "upper end of its 95 % Wilson interval",
    "error_rate_eb": "the share of wrong runs, shrunk by a beta-binomial prior",
    "n_eligible": "runs that may judge it",
    "n_models_eligible": "models with a run that may judge it",
    "n_wrong": "runs that may judge it and are wrong",
    "models_wrong": "models whose most frequent answer is wrong",
    "p_label_mean": "mean probability of the label",
    "p_label_std": "standard deviation over runs of the label's probability",
    "cl_issue": "label suspect by confident learning: 1 yes, 0 no",
    "cl_issue_models": "models that by themselves find the label suspect",
    "consensus_share": "share of the runs that say the consensus",
    "consensus_p": "mean probability of the consensus",
    "second_p": "mean probability of the most probable class beside the consensus",
    "entropy_total": "of the mean probabilities, in nats",
    "entropy_aleatoric": "mean entropy of single runs, in nats",
    "mi_model": "what models disagree on, in nats",
    "mi_seed": "what runs of a model disagree on, in nats",
    "train_confidence": "mean probability of the label while it was trained on",
    "train_variability": "standard deviation of that over epochs",
    "train_correctness": "share of the epochs in which it was right",
    "train_forgetting": "times it was right in one epoch and wrong in the next",
    "train_first_learnt": "epoch in which it was right first",
    "train_aum": "mean margin of the label's logit in training",
    "memorisation": "mean probability of the label where it was trained on minus where it was not",
    "near_duplicate": "image_id of the nearest near-duplicate",
    "near_duplicate_distance": "its distance",
    "near_duplicate_other_label": "a near-duplicate bears another label: 1 yes, 0 no",
    "human_n": "people who were asked",
    "human_error": "share of them whose answer is not the label",
    "human_entropy": "of their answers, in nats",
    "human_rejects": "more of them chose another class than the label: 1 yes, 0 no",
    "review_given": "reviews that confirm the label",
    "review_guessed": "reviews for the class that was suggested instead",
    "review_neither": "reviews for neither of the two",
    "review_both": "reviews for both",
}


def pack_columns(table: pd.DataFrame) -> tuple[list[dict], list[Part]]:
    """Return what the columns are, and their values.

    Args:
        table: rows of hard_examples.csv, in the order of the gallery.

    Returns:
        A dictionary a column: `name` and `kind`; of a category its `values`, of which codes count;
        of a number `low`, `step`, `decimals` and `meaning`. And a part a column, named
        `column-<name>`, besides `files`, the names of the files.
    """
    columns: list[dict] = []
    parts = [json_part("files", table["file"].tolist())]
    for name in table.columns.drop("file"):
        if name in CATEGORIES:
            codes, values = pd.factorize(table[name].fillna("").astype(str), sort=True)
            columns.append({"name": name, "kind": "category", "values": list(values)})
            codes = codes.astype(np.min_scalar_type(len(values)))
        elif pd.api.types.is_numeric_dtype(numbers := table[name].convert_dtypes()):
            codes, scale = quantised(numbers.to_numpy(np.float64, na_value=np.nan))
            columns.append(
                {"name": name, "kind": "number", "meaning": MEANINGS.get(name, "")}
                | scale._asdict()
            )
        else:
            continue
        parts.append(array_part(f"column-{name}", codes))
    return columns, parts
