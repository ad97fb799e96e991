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

import numpy as np
import yaml

from study.cli.project import CONFIG
from study.cli.proposal import LEAST, configuration, planned, shown
from study.cli.study_folder import make_folder
from study.code import PROJECT
from study.config.recipes import merged
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


def answer(arguments: argparse.Namespace) -> None:
    """Write the configuration and say what comes next."""
    target = Path(arguments.study)
    alone = target.suffix in (".yaml", ".yml")
    if os.path.lexists(target):
        raise StudyError(f"{target} exists already; give another name, or remove it")
    # What is beside the study today is so tomorrow, also where both have moved.
    base = Path() if alone else target
    if arguments.images:
        text, what = _of_images(arguments.images, arguments.test_images, base)
    elif arguments.test_images:
        raise StudyError("--test-images was given without --images; give both")
    else:
        text, what = _BLANK, "CIFAR-10 as in the project's configuration"
    config = merged(read_yaml(PROJECT / "config" / "config.yaml"), yaml.safe_load(text))
    check_study(config, PROJECT)
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
        f"wrote {target if alone else target / CONFIG}: {what}. Read it, then:\n\n{first}"
        + "\n".join(f"  {line + option:{width}}   # {told}" for line, told in lines.items())
    )


def _of_images(given: str, given_tests: str, base: Path) -> tuple[str, str]:
    """Return a configuration for images, with paths as seen from `base`, and what they are."""
    check_path("--images", given)
    check_path("--test-images", given_tests)
    images, tests, notes = _parts_taken(given, given_tests)
    listing = list_images(images, tests)
    counts = Counter(image.label for image in listing.images if image.split == "train")
    scarce, fewest = min(counts.items(), key=lambda item: (item[1], item[0]))
    if fewest < LEAST:
        raise StudyError(
            f"{images}: the class {scarce!r} has {counted(fewest, 'image')}, "
            f"expected at least {LEAST} to train, validate and test with; "
            "add some, or remove it"
        )
    sizes = _sizes(listing)
    n_groups = check_groups(listing.images, 1, len(ROLES))
    guess = None
    if n_groups is None:
        plan = planned(counts.total(), fewest, sizes)
        guess = likely_groups((image.file, image.label) for image in listing.images)
    else:
        plan = planned(counts.total(), fewest, sizes, n_groups // len(ROLES))
    text = configuration(images, tests, base, listing, counts, sizes, plan, guess)
    for note in [*notes, *_unread(listing), *_ungrouped(guess)]:
        print(f"note: {note}", file=sys.stderr)
    return text, (
        f"{counts.total():,} images of {len(counts)} classes "
        f"({_names(listing.classes)}); decoding says whether one of them is broken"
    )


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
