"""What people who looked at the gallery say of images: the table that it saves, verdicts.csv."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from study.data.index import Index
from study.errors import StudyError
from study.files import read_csv

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


def read_verdicts(path: str | Path, index: Index) -> list[Verdict]:
    """Return the verdicts of a table, in its order.

    An image is found by its file: it keeps its name where other images are added.

    Raises:
        StudyError: the table is not such a one, an image or a class is not in the study, or a
            person judges an image twice.
    """
    image_ids = {file: image_id for image_id, file in enumerate(index.files)}
    verdicts: dict[tuple[int, str], Verdict] = {}
    for line, row in enumerate(read_csv(path), start=2):
        where = f"{path}, line {line}"
        if missing := [name for name in COLUMNS if row.get(name) is None]:
            raise StudyError(
                f"{where}: there is no {missing[0]!r}; expected the columns {', '.join(COLUMNS)}, "
                "as the gallery saves them"
            )
        if row["file"] not in image_ids:
            raise StudyError(
                f"{where}: no image of this study has the file {row['file']!r}; take the verdicts "
                "of a gallery of the same images, or remove the line"
            )
        verdict = _verdict(row, image_ids[row["file"]], index, where)
        if (verdict.image_id, verdict.who) in verdicts:
            raise StudyError(
                f"{where}: {verdict.who or 'the same person'} judges {row['file']} a second time; "
                "keep one of the lines"
            )
        verdicts[verdict.image_id, verdict.who] = verdict
    return list(verdicts.values())


def _verdict(row: Mapping[str, str], image_id: int, index: Index, where: str) -> Verdict:
    """Return what a row says of an image."""
    said, own = row["verdict"], int(index.labels[image_id])
    if said not in VERDICTS:
        raise StudyError(f"{where}: the verdict is {said!r}; expected one of {', '.join(VERDICTS)}")
    if said != "wrong label":
        return Verdict(image_id, said, own, row["who"])
    others = [name for number, name in enumerate(index.classes) if number != own]
    if row["label"] not in others:
        known = ", ".join(others[:10]) + (", …" if len(others) > 10 else "")
        raise StudyError(
            f"{where}: the right label is {row['label']!r}, expected another class than "
            f"{index.classes[own]!r}: {known}"
        )
    return Verdict(image_id, said, index.classes.index(row["label"]), row["who"])
