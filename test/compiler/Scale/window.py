"""Prints a recurrent net's window of T steps, one after the other, its loss and
the gradients: `window.py T`."""

import sys

N, H = 4, 16
X, S, L = f"tensor<{N}x1xf32>", f"tensor<{N}x{H}xf32>", "tensor<f32>"
PARAMS = {"wx": f"tensor<1x{H}xf32>", "wh": f"tensor<{H}x{H}xf32>", "b": S,
          "wy": f"tensor<{H}x1xf32>"}


def main(steps):
    xs = f"tensor<{steps}x{N}x1xf32>"
    row = f"tensor<1x{N}x1xf32>"
    args = {"x": xs, "t": xs, "h": S, "zero": L, "n": L, **PARAMS}
    grads = ", ".join(PARAMS.values())
    print("func.func @main(" + ", ".join(f"%{k}: {v}" for k, v in args.items()) +
          f") -> ({L}, {S}, {grads}) {{")
    site = 0

    def op(result, name, operands, types, to, attributes=""):
        nonlocal site
        print(f'  {result} = "etch.{name}"({operands}) {attributes} : ({types}) -> {to} '
              f'loc("site":{site}:0)')
        site += 1

    h, loss = "%h", "%zero"
    for i in range(steps):
        at = f"{{starts = array<i64: {i}, 0, 0>, steps = array<i64: 1, 1, 1>, shape = array<i64: 1, {N}, 1>}}"
        for k in "xt":
            op(f"%{k}r{i}", "slice", f"%{k}", xs, row, at)
            op(f"%{k}{i}", "reshape", f"%{k}r{i}", row, X, f"{{shape = array<i64: {N}, 1>}}")
        op(f"%p{i}", "matmul", f"%x{i}, %wx", f"{X}, {PARAMS['wx']}", S)
        op(f"%q{i}", "matmul", f"{h}, %wh", f"{S}, {PARAMS['wh']}", S)
        op(f"%u{i}", "add", f"%p{i}, %q{i}", f"{S}, {S}", S)
        op(f"%v{i}", "add", f"%u{i}, %b", f"{S}, {S}", S)
        op(f"%h{i}", "tanh", f"%v{i}", S, S)
        op(f"%y{i}", "matmul", f"%h{i}, %wy", f"{S}, {PARAMS['wy']}", X)
        op(f"%d{i}", "sub", f"%y{i}, %t{i}", f"{X}, {X}", X)
        op(f"%e{i}", "mul", f"%d{i}, %d{i}", f"{X}, {X}", X)
        op(f"%s{i}", "sum", f"%e{i}", X, L, "{axes = array<i64: 0, 1>, keepdims = false}")
        op(f"%m{i}", "div", f"%s{i}, %n", f"{L}, {L}", L)
        op(f"%l{i}", "add", f"{loss}, %m{i}", f"{L}, {L}", L)
        h, loss = f"%h{i}", f"%l{i}"
    print(f'  %one = "etch.constant"() {{value = dense<1.0> : {L}}} : () -> {L}')
    print(f'  %g:4 = "etch.gradient"({loss}, %one, ' +
          ", ".join("%" + k for k in PARAMS) + f") : ({L}, {L}, {grads}) -> ({grads})")
    print(f"  func.return {loss}, {h}, %g#0, %g#1, %g#2, %g#3 : {L}, {S}, {grads}\n}}")


main(int(sys.argv[1]))
