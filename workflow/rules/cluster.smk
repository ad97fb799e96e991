include: "../inputs/cluster.smk"


# What matters only where jobs go to a cluster; a local run does not change.


# `gpu=1` says how many trainings one machine runs at once. How many run on a cluster is for the
# cluster to say: without this, Snakemake would submit one training and wait for it before the next.
resource_scopes:
    gpu="local",


# Rules with `localrule: True` run where Snakemake runs: they need the network, which computing
# nodes often lack, or take less time than a job waits. The directive `localrules` would not know
# them by the names that they have as rules of a module.
