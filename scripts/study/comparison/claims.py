"""Whether a study's results support, contradict or leave undecided statements about it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.special import chdtri, stdtrit

from study.comparison.intervals import CONFIDENCE
from study.data.names import OFFICIAL
from study.errors import StudyError

_TAIL = (1 - CONFIDENCE) / 2
VERDICTS = ("supported", "contradicted", "undecided")
_COLUMNS = ["case", "case_verdict", "value", "low", "high", "expected", "reason"]

# Why a case has no interval to be judged by.
_SAME = "its predictions are the same on all combos"
_SEEDLESS = "its predictions are the same with all seeds"
_NO_RUN = "all runs diverged or are missing"
_AGREE = "its seeds agree exactly, which does not show how far others would differ"


def judge_claims(
    claims: Sequence[Mapping[str, Any]],
    pairs: pd.DataFrame,
    groups: pd.DataFrame,
    variance: pd.DataFrame,
) -> pd.DataFrame:
    """Return what the results say of each claim.

    A claim about several cases is supported if all of them are, contradicted if one of them is,
    else undecided. All must hold for support, so each is tested at 5 %; any may contradict, so the
    5 % of that are divided among them (Bonferroni). A claim about all models leaves out those whose
    predictions do not vary with what it is about, unless there are no others.

    - `better` … `than`: two combos, for each of `models`, or two models, on each of `combos`.
      Supported where the first has the higher accuracy by the test of
      `study.comparison.pairs.compare` (Holm-adjusted, 5 %), contradicted where the second has.
    - `accuracy_at_least`: for each of `combos` and `models`. Supported where the 95 % t interval
      of the mean over seeds is not below it, contradicted where the adjusted one is all below.
    - `seed_sd_at_most`: for each of `models`; the same with the chi-square interval of the
      standard deviation over seeds.

    Args:
        claims: content of a claims file; without `combos` or `models` all of the study are meant.
        pairs: comparisons.csv, as the others `study.comparison.tables` makes them.
        groups: groups.csv, with all combos and models.
        variance: variance.csv.

    Returns:
        One row per case: `claim`, `verdict` of the whole claim, `case`, `case_verdict`, `value`,
        `low` and `high` (of the difference, the accuracy or the standard deviation; shares of 1)
        and `expected`. Where there is no interval to judge by, `reason` says why.
    """
    rows = []
    for claim in claims:
        cases = _cases(claim, pairs, groups, variance)
        if "models" not in claim:
            cases = [case for case in cases if case["reason"] not in (_SAME, _SEEDLESS)] or cases
        whole = _verdict_of_all([case["case_verdict"] for case in cases])
        rows += [{"claim": claim["claim"], "verdict": whole} | case for case in cases]
    return pd.DataFrame(rows, columns=["claim", "verdict", *_COLUMNS])


def require_supported(judged: pd.DataFrame) -> None:
    """Raise a StudyError unless all claims are supported.

    Args:
        judged: what `judge_claims` returned.
    """
    claims = judged.drop_duplicates("claim")
    missed = claims[claims["verdict"] != "supported"]
    if len(missed):
        listed = "; ".join(f"{row.claim} ({row.verdict})" for row in missed.itertuples())
        raise StudyError(
            f"{len(missed)} of {len(claims)} claims are not supported: {listed}; "
            "claims.html in the folder of results has the numbers"
        )


def _verdict_of_all(verdicts: Sequence[str]) -> str:
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if set(verdicts) == {"supported"} else "undecided"


def _cases(
    claim: Mapping[str, Any], pairs: pd.DataFrame, groups: pd.DataFrame, variance: pd.DataFrame
) -> list[dict[str, Any]]:
    if "better" in claim:
        return _comparisons(claim, pairs[pairs["measure"] == "accuracy"], groups)
    meant = groups[[_meant(claim, "models", model) for model in groups["model"]]]
    if "accuracy_at_least" in claim:
        meant = meant[[_meant(claim, "combos", combo) for combo in meant["combo"]]]
        rows = list(meant.itertuples())
        return [_accuracy_case(row, claim["accuracy_at_least"], len(rows)) for row in rows]
    rows = variance[(variance["source"] == "seed") & variance["model"].isin(meant["model"])]
    known = {row.model: row for row in rows.itertuples()}
    most = claim["seed_sd_at_most"]
    return [
        _sd_case(known[model], most, len(known), of_model["n_seeds"].max())
        if model in known
        else _case(model, f"at most {most:g}", reason=_why_no_spread(model, of_model, variance))
        for model, of_model in meant.groupby("model", sort=False)
    ]


def _accuracy_case(row: Any, least: float, n_cases: int) -> dict[str, Any]:
    """Return the case of one combo and model."""
    half = row.seeds_high - row.accuracy  # the lower one may be cut off at 0
    freedom = max(row.n_seeds - 1, 1)
    wider = stdtrit(freedom, 1 - _TAIL / n_cases) / stdtrit(freedom, 1 - _TAIL)
    return _case(
        f"{row.model} on {row.combo}",
        f"at least {least:g}",
        (row.accuracy, row.seeds_low, row.seeds_high),
        supported=row.seeds_low >= least,
        contradicted=row.accuracy + wider * half < least,
        reason={0: _NO_RUN, 1: "one seed has no interval over seeds"}.get(row.n_seeds, ""),
    )


def _sd_case(row: Any, most: float, n_cases: int, n_seeds: int) -> dict[str, Any]:
    """Return the case of one model, which has runs of `n_seeds`."""
    adjusted = row.low
    if n_cases > 1:
        adjusted *= (chdtri(row.freedom, _TAIL) / chdtri(row.freedom, _TAIL / n_cases)) ** 0.5
    few = "one seed has no spread" if n_seeds < 2 else "runs that diverged leave one seed at most"
    return _case(
        row.model,
        f"at most {most:g}",
        (row.sd, row.low, row.high),
        supported=row.high <= most,
        contradicted=adjusted > most,
        reason=few if math.isnan(row.sd) else _AGREE if math.isnan(row.high) else "",
    )


def _why_no_spread(model: str, of_model: pd.DataFrame, variance: pd.DataFrame) -> str:
    if model in set(variance["model"]):
        return _SEEDLESS
    if of_model["n_seeds"].max() == 0:
        return _NO_RUN
    if variance.empty:
        return "no model was trained on one partition alone"
    apart = of_model["combo"] == OFFICIAL
    if of_model.loc[~apart, "accuracy"].nunique() == 1:
        return _SAME
    return "no run on one partition alone is left"


def _meant(claim: Mapping[str, Any], key: str, name: str) -> bool:
    return name in claim.get(key, [name])


def _comparisons(
    claim: Mapping[str, Any], pairs: pd.DataFrame, groups: pd.DataFrame
) -> list[dict[str, Any]]:
    both, cases = [claim["better"], claim["than"]], []
    pairs = pairs[pairs["a"].isin(both) & pairs["b"].isin(both)]
    for what, where in (("combo", "model"), ("model", "combo")):
        known = pairs[pairs["compared"] == f"{what}s"].set_index("within")
        for within, sides in groups[groups[what].isin(both)].groupby(where, sort=False):
            if len(sides) < len(both) or not _meant(claim, f"{where}s", within):
                continue
            case = f"{what}s {'of' if where == 'model' else 'on'} {within}"
            cases.append(
                _comparison(case, known.loc[within], *both)
                if within in known.index
                else _case(case, "above 0", reason=_why_no_pair(sides, what))
            )
    return cases


def _comparison(case: str, row: pd.Series, better: str, than: str) -> dict[str, Any]:
    sign = 1 if row["b"] == better else -1
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return _case(
        case,
        f"above 0, p ≤ {1 - CONFIDENCE:.2g}; p = {row['p_holm']:.2g}",
        (sign * row["difference"], low, high),
        supported=row["verdict"] == better,
        contradicted=row["verdict"] == than,
    )


def _why_no_pair(sides: pd.DataFrame, what: str) -> str:
    """Return why two groups were not compared.

    Args:
        sides: their rows of groups.csv.
        what: "combo" or "model", in which they differ.
    """
    without = sides.loc[sides["n_seeds"] == 0, what]
    if len(without):
        return f"{_NO_RUN} of {' and '.join(without)}"
    if what == "combo" and OFFICIAL in set(sides["combo"]):
        return f"{OFFICIAL} is tested on other images"
    if what == "combo" and sides["accuracy"].nunique() == 1:
        return _SAME
    return "no seed has runs of both"


def _case(
    case: str,
    expected: str,
    interval: tuple[float, float, float] = (math.nan,) * 3,
    *,
    supported: bool = False,
    contradicted: bool = False,
    reason: str = "",
) -> dict[str, Any]:
    # NaN, of one seed, is neither.
    verdict = "supported" if supported else "contradicted" if contradicted else "undecided"
    return dict(zip(_COLUMNS, (case, verdict, *interval, expected, reason), strict=True))
