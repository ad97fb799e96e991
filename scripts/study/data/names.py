"""Names that have a meaning wherever they stand."""

# Your own images: a folder with a sub-folder for each class, or a table of paths and labels.
OWN = ("folder", "csv")
# The measures of runs on images that are for testing alone.
EXTERNAL = "external_test"
# The combo of a data set's own split into training and test images; no partition has its name.
OFFICIAL = "official"
# The folder of the tests that all runs of a seed share, beside the splits of partitions.
COMMON = "common"
