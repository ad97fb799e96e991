"""What a teacher knows of a study that a student handed in, without running any of its code.

Only arrays without pickles, weights, tables, YAML and JSON are read. Runs, partitions and splits
are derived again from the assignment and the student's id. Every accuracy is computed again from
the logits. The teacher's code computes some hundred of the logits again from the weights. Files are
compared with their digests. Whether the weights were trained as recorded is not found out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.audit.checks import Check, problems
from study.audit.run_checks import Answer
from study.audit.submission_files import check_files, check_runs
from study.audit.verification import Verification
from study.config.asked import what_is_asked
from study.data.corrections import corrections_file
from study.errors import StudyError, one_line
from study.files import file_digest, read_json

# What students may not change, because tasks and grades rest on it.
_FIXED = ("dataset", "partitions", "combos", "split", "official", "seeds", "near_duplicates")
_OF_DATASET = ("name", "test_path", "corrections")
_DECODED = ("images.npy", "index.csv")
# Characters of a problem that are shown; its text may be a student's.
_SHOWN = 500


class Submission(NamedTuple):
    """What was found in a study that was handed in.

    Attributes:
        name: of the file or folder, its path where another one has its name.
        student: the id that partitions were drawn by, "" where it cannot be read.
        checks: all that was looked at.
        accuracies: one row per run: `combo`, `model`, `seed`, `accuracy` on the common test,
            computed again.
        asked: how many runs its configuration should have.
        changed: scripts whose code is not the teacher's.
        weights: sha256 of each run's weights.
        predicted: "" by the name of each run whose predictions were made again, else why not.
    """

    name: str
    student: str
    checks: list[Check]
    accuracies: pd.DataFrame
    asked: int
    changed: list[str]
    weights: frozenset[str]
    predicted: Mapping[str, str] = MappingProxyType({})


def read_submission(
    handed_in: Path,
    data: Path,
    config: Mapping[str, Any],
    code: Mapping[str, str],
    name: str = "",
    answer: Answer | None = None,
) -> Submission:
    """Check a study that was handed in; what is wrong with its files is a failed check, no error.

    Args:
        handed_in: folder that holds results/, or is that.
        data: the teacher's own folder of the decoded data set.
        config: the assignment's configuration.
        code: digest of each of the teacher's scripts.
        name: of what was handed in, that of the folder unless given.
        answer: computes logits from weights; None: predictions are not made again.
    """
    results = handed_in / "results" if (handed_in / "results").is_dir() else handed_in
    made: list[Check] = []
    accuracies: list[dict[str, Any]] = []
    predicted: dict[str, str] = {}
    student, asked, changed, weights = "", 0, [], frozenset()
    try:
        check_files(handed_in, results, read_json(data / "manifest.json"))
        record = read_json(results / "study.json")
        check_runs(results, record)
        theirs, student = record["config"], str(record["config"]["partition_seed"])
        changed = sorted(
            script for script, digest in code.items() if record["code"].get(script) != digest
        )
        weights = frozenset(run["sha256"]["weights"] for run in record["runs"])
        asked = len(config["combos"]) * len(theirs["models"]) * len(config["seeds"])
        made += _as_asked(theirs, config)
        digest = cache(file_digest)
        own = list(_own_data(results, data, digest))
        made += own
        if any(check.problem for check in own if check.subject in _DECODED):
            raise StudyError("nothing can be derived from other data")
        # By what was asked: runs and splits of other seeds or partitions are none of the study's.
        asked_for = {**theirs, **{key: config[key] for key in _FIXED if key != "dataset"}}
        asked_for["dataset"] = theirs["dataset"] | {
            "corrections": corrections_file(config["dataset"], data / "corrections.csv")
        }
        images = data / "images.npy"
        verification = Verification(results, asked_for, images=images, answer=answer, digest=digest)
        accuracies, predicted = verification.scores, verification.predicted
        made += verification.checks()
    except (
        Exception
    ) as error:  # a submission may hold anything, and the others are to be graded too
        made.append(Check("files can be read", str(results), reason(error)))
    table = pd.DataFrame(accuracies, columns=["combo", "model", "seed", "accuracy"])
    name = name or handed_in.name
    return Submission(name, student, made, table, asked, changed, weights, predicted)


def reason(error: Exception) -> str:
    """Return why something could not be read, in one line."""
    text = one_line(error)
    return text if isinstance(error, StudyError) else f"{type(error).__name__}: {text}"


def unreadable(name: str, problem: str) -> Submission:
    """Return what is known of a file that holds no study: nothing, for this reason."""
    accuracies = pd.DataFrame(columns=["combo", "model", "seed", "accuracy"])
    return Submission(
        name, "", [Check("files can be read", "bundle", problem)], accuracies, 0, [], frozenset()
    )


def _as_asked(theirs: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the checks of what was not to be changed; whence images came is the student's own."""
    found, asked = what_is_asked(theirs), what_is_asked(config)
    for one in (found, asked):  # what else is said of images, their digests answer
        one["dataset"] = {key: one["dataset"].get(key) for key in _OF_DATASET}
    for key in _FIXED:
        same = found.get(key) == asked[key]
        problem = "" if same else f"is {found.get(key)}, asked was {asked[key]}"
        yield Check("the study is the one asked for", key, problem)


def _own_data(results: Path, data: Path, digest: Callable[[Path], str]) -> Iterator[Check]:
    """Yield the checks that the data are the teacher's, and near-duplicates if they are known."""
    digests = dict(read_json(data / "manifest.json")["sha256"])
    pairs = data / "near_duplicates.csv"
    if pairs.is_file():
        digests[pairs.name] = file_digest(pairs)
    for name, wanted in digests.items():
        path = results / "data" / name
        same = path.stat().st_size == (data / name).stat().st_size and digest(path) == wanted
        problem = "" if same else "differs from the teacher's"
        yield Check("the data are the teacher's", name, problem)


def grades(submissions: Sequence[Submission], combos: Sequence[str]) -> pd.DataFrame:
    """Return one row per submission.

    Args:
        submissions: all that were handed in.
        combos: of the assignment, the largest last.

    Returns:
        - `student`, `submission`;
        - `passed` of `checks`; `problem`, the first failed check;
        - `runs` of `asked` that did not diverge; `predicted_again`, the number of runs whose
          weights gave the predictions again;
        - `model`, the best one on the largest combo; its `accuracy` there (mean over seeds, on the
          common test), the `sd` of that, and the `gain` over the first combo;
        - `changed_code`, scripts that differ from the teacher's;
        - `same_as`, submissions with the same weights or the same id.
    """
    # By place: several may have one name.
    owners = defaultdict(set)
    for place, one in enumerate(submissions):
        for mark in (*one.weights, f"id {one.student}" if one.student else ""):
            owners[mark].add(place)
    rows = []
    for place, one in enumerate(submissions):
        wrong = problems(one.checks)
        marks = (*one.weights, f"id {one.student}")
        others = {other for mark in marks for other in owners[mark]} - {place}
        shared = sorted(submissions[other].name for other in others)
        rows.append(
            {
                "student": one.student,
                "submission": one.name,
                "passed": len(one.checks) - len(wrong),
                "checks": len(one.checks),
                "runs": len(one.accuracies),
                "asked": one.asked,
                "predicted_again": sum(not reason for reason in one.predicted.values()),
                **_best(one.accuracies, combos),
                "changed_code": " ".join(one.changed),
                "same_as": " ".join(shared),
                "problem": f"{wrong[0].subject}: {wrong[0].problem}"[:_SHOWN] if wrong else "",
            }
        )
    return pd.DataFrame(rows)


def _best(accuracies: pd.DataFrame, combos: Sequence[str]) -> dict[str, Any]:
    means = accuracies.groupby(["combo", "model"])["accuracy"].agg(["mean", "std"])
    on_largest = means[means.index.get_level_values("combo") == combos[-1]]
    if on_largest.empty:
        return {"model": "", "accuracy": np.nan, "sd": np.nan, "gain": np.nan}
    model = on_largest["mean"].idxmax()[1]
    mean, sd = on_largest.loc[(combos[-1], model)]
    first = means["mean"].get((combos[0], model), np.nan)
    return {"model": model, "accuracy": mean, "sd": sd, "gain": mean - first}
