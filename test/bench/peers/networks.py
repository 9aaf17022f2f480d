"""Networks in terms of a peer's functions f: conv(x, w, b, stride, pad),
norm(x, gamma, beta), relu, add, pool(x, kernel, stride) (of what is covered in
part, too), mean (over places), flatten, dense(x, w, b), sigmoid, gelu,
layer_norm(x, gamma, beta), attention(q, k, v), lstm(x, w, b, wh)."""


def vgg16(f, x, params):
    p = iter(params)
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = f.relu(f.conv(x, next(p), next(p), 1, 1))
        x = f.pool(x, 2, 2)
    x = f.flatten(x)
    for _ in range(2):
        x = f.relu(f.dense(x, next(p), next(p)))
    return f.dense(x, next(p), next(p))


def resnet50(f, x, params):
    p = iter(params)

    def step(x, kernel_half, stride):
        x = f.conv(x, next(p), None, stride, kernel_half)
        return f.norm(x, next(p), next(p))

    x = f.conv(x, next(p), next(p), 2, 3)
    x = f.pool(f.relu(f.norm(x, next(p), next(p))), 3, 2)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if block == 0 and stage else 1
            y = f.relu(step(x, 0, stride))
            y = f.relu(step(y, 1, 1))
            y = step(y, 0, 1)
            if block == 0:
                x = step(x, 0, stride)
            x = f.relu(f.add(y, x))
    return f.dense(f.mean(x), next(p), next(p))


def mlp(f, x, params, activation="relu"):
    for i in range(0, len(params), 2):
        x = f.dense(x, params[i], params[i + 1])
        if i + 2 < len(params):
            x = getattr(f, activation)(x)
    return x


def cnn(f, x, p):
    x = f.pool(f.relu(f.conv(x, p[0], p[1], 1, 1)), 2, 2)
    x = f.pool(f.relu(f.conv(x, p[2], p[3], 1, 1)), 2, 2)
    x = f.relu(f.dense(f.flatten(x), p[4], p[5]))
    return f.dense(x, p[6], p[7])


def lstm(f, x, p):
    """Its parameters are what lstm_parameters made of Etch's."""
    w, b, wh, w_out, b_out = p
    y = f.lstm(x, w, b, wh)
    rows = f.dense(y.reshape(-1, y.shape[-1]), w_out, b_out)
    return rows.reshape(*y.shape[:-1], -1)


def lstm_parameters(join, p):
    """The gates' weights side by side, as i, f, u, o."""
    w, b, wh = {}, {}, {}
    for i, gate in enumerate("fiou"):
        w[gate], b[gate], wh[gate] = p[2 * i], p[2 * i + 1], p[8 + i]
    gates = lambda of, axis: join([of[g] for g in "ifuo"], axis)  # noqa: E731
    return [gates(w, 1), gates(b, 0), gates(wh, 1), p[12], p[13]]


def resnet18(f, x, params):
    """For small images: the first convolution is 3x3, without pooling."""
    p = iter(params)

    def step(x, kernel_half, stride):
        x = f.conv(x, next(p), None, stride, kernel_half)
        return f.norm(x, next(p), next(p))

    x = f.relu(step(x, 1, 1))
    for block in range(8):
        stride = 2 if block % 2 == 0 and block else 1
        y = step(f.relu(step(x, 1, stride)), 1, 1)
        if stride == 2:
            x = step(x, 0, 2)
        x = f.relu(f.add(y, x))
    return f.dense(f.mean(x), next(p), next(p))


def encoder(f, x, params):
    p = iter(params)
    n, t, size = x.shape
    heads = 4

    def split(x):
        return x.reshape(n, t, heads, size // heads).swapaxes(1, 2)

    x = x.reshape(n * t, size)
    for _ in range(4):
        g1, b1, g2, b2, *dense = [next(p) for _ in range(12)]
        w_qkv, b_qkv, w_out, b_out, w_up, b_up, w_down, b_down = dense
        y = f.dense(f.layer_norm(x, g1, b1), w_qkv, b_qkv)
        q, k, v = (split(y[:, i * size : (i + 1) * size]) for i in range(3))
        y = f.attention(q, k, v).swapaxes(1, 2).reshape(n * t, size)
        x = x + f.dense(y, w_out, b_out)
        y = f.gelu(f.dense(f.layer_norm(x, g2, b2), w_up, b_up))
        x = x + f.dense(y, w_down, b_down)
    return x.reshape(n, t, size)


ALL = {"vgg16": vgg16, "resnet50": resnet50}
TRAINED = {
    "mlp_step": mlp,
    "cnn_step": cnn,
    "lstm_step": lstm,
    "resnet18_step": resnet18,
    "encoder_step": encoder,
}
