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
        "python scripts/count_classes.py --code {params.code} --index {input.index} --partitions {input.partitions}"
        " --page {output.page} --output {output.table} > {log} 2>&1"


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
        "python scripts/list_problems.py --code {params.code} --raw {input.raw} --page {output.page} --output {output.table} > {log} 2>&1"
