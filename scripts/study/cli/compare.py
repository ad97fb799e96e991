"""Say which of several models is better by their predictions, made here or elsewhere.

A file is a table (.csv): image_id or file, and a column for each class with its probability. Or it
is an archive of numpy.savez (.npz): image_id or files, classes (their names), and probabilities or
logits (a row for each image). Files whose names differ in a number at the end, such as
clip_1.csv and clip_2.csv or clip_seed1.csv, are seeds of one model. All predict the same images.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from study.cli.written import Written, check_written
from study.errors import StudyError
from study.wording import real_differences

if TYPE_CHECKING:
    from study.comparison.answers import Study


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="predictions, .csv or .npz")
    parser.add_argument(
        "--labels",
        required=True,
        help="image_id or file, label: the name of the class, and maybe group: of images that "
        "belong together, .csv",
    )
    parser.add_argument("--output", help="table to write: one row per pair and measure, .csv")
    parser.add_argument("--page", help="page to write, .html")


def answer(arguments: argparse.Namespace) -> None:
    """Print the accuracies with letters, and the differences with their verdicts.

    Where classes are uneven, also by the measures in which each class counts the same.
    """
    check_written(
        [
            Written("--output", arguments.output, ("compared,within,",)),
            Written("--page", arguments.page, ("<!DOCTYPE html>",)),
        ],
        [*arguments.files, arguments.labels],
    )
    from study.comparison.elsewhere import study_of_predictions
    from study.comparison.pairs import intervals_are_for
    from study.comparison.tables import BY_CLASS, comparisons
    from study.files import write_table, write_text
    from study.report.tables import html_page

    study = study_of_predictions(arguments.files, arguments.labels)
    if len(study.models) < 2:
        raise StudyError(
            f"all files are seeds of {study.models[0]}; name the predictions of two models or more"
        )
    pairs, groups, _ = comparisons(study, 0.005)
    _name_seeds(study)
    for row in groups.sort_values("accuracy", ascending=False).itertuples():
        ends = f"{100 * row.new_images_low:.1f} to {100 * row.new_images_high:.1f}"
        sys.stdout.write(
            f"{row.letters_of_models:3} {row.model}: {100 * row.accuracy:.1f} % ({ends}), "
            f"seeds: {row.n_seeds}\n"
        )
    accuracy = pairs[pairs["measure"] == "accuracy"]
    for row in pairs[pairs["measure"].isin(["accuracy", *BY_CLASS])].itertuples():
        by = f" by {BY_CLASS[row.measure]}" if row.measure in BY_CLASS else ""
        verdict = "undecided" if row.verdict == "undecided" else f"{row.verdict} is better"
        sys.stdout.write(
            f"{row.b} minus {row.a}{by}: {100 * row.difference:+.1f} points "
            f"({100 * row.low:+.1f} to {100 * row.high:+.1f}), p = {row.p_holm:.2g}: {verdict}\n"
        )
    decided = int((accuracy["verdict"] != "undecided").sum())
    if arguments.output:
        write_table(arguments.output, pairs, "%.6g")
    if arguments.page:
        heading = real_differences(decided, len(accuracy))
        named = zip(accuracy["b"] + " minus " + accuracy["a"], accuracy["holds_for"], strict=True)
        about = intervals_are_for(named)
        write_text(
            arguments.page, html_page(pairs, heading, about, of="comparisons/comparisons.csv")
        )


def _name_seeds(study: "Study") -> None:
    """Print which files are seeds of one model, and whether models have unequally many."""
    files = {
        model: [run.folder.stem for run in study.runs if run.model == model]
        for model in study.models
    }
    for model, names in files.items():
        if len(names) > 1:
            sys.stdout.write(f"seeds of {model}: {', '.join(names)}\n")
    if len(counts := {len(names) for names in files.values()}) > 1:
        sys.stdout.write(
            f"note: models have {' or '.join(map(str, sorted(counts)))} seeds; a pair is compared "
            "by the first seeds that both have, so give equally many of each\n"
        )
