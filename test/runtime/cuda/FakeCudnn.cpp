//===- FakeCudnn.cpp - A library of convolutions for the fake driver ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in the place of libcudnn.so.9: keeps what descriptors are told, offers
// one configuration for each graph of operations, and computes it by the host
// when the stream comes to it.
//===----------------------------------------------------------------------===//

#include "test/runtime/cuda/FakeDriver.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum { kSuccess = 0, kBadParameter = 2000, kNotSupported = 3000 };

struct Descriptor {
  int type;
  bool finished = false;
  std::map<int, std::string> attributes;

  template <class T> std::vector<T> all(int attribute) const {
    auto it = attributes.find(attribute);
    std::vector<T> values(
        it == attributes.end() ? 0 : it->second.size() / sizeof(T));
    if (!values.empty())
      memcpy(values.data(), it->second.data(), values.size() * sizeof(T));
    return values;
  }
  template <class T> T one(int attribute) const {
    std::vector<T> values = all<T>(attribute);
    return values.empty() ? T() : values[0];
  }
  const Descriptor &sub(int attribute) const {
    return *one<const Descriptor *>(attribute);
  }
};

size_t sizeOf(int type) {
  switch (type) {
  case 0:  // handle
  case 3:  // int64
  case 5:  // double
  case 6:  // pointer
  case 15: // descriptor
    return 8;
  case 2:  // bool
  case 24: // char
    return 1;
  default:
    return 4;
  }
}

struct Handle {
  void *stream = nullptr;
};

struct Tensor {
  int64_t extents[4], strides[4];
  void *memory;
  int type; ///< 0: f32, 1: f64, 9: bfloat16

  size_t size() const {
    return size_t(extents[0] * extents[1] * extents[2] * extents[3]);
  }
  size_t bytes() const { return size() * (type == 1 ? 8 : type ? 2 : 4); }
  size_t at(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return size_t(a * strides[0] + b * strides[1] + c * strides[2] +
                  d * strides[3]);
  }
  /// Where the i-th of all lies, row by row.
  size_t place(size_t i) const {
    auto n = int64_t(i);
    int64_t d = n % extents[3], c = n / extents[3] % extents[2],
            b = n / extents[3] / extents[2] % extents[1];
    return at(n / extents[3] / extents[2] / extents[1], b, c, d);
  }
  double get(size_t i) const {
    if (type == 9) {
      uint32_t bits = uint32_t(((const uint16_t *)memory)[i]) << 16;
      float v;
      memcpy(&v, &bits, 4);
      return v;
    }
    return type == 1 ? ((const double *)memory)[i]
                     : double(((const float *)memory)[i]);
  }
  void put(size_t i, double v) const {
    if (type == 1) {
      ((double *)memory)[i] = v;
    } else if (type == 0) {
      ((float *)memory)[i] = float(v);
    } else { // to the nearest, the even one of two
      auto f = float(v);
      uint32_t bits;
      memcpy(&bits, &f, 4);
      ((uint16_t *)memory)[i] =
          uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  }
};

struct Operation {
  int kind; ///< 10 forward, 11 of weights, 12 of data, 13 pointwise
  int mode = 0;
  Tensor x, w, y; ///< pointwise: x, b, y
  int64_t stride[2], pad[2], dilation[2];

  void run() const;
};

struct Work {
  std::vector<Operation> operations;
  std::vector<std::unique_ptr<double[]>> memory; ///< of what is not stored
};

} // namespace

void Operation::run() const {
  if (kind == 13) {
    for (size_t i = 0; i < y.size(); ++i) {
      double v = x.get(x.place(i));
      if (mode == 0)
        v += w.get(i / size_t(y.extents[2] * y.extents[3]) %
                   size_t(y.extents[1]));
      else
        v = v > 0 ? v : 0;
      y.put(y.place(i), v);
    }
    return;
  }
  const Tensor &result = kind == 10 ? y : kind == 11 ? w : x;
  std::vector<double> sums(result.size());
  int64_t groups = x.extents[1] / w.extents[1],
          perGroup = w.extents[0] / groups;
  for (int64_t n = 0; n < y.extents[0]; ++n)
    for (int64_t o = 0; o < y.extents[1]; ++o)
      for (int64_t i = 0; i < y.extents[2]; ++i)
        for (int64_t j = 0; j < y.extents[3]; ++j)
          for (int64_t c = 0; c < w.extents[1]; ++c)
            for (int64_t k = 0; k < w.extents[2]; ++k)
              for (int64_t l = 0; l < w.extents[3]; ++l) {
                int64_t h = i * stride[0] + k * dilation[0] - pad[0],
                        v = j * stride[1] + l * dilation[1] - pad[1];
                if (h < 0 || h >= x.extents[2] || v < 0 || v >= x.extents[3])
                  continue;
                size_t inX = x.at(n, o / perGroup * w.extents[1] + c, h, v),
                       inW = w.at(o, c, k, l), inY = y.at(n, o, i, j);
                if (kind == 10)
                  sums[inY] += x.get(inX) * w.get(inW);
                else if (kind == 11)
                  sums[inW] += x.get(inX) * y.get(inY);
                else
                  sums[inX] += y.get(inY) * w.get(inW);
              }
  for (size_t i = 0; i < sums.size(); ++i)
    result.put(i, sums[i]);
}

EXPORT int cudnnCreate(Handle **handle) {
  if (int code = etch_fake_enter("cudnnCreate"))
    return code;
  *handle = new Handle;
  return kSuccess;
}
EXPORT int cudnnDestroy(Handle *handle) {
  delete handle;
  return kSuccess;
}
EXPORT int cudnnSetStream(Handle *handle, void *stream) {
  handle->stream = stream;
  return kSuccess;
}
EXPORT int cudnnBackendCreateDescriptor(int type, Descriptor **out) {
  *out = new Descriptor{type, false, {}};
  return kSuccess;
}
EXPORT int cudnnBackendDestroyDescriptor(Descriptor *d) {
  delete d;
  return kSuccess;
}
EXPORT int cudnnBackendSetAttribute(Descriptor *d, int attribute, int type,
                                    int64_t count, const void *values) {
  if (d->finished)
    return kBadParameter;
  if (type == 15)
    for (int64_t i = 0; i < count; ++i)
      if (!((Descriptor *const *)values)[i]->finished)
        return kBadParameter;
  d->attributes[attribute].assign((const char *)values,
                                  size_t(count) * sizeOf(type));
  return kSuccess;
}
EXPORT int cudnnBackendFinalize(Descriptor *d) {
  // A plan, and what would be refused: an engine is asked for nothing.
  if (d->type == 5)
    if (int code = etch_fake_enter("cudnnPlan"))
      return code;
  if (d->type == 17 && d->all<int64_t>(902).size() != 4)
    return kBadParameter;
  d->finished = true;
  return kSuccess;
}
EXPORT int cudnnBackendGetAttribute(const Descriptor *d, int attribute, int,
                                    int64_t, int64_t *count, void *out) {
  if (!d->finished)
    return kBadParameter;
  *count = 1;
  switch (attribute) {
  case 202: { // the configurations of a graph
    auto *configuration = *(Descriptor **)out;
    configuration->attributes[-1] = d->attributes.at(201);
    configuration->finished = true;
    return kSuccess;
  }
  case 300: // its engine
    (*(Descriptor **)out)->finished = true;
    return kSuccess;
  case 1303:
  case 1305:
    *count = 0; // of nothing is it said
    return kSuccess;
  case 402:
    *(int64_t *)out = 4096;
    return kSuccess;
  default:
    return kNotSupported;
  }
}

EXPORT int cudnnBackendExecute(Handle *handle, const Descriptor *plan,
                               const Descriptor *pack) {
  if (int code = etch_fake_enter("cudnnBackendExecute"))
    return code;
  std::map<int64_t, void *> memory;
  std::vector<int64_t> numbers = pack->all<int64_t>(1000);
  std::vector<void *> pointers = pack->all<void *>(1001);
  for (size_t i = 0; i < numbers.size(); ++i)
    memory[numbers[i]] = pointers[i];
  if (!etch_fake_in_memory(pack->one<void *>(1003), 4096))
    return kBadParameter;

  auto *work = new Work; // stays: a graph may come to it again
  bool good = true;
  auto tensor = [&](const Descriptor &d) {
    Tensor t = {};
    memcpy(t.extents, d.all<int64_t>(902).data(), sizeof t.extents);
    memcpy(t.strides, d.all<int64_t>(903).data(), sizeof t.strides);
    t.type = d.one<int>(901);
    int64_t number = d.one<int64_t>(906);
    void *&at = memory[number];
    if (d.one<char>(907)) {
      if (!at) {
        work->memory.push_back(std::make_unique<double[]>(t.size()));
        at = work->memory.back().get();
      }
    } else {
      good &= at && etch_fake_in_memory(at, t.bytes()) &&
              uint64_t(at) % uint64_t(d.one<int64_t>(900)) == 0;
    }
    t.memory = at;
    return t;
  };
  const Descriptor &graph = plan->sub(401).sub(-1);
  for (const Descriptor *d : graph.all<const Descriptor *>(801)) {
    Operation o = {};
    o.kind = d->type;
    if (d->type == 13) {
      o.mode = d->sub(750).one<int>(0);
      o.x = tensor(d->sub(751));
      if (o.mode == 0)
        o.w = tensor(d->sub(752));
      o.y = tensor(d->sub(753));
    } else {
      int base = d->type == 12 ? 706 : d->type == 11 ? 712 : 700;
      const Descriptor &c = d->sub(base + 2);
      memcpy(o.dilation, c.all<int64_t>(102).data(), 16);
      memcpy(o.stride, c.all<int64_t>(103).data(), 16);
      memcpy(o.pad, c.all<int64_t>(105).data(), 16);
      o.w = tensor(d->sub(base + 3));
      o.x = tensor(d->sub(base + 4));
      o.y = tensor(d->sub(base + 5));
    }
    work->operations.push_back(o);
  }
  if (!good) {
    delete work;
    return kBadParameter;
  }
  etch_fake_enqueue(
      handle->stream,
      [](void *data) {
#ifndef ETCH_FAKE_HOLLOW
        for (const Operation &operation : ((const Work *)data)->operations)
          operation.run();
#endif
      },
      work);
  return kSuccess;
}
