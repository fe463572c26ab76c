"""dlib's 5-point shape predictor in a compact form of our own.

Little-endian, no padding:

    magic "L5PT"; u32 version = 1, cascades, trees, depth, points, landmarks
    2·landmarks × f32      initial shape: x0 y0 x1 y1 …
    per cascade:
      points × (u8 anchor landmark, f32 dx, f32 dy)
      per tree:
        (2^depth − 1) × (u16 idx1, u16 idx2, f32 threshold)
        2^depth × (2·landmarks × f32)

Splits are numbered from the root, children of i are 2i+1 and 2i+2. All
floats are exactly dlib's.
"""

import struct

import numpy as np

from dlib_file import FormatError, Predictor

MAGIC = b"L5PT"
VERSION = 1
SPLIT = np.dtype([("idx1", "<u2"), ("idx2", "<u2"), ("threshold", "<f4")])
POINT = np.dtype([("anchor", "u1"), ("dx", "<f4"), ("dy", "<f4")])


def convert(predictor: Predictor) -> bytes:
    """The bytes of `landmarks5.bin`."""
    cascades, trees = len(predictor.forests), len(predictor.forests[0])
    leaves = len(predictor.forests[0][0][1])
    depth = leaves.bit_length() - 1
    points = len(predictor.deltas[0])
    landmarks = len(predictor.initial) // 2
    sizes = (cascades, trees, depth, points, landmarks)
    if sizes != (15, 500, 4, 800, 5):
        raise FormatError(f"a predictor of {sizes}, expected 15 cascades, 500 trees, depth 4, 800 points, 5 landmarks")
    out = [MAGIC, struct.pack("<6I", VERSION, *sizes), _floats(predictor.initial, 2 * landmarks)]
    for forest, anchors, deltas in zip(
        predictor.forests, predictor.anchors, predictor.deltas, strict=True
    ):
        sampling = [(a, x, y) for a, (x, y) in zip(anchors, deltas, strict=True)]
        _want(len(sampling), points, "sampling points")
        _want(len(forest), trees, "trees")
        out.append(np.array(sampling, POINT).tobytes())
        for splits, values in forest:
            _want(len(splits), leaves - 1, "splits")
            _want(len(values), leaves, "leaves")
            out.append(np.array(splits, SPLIT).tobytes())
            out.extend(_floats(leaf, 2 * landmarks) for leaf in values)
    return b"".join(out)


def _want(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise FormatError(f"{found} {what}, expected {expected}")


def _floats(values: list[float], count: int) -> bytes:
    _want(len(values), count, "values of a shape")
    return np.array(values, "<f4").tobytes()
