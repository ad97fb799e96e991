"""Whether a study's results support, contradict or leave undecided statements about it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.special import chdtri, stdtrit

from study.comparison.intervals import CONFIDENCE
from study.errors import StudyError

_TAIL = (1 - CONFIDENCE) / 2
VERDICTS = ("supported", "contradicted", "undecided")


def judge_claims(
    claims: Sequence[Mapping[str, Any]],
    pairs: pd.DataFrame,
    groups: pd.DataFrame,
    variance: pd.DataFrame,
) -> pd.DataFrame:
    """Return what the results say of each claim.

    A claim about several cases is supported if all of them are, contradicted if one of them is,
    else undecided. All must hold for support, so each is tested at 5 %; any may contradict, so the
    5 % of that are divided among them (Bonferroni).

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
        groups: groups.csv.
        variance: variance.csv.

    Returns:
        One row per case: `claim`, `verdict` of the whole claim, `case`, `case_verdict`, `value`,
        `low` and `high` (of the difference, the accuracy or the standard deviation; shares of 1)
        and `expected`.
    """
    rows = []
    for claim in claims:
        cases = _cases(claim, pairs, groups, variance)
        whole = _verdict_of_all([case["case_verdict"] for case in cases])
        rows += [
            {"claim": claim["claim"], "verdict": whole} | case for case in cases or [_nothing()]
        ]
    return pd.DataFrame(rows, columns=["claim", "verdict", *_nothing()])


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
    return "supported" if verdicts and set(verdicts) == {"supported"} else "undecided"


def _nothing() -> dict[str, Any]:
    unknown = dict.fromkeys(("value", "low", "high"), math.nan)
    return {"case": "no results", "case_verdict": "undecided"} | unknown | {"expected": ""}


def _cases(
    claim: Mapping[str, Any], pairs: pd.DataFrame, groups: pd.DataFrame, variance: pd.DataFrame
) -> list[dict[str, Any]]:
    if "better" in claim:
        return _comparisons(claim, pairs[pairs["measure"] == "accuracy"])
    if "accuracy_at_least" in claim:
        least = claim["accuracy_at_least"]
        rows = [
            row
            for row in groups.itertuples()
            if _meant(claim, "combos", row.combo) and _meant(claim, "models", row.model)
        ]
        return [_accuracy_case(row, least, len(rows)) for row in rows]
    most = claim["seed_sd_at_most"]
    rows = variance[variance["source"] == "seed"]
    rows = [row for row in rows.itertuples() if _meant(claim, "models", row.model)]
    return [_sd_case(row, most, len(rows)) for row in rows]


def _accuracy_case(row: Any, least: float, n_cases: int) -> dict[str, Any]:
    """Return the case of one combo and model."""
    half = row.accuracy - row.seeds_low
    freedom = max(row.n_seeds - 1, 1)
    wider = stdtrit(freedom, 1 - _TAIL / n_cases) / stdtrit(freedom, 1 - _TAIL)
    return _case(
        f"{row.model} on {row.combo}",
        (row.accuracy, row.seeds_low, row.seeds_high),
        f"at least {least:g}",
        supported=row.seeds_low >= least,
        contradicted=row.accuracy + wider * half < least,
    )


def _sd_case(row: Any, most: float, n_cases: int) -> dict[str, Any]:
    """Return the case of one model."""
    adjusted = row.low
    if n_cases > 1:
        adjusted *= (chdtri(row.freedom, _TAIL) / chdtri(row.freedom, _TAIL / n_cases)) ** 0.5
    return _case(
        row.model,
        (row.sd, row.low, row.high),
        f"at most {most:g}",
        supported=row.high <= most,
        contradicted=adjusted > most,
    )


def _meant(claim: Mapping[str, Any], key: str, name: str) -> bool:
    return name in claim.get(key, [name])


def _comparisons(claim: Mapping[str, Any], pairs: pd.DataFrame) -> list[dict[str, Any]]:
    better, than = claim["better"], claim["than"]
    cases = []
    for row in pairs[
        pairs["a"].isin([better, than]) & pairs["b"].isin([better, than])
    ].itertuples():
        if not _meant(claim, "models" if row.compared == "combos" else "combos", row.within):
            continue
        sign = 1 if row.b == better else -1
        low, high = sorted((sign * row.low, sign * row.high))
        verdict = {better: "supported", than: "contradicted"}.get(row.verdict, "undecided")
        cases.append(
            {
                "case": f"{'models on' if row.compared == 'models' else 'combos of'} {row.within}",
                "case_verdict": verdict,
                "value": sign * row.difference,
                "low": low,
                "high": high,
                "expected": f"above 0, p ≤ {1 - CONFIDENCE:.2g}; p = {row.p_holm:.2g}",
            }
        )
    return cases


def _case(
    case: str,
    interval: tuple[float, float, float],
    expected: str,
    *,
    supported: bool,
    contradicted: bool,
) -> dict[str, Any]:
    # NaN, of one seed, is neither.
    verdict = "supported" if supported else "contradicted" if contradicted else "undecided"
    numbers = dict(zip(("value", "low", "high"), interval, strict=True))
    return {"case": case, "case_verdict": verdict} | numbers | {"expected": expected}
