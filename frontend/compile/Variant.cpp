//===- Variant.cpp - binds arrays to a program and runs it ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Variant.h"

#include "etch/host.h"

#include <algorithm>
#include <cstring>

using namespace etch;
using namespace etch::detail;

static CompiledModule compile_with_driver(const std::string &text,
                                          const driver::CompileOptions &o) {
  driver::CompileResult r = driver::compile(text, o);
  const etch_module_t *module = r.module ? &r.module->module() : nullptr;
  return {std::move(r.module), module, r.origin, r.milliseconds,
          std::move(r.diagnostics)};
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
  program = print_program(*trace, exits, names);
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
      n = std::max(n, t.values[size_t(t.uses_of(e)[0].value)]
                          .type.shape.elements()) *
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

void Variant::run(const NodeFinder &nodes) {
  Trace &t = *trace;
  if (!exits.updates.empty())
    check_indices(nodes);
  // Contents that live on under another Node: taken first, so that updates see
  // that they are shared.
  for (int32_t slot : exits.slots)
    if (result_of[size_t(slot)] <= -2)
      shared[size_t(slot)] = nodes.find(-2 - result_of[size_t(slot)])->value;
  for (const Update &u : exits.updates)
    if (u.way == Update::Way::leaf)
      shared[size_t(u.slot)] = nodes.find(u.value)->value;

  for (size_t i = 0; i < arguments.size(); ++i) {
    const Argument &arg = arguments[i];
    if (arg.kind == Argument::Kind::literal)
      store_scalar(&literal_words[i], t.values[size_t(arg.value)].type.dtype,
                   t.literals[size_t(arg.value)]);
    else
      arg_tensors[i].data = bind(arg, nodes)->data;
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const TensorType &type = t.values[size_t(exits.results[i])].type;
    results[i] = make_dense(type.dtype, type.shape);
    result_tensors[i].data = results[i]->data;
  }

  etch_call_t call = {};
  call.args = arg_tensors.data();
  call.num_args = int32_t(arg_tensors.size());
  call.results = result_tensors.data();
  call.num_results = int32_t(result_tensors.size());
  call.host = serial ? etch_serial_host() : etch_default_host();
  if (uint64_t bytes = module.module->arena_bytes(&call)) {
    if (!arena || arena->bytes < bytes)
      arena = {}, arena = allocate(bytes);
    call.arena = arena->data;
    call.arena_bytes = arena->bytes;
  }
  etch_status_t status = module.module->run(&call);
  temporaries.clear();
  if (status != ETCH_OK) {
    clear_results();
    Location where = location_of(call.error.site);
    std::string op;
    if (call.error.site >= 0 && size_t(call.error.site) < t.events.size()) {
      const Event &e = t.events[size_t(call.error.site)];
      op = e.kind == Event::Kind::operation ? opInfo(e.op).name : "backward";
      op += ": ";
    }
    if (status == ETCH_ERROR_INDEX)
      throw ValueError(op + "index " + std::to_string(call.error.value) +
                           " is out of range for extent " +
                           std::to_string(call.error.extent),
                       where);
    throw RuntimeError(op + etch_status_name(status), where);
  }
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
