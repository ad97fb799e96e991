"""Claims about a study: judged by given intervals, and refused where they do not fit it."""

import math

import pandas as pd
import pytest
import yaml
from conftest import ROOT, assert_one_clear_line, run_script

from study.comparison.claims import judge_claims
from study.config.checks import check_claims
from study.config.schema import check_schema
from study.errors import StudyError
from study.files import read_yaml

PAIRS = pd.DataFrame(
    [
        ("combos", "m", "accuracy", "v1", "v1+v2", 0.05, 0.03, 0.07, 0.001, "v1+v2"),
        ("combos", "n", "accuracy", "v1", "v1+v2", 0.01, -0.01, 0.03, 0.3, "undecided"),
        ("combos", "m", "nll", "v1", "v1+v2", 0.2, 0.1, 0.3, 0.001, "v1"),
        ("models", "v1", "accuracy", "m", "n", -0.04, -0.06, -0.02, 0.01, "m"),
    ],
    columns=[
        *("compared", "within", "measure", "a", "b"),
        *("difference", "low", "high", "p_holm", "verdict"),
    ],
)
GROUPS = pd.DataFrame(
    [
        ("v1", "m", 3, 0.70, 0.68, 0.72),
        ("v1", "n", 3, 0.66, 0.64, 0.68),
        ("v1+v2", "m", 1, 0.75, math.nan, math.nan),
        ("v1+v2", "n", 3, 0.67, 0.65, 0.69),
    ],
    columns=["combo", "model", "n_seeds", "accuracy", "seeds_low", "seeds_high"],
)
VARIANCE = pd.DataFrame(
    [
        ("m", "partition", 0.1, 0.0, 0.2, 2),
        ("m", "seed", 0.004, 0.002, 0.01, 6),
        ("n", "seed", 0.02, 0.015, 0.05, 6),
    ],
    columns=["model", "source", "sd", "low", "high", "freedom"],
)


def verdict(**claim):
    judged = judge_claims([{"claim": "x", **claim}], PAIRS, GROUPS, VARIANCE)
    assert judged["verdict"].nunique() == 1
    return judged["verdict"].iloc[0]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"better": "v1+v2", "than": "v1", "models": ["m"]}, "supported"),
        ({"better": "v1", "than": "v1+v2", "models": ["m"]}, "contradicted"),
        ({"better": "v1+v2", "than": "v1"}, "undecided"),  # one of two models
        ({"better": "v1", "than": "v1+v2"}, "contradicted"),
        ({"better": "m", "than": "n", "combos": ["v1"]}, "supported"),
        ({"better": "n", "than": "m"}, "contradicted"),
        ({"better": "m", "than": "n"}, "undecided"),  # on v1+v2 no seed has both
        ({"accuracy_at_least": 0.68, "models": ["m"], "combos": ["v1"]}, "supported"),
        ({"accuracy_at_least": 0.69, "models": ["m"], "combos": ["v1"]}, "undecided"),
        ({"accuracy_at_least": 0.69, "models": ["n"]}, "contradicted"),
        ({"accuracy_at_least": 0.685, "models": ["n"], "combos": ["v1"]}, "contradicted"),
        ({"accuracy_at_least": 0.685, "combos": ["v1"]}, "undecided"),  # one of two cases
        ({"accuracy_at_least": 0.75, "combos": ["v1"]}, "contradicted"),
        ({"accuracy_at_least": 0.5, "models": ["m"]}, "undecided"),  # one seed has no interval
        ({"seed_sd_at_most": 0.01, "models": ["m"]}, "supported"),
        ({"seed_sd_at_most": 0.01}, "contradicted"),
        ({"seed_sd_at_most": 0.02}, "undecided"),
    ],
)
def test_a_claim_is_judged_by_its_intervals(claim, expected):
    assert verdict(**claim) == expected


# Beside these, models that were imported, and one whose runs diverged.
NONE = (math.nan,) * 3
MORE_GROUPS = pd.DataFrame(
    [
        *((combo, "clip", 3, 0.9, 0.88, 0.92) for combo in ("v1", "v1+v2")),
        *((combo, "api", 3, 0.9 + len(combo) / 100, 0.8, 1) for combo in ("v1", "v1+v2")),
        *(("v1", "lost", 2, 0.6, 0.4, 0.8), ("v1+v2", "lost", 0, *NONE)),
        *(("official", model, 3, 0.7, 0.6, 0.8) for model in ("m", "n", "clip", "api", "lost")),
    ],
    columns=GROUPS.columns,
)
MORE_VARIANCE = pd.DataFrame(
    [("lost", "seed", *NONE, 0), ("api", "partition", 0.1, 0, 0.2, 2)], columns=VARIANCE.columns
)


def judged_among_more(*claims):
    groups, variance = pd.concat([GROUPS, MORE_GROUPS]), pd.concat([VARIANCE, MORE_VARIANCE])
    return judge_claims(
        [{"claim": str(claim), **claim} for claim in claims], PAIRS, groups, variance
    )


def test_an_interval_that_is_cut_off_at_0_contradicts_nothing_that_it_holds():
    row = {"combo": "v1", "model": "m", "n_seeds": 2, "accuracy": 0.4}
    wide = pd.DataFrame([row | {"seeds_low": 0.0, "seeds_high": 1.0}])
    claim = [{"claim": "x", "accuracy_at_least": 0.85}]
    assert judge_claims(claim, PAIRS, wide, VARIANCE)["verdict"].tolist() == ["undecided"]


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"better": "v1+v2", "than": "v1", "models": ["clip"]}, "the same on all combos"),
        ({"better": "v1+v2", "than": "v1", "models": ["lost"]}, "missing of v1+v2"),
        ({"better": "official", "than": "v1", "models": ["m"]}, "tested on other images"),
        ({"better": "m", "than": "lost", "combos": ["v1"]}, "no seed has runs of both"),
        ({"better": "m", "than": "lost", "combos": ["v1+v2"]}, "diverged or are missing of lost"),
        ({"accuracy_at_least": 0.5, "models": ["m"], "combos": ["v1+v2"]}, "one seed has no"),
        ({"accuracy_at_least": 0.5, "models": ["lost"], "combos": ["v1+v2"]}, "all runs diverged"),
        ({"seed_sd_at_most": 0.5, "models": ["clip"]}, "the same on all combos"),
        ({"seed_sd_at_most": 0.5, "models": ["lost"]}, "leave one seed at most"),
        ({"seed_sd_at_most": 0.5, "models": ["api"]}, "the same with all seeds"),
    ],
)
def test_a_case_without_an_interval_says_why(claim, reason):
    judged = judged_among_more(claim)
    assert list(judged["case_verdict"]) == ["undecided"] and reason in judged["reason"][0]


@pytest.mark.parametrize(
    ("variance", "reason"),
    [
        (VARIANCE[:0], "no model was trained on one partition alone"),
        (VARIANCE[:1], "the same with all seeds"),
        (VARIANCE[1:2].assign(sd=math.nan, low=math.nan, high=math.nan), "one seed has no spread"),
        (VARIANCE[1:2].assign(sd=0.0, low=math.nan, high=math.nan), "how far others would differ"),
    ],
)
def test_a_spread_that_is_unknown_says_why(variance, reason):
    claims = [{"claim": "x", "seed_sd_at_most": 1, "models": ["m"]}]
    judged = judge_claims(claims, PAIRS, GROUPS.assign(n_seeds=1), variance)
    assert list(judged["verdict"]) == ["undecided"] and judged["reason"][0].endswith(reason)


def test_a_claim_about_all_models_leaves_out_those_it_cannot_apply_to_but_none_that_diverged():
    judged = judged_among_more({"better": "v1+v2", "than": "v1"}, {"seed_sd_at_most": 1})
    of_combos = ["combos of m", "combos of n", "combos of api", "combos of lost"]
    assert list(judged["case"]) == [*of_combos, "m", "n", "lost"]
    assert set(judged["verdict"]) == {"undecided"}


def test_the_numbers_are_those_of_the_claimed_direction():
    row = judge_claims(
        [{"claim": "x", "better": "v1", "than": "v1+v2", "models": ["m"]}], PAIRS, GROUPS, VARIANCE
    ).iloc[0]
    assert (row["value"], row["low"], row["high"]) == (-0.05, -0.07, -0.03) and "p = 0.001" in row[
        "expected"
    ]


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"better": "v9", "than": "v1"}, "'v9'"),
        ({"better": "m", "than": "v1"}, "expected two models"),
        ({"better": "v1", "than": "v1"}, "expected two models"),
        ({"accuracy_at_least": 0.5, "models": ["resnet"]}, "'resnet'"),
        ({"accuracy_at_least": 0.5, "combos": ["v3"]}, "'v3'"),
    ],
)
def test_claims_about_something_else_are_refused(claim, words):
    with pytest.raises(StudyError, match=words):
        check_claims([{"claim": "x", **claim}], ["m", "n"], ["v1", "v1+v2"])


def test_the_claims_of_the_full_study_fit_it_and_the_schema():
    claims, config = read_yaml(ROOT / "config/claims.yaml"), read_yaml(ROOT / "config/config.yaml")
    schema = read_yaml(ROOT / "workflow/schemas/claims.schema.yaml")
    check_schema(claims, schema, "claims")
    check_claims(claims, config["models"], config["combos"])
    with pytest.raises(StudyError, match="claims"):
        check_schema([{"claim": "x"}], schema, "claims")


def test_the_exit_status_says_whether_all_claims_are_supported(tmp_path):
    for name, table in (("comparisons", PAIRS), ("groups", GROUPS), ("variance", VARIANCE)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    good = {"claim": "more helps m", "better": "v1+v2", "than": "v1", "models": ["m"]}
    bad = {"claim": "n is better", "better": "n", "than": "m"}
    for claims, status in (([good], 0), ([good, bad], 1)):
        (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims))
        files = [
            a
            for n in ("comparisons", "groups", "variance")
            for a in (f"--{n}", tmp_path / f"{n}.csv")
        ]
        run_script(
            "judge_claims.py", "--claims", tmp_path / "claims.yaml", *files,
            "--page", tmp_path / "c.html", "--output", tmp_path / "c.csv",
        )  # fmt: skip
        result = run_script(
            "judge_claims.py", "--claims", tmp_path / "claims.yaml", *files,
            "--require-supported", check=False,
        )  # fmt: skip
        assert result.returncode == status
    assert_one_clear_line(
        result.stderr, "1 of 2 claims are not supported", "n is better (contradicted)"
    )
    assert "2 claims: 1 supported, 1 contradicted, 0 undecided" in (tmp_path / "c.html").read_text()
