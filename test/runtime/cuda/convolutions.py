#!/usr/bin/env python3
"""convolutions.py BUILD OUT PROBE - the convolutions of the examples' programs.

Starts each program, takes the text of its training step as soon as the compiler
has written it (ETCH_DUMP), ends it, and writes one line for each different
convolution: the program's name, which of the three it is, the extents of images,
filters and result, stride, pad, dilation, groups, and whether it is one of a
program that keeps channels last (etch-channels-last). An open extent is the
batch. PROBE then plans them; where it has no library, 77 comes at once.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

KINDS = {"conv2d": 0, "conv2d_input_grad": 1, "conv2d_weight_grad": 2}
LINE = re.compile(r"etch\.(conv2d\w*) .*\{(.*?)\} : \((.*)\) -> (tensor<\S+>)")


def numbers(text, batch):
    extents = re.match(r"tensor<(.*)xf\d+", text).group(1).split("x")
    return [batch if e == "?" else int(e) for e in extents]


def convolutions(text, batch):
    for op, attributes, operands, result in LINE.findall(text):
        kind = KINDS[op]
        a, b = re.findall(r"tensor<\S+?>", operands)[:2]
        x, w, y = [(a, b, result), (result, b, a), (a, result, b)][kind]
        # Of an operation for any images there is no telling.
        if any(t.count("?") > 1 for t in (x, w, y)):
            continue
        lists = [
            re.search(name + r" = array<i64: (\d+), (\d+)>", attributes).groups()
            for name in ("stride", "pad", "dilation")
        ]
        groups = re.search(r"groups = (\d+)", attributes).group(1)
        last = "etch.channels_last" in attributes
        yield [kind, *(n for t in (x, w, y) for n in numbers(t, batch)),
               *(n for pair in lists for n in pair), groups, int(last)]


def with_channels_last(text, build):
    return subprocess.run(
        [build / "bin/etch-opt", "--etch-outline-regions",
         "--etch-channels-last"],
        input=text, capture_output=True, text=True, check=True).stdout


def step_of(command, build):
    """The text of the training step, as it is compiled."""
    with tempfile.TemporaryDirectory() as folder:
        dump = pathlib.Path(folder) / "dump"
        dump.mkdir()
        hollow = build / "test/fake-cuda/Hollow"
        environment = dict(os.environ, ETCH_DUMP=str(dump), LD_LIBRARY_PATH=
                           f"{hollow}:{os.environ.get('LD_LIBRARY_PATH', '')}")
        process = subprocess.Popen(command, cwd=folder, env=environment,
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            while True:
                ended = process.poll() is not None
                # The next phase's text is begun: this one's is whole.
                for after in dump.glob("*-03-fuse.mlir"):
                    before = next(dump.glob(after.name[:-12] + "02-simplify.mlir"))
                    text = before.read_text()
                    if "conv2d_weight_grad" in text:
                        return text
                if ended:
                    sys.exit(f"convolutions: {command[0]} has no training step")
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()


def main():
    build, out = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    probe = [sys.argv[3], "convolutions"]
    if subprocess.run([*probe, os.devnull]).returncode == 77:
        sys.exit(77)
    example = build / "bin/examples"
    programs = {
        "mnist_cnn": ([example / "mnist_cnn", "--short"], 100),
        "resnet_cifar": ([example / "resnet_cifar", "--short"], 50),
        "style_transfer": ([example / "style_transfer", "--short"], 1),
        "vgg16": ([build / "bin/etch-programs", "vgg16"], 8),
        "resnet50": ([build / "bin/etch-gpu-bench", "--only", "ResNet-50",
                      "--programs", "/dev/null"], 64),
    }
    count = 0
    with open(out, "w") as file:
        for name, (command, batch) in programs.items():
            text = step_of(command, build)
            both = text + with_channels_last(text, build)
            lines = {" ".join(map(str, [name, *c]))
                     for c in convolutions(both, batch)}
            count += len(lines)
            file.writelines(line + "\n" for line in sorted(lines))
    print(f"convolutions: {count} of {len(programs)} programs", flush=True)
    sys.exit(subprocess.run([*probe, out]).returncode)


if __name__ == "__main__":
    main()
