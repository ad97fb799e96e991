"""What a study found, in plain words with numbers and intervals, and what it cannot say."""

from study.report.findings.accuracy import (
    best,
    classes,
    diverged,
    more_data,
    no_better,
    no_better_than_neighbours,
    published,
)
from study.report.findings.data import corrected, likely_groups, near_duplicates, uneven_classes
from study.report.findings.differences import (
    claims,
    differences,
    little_to_go_by,
    power,
    unequal_noise,
)
from study.report.findings.finding import Finding, Results
from study.report.findings.hardness import hard_images
from study.report.findings.spread import partitions, seeds

__all__ = ["Finding", "Results", "main_findings"]


def main_findings(results: Results) -> list[Finding]:
    """Return the findings: what is best, what is real, what limits the study, and all else."""
    if (results.runs["status"] == "diverged").all():
        text = (
            "All runs diverged, so there is nothing to report. Lower optimizer.lr in the recipes."
        )
        return [Finding("Diverged runs", text, "Results")]
    return [
        *diverged(results.runs),
        *no_better(results.runs),
        *best(results),
        *(Finding("Imported predictions", note, "Comparisons") for note in results.imported),
        *classes(results),
        *uneven_classes(results),
        *no_better_than_neighbours(results),
        *likely_groups(results.likely_groups),
        *corrected(results.corrected),
        *differences(results),
        *little_to_go_by(results),
        *power(results.power),
        *unequal_noise(results.runs),
        *more_data(results.scaling),
        *partitions(results),
        *seeds(results),
        *hard_images(results),
        *near_duplicates(results),
        *published(results.reproduction),
        *claims(results.claims),
    ]
