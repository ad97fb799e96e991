"""The floor plan of `scripts/study`: who may import whom, and where torch may be loaded."""

import ast
import re
from pathlib import Path

import pytest
from conftest import ROOT

from study.code import imported_files

SCRIPTS = ROOT / "scripts"
STUDY = SCRIPTS / "study"
GROUND = {"errors", "files", "seeds", "wording", "code", "usable_gpu", "devices", "job"}
ROOMS = {
    "data": set(),
    "config": {"data"},
    "models": {"data", "config"},
    "training": {"data", "config", "models"},
    "runs": {"data", "config"},
    "comparison": {"data", "config", "runs"},
    "hardness": {"data", "runs", "comparison"},
    "audit": {"data", "config", "runs", "comparison"},
    "report": {"data", "config", "runs", "comparison", "hardness"},
    "cli": None,  # everything
}
FILES = sorted(STUDY.rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room that a file lies in, or "ground floor"."""
    first = path.relative_to(STUDY).parts[0]
    return "ground floor" if first.endswith(".py") else first


def test_there_are_the_rooms_and_the_ground_floor_and_nothing_else():
    found = {path.name for path in STUDY.iterdir() if path.name != "__pycache__"}
    assert found == {*ROOMS, "__init__.py", "__main__.py", *(f"{name}.py" for name in GROUND)}


@pytest.mark.parametrize(
    "room", ["ground floor", *(room for room in ROOMS if ROOMS[room] is not None)]
)
def test_a_room_imports_only_what_its_row_of_the_table_allows(room):
    allowed = {room, "ground floor", *ROOMS.get(room, set())}
    outside = [
        f"{path.relative_to(SCRIPTS)} imports {imported.relative_to(SCRIPTS)}"
        for path in FILES
        if room_of(path) == room and path.name != "__main__.py"
        for imported in imported_files(path, SCRIPTS)
        if imported != STUDY / "__init__.py" and room_of(imported) not in allowed
    ]
    assert not outside


def imports_torch_when_loaded(path: Path) -> bool:
    """Tell whether loading a file loads torch by a statement of its own."""
    outer = [ast.parse(path.read_text())]
    while outer:
        node = outer.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] in ("torch", "torchvision", "timm") for name in names):
            return True
        outer.extend(ast.iter_child_nodes(node))
    return False


def test_torch_is_loaded_by_models_and_training_alone():
    loading = {room_of(path) for path in FILES if imports_torch_when_loaded(path)}
    assert loading == {"models", "training"}
    scripts = [path.name for path in SCRIPTS.glob("*.py") if imports_torch_when_loaded(path)]
    assert not scripts, "an entry script answers --help and refuses bad input without torch"


def test_the_picture_in_the_docs_shows_this_table():
    columns = ["data", "config", "models", "training", "runs", "comparison", "hardness"]
    text = (ROOT / "docs/architecture.md").read_text()
    for room, allowed in ROOMS.items():
        (line,) = (line for line in text.splitlines() if re.match(rf"{room} .*[●·]", line))
        marks = re.findall("[●·]", line)
        expected = {*columns, "audit, report"} if allowed is None else allowed
        shown = {
            name
            for name, mark in zip([*columns, "audit, report"], marks, strict=True)
            if mark == "●"
        }
        assert shown == expected, room
