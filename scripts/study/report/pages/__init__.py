"""What pages are made of: HTML with places to fill, styles and scripts, each a file beside this."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


def fill_page(name: str, **places: str) -> str:
    """Return the page `<name>.html` with its style, its script and all places filled, as one text.

    Args:
        name: such as "table", of the files `table.html`, `table.css` and, if it has a script,
            `table.js`.
        places: HTML for each `$place` of the page other than `$style` and `$script`; the caller
            escapes.

    Raises:
        KeyError: a place of the page is not given.
    """
    for place, suffix in (("style", "css"), ("script", "js")):
        file = _FOLDER / f"{name}.{suffix}"
        if file.exists():
            places[place] = file.read_text(encoding="utf-8")
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8")).substitute(places)
