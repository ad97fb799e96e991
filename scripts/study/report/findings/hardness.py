"""Findings about the images that stay hard."""

import pandas as pd

from study.hardness.human_agreement import finding as validation_finding
from study.hardness.scores import KINDS, mistakes_of_four
from study.hardness.suspects import why_no_suspects
from study.report.findings.finding import Finding, Results, percent
from study.wording import counted


def hard_images(results: Results) -> list[Finding]:
    """Return how far the list of hard images can be relied on, and what is on it."""
    judged = results.hard_examples[results.hard_examples["n_eligible"] > 0]
    if judged.empty:
        return [Finding("Hard images", "No run may judge any image.", "Hard examples")]
    texts = {
        "How reliable the list of hard images is": _reliability(results.reliability),
        "Confusions": _confusions(results.hard_examples, results.confusions),
        "Suspect labels": _suspects(judged),
    }
    if results.validation is not None:
        texts["People"] = f"{validation_finding(results.validation)}."
    return [Finding(subject, text, "Hard examples") for subject, text in texts.items()]


def _reliability(reliability: pd.DataFrame) -> str:
    halves = reliability.set_index("score")
    tops = [
        column
        for column in halves
        if column.startswith("overlap_top_") and pd.notna(halves[column].get("hardness"))
    ]
    if not tops:
        return "There are too few runs or images to say how reliable the list of hard images is."
    top = max(tops, key=lambda column: int(column.rsplit("_", 1)[1]))
    hardness = halves.loc["hardness"]
    text = (
        f"Two random halves of the runs share {percent(hardness[top], 0)} of their "
        f"{int(top.rsplit('_', 1)[1]):,} hardest images, and rank all images alike with a "
        f"correlation of {hardness['correlation']:.2f}."
    )
    # Comparable runs may be too few for halves.
    if pd.notna(halves[top].get("error_rate")):
        count = percent(halves.loc["error_rate", top], 0)
        text += f" Ranked by how many runs are wrong, the two lists would share {count}."
    return text


def _confusions(images: pd.DataFrame, confusions: pd.DataFrame) -> str:
    text = f"{mistakes_of_four(images)}."
    if len(confusions):
        pairs = ", ".join(
            f"{row.label} → {row.other_class} ({row.n:,})"
            for row in confusions.head(3).itertuples()
        )
        text += (
            " The most frequent confusions among the latter, as label → what runs most often take "
            f"it for: {pairs}."
        )
    return text


def _suspects(judged: pd.DataFrame) -> str:
    why_not = why_no_suspects(judged["error_rate"].to_numpy(), judged["n_comparable"].to_numpy())
    if why_not:
        return why_not
    agreed = int((judged["kind"] == KINDS[0]).sum())
    doubted = int(judged["cl_issue"].eq(True).sum())  # it may be missing
    return (
        f"On {counted(agreed, 'image')} all four judges name the same other class; at least "
        f"three of the four doubt {counted(doubted, 'label')} by confident learning. Both "
        "are reasons to look, not proofs."
    )
