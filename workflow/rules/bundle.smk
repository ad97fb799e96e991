# On request: `snakemake bundle` verifies the study and puts it into one file. It has no outputs, so that it does so each time.
rule bundle:
    input:
        summary="results/summary.csv",
        duplicates="results/data/near_duplicates.csv",
    log:
        "results/logs/bundle.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code("bundle.py"),
        verify=rules.verify.params.code,
        study=rules.verify.params.study,
        configfiles=given_configfiles(),
        to=["--output", "study.tar.gz"],
    shell:
        "( python scripts/verify.py --code {params.verify} {params.study:q} &&"
        " python scripts/bundle.py --code {params.code} --configfiles {params.configfiles:q} {params.to:q} ) 2>&1 | tee {log}"
