"""Names of images and of their classes, the same on every machine."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

from study.errors import StudyError, escaped
from study.files import is_formula

# Bytes of a class's name, which is a folder's.
_LONGEST = 255


class Listed(NamedTuple):
    """One image as it is listed.

    Attributes:
        split: "train", or "test" for the images of a test folder.
        label: name of its class.
        file: its path below the folder, or as in the table; with "/", in Unicode's composed form.
        path: where it is.
        group: name of the images that it belongs together with; "" where there are no groups.
    """

    split: str
    label: str
    file: str
    path: Path
    group: str = ""


def composed(text: str) -> str:
    """Return a name in Unicode's composed form."""
    # macOS stores names decomposed: é as e and an accent.
    return unicodedata.normalize("NFC", text)


def check_label(label: str, where: str) -> None:
    """Check that a text can be the name of a class.

    Raises:
        StudyError: it cannot; the message begins with `where`.
    """
    # Names of classes become names of folders and of columns, and cells of spreadsheets.
    hidden = next((c for c in label if escaped(label) != label and not c.isprintable()), "")
    if hidden:
        name = unicodedata.name(hidden, "a control character, or no UTF-8")
        raise StudyError(
            f"{where}: the class {label[:40]!a} has the character U+{ord(hidden):04X} in its name "
            f"({name.lower()}), which nobody sees; remove it, or put a plain space there"
        )
    if (
        "/" in label
        or label in (".", "..")
        or label != label.strip()
        or len(label.encode()) > _LONGEST
        or is_formula(label)
    ):
        raise StudyError(
            f"{where}: {label[:40]!a} cannot be the name of a class; expected readable text of at "
            f"most {_LONGEST} bytes without / and without spaces at its ends, that begins with "
            "none of = + - @ (but a number and a word may, as -cat)"
        )
