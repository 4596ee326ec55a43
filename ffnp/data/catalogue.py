"""The data sets known by name: what they are, and where they come from."""

from pathlib import Path

from ffnp.data.known import Archive, Known
from ffnp.data.layouts import CIFAR_BINARY, CIFAR_PYTHON, IDX, Layout
from ffnp.errors import InputError


def _sums(layout: Layout, *sha256: str) -> dict[str, str]:
    """The checksums of a layout's files, in their order."""
    return dict(zip(layout.files, sha256, strict=True))


MNIST = Known(
    name="mnist",
    title="MNIST: handwritten digits, 60,000 + 10,000 images of 28 x 28",
    licence="CC BY-SA 3.0 (Y. LeCun, C. Cortes, C. Burges)",
    homepage="http://yann.lecun.com/exdb/mnist/",
    classes=10,
    layouts=(IDX,),
    sha256=_sums(
        IDX,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    package="ffnp_data",
)

FASHION_MNIST = Known(
    name="fashion-mnist",
    title="Fashion-MNIST: articles of clothing, 60,000 + 10,000 images of 28 x 28",
    licence="MIT (Zalando SE)",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    classes=10,
    names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),  # fmt: skip
    layouts=(IDX,),
    sha256=_sums(
        IDX,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    system=(Path("/usr/share/datasets/fashion-mnist"),),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
)

CIFAR10 = Known(
    name="cifar10",
    title="CIFAR-10: photographs of ten kinds of things, 50,000 + 10,000 images of 3 x 32 x 32",
    licence="none stated (A. Krizhevsky, technical report, 2009)",
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    classes=10,
    names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),  # fmt: skip
    layouts=(CIFAR_BINARY, CIFAR_PYTHON),
    sha256={
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        "data_batch_1": "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
        "data_batch_2": "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
        "data_batch_3": "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
        "data_batch_4": "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
        "data_batch_5": "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
        "test_batch": "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
    },
    mirrors=(
        "https://www.cs.toronto.edu/~kriz",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
        "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset/cifar10",
    ),
    archive=Archive(
        "cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        CIFAR_BINARY,
    ),
)

CATALOGUE = {known.name: known for known in (MNIST, FASHION_MNIST, CIFAR10)}


def lookup(name: str, otherwise: str = "") -> Known:
    """The known data set of this name; `InputError` if there is none.

    `otherwise` ends the message: what may be given in place of a name.
    """
    if name not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise InputError(f"unknown data set '{name}': choose {known}{otherwise}")
    return CATALOGUE[name]
