"""Which code a job runs, as a digest: another digest runs the job again."""

import ast
import atexit
import contextlib
import functools
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from study.errors import StudyError
from study.files import unix_text, write_cache

# The folder of the project that this library belongs to.
PROJECT = Path(__file__).resolve().parents[2]
# What pages are put together from; such files belong to the package that they lie in.
_PAGE_SOURCES = {".html", ".css", ".js", ".rst", ".txt", ".yaml"}
# What is known of files by their content, kept beside Python's own memory of them: parsing 200
# files takes a second, and each command and each job asks.
_MEMORY = Path(__file__).parent / "__pycache__" / "code_digests.json"
# Files; with more, the memory begins again.
_MOST_REMEMBERED = 2000


@functools.cache
def code_digest(script: Path, *modules: str) -> str:
    """Return a digest of an entry script and of the `study` modules that it imports.

    The digest is over syntax trees without comments, docstrings and the wording of `StudyError`s,
    so that rewording these runs nothing again. Imports are found in the tree, inside functions too;
    nothing is executed. Imports for type checkers alone do not count. Of a package that is
    imported, the sources of pages and texts (.html, .css, .js, .rst, .txt, .yaml) count as they
    are, except line ends of Windows.

    A module's `SCHEMA` does not count either: it says what a configuration may hold, and no job
    reads it.

    Args:
        script: an entry script whose folder holds the `study` package.
        modules: names of modules that it imports by a name that is not in its source, such as
            "study.models.cnn2"; they and what they import count too.

    Returns:
        Sixteen hexadecimal digits.
    """
    script = Path(script)
    digest = hashlib.sha256()
    for path in code_files(script, *modules):
        digest.update(path.relative_to(script.parent).as_posix().encode() + b"\0")
        is_code = path.suffix == ".py"
        digest.update(_facts(path, script.parent)[0].encode() if is_code else unix_text(path))
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def require_planned_code(digest: str, script: Path, *modules: str) -> None:
    """Insist that a script and what it imports have this digest, now and when it is imported.

    Imports inside functions come seconds later, after torch's: a file that changed meanwhile is
    refused then.

    Args:
        digest: what `code_digest` returned when the job was planned.
        script: the entry script.
        modules: as for `code_digest`.

    Raises:
        StudyError: the code is another one. An import raises it too.
    """
    if code_digest(script, *modules) != digest:
        raise _changed(script)
    sources = {path.resolve(): _source(path) for path in code_files(script, *modules)}
    sys.meta_path.insert(0, _AsPlanned(script, sources))


class _AsPlanned:
    """Finds modules of `study` where Python does, and refuses those that have changed."""

    def __init__(self, script: Path, sources: dict[Path, bytes]):
        self._script, self._sources = script, sources

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """Return where a module lies, None for those of others."""
        if name.partition(".")[0] != "study":
            return None
        spec = PathFinder.find_spec(name, path)
        file = Path(spec.origin).resolve() if spec and spec.origin else None
        if file in self._sources and file.read_bytes() != self._sources[file]:
            raise _changed(self._script)
        return spec


def _changed(script: Path) -> StudyError:
    return StudyError(
        f"the code of {script.name} or of what it imports has changed since the workflow planned "
        "this job; type the same command again"
    )


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file of code.

    Raises:
        StudyError: it is not valid Python.
    """
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        raise StudyError(f"{path}: not valid Python ({error})") from error


def digests_of_scripts(folder: Path) -> dict[str, str]:
    """Return the digest of each entry script in a folder, by its file name."""
    return {script.name: code_digest(script) for script in sorted(folder.absolute().glob("*.py"))}


def code_files(script: Path, *modules: str) -> list[Path]:
    """Return the files that the digest of an entry script is made of, sorted; see `code_digest`."""
    root = script.parent
    queue = [script, *(path for module in modules for path in _module_files(module, root))]
    found = set(queue)
    while queue:
        for path in imported_files(queue.pop(), root) - found:
            found.add(path)
            queue.append(path)
    packages = {path.parent for path in found if path.name == "__init__.py"}
    pages = {
        path for folder in packages for path in folder.iterdir() if path.suffix in _PAGE_SOURCES
    }
    return sorted(found | pages)


@functools.cache
def imported_files(path: Path, root: Path) -> frozenset[Path]:
    """Return the files of `study` that a file imports directly, also inside functions."""
    names = _facts(path, root)[1]
    return frozenset(file for name in names for file in _module_files(name, root))


@functools.cache
def _facts(path: Path, root: Path) -> tuple[str, list[str]]:
    """Return the digest of what a file does, and the names that it imports, `study`'s alone."""
    package = path.relative_to(root).with_suffix("").parts[:-1]
    key = hashlib.sha256(f"{'.'.join(package)}\0".encode() + _source(path)).hexdigest()
    remembered = _remembered()
    if key not in remembered:
        tree = ast.parse(_source(path), str(path))
        digest = hashlib.sha256(_dumped(tree).encode()).hexdigest()
        remembered[key] = (digest, sorted(set(_imported_names(tree, package))))
    return remembered[key]


@functools.cache
def _remembered() -> dict[str, tuple[str, list[str]]]:
    """Return what is known of files by their content; what is added is kept at the process's end.

    Of use only to this version of Python and of this module.
    """
    maker = f"{sys.version} {hashlib.sha256(_source(Path(__file__))).hexdigest()}"
    files: dict[str, tuple[str, list[str]]] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(_MEMORY.read_text())
        if stored["maker"] == maker and len(stored["files"]) <= _MOST_REMEMBERED:
            files = stored["files"]
    known = len(files)

    def keep() -> None:
        if len(files) > known:
            write_cache(_MEMORY, {"maker": maker, "files": files})

    atexit.register(keep)
    return files


def _imported_names(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of `study` that a module of a package imports, also inside functions."""
    for node in _statements_that_run(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module or "").split(".")) if node.module else base
            # `from a.b import c`: c may be a module or a name inside a.b, so try both.
            names = [".".join(base), *(".".join((*base, alias.name)) for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == "study")


def _statements_that_run(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in a tree at any depth, except those under `if TYPE_CHECKING`."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for child in getattr(node, part, ()):
            if not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
                yield child
                yield from _statements_that_run(child)


@functools.cache
def _module_files(name: str, root: Path) -> set[Path]:
    """Return the files that importing `name` runs: the module and its packages' `__init__`."""
    parts = name.split(".")
    if parts[0] != "study":
        return set()
    files = {root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)}
    files.add(root.joinpath(*parts).with_suffix(".py"))
    return {path for path in files if path.is_file()}


@functools.cache
def _source(path: Path) -> bytes:
    return path.read_bytes()


def _dumped(node: object) -> str:
    """Return a node without positions, empty fields, docstrings and the wording of errors."""
    if isinstance(node, list):
        return "[" + ",".join(map(_dumped, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = [part for part in node.body if not _is_text(part)]
    if isinstance(node, ast.Module):
        fields["body"] = [part for part in fields["body"] if not _is_schema(part)]
    if isinstance(node, ast.Raise) and _raises_study_error(node):
        fields["exc"] = "StudyError"
    return f"{type(node).__name__}({','.join(f'{k}={_dumped(v)}' for k, v in fields.items())})"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _is_schema(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and "SCHEMA" in [getattr(x, "id", "") for x in node.targets]


def _raises_study_error(node: ast.Raise) -> bool:
    return isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") == "StudyError"
