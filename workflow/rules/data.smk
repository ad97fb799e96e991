include: "../inputs/data.smk"


# Where the bytes come from is a resource, not a parameter: they are verified, so another source is
# no other data and re-runs nothing.
rule download:
    input:
        checksums=checksums,
    output:
        raw=directory("results/data/raw"),
    log:
        "results/logs/download.log",
    cache: True
    localrule: True
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
        image_groups=DATASET.get("group", ""),
        image_classes=json.dumps(DATASET.get("classes", {})),
    params:
        code=code("download.py", *dataset_modules(DATASET["name"])),
        dataset=DATASET["name"],
        own=own_options(),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/download.py"'
        " --code {params.code:q}"
        " --dataset {params.dataset:q}"
        " --archive={resources.archive:q}"
        " --urls {resources.urls:q}"
        " --images={resources.images:q}"
        " --test-images={resources.test_images:q}"
        " --group={resources.image_groups:q}"
        " --classes {resources.image_classes:q}"
        " {params.own:q}"
        " --checksums={input.checksums:q}"
        " --scratch results/scratch/download"
        " --output {output.raw:q}"
        " 2>&1 | tee {log:q}"


# It names the list of problems where it refuses files, and reads none of it.
rule decode:
    input:
        raw="results/data/raw",
        checksums=checksums,
        problems=ancient(problems_table()),
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
        corrections=CORRECTIONS,
    params:
        code=code("decode.py", *dataset_modules(DATASET["name"])),
        dataset=DATASET["name"],
        skip=["--skip-broken"] if OWN_IMAGES.digest and DATASET["skip_broken"] else [],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/decode.py"'
        " --code {params.code:q}"
        " --dataset {params.dataset:q}"
        " --raw {input.raw:q}"
        " --checksums={input.checksums:q}"
        " --problems={input.problems:q}"
        " {params.skip:q}"
        " --corrections={resources.corrections:q}"
        " --images {output.images:q}"
        " --index {output.index:q}"
        " --manifest {output.manifest:q}"
        " > {log:q} 2>&1"


# What people said of labels and images. It is known by what it changes; a touched or moved file,
# another order of lines and other verdicts change nothing here. What is measured and shown reads
# its table of images. Trainings do not: a correction of an image concerns them by their split
# alone.
rule correct:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
    output:
        index="results/data/corrected.csv",
        table="results/data/corrections.csv",
    log:
        "results/logs/correct.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        corrections=CORRECTIONS,
    params:
        code=code("correct.py"),
        corrected=corrections_digest(CORRECTED),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/correct.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --corrections {resources.corrections:q}"
        " --table {output.table:q}"
        " --output {output.index:q}"
        " > {log:q} 2>&1"


# All verdicts are kept here for the gallery, also those that change nothing: a line more makes this
# and the gallery again, and no other table of images.
rule list_corrections:
    input:
        images="results/data/images.npy",
        index="results/data/corrected.csv",
        table="results/data/corrections.csv",
    output:
        page=report(
            "results/data/corrections.html",
            caption="../report/corrections.rst",
            category=chapter("Data"),
            labels={"item": "corrected labels and images left out, table"},
        ),
        verdicts="results/data/verdicts.csv",
    log:
        "results/logs/list_corrections.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        corrections=CORRECTIONS,
    params:
        code=code("list_corrections.py"),
        verdicts=VERDICTS,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/list_corrections.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --table {input.table:q}"
        " --corrections {resources.corrections:q}"
        " --page {output.page:q}"
        " --verdicts {output.verdicts:q}"
        " > {log:q} 2>&1"


# A partition depends on those before it and never on those after it: one that is added, resized or
# taken out leaves the runs on earlier ones as they are.
rule partition:
    input:
        index="results/data/index.csv",
        before=lambda wildcards: partition_lists(
            partitions_until(wildcards.partition)[:-1]
        ),
        duplicates=partition_duplicates,
    output:
        partition="results/partitions/{partition}.csv",
        record="results/partitions/{partition}.json",
    log:
        "results/logs/partition/{partition}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("partition.py"),
        sizes=lambda wildcards: [
            f"{name}={PARTITIONS[name]}"
            for name in partitions_until(wildcards.partition)
        ],
        seed=config["partition_seed"],
        external=EXTERNAL_TEST,
        duplicates=lambda wildcards, input: option(
            "--near-duplicates", input.duplicates
        ),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/partition.py"'
        " --code {params.code:q}"
        " {params.external:q}"
        " {params.duplicates:q}"
        " --index {input.index:q}"
        " --before {input.before:q}"
        " --sizes {params.sizes:q}"
        " --seed {params.seed:q}"
        " --output {output.partition:q}"
        " --record {output.record:q}"
        " > {log:q} 2>&1"


# Of a partition, of the whole data set as its publisher split it, or of a combo afresh.
rule split:
    input:
        index="results/data/index.csv",
        partitions=split_lists,
        duplicates=split_duplicates,
    output:
        split="results/splits/{part}/seed{seed}.csv",
        development="results/splits/{part}/seed{seed}.development.csv",
    log:
        "results/logs/split/{part}/seed{seed}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        corrections=CORRECTIONS,
    params:
        code=code("split.py"),
        wildcards=all_wildcards,
        options=split_options,
        duplicates=lambda wildcards, input: option(
            "--near-duplicates", input.duplicates
        ),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/split.py"'
        " --code {params.code:q}"
        " --index {input.index:q}"
        " --partitions {input.partitions:q}"
        " --seed {wildcards.seed:q}"
        " {params.options:q}"
        " {params.duplicates:q}"
        " --corrections={resources.corrections:q}"
        " --output {output.split:q}"
        " --development {output.development:q}"
        " > {log:q} 2>&1"


# The images that all runs of a seed are tested on, whatever their combo.
rule common_test:
    input:
        splits=expand(
            "results/splits/{partition}/seed{{seed}}.csv", partition=PARTITIONS
        ),
    output:
        image_ids="results/splits/common/seed{seed}.csv",
    log:
        "results/logs/common_test/seed{seed}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("common_test.py"),
        wildcards=all_wildcards,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/common_test.py"'
        " --code {params.code:q}"
        " --splits {input.splits:q}"
        " --output {output.image_ids:q}"
        " > {log:q} 2>&1"


rule export_images:
    input:
        images="results/data/images.npy",
        index=INDEX,
    output:
        folder=directory("results/images"),
    log:
        "results/logs/export_images.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 8  # or as many as there are
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code("export_images.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/export_images.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --threads {threads:q}"
        " --output {output.folder:q}"
        " > {log:q} 2>&1"


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
        mem_mb=MEMORY_OF_PAIRS,
        runtime=30,
    params:
        code=code("find_duplicates.py"),
        threshold=config["near_duplicates"]["threshold"],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/find_duplicates.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --threshold {params.threshold:q}"
        " --threads {threads:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/draw_near_duplicates.py"'
        " --code {params.code:q}"
        " --duplicates {input.duplicates:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --threshold {params.threshold:q}"
        " --output {output.figure:q}"
        " > {log:q} 2>&1"


# What the images are, for whoever has to judge them; of your own also what is wrong with files.
rule count_classes:
    input:
        index=INDEX,
        partitions=partition_lists(PARTITIONS),
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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/count_classes.py"'
        " --code {params.code:q}"
        " --index {input.index:q}"
        " --partitions {input.partitions:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/list_problems.py"'
        " --code {params.code:q}"
        " --raw {input.raw:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"
