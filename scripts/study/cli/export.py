"""Write a run's model, or a table of all images, for other software.

A model is one file, with its preprocessing, and a model card. It takes bytes, uint8 N×H×W×C with
any N, and returns logits and probabilities. Normalisation, the recipe's views at test time and the
temperature are part of it. At export it is asked for 1,000 images of the study. Nothing is kept
unless it says what the study's model says, up to 1e-4; of the largest logit, where that is above 1.

  onnx          for ONNX Runtime, in any language
  torch_export  for PyTorch alone, without this project
  safetensors   weights with all that this project needs to build the network again

A table has one row per image: file, label, scores, and the predictions of the run (default: the
best one). FiftyOne, LightlyStudio, Spotlight and spreadsheets open it.

  csv           UTF-8 with the mark by which spreadsheets know it
  parquet       needs pyarrow
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.audit.provenance import repository
from study.cli.export_table import TABLES, write_images
from study.data.evenly import evenly_spaced
from study.data.index import read_duplicates, read_index
from study.devices import take_device
from study.errors import StudyError
from study.files import atomic_path, file_digest, read_array, read_json, write_text
from study.runs.run import (
    Run,
    best_run,
    find_run,
    finished,
    require_network,
    runs_on_disk,
)
from study.runs.tree import ResultsTree

if TYPE_CHECKING:
    from study.report.model_card import Parity

_MODELS = ("onnx", "torch_export", "safetensors")
# Images of the study that an exported file is asked for.
_N_COMPARED = 1000


def options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "run", metavar="COMBO/MODEL/SEED", nargs="?", help="which run, such as v1/cnn2/42"
    )
    parser.add_argument("--format", required=True, choices=(*_MODELS, *TABLES), help="see above")
    parser.add_argument(
        "--output",
        metavar="PATH",
        help="new folder to write (default: exports/COMBO/MODEL/seedSEED/FORMAT), or of a table "
        "the new file (default: exports/images.FORMAT)",
    )
    parser.add_argument(
        "--results", default="results", help="folder of the study's results (default: %(default)s)"
    )


def answer(arguments: argparse.Namespace) -> None:
    """Write the folder or the table, or nothing."""
    results = Path(arguments.results)
    if arguments.format in TABLES:
        run = find_run(results, arguments.run) if arguments.run else _best(results)
        output = _new(arguments.output or f"exports/images.{arguments.format}")
        print(write_images(ResultsTree(results), run, arguments.format, output))
        return
    if not arguments.run:
        raise StudyError(
            f"--format {arguments.format} is of one run's model; name the run, such as v1/cnn2/42 "
            "(`study show` lists them)"
        )
    run = require_network(find_run(results, arguments.run))
    default = Path("exports", run.combo, run.model, f"seed{run.seed}", arguments.format)
    output = _new(arguments.output or default)
    # After the cheap checks: importing torch takes seconds.
    take_device(gpus=0, threads=1)
    from study.models.export import require_packages

    require_packages(arguments.format)
    with tempfile.TemporaryDirectory() as made:
        parity = _write(run, ResultsTree(results), arguments.format, Path(made))
        with atomic_path(output) as temporary:
            shutil.copytree(made, temporary)
    print(parity)
    print(f"written: {', '.join(sorted(str(path) for path in output.iterdir()))}")


def _new(output: str | Path) -> Path:
    """Return a path where nothing is yet."""
    if Path(output).exists():
        raise StudyError(f"{output} is there already; move it away or name another by --output")
    return Path(output)


def _best(results: Path) -> Run:
    """Return the best run, or the first one where no run has validation images."""
    runs = runs_on_disk(results)
    usable, reasons = finished(runs)
    if not usable:
        raise StudyError(reasons[0] if reasons else f"there is no run in {results}")
    return best_run(usable) or usable[0]


def _write(run: Run, results: ResultsTree, form: str, folder: Path) -> str:
    """Write the exported file and its card into a folder; return how exactly it is the model."""
    from study.report.model_card import Parity, description, model_card

    exported_by = repository()
    print(f"exporting {run.name} as {form} …", file=sys.stderr)
    file, measured = _export(run, results, form, folder, description(run, exported_by))
    parity = Parity(*measured, run.record["device"])
    _check(parity, run)
    labels, predictions = read_index(results.labels).labels, run.predictions()
    seen = np.zeros(len(labels), bool)
    if results.near_duplicates.is_file():
        seen = ~predictions.may_judge(read_duplicates(results.near_duplicates))
    card = model_card(
        run,
        read_json(results.data_manifest),
        predictions,
        labels,
        form,
        file.name,
        file_digest(file),
        parity,
        exported_by,
        int((seen & predictions.has_role("test")).sum()),
    )
    write_text(folder / "MODEL_CARD.md", card)
    return str(parity)


def _export(
    run: Run, results: ResultsTree, form: str, folder: Path, description: dict[str, Any]
) -> tuple[Path, tuple[int, float, float]]:
    """Return the exported file, and what it says of some images.

    That is how many images, and how far its logits are from the model's and from those stored.
    """
    import torch

    from study.models import export
    from study.models.inference import load_classifier

    images = read_array(results.images)
    classifier = load_classifier(
        run.folder / "model.safetensors",
        run.record,
        run.metrics["temperature"],
        torch.device("cpu"),
    )
    file = export.export_classifier(classifier, form, folder, description)
    ids = evenly_spaced(len(images), _N_COMPARED)
    logits, difference = export.compare_with_classifier(
        export.read_exported(file, form), classifier, np.array(images[ids])
    )
    stored = export.largest_distance(run.predictions().logits[ids], logits)
    return file, (len(ids), difference, stored)


def _check(parity: "Parity", run: Run) -> None:
    """Raise a `StudyError` unless the exported file says what the run's model says."""
    from study.models.export import TOLERANCE

    # A GPU's arithmetic rounds in another way, so its stored logits are no measure of the file.
    on_cpu = run.record["device"].startswith("cpu")
    if max(parity.classifier, parity.stored if on_cpu else 0.0) > TOLERANCE:
        raise StudyError(
            f"the exported file is no copy of the run, so nothing was kept: {parity}; "
            f"at most {TOLERANCE:g} is allowed"
        )
