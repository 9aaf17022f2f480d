"""ONNX Runtime: inference of single operators and networks."""

import networks
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

TYPES = {
    np.dtype("float32"): TensorProto.FLOAT,
    np.dtype("float64"): TensorProto.DOUBLE,
    np.dtype("int64"): TensorProto.INT64,
}


class Graph:
    """Nodes, one after the other; names are numbered."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def add(self, op, *inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, array):
        self.count += 1
        name = f"c{self.count}"
        array = np.ascontiguousarray(array)
        self.constants.append(
            helper.make_tensor(
                name, TYPES[array.dtype], array.shape, array.tobytes(), raw=True
            )
        )
        return name


class Functions:
    """What networks are made of; their weights are constants."""

    def __init__(self, g):
        self.g = g

    def relu(self, x):
        return self.g.add("Relu", x)

    def add(self, x, y):
        return self.g.add("Add", x, y)

    def flatten(self, x):
        return self.g.add("Flatten", x, axis=1)

    def mean(self, x):
        return self.flatten(self.g.add("GlobalAveragePool", x))

    def dense(self, x, w, b):
        return self.g.add("Gemm", x, self.g.constant(w), self.g.constant(b))

    def conv(self, x, w, b, stride, pad):
        weights = [self.g.constant(a) for a in (w, b) if a is not None]
        how = dict(strides=[stride] * 2, pads=[pad] * 4)
        return self.g.add("Conv", x, *weights, **how)

    def norm(self, x, gamma, beta):
        zeros, ones = np.zeros_like(gamma), np.ones_like(gamma)
        numbers = [self.g.constant(a) for a in (gamma, beta, zeros, ones)]
        return self.g.add("BatchNormalization", x, *numbers, epsilon=2e-5)

    def pool(self, x, kernel, stride):
        how = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2)
        return self.g.add("MaxPool", x, ceil_mode=1, **how)


def operator(g, op, o, names, xs):
    if "grad" in o:
        return None
    if op in networks.ALL:
        return networks.ALL[op](Functions(g), names[0], xs[1:])
    if op == "matmul":
        a, b = names
        if o["form"][0] == "T":
            a = g.add("Transpose", a, perm=[1, 0])
        if o["form"][1] == "T":
            b = g.add("Transpose", b, perm=[1, 0])
        return g.add("MatMul", a, b)
    if op == "batched_matmul":
        return g.add("MatMul", *names)
    if op == "conv2d":
        # Filters are constants of the model, as in inference.
        w = g.constant(xs[1])
        s, p = o.number("stride"), o.number("pad")
        return g.add(
            "Conv", names[0], w,
            strides=[s, s], pads=[p] * 4, group=o.number("groups"),
        )
    if op in ("max_pool", "average_pool"):
        k, s, p = o.number("k"), o.number("stride"), o.number("pad")
        kind = "MaxPool" if op == "max_pool" else "AveragePool"
        return g.add(
            kind, names[0], kernel_shape=[k, k], strides=[s, s], pads=[p] * 4
        )
    if op == "layer_norm":
        return g.add("LayerNormalization", *names, axis=1, epsilon=1e-5)
    if op == "softmax":
        return g.add("Softmax", names[0], axis=1)
    if op == "sum":
        axes = g.constant(np.array(o.numbers("axis"), np.int64))
        return g.add("ReduceSum", names[0], axes, keepdims=0)
    if op == "embedding":
        return g.add("Gather", *names)
    if op == "function":
        kinds = {"exp": "Exp", "tanh": "Tanh", "erf": "Erf", "gelu": "Gelu",
                 "sigmoid": "Sigmoid"}
        if o["name"] in kinds:
            return g.add(kinds[o["name"]], names[0])
    return None


def prepare(op, o, inputs):
    g = Graph()
    names = [f"x{i}" for i in range(len(inputs))]
    y = operator(g, op, o, names, inputs)
    if y is None:
        raise NotImplementedError
    used = {name for node in g.nodes for name in node.input}
    feeds = {n: x for n, x in zip(names, inputs) if n in used}
    graph = helper.make_graph(
        g.nodes,
        "bench",
        [
            helper.make_tensor_value_info(n, TYPES[x.dtype], x.shape)
            for n, x in feeds.items()
        ],
        [helper.make_tensor_value_info(y, TYPES[inputs[0].dtype], None)],
        g.constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9
    )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, ["CPUExecutionProvider"]
    )
    values = {
        n: onnxruntime.OrtValue.ortvalue_from_numpy(x) for n, x in feeds.items()
    }
    return (
        lambda: session.run_with_ort_values([y], values),
        lambda results: [r.numpy() for r in results],
    )
