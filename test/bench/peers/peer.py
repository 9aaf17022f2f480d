"""A rival of Etch's bench: reads workloads and counts, answers with samples
and times (see Rivals.h). `peer.py NAME`: torch, inductor, jax, onnxruntime."""

import ctypes
import importlib
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402


def make_input(text, ordinal):
    """An input from SHAPE:TYPE:SCALE; see Inputs.cpp."""
    shape, kind, scale = text.split(":")
    shape = [int(extent) for extent in shape.split("x")]
    i = np.arange(int(np.prod(shape)), dtype=np.uint32)
    h = i * np.uint32(2654435761)
    h += np.uint32((ordinal + 1) * 0x9E3779B9 & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    if kind == "i64":
        return (h.astype(np.int64) % int(float(scale))).reshape(shape)
    real = np.float32 if kind == "f32" else np.float64
    x = (h >> np.uint32(8)).astype(real) * real(2.0**-24) - real(0.5)
    return (x * real(float(scale))).reshape(shape)


def sample(result):
    """Size, mean magnitude, and elements at eight places."""
    flat = np.asarray(result, dtype=np.float64).reshape(-1)
    numbers = [flat.size, np.abs(flat).mean()]
    return numbers + [flat[(2 * i + 1) * flat.size // 16] for i in range(8)]


class Options(dict):
    """The options of a workload; text, numbers on request."""

    def number(self, key, default=0):
        return int(self.get(key, default))

    def numbers(self, key, separator=","):
        return [int(n) for n in self[key].split(separator)]


def memory(key):
    """Bytes of this process: VmRSS, or VmHWM, the most since the last reset."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(key))
    return int(line.split()[1]) * 1024


def reset_peak():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def spent():
    """Processor time of this process and the compilers that it has run."""
    return sum(os.times()[:4])


def costs(system, words):
    """Processor seconds of getting ready, without those of the first steps, and
    the most memory that later steps take beside what was taken before."""
    getattr(system, "warm_up", lambda: None)()
    reset_peak()
    before = memory("VmRSS")
    run, _, first = prepare(system, words)
    reset_peak()
    start = spent()
    for _ in range(3):
        run()
    step = (spent() - start) / 3
    return first - int(words[1]) * step, memory("VmHWM") - before


def prepare(system, words):
    """What runs the workload, and the seconds of making it and its first runs."""
    op, runs = words[0], int(words[1])
    options, inputs = Options(), []
    for word in words[2:]:
        key, value = word.split("=", 1)
        if key == "in":
            inputs.append(make_input(value, len(inputs)))
        else:
            options[key] = value
    start = spent()
    run, results = system.prepare(op, options, inputs)
    for _ in range(runs):
        last = run()
    return run, results(last), spent() - start


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        system, failure = importlib.import_module(sys.argv[1] + "_peer"), ""
    except Exception as error:  # its package is not there
        system, failure = None, f"{type(error).__name__}: {error}"
    run = None
    for line in sys.stdin:
        words = line.split()
        if words[0] == "time":
            count = int(words[1])
            start = time.process_time()
            for _ in range(count):
                run()
            print(f"{time.process_time() - start:.9g}", file=answers)
            continue
        try:
            run = None  # lets go of the last workload's memory
            if system is None:
                raise RuntimeError(failure)
            if words[0] == "costs":
                print("ok", *costs(system, words[1:]), file=answers)
                continue
            run, last, _ = prepare(system, words[1:])
            numbers = [n for result in last for n in sample(result)]
            print("ok", *(f"{n:.9g}" for n in numbers), file=answers)
        except NotImplementedError:
            print("missing no such operation", file=answers)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            print("missing", reason[:160], file=answers)


main()
