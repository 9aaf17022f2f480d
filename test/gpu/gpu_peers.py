"""A rival of etch-gpu-bench on this machine's graphics processor. Reads lines
and answers each with one (see test/bench/Rivals.h):

    prepare OP RUNS KEY=VALUE...  ->  ok READY_SECONDS CALLS, or missing REASON
    time COUNT                    ->  SECONDS of COUNT calls, device included

`gpu_peers.py SYSTEM`: torch, torch.compile, jax."""

import os
import sys
import time


class Options(dict):
    def number(self, key):
        return int(self[key])


def torch_system(compiled):
    import torch
    from torch import nn
    from torch.nn import functional as F

    if not torch.cuda.is_available():
        raise RuntimeError("torch finds no graphics processor")
    device = torch.device("cuda")

    class Lstm(nn.Module):
        def __init__(self, inside, hidden):
            super().__init__()
            self.rnn = nn.LSTM(inside, hidden)
            self.fc = nn.Linear(hidden, 64)

        def forward(self, x):
            return self.fc(self.rnn(x)[0][-1])

    class Bottleneck(nn.Module):
        def __init__(self, inside, middle, stride):
            super().__init__()
            out = 4 * middle
            conv, norm = nn.Conv2d, nn.BatchNorm2d
            self.body = nn.Sequential(
                conv(inside, middle, 1, bias=False), norm(middle), nn.ReLU(),
                conv(middle, middle, 3, stride, 1, bias=False), norm(middle),
                nn.ReLU(), conv(middle, out, 1, bias=False), norm(out))
            self.side = nn.Identity()
            if stride != 1 or inside != out:
                self.side = nn.Sequential(
                    conv(inside, out, 1, stride, bias=False), norm(out))

        def forward(self, x):
            return F.relu(self.body(x) + self.side(x))

    def resnet50():
        layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64),
                  nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inside = 64
        for stage, blocks in enumerate((3, 4, 6, 3)):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(Bottleneck(inside, 64 << stage, stride))
                inside = 4 * (64 << stage)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Linear(2048, 1000))

    def function(f, *inputs):
        if compiled:
            f = torch.compile(f, mode="max-autotune")

        def run():
            with torch.no_grad():
                return f(*inputs)
        return run

    def training(model, make, x, t, loss):
        model = model.to(device).train()
        optimizer = make(model.parameters())

        def forward(x, t):
            return loss(model(x), t)
        if compiled:
            forward = torch.compile(forward, mode="max-autotune")

        def run():
            optimizer.zero_grad(set_to_none=True)
            value = forward(x, t)
            value.backward()
            optimizer.step()
            return value
        return run

    def rand(*shape):
        return torch.rand(*shape, device=device) - 0.5

    def labels(count, most):
        return torch.arange(count, device=device) * 7 % most

    def sgd(p):
        return torch.optim.SGD(p, lr=0.01)

    def adam(p):
        return torch.optim.Adam(p, fused=True)

    def prepare(op, options):
        precision = options.get("precision", "f32")
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True
        torch._dynamo.reset()
        half = precision == "bf16"
        if op in ("copy", "elementwise", "sum", "softmax", "layer_norm"):
            n = options.number("n")
            a, b = rand(n), rand(n)
            rows = rand(n // 1024, 1024)
            if op == "copy":
                return function(lambda x: x * 2.0, a)
            if op == "elementwise":
                return function(lambda x, y: torch.tanh(x) * y + 0.5, a, b)
            if op == "sum":
                return function(lambda x: x.sum(0), rows)
            if op == "softmax":
                return function(lambda x: torch.softmax(x, 1), rows)
            return function(lambda x, g, c: F.layer_norm(x, (1024,), g, c),
                            rows, rand(1024), rand(1024))
        if op == "adam":
            w = nn.Parameter(rand(options.number("n")))
            w.grad = rand(options.number("n"))
            optimizer = adam([w])
            return optimizer.step
        if op == "matmul":
            m = options.number("m")
            a, b = rand(m, m), rand(m, m)
            if half:
                a, b = a.bfloat16(), b.bfloat16()
            return function(torch.matmul, a, b)
        if op.startswith("mlp"):
            sizes = [options.number("in")] + options.sizes
            layers = []
            for i, (m, n) in enumerate(zip(sizes, sizes[1:])):
                layers += [nn.ReLU()] if i else []
                layers.append(nn.Linear(m, n))
            return training(nn.Sequential(*layers),
                            adam if op == "mlp_adam" else sgd,
                            rand(100, sizes[0]), rand(100, sizes[-1]),
                            F.mse_loss)
        if op == "cnn":
            n = options.number("batch")
            model = nn.Sequential(
                nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
                nn.MaxPool2d(2), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(),
                nn.Linear(128, 10))
            return training(model, adam, rand(n, 1, 28, 28), labels(n, 10),
                            F.cross_entropy)
        if op == "resnet50":
            n = options.number("batch")
            model, x = resnet50(), rand(n, 3, 224, 224)
            if precision != "f32":
                model = model.to(memory_format=torch.channels_last)
                x = x.to(memory_format=torch.channels_last)

            def loss(y, t):
                return F.cross_entropy(y.float(), t)
            run = training(model, sgd, x, labels(n, 1000), loss)
            if not half:
                return run

            def run_half():
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    return run()
            return run_half
        if op == "lstm":
            return training(
                Lstm(options.number("in"), options.number("hidden")), adam,
                rand(options.number("steps"), options.number("batch"),
                     options.number("in")),
                rand(options.number("batch"), 64), F.mse_loss)
        raise NotImplementedError

    return prepare, lambda _: torch.cuda.synchronize()


def jax_system():
    import jax
    import jax.numpy as jnp

    if jax.default_backend() != "gpu":
        raise RuntimeError("jax finds no graphics processor")

    def rand(*shape):
        return jax.random.uniform(jax.random.PRNGKey(1), shape) - 0.5

    def labels(count, most):
        return jnp.arange(count) * 7 % most

    def squares(y, t):
        return ((y - t) ** 2).mean()

    def entropy(y, t):
        return -jax.nn.log_softmax(y)[jnp.arange(t.shape[0]), t].mean()

    def conv(x, w, stride, pad):
        return jax.lax.conv_general_dilated(x, w, (stride, stride),
                                            ((pad, pad), (pad, pad)))

    def pool(x, size, stride, pad):
        return jax.lax.reduce_window(
            x, -jnp.inf, jax.lax.max, (1, 1, size, size),
            (1, 1, stride, stride), ((0, 0), (0, 0), (pad, pad), (pad, pad)))

    def training(params, predict, x, t, loss, adam):
        zeros = jax.tree.map(jnp.zeros_like, params)
        state = [params, zeros, zeros, jnp.float32(0)]
        each = jax.tree.map

        def step(params, m, v, count, x, t):
            value, grads = jax.value_and_grad(
                lambda p: loss(predict(p, x), t))(params)
            count = count + 1
            if not adam:
                params = each(lambda w, g: w - 0.01 * g, params, grads)
                return [params, m, v, count], value
            m = each(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            rate = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
            params = each(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8),
                          params, m, v)
            return [params, m, v, count], value
        step = jax.jit(step, donate_argnums=(0, 1, 2))
        state[1] = each(jnp.copy, zeros)  # what is donated is one's own

        def run():
            nonlocal state
            state, value = step(*state, x, t)
            return value
        return run

    def prepare(op, options):
        jax.config.update("jax_default_matmul_precision", "highest")
        if op in ("copy", "elementwise", "sum", "softmax", "layer_norm"):
            n = options.number("n")
            a, b, rows = rand(n), rand(n), rand(n // 1024, 1024)
            g = rand(1024)

            def norm(x, g, c):
                mean = x.mean(1, keepdims=True)
                variance = x.var(1, keepdims=True)
                return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * g + c
            f, inputs = {
                "copy": (lambda x: x * 2.0, (a,)),
                "elementwise": (lambda x, y: jnp.tanh(x) * y + 0.5, (a, b)),
                "sum": (lambda x: x.sum(0), (rows,)),
                "softmax": (lambda x: jax.nn.softmax(x, 1), (rows,)),
                "layer_norm": (norm, (rows, g, g)),
            }[op]
            f = jax.jit(f)
            return lambda: f(*inputs)
        if op == "matmul":
            m = options.number("m")
            a, b, f = rand(m, m), rand(m, m), jax.jit(jnp.matmul)
            return lambda: f(a, b)
        if op == "adam":
            return training([rand(options.number("n"))],
                            lambda p, x: p[0] * x, rand(options.number("n")),
                            None, lambda y, t: y.sum(), True)
        if op.startswith("mlp"):
            sizes = [options.number("in")] + options.sizes
            params = [(rand(m, n), jnp.zeros(n))
                      for m, n in zip(sizes, sizes[1:])]

            def mlp(params, x):
                for i, (w, b) in enumerate(params):
                    x = (jax.nn.relu(x) if i else x) @ w + b
                return x
            return training(params, mlp, rand(100, sizes[0]),
                            rand(100, sizes[-1]), squares, op == "mlp_adam")
        if op == "cnn":
            n = options.number("batch")
            params = [(rand(32, 1, 3, 3), jnp.zeros((32, 1, 1))),
                      (rand(64, 32, 3, 3), jnp.zeros((64, 1, 1))),
                      (rand(9216, 128), jnp.zeros(128)),
                      (rand(128, 10), jnp.zeros(10))]

            def cnn(params, x):
                for w, b in params[:2]:
                    x = jax.nn.relu(conv(x, w, 1, 0) + b)
                x = pool(x, 2, 2, 0).reshape(n, -1)
                (w, b), (v, c) = params[2:]
                return jax.nn.relu(x @ w + b) @ v + c
            return training(params, cnn, rand(n, 1, 28, 28), labels(n, 10),
                            entropy, True)
        if op == "resnet50":
            n = options.number("batch")
            params, widths = [], []

            def layer(inside, out, kernel, stride):
                params.append((0.1 * rand(out, inside, kernel, kernel),
                               jnp.ones((out, 1, 1)), jnp.zeros((out, 1, 1))))
                widths.append(stride)
            layer(3, 64, 7, 2)
            inside = 64
            for stage, blocks in enumerate((3, 4, 6, 3)):
                for block in range(blocks):
                    stride = 2 if stage and not block else 1
                    middle = 64 << stage
                    layer(inside, middle, 1, 1)
                    layer(middle, middle, 3, stride)
                    layer(middle, 4 * middle, 1, 1)
                    if not block:
                        layer(inside, 4 * middle, 1, stride)
                    inside = 4 * middle
            params.append((0.1 * rand(2048, 1000), jnp.zeros(1000)))

            def resnet(params, x):
                steps = iter(zip(params, widths))

                def step(x):
                    (w, gamma, beta), stride = next(steps)
                    x = conv(x, w, stride, w.shape[2] // 2)
                    mean = x.mean((0, 2, 3), keepdims=True)
                    variance = x.var((0, 2, 3), keepdims=True)
                    return ((x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma
                            + beta)
                x = pool(jax.nn.relu(step(x)), 3, 2, 1)
                for blocks in (3, 4, 6, 3):
                    for block in range(blocks):
                        y = jax.nn.relu(step(x))
                        y = step(jax.nn.relu(step(y)))
                        x = jax.nn.relu(y + (x if block else step(x)))
                w, b = params[-1]
                return x.mean((2, 3)) @ w + b
            return training(params, resnet, rand(n, 3, 224, 224),
                            labels(n, 1000), entropy, False)
        if op == "lstm":
            inside, hidden = options.number("in"), options.number("hidden")
            batch = options.number("batch")
            params = [0.1 * rand(inside, 4 * hidden),
                      0.1 * rand(hidden, 4 * hidden), jnp.zeros(4 * hidden),
                      0.1 * rand(hidden, 64), jnp.zeros(64)]

            def lstm(params, x):
                w, wh, b, v, c = params

                def step(carry, gates):
                    h, cell = carry
                    i, f, u, o = jnp.split(gates + h @ wh, 4, axis=1)
                    sigmoid = jax.nn.sigmoid
                    cell = sigmoid(f) * cell + sigmoid(i) * jnp.tanh(u)
                    h = sigmoid(o) * jnp.tanh(cell)
                    return (h, cell), None
                start = jnp.zeros((batch, hidden))
                (h, _), _ = jax.lax.scan(step, (start, start), x @ w + b)
                return h @ v + c
            return training(params, lstm,
                            rand(options.number("steps"), batch, inside),
                            rand(batch, 64), squares, True)
        raise NotImplementedError

    return prepare, jax.block_until_ready


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    failure, prepare, wait = "", None, None
    try:
        name = sys.argv[1]
        if name == "jax":
            prepare, wait = jax_system()
        else:
            prepare, wait = torch_system(name == "torch.compile")
    except Exception as error:  # its package is not there
        failure = f"{type(error).__name__}: {error}"
    run = None
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] == "time":
                start = time.perf_counter()
                for _ in range(int(words[1])):
                    last = run()
                wait(last)
                print(f"{time.perf_counter() - start:.9g}", file=answers)
                continue
            if prepare is None:
                raise RuntimeError(failure)
            options = Options()
            options.sizes = []
            for word in words[3:]:
                key, value = word.split("=", 1)
                if key == "size":
                    options.sizes.append(int(value))
                else:
                    options[key] = value
            run = None
            start = time.perf_counter()
            run = prepare(words[1], options)
            wait(run())
            ready = time.perf_counter() - start
            for _ in range(5):  # what is recorded needs more than one call
                last = run()
            wait(last)
            start = time.perf_counter()
            for _ in range(3):
                last = run()
            wait(last)
            one = (time.perf_counter() - start) / 3
            calls = max(3, min(1000, int(0.1 / one)))
            print(f"ok {ready:.9g} {calls}", file=answers)
        except NotImplementedError:
            print("missing no such operation", file=answers)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            print("missing", reason[:160], file=answers)


main()
