"""Write a ready configuration for a study, in a folder of its own or as one file.

Your own images are a folder with a sub-folder for each class, or a CSV file of paths and labels;
without them a study of the project's data begins.
"""

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from study.cli.fitting import largest_that_fits
from study.cli.proposal import (
    LEAST,
    TRAINED_SIZES,
    configuration,
    image_sizes,
    planned,
    shown,
)
from study.cli.study_folder import make_folder
from study.cli.trained_start import TrainedStart, trained_start
from study.code import PROJECT
from study.config.recipes import CONFIG, merged
from study.config.study import check_study
from study.config.texts import check_path
from study.data.datasets.folder_parts import images_and_tests, parts_in
from study.data.datasets.image_groups import check_groups
from study.data.datasets.image_kinds import HEIF, reads_heif
from study.data.datasets.listing import Listing, list_images, named
from study.data.datasets.pictures import size_of
from study.data.likely_groups import Guess, likely_groups
from study.data.splits import ROLES
from study.errors import StudyError
from study.files import read_yaml, with_home, write_text
from study.wording import counted

_SAMPLE = 200  # images whose sizes are looked at
_BLANK = """\
# Keys that are not here are as in the project's config/config.yaml; config/README.md there
# describes all of them.
dataset: {name: cifar10}
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "study",
        metavar="STUDY",
        help="folder to make, such as my_study; or a configuration alone, such as my_study.yaml",
    )
    parser.add_argument(
        "--images",
        help="folder with a sub-folder for each class, or .csv with the columns path,label "
        "(default: CIFAR-10, as the project's configuration says)",
    )
    parser.add_argument(
        "--test-images", default="", help="the same with images that are for testing alone"
    )
    parser.add_argument(
        "--weights",
        default="",
        help="start from these trained weights, .safetensors or .pth (default: from scratch)",
    )
    parser.add_argument(
        "--network",
        default="",
        help="what they are of, such as timm/resnet18 (default: found by the names in the file)",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Write the configuration and say what comes next."""
    target = Path(arguments.study)
    alone = target.suffix in (".yaml", ".yml")
    if os.path.lexists(target):
        raise StudyError(f"{target} exists already; give another name, or remove it")
    # What is beside the study today is so tomorrow, also where both have moved.
    base = Path() if alone else target
    for name, needed in (("test_images", "images"), ("weights", "images"), ("network", "weights")):
        if getattr(arguments, name) and not getattr(arguments, needed):
            option = name.replace("_", "-")
            raise StudyError(f"--{option} was given without --{needed}; give both")
    if arguments.images:
        text, what, time = _of_images(arguments, base)
    else:
        text, what, time = _BLANK, "CIFAR-10 as in the project's configuration", ""
        check_study(_whole(text), PROJECT)
    if alone:
        write_text(target, text)
        option, first = f" --configfile {shlex.quote(str(target))}", ""
    else:
        make_folder(target, text)
        option, first = "", f"  cd {shlex.quote(str(target))}\n"
    width = len(option) + len("snakemake --cores 4 --resources gpu=1")
    lines = {
        "study plan": "how long it takes here",
        "snakemake --dry-run": "what would run",
        "snakemake --cores 4 --resources gpu=1": "the study",
        "snakemake --report": "report.html",
    }
    print(
        f"wrote {target if alone else target / CONFIG}: {what}. "
        + (f"The study takes {time}. " if time else "")
        + f"Read it, then:\n\n{first}"
        + "\n".join(f"  {line + option:{width}}   # {told}" for line, told in lines.items())
    )


def _whole(text: str) -> dict[str, Any]:
    """Return the whole configuration that a text changes some keys of."""
    return merged(read_yaml(PROJECT / "config" / "config.yaml"), yaml.safe_load(text))


def _of_images(arguments: argparse.Namespace, base: Path) -> tuple[str, str, str]:
    """Return a configuration for images, with paths as seen from `base`, what they are, and time.

    The time is "" where nothing is known of it.
    """
    check_path("--images", arguments.images)
    check_path("--test-images", arguments.test_images)
    images, tests, notes = _parts_taken(arguments.images, arguments.test_images)
    listing = list_images(images, tests)
    counts = Counter(image.label for image in listing.images if image.split == "train")
    scarce, fewest = min(counts.items(), key=lambda item: (item[1], item[0]))
    if fewest < LEAST:
        raise StudyError(
            f"{images}: the class {scarce!r} has {counted(fewest, 'image')}, "
            f"expected at least {LEAST} to train, validate and test with; "
            "add some, or remove it"
        )
    sizes, n_classes = _sizes(listing), len(counts)
    start = None
    if arguments.weights:
        start = trained_start(arguments.weights, arguments.network, TRAINED_SIZES, n_classes)
    n_groups = check_groups(listing.images, 1, len(ROLES))
    guess = None
    if n_groups is None:
        guess = likely_groups((image.file, image.label) for image in listing.images)
        n_groups = guess and guess.fewest
    most = max(1, n_groups // len(ROLES)) if n_groups else 3
    plan = planned(counts.total(), fewest, sizes, most, start is not None)

    def text(seen_from: Path, size: int) -> str:
        chosen = plan._replace(image_size=size)
        what = listing, counts, sizes, chosen, guess, start
        return configuration(images, tests, seen_from, *what)

    size, time = largest_that_fits(
        image_sizes(sizes, start is not None),
        lambda size: _whole(text(Path(), size)),
        len(listing.images),
        n_classes,
        start is not None,
    )
    for note in [*notes, *_unread(listing), *_ungrouped(guess), *_recognised(start, arguments)]:
        print(f"note: {note}", file=sys.stderr)
    what = (
        f"{counts.total():,} images of {n_classes} classes "
        f"({_names(listing.classes)}); decoding says whether one of them is broken"
    )
    return text(base, size), what, time


def _recognised(start: TrainedStart | None, arguments: argparse.Namespace) -> list[str]:
    if start is None or arguments.network:
        return []
    return [
        f"by the names in it, {start.weights} is of {start.network}; if it is not, say --network"
    ]


def _parts_taken(images: str, tests: str) -> tuple[str, str, list[str]]:
    """Return where the images and test images are, and what to say of it.

    They are as given, except a folder of parts, train/ and test/, which is no folder of classes.
    """
    parts = parts_in(with_home(images))
    found, found_tests = images_and_tests(parts)
    if not found:
        return images, tests, []
    taken = {"the study": str(Path(images) / found.name)}
    if found_tests and not tests:
        taken["testing alone (the combo `official`)"] = str(Path(images) / found_tests.name)
    used = [Path(path).name for path in taken.values()]
    left = {part: folder for part, folder in parts.items() if folder.name not in used}
    note = f"{images} holds {named(parts)}, not classes: took " + " and ".join(
        f"{path} for {what}" for what, path in taken.items()
    )
    if left:
        note += f"; {named(left)} left out" + (
            " (the study draws its own validation images)" if "val" in left else ""
        )
    return *[*taken.values(), tests][:2], [note]


def _unread(listing: Listing) -> list[str]:
    kinds = Counter(image.path.suffix.lower() for image in listing.images)
    unread = [f"{kinds[kind]:,} {kind}" for kind in sorted(HEIF & kinds.keys())]
    if not unread or reads_heif():
        return []
    return [
        f"{' and '.join(unread)} (photographs of a phone) cannot be read here: install pillow-heif "
        "(pip install pillow-heif), save them as JPEG, or write skip_broken: true"
    ]


def _ungrouped(guess: Guess | None) -> list[str]:
    if guess is None:
        return []
    return [
        f"by their names, {guess.n_images:,} images are of {guess.n_groups:,} patients, bursts or "
        f"videos, such as {' and '.join(guess.example)}; if so, write group: '{guess.pattern}' "
        "under dataset, else runs are tested on pictures of what they were trained on"
    ]


def _names(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return ", ".join(map(shown, classes[:5])) + more


def _sizes(listing: Listing) -> np.ndarray:
    """Return width and height of some images, spread evenly over all, int n×2."""
    step = max(len(listing.images) // _SAMPLE, 1)
    sizes = []
    for image in listing.images[::step]:
        try:
            sizes.append(size_of(image.path))
        except Exception:  # a broken one says nothing here; the study lists it
            continue
    return np.array(sizes, np.int64).reshape(-1, 2)
