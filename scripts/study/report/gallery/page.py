"""The gallery as one page, within a limit of size."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.data.blocks import picked
from study.data.corrected import content_of
from study.errors import StudyError
from study.report.gallery.answers import MAY_JUDGE, PROBABILITY_STEPS
from study.report.gallery.columns import pack_columns
from study.report.gallery.data import GalleryData
from study.report.gallery.description import computed, summary, title
from study.report.gallery.packing import Part, array_part, image_part, json_part, sheet
from study.report.plots.gradcam import MAP_COLOURS
from study.runs.predictions import ROLE_CODES

_SCRIPTS = (
    "data.js",
    "view.js",
    "thumbnails.js",
    "grid.js",
    "map.js",
    "dossier.js",
    "verdicts.js",
    "main.js",
)
# Without loss where that fits. A lower quality than the last shows at this size, so images are left
# out instead.
_QUALITIES = (None, 80, 75, 70)
_SHEET_PIXELS = 2**18  # small enough that views which take few images of many sheets show at once
_MAPS_SHARE = 0.1  # of the page's size, at most
_SAMPLED = 4  # sheets that tell what a quality takes


class Page(NamedTuple):
    """A page and what had to be done to make it fit.

    Attributes:
        text: of the .html file, ASCII except for names.
        n_listed: images in it.
        n_left_out: images that did not fit.
        quality: of the thumbnails; None if all are without loss.
        n_exact: hardest images whose thumbnails are without loss.
    """

    text: str
    n_listed: int
    n_left_out: int
    quality: int | None
    n_exact: int


def gallery_page(data: GalleryData, limit: int) -> Page:
    """Return the page, of at most `limit` bytes.

    Thumbnails are without loss where that fits, else WebP of the best quality that fits, except the
    hardest ones, which stay without loss as far as there is room. If the lowest quality does not
    fit, the easiest images are left out.

    Raises:
        StudyError: not even the page without images fits.
    """
    n = len(data.table)
    while True:
        page = _fitting_page(data, n, limit)
        if isinstance(page, Page):
            return page
        if n == 0:
            raise StudyError(
                f"the gallery without any image has {page:,} bytes, more than the limit of "
                f"{limit:,}; raise the limit"
            )
        n = max(0, min(n - 1, int(0.98 * n * limit / page)))


def _fitting_page(data: GalleryData, n: int, limit: int) -> Page | int:
    """Return the page of the n hardest images, or its bytes with the lowest quality if too many."""
    n_left_out, data = len(data.table) - n, data.first(n)
    block = max(16, _SHEET_PIXELS // (data.images.shape[1] * data.images.shape[2]))
    columns = max(1, int(block**0.5))
    neighbours, extras = _positions(data)
    study, parts = _study(data, neighbours, extras, block, limit)
    shown = np.concatenate([data.table["image_id"].to_numpy(np.int64), extras])
    sheets = [shown[start : start + block] for start in range(0, len(shown), block)]

    def thumbnails(i: int, quality: int | None) -> Part:
        return image_part(f"sheet-{i}", sheet(picked(data.images, sheets[i]), columns), quality)

    def page(images: Sequence[Part], quality: int | None, n_exact: int) -> Page:
        facts = {
            "thumbnails": {"columns": columns, "quality": quality, "n_exact": n_exact},
            "n_left_out": n_left_out,
        }
        return Page(
            _assembled(study | facts, [*parts, *images], data), n, n_left_out, quality, n_exact
        )

    def size(made: Sequence[Part]) -> int:
        return sum(len(part.text) for part in made)

    # Bytes that are no images; the element of a sheet has fewer than 80.
    rest = len(page([], 0, n).text.encode()) + 80 * len(sheets)
    sample = range(0, len(sheets), max(1, len(sheets) // _SAMPLED))
    estimate = 0
    for quality in _QUALITIES:
        estimate = (
            size([thumbnails(i, quality) for i in sample]) * len(sheets) // max(1, len(sample))
        )
        if rest + estimate > limit:
            continue
        images = [thumbnails(i, quality) for i in range(len(sheets))]
        room = limit - rest - size(images)
        if room < 0:
            continue
        n_exact = n if quality is None else 0
        for i, lossy in enumerate(images):
            exact = None if quality is None else thumbnails(i, None)
            if exact is None or len(exact.text) - len(lossy.text) > room:
                break
            images[i] = exact
            room -= len(exact.text) - len(lossy.text)
            n_exact = min(n, (i + 1) * block)
        return page(images, quality, n_exact)
    return max(rest + estimate, limit + 1)


def _positions(data: GalleryData) -> tuple[np.ndarray, np.ndarray]:
    """Return the neighbours by the position of their thumbnails, and those that are not listed.

    Returns:
        uint32 n×2k; and image_ids, int64.
    """
    ids = data.table["image_id"].to_numpy(np.int64)
    near = np.concatenate([data.near_label, data.near_confused], axis=1)
    extras = np.setdiff1d(near[near >= 0], ids)
    position = np.zeros(len(data.images) + 1, np.uint32)
    position[ids] = np.arange(len(ids))
    position[extras] = len(ids) + np.arange(len(extras))
    position[-1] = np.iinfo(np.uint32).max
    return position[near], extras


def _study(
    data: GalleryData, neighbours: np.ndarray, extras: np.ndarray, block: int, limit: int
) -> tuple[dict, list[Part]]:
    """Return what the page is made from, and the data without thumbnails."""
    answers, ids = data.answers, data.table["image_id"].to_numpy(np.int64)
    columns, parts = pack_columns(data.table)
    no_class = np.min_scalar_type(len(data.classes))
    confused = np.where(data.confused < 0, np.iinfo(no_class).max, data.confused)
    parts.append(array_part("confused", confused.astype(no_class)))
    parts.append(array_part("extras", extras.astype(np.uint32)))
    nobody = np.min_scalar_type(len(data.runs))
    misled = np.where(data.misled_by < 0, np.iinfo(nobody).max, data.misled_by)
    parts.append(array_part("misled", misled.astype(nobody)))
    scores = pd.DataFrame(data.scores[extras]).round(4).astype(object)
    parts.append(json_part("extra-scores", scores.where(scores.notna(), None).to_numpy().tolist()))
    parts.append(json_part("sha256", [content_of(picked(data.images, i)) for i in ids]))
    said = json_part("verdict-lines", list(data.verdicts))
    parts += [said, json_part("given", list(data.given))]
    for i, start in enumerate(range(0, len(ids), block)):
        rows = slice(start, start + block)
        parts += [
            array_part(f"{name}-{i}", getattr(answers, name)[:, ids[rows]])
            for name in ("predicted", "confidence", "p_label", "roles")
        ]
        parts.append(array_part(f"neighbours-{i}", neighbours[rows]))
    maps, map_parts = _packed_maps(data, ids, limit)
    study = {
        "classes": data.classes,
        "n": len(ids),
        "n_images": len(data.images),
        "height": data.images.shape[1],
        "width": data.images.shape[2],
        "block": block,
        "k": data.near_label.shape[1],
        "runs": [
            {
                "combo": run.combo,
                "model": run.model,
                "seed": str(run.seed),
                "diverged": bool(diverged),
            }
            for run, diverged in zip(data.runs, answers.diverged, strict=True)
        ],
        "best_run": data.best_run,
        "features_of": data.features_of,
        "columns": columns,
        "roles": {str(code): role for role, code in ROLE_CODES.items()},
        "may_judge": MAY_JUDGE,
        "probability_steps": PROBABILITY_STEPS,
        "maps": maps,
        "no_suspects": data.no_suspects,
        "data_digest": data.data_digest,
        "verdicts_digest": hashlib.sha256(said.text.encode()).hexdigest()[:16],
    }
    return study, parts + map_parts


def _packed_maps(data: GalleryData, ids: np.ndarray, limit: int) -> tuple[list[dict], list[Part]]:
    """Return which maps the page has, those of the hardest images as far as there is room."""
    maps, parts = [], []
    for one in data.maps:
        listed, in_gallery, in_maps = np.intersect1d(ids, one.image_ids, return_indices=True)
        room = _MAPS_SHARE * limit * 3 / 4 / len(data.maps)  # base64 makes four bytes of three
        n = int(room // max(1, one.maps[0].size if len(one.maps) else 1))
        order = np.argsort(in_gallery)[:n]
        facts = {"run": one.run, "layers": one.layers, "image_ids": listed[order].tolist()}
        parts.append(array_part(f"maps-{len(maps)}", one.maps[in_maps[order]]))
        maps.append(facts)
    return maps, [*parts, array_part("map-colours", MAP_COLOURS)] if maps else parts


def _assembled(study: dict, parts: Sequence[Part], data: GalleryData) -> str:
    folder = Path(__file__).parent
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; img-src blob: data:; style-src '{_source_hash(style)}'; "
        f"script-src '{_source_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    # What the first view needs comes before the program, which starts while the rest is read.
    early = [part.name == "sheet-0" or not part.name[-1].isdigit() for part in parts]
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        policy=policy,
        style=style,
        script=script,
        first=_elements(compress(parts, early)),
        rest=_elements(part for part, first in zip(parts, early, strict=True) if not first),
        study=script_json(study),
        title=html.escape(title(study, data.answers)),
        summary=html.escape(summary(study, data.answers)),
        computed=html.escape(computed(study, data.answers)),
    )


def _elements(parts: Iterable[Part]) -> str:
    return "\n".join(
        f'<script type="text/plain" id="{html.escape(part.name)}" data-kind="{part.kind}">'
        f"{part.text}</script>"
        for part in parts
    )


def script_json(value: object) -> str:
    """Return JSON for a <script>: no text in it can end the element or open a comment."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _source_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
