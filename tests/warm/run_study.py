"""The installed command `study`, as a file that a warm process can run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from partition_study import main

main()
