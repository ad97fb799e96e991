"""What produced a result: the code that ran, the libraries and the machine."""

import ast
import functools
import hashlib
import importlib.metadata
import io
import os
import platform
import re
import subprocess
import sys
import tokenize
from pathlib import Path

# What pages are put together from; such files belong to the package that they lie in.
_PAGE_SOURCES = {".html", ".css", ".js"}


@functools.cache
def code_digest(script: Path) -> str:
    """Return a digest of an entry script and of every `study` module that it imports, directly or not.

    Comments and blank lines do not count, so that re-wording a comment re-runs nothing. Imports are found in
    the syntax tree, inside functions too; nothing is executed. Of a package that is imported, the sources of pages (.html, .css,
    .js) count as they are.

    Args:
        script: an entry script whose folder holds the `study` package.

    Returns:
        Sixteen hexadecimal digits.
    """
    script = Path(script)
    digest = hashlib.sha256()
    code = {script, *_imported_modules(script, script.parent)}
    for path in sorted(code | _page_sources(code)):
        digest.update(path.relative_to(script.parent).as_posix().encode() + b"\0")
        digest.update(_without_comments(path).encode() if path in code else path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


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


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that shape a result; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "snakemake"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def repository(root: str | Path | None = None) -> dict[str, str | bool | None]:
    """Return what is known of the copy of the project that runs: its commit, whether files differ from it, and its lock.

    Args:
        root: folder of the project; that of this file unless given.

    Returns:
        `commit` and `dirty` (tracked files differ), None without git; `lock`, the sha256 of requirements.lock, None without one.
    """
    root = Path(root) if root else Path(__file__).resolve().parents[2]
    commit, changes = (_git(root, *command) for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno")))
    lock = root / "requirements.lock"
    return {
        "commit": commit,
        "dirty": None if changes is None else bool(changes),
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
    }


def _git(root: Path, *command: str) -> str | None:
    if not (root / ".git").exists():  # else git would find a repository above, which is not this project's
        return None
    try:
        result = subprocess.run(["git", "-C", root, *command], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def machine() -> dict[str, str | int]:
    """Return the operating system, the CPU model and the number of CPUs that this process may use."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        model = found.group(1) if found else model
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"system": platform.system(), "architecture": platform.machine(), "cpu": model, "cpus": cpus}


def peak_memory_mb() -> float:
    """Return the largest resident set size of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
