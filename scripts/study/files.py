"""Files that are either whole or not there, and what identifies their content."""

import contextlib
import csv
import hashlib
import json
import math
import os
import re
import shlex
import shutil
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from study.errors import StudyError, escaped, one_line

if TYPE_CHECKING:  # the workflow reads files at every start and needs no numpy for it
    import numpy as np
    import pandas as pd

# What reading a file of any content may raise; of text and tables these are ValueErrors.
_UNREADABLE = (
    EOFError, LookupError, RecursionError, ValueError, csv.Error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# The project compresses maps of a few images alone; larger archives may be made to fill the memory.
_MOST_COMPRESSED = 1 << 29
# Parts of a YAML file, each alias counted as what it stands for, and how deep they are nested.
_MOST_PARTS, _DEEPEST = 100_000, 100
# Of a table, whose reader takes minutes for more; there are 21,841 classes of ImageNet.
_MOST_COLUMNS, _LONGEST_LINE = 50_000, 1 << 22
# Columns of words, which may read like numbers or like "NA"; all others hold numbers, truths
# or words that can be neither.
WORDS = (
    "a", "b", "between", "case", "case_verdict", "chain", "claim", "class", "combo", "compared",
    "consensus", "device", "expected", "file", "group", "holds_for", "judged", "kind", "label",
    "letters_of_combos", "letters_of_models", "measure", "measured_on", "method", "metric", "model",
    "name", "note", "other_class", "other_source_split", "partition", "pred", "reason",
    "role", "score", "second", "shape", "source", "source_split", "split", "state", "status",
    "system", "tested_on", "torch", "trained_on", "true", "verdict", "within",
    "Predicted Label", "True Label",
)  # fmt: skip
# What a spreadsheet takes for a formula; a plain number such as -1 is none.
_FORMULA = re.compile(r"[=@＝＠]|[+＋－-](?!\d+(\.\d+)?\Z)")
_SIGNED_WORD = re.compile(r"[+＋－-][^\W\d_][\w -]*")


@contextlib.contextmanager
def atomic_path(path: str | Path, lasting: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The suffix is kept, because writers such as matplotlib choose the format by it. Works for files
    and for folders (the caller creates the folder; `path` must then not exist yet). What processes
    left that were killed while they wrote `path` is removed.

    Args:
        path: of the file or folder.
        lasting: the content is on the disk before the rename, and the rename before this ends. So a
            power cut leaves no empty file where a record says that it is done.

    Raises:
        OSError: what the writer or the rename raised, with `path` as its file name where it had
            none.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path  # a device such as /dev/null, which root would replace, or a pipe
        return
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    try:
        yield temporary
        if lasting:
            _to_disk(temporary)
        temporary.replace(path)
        if lasting:
            _to_disk_folder(path.parent)
    except OSError as error:
        # Name the file the user knows, not the temporary one; writes to an open file carry no name
        # at all.
        if error.filename is None or Path(str(error.filename)) == temporary:
            error.filename = str(path)
        raise
    finally:
        _remove(temporary)


def _to_disk(path: Path) -> None:
    """Wait until a file, or all that a folder holds, is on the disk."""
    if path.is_dir():
        for one in path.iterdir():
            _to_disk(one)
        _to_disk_folder(path)
    elif path.is_file():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _to_disk_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can say so."""
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files of `path` that killed processes left.

    In a container each command has the same number, so one of this process's is left over too.
    """
    path = Path(path)
    name = re.compile(rf"\.{re.escape(path.stem)}\.(\d+)\.partial{re.escape(path.suffix)}")
    for leftover in path.parent.iterdir():
        found = name.fullmatch(leftover.name)
        if found and (int(found[1]) == os.getpid() or not is_running(int(found[1]))):
            _remove(leftover)


def is_running(pid: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def with_home(path: str | Path) -> Path:
    """Return a path with ~ replaced by the home folder, where there is one of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinity become null."""
    write_text(
        path, json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Name a file that cannot be read, and the command that makes it again.

    Raises:
        DamagedFile: what is read within raised that the content is not what was expected.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise unreadable(path, error) from error


class DamagedFile(StudyError, ValueError):
    """A file is empty or damaged. Who reads a user's own file can say better what it should be."""


def unreadable(path: str | Path, why: object) -> DamagedFile:
    """Return what says that a file cannot be read, and which command makes it again."""
    state = f"damaged ({one_line(why)})"
    if not Path(path).stat().st_size:
        state = "empty, as files are after a power cut"
    again = "put it in place again"
    if "results" in Path(path).parts:
        again = f"make it again: snakemake --force {shlex.quote(str(path))}, with the study's"
        again += " --configfile"
    elif isinstance(why, UnicodeDecodeError):
        state, again = f"no text in UTF-8 ({why.reason})", "save it in UTF-8, a table as CSV UTF-8"
    return DamagedFile(f"{path} is {state}; {again}")


def read_json(path: str | Path) -> Any:
    """Return the parsed content of a JSON file.

    Raises:
        DamagedFile: it is empty or damaged.
    """
    with reading(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def recorded(path: str | Path) -> dict[str, Any]:
    """Return a record, a JSON file; {} where it is not there or cannot be read."""
    try:
        record = read_json(path)
    except (OSError, StudyError):
        return {}
    return record if isinstance(record, dict) else {}


def write_cache(path: Path, content: Any) -> None:
    """Write what can be found out again, as JSON, where Python may write caches of its own."""
    if not sys.dont_write_bytecode:
        # A library may lie where nothing can be written.
        with contextlib.suppress(OSError), atomic_path(path, lasting=False) as temporary:
            temporary.write_text(json.dumps(content))


class _Loader(yaml.SafeLoader):
    """Refuses what YAML's readers silently make something else of.

    These are a mapping with one key twice, of which they take the last, and 0123 and 1:30, which
    they take for 83 and 90.
    """

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return the whole number."""
        if not re.fullmatch(r"[+-]?(0|[1-9][0-9_]*|0[xb].*)", node.value):
            raise yaml.YAMLError(
                f"{node.value} in line {node.start_mark.line + 1} is read as the number "
                f"{super().construct_yaml_int(node)}; write it in quotes"
            )
        return super().construct_yaml_int(node)

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Return the mapping as it is written, before anything is merged into it."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:merge" and key.value in lines:
                raise yaml.YAMLError(
                    f"the key {key.value!r} stands there twice, in lines {lines[key.value]} and "
                    f"{line}: write its values in one place"
                )
            lines[key.value] = line
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what is merged into a mapping."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_PARTS:
            raise yaml.YAMLError(f"more than {_MOST_PARTS:,} keys are merged")


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def read_yaml(path: str | Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        StudyError: the file cannot be read or is not YAML, has a key twice in one mapping, or
            stands for far more than it holds, by aliases.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
        _measure(content, {})
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file") from None
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; expected a YAML file") from error
    # Its readers raise anything at a date such as 2025-02-30 or a key that is a list.
    except (
        yaml.YAMLError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise StudyError(f"{path}: not valid YAML ({one_line(error)})") from error
    return content


def _measure(value: Any, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Return how many parts a value has, and how deep they are nested.

    Args:
        value: of YAML, in which aliases may make one list stand in many places, or in itself.
        known: what has been measured by its id; None while it is.

    Raises:
        ValueError: these are more than any file of a study has.
    """
    if not isinstance(value, dict | list):
        return 1, 0
    if id(value) not in known:
        known[id(value)] = None
        parts = value.values() if isinstance(value, dict) else value
        measured = [_measure(part, known) for part in parts]
        count = 1 + sum(count for count, _ in measured)
        depth = 1 + max((depth for _, depth in measured), default=0)
        if count > _MOST_PARTS or depth > _DEEPEST:
            raise ValueError(f"over {_MOST_PARTS:,} values, or nested over {_DEEPEST} deep")
        known[id(value)] = count, depth
    size = known[id(value)]
    if size is None:
        raise ValueError("a value holds itself")
    return size


def write_csv(
    path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]], lasting: bool = True
) -> None:
    """Write a header line and `rows` as comma-separated values with Unix line ends, atomically."""
    with (
        atomic_path(path, lasting) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(UnixLines(stream), lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_table(path: str | Path, table: "pd.DataFrame", float_format: str | None = None) -> None:
    """Write a table as .csv, without its index, atomically; floats in full or as "%.6f" says."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        lines = UnixLines(stream)
        table.to_csv(lines, index=False, float_format=float_format, lineterminator="\r\n")


class UnixLines:
    """Gives the rows of a CSV writer Unix line ends.

    Before Python 3.13 a writer quotes only cells with a character of its own line ends. A carriage
    return in a cell would then end the row for whoever reads it.
    """

    def __init__(self, stream: IO[str]):
        self._stream = stream

    def write(self, row: str) -> int:
        """Write one row, which ends in a carriage return and a line feed."""
        return self._stream.write(row.removesuffix("\r\n") + "\n")


def text_cell(text: str) -> str:
    """Return somebody else's text as it may stand in a table that people open.

    What a spreadsheet would compute begins with an apostrophe; control characters are escaped.
    """
    return f"'{escaped(text)}" if _FORMULA.match(text) else escaped(text)


def file_cell(path: str | Path) -> str:
    """Return a file's path as it may stand in a table that people open; it names the same file."""
    text = escaped(str(path))
    return f"./{text}" if _FORMULA.match(text) else text


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet would compute this text; -cat is a name that it has not."""
    return bool(_FORMULA.match(text) and not _SIGNED_WORD.fullmatch(text))


def read_table(path: str | Path, **options: Any) -> "pd.DataFrame":
    """Return a table of results; only an empty cell is missing, and names stay as they are.

    Args:
        path: what `write_table` or `write_csv` wrote.
        options: of pandas.read_csv, such as `usecols`.

    Raises:
        DamagedFile: it is empty or damaged.
    """
    import pandas as pd

    words = dict.fromkeys(WORDS, str)
    how = {"dtype": words, "keep_default_na": False, "na_values": [""], **options}
    with reading(path):
        with Path(path).open("rb") as stream:
            # Values beyond the header's in the first row would all be an index.
            for line in (stream.readline(_LONGEST_LINE) for _ in range(2)):
                if len(line) == _LONGEST_LINE or line.count(b",") >= _MOST_COLUMNS:
                    raise ValueError(f"over {_MOST_COLUMNS:,} columns")
        return pd.read_csv(path, **how)


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries of strings, keyed by its header line.

    Raises:
        DamagedFile: it is empty or damaged.
    """
    return list(csv_rows(path))


def csv_rows(path: str | Path) -> Iterator[dict[str, str]]:
    """Yield what `read_csv` returns, of a file whose rows may be many more than it should have."""
    for _, row in numbered_rows(path):
        yield row


def numbered_rows(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row that `read_csv` returns with the number of its line, of several the last."""
    with reading(path), Path(path).open(newline="", encoding="utf-8-sig") as stream:
        rows = table_rows(stream)
        if rows.fieldnames is None:
            raise ValueError("no header line")
        for row in rows:
            yield rows.line_num, row


def delimiter_of(header: str) -> str:
    """Return what separates the columns of a table with this header: a comma, ";" or a tab.

    A name may have one of them too, such as "cat, big". So it is the one that is there most often
    outside quotation marks; of equally many the first in the header.
    """
    outside = "".join(header.split('"')[::2])
    return max(",;\t", key=lambda mark: (outside.count(mark), -outside.find(mark)))


def table_rows(stream: IO[str]) -> "csv.DictReader[str]":
    """Return a reader of a table's rows: by commas, else by semicolons or tabs, as its header is.

    Args:
        stream: open, without its byte-order mark: spreadsheets begin UTF-8 with one, and separate
            by semicolons where a comma is in numbers.

    Raises:
        StudyError: a name is there twice, or, while rows are read, one has more cells.
    """
    header = stream.readline()
    stream.seek(0)
    rows = _Rows(stream, delimiter=delimiter_of(header))
    rows.file = getattr(stream, "name", "the table")
    names = rows.fieldnames = [name.strip() for name in rows.fieldnames or ()] or None
    if twice := [name for name, n in Counter(names).items() if name and n > 1]:
        raise StudyError(
            f"{rows.file}, line 1: the column {twice[0]!r} is there twice; "
            "expected each name once: rename or remove one"
        )
    return rows


class _Rows(csv.DictReader):
    """Refuses cells beyond the header's, which nobody would read; empty ones say nothing."""

    file: str

    def __next__(self) -> dict[str, str]:
        row = super().__next__()
        if any(row.pop(None, ())):
            raise StudyError(
                f"{self.file}, line {self.line_num}: has more cells than the header has names, "
                f"{len(self.fieldnames)}; write what has a separator in it in quotation marks"
            )
        return row


def unix_text(path: str | Path) -> bytes:
    """Return the content of a text file with the line ends of Unix, which Windows may change."""
    return Path(path).read_bytes().replace(b"\r\n", b"\n")


def read_array(path: str | Path) -> "np.ndarray":
    """Return the array of a .npy file, mapped into memory.

    Raises:
        DamagedFile: it is empty or damaged.
    """
    import numpy as np

    with reading(path):
        return np.load(path, mmap_mode="r")


def read_arrays(path: str | Path) -> "dict[str, np.ndarray]":
    """Return the arrays of an .npz archive by name.

    Raises:
        DamagedFile: it is empty or damaged, or its arrays are far larger than the file.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > max(_MOST_COMPRESSED, 2 * Path(path).stat().st_size):
            raise ValueError(f"it unpacks to {size:,} bytes")
        return {one.filename.removesuffix(".npy"): _read_member(archive, one) for one in members}


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> "np.ndarray":
    """Return an array of an archive; no memory is taken that its header alone asks for."""
    from numpy.lib import format as npy

    with archive.open(member) as stream:
        npy.read_magic(stream)
        shape, _, dtype = npy.read_array_header_1_0(stream)
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} claims the shape {shape}")
    with archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


def file_digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
