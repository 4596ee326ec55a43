"""The command line of ffnp, installed as the package `ffnp_cli`."""
