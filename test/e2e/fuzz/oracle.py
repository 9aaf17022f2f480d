"""Computes the values of random programs again, with NumPy.

    oracle.py DIR [--perturb]

DIR is what `etch-fuzz --values DIR` left: programs as text, all values as .npz.
Each operation is computed from Etch's own values of its operands, so that errors
do not add up; what NumPy has no function for is written out below. Forms (control
flow, composites) have no line here: they are counted. Prints how many operations
were compared; fails where values differ. With --perturb, one value of each
program is changed first, and the run fails unless every such change is found.
"""

import json
import math
import pathlib
import re
import sys

try:
    import numpy as np
except ImportError:
    print("NumPy is missing (Debian: python3-numpy): nothing was compared")
    sys.exit(77)

erf = np.vectorize(math.erf, otypes=[float])
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32,
          "i64": np.int64, "i1": np.bool_}


def wide(x):
    """Floats are computed in double and rounded by the comparison."""
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def floats(x):
    return x.astype(np.float64)


def cast(x, to):
    to = DTYPES[to]
    if x.dtype.kind == "f" and np.dtype(to).kind == "i":
        limits = np.iinfo(to)
        x = np.nan_to_num(np.trunc(x), nan=0.0, posinf=np.inf, neginf=-np.inf)
        low, high = x <= float(limits.min), x >= float(limits.max)
        y = np.where(low | high, 0, x).astype(to)
        return np.where(low, limits.min, np.where(high, limits.max, y)).astype(to)
    return x != 0 if to == np.bool_ else x.astype(to)


def power(x, exponent):
    with np.errstate(all="ignore"):
        return np.power(floats(x), exponent)


def larger(a, b):
    return np.where(np.isnan(a), a, np.where(a > b, a, b)) if floating(a) \
        else np.maximum(a, b)


def smaller(a, b):
    return np.where(np.isnan(a), a, np.where(a < b, a, b)) if floating(a) \
        else np.minimum(a, b)


def floating(x):
    return np.asarray(x).dtype.kind == "f"


def part(shape, starts, steps):
    """The index of what slice takes and place fills."""
    index = []
    for n, start, step in zip(shape, starts, steps):
        index.append(start + step * np.arange(n))
    return np.ix_(*index) if index else ()


def sum_to(x, shape):
    lead = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim)
                 if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1))
    return wide(x).sum(axis=axes).reshape(shape)


def reduction(f):
    return lambda x, axes, keepdims: f(wide(x), axis=tuple(axes),
                                       keepdims=keepdims)


def cumsum(x, axis, reverse):
    x = wide(x)
    if reverse:
        return np.flip(np.cumsum(np.flip(x, axis), axis), axis)
    return np.cumsum(x, axis)


def where_indexed(x, index):
    """index is (B, J), or (B, J, I)"""
    if index.ndim == 2:
        return np.arange(x.shape[0])[:, None], index
    return (np.arange(x.shape[0])[:, None, None], index,
            np.arange(x.shape[2])[None, None, :])


def gather(x, index):
    return x[where_indexed(x, index)]


def scatter_add(x, index, shape):
    y = np.zeros(shape, wide(x).dtype)
    np.add.at(y, where_indexed(x, index), x)
    return y


def windows(x, kernel, stride, pad, dilation, out, fill=0):
    """(N, C, KH, KW, OH, OW)"""
    n, c = x.shape[:2]
    reach = [(o - 1) * s + (k - 1) * d + 1
             for k, s, d, o in zip(kernel, stride, dilation, out)]
    room = [max(r, x.shape[i + 2] + p) for i, (r, p) in enumerate(zip(reach, pad))]
    big = np.full((n, c, room[0] + pad[0] + 1, room[1] + pad[1] + 1), fill,
                  wide(x).dtype)
    big[:, :, pad[0]:pad[0] + x.shape[2], pad[1]:pad[1] + x.shape[3]] = x
    y = np.empty((n, c, *kernel, *out), big.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            a, b = i * dilation[0], j * dilation[1]
            y[:, :, i, j] = big[:, :, a:a + stride[0] * out[0]:stride[0],
                                b:b + stride[1] * out[1]:stride[1]]
    return y


def col2im(x, stride, pad, dilation, shape):
    n, c, h, w = shape
    x = wide(x)
    kernel, out = x.shape[2:4], x.shape[4:6]
    rows = h + 2 * pad[0] + stride[0] + dilation[0] * kernel[0] + stride[0] * out[0]
    cols = w + 2 * pad[1] + stride[1] + dilation[1] * kernel[1] + stride[1] * out[1]
    y = np.zeros((n, c, rows, cols), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            a, b = i * dilation[0], j * dilation[1]
            y[:, :, a:a + stride[0] * out[0]:stride[0],
              b:b + stride[1] * out[1]:stride[1]] += x[:, :, i, j]
    return y[:, :, pad[0]:pad[0] + h, pad[1]:pad[1] + w]


def conv2d(x, w, stride, pad, dilation, groups, shape):
    n, c, kernel = x.shape[0], x.shape[1] // groups, w.shape[2:]
    out = shape[2:]
    col = windows(x, kernel, stride, pad, dilation, out)
    col = col.reshape(n, groups, c, *kernel, *out)
    w = wide(w).reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = np.einsum("ngcklhw,gockl->ngohw", col, w)
    return y.reshape(shape)


def conv2d_input_grad(gy, w, stride, pad, dilation, groups, shape):
    n, kernel, out = gy.shape[0], w.shape[2:], gy.shape[2:]
    g = wide(gy).reshape(n, groups, gy.shape[1] // groups, *out)
    w = wide(w).reshape(groups, w.shape[0] // groups, *w.shape[1:])
    col = np.einsum("ngohw,gockl->ngcklhw", g, w)
    return col2im(col.reshape(n, shape[1], *kernel, *out), stride, pad, dilation, shape)


def conv2d_weight_grad(x, gy, stride, pad, dilation, groups, shape):
    n, kernel, out = x.shape[0], shape[2:], gy.shape[2:]
    col = windows(x, kernel, stride, pad, dilation, out)
    col = col.reshape(n, groups, shape[1], *kernel, *out)
    g = wide(gy).reshape(n, groups, gy.shape[1] // groups, *out)
    return np.einsum("ngcklhw,ngohw->gockl", col, g).reshape(shape)


def max_pool_index(x, kernel, stride, pad, shape):
    h, w = x.shape[2:]
    where = np.broadcast_to(np.arange(h * w).reshape(h, w), x.shape)
    one, out = (1, 1), shape[2:]
    values = windows(x, kernel, stride, pad, one, out, -np.inf)
    index = windows(where, kernel, stride, pad, one, out, -1)
    flat = (shape[0], shape[1], -1, *out)
    if 0 in shape:
        return np.zeros(shape, np.int64)
    values, index = values.reshape(flat), index.reshape(flat)
    # Padding is never chosen, not even among -inf.
    order = np.where(index < 0, -1.0, 0.0)
    best = np.lexsort((np.broadcast_to(-np.arange(values.shape[2])[:, None, None],
                                       values.shape),
                       np.where(np.isnan(values), np.inf, values), order),
                      axis=2)[:, :, -1:]
    return np.take_along_axis(index, best, 2)[:, :, 0]


def philox(counter, key, to):
    """Philox4x32-10 of (counter, 0) under the key; the first words."""
    mask = np.uint64(0xFFFFFFFF)
    c = counter.astype(np.uint64)
    k = key.astype(np.uint64)
    x = [c & mask, c >> np.uint64(32), np.zeros_like(c), np.zeros_like(c)]
    k0, k1 = k & mask, k >> np.uint64(32)
    for _ in range(10):
        a, b = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [((b >> np.uint64(32)) ^ x[1] ^ k0) & mask, b & mask,
             ((a >> np.uint64(32)) ^ x[3] ^ k1) & mask, a & mask]
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    if to == "f32":
        return (x[0] >> np.uint64(8)).astype(np.float64) / 2 ** 24
    word = x[0] | (x[1] << np.uint64(32))
    return (word >> np.uint64(11)).astype(np.float64) / 2 ** 53


def slice_at(x, start, axis, shape):
    n = shape[axis]
    start = min(max(int(start), 0), x.shape[axis] - n)
    return x.take(range(start, start + n), axis)


def place_at(x, start, axis, shape):
    y = np.zeros(shape, x.dtype)
    n = x.shape[axis]
    start = min(max(int(start), 0), shape[axis] - n)
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + n)
    y[tuple(index)] = x
    return y


def place(x, starts, steps, fill, shape):
    y = np.full(shape, fill, x.dtype)
    y[part(x.shape, starts, steps)] = x
    return y


OPS = {
    "neg": lambda x: -wide(x),
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b, "div": lambda a, b: floats(a) / floats(b),
    "pow": power, "maximum": larger, "minimum": smaller,
    "abs": lambda x: np.abs(wide(x)), "sign": lambda x: np.sign(wide(x)),
    "exp": lambda x: np.exp(floats(x)), "log": lambda x: np.log(floats(x)),
    "sqrt": lambda x: np.sqrt(floats(x)), "sin": lambda x: np.sin(floats(x)),
    "cos": lambda x: np.cos(floats(x)), "tanh": lambda x: np.tanh(floats(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-floats(x))),
    "erf": lambda x: erf(floats(x)) if x.size else floats(x),
    "relu": lambda x: larger(0 * wide(x), wide(x)),
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less,
    "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal,
    "select": lambda c, a, b: np.where(c != 0, a, b),
    "cast": cast, "stop_gradient": lambda x: x, "philox": philox,
    "reshape": lambda x, shape: x.reshape(shape),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "sum_to": sum_to,
    "transpose": lambda x, permutation: x.transpose(permutation),
    "iota": lambda shape, axis=0: np.broadcast_to(
        np.arange(math.prod(shape)).reshape(shape), shape),
    "slice": lambda x, starts, steps, shape: x[part(shape, starts, steps)],
    "place": place, "slice_at": slice_at, "place_at": place_at,
    "sum": reduction(np.sum), "mean": reduction(np.mean),
    "max": reduction(np.max), "min": reduction(np.min),
    "argmax": lambda x, axis: np.argmax(x, axis), "cumsum": cumsum,
    "matmul": lambda x, w: wide(x) @ wide(w),
    "gather": gather, "scatter_add": scatter_add,
    "conv2d": conv2d, "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
    "im2col": lambda x, stride, pad, dilation, shape: windows(
        x, shape[2:4], stride, pad, dilation, shape[4:6]),
    "col2im": col2im, "max_pool_index": max_pool_index,
}
FORMS = {"branch", "while", "for", "scan", "recurrence", "nested", "pooling",
         "normalised", "parts"}


def agrees(got, expected, magnitude):
    if got.shape != expected.shape:
        return f"shape {got.shape}, NumPy has {expected.shape}"
    if got.dtype.kind != "f":
        same = got == expected.astype(got.dtype)
        return "" if same.all() else f"{np.argmin(same)}th element"
    rtol = 3e-6 if got.dtype == np.float32 else 1e-12
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        expected = expected.astype(np.float64)
        rounded = expected.astype(got.dtype)
        near = np.abs(got - expected) <= rtol * np.maximum(
            np.abs(expected), magnitude) + info.tiny
    same = near | (got == rounded) | (np.isnan(got) & np.isnan(expected))
    if same.all():
        return ""
    i = np.argmin(same.ravel())
    return f"element {i}: {got.ravel()[i]!r}, NumPy has {expected.ravel()[i]!r}"


def check(path, perturb):
    """(operations compared, problems)"""
    values = dict(np.load(path.with_suffix(".npz")))
    compared, problems, changed = 0, [], False
    for line in path.read_text().splitlines():
        found = re.match(r"(v\d+) = (\w+)((?: (?:v\d+|-?[\d.]+))*)((?: \w+=.*)?) : ",
                         line)
        if not found or found[2] == "input":
            continue
        name, op = found[1], found[2]
        if op in FORMS:
            continue
        operands = [values[w] if w[0] == "v" else np.float64(w)
                    for w in found[3].split()]
        attrs = {k: json.loads(v) for k, v in
                 re.findall(r"(\w+)=(\[[^\]]*\]|\"\w+\"|\S+)", found[4])}
        got = values[name]
        if op not in OPS:
            problems.append(f"{path.stem}: {op} is not known here")
            continue
        # Booleans count as integers; floats of the result's type are rounded to
        # it before the operation.
        if op not in KEEP and got.dtype.kind != "b":
            operands = [x.astype(np.int64) if x.dtype.kind == "b" else x
                        for x in operands]
        if op in POINTWISE and got.dtype.kind == "f":
            operands = [x if op == "select" and i == 0
                        else x.astype(got.dtype).astype(np.float64)
                        for i, x in enumerate(operands)]
        if perturb and not changed and got.size and got.dtype.kind == "f" \
                and np.isfinite(got).all():
            got = got.copy()
            got.flat[got.size // 2] += 0.01 * (1 + abs(got.flat[got.size // 2]))
            changed = True
        with np.errstate(all="ignore"):
            expected = np.asarray(OPS[op](*operands, **attrs))
            # Sums may cancel: the error is relative to the terms.
            terms = [np.abs(floats(np.asarray(x))).max(initial=0)
                     for x in operands if np.asarray(x).dtype.kind != "b"]
            scale = math.prod(terms) if op in CONTRACTIONS else max(terms, default=0)
            magnitude = scale if op in SUMS or op in CONTRACTIONS else 0
        compared += 1
        if difference := agrees(got, expected, magnitude):
            problems.append(f"{path.stem}: {line}: {difference}")
    return compared, problems, changed


CONTRACTIONS = {"matmul", "conv2d", "conv2d_input_grad", "conv2d_weight_grad"}
SUMS = {"sum", "mean", "sum_to", "cumsum", "scatter_add", "col2im", "add", "sub"}
KEEP = {"cast", "slice", "place", "slice_at", "place_at", "gather", "im2col",
        "reshape", "transpose", "broadcast_to", "stop_gradient"}
POINTWISE = {"add", "sub", "mul", "maximum", "minimum", "select"}


def main():
    folder, perturb = pathlib.Path(sys.argv[1]), "--perturb" in sys.argv
    total = programs = missed = 0
    problems = []
    for path in sorted(folder.glob("*.txt")):
        compared, found, changed = check(path, perturb)
        total += compared
        programs += 1
        if perturb:
            missed += changed and not found
        else:
            problems += found
    if perturb:
        print(f"{programs} programs, one value of each changed: {missed} missed")
        return missed != 0 or programs == 0
    for problem in problems[:40]:
        print(problem)
    print(f"{programs} programs, {total} operations compared with NumPy "
          f"{np.__version__}, {len(problems)} differ")
    return bool(problems) or total == 0


sys.exit(main())
