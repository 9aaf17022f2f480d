"""PyTorch with torch.compile."""

import os
import subprocess


def works(compiler):
    """torch.compile's code wants OpenMP, which not every compiler has."""
    try:
        words = f"{compiler} -fopenmp -include omp.h -E -x c++ /dev/null"
        return not subprocess.run(words.split(), capture_output=True).returncode
    except OSError:
        return False


for compiler in ("clang++-22", "clang++", "g++"):
    if works(compiler):
        os.environ.setdefault("CXX", compiler)

import torch  # noqa: E402
import torch_peer  # noqa: E402

torch_peer.compiled = True
warm_up = torch_peer.warm_up


def prepare(op, options, inputs):
    torch._dynamo.reset()
    return torch_peer.prepare(op, options, inputs)
