"""Which code an entry script runs, as a digest."""

import ast
import functools
import hashlib
import io
import tokenize
from pathlib import Path

# What pages are put together from; such files belong to the package that they lie in.
_PAGE_SOURCES = {".html", ".css", ".js"}


@functools.cache
def code_digest(script: Path, *modules: str) -> str:
    """Return a digest of an entry script and of every `study` module that it imports, directly or not.

    Comments and blank lines do not count, so that re-wording a comment re-runs nothing. Imports are found in
    the syntax tree, inside functions too; nothing is executed. Of a package that is imported, the sources of pages (.html, .css,
    .js) count as they are.

    Args:
        script: an entry script whose folder holds the `study` package.
        modules: names of modules that it imports by a name that is not in its source, such as "study.models.cnn2"; they and what they
            import count too.

    Returns:
        Sixteen hexadecimal digits.
    """
    script = Path(script)
    digest = hashlib.sha256()
    named = {path for module in modules for path in _module_files(module, script.parent)}
    code = set().union(*({path, *_imported_modules(path, script.parent)} for path in {script, *named}))
    for path in sorted(code | _page_sources(code)):
        digest.update(path.relative_to(script.parent).as_posix().encode() + b"\0")
        digest.update(_without_comments(path).encode() if path in code else path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def digests_of_scripts(folder: Path) -> dict[str, str]:
    """Return the digest of each entry script in a folder, by its file name."""
    return {script.name: code_digest(script) for script in sorted(folder.absolute().glob("*.py"))}


def _imported_modules(path: Path, root: Path) -> set[Path]:
    found: set[Path] = set()
    queue = [path]
    while queue:
        for module in _direct_imports(queue.pop(), root) - found:
            found.add(module)
            queue.append(module)
    return found


@functools.cache
def _direct_imports(path: Path, root: Path) -> frozenset[Path]:
    package = path.relative_to(root).with_suffix("").parts[:-1]
    modules: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module or "").split(".")) if node.module else base
            # `from a.b import c`: c may be a module or a name inside a.b, so try both.
            names = [".".join(base), *(".".join((*base, alias.name)) for alias in node.names)]
        else:
            continue
        for name in names:
            modules |= _module_files(name, root)
    return frozenset(modules)


def _module_files(name: str, root: Path) -> set[Path]:
    """Return the files that importing `name` runs: the module and the `__init__` of each parent package."""
    parts = name.split(".")
    if parts[0] != "study":
        return set()
    files = {root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)}
    files.add(root.joinpath(*parts).with_suffix(".py"))
    return {path for path in files if path.is_file()}


def _page_sources(modules: set[Path]) -> set[Path]:
    packages = {path.parent for path in modules if path.name == "__init__.py"}
    return {path for package in packages for path in package.iterdir() if path.suffix in _PAGE_SOURCES}


@functools.cache
def _without_comments(path: Path) -> str:
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())
