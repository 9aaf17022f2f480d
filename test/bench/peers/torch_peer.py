"""PyTorch, eager."""

import networks
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
compiled = False  # inductor_peer sets it


def gradients(f, inputs):
    """f's result and what the last input gives the others as gradients."""
    *leaves, gy = [x.requires_grad_(x.is_floating_point()) for x in inputs]
    gy.requires_grad_(False)

    def run():
        y = f(*leaves)
        return (y.detach(), *torch.autograd.grad(y, leaves, gy))

    return run


def link(y, x, i):
    return (
        lambda: y * 0.75,
        lambda: y + x,
        lambda: torch.clamp(y, min=-0.25),
        lambda: y * x,
        lambda: y - 0.125,
        lambda: torch.abs(y),
    )[i % 6]()


def chain(x, length):
    y = x
    for i in range(length):
        y = link(y, x, i)
    return y


FUNCTIONS = {
    "exp": torch.exp,
    "log": lambda x: torch.log(torch.abs(x) + 0.5),
    "tanh": torch.tanh,
    "erf": torch.erf,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
}


class Functions:
    """What networks are made of, in inference."""

    relu, mean = torch.relu, lambda x: x.mean((2, 3))
    add, flatten = torch.add, lambda x: x.flatten(1)
    dense = lambda x, w, b: torch.addmm(b, x, w)  # noqa: E731

    def conv(x, w, b, stride, pad):
        return F.conv2d(x, w, b, stride, pad)

    def norm(x, g, b):
        zeros, ones = torch.zeros_like(g), torch.ones_like(g)
        return F.batch_norm(x, zeros, ones, g, b, eps=2e-5)

    def pool(x, kernel, stride):
        return F.max_pool2d(x, kernel, stride, ceil_mode=True)


def operator(op, o, xs):
    """A function of the inputs, without side effects."""
    if op == "matmul":
        y = torch.empty(o.number("m"), o.number("n"))
        a = xs[0].T if o["form"][0] == "T" else xs[0]
        b = xs[1].T if o["form"][1] == "T" else xs[1]
        return lambda *_: torch.matmul(a, b, out=y)
    if op == "eager":
        kinds = {"add": torch.add, "matmul": torch.matmul}
        return kinds.get(o["name"], lambda a, b: torch.tanh(a))
    if op == "batched_matmul":
        return lambda a, b: torch.matmul(a, b)
    if op.startswith("conv2d"):
        how = dict(
            stride=o.number("stride"),
            padding=o.number("pad"),
            groups=o.number("groups"),
        )
        shape = o.numbers("result", "x")
        if op == "conv2d":
            return lambda x, w: F.conv2d(x, w, **how)
        if op == "conv2d_input_grad":
            return lambda gy, w: torch.nn.grad.conv2d_input(shape, w, gy, **how)
        return lambda x, gy: torch.nn.grad.conv2d_weight(x, shape, gy, **how)
    if op in ("max_pool", "average_pool"):
        pool = F.max_pool2d if op == "max_pool" else F.avg_pool2d
        k, s, p = o.number("k"), o.number("stride"), o.number("pad")
        return lambda x: pool(x, k, s, p)
    if op == "batch_norm":
        return lambda x, g, b: F.batch_norm(
            x, None, None, g, b, training=True, eps=2e-5
        )
    if op == "layer_norm":
        return lambda x, g, b: F.layer_norm(x, x.shape[1:], g, b)
    if op == "softmax":
        return lambda x: torch.softmax(x, 1)
    if op == "cross_entropy":
        x = xs[0].requires_grad_()

        def loss(*_):
            y = F.cross_entropy(x, xs[1])
            return y.detach(), *torch.autograd.grad(y, (x,))

        return loss
    if op == "chain":
        return lambda x: chain(x, o.number("length"))
    if op == "function":
        return FUNCTIONS[o["name"]]
    if op == "sum":
        return lambda x: torch.sum(x, o.numbers("axis"))
    if op == "transpose":
        return lambda x: x.permute(o.numbers("axes")).contiguous() + 1.0
    if op == "embedding":
        if "grad" not in o:
            return lambda w, i: F.embedding(i, w)
        return lambda w, i, gy: torch.zeros_like(w).index_add_(0, i, gy)
    if op in networks.ALL:
        return lambda x, *p: networks.ALL[op](Functions, x, p)
    if op == "dropout":
        return lambda x: F.dropout(x, 0.5)
    return None


class Training(Functions):
    """The same in training."""

    sigmoid, gelu = torch.sigmoid, F.gelu
    attention = F.scaled_dot_product_attention

    def norm(x, g, b):
        return F.batch_norm(x, None, None, g, b, training=True, eps=2e-5)

    def layer_norm(x, g, b):
        return F.layer_norm(x, x.shape[1:], g, b)

    def lstm(x, w, b, wh):
        zeros = x.new_zeros(1, x.shape[1], wh.shape[0])
        weights = [w.T, wh.T, b, torch.zeros_like(b)]
        return torch._VF.lstm(
            x, (zeros, zeros), weights, True, 1, 0.0, True, False, False
        )[0]


def step(op, o, xs):
    if op not in networks.TRAINED:
        return None
    x, t, *params = xs
    if op == "lstm_step":
        params = networks.lstm_parameters(torch.cat, params)
    params = [p.requires_grad_() for p in params]
    more = [o["activation"]] if "activation" in o else []
    forward = lambda x: networks.TRAINED[op](  # noqa: E731
        Training, x, params, *more
    )
    loss = {
        "cross_entropy": F.cross_entropy,
        "mse": F.mse_loss,
        "mse_of_steps": lambda y, t: len(t) * F.mse_loss(y, t),
    }[o.get("loss", "cross_entropy")]
    rate = float(o["lr"])
    # The faster of torch's ways on a processor.
    how = dict(lr=rate, foreach=False)
    if o["optimizer"] == "adam":
        optimizer = torch.optim.Adam(params, fused=True, lr=rate)
    else:
        optimizer = torch.optim.SGD(params, **how)

    def forward_and_loss():
        return loss(forward(x), t)

    if compiled:
        forward_and_loss = torch.compile(forward_and_loss)

    def run():
        y = forward_and_loss()
        y.backward()
        optimizer.step()
        optimizer.zero_grad()  # nobody reads them: as with JAX
        return y.detach()

    return run


def warm_up():
    """What the first gradients load: no step's cost."""
    x = torch.ones(1, 1, 4, 4)
    w = torch.ones(1, 1, 3, 3, requires_grad=True)
    (F.conv2d(x, w).flatten(1) @ torch.ones(4, 4)).sum().backward()
    torch.optim.SGD([w], lr=0.1).step()


def prepare(op, o, inputs):
    xs = [torch.from_numpy(x) for x in inputs]
    results = lambda y: [  # noqa: E731
        r.numpy() for r in (y if isinstance(y, tuple) else (y,))
    ]
    run = step(op, o, xs)
    if run:
        return run, results
    f = operator(op, o, xs)
    if f is None or (compiled and op == "matmul"):
        raise NotImplementedError
    if compiled:
        f = torch.compile(f)
    if "grad" in o and op != "embedding":
        return gradients(f, xs), results
    if op == "cross_entropy":
        return lambda: f(*xs), results

    def run():
        with torch.inference_mode():
            return f(*xs)

    return run, results
