"""Which images stay hard, judged by runs that neither trained nor validated on them.

Models weigh equally: a score is the mean over models of the mean over a model's runs that may judge the image. Images that many
combos train on are judged by fewer and weaker runs, so raw counts do not compare them; ranks within a run do.
"""

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import rankdata
from statsmodels.stats.proportion import proportion_confint

from study.runs.predictions import Predictions

KINDS = ("consensus other", "split", "unstable", "some", "easy")
_IN_SAMPLE = ("confidence", "variability", "correctness", "forgetting", "first_learnt", "aum")


class Judge(NamedTuple):
    """One run, as a judge of images.

    Attributes:
        model: name of its recipe.
        predictions: of all images.
        dynamics: what `study.training.dynamics` recorded, arrays by name with `image_id`; None if there is nothing.
    """

    model: str
    predictions: Predictions
    dynamics: Mapping[str, np.ndarray] | None = None


class Judgements:
    """What single runs say of all N images, in a temporary file of 4 bytes a run and image: not in memory, however many runs there are.

    Args:
        n_images: N.

    Attributes:
        models: of each run the name of its recipe.
        n_images: N.
    """

    def __init__(self, n_images: int):
        self.models: list[str] = []
        self.n_images = n_images
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object

    def add(self, model: str, rank: np.ndarray, wrong: np.ndarray) -> None:
        """Take in a run.

        Args:
            model: name of its recipe.
            rank: float32, N; rank of the loss among the images that the run may judge, over their number: above 0 (easy) to 1
                (hard). NaN where the run may not judge.
            wrong: bool, N; False where it may not judge.
        """
        self.models.append(model)
        # Ranks are above zero, so a sign has room for the answer.
        self._file.write(np.where(wrong, -rank, rank).astype(np.float32).tobytes())

    def __getitem__(self, run: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rank and wrong of the run that was taken in at this place."""
        size = 4 * self.n_images
        self._file.seek(run * size)
        signed = np.frombuffer(self._file.read(size), np.float32)
        return np.abs(signed), signed < 0


class _Sums:
    """Sums over the runs of one model; each row of an array is an image."""

    def __init__(self, n: int, n_classes: int):
        self.count = np.zeros(n, np.int64)
        self.votes = np.zeros((n, n_classes), np.int32)
        self.probabilities = np.zeros((n, n_classes))
        self.of_label, self.squares, self.rank, self.margin, self.entropy = np.zeros((5, n))

    def mean(self, sums: np.ndarray) -> np.ndarray:
        """Return means over the runs that may judge; NaN where none may."""
        count = self.count if sums.ndim == 1 else self.count[:, None]
        with np.errstate(invalid="ignore"):
            return sums / count


def hardness_table(
    judges: Iterable[Judge],
    labels: np.ndarray,
    n_classes: int,
    duplicates: np.ndarray | None = None,
) -> tuple[pd.DataFrame, Judgements]:
    """Return the scores of every image, and what they rest on.

    Judges are read one by one. Runs that diverged judge nothing.

    Args:
        judges: all runs of a study.
        labels: int, N.
        n_classes: K.
        duplicates: int64, P×2; pairs of images that are nearly the same. A run may not judge an image whose pair it has seen.

    Returns:
        A row an image, in order of image_id, with NaN (and kind "") where no run may judge:

        - `n_eligible` runs that may judge, of `n_models_eligible` models; `n_wrong`, `error_rate` with its 95 % Wilson interval
          (`error_rate_low`, `error_rate_high`; too narrow, because runs of one model are no independent judges) and
          `error_rate_eb`, shrunk by a beta-binomial prior that is fitted to all images.
        - `hardness`: mean rank of -log p(label) within a run, as a share of the images the run may judge; the primary ranking.
          `hardness_se`: standard error over models, NaN with one.
        - `p_label_mean`; `p_label_std` over runs (ddof 0).
        - `label_suspicion`: (1 - mean normalised margin)/2, the margin being p(label) less the largest other probability.
        - `cl_issue`: confident learning on mean probabilities; `cl_issue_models`: how many models flag it by their own.
        - `consensus`, the most frequent prediction, its `consensus_share` of runs and `consensus_p`, mean probability; `second`,
          the class with the highest mean probability besides it, and `second_p`. Classes are label numbers, -1 for none.
        - `entropy_total` = `entropy_aleatoric` + `mi_model` + `mi_seed`, in nats: entropy of the mean probabilities, mean entropy
          of single runs, what models disagree on, what runs of a model disagree on.
        - `models_wrong`: models whose most frequent prediction is wrong.
        - `kind`: "consensus other" (error rate ≥ .5, and ≥ .8 of the runs agree on one other class: suspect the label), "split"
          (≥ .5 otherwise), "unstable" (below .5, consensus share < .8), "some" (below .5), "easy" (never wrong).
        - over the runs that trained on the image (means; NaN where none did): `train_confidence`, `train_variability`,
          `train_correctness`, `train_forgetting`, `train_first_learnt` (over the runs that learnt it), `train_aum`;
          `memorisation`: mean p(label) of models that trained on it less `p_label_mean`.

    Sources: C. Northcutt et al., "Confident Learning", 2021 (cleanlab); R. Baldock et al., "Deep Learning Through the Lens of
    Example Difficulty", 2021 (kinds); V. Feldman, C. Zhang, "What Neural Networks Memorize and Why", 2020 (memorisation).
    """
    n = len(labels)
    everything = np.arange(n)
    sums: dict[str, _Sums] = {}
    in_sample: dict[
        str, tuple[np.ndarray, np.ndarray]
    ] = {}  # model: sum of p(label), number of runs
    dynamics, trained, learnt = np.zeros((len(_IN_SAMPLE), n)), np.zeros(n), np.zeros(n)
    judgements = Judgements(n)
    for judge in judges:
        run = judge.predictions
        if run.diverged:
            continue
        may = run.may_judge(duplicates)
        log_p = run.log_probabilities()
        p = np.exp(log_p)
        of_label = p[everything, labels]
        predicted = log_p.argmax(axis=1)
        rank = np.full(n, np.nan, np.float32)
        rank[may] = rankdata(-log_p[everything, labels][may]) / max(1, may.sum())
        own = sums.setdefault(judge.model, _Sums(n, n_classes))
        own.count += may
        own.votes[everything[may], predicted[may]] += 1
        own.probabilities[may] += p[may]
        own.of_label[may] += of_label[may]
        own.squares[may] += of_label[may] ** 2
        own.rank[may] += rank[may]
        own.margin[may] += (of_label - _largest_other(p, labels))[may]
        own.entropy[may] -= (p * log_p).sum(axis=1)[may]
        judgements.add(judge.model, rank, (predicted != labels) & may)
        total, count = in_sample.setdefault(judge.model, (np.zeros(n), np.zeros(n)))
        seen = run.has_role("train")
        total[seen] += of_label[seen]
        count += seen
        if judge.dynamics is not None:
            ids = judge.dynamics["image_id"]
            trained[ids] += 1
            learnt[ids] += judge.dynamics["first_learnt"] > 0
            for row, name in zip(dynamics, _IN_SAMPLE, strict=True):
                row[ids] += judge.dynamics[name]
    table = _scores(list(sums.values()), labels, n_classes)
    with np.errstate(invalid="ignore"):
        for row, name in zip(dynamics, _IN_SAMPLE, strict=True):
            table[f"train_{name}"] = row / (learnt if name == "first_learnt" else trained)
        in_sample_p = _mean_over_models([total / count for total, count in in_sample.values()], n)
    table["memorisation"] = in_sample_p - table["p_label_mean"]
    return table, judgements


def _scores(models: Sequence[_Sums], labels: np.ndarray, n_classes: int) -> pd.DataFrame:
    n = len(labels)
    everything = np.arange(n)
    count = sum((model.count for model in models), np.zeros(n, np.int64))
    votes = sum((model.votes for model in models), np.zeros((n, n_classes), np.int64))
    judged = count > 0
    n_wrong = count - votes[everything, labels]

    def over_models(name: str) -> np.ndarray:
        return _mean_over_models([model.mean(getattr(model, name)) for model in models], n)

    with np.errstate(invalid="ignore", divide="ignore"):
        error_rate = n_wrong / count
        share = votes.max(axis=1) / count
        squares = sum((model.squares for model in models), np.zeros(n)) / count
        mean = sum((model.of_label for model in models), np.zeros(n)) / count
        by_model = [model.mean(model.rank) for model in models]
        n_models = sum(((model.count > 0).astype(int) for model in models), np.zeros(n, int))
        spread = _spread_over_models(by_model, n) / np.sqrt(n_models)
    low, high = np.full((2, n), np.nan)
    low[judged], high[judged] = proportion_confint(n_wrong[judged], count[judged], method="wilson")
    p = _mean_over_models([model.mean(model.probabilities) for model in models], n, n_classes)
    consensus = votes.argmax(axis=1)
    second_p = p.copy()
    second_p[everything, consensus] = -np.inf
    second = np.where(judged, np.nan_to_num(second_p, nan=-np.inf).argmax(axis=1), -1)
    total = _entropy(p)
    aleatoric = over_models("entropy")
    of_models = _mean_over_models(
        [_entropy(model.mean(model.probabilities)) for model in models], n
    )
    issue = _confident_learning(labels, p, judged)
    flags = sum(
        (
            _confident_learning(labels, m.mean(m.probabilities), m.count > 0).astype(int)
            for m in models
        ),
        0,
    )
    wrong_models = sum(
        (
            ((model.votes.argmax(axis=1) != labels) & (model.count > 0)).astype(int)
            for model in models
        ),
        np.zeros(n, int),
    )
    a, b = beta_binomial(n_wrong[judged], count[judged])
    return pd.DataFrame(
        {
            "n_eligible": count,
            "n_models_eligible": n_models,
            "n_wrong": n_wrong,
            "error_rate": error_rate,
            "error_rate_low": low,
            "error_rate_high": high,
            "error_rate_eb": np.where(judged, (n_wrong + a) / (count + a + b), np.nan),
            "hardness": _mean_over_models(by_model, n),
            "hardness_se": spread,
            "p_label_mean": over_models("of_label"),
            "p_label_std": np.sqrt(np.maximum(squares - mean**2, 0)),
            "label_suspicion": (1 - over_models("margin")) / 2,
            "cl_issue": issue,
            "cl_issue_models": flags,
            "consensus": np.where(judged, consensus, -1),
            "consensus_share": share,
            "consensus_p": np.where(judged, p[everything, consensus], np.nan),
            "second": second,
            "second_p": np.where(judged, p[everything, second], np.nan),
            "entropy_total": total,
            "entropy_aleatoric": aleatoric,
            "mi_model": total - of_models,
            "mi_seed": of_models - aleatoric,
            "models_wrong": wrong_models,
            "kind": _kinds(error_rate, share, consensus != labels),
        }
    )


def _mean_over_models(means: Sequence[np.ndarray], n: int, *more: int) -> np.ndarray:
    """Return the mean over the models that have a value."""
    total, count = np.zeros((n, *more)), np.zeros((n, *more))
    for mean in means:
        known = ~np.isnan(mean)
        total[known] += mean[known]
        count += known
    with np.errstate(invalid="ignore"):
        return total / count


def _spread_over_models(means: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return the sample standard deviation over the models that have a value; NaN with fewer than two."""
    center = _mean_over_models(means, n)
    known = sum(((~np.isnan(mean)).astype(int) for mean in means), np.zeros(n, int))
    squares = sum((np.nan_to_num((mean - center) ** 2) for mean in means), np.zeros(n))
    return np.where(known > 1, np.sqrt(squares / np.maximum(known - 1, 1)), np.nan)


def _largest_other(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    others = p.copy()
    others[np.arange(len(p)), labels] = -np.inf
    return others.max(axis=1)


def _entropy(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(p == 0, 0, p * np.log(p)).sum(axis=1)


def _confident_learning(labels: np.ndarray, p: np.ndarray, judged: np.ndarray) -> np.ndarray:
    issue = np.zeros(len(labels), bool)
    # cleanlab wants every class to be there.
    if len(np.unique(labels[judged])) == p.shape[1]:
        share = p[judged] / p[judged].sum(axis=1, keepdims=True)
        issue[judged] = find_label_issues(
            labels[judged], share, filter_by="confident_learning", n_jobs=1
        )
    return issue


def _kinds(error_rate: np.ndarray, share: np.ndarray, other: np.ndarray) -> np.ndarray:
    cases = [
        (error_rate >= 0.5) & other & (share >= 0.8),
        error_rate >= 0.5,
        (error_rate > 0) & (share < 0.8),
        error_rate > 0,
        error_rate == 0,
    ]
    return np.select(cases, KINDS, "")


def beta_binomial(wrong: np.ndarray, count: np.ndarray) -> tuple[float, float]:
    """Return the parameters a, b of the beta prior that makes these counts most likely (maximum marginal likelihood)."""
    if len(count) == 0:
        return 1.0, 1.0
    pairs, times = np.unique(np.stack([wrong, count]), axis=1, return_counts=True)
    k, n = pairs

    def loss(logs: np.ndarray) -> float:
        a, b = np.exp(logs)
        return -float((times * (betaln(k + a, n - k + b) - betaln(a, b))).sum()) / len(count)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-8, 8)] * 2)
    a, b = np.exp(found.x)
    return float(a), float(b)


class Reliability(NamedTuple):
    """How far two random halves of the runs agree on the ranking, means over repetitions.

    Attributes:
        score: "hardness" or "error_rate".
        correlation: Spearman's, over all images that both halves judge.
        full: the correlation that two whole sets of runs would have (Spearman-Brown).
        overlap: share of the hardest images in common, by how many these are.
        repetitions: of the halving.
    """

    score: str
    correlation: float
    full: float
    overlap: dict[int, float]
    repetitions: int


def list_length(n_images: int) -> int:
    """Return how long a list of the hardest of so many images is: 1,000, or a round number that is at most a twentieth of them.

    Lists that are a good part of all images share much by chance: two of 1,000 among 1,797 images more than half.
    """
    rounds = (number * 10**power for power in (2, 1, 0) for number in (10, 5, 2))
    return next((length for length in rounds if 20 * length <= n_images), 1)


def split_half(
    judgements: Judgements, random: np.random.Generator, tops: Sequence[int], repetitions: int = 20
) -> list[Reliability]:
    """Return how reliable the ranking by hardness is, and beside it the one by the plain share of wrong runs.

    Each model's runs are halved at random. Ties, of which the share of wrong runs has many, are broken at random.
    """
    found: dict[str, list[tuple[float, dict[int, float]]]] = {"hardness": [], "error_rate": []}
    for _ in range(repetitions):
        first = _random_half(judgements.models, random)
        halves = [judgement_scores(judgements, half) for half in (first, ~first)]
        for score, results in found.items():
            a, b = (half[score] for half in halves)
            both = ~np.isnan(a) & ~np.isnan(b)
            if both.sum() < 3:
                continue
            a, b = a[both], b[both]
            correlation = float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
            overlap = {top: _overlap(a, b, top, random) for top in tops if top < both.sum()}
            results.append((correlation, overlap))
    rows = []
    for score, results in found.items():
        if results:
            correlation = float(np.mean([one for one, _ in results]))
            overlap = {
                top: float(np.mean([tops_of[top] for _, tops_of in results]))
                for top in results[0][1]
            }
            # Spearman-Brown; two runs that rank a handful of images in opposite ways leave nothing to extrapolate.
            full = 2 * correlation / (1 + correlation) if correlation > -1 else math.nan
            rows.append(Reliability(score, correlation, full, overlap, len(results)))
    return rows


def growth(
    judgements: Judgements, random: np.random.Generator, top: int, repetitions: int = 10
) -> list[dict[str, Any]]:
    """Return how the list of the hardest images settles with the number of runs.

    Rows with `n_runs`, `score` and `overlap`: the share of the whole study's `top` hardest images that so many random runs find.
    """
    whole = judgement_scores(judgements, np.ones(len(judgements.models), bool))
    total = len(judgements.models)
    sizes = (
        sorted({*(2**i for i in range(math.ceil(math.log2(total + 1)))), total}) if total else []
    )
    rows = []
    for size in sizes:
        overlaps: dict[str, list[float]] = {"hardness": [], "error_rate": []}
        for _ in range(repetitions):
            chosen = np.zeros(total, bool)
            chosen[random.permutation(total)[:size]] = True
            part = judgement_scores(judgements, chosen)
            for score, found in overlaps.items():
                a, b = whole[score], part[score]
                found.append(
                    _overlap(
                        np.nan_to_num(a, nan=-1), np.nan_to_num(b, nan=-1), min(top, len(a)), random
                    )
                )
        rows += [
            {"n_runs": size, "score": score, "overlap": float(np.mean(o))}
            for score, o in overlaps.items()
        ]
    return rows


def judgement_scores(judgements: Judgements, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return `hardness` and `error_rate` of all images by the chosen runs, a mask of R; NaN where none may judge."""
    n = judgements.n_images
    sums: dict[
        str, tuple[np.ndarray, np.ndarray]
    ] = {}  # model: sum of ranks, number of runs that may judge
    wrongs = np.zeros(n, np.int64)
    for run in np.flatnonzero(chosen):
        rank, wrong = judgements[run]
        may = ~np.isnan(rank)
        total, count = sums.setdefault(judgements.models[run], (np.zeros(n), np.zeros(n, np.int64)))
        np.add(total, rank, out=total, where=may)
        count += may
        wrongs += wrong
    with np.errstate(invalid="ignore"):
        by_model = [total / count for total, count in sums.values()]
        error_rate = wrongs / sum((count for _, count in sums.values()), np.zeros(n, np.int64))
    return {"hardness": _mean_over_models(by_model, n), "error_rate": error_rate}


def _random_half(models: Sequence[str], random: np.random.Generator) -> np.ndarray:
    names = np.array(models)
    half = np.zeros(len(names), bool)
    for model in dict.fromkeys(models):
        own = random.permutation(np.flatnonzero(names == model))
        # Of an odd number, the larger half goes either way.
        half[own[: (len(own) + random.integers(2)) // 2]] = True
    return half


def _overlap(a: np.ndarray, b: np.ndarray, top: int, random: np.random.Generator) -> float:
    """Return the share of the `top` largest of one that are among those of the other; ties in random order."""
    lists = (np.lexsort([random.random(len(values)), -values])[:top] for values in (a, b))
    return len(np.intersect1d(*lists)) / top
