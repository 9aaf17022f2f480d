//===- Variant.cpp - binds arrays to a program and runs it ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Variant.h"

#include "etch/host.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sys/mman.h>

using namespace etch;
using namespace etch::detail;

extern "C" {
// Where the process has AddressSanitizer.
__attribute__((weak)) void __asan_poison_memory_region(const volatile void *,
                                                       size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *,
                                                         size_t);
}

static CompiledModule compile_with_driver(const std::string &text,
                                          const driver::CompileOptions &o) {
  driver::CompileResult r = driver::compile(text, o);
  const etch_module_t *module = r.module ? &r.module->module() : nullptr;
  return {std::move(r.module),
          module,
          r.origin,
          r.milliseconds,
          std::move(r.diagnostics),
          std::move(r.phases)};
}

ModuleCompiler detail::module_compiler = compile_with_driver;

//===----------------------------------------------------------------------===//
// Before the first run
//===----------------------------------------------------------------------===//

void Variant::plan(std::vector<int32_t> slots, const NodeFinder &nodes) {
  exits.slots = std::move(slots);
  plan_exits(*trace, exits);
  names.assign(trace->values.size(), "");
  for (size_t i = 0; i < names.size(); ++i) {
    Source s = trace->values[i].source;
    if (s != Source::argument && s != Source::captured)
      continue;
    const Node *n = nodes.find(int32_t(i));
    if (n && n->name)
      names[i] = *n->name;
  }
  has_graph.assign(trace->values.size(), false);
  for (const TraceValue &v : trace->values) // the last one of a slot counts
    has_graph[size_t(v.slot)] =
        v.source == Source::result && is_floating(v.type.dtype) &&
        trace->events[size_t(v.event)].kind != Event::Kind::assign &&
        !(v.flags & (Node::constant | Node::untracked | Node::unchained));
  trace->find_same_numbers();
  TextOptions text_options;
  text_options.open = open.get();
  text_options.debug_lines = debug_lines;
  text_options.freeze = freeze;
  program = print_program(*trace, exits, names, text_options);
  module = {};
}

bool Variant::covers(std::span<const int32_t> slots) const {
  return std::includes(exits.slots.begin(), exits.slots.end(), slots.begin(),
                       slots.end());
}

/// Work, in elements, below which waking another thread does not pay.
static constexpr int64_t serial_limit = 1 << 15;

static int64_t work_of(const Trace &t) {
  int64_t work = 0;
  for (const TraceValue &v : t.values) {
    if (v.source != Source::result)
      continue;
    int64_t n = v.type.shape.elements();
    const Event &e = t.events[size_t(v.event)];
    if (e.kind == Event::Kind::operation &&
        opInfo(e.op).kind == OpKind::contraction)
      n *= t.values[size_t(t.uses_of(e)[0].value)].type.shape.back();
    if (e.kind == Event::Kind::operation &&
        opInfo(e.op).kind == OpKind::convolution)
      n = std::max(
              n,
              t.values[size_t(t.uses_of(e)[0].value)].type.shape.elements()) *
          8;
    if (e.kind == Event::Kind::operation &&
        opInfo(e.op).kind == OpKind::reduction)
      n = t.values[size_t(t.uses_of(e)[0].value)].type.shape.elements();
    work += n;
  }
  return work;
}

void Variant::load(CompiledModule loaded) {
  module = std::move(loaded);
  const Trace &t = *trace;
  const etch_module_t &m = *module.module;
  if (size_t(m.num_args) != program.args.size() ||
      size_t(m.num_results) != exits.results.size())
    throw InternalError(
        "compile: the program has " + std::to_string(program.args.size()) +
        " arguments and " + std::to_string(exits.results.size()) +
        " results, its module " + std::to_string(m.num_args) + " and " +
        std::to_string(m.num_results));
  serial = work_of(t) < serial_limit;

  arguments.clear();
  arg_tensors.clear();
  result_tensors.clear();
  literal_words.assign(program.args.size(), 0);
  strides.assign((program.args.size() + exits.results.size()) * Shape::max_rank,
                 0);
  int64_t *next = strides.data();
  auto describe = [&](int32_t value, bool scalar) {
    const TensorType &type = t.values[size_t(value)].type;
    etch_tensor_t tensor = {nullptr, type.shape.data(), next,
                            int32_t(type.dtype),
                            scalar ? 0 : type.shape.rank()};
    dense_strides(type.shape, next);
    next += Shape::max_rank;
    return tensor;
  };
  for (int32_t v : program.args) {
    Source s = t.values[size_t(v)].source;
    auto kind =
        s == Source::literal ? Argument::Kind::literal : Argument::Kind::read;
    for (const Update &u : exits.updates)
      if (u.way == Update::Way::in_place && u.slot == v)
        kind = Argument::Kind::update;
    arg_tensors.push_back(describe(v, s == Source::literal));
    if (s == Source::literal)
      arg_tensors.back().data = &literal_words[arguments.size()];
    arguments.push_back({kind, v});
  }
  for (int32_t v : exits.results)
    result_tensors.push_back(describe(v, false));
  results.resize(exits.results.size());

  result_of.assign(t.values.size(), -1);
  std::vector<int32_t> last = final_values(t);
  for (size_t slot = 0; slot < last.size(); ++slot) {
    int32_t v = last[slot];
    auto found = std::find(exits.results.begin(), exits.results.end(), v);
    if (found != exits.results.end())
      result_of[slot] = int32_t(found - exits.results.begin());
    else if (t.values[size_t(v)].source == Source::argument ||
             t.values[size_t(v)].source == Source::captured)
      result_of[slot] = -2 - v;
  }
  shared.assign(t.values.size(), {});
  find_index_checks();
}

void Variant::find_index_checks() {
  index_checks.clear();
  const Trace &t = *trace;
  for (size_t i = 0; i < t.events.size(); ++i) {
    const Event &e = t.events[i];
    if (e.kind != Event::Kind::operation || e.op != OpId::Gather)
      continue;
    std::span<const Use> uses = t.uses_of(e);
    int32_t v = t.resolve(uses[1].value);
    // Through operations that keep the numbers.
    while (t.values[size_t(v)].event >= 0) {
      const Event &from = t.events[size_t(t.values[size_t(v)].event)];
      bool keeps = from.kind == Event::Kind::operation &&
                   (from.op == OpId::Reshape || from.op == OpId::Transpose ||
                    from.op == OpId::BroadcastTo ||
                    from.op == OpId::StopGradient || from.op == OpId::Cast);
      if (!keeps)
        break;
      v = t.resolve(t.uses_of(from)[0].value);
    }
    const TraceValue &source = t.values[size_t(v)];
    if (source.event < 0 && is_integer(source.type.dtype))
      index_checks.push_back(
          {v, int32_t(i), t.values[size_t(uses[0].value)].type.shape[1]});
  }
}

template <class T> static const T *first_bad(const Value &v, int64_t extent) {
  const T *at = static_cast<const T *>(v.data);
  for (const T *end = at + v.shape.elements(); at != end; ++at)
    if (*at < -extent || *at >= extent)
      return at;
  return nullptr;
}

void Variant::check_indices(const NodeFinder &nodes) const {
  for (const IndexCheck &c : index_checks) {
    ValueRef v = nodes.find(c.value)->value;
    if (v->on_device())
      continue; // kernels look at it
    if (!v->is_dense())
      v = dense_copy(*v);
    int64_t bad;
    if (v->dtype == i64) {
      const int64_t *at = first_bad<int64_t>(*v, c.extent);
      if (!at)
        continue;
      bad = *at;
    } else {
      const int32_t *at = first_bad<int32_t>(*v, c.extent);
      if (!at)
        continue;
      bad = *at;
    }
    throw ValueError("gather: index " + std::to_string(bad) +
                         " is out of range for extent " +
                         std::to_string(c.extent),
                     location_of(c.event));
  }
}

//===----------------------------------------------------------------------===//
// A run
//===----------------------------------------------------------------------===//

const ValueRef &Variant::bind(const Argument &arg, const NodeFinder &nodes) {
  Node *n = nodes.find(arg.value);
  ValueRef &v = n->value;
  if (device >= 0 || v->on_device())
    return bind_there(arg, nodes);
  if (arg.kind == Argument::Kind::update) {
    // Whoever else sees this memory keeps the old contents.
    if (v->refs != 1 || v->storage->refs != 1 || v->storage->foreign ||
        !v->is_dense())
      v = dense_copy(*v);
    return v;
  }
  if (v->is_dense())
    return v;
  temporaries.push_back(dense_copy(*v));
  return temporaries.back();
}

/// Where buffers have pages of their own, no others can be touched.
StorageRef Variant::make_arena(uint64_t bytes) const {
  if (guarded.empty())
    return allocate_on(device, bytes, compiled_at);
  constexpr int64_t page = 4096;
  if (device >= 0) {
    // Scratch memory comes behind the last buffer's pages, and one more.
    auto parts = guarded;
    int64_t planned = 0;
    for (auto [offset, count] : guarded)
      planned =
          std::max(planned, (offset + count + page - 1) / page * page + page);
    if (planned < int64_t(bytes))
      parts.emplace_back(planned, int64_t(bytes) - planned);
    return allocate_guarded_on(device, bytes, parts, compiled_at);
  }
  struct Pages {
    void *data;
    size_t bytes;
  };
  auto size = (int64_t(bytes) + 2 * page - 1) / page * page;
  void *data = mmap(nullptr, size_t(size), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    throw RuntimeError("no memory for an arena of " + std::to_string(size) +
                       " bytes");
  // Behind what is planned comes scratch memory, then the last page.
  int64_t first = timed ? driver::ProfileLayout::bytes : 0, planned = first;
  for (auto [offset, count] : guarded)
    planned = std::max(
        planned, (first + offset + count + page - 1) / page * page + page);
  std::vector<bool> open(size_t(size / page), false);
  auto allow = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin / page; i * page < end; ++i)
      open[size_t(i)] = true;
  };
  allow(0, first);
  for (auto [offset, count] : guarded)
    allow(first + offset, first + offset + count);
  allow(planned, int64_t(bytes));
  for (size_t i = 0; i < open.size(); ++i)
    if (!open[i])
      mprotect(static_cast<char *>(data) + int64_t(i) * page, page, PROT_NONE);
  if (__asan_poison_memory_region) {
    // To the byte, in front of buffers, too.
    __asan_poison_memory_region(data, size_t(planned));
    __asan_unpoison_memory_region(data, size_t(first));
    for (auto [offset, count] : guarded)
      __asan_unpoison_memory_region(static_cast<char *>(data) + first + offset,
                                    size_t(count));
  }
  return borrow(
      data, bytes,
      [](void *context) {
        auto *pages = static_cast<Pages *>(context);
        if (__asan_unpoison_memory_region)
          __asan_unpoison_memory_region(pages->data, pages->bytes);
        munmap(pages->data, pages->bytes);
        delete pages;
      },
      new Pages{data, size_t(size)});
}

/// What is prepared is good as long as all that it was computed from is.
void Variant::find_prepared(etch_call_t &call, const NodeFinder &nodes) {
  const etch_module_t &m = *module.module;
  if (!m.prepared_bytes)
    return;
  Prepared &p = *module.prepared;
  bool first = !p.memory;
  if (first)
    p.memory = device >= 0 ? allocate_on(device, m.prepared_bytes, compiled_at)
                           : allocate(m.prepared_bytes);
  p.states.resize(arguments.size());
  p.literals.resize(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (m.args[i].role == ETCH_STATE) {
      const ValueRef &now = nodes.find(arguments[i].value)->value;
      p.valid &= p.states[i].get() == now.get();
      p.states[i] = now;
    } else if (m.args[i].update == ETCH_PREPARES) {
      double now = literal_words[i];
      p.valid &= std::memcmp(&p.literals[i], &now, sizeof now) == 0;
      p.literals[i] = now;
    }
  }
  call.prepared = p.memory->data;
  call.prepared_bytes = p.memory->bytes;
  call.is_prepared = p.valid;
  p.valid = false; // until the run has been
}

/// Results and arena, before anything of the run is done.
void Variant::allocate_for_run(etch_call_t &call,
                               std::span<Variable *const> old) {
  uint64_t bytes = module.module->arena_bytes(&call);
  try {
    if (device >= 0)
      place_literals();
    if (bytes && (!arena || arena->bytes < bytes)) {
      arena = {};
      arena = make_arena(bytes);
    }
    if (!checked)
      for (Variable *gradient : old)
        *gradient = Variable();
    for (size_t i = 0; i < results.size(); ++i) {
      const TensorType &type = trace->values[size_t(exits.results[i])].type;
      results[i] = make_dense_on(device, type.dtype, type.shape, compiled_at);
      result_tensors[i].data = results[i]->data;
    }
  } catch (const DeviceError &) {
    clear_results();
    temporaries.clear();
    throw DeviceError("compiled function: " + std::string(etch_last_error()) +
                          "; a call takes " + std::to_string(bytes) +
                          " bytes for intermediate results, " +
                          std::to_string(result_bytes()) + " for results, " +
                          std::to_string(state_bytes()) + " for states",
                      compiled_at);
  }
  if (bytes) {
    call.arena = arena->data;
    call.arena_bytes = arena->bytes;
  }
}

//===----------------------------------------------------------------------===//
// On a graphics processor
//===----------------------------------------------------------------------===//

void Variant::place_on(int number, const Location &where) {
  device = number;
  compiled_at = where;
  kernels = device_program(graphics(number, where), *module.module, where);
  literals = {};
}

/// Numbers of the host lie in one block; it is copied when one has changed.
void Variant::place_literals() {
  if (program.args.empty())
    return;
  size_t bytes = literal_words.size() * sizeof(double);
  bool any = false;
  for (size_t i = 0; i < arguments.size(); ++i)
    any |= arguments[i].kind == Argument::Kind::literal;
  if (!any)
    return;
  if (!literals || std::memcmp(written.data(), literal_words.data(), bytes)) {
    if (!literals)
      literals = allocate_on(device, bytes, compiled_at);
    Graphics &g = graphics(device, compiled_at);
    std::lock_guard lock(g.mutex);
    if (etch_device_copy_in(g.device, literals->data, literal_words.data(),
                            bytes) != ETCH_OK)
      throw_device_error(compiled_at);
    written = literal_words;
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].kind == Argument::Kind::literal)
      arg_tensors[i].data = static_cast<double *>(literals->data) + i;
}

/// What the host has is copied; states that the program updates move.
const ValueRef &Variant::bind_there(const Argument &arg,
                                    const NodeFinder &nodes) {
  Node *n = nodes.find(arg.value);
  ValueRef &v = n->value;
  int at = device_of(*v);
  if (at >= 0 && at != device) {
    std::string here = device < 0 ? "cpu"
                                  : to_string(Device{Device::Kind::cuda,
                                                     uint8_t(device)}),
                there = to_string(Device{Device::Kind::cuda, uint8_t(at)});
    const std::string &name = names[size_t(arg.value)];
    throw DeviceError(
        "compiled function: " + (name.empty() ? "an array" : "'" + name + "'") +
            " of " + to_string(v->type()) + " is on " + there +
            ", the program runs on " + here,
        location_of_use(arg.value));
  }
  if (arg.kind == Argument::Kind::update) {
    if (at != device || v->refs != 1 || v->storage->refs != 1 || !v->is_dense())
      v = copy_to(device, *v, compiled_at);
    v->on_host = {};
    return v;
  }
  if (at == device && v->is_dense())
    return v;
  temporaries.push_back(copy_to(device, *v, compiled_at));
  return temporaries.back();
}

/// Of the first operation that reads a value.
Location Variant::location_of_use(int32_t value) const {
  for (const Event &e : trace->events)
    for (const Use &use : trace->uses_of(e))
      if (use.value == value)
        return e.where;
  return compiled_at;
}

void Variant::run(const NodeFinder &nodes, std::span<Variable *const> old) {
  Trace &t = *trace;
  if (!exits.updates.empty() || !old.empty())
    check_indices(nodes);
  // Contents that live on under another Node: taken first, so that updates see
  // that they are shared.
  for (int32_t slot : exits.slots)
    if (result_of[size_t(slot)] <= -2)
      shared[size_t(slot)] = nodes.find(-2 - result_of[size_t(slot)])->value;
  for (const Update &u : exits.updates)
    if (u.way == Update::Way::leaf)
      shared[size_t(u.slot)] = nodes.find(u.value)->value;

  std::vector<std::pair<Node *, ValueRef>> before;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Argument &arg = arguments[i];
    if (arg.kind == Argument::Kind::literal)
      store_scalar(&literal_words[i], t.values[size_t(arg.value)].type.dtype,
                   t.literals[size_t(arg.value)]);
    else {
      // Held here, contents are copied before they are updated.
      if (checked && arg.kind == Argument::Kind::update)
        if (Node *n = nodes.find(arg.value))
          before.emplace_back(n, n->value);
      arg_tensors[i].data = bind(arg, nodes)->data;
    }
  }

  etch_call_t call = {};
  call.args = arg_tensors.data();
  call.num_args = int32_t(arg_tensors.size());
  call.results = result_tensors.data();
  call.num_results = int32_t(result_tensors.size());
  call.host = serial ? etch_serial_host() : etch_default_host();
  allocate_for_run(call, old);
  find_prepared(call, nodes);
  using Clock = std::chrono::steady_clock;
  Clock::time_point start;
  if (timed && device < 0)
    start = Clock::now();
  etch_status_t status;
  if (device >= 0) {
    std::lock_guard lock(graphics(device, {}).mutex);
    status = etch_device_program_run(kernels.get(), &call);
    if (timed && status == ETCH_OK)
      status = collect_device_times();
    if (!guarded.empty() && arena && status == ETCH_OK) {
      call.error.site = -1;
      status =
          etch_device_check_guarded(graphics(device, {}).device, arena->data);
    }
  } else {
    status = module.module->run(&call);
  }
  if (timed && device < 0 && status == ETCH_OK)
    collect_times(std::chrono::duration<double>(Clock::now() - start).count());
  temporaries.clear();
  if (status != ETCH_OK) {
    clear_results();
    for (auto &[node, contents] : before)
      node->value = contents;
    fail(status, call.error);
  }
  if (call.prepared)
    module.prepared->valid = true;
  for (const Update &u : exits.updates) {
    Node *n = u.way == Update::Way::in_place ? nullptr : nodes.find(u.slot);
    if (n)
      n->value = contents_of(u.slot);
  }
}

ValueRef Variant::contents_of(int32_t slot) const {
  int32_t r = result_of[size_t(slot)];
  return r >= 0 ? results[size_t(r)] : shared[size_t(slot)];
}

void Variant::clear_results() {
  for (ValueRef &r : results)
    r = {};
  for (int32_t slot : exits.slots)
    shared[size_t(slot)] = {};
  for (const Update &u : exits.updates)
    shared[size_t(u.slot)] = {};
}

Location Variant::location_of(int64_t site) const {
  if (site < 0 || size_t(site) >= trace->events.size())
    return {};
  return trace->events[size_t(site)].where;
}

static uint64_t bytes_of(const TensorType &type) {
  return uint64_t(type.shape.elements() * size_of(type.dtype));
}

uint64_t Variant::arena_bytes() const {
  etch_call_t call = {};
  call.args = arg_tensors.data();
  call.num_args = int32_t(arg_tensors.size());
  call.results = result_tensors.data();
  call.num_results = int32_t(result_tensors.size());
  call.host = serial ? etch_serial_host() : etch_default_host();
  return module.module->arena_bytes(&call);
}

uint64_t Variant::state_bytes() const {
  uint64_t bytes = 0;
  for (const Argument &arg : arguments) {
    const TraceValue &v = trace->values[size_t(arg.value)];
    if (arg.kind == Argument::Kind::update ||
        (v.source == Source::captured && (v.flags & Node::parameter)))
      bytes += bytes_of(v.type);
  }
  return bytes;
}

uint64_t Variant::result_bytes() const {
  uint64_t bytes = 0;
  for (int32_t v : exits.results)
    bytes += bytes_of(trace->values[size_t(v)].type);
  return bytes;
}
