"""Which classes your own images get: merged, renamed or left out.

The workflow asks at every start, so numpy is not imported.
"""

from collections.abc import Mapping, Sequence

from study.data.datasets.image_names import Listed, check_label, composed
from study.errors import StudyError

SKIP = "skip"
_KEY = "config: dataset.classes"
_MOST_NAMED = 20


def with_classes(images: Sequence[Listed], wanted: Mapping[str, Sequence[str]]) -> list[Listed]:
    """Return the images with new names of their classes, without those that are to be left out.

    Args:
        images: as they are listed.
        wanted: the names that classes have now, by the name that they get. Those under `skip` are
            left out; those that are not named stay as they are.

    Raises:
        StudyError: a name is given twice, is no class of the images, or cannot be that of a class.
    """
    becomes: dict[str, str] = {}
    for new, names in wanted.items():
        check_label(new, _KEY)
        for name in map(composed, names):
            if name in becomes:
                raise StudyError(f"{_KEY} names {name!r} more than once; name each class once")
            becomes[name] = composed(new)
    known = sorted({image.label for image in images})
    for name in becomes:
        if name not in known:
            more = ", …" if len(known) > _MOST_NAMED else ""
            raise StudyError(
                f"{_KEY} names {name!r}, which is no class of the images; "
                f"these are {', '.join(known[:_MOST_NAMED])}{more}"
            )
    left = (image for image in images if becomes.get(image.label) != SKIP)
    return [image._replace(label=becomes.get(image.label, image.label)) for image in left]
