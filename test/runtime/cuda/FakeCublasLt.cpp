//===- FakeCublasLt.cpp - A library of products for the fake driver -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in the place of libcublasLt.so.13: what cublasLtMatmul is asked for is
// computed by the host in double precision when the stream comes to it. What
// the real library refuses is refused. A mask of relu is one bit for each
// element, as there.
//===----------------------------------------------------------------------===//

#include "test/runtime/cuda/FakeDriver.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum { kSuccess = 0, kInvalidValue = 7, kNotSupported = 15 };

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t pitch, offset = 0;
  int32_t count = 1;
};
struct Description {
  int compute = 0, type = 0;
  int32_t transposeA = 0, transposeB = 0, epilogue = 1;
  int32_t biasType = -1;
  void *bias = nullptr, *aux = nullptr;
  int64_t auxPitch = 0;
};
struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

enum {
  kRelu = 2,
  kBias = 4,
  kReluGrad = 8,
  kBiasGrad = 16,
  kGelu = 32,
  kGeluGrad = 64,
  kAux = 128,
  kBiasGradA = 256,
  kBiasGradB = 512
};

/// A product as it was asked for.
struct Product {
  Description d;
  Layout a, b, c;
  const void *left, *right;
  void *result;
  double alpha;
};

double rounded(double x, int compute) {
  int bits = compute == 77 ? 13 : compute == 75 ? 16 : 0; // TF32, bfloat16
  if (!bits)
    return x;
  auto f = float(x);
  uint32_t u;
  memcpy(&u, &f, 4);
  u = (u + (1u << (bits - 1)) - 1 + (u >> bits & 1)) & ~((1u << bits) - 1);
  memcpy(&f, &u, 4);
  return f;
}

double tanhGelu(double x) {
  return 0.5 * x *
         (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
double tanhGeluGrad(double x) {
  double t = std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608028654 *
                             (1 + 3 * 0.044715 * x * x);
}

/// An element of an array; bfloat16 is type 14.
double at(const void *array, int type, uint64_t i) {
  if (type == 1)
    return ((const double *)array)[i];
  if (type == 0)
    return double(((const float *)array)[i]);
  uint32_t bits = uint32_t(((const uint16_t *)array)[i]) << 16;
  float x;
  memcpy(&x, &bits, 4);
  return double(x);
}
void put(void *array, int type, uint64_t i, double value) {
  if (type == 1) {
    ((double *)array)[i] = value;
    return;
  }
  auto x = float(value);
  if (type == 0) {
    ((float *)array)[i] = x;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &x, 4);
  ((uint16_t *)array)[i] =
      std::isnan(x) ? 0x7fff
                    : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
int64_t bytesOf(int type) { return type == 1 ? 8 : type == 14 ? 2 : 4; }

void multiply(const Product &p) {
  uint64_t m = p.c.rows, n = p.c.columns,
           k = p.d.transposeA ? p.a.rows : p.a.columns;
  const Description &d = p.d;
  for (int64_t batch = 0; batch < p.c.count; ++batch) {
    auto element = [&](const Layout &l, const void *m, uint64_t i, uint64_t j) {
      return rounded(
          at(m, l.type, uint64_t(batch * l.offset) + i + j * uint64_t(l.pitch)),
          d.compute);
    };
    auto left = [&](uint64_t i, uint64_t l) {
      return d.transposeA ? element(p.a, p.left, l, i)
                          : element(p.a, p.left, i, l);
    };
    auto right = [&](uint64_t l, uint64_t j) {
      return d.transposeB ? element(p.b, p.right, j, l)
                          : element(p.b, p.right, l, j);
    };
    int type = p.c.type; // of vectors, too
    std::vector<double> sums(m);
    for (uint64_t j = 0; j < n; ++j)
      for (uint64_t i = 0; i < m; ++i) {
        double sum = 0;
        for (uint64_t l = 0; l < k; ++l)
          sum += left(i, l) * right(l, j);
        sum *= p.alpha;
        if (d.epilogue & kBias)
          sum += at(d.bias, type, i);
        auto *mask = (uint8_t *)d.aux;
        uint64_t bit = i + j * uint64_t(d.auxPitch);
        if (d.epilogue & kRelu) {
          if (d.epilogue & kAux)
            mask[bit / 8] = uint8_t((mask[bit / 8] & ~(1 << bit % 8)) |
                                    (sum > 0) << bit % 8);
          sum = sum > 0 ? sum : 0;
        }
        if (d.epilogue & kReluGrad)
          sum = mask[bit / 8] >> bit % 8 & 1 ? sum : 0;
        if (d.epilogue & kGelu) {
          if (d.epilogue & kAux)
            put(d.aux, type, bit, sum);
          sum = tanhGelu(sum);
        }
        if (d.epilogue & kGeluGrad)
          sum *= tanhGeluGrad(at(d.aux, type, bit));
        sums[i] += sum;
        put(p.result, type,
            uint64_t(batch * p.c.offset) + i + j * uint64_t(p.c.pitch), sum);
      }
    if (d.epilogue & kBiasGrad)
      for (uint64_t i = 0; i < m; ++i)
        put(d.bias, type, i, sums[i]);
    if (d.epilogue & kBiasGradA)
      for (uint64_t i = 0; i < m; ++i) {
        double sum = 0;
        for (uint64_t l = 0; l < k; ++l)
          sum += left(i, l);
        put(d.bias, type, i, sum);
      }
    if (d.epilogue & kBiasGradB)
      for (uint64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (uint64_t l = 0; l < k; ++l)
          sum += right(l, j);
        put(d.bias, type, j, sum);
      }
  }
}

/// Whether all of a matrix is the device's.
bool there(const void *at, const Layout &l) {
  uint64_t last = uint64_t(l.count - 1) * uint64_t(l.offset) +
                  (l.columns - 1) * uint64_t(l.pitch) + l.rows;
  return etch_fake_in_memory(at, last * uint64_t(bytesOf(l.type)));
}

template <class T> int set(T &field, const void *value, size_t size) {
  if (size != sizeof field)
    return kInvalidValue;
  memcpy(&field, value, size);
  return kSuccess;
}

} // namespace

EXPORT int cublasLtCreate(int **handle) {
  if (int code = etch_fake_enter("cublasLtCreate"))
    return code;
  *handle = new int(0);
  return kSuccess;
}
EXPORT int cublasLtDestroy(int *handle) {
  delete handle;
  return kSuccess;
}
EXPORT int cublasLtMatrixLayoutCreate(Layout **out, int type, uint64_t rows,
                                      uint64_t columns, int64_t pitch) {
  *out = new Layout{type, rows, columns, pitch};
  return pitch < int64_t(rows) ? int(kInvalidValue) : int(kSuccess);
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout *layout) {
  delete layout;
  return kSuccess;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(Layout *l, int attribute,
                                            const void *value, size_t size) {
  switch (attribute) {
  case 5:
    return set(l->count, value, size);
  case 6:
    return set(l->offset, value, size);
  default:
    return kInvalidValue;
  }
}
EXPORT int cublasLtMatmulDescCreate(Description **out, int compute, int type) {
  *out = new Description;
  (*out)->compute = compute;
  (*out)->type = type;
  return kSuccess;
}
EXPORT int cublasLtMatmulDescDestroy(Description *d) {
  delete d;
  return kSuccess;
}
EXPORT int cublasLtMatmulDescSetAttribute(Description *d, int attribute,
                                          const void *value, size_t size) {
  switch (attribute) {
  case 3:
    return set(d->transposeA, value, size);
  case 4:
    return set(d->transposeB, value, size);
  case 7:
    return set(d->epilogue, value, size);
  case 8:
    return set(d->bias, value, size);
  case 11:
    return set(d->aux, value, size);
  case 12:
    return set(d->auxPitch, value, size);
  case 26:
    return set(d->biasType, value, size);
  default:
    return kInvalidValue;
  }
}
EXPORT int cublasLtMatmulPreferenceCreate(int **out) {
  *out = new int(0);
  return kSuccess;
}
EXPORT int cublasLtMatmulPreferenceDestroy(int *preference) {
  delete preference;
  return kSuccess;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(int *, int attribute,
                                                const void *, size_t size) {
  return size == (attribute == 1 ? 8u : 4u) ? int(kSuccess)
                                            : int(kInvalidValue);
}
EXPORT int cublasLtMatmulAlgoGetHeuristic(void *, const Description *d,
                                          const Layout *a, const Layout *b,
                                          const Layout *c, const Layout *,
                                          void *, int, Heuristic *out,
                                          int *count) {
  *count = 0;
  *out = {};
  if (int code = etch_fake_enter("cublasLtMatmulAlgoGetHeuristic"))
    return code;
  // For tests in which a library lacks them, as long as they say.
  if ((d->epilogue & kGelu && etch_fake_refuses("cublasLt.no_gelu")) ||
      (d->epilogue & kGeluGrad && etch_fake_refuses("cublasLt.no_dgelu")))
    return kNotSupported;
  uint64_t m = d->transposeA ? a->columns : a->rows,
           k = d->transposeA ? a->rows : a->columns,
           n = d->transposeB ? b->rows : b->columns,
           other = d->transposeB ? b->columns : b->rows;
  if (m != c->rows || n != c->columns || k != other)
    return kInvalidValue;
  if (d->epilogue & (kBias | kBiasGrad | kBiasGradA | kBiasGradB) && !d->bias)
    return kInvalidValue;
  if (d->type == 1 && d->epilogue != 1)
    return kNotSupported;
  // Operands of one type, the result of theirs or of the sums', vectors of the
  // result's; operands of bfloat16 need no other rounding.
  if (a->type != b->type || (c->type != a->type && c->type != d->type) ||
      (a->type == 14 && (d->compute != 68 || d->type != 0)) ||
      (d->biasType >= 0 && d->biasType != c->type))
    return kNotSupported;
  if (d->epilogue & kAux &&
      (!d->aux || d->auxPitch < int64_t(m) || c->count != 1 ||
       d->auxPitch % (d->epilogue & (kRelu | kReluGrad) ? 128 : 8)))
    return kNotSupported;
  *count = 1;
  out->workspace = 1 << 20;
  return kSuccess;
}
EXPORT int cublasLtMatmul(void *, const Description *d, const void *alpha,
                          const void *a, const Layout *la, const void *b,
                          const Layout *lb, const void *, const void *,
                          const Layout *lc, void *c, const Layout *,
                          const void *, void *workspace, size_t bytes,
                          void *stream) {
  if (int code = etch_fake_enter("cublasLtMatmul"))
    return code;
  if (!there(a, *la) || !there(b, *lb) || !there(c, *lc) ||
      !etch_fake_in_memory(workspace, bytes))
    return kInvalidValue;
  if (d->epilogue & (kBias | kBiasGrad | kBiasGradA) &&
      !etch_fake_in_memory(d->bias, lc->rows * uint64_t(bytesOf(lc->type))))
    return kInvalidValue;
  if (d->epilogue & kBiasGradB &&
      !etch_fake_in_memory(d->bias, lc->columns * uint64_t(bytesOf(lc->type))))
    return kInvalidValue;
  if (d->epilogue & kAux &&
      !etch_fake_in_memory(d->aux, uint64_t(d->auxPitch) * lc->columns *
                                       (d->epilogue & (kRelu | kReluGrad)
                                            ? 1
                                            : 8 * uint64_t(bytesOf(lc->type))) /
                                       8))
    return kInvalidValue;
  // For tests that count.
  if (d->epilogue & kRelu && d->epilogue & kAux)
    etch_fake_enter("cublasLt.relu_aux");
  if (d->epilogue & kReluGrad)
    etch_fake_enter("cublasLt.drelu");
  if (d->epilogue & kGelu)
    etch_fake_enter(d->epilogue & kAux ? "cublasLt.gelu_aux" : "cublasLt.gelu");
  if (d->epilogue & kGeluGrad)
    etch_fake_enter(d->epilogue & kBiasGrad ? "cublasLt.dgelu_bgrad"
                                            : "cublasLt.dgelu");
  if (d->epilogue & (kBiasGrad | kBiasGradA | kBiasGradB))
    etch_fake_enter("cublasLt.bgrad");
  if (d->epilogue & kBiasGradB)
    etch_fake_enter("cublasLt.bgradb");
  auto *p = new Product{
      *d,
      *la,
      *lb,
      *lc,
      a,
      b,
      c,
      d->type == 1 ? *(const double *)alpha : double(*(const float *)alpha)};
  // It stays: a graph may come to it again.
  etch_fake_enqueue(
      stream,
      [](void *data) {
#ifdef ETCH_FAKE_HOLLOW
        return;
#endif
        auto &p = *(const Product *)data;
        multiply(p);
      },
      p);
  return kSuccess;
}
