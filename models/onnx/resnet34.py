"""dlib's face recognition ResNet (29 convolutions, 128 values) as ONNX.

Each affine layer is folded into the convolution before it, and the
subtraction of the mean and the division by 256 into the first one, in float64
and rounded once. That is exact at the border too: dlib's first convolution
has no padding.
"""

import numpy as np

from dlib_file import FormatError, Layer, Network
from graph import Graph

SCALE = 256.0


def convert(network: Network) -> bytes:
    """ONNX: input `chip` 1×3×150×150, RGB, 0..255; output `embedding` 1×128, not normalised."""
    rows, columns = network.side_px
    graph = Graph("dlib-resnet34-v1")
    here, shape = "chip", [3, rows, columns]
    block = None  # the value and shape at the start of the residual block
    branch = None  # the finished branch of a block that halves the size, while the other is pooled
    steps = network.steps
    index = 0
    while index < len(steps):
        step = steps[index]
        following = steps[index + 1] if index + 1 < len(steps) else None
        index += 1
        if step == "mark":
            if following == "mark":
                # Tag of the finished branch, then a skip back to the start of the block.
                branch, (here, shape) = (here, shape), block
                index += 1
            else:
                block = here, shape
        elif step.kind == "con":
            if not (isinstance(following, Layer) and following.kind == "affine"):
                raise FormatError("a convolution without an affine layer after it")
            index += 1
            weights, bias = _fold(step, following)
            if here == "chip":
                weights, bias = _fold_input(weights, bias, network.mean, step.padding)
            here = _convolution(graph, here, step, weights, bias)
            shape = [len(bias), *_reduced(shape, step)]
        elif step.kind == "relu":
            here = graph.node("Relu", [here])
        elif step.kind == "max_pool":
            here, shape = _pool(graph, "MaxPool", here, shape, step)
        elif step.kind == "avg_pool" and step.window == (0, 0):
            here, shape = graph.node("GlobalAveragePool", [here]), [shape[0], 1, 1]
        elif step.kind == "avg_pool":
            here, shape = _pool(graph, "AveragePool", here, shape, step)
        elif step.kind == "add_prev":
            here, shape = _add(graph, (here, shape), branch or block)
            block = branch = None
        elif step.kind == "fc":
            weights = step.weights.reshape(step.weights.shape[0], -1)
            flat = graph.node("Flatten", [here], axis=1)
            here = graph.node("MatMul", [flat, graph.weight("fc", weights)], "embedding")
            shape = [weights.shape[1]]
        else:
            raise FormatError(f"layer {step.kind!r} at an unexpected place")
    return graph.serialise({"chip": [1, 3, rows, columns]}, {"embedding": [1, *shape]})


def _fold(convolution: Layer, affine: Layer) -> tuple[np.ndarray, np.ndarray]:
    gamma = affine.weights.reshape(-1).astype(np.float64)
    beta = affine.bias.astype(np.float64)
    weights = convolution.weights.astype(np.float64) * gamma[:, None, None, None]
    return weights, convolution.bias.astype(np.float64) * gamma + beta


def _fold_input(weights, bias, mean, padding):
    if padding != (0, 0):
        raise FormatError("the first convolution is padded: its mean can't be folded exactly")
    weights = weights / SCALE
    return weights, bias - np.einsum("okyx,k->o", weights, np.array(mean))


def _convolution(graph: Graph, here: str, layer: Layer, weights, bias) -> str:
    number = len(graph.nodes)
    (pad_y, pad_x) = layer.padding
    return graph.node(
        "Conv",
        [
            here,
            graph.weight(f"weights_{number}", weights.astype(np.float32)),
            graph.weight(f"bias_{number}", bias.astype(np.float32)),
        ],
        kernel_shape=list(layer.window),
        strides=list(layer.stride),
        pads=[pad_y, pad_x, pad_y, pad_x],
    )


def _reduced(shape: list[int], layer: Layer) -> list[int]:
    return [
        1 + (size + 2 * padding - window) // stride
        for size, window, stride, padding in zip(
            shape[1:], layer.window, layer.stride, layer.padding, strict=True
        )
    ]


def _pool(graph: Graph, op: str, here: str, shape: list[int], layer: Layer):
    if layer.padding != (0, 0):
        raise FormatError(f"{op} with padding is not known to be the same in dlib and ONNX")
    out = graph.node(op, [here], kernel_shape=list(layer.window), strides=list(layer.stride))
    return out, [shape[0], *_reduced(shape, layer)]


def _add(graph: Graph, one, other):
    """dlib adds tensors of different sizes as if both were filled up with zeros at their ends."""
    shape = [max(sizes) for sizes in zip(one[1], other[1], strict=True)]
    filled = [
        graph.pad(name, [0] * 4, [0, *(to - size for to, size in zip(shape, sizes, strict=True))])
        for name, sizes in (one, other)
    ]
    return graph.node("Add", filled), shape
