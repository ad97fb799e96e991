"""What pages are made of: HTML with places to fill, styles and scripts, each in a file of its own beside this module."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


def fill_page(name: str, **places: str) -> str:
    """Return the page `<name>.html` with its own style and script and all places filled, as one text that needs no other file.

    Args:
        name: such as "table", of the files `table.html`, `table.css` and, if it has a script, `table.js`.
        places: HTML for each `$place` of the page other than `$style` and `$script`; the caller escapes.

    Raises:
        KeyError: a place of the page is not given.
    """
    files = {"style": _FOLDER / f"{name}.css", "script": _FOLDER / f"{name}.js"}
    own = {
        place: file.read_text(encoding="utf-8") for place, file in files.items() if file.exists()
    }
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8")).substitute(
        places, **own
    )
