"""`python -m study`, the same as `study`."""

from study.cli.main import main

main()
