# A file of its own and no part of the report, which would hold all of it.
rule build_gallery:
    input:
        runs="results/runs.csv",
        predictions=of_all_runs("predictions.npz"),
        index="results/data/index.csv",
        images="results/data/images.npy",
        duplicates="results/data/near_duplicates.csv",
        table="results/hard_examples.csv",
        top="results/hard_examples_top.csv",
        gradcam=expand("results/hard_examples/gradcam/{model}.npz", model=MODELS),
    output:
        page="results/gallery.html",
    log:
        "results/logs/build_gallery.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("build_gallery.py"),
    shell:
        "python scripts/build_gallery.py --code {params.code} --runs {input.runs} --folder $(dirname {input.runs})/runs --index {input.index}"
        " --images {input.images} --duplicates {input.duplicates} --table {input.table} --top-table {input.top}"
        " --gradcam {input.gradcam}"
        " --output {output.page} > {log} 2>&1"
