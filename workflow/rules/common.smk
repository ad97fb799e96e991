include: "../inputs/common.smk"


import gc
import itertools
import math
import re

from study.audit import replaced, same_study, start
from study.code import code_digest
from study.config.architectures import architecture_modules
from study.config.components import component_modules
from study.config.recipes import canonical, merged, searches_rate
from study.config.study import check_study, found_in
from study.data.names import OFFICIAL
from study.devices import wants_gpu, where_trainings_run
from study.files import read_yaml
from study.job import KEEP_MEMORY, end_in_one_line, require_one_option

# A plan is millions of objects that stay until it is carried out. Looking for garbage among them as
# often as Python does takes a quarter of the planning.
gc.set_threshold(50_000, 20, 100)


CONFIGFILES = same_study.given_configfiles(workflow.configfiles)

# A wrong configuration ends here, before any job, with one line that says what to write instead.
with end_in_one_line():
    if workflow.is_main_process:
        require_one_option(sys.argv)
    # Snakemake takes the last of two equal keys.
    for path in workflow.configfiles:
        read_yaml(path)
    overwrite = may_overwrite()
    # What a study in a folder of its own, or a module's, does not say is as in the project's.
    # The same object: the report's start page looks for it where a deployment keeps it.
    config.update(merged(read_yaml(PROJECT / "config" / "config.yaml"), config))
    STUDY = check_study(config, PROJECT)
    if workflow.is_main_process:
        start.look_at_results(config, CONFIGFILES, STUDY.recipes, overwrite)

# A job that the kernel kills cannot say so itself.
shell.suffix(start.say_if_killed())

RECIPES = STUDY.recipes
REPRODUCED = STUDY.systems
PARTITIONS = {
    partition["name"]: partition["size"] for partition in config["partitions"]
}
COMBOS = config["combos"]
MODELS = model_names(config)
SEEDS = config["seeds"]
DATASET = config["dataset"]

# What a training or prediction asks for: a GPU where one will be used. Without any, a CPU-only
# machine runs as many jobs side by side as it has cores.
GPUS = int(wants_gpu(config["device"]))
if RUN_LOG:
    cores = start.own_cores(workflow.resource_settings.cores)
    RUN_LOG.started = where_trainings_run(config["device"], cores)
    RUN_LOG.estimate = time_of_jobs

# All jobs inherit this; what the user has set stays.
for name, value in KEEP_MEMORY.items():
    os.environ.setdefault(name, value)

# Without `--resources gpu=…` Snakemake would start any number of GPU jobs at once; one is safe.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


# A combo whose name ends so is split by itself, as the two DVC studies did: it leaks.
AFRESH = "@afresh"


def claimed_combos(system):
    """Return the combos that a compared system was measured on."""
    return dict.fromkeys(
        claim["combo"] for claim in system["claims"] if "combo" in claim
    )


def reproduced_combos():
    """Return the combos that the compared systems were measured on, as they split them too."""
    combos = []
    for system in REPRODUCED.values():
        leaky = system.get("leak", {"combos": []})["combos"]
        combos += [*claimed_combos(system), *(f"{combo}{AFRESH}" for combo in leaky)]
    return combos


wildcard_constraints:
    partition="|".join(map(re.escape, PARTITIONS)),
    combo="|".join(map(re.escape, [*COMBOS, *reproduced_combos()])),
    part="|".join(
        [*map(re.escape, [*PARTITIONS, OFFICIAL]), f"[^/]+{re.escape(AFRESH)}"]
    ),
    model="|".join(map(re.escape, RECIPES)),
    seed="|".join(map(str, SEEDS)),
    worker="[0-9]+",


def code(script, *modules, by_model=False, by_recipe=False):
    """Return the digest of an entry script's code, a parameter of its rule: a change re-runs it.

    `modules` are those that the script imports by name. With `by_model`, return a function of the
    job, for the architecture of its model is one of them; with `by_recipe`, the optimizer and the
    augmentations of the model's recipe are too.
    """
    if not by_model and not by_recipe:
        return ":".join([code_digest(SCRIPTS / script, *modules), *modules])

    def of_job(wildcards):
        recipe = RECIPES[wildcards.model]
        keys = config["tune"].get(wildcards.model, {"keys": {}})["keys"]
        names = keys.get("architecture.name", [])
        named = (
            component_modules(recipe, keys)
            if by_recipe
            else architecture_modules(recipe["architecture"], names)
        )
        return ":".join([code_digest(SCRIPTS / script, *named), *named])

    return of_job


def all_wildcards(wildcards):
    """Return a job's wildcards, a parameter of what is cached and of what that is made from.

    The cache knows jobs by their parameters.
    """
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


def splits_of(combo, seed, kind=""):
    """Return the splits of a combo's partitions, or the official one, for one seed.

    Those of the kind ".development" have no test images.
    """
    return expand(
        "results/splits/{partition}/seed{seed}{kind}.csv",
        partition=[combo] if combo.endswith(AFRESH) else combo.split("+"),
        seed=seed,
        kind=kind,
    )


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
    """Return the comparison as an input of the summary, if the study has all its runs."""
    runs = set(itertools.product(COMBOS, MODELS))
    if STUDY.why_not_comparable or not runs.issuperset(reproduced_runs()):
        return []
    return ["results/reproduction.csv"]


# In the order of reading. What this study has not asked for comes after the rest.
CHAPTERS = sorted(
    "Results,Comparisons,Hard examples,Reproduction,Models,Tuning,Runs,Data".split(","),
    key=lambda name: (name == "Reproduction" and not reproduction_of_the_study())
    or (name == "Tuning" and not config["tune"]),
)


def chapter(name):
    """Return the report's category of this name, numbered: the report sorts them by name."""
    return f"{CHAPTERS.index(name) + 1}. {name}"
