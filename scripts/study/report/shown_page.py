"""The start page as a report shows it: text, lists, tables, and links to the report's chapters.

The page may be somebody else's, who was sent a bundle. It is read as data: no template, no file
that it names, no HTML or script of its own, and no link but to a chapter of the report.
"""

import base64
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from docutils import nodes
from docutils.core import publish_parts
from docutils.readers import standalone
from docutils.transforms import Transform

from study.errors import StudyError
from study.files import read_json
from study.report.start_page import FINDINGS

_LARGEST = 1 << 22  # bytes; the page of a large study has some ten thousand
# What the page is made of, see `study.report.start_page`; all else is taken out before it is shown.
_SHOWN = (
    nodes.document, nodes.section, nodes.title, nodes.paragraph, nodes.Text, nodes.bullet_list,
    nodes.list_item, nodes.strong, nodes.emphasis, nodes.literal, nodes.literal_block,
    nodes.reference, nodes.table, nodes.tgroup, nodes.colspec, nodes.thead, nodes.tbody, nodes.row,
    nodes.entry,
)  # fmt: skip
_SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
}
# The link leads through the menu, because the report goes on listing the items of one category
# when it is sent straight to another.
_LINK = "javascript:void(app.setView({{navbarMode:'menu'}}),setTimeout(\"app.showCategory('{}')\"))"
_WARNING = (
    "<p><strong>Warning: other libraries.</strong> requirements.lock is not the one that {} "
    "trained with, so what is run again may come out differently. The versions used are under "
    "<em>Computed with</em>.</p>\n"
)


class _AsData(standalone.Reader):
    """Reads reStructuredText and keeps what a start page is made of."""

    def __init__(self, chapters: dict[str, str], picture: str):
        super().__init__()
        self._chapters, self._picture = chapters, picture

    def get_transforms(self) -> list[type[Transform]]:
        chapters, picture = self._chapters, self._picture

        class KeepData(Transform):
            default_priority = 990  # after all that docutils does itself

            def apply(self, **_: Any) -> None:
                _keep_data(self.document, chapters)
                for section in list(self.document.findall(nodes.section)):
                    if picture and section[0].astext() == FINDINGS:
                        section.insert(1, nodes.raw("", picture, format="html"))

        return [*super().get_transforms(), KeepData]


def shown_page(
    page: Path,
    chapters: Iterable[str],
    record: Path,
    lock: str | None,
    figure: Path | None = None,
) -> str:
    """Return the HTML that shows a start page, in lines that a block of raw HTML may hold.

    Args:
        page: as `describe_study` writes it.
        chapters: of the report; one that a partial report lacks is no link.
        record: of the study, study.json; the page warns if its runs had another lock.
        lock: sha256 of the project's requirements.lock.
        figure: shown above the findings, .svg; as a picture, in which no script runs.
    """
    if page.is_file() and page.stat().st_size > _LARGEST:
        raise StudyError(
            f"{page} is no start page: it is too large; delete it, and type the same command again"
        )
    try:
        parts = publish_parts(
            page.read_text(encoding="utf-8"),
            reader=_AsData({name.partition(". ")[2]: name for name in chapters}, _picture(figure)),
            writer_name="html",
            settings_overrides=_SETTINGS,
        )
    except Exception as error:  # text that somebody made may break its reader in any way
        raise StudyError(
            f"{page} cannot be shown ({type(error).__name__}); delete it, and type the same "
            "command again"
        ) from error
    body = re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", parts["html_body"])
    return "\n   ".join((_warning(record, lock) + body).splitlines())


def _keep_data(document: nodes.document, chapters: dict[str, str]) -> None:
    for node in list(document.findall()):
        if not isinstance(node, _SHOWN):
            if node.parent is not None:
                node.parent.remove(node)
        elif isinstance(node, nodes.reference):
            chapter = unquote(node.get("refuri", "").removeprefix("#"))
            text = nodes.Text(chapters.get(chapter, node.astext()))
            if chapter in chapters:
                link = nodes.reference("", "", refuri=_LINK.format(quote(chapters[chapter])))
                link += text
                node.replace_self(link)
            else:
                node.replace_self(text)


def _picture(figure: Path | None) -> str:
    """Return the HTML of a figure; nothing where there is none that is small enough."""
    if figure is None or not figure.is_file() or figure.stat().st_size > _LARGEST:
        return ""
    # docutils takes no lines over 10,000 characters, and browsers pass over blanks here.
    content = "\n".join(textwrap.wrap(base64.b64encode(figure.read_bytes()).decode(), 5000))
    picture = f'<img alt="accuracy by combo" src="data:image/svg+xml;base64,{content}">'
    return f'<div class="wide">{picture}</div>'


def _warning(record: Path, lock: str | None) -> str:
    """Return a warning unless the project's lock is the one of all runs."""
    try:
        made_by = read_json(record)["repositories"]
        locks = {found for one in made_by if one and (found := one.get("lock"))}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        locks = set()
    # Runs by earlier versions of the project did not record it.
    if len(locks) > 1:
        return _WARNING.format("all runs were")
    return _WARNING.format("the runs were") if locks and lock not in locks else ""
