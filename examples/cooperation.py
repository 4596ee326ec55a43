"""Plain layers do not cooperate; layers that hear of each other do.

    python examples/cooperation.py            # 10,000 images of MNIST, 15 epochs, half a minute

Prints the paper's figure 2 in numbers: the test error of each layer alone and of the vote.
"""

import argparse
import sys

import ffnp
from ffnp_cli.progress import Bars  # those of `ffnp train`


def main(images: int, epochs: int) -> dict[str, list[float]]:
    """Train both networks; errors in % by method: each layer's, then the vote's."""
    errors = {}
    print(f"{'':32}layer 1  layer 2  layer 3     vote")
    for name, options in {
        "plain Forward-Forward": {"method": "ff"},
        "collaborative (gamma others)": {"method": "collab", "gamma": "others"},
        "collaborative (gamma previous)": {"method": "collab", "gamma": "previous"},
    }.items():
        limits = {"limit_train": images, "limit_test": min(images, 10_000)}
        config = ffnp.Config(
            dataset="mnist", epochs=epochs, lr_schedule="linear", **limits, **options
        )
        test = ffnp.train(config, watcher=Bars()).test
        errors[name] = [*test.layers, test.all]
        print(f"{name:32}" + "  ".join(f"{error:7.2f}" for error in errors[name]))
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=15)
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
