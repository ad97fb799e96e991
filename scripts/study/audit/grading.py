"""What a teacher knows of a study that a student handed in, without running any of its code.

Only arrays without pickles, tables and JSON are read. Partitions and splits are drawn anew from the
student's id, every accuracy is computed anew from the logits, and files are held against their
digests; who gives wrong answers in logits and files that agree with each other is not found out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.audit.checks import Check, problems
from study.audit.submission_files import check_files, check_runs
from study.audit.verification import study_checks
from study.data.index import read_image_ids, read_index
from study.data.near_duplicates import groups_of_duplicates, read_duplicates
from study.data.partitions import draw_partitions
from study.data.splits import read_split, split_partition
from study.errors import StudyError, one_line
from study.files import file_digest, read_json

# What students may not change, because tasks and grades rest on it.
_FIXED = ("dataset", "partitions", "combos", "split", "seeds")


class Submission(NamedTuple):
    """What was found in a study that was handed in.

    Attributes:
        name: of the file or folder.
        student: the id that partitions were drawn by, "" where it cannot be read.
        checks: all that was looked at.
        accuracies: a row a run: `combo`, `model`, `seed`, `accuracy` on the common test, computed
            anew.
        asked: how many runs its configuration should have.
        changed: scripts whose code is not the teacher's.
        weights: sha256 of each run's weights.
    """

    name: str
    student: str
    checks: list[Check]
    accuracies: pd.DataFrame
    asked: int
    changed: list[str]
    weights: frozenset[str]


def read_submission(
    handed_in: Path,
    data: Path,
    config: Mapping[str, Any],
    code: Mapping[str, str],
    name: str = "",
) -> Submission:
    """Check a study that was handed in; what is wrong with its files is a failed check, no error.

    Args:
        handed_in: folder that holds results/, or is that.
        data: the teacher's own folder of the decoded data set.
        config: the assignment's configuration.
        code: digest of each of the teacher's scripts.
        name: of what was handed in, that of the folder unless given.
    """
    results = handed_in / "results" if (handed_in / "results").is_dir() else handed_in
    made: list[Check] = []
    accuracies: list[dict[str, Any]] = []
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
        made += _own_draw(results, data, config, student)
        made += study_checks(results, [part["name"] for part in config["partitions"]], accuracies)
    except (
        Exception
    ) as error:  # a submission may hold anything, and the others are to be graded too
        made.append(Check("files can be read", str(results), reason(error)))
    columns = ["combo", "model", "seed", "accuracy"]
    return Submission(
        name or handed_in.name,
        student,
        made,
        pd.DataFrame(accuracies, columns=columns),
        asked,
        changed,
        weights,
    )


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
    for key in _FIXED:
        asked, found = config[key], theirs.get(key)
        if key == "dataset":  # where it was taken from is the student's own matter
            asked, found = asked["name"], found["name"]
        yield Check(
            "the study is the one asked for",
            key,
            "" if found == asked else f"is {found}, asked was {asked}",
        )


def _own_draw(
    results: Path, data: Path, config: Mapping[str, Any], student: str
) -> Iterator[Check]:
    """Check that the data are the teacher's, and the draws those of the student's id."""
    for name, digest in read_json(data / "manifest.json")["sha256"].items():
        mine, theirs = data / name, results / "data" / name
        same = theirs.stat().st_size == mine.stat().st_size and file_digest(theirs) == digest
        yield Check(
            "the data are the teacher's", name, "" if same else "differs from the teacher's"
        )
    labels = read_index(data / "index.csv").labels
    groups = None
    if config["near_duplicates"].get("keep_together", True):
        # The teacher's own, where it was made: what was handed in may say anything.
        found = [folder / "near_duplicates.csv" for folder in (data, results / "data")]
        pairs = read_duplicates(next((path for path in found if path.is_file()), found[1]))
        groups = groups_of_duplicates(pairs, len(labels))
    sizes = {part["name"]: part["size"] for part in config["partitions"]}
    for name, image_ids in draw_partitions(labels, sizes, student).items():
        same = np.array_equal(read_image_ids(results / "partitions" / f"{name}.csv"), image_ids)
        yield Check(
            "partitions are the student's own", name, "" if same else f"is not what {student} draws"
        )
        for seed in config["seeds"]:
            expected = split_partition(image_ids, labels, config["split"], seed, groups)
            found = read_split(results / "splits" / name / f"seed{seed}.csv")
            same = all(np.array_equal(found[role], expected[role]) for role in expected)
            yield Check(
                "splits are the student's own",
                f"{name}, seed {seed}",
                "" if same else "is another split",
            )


def grades(submissions: Sequence[Submission], combos: Sequence[str]) -> pd.DataFrame:
    """Return a row a submission.

    Args:
        submissions: all that were handed in.
        combos: of the assignment, the largest last.

    Returns:
        `student`, `submission`; `passed` of `checks`; `runs` of `asked` that did not diverge; the
        `model` that is best on the largest combo, its `accuracy` there (mean over seeds, on the
        common test) with its `sd`, and the `gain` over the first combo; `changed_code`, scripts
        that differ from the teacher's; `same_as`, submissions with the same weights or the same id;
        `problem`, the first failed check.
    """
    owners = defaultdict(set)
    for one in submissions:
        for mark in (*one.weights, f"id {one.student}" if one.student else ""):
            owners[mark].add(one.name)
    rows = []
    for one in submissions:
        wrong = problems(one.checks)
        marks = (*one.weights, f"id {one.student}")
        shared = sorted({name for mark in marks for name in owners[mark]} - {one.name})
        rows.append(
            {
                "student": one.student,
                "submission": one.name,
                "passed": len(one.checks) - len(wrong),
                "checks": len(one.checks),
                "runs": len(one.accuracies),
                "asked": one.asked,
                **_best(one.accuracies, combos),
                "changed_code": " ".join(one.changed),
                "same_as": " ".join(shared),
                "problem": f"{wrong[0].subject}: {wrong[0].problem}" if wrong else "",
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
