# Part of a study whose configuration names a file of claims.
rule judge_claims:
    input:
        claims=claims_file,
        comparisons="results/comparisons/comparisons.csv",
        groups="results/comparisons/groups.csv",
        variance="results/comparisons/variance.csv",
    output:
        table="results/claims.csv",
        page=report(
            "results/claims.html",
            caption="../report/claims.rst",
            category=chapter("Comparisons"),
            labels={"item": "claims and what the results say, table"},
        ),
    log:
        "results/logs/judge_claims.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("judge_claims.py"),
        claims=digests(config["claims"]),
    shell:
        "python scripts/judge_claims.py --code {params.code} --claims {input.claims:q} --comparisons {input.comparisons} --groups {input.groups}"
        " --variance {input.variance} --page {output.page} --output {output.table} > {log} 2>&1"


# On request: `snakemake check_claims` fails unless all claims are supported.
rule check_claims:
    input:
        claims="results/claims.csv",
    log:
        "results/logs/check_claims.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("check_claims.py"),
    shell:
        "python scripts/check_claims.py --code {params.code} --claims {input.claims} 2>&1 | tee {log}"
