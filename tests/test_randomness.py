"""Random streams: one for each purpose and epoch, the same for ever."""

from ffnp.randomness import ANALYSIS, INITIALISATION, NEGATIVES, SHUFFLE, stream


def first(seed, purpose, epoch):
    """The first 64 bits: NumPy promises them for all versions, unlike what is made of them."""
    return stream(seed, purpose, epoch).bit_generator.random_raw()


def test_no_two_seeds_purposes_and_epochs_share_a_stream():
    drawn = [first(*of) for of in ((s, p, e) for s in range(3) for p in range(4) for e in range(9))]
    assert len(set(drawn)) == 3 * 4 * 9


def test_streams_stay_what_they_were():
    purposes = (INITIALISATION, SHUFFLE, NEGATIVES, ANALYSIS)
    found = [f"{first(7, purpose, 2):x}" for purpose in purposes]
    assert found == ["4f4ee1c2cddeb55b", "7a98df51990736c9", "a1c31084032b15a7", "ccc9893e3f96d085"]
