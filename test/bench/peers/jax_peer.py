"""JAX: XLA's programs for processors."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import jax  # noqa: E402
import networks  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

jax.config.update("jax_enable_x64", True)
LAYOUT = ("NCHW", "OIHW", "NCHW")


def link(y, x, i):
    return (
        lambda: y * 0.75,
        lambda: y + x,
        lambda: jnp.maximum(y, -0.25),
        lambda: y * x,
        lambda: y - 0.125,
        lambda: jnp.abs(y),
    )[i % 6]()


def chain(x, length):
    y = x
    for i in range(length):
        y = link(y, x, i)
    return y


FUNCTIONS = {
    "exp": jnp.exp,
    "log": lambda x: jnp.log(jnp.abs(x) + 0.5),
    "tanh": jnp.tanh,
    "erf": jax.scipy.special.erf,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "sigmoid": jax.nn.sigmoid,
}


def convolve(x, w, stride, pad, groups):
    return lax.conv_general_dilated(
        x, w, (stride,) * 2, ((pad,) * 2,) * 2,
        dimension_numbers=LAYOUT, feature_group_count=groups,
    )


def pool(x, zero, combine, k, s, p):
    edge = ((0, 0), (0, 0), (p, p), (p, p))
    return lax.reduce_window(x, zero, combine, (1, 1, k, k), (1, 1, s, s), edge)


def normalise(x, g, b, axes, shape, eps):
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + eps) * g.reshape(shape) + b.reshape(
        shape
    )


class Functions:
    """What networks are made of, in inference."""

    relu, mean = jax.nn.relu, lambda x: x.mean((2, 3))
    add, flatten = jnp.add, lambda x: x.reshape(x.shape[0], -1)
    dense = lambda x, w, b: x @ w + b  # noqa: E731

    def conv(x, w, b, stride, pad):
        y = convolve(x, w, stride, pad, 1)
        return y if b is None else y + b.reshape(1, -1, 1, 1)

    def norm(x, g, b):
        g = g / jnp.sqrt(jnp.float32(1 + 2e-5))
        return x * g.reshape(1, -1, 1, 1) + b.reshape(1, -1, 1, 1)

    def pool(x, kernel, stride):
        rest = (stride - (x.shape[2] - kernel) % stride) % stride
        edge = ((0, 0), (0, 0), (0, rest), (0, rest))
        window, steps = (1, 1, kernel, kernel), (1, 1, stride, stride)
        return lax.reduce_window(x, -jnp.inf, lax.max, window, steps, edge)


def cross_entropy(y, t):
    rows = jnp.arange(t.shape[0])
    return -jax.nn.log_softmax(y)[rows, t].mean()


def operator(op, o):
    if op == "matmul":
        ta, tb = o["form"][0] == "T", o["form"][1] == "T"
        return lambda a, b: (a.T if ta else a) @ (b.T if tb else b)
    if op == "eager":
        kinds = {"add": jnp.add, "matmul": jnp.matmul}
        return kinds.get(o["name"], lambda a, b: jnp.tanh(a))
    if op == "batched_matmul":
        return lambda a, b: a @ b
    if op.startswith("conv2d"):
        how = [o.number(key) for key in ("stride", "pad", "groups")]
        shape = o.numbers("result", "x")
        if op == "conv2d":
            return lambda x, w: convolve(x, w, *how)
        zeros = jnp.zeros(shape, jnp.float32)
        if op == "conv2d_input_grad":
            return lambda gy, w: jax.linear_transpose(
                lambda x: convolve(x, w, *how), zeros
            )(gy)[0]
        return lambda x, gy: jax.linear_transpose(
            lambda w: convolve(x, w, *how), zeros
        )(gy)[0]
    if op in ("max_pool", "average_pool"):
        k, s, p = o.number("k"), o.number("stride"), o.number("pad")
        if op == "max_pool":
            return lambda x: pool(x, -jnp.inf, lax.max, k, s, p)
        return lambda x: pool(x, 0.0, lax.add, k, s, p) / (k * k)
    if op == "batch_norm":
        return lambda x, g, b: normalise(
            x, g, b, (0, 2, 3), (1, -1, 1, 1), 2e-5
        )
    if op == "layer_norm":
        return lambda x, g, b: normalise(x, g, b, (1,), (1, -1), 1e-5)
    if op == "softmax":
        return lambda x: jax.nn.softmax(x, 1)
    if op == "cross_entropy":
        return jax.value_and_grad(cross_entropy)
    if op == "chain":
        return lambda x: chain(x, o.number("length"))
    if op == "function":
        return FUNCTIONS[o["name"]]
    if op == "sum":
        return lambda x: x.sum(tuple(o.numbers("axis")))
    if op == "transpose":
        return lambda x: x.transpose(o.numbers("axes")) + 1.0
    if op == "embedding":
        if "grad" not in o:
            return lambda w, i: w[i]
        return lambda w, i, gy: jnp.zeros_like(w).at[i].add(gy)
    if op in networks.ALL:
        return lambda x, *p: networks.ALL[op](Functions, x, p)
    if op == "dropout":

        def dropout(x):
            keep = jax.random.bernoulli(jax.random.key(0), 0.5, x.shape)
            return jnp.where(keep, x * 2, 0)

        return dropout
    return None


class Training(Functions):
    """The same in training."""

    sigmoid = jax.nn.sigmoid
    gelu = lambda x: jax.nn.gelu(x, approximate=False)  # noqa: E731

    def norm(x, g, b):
        return normalise(x, g, b, (0, 2, 3), (1, -1, 1, 1), 2e-5)

    def layer_norm(x, g, b):
        return normalise(x, g, b, (1,), (1, -1), 1e-5)

    def attention(q, k, v):
        scale = np.float32(q.shape[-1] ** -0.5)
        return jax.nn.softmax(q @ k.swapaxes(2, 3) * scale, -1) @ v

    def lstm(x, w, b, wh):
        def step(state, x):
            h, c = state
            i, f, u, o = jnp.split(x + h @ wh, 4, axis=1)
            i, f, o = (jax.nn.sigmoid(g) for g in (i, f, o))
            c = f * c + i * jnp.tanh(u)
            h = o * jnp.tanh(c)
            return (h, c), h

        zeros = jnp.zeros((x.shape[1], wh.shape[0]), x.dtype)
        return lax.scan(step, (zeros, zeros), x @ w + b)[1]


def step(op, o, xs):
    if op not in networks.TRAINED:
        return None
    x, t, *params = xs
    if op == "lstm_step":
        params = networks.lstm_parameters(jnp.concatenate, params)
    more = [o["activation"]] if "activation" in o else []
    forward = lambda x, p: networks.TRAINED[op](  # noqa: E731
        Training, x, p, *more
    )
    loss = {
        "cross_entropy": cross_entropy,
        "mse": lambda y, t: ((y - t) ** 2).mean(),
        "mse_of_steps": lambda y, t: len(t) * ((y - t) ** 2).mean(),
    }[o.get("loss", "cross_entropy")]
    rate = np.float32(o["lr"])
    adam = o["optimizer"] == "adam"

    def update(state, x, t):
        p, m, v, n = state
        y, g = jax.value_and_grad(lambda p: loss(forward(x, p), t))(p)
        if not adam:
            return ([a - rate * b for a, b in zip(p, g)], m, v, n), y
        n = n + 1
        r = rate * jnp.sqrt(1 - 0.999**n) / (1 - 0.9**n)
        m = [a + np.float32(0.1) * (b - a) for a, b in zip(m, g)]
        v = [a + np.float32(0.001) * (b * b - a) for a, b in zip(v, g)]
        r = r.astype(jnp.float32)
        p = [a - r * b / (jnp.sqrt(c) + 1e-8) for a, b, c in zip(p, m, v)]
        return (p, m, v, n), y

    compiled = jax.jit(update, donate_argnums=0)
    zeros = [jnp.zeros_like(p) for p in params] if adam else []
    copies = [jnp.array(p, copy=True) for p in zeros]
    state = (params, zeros, copies, jnp.float32(0))

    def run():
        nonlocal state
        state, y = compiled(state, x, t)
        return y.block_until_ready()

    return run


def warm_up():
    """What the first program loads: no step's cost."""
    jax.jit(jax.grad(lambda x: (x @ x).sum()))(jnp.ones((4, 4)))


def prepare(op, o, inputs):
    xs = [jnp.array(x) for x in inputs]
    results = lambda y: (  # noqa: E731
        jax.tree.leaves(y)
    )
    run = step(op, o, xs)
    if run:
        return run, results
    f = operator(op, o)
    if f is None:
        raise NotImplementedError
    if "grad" in o and op != "embedding":
        g = f

        def f(*xs):
            y, back = jax.vjp(g, *xs[:-1])
            return y, back(xs[-1])

    compiled = f if op == "eager" else jax.jit(f)
    return lambda: jax.block_until_ready(compiled(*xs)), results
