"""A small builder of ONNX graphs whose bytes depend on nothing but what is put in."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 13
IR_VERSION = 8
PRODUCER = "limen"


class Graph:
    """Nodes and weights in the order in which they are added; values are named by number."""

    def __init__(self, name: str):
        self.name = name
        self.nodes = []
        self.weights = []

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str | None = None, **attributes) -> str:
        """Adds a node and returns the name of its only output."""
        name = f"{op.lower()}_{len(self.nodes)}"
        output = output or name
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def pad(self, value: str, before: list[int], after: list[int]) -> str:
        """Adds zeros around a value, `before` and `after` each axis; nothing where nothing is asked."""
        if not any(before) and not any(after):
            return value
        name = self.weight(f"pads_{len(self.nodes)}", np.array(before + after, np.int64))
        return self.node("Pad", [value, name], mode="constant")

    def serialise(self, inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> bytes:
        """The model's bytes. Shapes are fixed: a symbolic batch makes inference slower."""

        def infos(shapes):
            return [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in shapes.items()
            ]

        graph = helper.make_graph(
            self.nodes, self.name, infos(inputs), infos(outputs), self.weights
        )
        model = helper.make_model(
            graph,
            producer_name=PRODUCER,
            producer_version="1",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
