"""What pages are made of: HTML with places to fill, styles and scripts, each in a file of its own beside this module."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


def fill_page(name: str, **places: str) -> str:
    """Return the page `<name>.html` with its own style and script and all places filled, as one text that needs no other file.

    Args:
        name: such as "table", of the files `table.html`, `table.css` and `table.js`.
        places: HTML for each `$place` of the page other than `$style` and `$script`; the caller escapes.

    Raises:
        KeyError: a place of the page is not given.
    """
    page, style, script = (
        _FOLDER.joinpath(f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return Template(page).substitute(places, style=style, script=script)
