from study.data.datasets.planning import digest_of_own

# Of the user's own images, "" for other data. It is a parameter of the job that reads them, so that
# another image runs it again.
with end_in_one_line():
    OWN_DIGEST = digest_of_own(
        config, "results/data/manifest.json", "results/scratch/own_images.json"
    )


def problems_table():
    """Return the list of unusable files as an input, if the images are the user's own."""
    return ["results/data/problems.csv"] if OWN_DIGEST else []


def checksums(wildcards):
    """Return the user's list of md5 digests as an input, if there is one."""
    return [local(DATASET["checksums"])] if DATASET["checksums"] else []


def own_options():
    """Return the options of the job that reads the user's own images, if there are any."""
    if not OWN_DIGEST:
        return []
    return [
        f"--image-size {DATASET['image_size']}",
        f"--fit {DATASET['fit']}",
        f"--digest {OWN_DIGEST}",
    ]


# Where the bytes come from is a resource, not a parameter: they are verified, so another source is no other data and
# re-runs nothing.
rule download:
    input:
        checksums=checksums,
    output:
        raw=directory("results/data/raw"),
    log:
        "results/logs/download.log",
    cache: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
        archive=DATASET["archive"],
        urls=" ".join(DATASET["urls"]),
        images=DATASET["path"],
        test_images=DATASET["test_path"],
    params:
        code=code("download.py"),
        dataset=DATASET["name"],
        own=own_options(),
    shell:
        "python scripts/download.py"
        " --code {params.code}"
        " --dataset {params.dataset}"
        " --archive {resources.archive:q}"
        " --urls {resources.urls}"
        " --images {resources.images:q}"
        " --test-images {resources.test_images:q}"
        " {params.own}"
        " --checksums {input.checksums:q}"
        " --scratch results/scratch/download"
        " --output {output.raw}"
        " 2>&1 | tee {log}"


rule decode:
    input:
        raw="results/data/raw",
        checksums=checksums,
        problems=problems_table(),
    output:
        images="results/data/images.npy",
        index="results/data/index.csv",
        manifest="results/data/manifest.json",
    log:
        "results/logs/decode.log",
    cache: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("decode.py"),
        dataset=DATASET["name"],
        skip=["--skip-broken"] if OWN_DIGEST and DATASET["skip_broken"] else [],
    shell:
        "python scripts/decode.py"
        " --code {params.code}"
        " --dataset {params.dataset}"
        " --raw {input.raw}"
        " --checksums {input.checksums:q}"
        " --problems {input.problems}"
        " {params.skip}"
        " --images {output.images}"
        " --index {output.index}"
        " --manifest {output.manifest}"
        " > {log} 2>&1"


rule partition:
    input:
        index="results/data/index.csv",
    output:
        partitions=expand("results/partitions/{partition}.csv", partition=PARTITIONS),
        manifest="results/partitions/manifest.json",
    log:
        "results/logs/partition.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("partition.py"),
        sizes=[f"{name}={size}" for name, size in PARTITIONS.items()],
        seed=config["partition_seed"],
    shell:
        "python scripts/partition.py"
        " --code {params.code}"
        " --index {input.index}"
        " --sizes {params.sizes}"
        " --seed {params.seed}"
        " --folder $(dirname {output.manifest})"
        " > {log} 2>&1"


rule split:
    input:
        index="results/data/index.csv",
        partition="results/partitions/{partition}.csv",
    output:
        split="results/splits/{partition}/seed{seed}.csv",
        development="results/splits/{partition}/seed{seed}.development.csv",
    log:
        "results/logs/split/{partition}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("split.py"),
        wildcards=all_wildcards,
        ratios=[f"--{role} {ratio}" for role, ratio in sorted(config["split"].items())],
    shell:
        "python scripts/split.py"
        " --code {params.code}"
        " --index {input.index}"
        " --partition {input.partition}"
        " --seed {wildcards.seed}"
        " {params.ratios}"
        " --output {output.split}"
        " --development {output.development}"
        " > {log} 2>&1"


rule split_official:
    input:
        index="results/data/index.csv",
    output:
        split="results/splits/official/seed{seed}.csv",
        development="results/splits/official/seed{seed}.development.csv",
    log:
        "results/logs/split/official/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("split_official.py"),
        wildcards=all_wildcards,
        val=config["official"]["val"],
    shell:
        "python scripts/split_official.py"
        " --code {params.code}"
        " --index {input.index}"
        " --seed {wildcards.seed}"
        " --val {params.val}"
        " --output {output.split}"
        " --development {output.development}"
        " > {log} 2>&1"


rule split_afresh:
    input:
        partitions=lambda wildcards: expand(
            "results/partitions/{partition}.csv",
            partition=wildcards.afresh.removesuffix(AFRESH).split("+"),
        ),
    output:
        split="results/splits/{afresh}/seed{seed}.csv",
        development="results/splits/{afresh}/seed{seed}.development.csv",
    log:
        "results/logs/split/{afresh}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("split_afresh.py"),
        wildcards=all_wildcards,
        ratios=[f"--{role} {ratio}" for role, ratio in sorted(config["split"].items())],
    shell:
        "python scripts/split_afresh.py"
        " --code {params.code}"
        " --partitions {input.partitions}"
        " --seed {wildcards.seed}"
        " {params.ratios}"
        " --output {output.split}"
        " --development {output.development}"
        " > {log} 2>&1"


rule export_images:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
    output:
        folder=directory("results/images"),
    log:
        "results/logs/export_images.log",
    conda:
        "../../envs/analysis.yaml"
    threads: workflow.cores or 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code("export_images.py"),
    shell:
        "python scripts/export_images.py"
        " --code {params.code}"
        " --images {input.images}"
        " --index {input.index}"
        " --threads {threads}"
        " --output {output.folder}"
        " > {log} 2>&1"


# On request: `snakemake images`.
rule images:
    input:
        "results/images",


rule find_duplicates:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
    output:
        table="results/data/near_duplicates.csv",
    log:
        "results/logs/find_duplicates.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("find_duplicates.py"),
        threshold=config["near_duplicates"]["threshold"],
    shell:
        "python scripts/find_duplicates.py"
        " --code {params.code}"
        " --images {input.images}"
        " --index {input.index}"
        " --threshold {params.threshold}"
        " --threads {threads}"
        " --output {output.table}"
        " > {log} 2>&1"


# Apart from the table, by which runs are measured: another figure measures nothing again.
rule draw_near_duplicates:
    input:
        duplicates="results/data/near_duplicates.csv",
        images="results/data/images.npy",
        index="results/data/index.csv",
    output:
        figure=report(
            "results/figures/near_duplicates.svg",
            caption="../report/near_duplicates.rst",
            category=chapter("Data"),
            labels={"item": "near-duplicates, figure"},
        ),
    log:
        "results/logs/draw_near_duplicates.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("draw_near_duplicates.py"),
        threshold=config["near_duplicates"]["threshold"],
    shell:
        "python scripts/draw_near_duplicates.py"
        " --code {params.code}"
        " --duplicates {input.duplicates}"
        " --images {input.images}"
        " --index {input.index}"
        " --threshold {params.threshold}"
        " --output {output.figure}"
        " > {log} 2>&1"


# What the images are, for whoever has to judge them: for any data set, and for the user's own what is wrong with single files.
rule count_classes:
    input:
        index="results/data/index.csv",
        partitions=expand("results/partitions/{partition}.csv", partition=PARTITIONS),
    output:
        table="results/data/class_counts.csv",
        page=report(
            "results/data/class_counts.html",
            caption="../report/class_counts.rst",
            category=chapter("Data"),
            labels={"item": "images by class, table"},
        ),
    log:
        "results/logs/count_classes.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("count_classes.py"),
    shell:
        "python scripts/count_classes.py"
        " --code {params.code}"
        " --index {input.index}"
        " --partitions {input.partitions}"
        " --page {output.page}"
        " --output {output.table}"
        " > {log} 2>&1"


rule list_problems:
    input:
        raw="results/data/raw",
    output:
        table="results/data/problems.csv",
        page=report(
            "results/data/problems.html",
            caption="../report/problems.rst",
            category=chapter("Data"),
            labels={"item": "converted and unusable files, table"},
        ),
    log:
        "results/logs/list_problems.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("list_problems.py"),
    shell:
        "python scripts/list_problems.py"
        " --code {params.code}"
        " --raw {input.raw}"
        " --page {output.page}"
        " --output {output.table}"
        " > {log} 2>&1"
