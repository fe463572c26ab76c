"""Reads dlib's own serialisation: a face recognition network and a shape predictor.

Integers are packed: one control byte (low nibble: the number of bytes that
follow; 0x80: negative), then the magnitude, little-endian. A floating point
number is a pair of packed integers (mantissa, exponent) worth
``ldexp(mantissa, exponent)``. A boolean is the character '1' or '0'. The data
of a tensor are raw little-endian float32.
"""

from dataclasses import dataclass, field

import numpy as np


class FormatError(Exception):
    """The bytes are not what this reader knows; the message says where."""


class Reader:
    """A cursor over the bytes of a dlib file."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise FormatError(f"the file ends at byte {len(self.data)}, {count} more were expected")
        self.at += count
        return piece

    def integer(self) -> int:
        control = self.take(1)[0]
        width = control & 0x0F
        if control & 0x70 or not 1 <= width <= 8:
            raise FormatError(f"byte {self.at - 1}: {control:#04x} does not begin an integer")
        value = int.from_bytes(self.take(width), "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1100:
            raise FormatError(f"byte {self.at}: a number that is not finite")
        return float(np.ldexp(float(mantissa), exponent))

    def flag(self) -> bool:
        char = self.take(1)
        if char not in (b"0", b"1"):
            raise FormatError(f"byte {self.at - 1}: {char!r} is not a boolean")
        return char == b"1"

    def text(self) -> str:
        return self.take(self.integer()).decode("ascii")

    def expect(self, value: int, what: str) -> None:
        found = self.integer()
        if found != value:
            raise FormatError(f"byte {self.at}: {what} is {found}, expected {value}")

    def tensor(self) -> np.ndarray:
        self.expect(2, "the tensor's version")
        shape = [self.integer() for _ in range(4)]
        count = int(np.prod(shape))
        return np.frombuffer(self.take(4 * count), "<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        """The shape of a view into a parameter tensor."""
        self.expect(1, "the alias tensor's version")
        return tuple(self.integer() for _ in range(4))

    def finish(self) -> None:
        unread = len(self.data) - self.at
        if unread:
            raise FormatError(f"{unread} bytes are left unread")


@dataclass
class Layer:
    """One computing layer. `kind` is con, affine, relu, max_pool, avg_pool, add_prev or fc."""

    kind: str
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    window: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)


@dataclass
class Network:
    """Layers and marks in the order in which data flow.

    dlib's template nesting stores no names for its tag and skip layers: they
    stand in `steps` as the string "mark" at their place among the layers.
    """

    mean: tuple[float, float, float]
    side_px: tuple[int, int]
    steps: list = field(default_factory=list)


def read_network(data: bytes) -> Network:
    """dlib's `loss_metric` network on `input_rgb_image_sized`, such as the face recognition ResNet."""
    file = Reader(data)
    file.expect(1, "the loss layer's version")
    if (kind := file.text()) != "loss_metric_2":
        raise FormatError(f"the loss is {kind!r}, expected 'loss_metric_2'")
    file.real(), file.real()  # margin and threshold: of use in training only

    # Version numbers from the outermost layer to the innermost: 2 is a computing
    # layer, 1 a tag or skip layer, 3 the computing layer on top of the input.
    nesting = []
    while not nesting or nesting[-1] != 3:
        nesting.append(file.integer())
        if nesting[-1] not in (1, 2, 3):
            raise FormatError(f"byte {file.at}: layer version {nesting[-1]} is unknown")

    if (kind := file.text()) != "input_rgb_image_sized":
        raise FormatError(f"the input is {kind!r}, expected 'input_rgb_image_sized'")
    mean = (file.real(), file.real(), file.real())
    network = Network(mean, (file.integer(), file.integer()))
    for version in reversed(nesting):
        if version == 1:
            network.steps.append("mark")
            continue
        network.steps.append(_layer(file))
        file.flag(), file.flag(), file.flag()  # set up, gradient stale, output disabled
        for what in ("input gradient", "cached output", "parameter gradient"):
            if file.tensor().size:
                raise FormatError(f"byte {file.at}: the {what} was expected to be empty")
        if version == 3:
            file.expect(1, "the sample expansion factor")
    file.finish()
    return network


def _layer(file: Reader) -> Layer:
    kind = file.text()
    if kind == "con_4":
        values = file.tensor().reshape(-1)
        file.integer()  # number of filters; the alias says it again
        window, stride, padding = _pair(file), _pair(file), _pair(file)
        layer = Layer("con", *_split(file, values), window, stride, padding)
        _training(file)
        return layer
    if kind == "affine_":
        values = file.tensor().reshape(-1)
        layer = Layer("affine", *_split(file, values))
        file.expect(0, "the affine mode (convolution)")
        return layer
    if kind == "fc_2":
        file.integer(), file.integer()
        values = file.tensor().reshape(-1)
        layer = Layer("fc", *_split(file, values))
        file.expect(1, "the bias mode (none)")
        _training(file)
        return layer
    if kind in ("max_pool_2", "avg_pool_2"):
        return Layer(kind[:8], None, None, _pair(file), _pair(file), _pair(file))
    if kind in ("relu_", "add_prev_"):
        return Layer(kind[:-1])
    raise FormatError(f"byte {file.at}: layer {kind!r} is unknown")


def _pair(file: Reader) -> tuple[int, int]:
    return file.integer(), file.integer()


def _split(file: Reader, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = file.alias(), file.alias()
    middle = int(np.prod(first))
    if middle + int(np.prod(second)) != values.size:
        raise FormatError(f"byte {file.at}: {values.size} parameters do not fill {first} and {second}")
    return values[:middle].reshape(first), values[middle:].reshape(-1)


def _training(file: Reader) -> None:
    for _ in range(4):  # learning rate and weight decay, of weights and bias
        file.real()


@dataclass
class Predictor:
    """A cascade of regression trees (Kazemi and Sullivan, CVPR 2014), as dlib stores it."""

    initial: list[float]  # x0, y0, x1, y1, …
    forests: list  # [cascade][tree] → (splits [(idx1, idx2, threshold)], leaves [[float]])
    anchors: list[list[int]]  # [cascade][point] → landmark
    deltas: list[list[tuple[float, float]]]  # [cascade][point] → offset from the anchor


def read_predictor(data: bytes) -> Predictor:
    """dlib's `shape_predictor`."""
    file = Reader(data)
    file.expect(1, "the shape predictor's version")
    initial = _column(file)

    def many(read):
        return [read() for _ in range(file.integer())]

    def split():
        return file.integer(), file.integer(), file.real()

    def tree():
        return many(split), many(lambda: _column(file))

    forests = many(lambda: many(tree))
    anchors = many(lambda: many(file.integer))
    deltas = many(lambda: many(lambda: (file.real(), file.real())))
    file.finish()
    return Predictor(initial, forests, anchors, deltas)


def _column(file: Reader) -> list[float]:
    """A column vector; dlib marks this form of a matrix by negative sizes."""
    rows, columns = -file.integer(), -file.integer()
    if rows < 0 or columns != 1:
        raise FormatError(f"byte {file.at}: a matrix of {rows}×{columns} is not a column")
    return [file.real() for _ in range(rows)]
