rule find_duplicates:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
    output:
        table="results/data/near_duplicates.csv",
        figure=report(
            "results/figures/near_duplicates.svg",
            caption="../report/near_duplicates.rst",
            category=chapter("Data"),
            labels={"item": "near-duplicates, figure"},
        ),
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
        "python scripts/find_duplicates.py --code {params.code} --images {input.images} --index {input.index} --threshold {params.threshold}"
        " --threads {threads} --figure {output.figure} --output {output.table} > {log} 2>&1"
