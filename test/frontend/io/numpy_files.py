#!/usr/bin/env python3
"""What NumPy makes of Etch's files, and the other way round.

numpy_files.py write FOLDER   theirs.npz, theirs.npy: arrays that Etch reads
numpy_files.py read FOLDER    ours.npz, ours.npy, ours.safetensors: as written?
Ends with 77 where there is no NumPy.
"""
import json
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)


def arrays():
    return {
        "f64": np.linspace(-1, 1, 12).reshape(3, 4),
        "f32": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
        "i64": np.array([-(2**62), 0, 5]),
        "i32": np.array([[1], [2]], dtype=np.int32),
        "bool": np.array([True, False, True]),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3)),
        "l1/W": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    }


def safetensors(path):
    names = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8",
             "BOOL": "?"}
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    data = data[8 + size:]
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, np.frombuffer(data[begin:end], names[entry["dtype"]]
                                  ).reshape(entry["shape"])


def same(name, a, b):
    assert a.dtype == b.dtype, (name, a.dtype, b.dtype)
    assert a.shape == b.shape, (name, a.shape, b.shape)
    assert a.tobytes() == b.tobytes(), name


def main():
    folder = sys.argv[2]
    if sys.argv[1] == "write":
        np.savez_compressed(folder + "/theirs.npz", **arrays())
        np.savez(folder + "/theirs_stored.npz", **arrays())
        np.save(folder + "/theirs.npy", arrays()["f64"].T)
        return
    expected = arrays()
    with np.load(folder + "/ours.npz") as file:
        assert sorted(file.files) == sorted(expected), file.files
        for name in file.files:
            same(name, file[name], expected[name])
    same("npy", np.load(folder + "/ours.npy"), expected["f32"])
    found = dict(safetensors(folder + "/ours.safetensors"))
    assert sorted(found) == sorted(expected), found
    for name, array in found.items():
        same(name, array, expected[name])


main()
