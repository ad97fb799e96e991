"""Figures, one function each, from a table or an array; each states its finding."""

import os

# Read when matplotlib is imported, which in these modules alone it is. A notebook names a backend
# that may not be installed here, and a user's own style would give other figures.
os.environ |= {"MPLBACKEND": "svg", "MATPLOTLIBRC": os.devnull}

import matplotlib

matplotlib.rcdefaults()  # whatever a matplotlibrc in the current folder says
