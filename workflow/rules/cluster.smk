include: "../inputs/cluster.smk"


# What matters only where jobs go to a cluster; a local run does not change.


# `gpu=1` says how many trainings one machine runs at once. How many run on a cluster is for the
# cluster to say: without this, Snakemake would submit one training and wait for it before the next.
resource_scopes:
    gpu="local",


# These run where Snakemake runs: they need the network, which computing nodes often lack, or take
# less time than a job waits.
localrules:
    download,
    take_weights,
    resolve_recipe,
    partition,
    split,
    common_test,
    list_runs,
    check_claims,
