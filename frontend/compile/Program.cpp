//===- Program.cpp - what a call of a compiled function does --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Program.h"
#include "etch/memory.h"

#include <algorithm>
#include <cstdlib>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

bool Signature::holds(std::span<const Variable *const> actual) const {
  if (actual.size() != args.size() ||
      config.enable_backprop != etch::config().enable_backprop ||
      config.train != etch::config().train)
    return false;
  for (size_t i = 0; i < args.size(); ++i) {
    const Node *n = actual[i]->node();
    if (n->value->dtype != args[i].type.dtype ||
        !(n->value->shape == args[i].type.shape) ||
        leaf_flags(n) != args[i].flags || actual[args[i].same]->node() != n)
      return false;
    for (uint32_t j = 0; j < i; ++j)
      if (actual[j]->node() == n && args[i].same != args[j].same)
        return false;
  }
  return true;
}

bool Signature::is_like(const Signature &other) const {
  if (args.size() != other.args.size() ||
      config.enable_backprop != other.config.enable_backprop ||
      config.train != other.config.train)
    return false;
  for (size_t i = 0; i < args.size(); ++i) {
    const Arg &a = args[i], &b = other.args[i];
    Shape shape = b.type.shape;
    if (a.type.dtype != b.type.dtype || a.flags != b.flags ||
        a.same != b.same || a.type.shape.rank() != shape.rank())
      return false;
    if (!shape.empty())
      shape[0] = a.type.shape[0];
    if (!(a.type.shape == shape))
      return false;
  }
  return true;
}

static Signature signature_of(std::span<const Variable *const> actual) {
  Signature s;
  s.config = config();
  for (const Variable *x : actual) {
    uint32_t same = 0;
    while (actual[same]->node() != x->node())
      ++same;
    s.args.push_back({x->type(), leaf_flags(x->node()), same});
  }
  return s;
}

//===----------------------------------------------------------------------===//
// The beginning of a call
//===----------------------------------------------------------------------===//

Program::Program(const CompileOptions &chosen) : options(chosen) {
  bool on_device = options.device.kind == Device::Kind::cuda;
  if (options.precision != Precision::full && options.mode != Mode::fast)
    throw UserError("compile: .precision is for .mode = Mode::fast: strict "
                    "programs have the bits of f32",
                    Location().in_user_code());
  if (options.precision == Precision::tf32 && !on_device)
    throw UserError("compile: .precision = Precision::tf32 is for graphics "
                    "processors; cpu() has full and bf16",
                    Location().in_user_code());
  if (options.memory_budget < 0)
    throw ValueError("compile: .memory_budget is " +
                         std::to_string(options.memory_budget) +
                         ", a number of bytes is needed",
                     Location().in_user_code());
  if (!on_device)
    return;
  made_at = Location().in_user_code();
  graphics(options.device.index, made_at);
}

bool Program::begin(std::span<const Variable *const> args, bool trace) {
  for (size_t i = 0; i < args.size(); ++i) {
    const Node *n = args[i]->node();
    if (!n)
      throw ValueError("compiled function: argument " + std::to_string(i) +
                       " is empty");
    if (!n->value->storage)
      throw TraceError("compiled function: argument " + std::to_string(i) +
                       " has no contents: it is a value of another compiled "
                       "function, or they were released");
  }
  if (owner.load(std::memory_order_relaxed) == std::this_thread::get_id())
    throw TraceError("a compiled function is called while it is being called");
  mutex.lock();
  owner.store(std::this_thread::get_id(), std::memory_order_relaxed);

  size_t at = 0;
  while (at < groups.size() && !groups[at]->signature.holds(args))
    ++at;
  if (at == groups.size()) {
    groups.push_back(std::make_unique<Group>());
    groups.back()->signature = signature_of(args);
    drop_old_group();
    at = groups.size() - 1;
  }
  if (at)
    std::rotate(groups.begin(), groups.begin() + long(at),
                groups.begin() + long(at) + 1);
  call_args.clear();
  for (const Variable *x : args)
    call_args.push_back(*x);

  Group &group = *groups.front();
  replaying_pure = options.pure && !trace && !group.variants.empty() &&
                   pure_is_current(*group.variants.front());
  tracing = !replaying_pure;
  began = std::chrono::steady_clock::now();
  if (tracing)
    open_trace();
  return replaying_pure;
}

/// Batches and sequences may have many lengths: what is known of those that
/// have not come for long is forgotten; their program is kept.
void Program::drop_old_group() {
  constexpr size_t most = 64;
  if (groups.size() <= most)
    return;
  auto oldest = groups.end() - 2;
  for (const auto &v : (*oldest)->variants)
    if (v.get() == present)
      return;
  groups.erase(oldest);
}

/// What is open has elements: programs read the first of a batch.
template <class Arguments> static bool has_empty(const Arguments &args) {
  return std::any_of(args.begin(), args.end(),
                     [](const Variable &x) { return x.size() == 0; });
}

/// Calls like this one but for extents say how it should go.
void Program::expect_trace() {
  constexpr size_t most = 4;
  if (has_empty(call_args))
    return;
  std::vector<TensorType> types;
  for (const Variable &x : call_args)
    types.push_back(x.type());
  for (const auto &group : groups) {
    if (group == groups.front() ||
        !group->signature.is_like(groups.front()->signature))
      continue;
    for (const auto &v : group->variants) {
      bool known = !v->open || expected.size() == most;
      for (const Expected &e : expected)
        known |= e.open == v->open;
      if (known)
        continue;
      if (auto trace = trace_elsewhere(*v->open, *v->trace, types)) {
        candidates.push_back(trace.get());
        expected.push_back({std::move(trace), v->open});
      }
    }
  }
}

void Program::open_trace() {
  candidates.clear();
  Group &group = *groups.front();
  // A pure function that must be run again has captured something new.
  if (!options.pure)
    for (auto &v : group.variants)
      candidates.push_back(v->trace.get());
  if (group.variants.empty() && options.dynamic)
    expect_trace();
  tracer.begin(call_args, candidates);
  scope.emplace(&tracer);
}

bool Program::pure_is_current(const Variant &v) const {
  if (!v.module.module)
    return false;
  for (size_t i = 0; i < v.held.size(); ++i)
    if (const Node *n = v.held[i].get())
      if (!n->value->storage || n->value->type() != v.trace->values[i].type)
        return false;
  return true;
}

Node *Program::find(int32_t slot) const {
  if (!replaying_pure)
    return tracer.real(slot);
  return size_t(slot) < call_args.size()
             ? call_args[size_t(slot)].node()
             : groups.front()->variants.front()->held[size_t(slot)].get();
}

//===----------------------------------------------------------------------===//
// The end of a call
//===----------------------------------------------------------------------===//

void Program::close() {
  expected.clear();
  call_args.clear();
  call_returned.clear();
  call_gradients.clear();
  replaying_pure = false;
  owner.store({}, std::memory_order_relaxed);
  mutex.unlock();
}

void Program::abort() {
  scope.reset();
  if (tracing)
    tracer.end(false);
  tracing = false;
  close();
}

void detail::throw_compile_error(
    const std::vector<driver::Diagnostic> &diagnostics, const Variant &v) {
  std::string message = "compile: ";
  Location where;
  bool any = false;
  for (const driver::Diagnostic &d : diagnostics) {
    if (d.severity != driver::Severity::error)
      continue;
    Location l = v.location_of(d.site);
    if (any)
      message += "\n  " + (l ? to_string(l) + ": " : std::string());
    else
      where = l;
    message += d.message;
    any = true;
  }
  if (!any)
    message += "the program cannot be compiled";
  if (message.find("internal error") != message.npos)
    throw InternalError(message, where);
  throw CompileError(message, where);
}

/// With the lines of the sites, if somebody is going to look at dumps.
static std::string text_for_compiler(const Variant &v) {
  const char *folder = std::getenv("ETCH_DUMP");
  if (!folder || !*folder)
    return v.program.text;
  std::string text = v.program.text;
  for (size_t i = 0; i < v.trace->events.size(); ++i)
    text +=
        "// site " + std::to_string(i) + ": " + describe(*v.trace, i) + "\n";
  return text;
}

driver::CompileOptions Program::driver_options() const {
  driver::CompileOptions o;
  o.mode =
      options.mode == Mode::fast ? driver::Mode::fast : driver::Mode::strict;
  o.check = driver::Check(options.check);
  o.memoryBudget = options.memory_budget;
  o.profile = options.profile;
  o.debug = options.debug;
  o.guard = options.guard_pages;
  if (options.device.kind == Device::Kind::cuda)
    o.device = graphics(options.device.index, {}).architecture;
  o.precision = driver::Precision(options.precision);
  o.freeze = options.freeze;
  o.libraries = options.libraries && options.mode == Mode::fast &&
                options.device.kind == Device::Kind::cuda;
  return o;
}

void Program::load(Variant &v, CompiledModule m) const {
  v.load(std::move(m));
  if (options.device.kind != Device::Kind::cuda)
    return;
  try {
    v.place_on(options.device.index, made_at);
  } catch (...) {
    v.module = {};
    throw;
  }
}

void Program::compile_variant(Variant &v) {
  v.checked = options.check != Check::none;
  v.timed = options.profile;
  auto known = std::find_if(modules.begin(), modules.end(), [&](auto &each) {
    return each.first == v.program.text;
  });
  if (known != modules.end()) {
    load(v, known->second);
  } else {
    CompiledModule m = module_compiler(text_for_compiler(v), driver_options());
    ++compiles;
    // What eager mode has kept: the program brings the memory that it needs.
    release_cached_memory();
    milliseconds = m.milliseconds;
    phases = m.phases;
    origin = m.origin;
    if (!m.module)
      throw_compile_error(m.diagnostics, v);
    m.prepared = std::make_shared<Prepared>();
    modules.emplace_back(v.program.text, m);
    load(v, std::move(m));
  }
  if (options.guard_pages)
    for (const BufferLife &b : plan().buffers)
      if (b.offset >= 0)
        v.guarded.emplace_back(b.offset, b.bytes);
}

/// Extents that the program need not fix: those of another call's program if
/// this one's fit, so that the texts are the same.
void Program::find_open_extents(Variant &v) const {
  // Plans for a budget, or of guarded pages, are made of numbers.
  if (!options.dynamic || options.memory_budget || options.guard_pages ||
      has_empty(call_args))
    return;
  const Trace *twin = nullptr;
  for (const auto &group : groups)
    for (const auto &w : group->variants) {
      if (!w->open || !group->signature.is_like(groups.front()->signature) ||
          !same_operations(*w->trace, *v.trace))
        continue;
      if (has_extents(*w->open, *v.trace)) {
        v.open = w->open;
        return;
      }
      if (!twin)
        twin = w->trace.get();
    }
  v.open = detail::find_open_extents(*v.trace, twin);
  if (twin && !has_extents(*v.open, *twin))
    v.open = nullptr; // nothing is gained by what fits one call only
}

/// What is frozen stays.
void Program::refuse_updates(const Variant &v) const {
  for (const Update &u : v.exits.updates) {
    Location where = made_at;
    for (const Event &e : v.trace->events)
      if (e.kind == Event::Kind::assign &&
          v.trace->uses_of(e)[0].slot == u.slot)
        where = e.where;
    const std::string &name = v.names[size_t(u.slot)];
    throw UserError("compile: with .freeze = true the function must not assign "
                    "to captured arrays: it changes " +
                        (name.empty() ? "an array" : "'" + name + "'") +
                        " of " +
                        to_string(v.trace->values[size_t(u.slot)].type),
                    where);
  }
}

/// Not while it runs: it would have read both.
void Program::refreeze() {
  if (owner.load(std::memory_order_relaxed) == std::this_thread::get_id())
    throw TraceError("refreeze: the function is being called");
  std::lock_guard lock(mutex);
  for (auto &[text, module] : modules)
    module.prepared->valid = false;
}

/// The variant of the trace that this call went through.
Variant &Program::settle() {
  Group &group = *groups.front();
  tracer.complete();
  tracer.exits(slots);
  bool recorded = tracer.is_new();
  traces += recorded;
  if (!tracer.reason().empty() && reasons.size() < 100)
    reasons.push_back("call " + std::to_string(hits + traces) + ": " +
                      tracer.reason());
  if (recorded && !options.pure)
    for (auto &v : group.variants)
      if (same_trace(tracer.trace(), *v->trace)) {
        tracer.adopt(*v->trace);
        break;
      }
  if (tracer.is_new()) {
    if (options.pure)
      group.variants.clear();
    auto v = std::make_unique<Variant>(nullptr);
    v->trace = tracer.share_new();
    v->debug_lines = options.debug;
    v->freeze = options.freeze;
    group.variants.insert(group.variants.begin(), std::move(v));
  } else {
    auto found = std::find_if(
        group.variants.begin(), group.variants.end(),
        [&](const auto &v) { return v->trace.get() == &tracer.trace(); });
    if (found == group.variants.end()) {
      auto as_expected = std::find_if(
          expected.begin(), expected.end(),
          [&](const Expected &e) { return e.trace.get() == &tracer.trace(); });
      auto v = std::make_unique<Variant>(std::move(as_expected->trace));
      v->open = as_expected->open;
      v->debug_lines = options.debug;
      v->freeze = options.freeze;
      group.variants.push_back(std::move(v));
      found = group.variants.end() - 1;
    }
    std::rotate(group.variants.begin(), found, found + 1);
  }
  hits += !recorded;
  Variant &v = *group.variants.front();
  // A program is good for whatever part of its results lives on.
  if (v.program.text.empty()) {
    if (!v.open)
      find_open_extents(v);
    v.plan(slots, *this);
    std::chrono::duration<double, std::milli> ms =
        std::chrono::steady_clock::now() - began;
    trace_milliseconds = ms.count();
  } else if (!v.covers(slots)) {
    std::vector<int32_t> all;
    std::set_union(slots.begin(), slots.end(), v.exits.slots.begin(),
                   v.exits.slots.end(), std::back_inserter(all));
    v.plan(std::move(all), *this);
  } else if (!v.trace->has_same_numbers()) {
    v.plan(v.exits.slots, *this);
  }
  if (options.freeze)
    refuse_updates(v);
  return v;
}

/// New contents = old + g, in the order of the eager engine.
template <class T> static void add_to(const Value &old, Value &g) {
  const T *a = static_cast<const T *>(old.data);
  T *b = static_cast<T *>(g.data);
  for (int64_t i = 0, n = g.shape.elements(); i < n; ++i)
    b[i] = a[i] + b[i];
}

static ValueRef add_gradient(const Variable &old, ValueRef g) {
  if (int at = device_of(*g); at >= 0) {
    NoGrad scope;
    Device there = {Device::Kind::cuda, uint8_t(at)};
    Variable sum =
        detail::apply(OpId::Add, {old.to(there), make_variable(g)}, {}, {});
    return sum.node()->value;
  }
  ValueRef a = dense_value(old);
  if (g->refs > 2) // the program's results hold one
    g = dense_copy(*g);
  if (g->dtype == f32)
    add_to<float>(*a, *g);
  else
    add_to<double>(*a, *g);
  return g;
}

void Program::materialize(Variant &v) {
  const Trace &t = *v.trace;
  for (int32_t slot : slots) {
    if (!std::binary_search(v.exits.slots.begin(), v.exits.slots.end(), slot)) {
      tracer.trace().stale = true;
      continue; // of a Function's backward half: stays without contents
    }
    ValueRef contents = v.contents_of(slot);
    for (const Tracer::OldGradient &o : tracer.old_gradients())
      if (o.value == slot &&
          t.adds_on_host(t.events[size_t(t.values[size_t(slot)].event)]))
        contents = add_gradient(o.old, std::move(contents));
    Node *n = tracer.release_node(slot).node();
    n->value = std::move(contents);
    if (v.has_graph[size_t(slot)])
      n->flags |= Node::severed;
  }
  // Arguments that the function returned or kept.
  tracer.release_arguments();
}

void Program::finish(bool run, bool compile) {
  if (replaying_pure) {
    if (run)
      finish_pure();
    close();
    return;
  }
  scope.reset();
  try {
    Variant &v = settle();
    present = &v;
    if (compile && !v.module.module)
      compile_variant(v);
    if (watch_captured)
      for (size_t i = 0; i < v.trace->values.size(); ++i)
        if (v.trace->values[i].source == Source::captured)
          watch_captured(int32_t(i), v.names[i], find(int32_t(i)));
    if (options.pure)
      remember_pure(v);
    if (run) {
      v.run(*this);
      ++runs;
      materialize(v);
      v.clear_results();
    }
  } catch (...) {
    abort();
    throw;
  }
  tracer.end(run);
  tracing = false;
  close();
}

//===----------------------------------------------------------------------===//
// Pure functions
//===----------------------------------------------------------------------===//

void Program::returned(const Variable &y) {
  if (!tracing)
    return;
  int32_t slot = tracer.slot_of(y);
  call_returned.push_back({slot, slot < 0 ? y : Variable()});
}

void Program::remember_pure(Variant &v) {
  const Trace &t = *v.trace;
  v.returned = call_returned;
  v.held.assign(t.values.size(), {});
  v.gradients.clear();
  for (size_t i = 0; i < t.values.size(); ++i) {
    Source s = t.values[i].source;
    if (s != Source::argument && s != Source::captured)
      continue;
    if (s == Source::captured)
      v.held[i] = t.nodes[i];
    const Node *n = t.nodes[i].get(); // the placeholder of an argument
    if (n && n->grad.defined())
      if (int32_t slot = tracer.slot_of(n->grad); slot >= 0)
        v.gradients.emplace_back(int32_t(i), slot);
  }
}

void Program::finish_pure() {
  Variant &v = *groups.front()->variants.front();
  present = &v;
  ++hits;
  pure_results.clear();
  // The last call's gradients make room for this one's.
  std::vector<Variable *> old;
  for (auto [leaf, slot] : v.gradients)
    old.push_back(&find(leaf)->grad);
  try {
    v.run(*this, old);
    ++runs;
  } catch (...) {
    abort();
    throw;
  }
  std::vector<Variable> made(v.trace->values.size());
  auto make = [&](int32_t slot) {
    Variable &y = made[size_t(slot)];
    if (!y.defined())
      y = size_t(slot) < call_args.size()
              ? call_args[size_t(slot)]
              : make_variable(
                    v.contents_of(slot),
                    uint16_t(v.trace->values[size_t(slot)].flags |
                             (v.has_graph[size_t(slot)] ? Node::severed : 0)));
    return y;
  };
  for (const Variant::Returned &r : v.returned)
    pure_results.push_back(r.slot < 0 ? r.array : make(r.slot));
  for (auto [leaf, slot] : v.gradients)
    find(leaf)->grad = make(slot);
  v.clear_results();
}

Variable Program::result(size_t i) { return std::move(pure_results[i]); }
