"""Prints programs of any size: `programs.py chain N`, `programs.py random N`."""

import random
import sys

SHAPES = {"v": "tensor<64xf32>", "m": "tensor<64x64xf32>", "s": "tensor<f32>"}
UNARY = ["tanh", "exp", "neg", "relu", "sigmoid", "sqrt", "abs"]
BINARY = ["add", "sub", "mul", "maximum"]


def chain(n):
    """x + x + ... + x and its derivative: both are n + 1."""
    t = "tensor<8xf64>"
    print(f"func.func @main(%x: {t}, %gy: {t}) -> ({t}, {t}) {{")
    value = "%x"
    for i in range(n):
        print(f'  %{i} = "etch.add"({value}, %x) : ({t}, {t}) -> {t} loc("site":{i}:0)')
        value = f"%{i}"
    print(f'  %g = "etch.gradient"({value}, %gy, %x) : ({t}, {t}, {t}) -> {t}')
    print(f"  func.return {value}, %g : {t}, {t}\n}}")


def random_program(n, seed=1):
    """n ops of all kinds over vectors and matrices, each used later or returned."""
    choose = random.Random(seed)
    args = {"v": ["%a", "%b"], "m": ["%c", "%d"], "s": ["%e"]}
    values = {kind: list(names) for kind, names in args.items()}
    unused = []
    lines = []

    def operand(kind):
        x = choose.choice(values[kind][-20:])
        if (kind, x) in unused:
            unused.remove((kind, x))
        return x

    def add(kind, op, operands, attributes=""):
        name = f"%{len(lines)}"
        types = ", ".join(SHAPES[k] for k, _ in operands)
        names = ", ".join(x for _, x in operands)
        lines.append(f'  {name} = "etch.{op}"({names}) {attributes} : ({types}) -> '
                     f'{SHAPES[kind]} loc("site":{len(lines)}:0)')
        values[kind].append(name)
        unused.append((kind, name))

    while len(lines) < n:
        kind = choose.choice("vvmm")
        what = choose.random()
        if what < 0.4:
            add(kind, choose.choice(UNARY), [(kind, operand(kind))])
        elif what < 0.8:
            add(kind, choose.choice(BINARY),
                [(kind, operand(kind)), (kind, operand(kind))])
        elif what < 0.86:
            axis = choose.randrange(2)
            add("v", choose.choice(["sum", "mean", "max"]), [("m", operand("m"))],
                f"{{axes = array<i64: {axis}>, keepdims = false}}")
        elif what < 0.92:
            add("m", "broadcast_to", [("v", operand("v"))],
                "{shape = array<i64: 64, 64>}")
        elif what < 0.96:
            add("m", "transpose", [("m", operand("m"))],
                "{permutation = array<i64: 1, 0>}")
        else:
            add("m", "matmul", [("m", operand("m")), ("m", operand("m"))])
    results = [x for _, x in unused]
    types = [SHAPES[kind] for kind, _ in unused]
    inputs = ", ".join(f"{x}: {SHAPES[k]}" for k in "vms" for x in args[k])
    print(f"func.func @main({inputs}) -> ({', '.join(types)}) {{")
    print("\n".join(lines))
    print(f"  func.return {', '.join(results)} : {', '.join(types)}\n}}")


if __name__ == "__main__":
    {"chain": chain, "random": random_program}[sys.argv[1]](int(sys.argv[2]))
