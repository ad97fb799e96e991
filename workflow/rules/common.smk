import gc
import itertools
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

# The library beside these rules comes first, so that a copy of the workflow never runs another copy's code.
SCRIPTS = Path(str(workflow.current_basedir)).resolve().parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from study.config.architectures import architecture_modules
from study.clock import date_back
from study.code import code_digest
from study.config.combos import chain_of
from study.job import end_in_one_line
from study.files import read_yaml
from study.data.names import OFFICIAL, OWN
from study.data.datasets.planning import count_images, digest_of_own
from study.devices import wants_gpu
from study.errors import StudyError
from study.cli.estimates import earlier_speeds, training_work
from study.files import file_digest
from study.job import KEEP_MEMORY
from study.audit.provenance import lock_digest
from study.config.recipes import canonical, searches_rate
from study.audit.storage import open_storage
from study.config.study import check_study
from study.wording import counted, duration

# A plan is millions of objects that stay until it is carried out: looking for garbage among them as often as Python does by
# itself takes a quarter of the planning.
gc.set_threshold(50_000, 20, 100)

# A wrong configuration ends here, before any job, with the one line that says what to write instead.
try:
    # Snakemake has read these files, but takes the last of two equal keys.
    for path in workflow.configfiles:
        read_yaml(path)
    STUDY = check_study(config, SCRIPTS.parent / "workflow" / "schemas")
    # Of the user's own images, a parameter of the job that reads them, so that another image re-runs it; empty for other data.
    OWN_DIGEST = digest_of_own(
        config, "results/data/manifest.json", "results/scratch/own_images.json"
    )
except StudyError as error:
    sys.exit(f"error: {error}")

# Snakemake goes by time first: after the clock was set back, results from the future would stay whatever changes, and no job could use them.
if workflow.is_main_process and (n_late := date_back("results")):
    print(
        f"{n_late} files in results/ are dated in the future, as when the clock was set back; dated back, they are compared by content",
        file=sys.stderr,
    )

# What the configuration asks for; jobs that depend on all of it take it as this text. Where results are kept changes none.
WHOLE_CONFIG = canonical(
    {key: value for key, value in config.items() if key != "storage"}
)
# For the report's start page alone, which is rendered anew with each report and warns of another lock: no job runs again for one.
config["requirements_lock"] = lock_digest(SCRIPTS.parent)

RECIPES = STUDY.recipes
REPRODUCED = STUDY.systems
PARTITIONS = {
    partition["name"]: partition["size"] for partition in config["partitions"]
}
COMBOS = config["combos"]
MODELS = config["models"]
SEEDS = config["seeds"]
DATASET = config["dataset"]

# What a training or prediction asks for: a GPU where one will be used. Without any, a CPU-only machine runs as many
# jobs side by side as it has cores.
GPUS = int(wants_gpu(config["device"]))

# All jobs inherit this; a setting of the user's own stays.
for name, value in KEEP_MEMORY.items():
    os.environ.setdefault(name, value)

# Without `--resources gpu=…` Snakemake would start any number of GPU jobs at once; one is the safe number.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


# A combo whose name ends so is split by itself and not by its partitions, as the two DVC studies did: it leaks.
AFRESH = "@afresh"


def claimed_combos(system):
    """Return the combos that a compared system was measured on."""
    return dict.fromkeys(
        claim["combo"] for claim in system["claims"] if "combo" in claim
    )


def reproduced_combos():
    """Return the combos that the compared systems were measured on, as they split them too."""
    return [
        combo
        for system in REPRODUCED.values()
        for combo in [
            *claimed_combos(system),
            *(
                f"{combo}{AFRESH}"
                for combo in system.get("leak", {"combos": []})["combos"]
            ),
        ]
    ]


wildcard_constraints:
    partition="|".join(map(re.escape, PARTITIONS)),
    combo="|".join(map(re.escape, [*COMBOS, *reproduced_combos()])),
    afresh=f"[^/]+{re.escape(AFRESH)}",
    model="|".join(map(re.escape, RECIPES)),
    seed="|".join(map(str, SEEDS)),
    worker="[0-9]+",


def code(script, by_model=False):
    """Return the digest of the code that an entry script runs; a parameter of its rule, so that a change re-runs it.

    With `by_model`, a function that returns a job's: with the architecture of its model, which the script imports by name.
    """
    if not by_model:
        return code_digest(SCRIPTS / script)

    def of_job(wildcards):
        search = config["tune"].get(wildcards.model, {"keys": {}})
        modules = architecture_modules(
            RECIPES[wildcards.model]["architecture"],
            search["keys"].get("architecture.name", []),
        )
        return ":".join([code_digest(SCRIPTS / script, *modules), *modules])

    return of_job


def digests(*paths):
    """Return digests of the user's own files that are there, a parameter of jobs that read them: Snakemake by itself takes no older file for another one."""
    files = [Path(path).expanduser() for path in paths if path]
    return [file_digest(path) for path in files if path.is_file()]


def start_page():
    """Return the report's start page: the one that says what was found, once it is made."""
    made = Path("results/overview.rst")
    return str(made.resolve()) if made.exists() else "report/workflow.rst"


def notify(outcome):
    """Tell the user's chat how a command ended, if there is an address for that; whether that works changes nothing."""
    if os.environ.get("STUDY_WEBHOOK"):
        command = [sys.executable, SCRIPTS / "notify.py", "--outcome", outcome]
        subprocess.run([*command, "--runs", "results/runs.csv", "--results", "results"])


def given_configfiles():
    """Return the files given with --configfile, as seen from here."""
    files = [os.path.relpath(path) for path in workflow.configfiles]
    return [path for path in dict.fromkeys(files) if path != "config/config.yaml"]


def announce(trainings):
    """Print one line about trainings that will take more than ten minutes of a CPU: how many images, and how long by the speed of earlier runs."""
    runs = [(job.wildcards.combo, job.wildcards.model) for job in trainings]
    n_images = count_images(config, "results/data/manifest.json")
    images, seconds = training_work(
        config,
        RECIPES,
        runs,
        n_images,
        earlier_speeds(Path("results/runs"), {model for _, model in runs}),
    )
    if seconds > 600:
        print(
            f"{counted(len(runs), 'training')} of {images:,} images in all: about {duration(seconds)} of one core. `study plan` says more exactly how long it takes here.",
            file=sys.stderr,
        )


def all_wildcards(wildcards):
    """Return a job's wildcards, a parameter of what is cached and of what that is made from: the cache knows jobs by their parameters."""
    return dict(wildcards.items())


def of_all_runs(file):
    """Return an input function for the file of this name of each run of the study.

    A function, because lists that are written into a rule are kept by it and by its job as well.
    """

    def files(wildcards):
        return expand(
            f"results/runs/{{combo}}/{{model}}/seed{{seed}}/{file}",
            combo=COMBOS,
            model=MODELS,
            seed=SEEDS,
        )

    return files


def chain_predictions(wildcards):
    """Return the predictions of the runs on a partition's chain of combos, from the partition alone to the largest."""
    return expand(
        "results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        combo=chain_of(COMBOS, wildcards.partition),
        model=MODELS,
        seed=SEEDS,
    )


def certified_runs():
    """Return the runs, as combo/model/seed, that are trained once more to see whether they come out the same."""
    return config["certify"] or [f"{COMBOS[0]}/{model}/{SEEDS[0]}" for model in MODELS]


def run_path(name):
    """Return where below the folder of runs the one lies that is named as combo/model/seed."""
    return "{}/{}/seed{}".format(*name.split("/"))


def checksums(wildcards):
    """Return the user's list of md5 digests as an input, if there is one."""
    return [local(DATASET["checksums"])] if DATASET["checksums"] else []


def own_options():
    """Return the options of the job that reads the user's own images, if that is what the study is of."""
    if not OWN_DIGEST:
        return []
    return [
        f"--image-size {DATASET['image_size']}",
        f"--fit {DATASET['fit']}",
        f"--digest {OWN_DIGEST}",
    ]


def problems_table():
    """Return the list of unusable and converted files as an input, if the images are the user's own."""
    return ["results/data/problems.csv"] if OWN_DIGEST else []


def recipe_json(wildcards):
    """Return the resolved recipe of a model in a form that does not depend on the order of its keys."""
    return canonical(RECIPES[wildcards.model])


def splits_of(combo, seed, kind=""):
    """Return the splits of a combo's partitions, or the official one, for one seed; of the kind ".development", without tests."""
    return expand(
        "results/splits/{partition}/seed{seed}{kind}.csv",
        partition=[combo] if combo.endswith(AFRESH) else combo.split("+"),
        seed=seed,
        kind=kind,
    )


def combo_splits(wildcards):
    """Return the splits that a run trains on."""
    return splits_of(wildcards.combo, wildcards.seed)


def largest_combo():
    """Return the study's largest combo, by which a recipe is shown."""
    return max(COMBOS, key=combo_size)


def largest_combo_splits(wildcards):
    """Return the splits of the study's largest combo for its first seed."""
    return splits_of(largest_combo(), SEEDS[0])


def searched_combo(combo):
    """Return the combo on which the learning rate for a combo is searched.

    Never `official` for a combo of partitions, whose test images are among its training images.
    """
    partition_combos = [combo for combo in COMBOS if combo != OFFICIAL]
    if config["lr_find"]["per_combo"] or combo == OFFICIAL or not partition_combos:
        return combo
    return max(partition_combos, key=combo_size)


def takes_rate(model):
    """Tell whether a model's runs take their learning rate from a search, and not from tuning."""
    return (
        searches_rate(RECIPES[model])
        and "optimizer.lr" not in config["tune"].get(model, {"keys": {}})["keys"]
    )


def search_of(model, combo, seed):
    """Return the learning-rate search as an input, if the model's runs take their rate from one."""
    if not takes_rate(model):
        return []
    return [
        f"results/lr_find/{searched_combo(combo)}/{model}/seed{seed}/suggestion.json"
    ]


def searches():
    """Return all searches of the study: those asked for and those that recipes take their rates from."""
    return [
        f"results/lr_find/{combo}/{model}/seed{seed}/suggestion.json"
        for model in MODELS
        if model in config["lr_find"]["models"] or takes_rate(model)
        for combo in dict.fromkeys(map(searched_combo, COMBOS))
        for seed in (SEEDS if takes_rate(model) else SEEDS[:1])
    ]


def tuned(wildcards):
    """Return the settings that tuning chose for a run as an input, if its model is tuned."""
    if wildcards.model not in config["tune"]:
        return []
    return [
        f"results/tune/{wildcards.combo}/{wildcards.model}/seed{wildcards.seed}/best.yaml"
    ]


def workers(model):
    """Return how many jobs share a model's hyper-parameter search."""
    return config["tune"].get(model, {}).get("workers", 1)


def combo_size(combo):
    """Return how many images a combo has; the official one has all."""
    return sum(PARTITIONS.get(part, math.inf) for part in combo.split("+"))


def reproduced_runs():
    """Return (combo, model) of each run that the comparison with published figures reads."""
    return [
        (combo, system[kind])
        for system in REPRODUCED.values()
        for kind in STUDY.kinds
        for combo in claimed_combos(system)
    ]


def reproduction_of_the_study():
    """Return the comparison as an input of the summary, where it needs no other runs than the study has."""
    runs = set(itertools.product(COMBOS, MODELS))
    if STUDY.why_not_comparable or not runs.issuperset(reproduced_runs()):
        return []
    return ["results/reproduction.csv"]


# In the order of reading; what this study has not asked for comes after the rest.
CHAPTERS = sorted(
    [
        "Results",
        "Comparisons",
        "Hard examples",
        "Reproduction",
        "Models",
        "Tuning",
        "Runs",
        "Data",
    ],
    key=lambda name: (name == "Reproduction" and not reproduction_of_the_study())
    or (name == "Tuning" and not config["tune"]),
)


def chapter(name):
    """Return the report's category of this name, with its number: the report sorts categories by name."""
    return f"{CHAPTERS.index(name) + 1}. {name}"


def hard_to_learn_reports():
    """Return the reports on partitions that are combos by themselves: there a chain of combos starts."""
    return [
        f"results/hard_to_learn/{partition}_report.txt"
        for partition in PARTITIONS
        if partition in COMBOS
    ]


def human_votes_files(wildcards):
    """Return the files with people's votes, or end with one line if none is named or one is not there."""
    if not config["human_votes"]:
        sys.exit(
            "error: config: human_votes is empty, so there is nothing to compare hardness with; write for example "
            "human_votes: [{kind: cifar10h, path: cifar10h-counts.npy}]"
        )
    files = [Path(votes["path"]).expanduser() for votes in config["human_votes"]]
    for position, path in enumerate(files):
        if not path.is_file():
            sys.exit(
                f"error: config: human_votes[{position}].path is {path}, where there is no file; docs/guide.md says where to get it"
            )
    return local(files)


def storage_to_push(wildcards):
    """End with one line unless the study can be sent to its storage, before whatever the study still lacks is made."""
    with end_in_one_line():
        open_storage(config["storage"]).check()
    return []


def storage_to_pull(wildcards):
    """End with one line unless a study lies in the storage."""
    with end_in_one_line():
        open_storage(config["storage"]).insist_on_bundle()
    return []
