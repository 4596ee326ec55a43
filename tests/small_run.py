"""Options of `ffnp train` for a run of a second."""

SMALL = "--limit-train 300 --limit-test 100 --hidden 20,10 --epochs 2 --batch-size 100".split()
