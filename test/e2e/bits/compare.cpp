//===- compare.cpp - two dumps, bit for bit -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   compare A.npz B.npz              exit status 1 when a common array differs
//   compare --flip KEY IN.npz OUT.npz   flips the last bit of KEY's first
//   number
//
// Arrays that only one file has (an exported step's optimizer state) are
// listed, not compared; "losses" and at least one parameter must be in both.
//===----------------------------------------------------------------------===//

#include <etch/npy.h>

#include <cstdio>
#include <cstring>
#include <string>

using namespace etch::io;

static int fail(const std::string &what) {
  fprintf(stderr, "compare: %s\n", what.c_str());
  return 2;
}

static const Array *find(const Arrays &arrays, const std::string &key) {
  for (const auto &[name, array] : arrays)
    if (name == key)
      return &array;
  return nullptr;
}

static int flip(const char *key, const char *in, const char *out) {
  Arrays arrays;
  if (Error e = readNpz(in, arrays))
    return fail(e.message);
  const Array *array = find(arrays, key);
  if (!array || array->bytes() == 0)
    return fail(std::string("no array ") + key);
  *static_cast<unsigned char *>(array->data.get()) ^= 1;
  if (Error e = writeNpz(out, arrays))
    return fail(e.message);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && !strcmp(argv[1], "--flip"))
    return flip(argv[2], argv[3], argv[4]);
  if (argc != 3)
    return fail("two files are needed");
  Arrays a, b;
  if (Error e = readNpz(argv[1], a))
    return fail(e.message);
  if (Error e = readNpz(argv[2], b))
    return fail(e.message);
  int common = 0, different = 0;
  for (const auto &[key, x] : a) {
    const Array *y = find(b, key);
    if (!y) {
      printf("only in %s: %s\n", argv[1], key.c_str());
      continue;
    }
    ++common;
    if (x.dtype != y->dtype || x.extents != y->extents ||
        memcmp(x.data.get(), y->data.get(), x.bytes())) {
      printf("%s differs\n", key.c_str());
      ++different;
    }
  }
  if (!find(a, "losses") || !find(b, "losses") || common < 2)
    return fail("losses and parameters are needed in both files");
  printf("%d arrays compared, %d differ\n", common, different);
  return different ? 1 : 0;
}
