"""Grade studies that students handed in: bundles or folders. No code of theirs is run.

Runs, partitions and splits are derived again from the assignment and each student's id. Accuracies
are computed again from the logits, and some logits from the weights by your own code. Files are
compared with their digests. The data must be decoded here first, and splits keep near-duplicates
together: snakemake results/data/index.csv results/data/near_duplicates.csv
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from study.audit.bundles import read_bundle
from study.audit.grading import Submission, grades, read_submission, reason, unreadable
from study.cli.project import configuration_options, find_project
from study.cli.terminal import console, say, shown, table
from study.cli.written import Written, check_written
from study.code import digests_of_scripts
from study.errors import StudyError
from study.files import text_cell, write_table
from study.wording import counted

_SHOWN = [
    "student",
    "passed",
    "checks",
    "runs",
    "asked",
    "model",
    "accuracy",
    "sd",
    "gain",
    "same_as",
]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "submissions",
        nargs="+",
        metavar="SUBMISSION",
        help="study.tar.gz, or a folder with results/",
    )
    configuration_options(parser)
    parser.add_argument(
        "--data",
        default="results/data",
        help="your own folder of the decoded data set (default: %(default)s)",
    )
    parser.add_argument("--output", metavar="FILE", help="table to write with all columns, .csv")


def answer(arguments: argparse.Namespace) -> None:
    """Print one row per submission, and what is wrong with each."""
    check_written(
        [Written("--output", arguments.output, ("student,submission,",))], arguments.submissions
    )
    data = Path(arguments.data)
    if not (data / "manifest.json").is_file():
        raise StudyError(
            f"{data}: holds no decoded data set to compare with; run snakemake "
            "results/data/index.csv with the assignment's --configfile, or name another with --data"
        )
    missing = [path for path in arguments.submissions if not Path(path).exists()]
    if missing:
        raise StudyError(
            f"{missing[0]}: no such file or folder; "
            "expected what students handed in, such as submissions/*.tar.gz"
        )
    config = find_project(arguments.configfile).config
    code = digests_of_scripts(Path("scripts"))
    paths = [Path(path) for path in arguments.submissions]
    # In folders that course systems make, files often have one name.
    named = Counter(path.name for path in paths)
    found = [
        _read(path, path.name if named[path.name] == 1 else str(path), data, config, code)
        for path in paths
    ]
    graded = grades(found, config["combos"])
    if arguments.output:
        # Ids and names are the students' own words, and a spreadsheet computes what looks so.
        text = graded.select_dtypes("object").columns
        write_table(arguments.output, graded.assign(**graded[text].map(text_cell)), "%.6f")
    screen = console()
    rows = [{name: shown(row[name], name) for name in _SHOWN} for row in graded.to_dict("records")]
    table(screen, _SHOWN, rows, keys=["student"], left=["model", "same_as"])
    for row in graded.to_dict("records"):
        for text in (
            row["problem"],
            row["changed_code"] and f"runs other code than yours: {row['changed_code']}",
        ):
            if text:
                say(screen, f"{row['submission']}: {text}")
    for one in found:
        left_out = list(filter(None, one.predicted.values()))
        for why in dict.fromkeys(left_out):
            runs = counted(left_out.count(why), "run")
            say(screen, f"{one.name}: predictions of {runs} not made again: {why}")


def _read(path: Path, name: str, data: Path, config: dict, code: dict[str, str]) -> Submission:
    # After the cheap checks: importing torch takes seconds.
    from study.models.answers_again import answers_again

    study = handed_in(path)
    if study.is_dir():
        return read_submission(study, data, config, code, name, answers_again)
    with tempfile.TemporaryDirectory() as folder:
        try:
            read_bundle(study, Path(folder))
        except Exception as error:  # the others are to be graded too
            return unreadable(name, reason(error).removeprefix(f"{study}: "))
        return read_submission(Path(folder), data, config, code, name, answers_again)


def handed_in(path: Path) -> Path:
    """Return the bundle or the folder of a study: `path`, or the only one in a folder around it.

    Course systems put each file that was handed in into a folder, and so do programs that unpack.
    """
    if not path.is_dir() or any((path / name).exists() for name in ("results", "study.json")):
        return path
    inside = [
        entry
        for entry in path.iterdir()
        if not entry.is_symlink()
        and (entry.name.endswith((".tar.gz", ".tgz", ".tar")) or (entry / "results").is_dir())
    ]
    return inside[0] if len(inside) == 1 else path
