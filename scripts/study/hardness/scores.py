"""How hard each image is: scores of all images, from what the runs say that may judge them.

Models weigh equally: a score is the mean over models of the mean over a model's runs that may judge
the image. Images that many combos train on are judged by fewer and weaker runs, so raw counts do
not compare them; ranks within a run do.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from scipy.optimize import minimize
from scipy.special import betaln
from statsmodels.stats.proportion import proportion_confint

from study.hardness.judgements import Judgements, ModelVotes, mean_over_models

KINDS = ("consensus other", "split", "unstable", "some", "easy")


def hardness_table(judgements: Judgements) -> pd.DataFrame:
    """Return the scores of every image, in order of image_id; NaN where no run may judge.

    - `n_eligible` runs that may judge, of `n_models_eligible` models; `n_wrong` of them.
    - `error_rate` with its 95 % Wilson interval, `error_rate_low` and `error_rate_high` (too
      narrow, because runs of one model are no independent judges). `error_rate_eb` is shrunk by a
      beta-binomial prior that is fitted to all images.
    - `hardness`: mean rank of -log p(label) within a run, as a share of the images that the run may
      judge; the primary ranking. `hardness_se`: standard error over models, NaN with one.
    - `p_label_mean`; `p_label_std` over runs (ddof 0).
    - `label_suspicion`: (1 − mean margin) / 2, where margin = p(label) − largest other probability.
    - `cl_issue`: confident learning on mean probabilities; `cl_issue_models`: how many models flag
      the image by their own.
    - `consensus`, the most frequent prediction, its `consensus_share` of runs and `consensus_p`,
      mean probability; `second`, the class with the highest mean probability besides it, and
      `second_p`. Classes are label numbers, -1 for none.
    - `entropy_total` = `entropy_aleatoric` + `mi_model` + `mi_seed`, in nats: entropy of the mean
      probabilities, mean entropy of single runs, what models disagree on, what runs of a model
      disagree on.
    - `models_wrong`: models whose most frequent prediction is wrong.
    - `kind`: see `_kinds`; "" where no run may judge.
    - `train_…`: the training dynamics, means over the runs that trained on the image.
    - `memorisation`: mean p(label) of models that trained on the image, minus `p_label_mean`.

    Sources: C. Northcutt et al., "Confident Learning", 2021 (cleanlab); R. Baldock et al., "Deep
    Learning Through the Lens of Example Difficulty", 2021 (kinds); V. Feldman, C. Zhang, "What
    Neural Networks Memorize and Why", 2020 (memorisation).
    """
    labels, models = judgements.labels, list(judgements.votes.values())
    columns = _errors(models, labels) | _losses(models, len(labels))
    p = mean_over_models(
        [model.mean("probabilities") for model in models], len(labels), judgements.n_classes
    )
    columns |= _label_issues(models, labels, p)
    columns |= _consensus(models, labels, p)
    columns |= _entropies(models, p)
    columns["models_wrong"] = _models_wrong(models, labels)
    wrong = columns["consensus"] != labels
    columns["kind"] = _kinds(columns["error_rate"], columns["consensus_share"], wrong)
    for name, values in judgements.dynamics.means().items():
        columns[f"train_{name}"] = values
    columns["memorisation"] = _p_trained(models, len(labels)) - columns["p_label_mean"]
    return pd.DataFrame(columns)


def _errors(models: Sequence[ModelVotes], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return how many runs and models judge each image, and how many runs are wrong."""
    n = len(labels)
    count = sum((model.count for model in models), np.zeros(n, np.int64))
    right = sum((model.votes[np.arange(n), labels] for model in models), np.zeros(n, np.int64))
    n_wrong, judged = count - right, count > 0
    low, high = np.full((2, n), np.nan)
    low[judged], high[judged] = proportion_confint(n_wrong[judged], count[judged], method="wilson")
    a, b = beta_binomial(n_wrong[judged], count[judged])
    with np.errstate(invalid="ignore"):
        error_rate = n_wrong / count
    return {
        "n_eligible": count,
        "n_models_eligible": sum((model.count > 0 for model in models), np.zeros(n, int)),
        "n_wrong": n_wrong,
        "error_rate": error_rate,
        "error_rate_low": low,
        "error_rate_high": high,
        "error_rate_eb": np.where(judged, (n_wrong + a) / (count + a + b), np.nan),
    }


def _losses(models: Sequence[ModelVotes], n: int) -> dict[str, np.ndarray]:
    """Return what rests on the label's loss, probability and margin."""
    ranks = [model.mean("rank") for model in models]
    n_models = sum((model.count > 0 for model in models), np.zeros(n, int))
    count, of_label, squares = (
        sum((getattr(model, name) for model in models), np.zeros(n))
        for name in ("count", "of_label", "squares")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / count - (of_label / count) ** 2
        standard_error = _spread_over_models(ranks, n) / np.sqrt(n_models)
    margin = mean_over_models([model.mean("margin") for model in models], n)
    return {
        "hardness": mean_over_models(ranks, n),
        "hardness_se": standard_error,
        "p_label_mean": mean_over_models([model.mean("of_label") for model in models], n),
        "p_label_std": np.sqrt(np.maximum(variance, 0)),
        "label_suspicion": (1 - margin) / 2,
    }


def _label_issues(
    models: Sequence[ModelVotes], labels: np.ndarray, p: np.ndarray
) -> dict[str, np.ndarray]:
    """Return which labels confident learning doubts, by all models and by how many alone."""
    n = len(labels)
    judged = sum((model.count for model in models), np.zeros(n, np.int64)) > 0
    flags = (
        _confident_learning(labels, model.mean("probabilities"), model.count > 0)
        for model in models
    )
    return {
        "cl_issue": _confident_learning(labels, p, judged),
        "cl_issue_models": sum(flags, np.zeros(n, int)),
    }


def _consensus(
    models: Sequence[ModelVotes], labels: np.ndarray, p: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what most runs predict, and the class that comes next."""
    images = np.arange(len(labels))
    count = sum((model.count for model in models), np.zeros(len(labels), np.int64))
    votes = sum((model.votes for model in models), np.zeros(p.shape, np.int64))
    judged, consensus = count > 0, votes.argmax(axis=1)
    others = p.copy()
    others[images, consensus] = -np.inf
    second = np.where(judged, np.nan_to_num(others, nan=-np.inf).argmax(axis=1), -1)
    with np.errstate(invalid="ignore"):
        share = votes.max(axis=1) / count
    return {
        "consensus": np.where(judged, consensus, -1),
        "consensus_share": share,
        "consensus_p": np.where(judged, p[images, consensus], np.nan),
        "second": second,
        "second_p": np.where(judged, p[images, second], np.nan),
    }


def _entropies(models: Sequence[ModelVotes], p: np.ndarray) -> dict[str, np.ndarray]:
    """Return the entropy of the mean probabilities and its parts."""
    total = _entropy(p)
    aleatoric = mean_over_models([model.mean("entropy") for model in models], len(p))
    of_models = mean_over_models(
        [_entropy(model.mean("probabilities")) for model in models], len(p)
    )
    return {
        "entropy_total": total,
        "entropy_aleatoric": aleatoric,
        "mi_model": total - of_models,
        "mi_seed": of_models - aleatoric,
    }


def _models_wrong(models: Sequence[ModelVotes], labels: np.ndarray) -> np.ndarray:
    """Return how many models' most frequent prediction is wrong."""
    wrong = ((model.votes.argmax(axis=1) != labels) & (model.count > 0) for model in models)
    return sum(wrong, np.zeros(len(labels), int))


def _p_trained(models: Sequence[ModelVotes], n: int) -> np.ndarray:
    """Return the mean p(label) of the models that trained on the image."""
    with np.errstate(invalid="ignore"):
        return mean_over_models([model.of_label_trained / model.trained for model in models], n)


def _spread_over_models(means: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return the sample standard deviation over models with a value; NaN with fewer than two."""
    center = mean_over_models(means, n)
    known = sum((~np.isnan(mean) for mean in means), np.zeros(n, int))
    squares = sum((np.nan_to_num((mean - center) ** 2) for mean in means), np.zeros(n))
    return np.where(known > 1, np.sqrt(squares / np.maximum(known - 1, 1)), np.nan)


def _entropy(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(p == 0, 0, p * np.log(p)).sum(axis=1)


def _confident_learning(labels: np.ndarray, p: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Return which labels confident learning doubts, among the judged images."""
    issue = np.zeros(len(labels), bool)
    # cleanlab wants every class to be there.
    if len(np.unique(labels[judged])) == p.shape[1]:
        share = p[judged] / p[judged].sum(axis=1, keepdims=True)
        issue[judged] = find_label_issues(
            labels[judged], share, filter_by="confident_learning", n_jobs=1
        )
    return issue


def _kinds(error_rate: np.ndarray, share: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the kind of each image.

    - "consensus other": error rate ≥ .5, and ≥ .8 of the runs agree on one other class, so the
      label is suspect.
    - "split": error rate ≥ .5 otherwise.
    - "unstable": error rate < .5, and consensus share < .8.
    - "some": error rate < .5 otherwise.
    - "easy": never wrong.
    """
    cases = [
        (error_rate >= 0.5) & other & (share >= 0.8),
        error_rate >= 0.5,
        (error_rate > 0) & (share < 0.8),
        error_rate > 0,
        error_rate == 0,
    ]
    return np.select(cases, KINDS, "")


def beta_binomial(wrong: np.ndarray, count: np.ndarray) -> tuple[float, float]:
    """Return a and b of the beta prior that makes these counts likeliest (marginal likelihood)."""
    if len(count) == 0:
        return 1.0, 1.0
    pairs, times = np.unique(np.stack([wrong, count]), axis=1, return_counts=True)
    k, n = pairs

    def loss(logs: np.ndarray) -> float:
        a, b = np.exp(logs)
        return -float((times * (betaln(k + a, n - k + b) - betaln(a, b))).sum()) / len(count)

    fit = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-8, 8)] * 2)
    a, b = np.exp(fit.x)
    return float(a), float(b)
