"""Which files make up a data set, and who reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ffnp.data.arrays import Arrays
from ffnp.data.cifar import COARSE, FINE, read_binary, read_python
from ffnp.data.idx import read_emnist, read_idx, read_qmnist
from ffnp.data.npy import map_npy
from ffnp.files import Readable

FINE_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
COARSE_NAMES = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
household_furniture insects large_carnivores large_man-made_outdoor_things
large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""


@dataclass(frozen=True)
class Layout:
    """The files of a data set in one folder; one that holds the first is taken to be of it."""

    files: tuple[str, ...]
    read: Callable[[Sequence[Readable]], Arrays]  # from the paths of all files, in order
    folder: str = ""  # that the published archive unpacks to; the files may be in or beside it
    endings: tuple[str, ...] = ("",)  # what may follow a name, in order of preference
    names: tuple[str, ...] = ()  # of the classes, where the files do not number them alone
    label: str = ""  # which of the labels that images have, where they have several

    def find(self, place: Readable) -> list[Readable] | None:
        """The paths of the files in `place`, or None if it is not of this layout."""
        for folder in (place / self.folder, place) if self.folder else (place,):
            found = []
            for name in self.files:
                paths = [
                    folder / (spelt + ending)
                    for spelt in dict.fromkeys((name, name.replace("-idx", ".idx")))
                    for ending in self.endings
                ]
                usual = paths[len(self.endings) - 1]
                found.append(next((path for path in paths if path.is_file()), usual))
            if found[0].is_file():
                return found
        return None

    def begins_with(self, path: Path) -> bool:
        """Whether a path is that of the first file."""
        spelt = (self.files[0], self.files[0].replace("-idx", ".idx"))
        return path.name in {name + ending for name in spelt for ending in self.endings}


BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

PLAIN_OR_PACKED = ("", ".gz")


def _idx_files(train: str, test: str, labels: str = "idx1-ubyte") -> tuple[str, ...]:
    kinds = ("images-idx3-ubyte", f"labels-{labels}")
    return tuple(f"{split}-{kind}" for split in (train, test) for kind in kinds)


IDX = Layout(
    _idx_files("train", "t10k"),
    lambda paths: Arrays(*map(read_idx, paths)),
    endings=PLAIN_OR_PACKED,
)
DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MERGED = f"{DIGITS}{CAPITALS}abdefghnqrt"  # the other small letters look like their capitals
EMNIST = tuple(
    Layout(
        _idx_files(f"emnist-{name}-train", f"emnist-{name}-test"), read_emnist,
        endings=PLAIN_OR_PACKED, names=tuple(characters),
    )
    for name, characters in {
        "balanced": MERGED, "byclass": f"{DIGITS}{CAPITALS}{CAPITALS.lower()}", "bymerge": MERGED,
        "digits": DIGITS, "letters": CAPITALS, "mnist": DIGITS,
    }.items()
)  # fmt: skip
QMNIST = Layout(
    _idx_files("qmnist-train", "qmnist-test", "idx2-int"), read_qmnist, endings=PLAIN_OR_PACKED
)
CIFAR_BINARY = Layout(
    tuple(f"{name}.bin" for name in BATCHES), read_binary, folder="cifar-10-batches-bin"
)
CIFAR_PYTHON = Layout(BATCHES, read_python, folder="cifar-10-batches-py")
CIFAR_100 = tuple(
    Layout(
        files, partial(read, kind=kind), f"cifar-100-{folder}", label=label,
        names=tuple(names.split()),
    )
    for label, kind, names in (("fine", FINE, FINE_NAMES), ("coarse", COARSE, COARSE_NAMES))
    for folder, files, read in (
        ("binary", ("train.bin", "test.bin"), read_binary),
        ("python", ("train", "test"), read_python),
    )
)  # fmt: skip
NPY = Layout(
    tuple(f"{name}.npy" for name in Arrays._fields), lambda paths: Arrays(*map(map_npy, paths))
)
LAYOUTS = (IDX, CIFAR_BINARY, CIFAR_PYTHON, NPY, *CIFAR_100, QMNIST, *EMNIST)
