"""Which architectures there are and which options each has, found without importing torch.

The workflow asks at every start. An architecture of the project is a file of `study/models` with
one class whose `__init__` takes `num_classes`, `in_channels` and `image_size`. The file's name is
the architecture's, and what else `__init__` takes are its options. Any other name is that of a
library and of a model there, such as "torchvision/resnet18".
"""

import ast
import difflib
import functools
import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.code import parsed
from study.config.probes import PROBES
from study.errors import StudyError

_MODELS = Path(__file__).parents[1] / "models"
# What the study's data decide, for every architecture.
_GIVEN = {"num_classes", "in_channels", "image_size"}
# Likewise for a library's models, by the names that these have for it.
_GIVEN_LIBRARY = _GIVEN | {"in_chans", "img_size", "input_size", "progress"}
_WEIGHTS = {
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "checkpoint_path",
    "cache_dir",
}
LIBRARIES = ("torchvision", "timm")


class Architecture(NamedTuple):
    """A network of the project.

    Attributes:
        module: that holds it, such as "study.models.cnn2".
        name: of its class.
        options: its own parameters, which a recipe may set.
    """

    module: str
    name: str
    options: tuple[str, ...]


def architectures() -> list[str]:
    """Return the names of the project's own architectures, sorted."""
    return sorted(path.stem for path in _MODELS.glob("*.py") if _networks(path))


def architecture(name: str) -> Architecture:
    """Return one of the project's own architectures.

    Raises:
        StudyError: there is no file of this name, or it does not hold one network.
    """
    path = _MODELS / f"{name}.py"
    if not name.isidentifier() or not path.is_file():
        known = architectures()
        raise StudyError(
            f"unknown architecture {name!r};{_closest(name, known)} known: {', '.join(known)}, "
            f"and any model of {' or '.join(LIBRARIES)}, such as torchvision/resnet18"
        )
    networks = _networks(path)
    if len(networks) != 1:
        names = " and ".join(network.name for network in networks) or "none"
        raise StudyError(
            f"{path}: expected one class whose __init__ takes num_classes, in_channels and "
            f"image_size, found {names}; CONTRIBUTING.md shows how to write it"
        )
    return networks[0]


@functools.cache
def _networks(path: Path) -> list[Architecture]:
    networks = []
    for node in parsed(path).body:
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                parameters = [
                    argument.arg for argument in (*method.args.args[1:], *method.args.kwonlyargs)
                ]
                if _GIVEN.issubset(parameters):
                    options = tuple(sorted(set(parameters) - _GIVEN))
                    networks.append(Architecture(f"study.models.{path.stem}", node.name, options))
    return networks


def architecture_modules(wanted: Mapping[str, Any], others: Iterable[str] = ()) -> list[str]:
    """Return the modules that are imported by name for a recipe's `architecture`.

    Args:
        wanted: a recipe's `architecture`.
        others: names that a search may put in place of its name.
    """
    names = {wanted["name"], *others}
    return sorted(
        {
            "study.models.libraries" if "/" in name else f"study.models.{name}"
            for name in names.difference(PROBES)
        }
    )


@functools.cache
def library_models(library: str) -> list[str] | None:
    """Return the names of a library's image classifiers, None where it is not installed.

    They are read from the sources, where both libraries mark the functions that make them:
    importing a library takes seconds.
    """
    package = importlib.util.find_spec(library)
    if package is None or package.origin is None:
        return None
    marked = re.compile(r"^@register_model\b.*?^def (\w+)\(", re.MULTILINE | re.DOTALL)
    sources = Path(package.origin).with_name("models").glob("*.py")
    return sorted(
        name for source in sources for name in marked.findall(source.read_text(encoding="utf-8"))
    )


def check_architecture(wanted: Mapping[str, Any]) -> None:
    """Check, as far as possible without torch, that an architecture and its options exist.

    Args:
        wanted: a recipe's `architecture`: its `name` and options.

    Raises:
        StudyError: in one line, what is wrong and what there is.
    """
    name, options = wanted["name"], [key for key in wanted if key not in ("name", "weights")]
    if "/" in name:
        _check_library_model(name, options)
        return
    known = PROBES[name] if name in PROBES else architecture(name).options
    for option in options:
        if option not in known:
            raise StudyError(
                f"architecture {name!r} has no option {option!r};{_closest(option, known)} "
                f"it has: {', '.join(known) or 'none'}"
            )


def _check_library_model(name: str, options: Iterable[str]) -> None:
    library, _, model = name.partition("/")
    if library not in LIBRARIES:
        raise StudyError(
            f"architecture {name!r} is of the library {library!r}, "
            f"expected {' or '.join(LIBRARIES)}, such as torchvision/resnet18"
        )
    known = library_models(library)
    # The library may be installed where the job runs and not here; the job asks again.
    if known is not None and model not in known:
        raise StudyError(
            f"architecture {name!r}: {library} has no image classifier {model!r};"
            f"{_closest(model, known)} it has {len(known):,}"
        )
    for option in options:
        if option in _WEIGHTS:
            raise StudyError(
                f"architecture {name!r}: trained weights are asked for by weights: library, or "
                f"weights: and the path of a file; write that instead of {option!r}"
            )
        if option in _GIVEN_LIBRARY:
            raise StudyError(
                f"architecture {name!r}: {option!r} follows from the study's data; remove it"
            )
        if option == "aux_logits":
            raise StudyError(
                f"architecture {name!r}: auxiliary outputs are off, "
                "because there is no loss for them here; remove 'aux_logits'"
            )


def _closest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, 3)
    return f" did you mean {' or '.join(map(repr, close))}?" if close else ""
