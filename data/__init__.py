"""MNIST, embedded: gzipped IDX files read through `importlib.resources` (see mnist/NOTICE)."""
