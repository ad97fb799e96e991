"""Your own images: a folder with a sub-folder for each class, or a table of paths and labels."""

import hashlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from study.data.datasets import Dataset, Decoded, Source
from study.data.datasets.digest import combined_digest
from study.data.datasets.image_names import Listed
from study.data.datasets.listing import Listing, list_images
from study.data.datasets.pictures import Unusable, read_picture
from study.errors import StudyError
from study.files import file_cell, read_csv, read_json, write_csv, write_json
from study.wording import counted

_IMAGES, _FILES, _DESCRIPTION = "images.npy", "files.csv", "description.json"
PROBLEMS = "problems.csv"
COLUMNS = ("file", "source_split", "class", "kind", "reason")
UNUSABLE, CONVERTED = "unusable", "converted"


def fetch(raw: Path, source: Source) -> None:
    """Put all images that can be read into the new folder `raw`, as squares of one size.

    The folder holds the array of images, a table of their classes and names, and `problems.csv`:
    file, source_split, class, kind and reason of each file that is unusable or was converted.
    `decode` tells whether a study may go on without the unusable ones.

    Raises:
        StudyError: the images are not those that the workflow planned with, or a class has none
            that can be read, or see `study.data.datasets.listing.list_images`.
    """
    listing = list_images(source.images, source.test_images or "", source.group, source.classes)
    raw.mkdir(parents=True)
    kept, problems, digest = _store_pictures(raw / _IMAGES, listing, source)
    if source.digest and digest != source.digest:
        raise StudyError(
            f"{source.images}: images have changed since the workflow planned this job; "
            "type the same command again"
        )
    grouped = any(image.group for image in kept)
    write_csv(
        raw / _FILES,
        (*COLUMNS[:3], *(["group"] if grouped else [])),
        (
            (
                _written(image.file),
                image.split,
                image.label,
                *([_written(image.group)] if grouped else []),
            )
            for image in kept
        ),
    )
    write_csv(raw / PROBLEMS, COLUMNS, problems)
    write_json(
        raw / _DESCRIPTION,
        {
            "classes": listing.classes,
            "images": "sha256:" + digest,
            "fit": source.fit,
            "ignored": dict(sorted(listing.ignored.items())),
        },
    )
    _report(source, listing, kept, problems)


def _store_pictures(
    path: Path, listing: Listing, source: Source
) -> tuple[list[Listed], list[tuple[str, ...]], str]:
    """Write the array of images; return which these are, the problems and the digest of all."""
    size, n_images = source.image_size, len(listing.images)
    kept: list[Listed] = []
    problems: list[tuple[str, ...]] = []
    contents = []
    header = {"descr": "|u1", "fortran_order": False, "shape": (n_images, size, size, 3)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
        for image in tqdm(listing.images, unit="image", disable=None):
            digest = None
            about = (_written(image.file), image.split, image.label)
            try:
                content, digest = _read(image.path)
                picture = read_picture(content, size, size, source.fit)
            except Unusable as error:
                problems.append((*about, UNUSABLE, str(error)))
            else:
                stream.write(picture.pixels.tobytes())
                kept.append(image)
                if picture.remark:
                    problems.append((*about, CONVERTED, picture.remark))
            contents.append((image, digest))
        # The places of unusable ones, at the end, are empty.
        stream.truncate(start + n_images * size * size * 3)
    return kept, problems, combined_digest(iter(contents))


def _read(path: Path) -> tuple[bytes, str | None]:
    if path.exists() and not path.is_file():  # a named pipe is waited for without end
        raise Unusable("cannot be read (no regular file)")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot be read ({error.strerror})") from error
    return content, hashlib.sha256(content).hexdigest()


def _written(file: str) -> str:
    """Return a path that UTF-8 can write and tables may hold, whatever a file's name has."""
    return file_cell(file.encode("utf-8", "backslashreplace").decode())


def _report(
    source: Source, listing: Listing, kept: list[Listed], problems: list[tuple[str, ...]]
) -> None:
    kinds = [problem[3] for problem in problems]
    reasons = Counter(problem[4] for problem in problems if problem[3] == CONVERTED).most_common(1)
    most = "".join(f" (most often: {reason})" for reason, _ in reasons)
    ignored = ", ".join(f"{count} {what}" for what, count in sorted(listing.ignored.items()))
    print(
        f"took {len(kept):,} images of {len(listing.classes)} classes from {source.images}; "
        f"{kinds.count(CONVERTED):,} were converted{most}, "
        f"{kinds.count(UNUSABLE):,} cannot be used, "
        f"{listing.ignored.total():,} other files were left alone"
        f"{f' ({ignored})' if ignored else ''}",
        file=sys.stderr,
    )


def decode(raw: Path, source: Source) -> Decoded:
    """Return the images that `fetch` stored: training before test images, by class and file.

    Raises:
        StudyError: files are unusable and `source.skip_broken` does not say that they may be left
            out, or no image of a class is left.
    """
    listed_in = source.problems or raw / PROBLEMS
    unusable = [problem for problem in read_csv(raw / PROBLEMS) if problem["kind"] == UNUSABLE]
    if unusable and not source.skip_broken:
        first = unusable[0]
        raise StudyError(
            f"{counted(len(unusable), 'image')} cannot be used, listed with reasons in "
            f"{listed_in}; the first is {first['file']}, which {first['reason']}; repair or "
            "remove these files, or write skip_broken: true under dataset in the configuration"
        )
    rows, description = read_csv(raw / _FILES), read_json(raw / _DESCRIPTION)
    classes = description["classes"]
    number = {name: label for label, name in enumerate(classes)}
    for split in dict.fromkeys(row["source_split"] for row in rows) or ("train",):
        left = {row["class"] for row in rows if row["source_split"] == split}
        for name in classes:
            if name not in left:
                raise StudyError(
                    f"no {split} image of the class {name!r} can be used; see {listed_in}"
                )
    return Decoded(
        images=np.load(raw / _IMAGES, mmap_mode="r")[: len(rows)],
        labels=np.array([number[row["class"]] for row in rows], np.int64),
        classes=classes,
        source_split=[row["source_split"] for row in rows],
        files=[row["file"] for row in rows],
        sources={"images": description["images"]},
        fit=description["fit"],
        groups=[row["group"] for row in rows] if "group" in rows[0] else None,
    )


DATASET = Dataset(
    title="your own images",
    licence="not known to the project; ask who made them.",
    officially_split=False,
    fetch=fetch,
    decode=decode,
)
