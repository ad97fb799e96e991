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

# How the tables of two runs, of two studies and of two groups begin.
_TABLES = ("image_id,file,true,a,b,", "combo,model,n_seeds,", "measure,a,b,difference,")
# Options that say something of one kind of what is compared, and of which.
_OF_ONE_KIND = {"all": "runs", "measure": "studies"}
_MEASURE = "common_test_accuracy"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    results_option(parser)
    parser.add_argument("a", metavar="A", help="a run or a study")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument(
        "--csv",
        metavar="FILE",
        help="write this table: of two runs the images that changed sides; of two studies their "
        "groups; of two combos with a model their differences",
    )
    parser.add_argument(
        "--all", action="store_true", help="of two runs: compare every number of the summary"
    )
    parser.add_argument("--measure", help=f"of two studies: what is compared (default: {_MEASURE})")


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
        _check_options(arguments, "combos with a model")
        compare_groups(results, *groups, output=arguments.csv)
        return
    folders = [run.folder if run else Path(name) for run, name in zip(named, names, strict=True)]
    are_runs = [
        run is not None or (folder / "run.json").is_file()
        for run, folder in zip(named, folders, strict=True)
    ]
    if are_runs == [True, True]:
        from study.cli.diff_runs import compare_runs, compared_run

        _check_options(arguments, "runs")
        # A path may be short, such as seed42; what the run is, its place says.
        runs = [
            compared_run(name, run.folder if run else Path(name).resolve())
            for name, run in zip(names, named, strict=True)
        ]
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

    _check_options(arguments, "studies")
    compare_studies(*studies, measure=arguments.measure or _MEASURE, output=arguments.csv)


def _check_options(arguments: argparse.Namespace, kind: str) -> None:
    """Refuse an option that says nothing of the kind of what is compared."""
    for option, of in _OF_ONE_KIND.items():
        if getattr(arguments, option) and kind != of:
            raise StudyError(
                f"--{option} is for two {of}; {arguments.a} and {arguments.b} are two {kind}, so "
                "leave it out"
            )


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
