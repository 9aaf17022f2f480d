"""PyTorch with torch.compile."""

import os
import shutil

for compiler in ("clang++-22", "clang++", "g++"):
    if shutil.which(compiler):
        os.environ.setdefault("CXX", compiler)

import torch  # noqa: E402
import torch_peer  # noqa: E402

torch_peer.compiled = True


def prepare(op, options, inputs):
    torch._dynamo.reset()
    return torch_peer.prepare(op, options, inputs)
