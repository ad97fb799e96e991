"""Which files a command may write over: those that it wrote itself, and nobody's work."""

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from study.audit.bundle_places import may_hold
from study.errors import StudyError
from study.runs.made_with import started
from study.runs.tree import ResultsTree


class Written(NamedTuple):
    """A file that an option names.

    Attributes:
        option: such as "--output".
        path: None where the option was not given.
        begins: how a file begins that the command wrote there before; one of these.
    """

    option: str
    path: str | None
    begins: tuple[str, ...]


def check_written(files: Sequence[Written], read: Iterable[str | Path] = ()) -> None:
    """Refuse to write over a file that the same option did not write before.

    With its file name forgotten, `--output *.csv` names the first file that was to be read.

    Args:
        files: what the command is to write.
        read: what it reads.

    Raises:
        StudyError: a file is to be read too, or to be written twice, or it is another's.
    """
    inputs = {Path(path).resolve() for path in read}
    options: dict[Path, str] = {}
    for option, name, begins in files:
        if name is None:
            continue
        path = Path(name).resolve()
        if path in inputs:
            raise StudyError(f"{name} is to be read, so it is not overwritten; write another")
        if path in options:
            raise StudyError(
                f"{options[path]} and {option} are both {name}; give each a file of its own"
            )
        options[path] = option
        inside = _name_in_study(path)
        if inside and (path.exists() or may_hold(inside)):
            raise StudyError(
                f"{option}: {name} is among the results of a study, so it is not written; "
                "write another"
            )
        if path.is_dir() or (path.is_file() and not _begins(path, begins)):
            raise StudyError(
                f"{option}: {name} exists and was not written by this option before; "
                f"write the name of another file after {option}, or remove this one"
            )


def _name_in_study(path: Path) -> str | None:
    """Return the path from results/ on; None where no folder above is a study's results."""
    for folder in path.parents:
        if folder.name == "results" and _is_of_study(ResultsTree(folder)):
            return path.relative_to(folder.parent).as_posix()
    return None


def _is_of_study(tree: ResultsTree) -> bool:
    """Tell whether results are those of a study, finished or not."""
    return any(path.is_file() for path in (tree / "summary.csv", tree.study, started(tree)))


def _begins(path: Path, begins: tuple[str, ...]) -> bool:
    """Tell whether a file begins in one of some ways, or is empty."""
    with path.open("rb") as stream:
        found = stream.read(200).removeprefix(codecs.BOM_UTF8)
    return not found or found.startswith(tuple(text.encode() for text in begins))
