# On request: `snakemake verify` fails unless the study's files are what was recorded and its numbers follow from them. It has no outputs,
# so that it looks again each time, and no inputs: what was damaged is to be found, not to be worked on.
rule verify:
    log:
        "results/logs/verify.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code("verify.py"),
        study=[
            *("--results", "results", "--partitions", *PARTITIONS),
            *("--configfiles", *given_configfiles()),
            *("--twins", "results/verification_near_duplicates.csv"),
            *("--output", "results/verification.csv"),
        ],
    shell:
        "python scripts/verify.py --code {params.code} {params.study:q} 2>&1 | tee {log}"
