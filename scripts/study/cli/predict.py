"""Say which classes images of yours show, by a model of the study.

Default: the run with the highest validation accuracy (of equals, the one with more validation
images). --run names another one; --combo and --model take all seeds of a combo together, and the
mean of their probabilities. Images may have any size and kind. They become what the study's own
images became (dataset.fit in its configuration), or else the middle with the study's ratio of sides
is scaled to its size.

The sub-folders of a single folder may be called like classes of the study. Then they are taken for
labels, and the accuracy and the most frequent confusions are said too. Images of the study itself
are known by their pixels: those that the run learnt from do not count in the accuracy.

On a terminal the likeliest classes are shown as a table; to a pipe, or a file by --output, goes CSV
with every probability.
"""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from study.cli.labelled_images import agreement, label_names, learnt_from
from study.cli.terminal import console, say, table
from study.cli.written import Written, check_written
from study.config.imports import trains_network
from study.data.image_files import find_images, fit_of, read_image
from study.devices import memory_advice, take_device
from study.errors import StudyError
from study.files import atomic_path, file_cell, read_json, write_text
from study.job import device_options
from study.runs.run import (
    ACCURACY,
    Run,
    best_run,
    find_run,
    finished,
    require_network,
    runs_on_disk,
)
from study.runs.tree import ResultsTree
from study.wording import counted, percentage

_MOST_ROWS = 100
_COLUMNS = ("file", "predicted", "confidence")
# Pictures of maps are enlarged to about this width, pixels.
_SHOWN_WIDTH = 256


def options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE|FOLDER", help="files, or folders with files"
    )
    parser.add_argument("--run", metavar="COMBO/MODEL/SEED", help="a run, such as v1/cnn2/42")
    parser.add_argument(
        "--combo", help="with --model: all seeds of this combo, their probabilities averaged"
    )
    parser.add_argument("--model", help="with --combo: the model")
    parser.add_argument(
        "--output", metavar="FILE", help="write CSV there; - writes it to the terminal"
    )
    parser.add_argument(
        "--top", type=int, default=3, help="classes a row of the table (default: %(default)s)"
    )
    parser.add_argument(
        "--gradcam",
        metavar="FOLDER",
        help="write there of each image which places spoke for its class",
    )
    parser.add_argument(
        "--results", default="results", help="folder of the study's results (default: %(default)s)"
    )
    device_options(parser)


def answer(arguments: argparse.Namespace) -> None:
    """Print or write the probabilities; then name the files that could not be read, if any."""
    if arguments.output != "-":
        begins = (f"{','.join(_COLUMNS)},",)
        check_written([Written("--output", arguments.output, begins)], arguments.images)
    runs = _chosen(arguments)
    record = runs[0].record
    manifest = ResultsTree(Path(arguments.results)).data_manifest
    fit = fit_of(read_json(manifest) if manifest.is_file() else {})
    paths, images, failures = [], [], []
    for path in find_images(arguments.images):
        try:
            images.append(read_image(path, record["image_shape"], fit))
            paths.append(path)
        except StudyError as error:
            failures.append(str(error))
    if paths:
        _predict(arguments, runs, paths, np.stack(images))
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        raise StudyError(
            f"{len(failures)} of {len(paths) + len(failures)} files could not be read; "
            "the reasons are above"
        )


def _chosen(arguments: argparse.Namespace) -> list[Run]:
    """Return the runs that were asked for, and say on stderr which these are."""
    if bool(arguments.combo) != bool(arguments.model) or (arguments.run and arguments.combo):
        raise StudyError("write either --run COMBO/MODEL/SEED or both --combo and --model")
    if arguments.combo:
        runs = _all_seeds(arguments.results, arguments.combo, arguments.model)
        require_network(runs[0])
        seeds = ", ".join(str(run.seed) for run in runs)
        how = f"{arguments.model} on {arguments.combo}, mean of seeds {seeds}"
    elif arguments.run:
        runs = [require_network(find_run(arguments.results, arguments.run))]
        how = runs[0].name
    else:
        runs = [_best(arguments.results)]
        val = runs[0].metrics["val"]
        how = (
            f"{runs[0].name}, the best on its validation images "
            f"({percentage(val[ACCURACY])} of {val['n']:,}; combos have different ones, so name "
            "another by --run, or all seeds by --combo and --model)"
        )
    temperatures = [run.metrics["temperature"] for run in runs]
    calibrated = "not calibrated: no validation images"
    if None not in temperatures:
        values = ", ".join(f"{temperature:.3g}" for temperature in temperatures)
        calibrated = f"calibrated by the temperature {values}"
    print(f"by {how}; probabilities {calibrated}", file=sys.stderr)
    return runs


def _all_seeds(results: str, combo: str, model: str) -> list[Run]:
    """Return the finished runs of a combo and model, by seed; say on stderr what is left out."""
    runs = [run for run in runs_on_disk(results) if (run.combo, run.model) == (combo, model)]
    usable, reasons = finished(sorted(runs, key=lambda run: run.seed))
    if not usable:
        why = f": {'; '.join(reasons)}" if reasons else ""
        raise StudyError(f"{results}/runs has no finished run of {model} on {combo}{why}")
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    return usable


def _best(results: str) -> Run:
    """Return the run that is best on its validation images."""
    runs, _ = finished(runs_on_disk(results))
    runs = [run for run in runs if trains_network(run.record["recipe"])]
    if not runs:
        raise StudyError(
            f"there is no finished run in {results}/runs; "
            "run this in the folder of a study that has been run"
        )
    if (best := best_run(runs)) is None:
        raise StudyError(
            f"no finished run in {results}/runs has validation images to choose by; "
            "name one: --run v1/cnn2/42"
        )
    return best


@memory_advice()
def _predict(
    arguments: argparse.Namespace, runs: list[Run], paths: list[Path], images: np.ndarray
) -> None:
    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads)
    from study.models.inference import load_classifier, mean_probabilities

    classifiers = [
        load_classifier(
            run.folder / "model.safetensors", run.record, run.metrics["temperature"], device
        )
        for run in runs
    ]
    classes = runs[0].record["classes"]
    probabilities = mean_probabilities(classifiers, images, device)
    if arguments.gradcam:
        _write_maps(
            Path(arguments.gradcam),
            classifiers,
            paths,
            images,
            probabilities.argmax(axis=1),
        )
    learnt = learnt_from(runs, images, ResultsTree(Path(arguments.results)).images)
    labels = label_names(arguments.images, paths)
    if said := agreement(labels, classes, probabilities, learnt):
        print(said, file=sys.stderr)
    if arguments.output not in (None, "-"):
        write_text(arguments.output, _csv(paths, classes, probabilities))
        print(f"wrote {arguments.output}: {counted(len(paths), 'image')}", file=sys.stderr)
    if arguments.output == "-" or (arguments.output is None and not sys.stdout.isatty()):
        sys.stdout.write(_csv(paths, classes, probabilities))
    else:
        _show(arguments.images, paths, classes, probabilities, arguments.top)


def _csv(paths: Sequence[Path], classes: Sequence[str], probabilities: np.ndarray) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"probability_{name}" for name in classes)])
    for path, row in zip(paths, probabilities, strict=True):
        writer.writerow(
            [file_cell(path), classes[row.argmax()], f"{row.max():.6f}", *(f"{p:.6f}" for p in row)]
        )
    return stream.getvalue()


def _show(
    given: Sequence[str],
    paths: Sequence[Path],
    classes: Sequence[str],
    probabilities: np.ndarray,
    top: int,
) -> None:
    """Print the likeliest classes of the first images.

    If one folder was given, images are called by their paths below it.
    """
    folder = Path(given[0]) if len(given) == 1 and Path(given[0]).is_dir() else Path()
    top = max(1, min(top, len(classes)))
    columns = ["file", "likeliest", *(f"{turn}." for turn in range(2, top + 1))]
    rows = []
    for path, row in zip(paths[:_MOST_ROWS], probabilities, strict=False):
        name = path.relative_to(folder) if path.is_relative_to(folder) else path
        best = np.argsort(-row, kind="stable")[:top]
        rows.append(
            dict(
                zip(
                    columns, [str(name), *(f"{classes[k]} {row[k]:.1%}" for k in best)], strict=True
                )
            )
        )
    where = console()
    table(where, columns, rows, keys=["file"], left=columns, fold=True)
    if len(paths) > _MOST_ROWS:
        say(where, f"and {len(paths) - _MOST_ROWS:,} more: write all with --output FILE")


def _write_maps(
    folder: Path,
    classifiers: list,
    paths: list[Path],
    images: np.ndarray,
    predicted: np.ndarray,
) -> None:
    """Write each image beside the maps of its predicted class over it, mean over classifiers."""
    from PIL import Image

    from study.models.gradcam import gradcam_of_last_stages
    from study.report.plots.gradcam import overlay

    maps = np.mean(
        [
            gradcam_of_last_stages(model.model, model.normalize, images, predicted[:, None])[1]
            for model in classifiers
        ],
        axis=0,
    )
    over = overlay(images[:, None], np.round(maps[:, :, 0]).astype(np.uint8))
    sheets = np.concatenate([images, *over.swapaxes(0, 1)], axis=2)
    enlarge = max(1, _SHOWN_WIDTH // images.shape[2])
    digits = len(str(len(paths)))
    for number, (path, sheet) in enumerate(zip(paths, sheets, strict=True), 1):
        with atomic_path(folder / f"{number:0{digits}}_{path.stem}.png") as temporary:
            Image.fromarray(sheet.repeat(enlarge, axis=0).repeat(enlarge, axis=1)).save(temporary)
    print(f"maps of {len(paths):,} images in {folder}", file=sys.stderr)
