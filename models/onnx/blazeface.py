"""MediaPipe's BlazeFace, back camera (256×256) or short range (128×128): from TFLite to ONNX, op by op.

The weights in the file are float16 and dense; they are widened to float32.
TFLite keeps channels last, the graph written here keeps them first, so only
the four small heads are transposed before they are flattened. TFLite's SAME
padding is written out (more at the end where the number is odd).
"""

import numpy as np
import tflite

from dlib_file import FormatError
from graph import Graph

OPS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
DTYPES = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT32: "<i4",
}


def convert(data: bytes, name: str) -> bytes:
    """ONNX: input `image` 1×3×side×side, RGB, −1..1; outputs `boxes` 1×896×16, `scores` 1×896×1 (raw)."""
    return _Converter(data, name).run()


class _Converter:
    def __init__(self, data: bytes, name: str):
        self.model = tflite.Model.GetRootAsModel(data, 0)
        if self.model.SubgraphsLength() != 1:
            raise FormatError(f"{self.model.SubgraphsLength()} graphs in the file, expected 1")
        self.source = self.model.Subgraphs(0)
        self.graph = Graph(name)
        self.names: dict[int, str] = {}  # tensor of the source → value of the graph
        self.weights: dict[int, np.ndarray] = {}  # tensor of the source → its float32 values

    def run(self) -> bytes:
        (image,) = self.source.InputsAsNumpy()
        boxes, scores = self.source.OutputsAsNumpy()
        self.names[int(image)] = "image"
        self.final = {int(boxes): "boxes", int(scores): "scores"}
        for index in range(self.source.OperatorsLength()):
            operator = self.source.Operators(index)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            op = OPS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            inputs = [int(i) for i in operator.InputsAsNumpy()]
            (output,) = (int(i) for i in operator.OutputsAsNumpy())
            step = getattr(self, f"_{op.lower()}", None)
            if step is None:
                raise FormatError(f"operator {index}: {op} is unknown to this converter")
            step(operator, inputs, output)
        _, height, width, channels = self._shape(int(image))
        return self.graph.serialise(
            {"image": [1, channels, height, width]},
            {"boxes": self._shape(int(boxes)), "scores": self._shape(int(scores))},
        )

    def _shape(self, tensor: int) -> list[int]:
        return [int(size) for size in self.source.Tensors(tensor).ShapeAsNumpy()]

    def _constant(self, tensor: int) -> np.ndarray:
        if tensor in self.weights:
            return self.weights[tensor]
        info = self.source.Tensors(tensor)
        if info.Sparsity() is not None:
            raise FormatError(f"tensor {tensor} is sparse, which this converter does not read")
        if info.Type() not in DTYPES:
            raise FormatError(f"tensor {tensor} is of type {info.Type()}, expected float32, float16 or int32")
        raw = self.model.Buffers(info.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(raw, DTYPES[info.Type()]).reshape(self._shape(tensor))

    def _options(self, operator, kind):
        options = kind()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        if hasattr(options, "FusedActivationFunction"):
            if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
                raise FormatError("a fused activation, which this converter does not write")
        return options

    def _window(self, options, source: int, window: list[int]) -> dict:
        """Kernel, strides and explicit pads of a convolution or pooling."""
        strides = [options.StrideH(), options.StrideW()]
        before, after = [0, 0], [0, 0]
        if options.Padding() == tflite.Padding.SAME:
            for axis, (size, kernel, stride) in enumerate(
                zip(self._shape(source)[1:3], window, strides, strict=True)
            ):
                outputs = -(-size // stride)
                total = max(0, (outputs - 1) * stride + kernel - size)
                before[axis], after[axis] = total // 2, total - total // 2
        return {"kernel_shape": window, "strides": strides, "pads": before + after}

    def _dequantize(self, _operator, inputs, output):
        self.weights[output] = self._constant(inputs[0]).astype(np.float32)

    def _convolve(self, operator, inputs, output, kind, order, group):
        options = self._options(operator, kind)
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise FormatError("a dilated convolution, which this converter does not write")
        weights = self._constant(inputs[1]).transpose(order)
        number = len(self.graph.nodes)
        self.names[output] = self.graph.node(
            "Conv",
            [
                self.names[inputs[0]],
                self.graph.weight(f"weights_{number}", weights),
                self.graph.weight(f"bias_{number}", self._constant(inputs[2])),
            ],
            group=group,
            **self._window(options, inputs[0], list(weights.shape[2:])),
        )

    def _conv_2d(self, operator, inputs, output):
        # Output, height, width, input → output, input, height, width.
        self._convolve(operator, inputs, output, tflite.Conv2DOptions, (0, 3, 1, 2), 1)

    def _depthwise_conv_2d(self, operator, inputs, output):
        # 1, height, width, channel → channel, 1, height, width.
        channels = self._shape(inputs[0])[3]
        if self._shape(inputs[1])[3] != channels:
            raise FormatError("a depthwise convolution that multiplies channels")
        self._convolve(
            operator, inputs, output, tflite.DepthwiseConv2DOptions, (3, 0, 1, 2), channels
        )

    def _relu(self, _operator, inputs, output):
        self.names[output] = self.graph.node("Relu", [self.names[inputs[0]]])

    def _add(self, operator, inputs, output):
        self._options(operator, tflite.AddOptions)
        self.names[output] = self.graph.node("Add", [self.names[i] for i in inputs])

    def _max_pool_2d(self, operator, inputs, output):
        options = self._options(operator, tflite.Pool2DOptions)
        window = [options.FilterHeight(), options.FilterWidth()]
        whole = self._window(options, inputs[0], window)
        if any(whole["pads"]) or whole["strides"] != window:
            raise FormatError("a pooling whose windows overlap or reach over the border")
        # Along one axis and then the other: the same values, in a quarter of the time in tract.
        here = self.names[inputs[0]]
        for size in ([window[0], 1], [1, window[1]]):
            here = self.graph.node("MaxPool", [here], kernel_shape=size, strides=size)
        self.names[output] = here

    def _pad(self, _operator, inputs, output):
        batch, height, width, channels = self._constant(inputs[1]).tolist()
        before, after = zip(batch, channels, height, width, strict=True)
        self.names[output] = self.graph.pad(self.names[inputs[0]], list(before), list(after))

    def _reshape(self, _operator, inputs, output):
        last = self.graph.node("Transpose", [self.names[inputs[0]]], perm=[0, 2, 3, 1])
        shape = np.array(self._shape(output), np.int64)
        name = self.graph.weight(f"shape_{len(self.graph.nodes)}", shape)
        self.names[output] = self.graph.node("Reshape", [last, name])

    def _concatenation(self, operator, inputs, output):
        axis = self._options(operator, tflite.ConcatenationOptions).Axis()
        if len(self._shape(output)) != 3:
            raise FormatError("a concatenation of anything but the flattened heads")
        self.names[output] = self.graph.node(
            "Concat", [self.names[i] for i in inputs], self.final.get(output), axis=axis
        )
