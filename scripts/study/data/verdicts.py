"""What people who looked at the gallery say of images: the table that it saves, verdicts.csv."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from study.errors import StudyError
from study.files import numbered_rows

if TYPE_CHECKING:  # the workflow reads verdicts at every start and needs no numpy for it
    from study.data.index import Index

VERDICTS = ("fine", "wrong label", "ambiguous", "leave out")
COLUMNS = ("image_id", "file", "sha256", "verdict", "label", "who", "when")


class Verdict(NamedTuple):
    """What one person says of one image.

    Attributes:
        image_id: of the image in this study.
        verdict: one of `VERDICTS`.
        label: number of the class that it should have; that of its label if it says nothing else.
        who: the name that the person gave, "" for none.
    """

    image_id: int
    verdict: str
    label: int
    who: str


def verdict_rows(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table of verdicts, each with the place `where` it stands.

    Raises:
        StudyError: the table is not such a one.
    """
    rows = []
    for line, row in numbered_rows(path):
        if not any(row.values()):  # as spreadsheets leave them
            continue
        where = f"{path}, line {line}"
        if missing := [name for name in COLUMNS if row.get(name) is None]:
            raise StudyError(
                f"{where}: there is no {missing[0]!r}; expected the columns {', '.join(COLUMNS)}, "
                "as the gallery saves them"
            )
        if row["verdict"] not in VERDICTS:
            raise StudyError(
                f"{where}: the verdict is {row['verdict']!r}; expected one of {', '.join(VERDICTS)}"
            )
        rows.append({**row, "where": where})
    return rows


def verdicts_digest(path: str | Path) -> str:
    """Return a digest of what all lines of a table of verdicts say, in any order.

    Raises:
        StudyError: the table is not such a one.
    """
    lines = {repr([row[name] for name in COLUMNS]) for row in verdict_rows(path)}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def images_by_file(index: "Index") -> dict[str, list[int]]:
    """Return the image_ids that have each file: folders such as train/ and test/ may share one."""
    found: dict[str, list[int]] = {}
    for image_id, file in enumerate(index.files):
        found.setdefault(file, []).append(image_id)
    return found


def image_of(row: Mapping[str, str], images: Mapping[str, Sequence[int]]) -> int:
    """Return the image_id that a row is about.

    An image is found by its file: it keeps its name where other images are added. Of several with
    that file it is the one with the row's image_id.

    Args:
        row: of `verdict_rows`.
        images: see `images_by_file`.

    Raises:
        StudyError: no image of the study has the file, or several do and none has the image_id.
    """
    alike = images.get(row["file"], ())
    if not alike:
        raise StudyError(
            f"{row['where']}: no image of this study has the file {row['file']!r}; take the "
            "verdicts of a gallery of the same images, or remove the line"
        )
    by_id = {str(image_id): image_id for image_id in alike}
    if len(alike) > 1 and row["image_id"] not in by_id:
        raise StudyError(
            f"{row['where']}: several images have the file {row['file']!r}, and the image_id "
            f"{row['image_id']!r} is of none; expected one of {', '.join([*by_id][:10])}: load the "
            "table in this study's gallery and save it again"
        )
    return by_id.get(row["image_id"], alike[0])


def right_label(row: Mapping[str, str], classes: Sequence[str]) -> int | None:
    """Return the number of the class that is right; None unless a row says the label is wrong.

    Args:
        row: of `verdict_rows`.
        classes: names in label order.

    Raises:
        StudyError: the class is not in the study.
    """
    if row["verdict"] != "wrong label":
        return None
    if row["label"] not in classes:
        known = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
        raise StudyError(
            f"{row['where']}: the right label is {row['label']!r}, expected a class of this study: "
            f"{known}"
        )
    return classes.index(row["label"])


def read_verdicts(path: str | Path, index: "Index") -> list[Verdict]:
    """Return the verdicts of a table, in its order; a line that is there twice counts once.

    Raises:
        StudyError: the table is not such a one, an image or a class is not in the study, or a
            person says two things of one image.
    """
    images = images_by_file(index)
    verdicts: dict[tuple[int, str], Verdict] = {}
    for row in verdict_rows(path):
        image_id, label = image_of(row, images), right_label(row, index.classes)
        own = int(index.labels[image_id])
        said = Verdict(image_id, row["verdict"], own if label is None else label, row["who"])
        if verdicts.setdefault((image_id, said.who), said) != said:
            raise StudyError(
                f"{row['where']}: {said.who or 'the same person'} judges {row['file']} a second "
                "time, otherwise; keep one of the lines"
            )
    return list(verdicts.values())
