"""What the gallery says of itself.

The functions take what the page is made from (see `study.report.gallery.page`) and the runs'
answers.
"""

from study.report.gallery.answers import Answers
from study.wording import counted


def title(study: dict, answers: Answers) -> str:
    """Return the heading: how many images, judged by how many runs."""
    return (
        f"{study['n']:,} of {study['n_images']:,} images: those that some run got wrong, and the "
        f"hardest; judged by {counted(int((~answers.diverged).sum()), 'run')}"
    )


def summary(study: dict, answers: Answers) -> str:
    """Return what is seen and how it is read, or why nothing is."""
    if answers.judge_nothing():
        return (
            "Nothing is shown, because no run may judge any image: every run diverged, or trained "
            "or validated on all images or on near-duplicates of them."
        )
    if not study["n"] and not study["n_left_out"]:
        return "Nothing is shown, because every run was right on every image that it may judge."
    text = (
        "Shown is every image that at least one run misclassified. Only runs count that may judge "
        "the image: they neither trained nor validated on it or on one nearly the same. The "
        "hardest images are shown too, wrong or not. Hardness is the mean rank within a run, by "
        "the label's loss and, where it has them, the labels of the nearest training images: 0 is "
        "easy, 1 is hard. "
    )
    text += study["no_suspects"] or (
        "⚑ marks a label suspect: three of four runs doubt it by confident learning. That is a "
        "reason to look, and no verdict on the label."
    )
    if study["n_left_out"]:
        text += (
            f" The {study['n_left_out']:,} least hard images of the list are left out, to keep "
            "this file small."
        )
    return text


def computed(study: dict, answers: Answers) -> str:
    """Return how it was computed, and what was rounded or altered."""
    facts = []
    diverged = int(answers.diverged.sum())
    if diverged:
        facts.append(f"{diverged:,} of {len(answers.diverged):,} runs diverged and say nothing.")
    facts.append(
        "Scores are those of hard_examples.csv, in 65,535 steps each; probabilities are rounded to "
        "0.5 %. Means weigh models equally."
    )
    if study["best_run"] is not None:
        run = study["runs"][study["best_run"]]
        best = (
            "the best run by validation accuracy, or the first where none has validation images: "
        )
        best += f"{run['model']} on {run['combo']}, seed {run['seed']}"
        features = study["features_of"]
        by = f"the cosine of the features of {features}" if features else "the distance of logits"
        facts.append(
            f"Nearest images are the {study['k']} nearest training images, of the label and of the "
            "class that the image is taken for most often. They are those of the best run that "
            "takes it for this, by the cosine of what its last layer is given. Where no run does, "
            f"or none says what is near, they are the nearest by {by}, of {best}: of the label "
            "those that it gets right."
        )
    quality, exact = study["thumbnails"]["quality"], study["thumbnails"]["n_exact"]
    webp = f"WebP of quality {quality}, which alters them a little."
    if quality is None:
        facts.append("Images are shown exactly.")
    elif exact:
        facts.append(f"Images of the {exact:,} hardest are shown exactly; the others as {webp}")
    else:
        facts.append(f"Images are {webp}")
    return " ".join(facts)
