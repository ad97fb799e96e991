"""Say in what two runs, or two studies, differ, and what of it exceeds the noise of seeds.

A run is combo/model/seed, such as v1/cnn2/42, or the path of its folder. A combo/model, such as
v1/cnn2, stands for all its seeds: what comparisons.csv says of two of them is shown. A study is the
path of a project or of its folder of results. Differences are B − A.
"""

import argparse
from pathlib import Path

from study.cli.diff_groups import compare_groups, group_of_name
from study.cli.project import require_project, results_option
from study.cli.written import Written, check_written
from study.errors import StudyError
from study.runs.run import Run

# How the tables of two runs and of two studies begin.
_TABLES = ("image_id,file,true,a,b,", "combo,model,n_seeds,")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    results_option(parser)
    parser.add_argument("a", metavar="A", help="a run or a study")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument(
        "--csv",
        metavar="FILE",
        help="of two runs: write the images that changed sides; of two studies: their groups",
    )
    parser.add_argument(
        "--all", action="store_true", help="of two runs: compare every number of the summary"
    )
    parser.add_argument(
        "--measure",
        default="common_test_accuracy",
        help="of two studies: what is compared (default: %(default)s)",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Print what differs."""
    check_written([Written("--csv", arguments.csv, _TABLES)])
    results = Path(arguments.results or "results")
    names = (arguments.a, arguments.b)
    named = [_run_of_name(name, results) for name in names]
    if any(named) and not arguments.results:
        require_project()
    groups = [group_of_name(name, results) for name in names]
    if None not in groups:
        compare_groups(results, *groups)
        return
    folders = [run.folder if run else Path(name) for run, name in zip(named, names, strict=True)]
    are_runs = [
        run is not None or (folder / "run.json").is_file()
        for run, folder in zip(named, folders, strict=True)
    ]
    if are_runs == [True, True]:
        from study.cli.diff_runs import compare_runs, compared_run

        runs = [compared_run(*one) for one in zip(names, folders, strict=True)]
        compare_runs(*runs, everything=arguments.all, output=arguments.csv)
        return
    studies = [
        None if is_run else _results_of(folder)
        for is_run, folder in zip(are_runs, folders, strict=True)
    ]
    if None in studies:
        raise StudyError(
            f"{arguments.a} and {arguments.b} are a run and a study; name two runs or two studies"
        )
    from study.cli.diff_studies import compare_studies

    compare_studies(*studies, measure=arguments.measure, output=arguments.csv)


def _run_of_name(name: str, results: Path) -> Run | None:
    """Return the run that combo/model/seed names; None if it is a path, or no such name."""
    try:
        return None if Path(name).exists() else Run.parse(name, results)
    except StudyError:
        return None


def _results_of(path: Path) -> Path:
    """Return the folder of results of the study that is meant."""
    for folder in (path / "results", path):
        if (folder / "summary.csv").is_file() or (folder / "runs.csv").is_file():
            return folder
    raise StudyError(
        f"{path} is no run (combo/model/seed, or a folder with run.json), no combo with its model "
        "(v1/cnn2) and no study (a folder with results/summary.csv or summary.csv)"
    )
