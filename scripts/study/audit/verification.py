"""Whether a study is what its configuration asks for, and its files are what its record says.

What can be derived is derived again and compared: runs, partitions, splits and common tests from
the configuration and the labels, the record's rows and the summary from the runs. Everything else
is compared with its digest in the record. The measures are those of the code that made the study;
`tests/unit/runs/test_metrics.py` compares them with scikit-learn and a loop over bins.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.audit.checks import (
    MALFORMED,
    Check,
    Unreadable,
    first_difference,
    held,
    malformed,
    opened,
    problems,
    same_answers,
)
from study.audit.coverage import files_of_every_study, files_of_runs, in_results, not_covered
from study.audit.expected import Expected
from study.audit.manifest import study_manifest
from study.audit.run_checks import Answer, RunChecks
from study.audit.shared_checks import (
    correction_checks,
    data_checks,
    draw_checks,
    recipe_checks,
)
from study.comparison.groups import group_rows
from study.data.corrections import read_corrections
from study.data.index import read_duplicates, read_index
from study.files import file_digest, read_json, read_table
from study.runs.run import Run
from study.runs.tree import ResultsTree

# The parts of the record that follow from the runs.
_OF_RUNS = ("recipes", "totals", "repositories", "versions", "machines")


class Verification:
    """The checks of one study, and what they found out.

    Args:
        results: folder of a finished study.
        config: by which it must have been made; default: that of its record.
        images: array of all images; default: the study's own.
        answer: computes logits from a run's weights; None: predictions are not made again.
        digest: returns the sha256 of a file.

    Attributes:
        scores: once checked, one row per run that did not diverge: `combo`, `model`, `seed`;
            `accuracy`, on the common test where there is one, computed again;
            `n_seen_near_duplicates` and `accuracy_without`, see `accuracy_without_near_duplicates`.
        predicted: "" by the name of each run whose predictions were made again, else why not.
        not_covered: files that the record says nothing of, see `coverage.not_covered`.
    """

    def __init__(
        self,
        results: Path,
        config: Mapping[str, Any] | None = None,
        *,
        images: Path | None = None,
        answer: Answer | None = None,
        digest: Callable[[Path], str] = file_digest,
    ):
        self.tree = ResultsTree(results)
        self.config = config
        self.images, self.answer = images or self.tree.images, answer
        self.digest = cache(digest)
        self.scores: list[dict[str, Any]] = []
        self.predicted: dict[str, str] = {}
        self.not_covered: Counter[str] = Counter()

    def checks(self) -> Iterator[Check]:
        """Yield all checks; runs are looked at only where what they share is as it must be."""
        try:
            record = opened(read_json, self.tree.study)
            config = self.config or record["config"]
            applied = self.tree.corrections if config["dataset"].get("corrections") else None
            expected = Expected(
                config,
                opened(read_index, self.tree.index),
                opened(read_duplicates, self.tree.near_duplicates),
                applied and opened(read_corrections, applied),
            )
            shared = [
                *data_checks(self.tree, expected, self.images, self.digest),
                *(correction_checks(self.tree, expected) if applied else ()),
                *draw_checks(self.tree, expected),
                *recipe_checks(self.tree, expected.config),
            ]
            yield from shared
            yield from self._file_checks(record, expected)
            if not problems(shared):
                yield from self._checks_of_runs(record, expected)
        except Unreadable as error:
            yield error.check
        except MALFORMED as error:
            yield malformed(self.tree.study, error)

    def _file_checks(self, record: Mapping[str, Any], expected: Expected) -> Iterator[Check]:
        results, study = self.tree.folder, self.tree.study
        self.not_covered = not_covered(results, record["files"])
        figures = expected.config["figures"]["runs"]
        needed = files_of_runs(expected.runs(results), figures)
        needed += files_of_every_study(self.tree, expected.config)
        names = [f"results/{path.relative_to(results).as_posix()}" for path in needed]
        missing = {name: "" for name in names if name not in record["files"]}
        for name, digest in {**record["files"], **missing}.items():
            below = in_results(name)
            path, problem = results / below, ""
            if not below:
                path, problem = Path(name), "lies outside the study"
            elif not path.is_file():
                problem = "is missing"
            elif not digest:
                problem = "has no recorded sha256"
            elif self.digest(path) != digest:
                problem = "is not the file that was recorded: its sha256 differs"
            yield held("files are those of the study's record", path, problem, study)

    def _checks_of_runs(self, record: Mapping[str, Any], expected: Expected) -> Iterator[Check]:
        tree = self.tree
        summary = opened(read_table, tree / "summary.csv").to_dict("records")
        runs, rows = expected.runs(tree.folder), {}
        of_run = RunChecks(self, expected)
        for run in runs:
            try:
                yield from of_run.checks(run)
                rows[run.key] = of_run.summary_row(run)
            except Unreadable as error:
                yield error.check
            except MALFORMED as error:
                yield malformed(run.folder / "run.json", error)
        if len(rows) < len(runs):
            return
        asked = [run.key for run in runs]
        listed = [(row["combo"], row["model"], row["seed"]) for row in summary]
        problem = "" if listed == asked else "does not have a row for each run, in their order"
        yield held("the summary has every run", tree / "summary.csv", problem)
        for row, run in zip(summary, runs, strict=False):
            problem = first_difference(row, rows[run.key])
            check = held("the summary follows from the runs", tree / "summary.csv", problem)
            yield check._replace(subject=str(run.folder))
        yield self._group_check([run.named | rows[run.key] for run in runs])
        yield from self._same_model_checks(of_run.answers)
        yield from self._record_checks(record, runs)

    def _group_check(self, rows: Sequence[Mapping[str, Any]]) -> Check:
        path = self.tree / "summary_by_group.csv"
        again = group_rows(pd.DataFrame(rows))
        found = opened(read_table, path).to_dict("records")
        problem = "" if len(found) == len(again) else "does not have a row for each group"
        for row, one in zip(found, again, strict=False):
            problem = problem or first_difference(row, one)
        return held("the summary follows from the runs", path, problem)

    def _same_model_checks(self, answers: Mapping[Run, np.ndarray]) -> Iterator[Check]:
        """Check that no two runs answer as one model does; those of one combo and seed may."""
        runs, problem_of = list(answers), {}
        for one, other in same_answers(np.array(list(answers.values()))) if runs else ():
            first, second = runs[one], runs[other]
            if (first.combo, first.seed) != (second.combo, second.seed):
                problem_of[second] = f"answers as {first.name} does: one model is shown as two runs"
        for run in runs:
            path = run.folder / "model.safetensors"
            yield held("each run has a model of its own", path, problem_of.get(run, ""))

    def _record_checks(self, record: Mapping[str, Any], runs: list[Run]) -> Iterator[Check]:
        """Check that the record's rows are what the files of the runs say."""
        again = study_manifest(record["config"], runs, {}, {}, {})
        study, kind = self.tree.study, "the record follows from the runs"
        different = [key for key in _OF_RUNS if record[key] != again[key]]
        problem = f"{different[0]} differ from those of the runs" if different else ""
        if len(record["runs"]) != len(runs):
            problem = f"records {len(record['runs'])} runs of {len(runs)}"
        yield held(kind, study, problem)
        for run, found, row in zip(runs, record["runs"], again["runs"], strict=False):
            problem = "" if found == row else "is not the run that study.json records"
            yield held(kind, study, problem)._replace(subject=str(run.folder))
