"""How hard each image is: scores of all images, from what the runs say that may judge them.

Models weigh equally: a score is the mean over models of the mean over a model's runs that may judge
the image. Images that many combos train on are judged by fewer and weaker runs. Ranks within a run
compare them all the same. Everything else rests on runs of equal training size; what does not grow
in proportion to their number rests on four of them (`study.hardness.panel`), or on pairs.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln
from statsmodels.stats.proportion import proportion_confint

from study.hardness.judgements import Judgements, ModelVotes, mean_over_models
from study.hardness.panel import JUDGES, Verdicts
from study.hardness.suspects import why_no_suspects
from study.wording import counted

KINDS = ("consensus other", "split", "unstable", "easy", "few judges")
# Of the `JUDGES`, those that doubt a label which is suspected.
_DOUBTS = 3


def hardness_table(judgements: Judgements) -> pd.DataFrame:
    """Return the scores of every image, in order of image_id; missing where no run may judge.

    - `n_eligible` runs that may judge, of `n_models_eligible` models. Of these, `n_comparable` are
      of about equal training size (`study.hardness.comparable`); all but `hardness`,
      `label_suspicion`, `consensus`, `consensus_share`, `other_class` and `models_wrong` rest on
      them.
    - `n_wrong` of them; `error_rate` with its 95 % Wilson interval, `error_rate_low` and
      `error_rate_high` (too narrow, because runs of one model are no independent judges).
      `error_rate_eb` is shrunk by a beta-binomial prior that is fitted to all images.
    - `hardness`: mean rank within a run, as a share of the images that the run may judge; the
      primary ranking. A run ranks by the mean of two normal scores: of -log p(label) over the views
      that training showed, and of `neighbour_disagreement`. Without neighbours the former is all.
      `hardness_se`: standard error over models, NaN with one.
    - `neighbour_disagreement`: share of the nearest training images that have another label.
    - `label_suspicion`: such a rank by the margin of log p over these views, the best other class
      minus the label. Neighbours found fewer of the labels that were changed on purpose.
    - `p_label_mean`; `p_label_std` over runs (ddof 1).
    - `consensus`, the most frequent prediction, its `consensus_share` of runs and `consensus_p`,
      mean probability; `second`, the class with the highest mean probability besides it, and
      `second_p`. Classes are label numbers, -1 for none.
    - `other_class`: the most frequent wrong prediction. Of equally frequent ones, it and
      `consensus` are the one of higher mean probability.
    - `entropy_total`, `entropy_aleatoric`, `mi_model`, `mi_seed`: see `_disagreement`.
    - `models_wrong`: models whose most frequent prediction is wrong.
    - `wrong_of_four`: how many of four judges are wrong; `kind`: see `_kinds`.
    - `cl_issue`: whether three of the four doubt the label by confident learning, each with the
      thresholds of its own answers. Missing with fewer, and in studies that suspect no labels.
    - `train_…`: the training dynamics, means over the runs that trained on the image.
    - `memorisation`: mean p(label) of the runs of this training size that trained on the image,
      minus that of those that may judge it.

    Sources: R. Baldock et al., "Deep Learning Through the Lens of Example Difficulty", 2021
    (kinds); V. Feldman, C. Zhang, "What Neural Networks Memorize and Why", 2020 (memorisation).
    """
    labels, models = judgements.labels, list(judgements.votes.values())
    n = len(labels)
    columns = _errors(models, n) | _losses(models, n)
    p = mean_over_models([model.mean("probabilities") for model in models], n, judgements.n_classes)
    columns |= _consensus(models, labels, p)
    columns |= _disagreement(models, n)
    columns["models_wrong"] = _models_wrong(models, labels)
    columns |= _of_four(judgements.panel.verdicts(), labels, columns)
    for name, values in judgements.dynamics.means().items():
        columns[f"train_{name}"] = values
    added = [model.mean_trained() - model.mean("of_label") for model in models]
    columns["memorisation"] = mean_over_models(added, n)
    return pd.DataFrame(columns)


def _errors(models: Sequence[ModelVotes], n: int) -> dict[str, np.ndarray]:
    """Return how many runs and models judge each image, and how many runs are wrong."""
    eligible, count, n_wrong = (
        sum((getattr(model, name) for model in models), np.zeros(n, np.int64))
        for name in ("count", "n_comparable", "n_wrong")
    )
    judged = count > 0
    low, high = np.full((2, n), np.nan)
    low[judged], high[judged] = proportion_confint(n_wrong[judged], count[judged], method="wilson")
    a, b = beta_binomial(n_wrong[judged], count[judged])
    with np.errstate(invalid="ignore"):
        error_rate = n_wrong / count
    return {
        "n_eligible": eligible,
        "n_models_eligible": sum((model.count > 0 for model in models), np.zeros(n, int)),
        "n_comparable": count,
        "n_wrong": n_wrong,
        "error_rate": error_rate,
        "error_rate_low": low,
        "error_rate_high": high,
        "error_rate_eb": np.where(judged, (n_wrong + a) / (count + a + b), np.nan),
    }


def _losses(models: Sequence[ModelVotes], n: int) -> dict[str, np.ndarray]:
    """Return what rests on the label's loss, probability, margin and neighbours."""
    ranks = [model.mean("rank") for model in models]
    n_models = sum((model.count > 0 for model in models), np.zeros(n, int))
    count, of_label, squares = (
        sum((getattr(model, name) for model in models), np.zeros(n))
        for name in ("n_comparable", "of_label", "squares")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares - of_label**2 / count) / (count - 1)
        standard_error = _spread_over_models(ranks, n) / np.sqrt(n_models)
    return {
        "hardness": mean_over_models(ranks, n),
        "hardness_se": standard_error,
        "neighbour_disagreement": mean_over_models(
            [model.mean("disagreement") for model in models], n
        ),
        "p_label_mean": mean_over_models([model.mean("of_label") for model in models], n),
        "p_label_std": np.sqrt(np.maximum(variance, 0)),
        "label_suspicion": mean_over_models([model.mean("suspicion") for model in models], n),
    }


def _consensus(
    models: Sequence[ModelVotes], labels: np.ndarray, p: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what runs predict most often, the class that comes next, and what is taken for it."""
    images = np.arange(len(labels))
    count = sum((model.count for model in models), np.zeros(len(labels), np.int64))
    votes = sum((model.votes for model in models), np.zeros(p.shape, np.int64))
    # Half a probability decides between equally frequent classes, and never between others.
    favoured = votes + np.nan_to_num(p) / 2
    judged, consensus = count > 0, favoured.argmax(axis=1)
    wrong = np.where(np.arange(p.shape[1]) == labels[:, None], -1.0, favoured)
    mistaken = votes.sum(axis=1) > votes[images, labels]
    others = p.copy()
    others[images, consensus] = -np.inf
    # Without a comparable run no probability is known.
    second = np.where(np.isnan(p).any(axis=1), -1, others.argmax(axis=1))
    with np.errstate(invalid="ignore"):
        share = votes.max(axis=1) / count
    return {
        "consensus": np.where(judged, consensus, -1),
        "consensus_share": share,
        "consensus_p": p[images, consensus],
        "second": second,
        "second_p": p[images, second],
        "other_class": np.where(mistaken, wrong.argmax(axis=1), -1),
    }


def _disagreement(models: Sequence[ModelVotes], n: int) -> dict[str, np.ndarray]:
    """Return how often answers differ that are drawn by the probabilities of the runs.

    - `entropy_aleatoric`: two answers of the same run (1 − Σ p², the quadratic entropy).
    - `mi_seed`: by how much more often those of two runs of a model.
    - `mi_model`: by how much more often those of runs of two models.
    - `entropy_total`: those of runs of two models, or of two runs in a study of one model; the sum
      of the three.

    All are means over pairs of runs, so their expectation does not depend on how many runs there
    are: the entropy of mean probabilities grows with their number. What is small may be negative.
    Missing where there are no such pairs.
    """
    own = [1 - model.mean("norms") for model in models]
    same = [
        1 - _product_of_pairs(model.probabilities, model.norms, model.n_comparable)
        for model in models
    ]
    means = [model.mean("probabilities") for model in models]
    known = [model.n_comparable > 0 for model in models]
    squares = sum((np.nan_to_num(mean**2).sum(axis=1) for mean in means), np.zeros(n))
    total = sum((np.nan_to_num(mean) for mean in means), np.zeros((1, 1)))
    between = 1 - _product_of_pairs(total, squares, sum(known, np.zeros(n, int)))
    aleatoric, of_same = mean_over_models(own, n), mean_over_models(same, n)
    every_pair = np.all([~np.isnan(one) | ~may for one, may in zip(same, known, strict=True)], 0)
    return {
        "entropy_total": between if len(models) > 1 else of_same,
        "entropy_aleatoric": aleatoric,
        "mi_model": np.where(every_pair, between - of_same, np.nan),
        "mi_seed": mean_over_models([two - one for two, one in zip(same, own, strict=True)], n),
    }


def _product_of_pairs(total: np.ndarray, squares: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the mean of p·q over pairs of vectors, by their sum, N×K, and sum of squares, N."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            count > 1, ((total**2).sum(axis=1) - squares) / (count * (count - 1)), np.nan
        )


def _models_wrong(models: Sequence[ModelVotes], labels: np.ndarray) -> np.ndarray:
    """Return how many models' most frequent prediction is wrong."""
    wrong = ((model.votes.argmax(axis=1) != labels) & (model.count > 0) for model in models)
    return sum(wrong, np.zeros(len(labels), int))


def _spread_over_models(means: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return the sample standard deviation over models with a value; NaN with fewer than two."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # says that there are fewer than two
        return np.nanstd(np.reshape(means, (-1, n)), axis=0, ddof=1)


def _of_four(
    verdicts: Verdicts, labels: np.ndarray, columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray | pd.api.extensions.ExtensionArray]:
    """Return what four judges of each image say: how many are wrong, the kind, who doubts."""
    wrong = (verdicts.predicted != labels[:, None]).sum(axis=1)
    may_suspect = not why_no_suspects(columns["error_rate"], columns["n_comparable"])
    issue = verdicts.doubted.sum(axis=1) >= _DOUBTS
    return {
        "wrong_of_four": pd.arrays.IntegerArray(wrong, ~verdicts.known),
        "kind": np.where(columns["n_eligible"] > 0, _kinds(verdicts, wrong), ""),
        "cl_issue": pd.arrays.BooleanArray(issue, ~(verdicts.known & may_suspect)),
    }


def _kinds(verdicts: Verdicts, wrong: np.ndarray) -> np.ndarray:
    """Return the kind of each image by its four judges.

    - "consensus other": all say the same other class.
    - "split": two or more are wrong otherwise.
    - "unstable": one is wrong.
    - "easy": none is wrong.
    - "few judges": there are fewer than four of equal training size.
    """
    agree = (verdicts.predicted == verdicts.predicted[:, :1]).all(axis=1)
    cases = [~verdicts.known, agree & (wrong == JUDGES), wrong >= 2, wrong == 1]
    return np.select(cases, [KINDS[4], *KINDS[:3]], KINDS[3])


def mistakes_of_four(table: pd.DataFrame) -> str:
    """Return how many images four judges get wrong, as a sentence without a full stop.

    Args:
        table: what `hardness_table` returned: `n_eligible` and `wrong_of_four`.
    """
    wrong = table["wrong_of_four"].dropna()
    n_all, unjudged = int((wrong == JUDGES).sum()), int((table["n_eligible"] == 0).sum())
    rest = {"fewer": len(table) - len(wrong) - unjudged, "none": unjudged}
    counts = [f"{n:,} {'has' if n == 1 else 'have'} {what}" for what, n in rest.items() if n]
    fewer = f" ({', '.join(counts)})" if counts else ""
    if wrong.empty:
        return f"No image has four judges of equal training size{fewer}"
    return (
        f"Of {counted(len(wrong), 'image')} with four judges of equal training size{fewer}, "
        f"{n_all:,} {'is' if n_all == 1 else 'are'} wrong for all four, "
        f"{int((wrong >= 2).sum()):,} for two or more"
    )


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
