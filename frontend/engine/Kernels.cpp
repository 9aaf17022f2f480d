//===- Kernels.cpp - one-operation programs -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel is found by what its program's text depends on: operation, scalar
// attributes, element types, rank after merging axes, and what is known of the
// innermost strides. Extents, strides and indices are read at run time.
//===----------------------------------------------------------------------===//

#include "frontend/engine/Kernels.h"

#include "etch/error.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Launch.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <unordered_map>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Finding the kernel
//===----------------------------------------------------------------------===//

namespace {
struct KeyHash {
  size_t operator()(const KernelKey &k) const {
    // The upper bits are the good ones.
    return size_t((k.shape ^ k.attribute * 0xff51afd7ed558ccdu) *
                  0x9e3779b97f4a7c15u);
  }
};
} // namespace

[[noreturn]] static void report(const driver::CompileResult &result,
                                const char *name, const Location &where) {
  std::string message = std::string(name) + ": ";
  for (const driver::Diagnostic &d : result.diagnostics)
    if (d.severity == driver::Severity::error)
      d.message.starts_with("internal error")
          ? throw InternalError(message + d.message, where)
          : throw CompileError(message + d.message, where);
  throw CompileError(message + "it cannot be compiled", where);
}

std::shared_ptr<const driver::LoadedModule>
detail::compile_text(const std::string &text, const std::string &architecture,
                     const char *name, const Location &where) {
  driver::CompileOptions options;
  options.effort = driver::Effort::quick;
  options.device = architecture;
  driver::CompileResult result = driver::compile(text, options);
  if (!result)
    report(result, name, where);
  return std::move(result.module);
}

static const etch_module_t *compile_kernel(const KernelKey &key,
                                           const KernelSpec &spec,
                                           const std::string &architecture,
                                           const Location &where) {
  static std::mutex mutex;
  using Known =
      std::unordered_map<KernelKey, std::shared_ptr<const driver::LoadedModule>,
                         KeyHash>;
  static auto &all = *new std::map<std::string, Known>; // never unloaded
  std::unique_lock reading(mutex);
  Known &kernels = all[architecture];
  auto found = kernels.find(key);
  if (found != kernels.end())
    return &found->second->module();
  reading.unlock();
  auto module =
      compile_text(kernel_text(spec), architecture, spec.op->name, where);
  std::lock_guard lock(mutex);
  return &kernels.emplace(key, std::move(module)).first->second->module();
}

[[noreturn]] static void report(etch_status_t status, const etch_call_t &call,
                                const char *name, const Location &where) {
  if (status == ETCH_ERROR_INDEX)
    throw ValueError(
        std::string(name) + ": index " + std::to_string(call.error.value) +
            " is out of range for extent " + std::to_string(call.error.extent),
        where);
  throw RuntimeError(std::string(name) + ": " + etch_status_name(status),
                     where);
}

/// The kernel for `key`; `spec` describes it should it have to be compiled.
static const etch_module_t *find_kernel(const KernelKey &key,
                                        const KernelSpec &spec,
                                        const Location &where) {
  struct Slot {
    KernelKey key;
    const etch_module_t *module;
  };
  static constexpr size_t size = 512;
  static constinit thread_local Slot recent[size]{};
  Slot &slot = recent[KeyHash()(key) >> 55 & (size - 1)];
  if (!slot.module || !(slot.key == key))
    slot = {key, compile_kernel(key, spec, "", where)};
  return slot.module;
}

uint64_t detail::attribute_bits(const Attrs &attrs) {
  if (attrs.empty())
    return 0;
  if (auto *d = std::get_if<double>(&attrs[0]))
    return std::bit_cast<uint64_t>(*d);
  if (auto *s = std::get_if<std::string>(&attrs[0]))
    return uint64_t(*dtypeOf(*s));
  if (attrs.size() == 2)
    if (auto *b = std::get_if<bool>(&attrs[1])) // of a canonical scan
      return *b;
  return 0; // shapes and axes of canonical forms: not in the text
}

//===----------------------------------------------------------------------===//
// Running it
//===----------------------------------------------------------------------===//

/// Work below which waking another thread does not pay.
static constexpr int64_t serial_limit = 1 << 14;

/// On a graphics processor.
static void run_there(int device, const KernelKey &key, const KernelSpec &spec,
                      etch_call_t &call, const Location &where) {
  Graphics &g = graphics(device, where);
  const etch_module_t *module =
      compile_kernel(key, spec, g.architecture, where);
  StorageRef arena;
  if (uint64_t bytes = module->arena_bytes(&call)) {
    arena = allocate_on(device, bytes, where);
    call.arena = arena->data;
    call.arena_bytes = bytes;
  }
  // Kernels of single operations stay, as they do on the host.
  static auto &loaded = *new std::map<std::pair<int, const etch_module_t *>,
                                      std::shared_ptr<etch_device_program_t>>;
  std::lock_guard lock(g.mutex);
  static std::mutex mutex;
  std::unique_lock reading(mutex);
  auto &program = loaded[{device, module}];
  if (!program)
    program = device_program(g, *module, where);
  etch_device_program_t *there = program.get();
  reading.unlock();
  etch_status_t status = etch_device_program_run(there, &call);
  if (status == ETCH_ERROR_DEVICE || status == ETCH_ERROR_MEMORY)
    throw DeviceError(std::string(spec.op->name) + ": " + etch_last_error(),
                      where);
  if (status != ETCH_OK)
    report(status, call, spec.op->name, where);
}

void detail::run_on_host(const etch_module_t &module, etch_call_t &call,
                         int64_t work, const char *name,
                         const Location &where) {
  call.host = work < serial_limit ? etch_serial_host() : etch_default_host();
  StorageRef arena;
  if (uint64_t bytes = module.arena_bytes(&call)) {
    arena = allocate(bytes);
    call.arena = arena->data;
    call.arena_bytes = bytes;
  }
  etch_status_t status = module.run(&call);
  if (status != ETCH_OK)
    report(status, call, name, where);
}

/// Finds the kernel and runs it where the result is.
static void run(const KernelSpec &spec, uint64_t attribute,
                std::span<const etch_tensor_t> args, const Value &y,
                const etch_tensor_t &result, int64_t work,
                const Location &where) {
  etch_call_t call = {};
  call.args = args.data();
  call.num_args = int32_t(args.size());
  call.results = &result;
  call.num_results = 1;
  KernelKey key = spec.key(attribute);
  if (y.on_device())
    return run_there(device_of(y), key, spec, call, where);
  run_on_host(*find_kernel(key, spec, where), call, work, spec.op->name, where);
}

static etch_tensor_t tensor_of(const Value &v, const int64_t *extents,
                               const int64_t *strides, int rank) {
  return {v.data, extents, strides, int32_t(v.dtype), rank};
}

int detail::collapse(std::span<const int64_t *const> strides,
                     const Shape &shape, int64_t *extents, Strides *own) {
  size_t n = strides.size();
  int rank = 0;
  for (int d = 0; d < shape.rank(); ++d) {
    int64_t extent = shape[d];
    if (extent == 1)
      continue;
    // Joins the axis before when stepping over that one equals walking to the
    // end of this one, in all operands.
    bool joins = rank != 0;
    for (size_t i = 0; i < n && joins; ++i)
      joins = own[i][rank - 1] == strides[i][d] * extent;
    int at = joins ? rank - 1 : rank++;
    extents[at] = joins ? extents[at] * extent : extent;
    for (size_t i = 0; i < n; ++i)
      own[i][at] = strides[i][d];
  }
  if (rank == 0) {
    rank = 1;
    extents[0] = 1;
    for (size_t i = 0; i < n; ++i)
      own[i][0] = 1;
  }
  int64_t stride = 1;
  for (int d = rank; d-- > 0;) {
    own[n][d] = stride;
    stride *= extents[d];
  }
  return rank;
}

static ValueRef run_pointwise(const OpInfo &op,
                              std::span<const Value *const> xs,
                              const Attrs &attrs, const TensorType &type,
                              const Location &where) {
  ValueRef y = make_dense_on(device_of(*xs[0]), type.dtype, type.shape, where);
  int64_t count = type.shape.elements();
  if (count == 0)
    return y;
  size_t n = xs.size();
  const int64_t *strides[3];
  for (size_t i = 0; i < n; ++i)
    strides[i] = xs[i]->strides;
  int64_t extents[Shape::max_rank];
  Strides own[4];
  int rank = collapse({strides, n}, type.shape, extents, own);
  KernelSpec spec{&op, &attrs};
  etch_tensor_t args[3];
  for (size_t i = 0; i < n; ++i) {
    args[i] = tensor_of(*xs[i], extents, own[i], rank);
    spec.args[i] = {xs[i]->dtype, rank,
                    inner_of(extents[rank - 1], own[i][rank - 1])};
  }
  spec.num_args = int(n);
  spec.result = {type.dtype, rank, Inner::dense};
  run(spec, attribute_bits(attrs), {args, n}, *y,
      tensor_of(*y, extents, own[n], rank), count, where);
  return y;
}

static ValueRef dense(const Value *x, const Location &where) {
  if (x->is_dense())
    return ValueRef(const_cast<Value *>(x));
  return run_pointwise(opInfo(OpId::StopGradient), {&x, 1}, {}, x->type(),
                       where);
}

/// Reductions, gather, scatter_add: dense operands of the canonical rank.
static ValueRef run_canonical(const OpInfo &op,
                              std::span<const Value *const> xs,
                              const Attrs &attrs, const TensorType &type,
                              const Location &where) {
  ValueRef y = make_dense_on(device_of(*xs[0]), type.dtype, type.shape, where);
  // Indices that are out of range are so where there is nothing to take, too.
  bool reads = op.kind == OpKind::indexed && !xs[0]->on_device() &&
               xs[1]->shape.elements() > 0;
  if (type.shape.elements() == 0 && !reads)
    return y;
  KernelSpec spec{&op, &attrs};
  ValueRef operands[4];
  etch_tensor_t args[4];
  int n = 0;
  auto add = [&](ValueRef x, Inner inner) {
    args[n] = tensor_of(*x, x->shape.data(), x->strides, x->shape.rank());
    spec.args[n] = {x->dtype, x->shape.rank(), inner};
    operands[n++] = std::move(x);
  };
  // Strides of axes of extent 1 mean nothing, but a kernel may look at them.
  for (const Value *x : xs) {
    ValueRef d = dense(x, where);
    int64_t strides[Shape::max_rank];
    dense_strides(d->shape, strides);
    if (!std::equal(strides, strides + d->shape.rank(), d->strides))
      d = make_view(*d, d->shape, strides);
    add(std::move(d), Inner::dense);
  }
  spec.unit_inner = op.kind == OpKind::reduction && xs[0]->shape.back() == 1;
  if (op.shaped) // carries the result's extents
    add(make_splat(0, type.dtype, type.shape), Inner::repeated);
  spec.num_args = n;
  spec.result = {type.dtype, type.shape.rank(), Inner::dense};
  run(spec, attribute_bits(attrs), {args, size_t(n)}, *y,
      tensor_of(*y, y->shape.data(), y->strides, y->shape.rank()),
      std::max(xs[0]->shape.elements(), type.shape.elements()), where);
  return y;
}

static ValueRef run_matmul(const OpInfo &op, std::span<const Value *const> xs,
                           const Attrs &attrs, const TensorType &type,
                           const Location &where) {
  ValueRef y = make_dense_on(device_of(*xs[0]), type.dtype, type.shape, where);
  if (type.shape.elements() == 0)
    return y;
  KernelSpec spec{&op, &attrs};
  etch_tensor_t args[2];
  int rank = type.shape.rank();
  // One column is one row of the transposed product, whose rows may be
  // neighbours in memory.
  bool turns = rank == 2 && type.shape[1] == 1 && type.shape[0] != 1 &&
               xs[0]->strides[0] == 1;
  int64_t extents[2][2], strides[2][2];
  for (size_t i = 0; i < 2; ++i) {
    const Value &x = *xs[turns ? 1 - i : i];
    args[i] = tensor_of(x, x.shape.data(), x.strides, rank);
    if (turns) {
      for (int axis : {0, 1}) {
        extents[i][axis] = x.shape[1 - axis];
        strides[i][axis] = x.strides[1 - axis];
      }
      args[i].extents = extents[i];
      args[i].strides = strides[i];
    }
    int64_t inner = args[i].strides[rank - 1];
    spec.args[i] = {x.dtype, rank,
                    inner == 1   ? Inner::contiguous
                    : inner == 0 ? Inner::repeated
                                 : Inner::unknown};
  }
  spec.num_args = 2;
  spec.result = {type.dtype, rank, Inner::dense};
  etch_tensor_t result = tensor_of(*y, y->shape.data(), y->strides, rank);
  const int64_t row[] = {1, type.shape[0]}, row_strides[] = {type.shape[0], 1};
  if (turns) {
    result.extents = row;
    result.strides = row_strides;
  }
  run(spec, attribute_bits(attrs), args, *y, result,
      type.shape.elements() * xs[0]->shape.back(), where);
  return y;
}

/// A number for each list of numbers: what the text of a kernel says of them.
static uint64_t number_of(const std::vector<int64_t> &list) {
  static std::mutex mutex;
  static auto &numbers = *new std::map<std::vector<int64_t>, uint64_t>;
  std::lock_guard lock(mutex);
  return numbers.emplace(list, numbers.size() + 1).first->second;
}

/// Convolution and windows: kernels for these extents, but for any batch.
static ValueRef run_windows(const OpInfo &op, std::span<const Value *const> xs,
                            const Attrs &attrs, const TensorType &type,
                            const Location &where) {
  ValueRef y = make_dense_on(device_of(*xs[0]), type.dtype, type.shape, where);
  if (type.shape.elements() == 0)
    return y;
  KernelSpec spec{&op, &attrs};
  ValueRef operands[3];
  etch_tensor_t args[3];
  Shape extents[4];
  std::vector<int64_t> key;
  int64_t work = 0;
  int n = 0;
  // Filters have no batch: operand 1, or the result.
  int filters = op.id == OpId::Conv2dWeightGrad  ? 2
                : op.kind == OpKind::convolution ? 1
                                                 : -1;
  auto known = [&](const Shape &shape, int part) {
    extents[part] = shape;
    if (part != filters)
      extents[part][0] = dynamic_extent;
    key.insert(key.end(), extents[part].begin(), extents[part].end());
    work += shape.elements();
    return &extents[part];
  };
  auto add = [&](ValueRef x, Inner inner, const Shape *shape) {
    args[n] = tensor_of(*x, x->shape.data(), x->strides, x->shape.rank());
    spec.args[n] = {x->dtype, x->shape.rank(), inner, shape};
    operands[n++] = std::move(x);
  };
  for (const Value *x : xs)
    add(dense(x, where), Inner::dense, known(x->shape, n));
  const Shape *result = known(type.shape, op.kind == OpKind::window ? 3 : 2);
  add(make_splat(0, type.dtype, type.shape), Inner::repeated, result);
  spec.num_args = n;
  spec.result = {type.dtype, type.shape.rank(), Inner::dense, result};
  for (size_t i = 0; i + 1 < attrs.size(); ++i)
    if (auto *list = std::get_if<std::vector<int64_t>>(&attrs[i]))
      key.insert(key.end(), list->begin(), list->end());
    else
      key.push_back(std::get<int64_t>(attrs[i]));
  run(spec, number_of(key), {args, size_t(n)}, *y,
      tensor_of(*y, y->shape.data(), y->strides, y->shape.rank()),
      op.kind == OpKind::convolution ? 8 * work : work, where);
  return y;
}

uint64_t etch::eager_kernel_runs() noexcept {
  return detail::thread_state().kernel_runs;
}

ValueRef detail::run_kernel(const OpInfo &op, std::span<const Value *const> xs,
                            const Attrs &attrs, const TensorType &type,
                            const Location &where) {
  ++thread_state().kernel_runs;
  switch (op.kind) {
  case OpKind::pointwise:
    return run_pointwise(op, xs, attrs, type, where);
  case OpKind::contraction:
    return run_matmul(op, xs, attrs, type, where);
  case OpKind::convolution:
  case OpKind::window:
    return run_windows(op, xs, attrs, type, where);
  case OpKind::reduction:
  case OpKind::scan:
  case OpKind::indexed:
    return run_canonical(op, xs, attrs, type, where);
  case OpKind::view:
    break;
  }
  throw InternalError(std::string(op.name) + ": no kernel", where);
}
