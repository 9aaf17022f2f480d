//===- Export.cpp - compiled functions as libraries -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/export.h"

#include "etch/host.h"
#include "frontend/compile/Program.h"
#include "frontend/core/Graphics.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {

/// The files of an export: written under other names, renamed when all are
/// there, so that a failure leaves nothing and an older export survives it.
class Files {
public:
  Files(const std::string &path, const Location &where) : where(where) {
    std::filesystem::path p(path);
    folder = p.has_parent_path() ? p.parent_path() : ".";
    name = p.filename().string();
    bool good = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
    for (char c : name)
      good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_';
    if (!good)
      throw ValueError("export_library: '" + name +
                           "' is no name for a library: it must be a C "
                           "identifier",
                       where);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || ::access(folder.c_str(), W_OK) != 0)
      throw IOError(
          "export_library: cannot write to '" + folder.string() + "': " +
              (error ? error.message() : std::string(std::strerror(errno))),
          where);
  }
  ~Files() {
    for (const auto &[from, to] : files) {
      std::error_code ignored;
      std::filesystem::remove(from, ignored);
    }
  }
  /// Where to write what will be called `file`.
  std::string add(const std::string &file) {
    std::string from =
        (folder / (".etch-" + std::to_string(::getpid()) + "-" + file))
            .string();
    files.emplace_back(from, (folder / file).string());
    return from;
  }
  void publish() {
    for (const auto &[from, to] : files) {
      std::error_code error;
      std::filesystem::rename(from, to, error);
      if (error)
        throw IOError("export_library: cannot write '" + to +
                          "': " + error.message(),
                      where);
    }
    files.clear();
  }

  std::filesystem::path folder;
  std::string name;

private:
  Location where;
  std::vector<std::pair<std::string, std::string>> files;
};

} // namespace

/// Writes the present contents of the states to `path`.
static void write_states(const ProgramText &program, const Variant &v,
                         const NodeFinder &nodes, const std::string &library,
                         const std::string &query, const std::string &path,
                         const Location &where) {
  etch_library_t *loaded = nullptr;
  // It may be for another processor than this one.
  if (etch_module_read(library.c_str(), query.c_str(), &loaded) != ETCH_OK)
    throw InternalError(std::string("export_library: the new library does not "
                                    "load: ") +
                            etch_last_error(),
                        where);
  const etch_module_t *module = etch_library_module(loaded);
  std::vector<ValueRef> values;
  std::vector<etch_tensor_t> states;
  for (int32_t i = 0; i < module->num_args; ++i) {
    if (module->args[i].role != ETCH_STATE)
      continue;
    const Node *n = nodes.find(program.args[size_t(i)]);
    const ValueRef &value = host_value(n->value, where);
    values.push_back(value->is_dense() ? value : dense_copy(*value));
    const Value &x = *values.back();
    states.push_back(
        {x.data,
         v.trace->values[size_t(program.args[size_t(i)])].type.shape.data(),
         x.strides, int32_t(x.dtype), x.shape.rank()});
  }
  etch_status_t status = etch_state_save(module, states.data(),
                                         int32_t(states.size()), path.c_str());
  std::string error = etch_last_error();
  etch_library_release(loaded);
  if (status != ETCH_OK)
    throw IOError("export_library: " + error, where);
}

/// Tells in the header where the operations come from which errors of the
/// library name by number.
static void list_operations(const Trace &t, bool all, const std::string &header,
                            const Location &where) {
  std::string lines;
  for (size_t i = 0; i < t.events.size(); ++i) {
    const Event &e = t.events[i];
    bool reads = e.kind == Event::Kind::operation &&
                 opInfo(e.op).kind == OpKind::indexed;
    if (all || reads || e.kind == Event::Kind::region)
      lines += "|*   " + std::to_string(i) + "  " + asked_at(t, int64_t(i)) +
               "  " + to_string(e.where) + "\n";
  }
  if (lines.empty())
    return;
  std::ofstream out(header, std::ios::app);
  out << "\n/*===---===*\\\n|* Operations whose numbers errors name:\n|*\n"
      << lines << "\\*===---===*/\n";
  if (!out.flush())
    throw IOError("export_library: cannot write the header", where);
}

/// How the numbers that the host put into a trace follow from its open extents:
/// read off another call with other extents. Or why a library's extents cannot
/// be left open.
std::string
Program::find_from_extents(const Variant &v, const Exits &exits,
                           std::vector<TextOptions::FromExtent> &found) const {
  if (!v.open || v.open->symbols.empty())
    return "no extent can be left open";
  const Trace &t = *v.trace;
  const OpenExtents &open = *v.open;
  for (int32_t r : exits.results)
    for (int axis = 0; axis < t.values[size_t(r)].type.shape.rank(); ++axis)
      if (const OpenExtent *e = open.of(r, axis);
          e &&
          (e->times != 1 || e->factors.size() != 1 || e->factors[0].offset))
        return "a result has the extent " + open.to_string(*e);
  bool literals = false;
  for (size_t i = 0; i < t.values.size(); ++i) {
    if (t.values[i].source == Source::captured && open.has(int32_t(i)))
      return "a state has an extent of the arguments";
    literals |= t.values[i].source == Source::literal;
  }
  found.assign(t.values.size(), {});
  if (!literals)
    return "";
  auto extent = [](const Trace &t, OpenExtents::Symbol s) {
    return double(t.values[size_t(s.value)].type.shape[s.axis]);
  };
  const Trace *other = nullptr;
  for (const auto &group : groups)
    for (const auto &w : group->variants) {
      if (!same_operations(t, *w->trace) || !has_extents(open, *w->trace))
        continue;
      bool differs = true;
      for (OpenExtents::Symbol s : open.symbols)
        differs &= extent(t, s) != extent(*w->trace, s);
      if (differs)
        other = w->trace.get();
    }
  if (!other)
    return "whether the numbers in the function depend on them is not known "
           "before a call, or build(), with other ones";
  for (size_t i = 0; i < t.values.size(); ++i) {
    double a = t.literals[i], b = other->literals[i];
    if (t.values[i].source != Source::literal || a == b)
      continue;
    for (size_t k = 0; k < open.symbols.size(); ++k) {
      double n = extent(t, open.symbols[k]),
             m = extent(*other, open.symbols[k]);
      if (double factor = a / n; factor * n == a && factor * m == b)
        found[i] = {int32_t(k), factor, false};
      else if (double product = a * n; product / n == a && product / m == b)
        found[i] = {int32_t(k), product, true};
    }
    if (found[i].symbol < 0)
      return "how a number follows from them is not known (" +
             describe(t, size_t(t.values[i].event)) + ")";
  }
  return "";
}

void Program::export_library(const std::string &path,
                             const ExportOptions &export_options,
                             const Location &where) {
  scope.reset();
  Files files(path, where);
  Variant &v = settle();
  present = &v;
  // What leaves a library is what the function returns, in that order; its
  // states stay inside, gradients that are left behind are nobody's.
  Exits exits;
  for (const Variant::Returned &r : call_returned) {
    int32_t slot = r.slot >= 0 ? r.slot : tracer.captured(r.array);
    if (slot < 0)
      throw UserError("export_library: result " +
                          std::to_string(exits.slots.size()) +
                          (r.array.defined()
                               ? " is an array that the function computes "
                                 "nothing with: a library has no contents for "
                                 "it; return what an operation gives (x + 0)"
                               : " is an empty Variable: a library cannot "
                                 "return it"),
                      where);
    exits.slots.push_back(slot);
  }
  plan_exits(*v.trace, exits);
  std::vector<int32_t> last = final_values(*v.trace);
  // A library keeps its states where they are.
  for (Update &u : exits.updates) {
    const TraceValue &state = v.trace->values[size_t(u.slot)];
    if (v.trace->values[size_t(u.value)].type != state.type)
      throw UserError(
          "export_library: the function assigns an array of another "
          "type or shape than it had; a library's states keep "
          "theirs",
          where);
    u.way = Update::Way::in_place;
  }
  exits.results.clear();
  for (int32_t slot : exits.slots)
    exits.results.push_back(last[size_t(slot)]);
  TextOptions text_options;
  text_options.standalone = true;
  std::vector<ValueRef> embedded;
  if (export_options.embed_weights) {
    embedded.resize(v.trace->values.size());
    for (size_t i = 0; i < embedded.size(); ++i) {
      auto same = [&](const Update &u) { return size_t(u.slot) == i; };
      const Node *n = v.trace->values[i].source == Source::captured
                          ? find(int32_t(i))
                          : nullptr;
      if (n && std::none_of(exits.updates.begin(), exits.updates.end(), same))
        embedded[i] = dense_value(make_variable(host_value(n->value, where)));
    }
    text_options.embedded = &embedded;
  }
  std::vector<TextOptions::FromExtent> from_extents;
  std::string fixed = find_from_extents(v, exits, from_extents);
  if (fixed.empty()) {
    text_options.open = v.open.get();
    text_options.from_extents = &from_extents;
  } else if (reasons.size() < 100) {
    reasons.push_back("export_library '" + files.name +
                      "': all extents are fixed: " + fixed);
  }
  ProgramText program = print_program(*v.trace, exits, v.names, text_options);
  driver::CompileOptions o = driver_options();
  o.name = files.name;
  o.mcpu = export_options.mcpu;
  if (!export_options.architectures.empty()) {
    o.device = export_options.architectures;
    o.libraries = options.libraries && options.mode == Mode::fast;
  } else if (!o.device.empty())
    o.device = "sm_80,sm_90,compute_90";
  std::string library = files.add("lib" + files.name + ".so");
  std::string header = files.add(files.name + ".h");
  driver::ExportResult result =
      driver::exportLibrary(program.text, o, library, header);
  if (!result.ok) {
    for (const driver::Diagnostic &d : result.diagnostics)
      if (d.severity == driver::Severity::error && d.site < 0 &&
          d.message.find("write") != std::string::npos)
        throw IOError("export_library: " + d.message, where);
    throw_compile_error(result.diagnostics, v);
  }
  list_operations(*v.trace, options.check != Check::none, header, where);
  std::string states = files.add(files.name + ".state");
  write_states(program, v, *this, library, files.name + "_query", states,
               where);
  files.publish();
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

struct Library::State {
  etch_library_t *library = nullptr;
  const etch_module_t *module = nullptr;
  std::string path;
  std::vector<ValueRef> states; ///< in the order of the module's
  StorageRef arena, prepared;
  bool is_prepared = false; ///< with the present states
  bool has_states = false;  ///< they were loaded, or there are none
  std::mutex mutex;
  int device = -1; ///< that it has run on
  std::shared_ptr<etch_device_program_t> kernels;

  ~State() {
    kernels = nullptr;
    etch_library_release(library);
  }
  /// The states go to a device, or come from there for a while.
  void place(int on, const Location &where) {
    for (ValueRef &s : states)
      if (device_of(*s) != on)
        s = copy_to(on, *s, where);
  }
  void enter_device(const Location &where) {
    if (!module->num_images && !module->num_grids)
      return;
    if (device < 0) {
      kernels = device_program(graphics(0, where), *module, where);
      device = 0;
    }
    place(device, where);
  }
  std::vector<etch_tensor_t> tensors() {
    std::vector<etch_tensor_t> list;
    for (const ValueRef &s : states)
      list.push_back({s->data, s->shape.data(), s->strides, int32_t(s->dtype),
                      s->shape.rank()});
    return list;
  }
};

static Shape shape_of(const etch_param_t &p) {
  return Shape(std::span<const int64_t>(p.extents, size_t(p.rank)));
}

[[noreturn]] static void fail(const char *what, etch_status_t status,
                              const Location &where) {
  std::string message = std::string(what) + ": " + etch_last_error();
  switch (status) {
  case ETCH_ERROR_IO:
  case ETCH_ERROR_FORMAT:
  case ETCH_ERROR_ABI:
    throw IOError(message, where);
  case ETCH_ERROR_ARGUMENT:
    throw ValueError(message, where);
  default:
    throw RuntimeError(message, where);
  }
}

Library etch::load_library(const std::string &path, SourceLocation l) {
  std::filesystem::path p(path);
  std::string name = p.stem().string();
  if (name.starts_with("lib"))
    name.erase(0, 3);
  // A plain file name is one in this folder, not one of the system's.
  std::string file = p.has_parent_path() ? path : "./" + path;
  auto state = std::make_shared<Library::State>();
  state->path = path;
  if (etch_status_t status = etch_module_load(
          file.c_str(), (name + "_query").c_str(), &state->library))
    fail("load_library", status, l);
  const etch_module_t &m = *etch_library_module(state->library);
  state->module = &m;
  for (int32_t i = 0; i < m.num_args; ++i)
    if (m.args[i].role == ETCH_STATE) {
      ValueRef v = make_dense(DType(m.args[i].dtype), shape_of(m.args[i]));
      std::memset(v->data, 0, v->storage->bytes);
      state->states.push_back(std::move(v));
    }
  state->has_states = state->states.empty();
  Library library(std::move(state));
  if (std::filesystem::path sidecar = p.parent_path() / (name + ".state");
      std::filesystem::exists(sidecar))
    library.load(sidecar.string(), l);
  return library;
}

void Library::load(const std::string &path, SourceLocation l) {
  std::lock_guard lock(state->mutex);
  state->place(-1, l);
  state->is_prepared = false;
  std::vector<etch_tensor_t> tensors = state->tensors();
  if (etch_status_t status = etch_state_load(
          state->module, tensors.data(), int32_t(tensors.size()), path.c_str()))
    fail("load", status, l);
  state->has_states = true;
}

void Library::save(const std::string &path, SourceLocation l) const {
  std::lock_guard lock(state->mutex);
  state->place(-1, l);
  std::vector<etch_tensor_t> tensors = state->tensors();
  if (etch_status_t status = etch_state_save(
          state->module, tensors.data(), int32_t(tensors.size()), path.c_str()))
    fail("save", status, l);
}

std::vector<std::string> Library::state_names() const {
  std::vector<std::string> names;
  for (int32_t i = 0; i < state->module->num_args; ++i)
    if (state->module->args[i].role == ETCH_STATE)
      names.push_back(state->module->args[i].name);
  return names;
}

Variable Library::get_state(const std::string &name, SourceLocation l) const {
  std::lock_guard lock(state->mutex);
  size_t at = 0;
  for (int32_t i = 0; i < state->module->num_args; ++i) {
    if (state->module->args[i].role != ETCH_STATE)
      continue;
    if (name == state->module->args[i].name)
      return make_variable(copy_to(-1, *state->states[at], l));
    ++at;
  }
  throw ValueError("state: '" + state->path + "' has no state '" + name + "'",
                   l);
}

/// That which a symbol stands for in a call; 0 where the call is refused.
static int64_t extent_of(const etch_module_t &m,
                         std::span<const etch_tensor_t> args, int64_t symbol) {
  for (int32_t i = 0; i < m.num_args; ++i)
    for (int32_t axis = 0; axis < m.args[i].rank; ++axis)
      if (m.args[i].extents[axis] == symbol && axis < args[size_t(i)].rank)
        return args[size_t(i)].extents[axis];
  return 0;
}

Variables Library::run(const Variables &inputs, SourceLocation l) {
  std::lock_guard lock(state->mutex);
  const etch_module_t &m = *state->module;
  state->enter_device(l);
  int device = state->device;
  std::vector<ValueRef> values;
  std::vector<etch_tensor_t> args, results;
  auto tensor = [](const Value &v) -> etch_tensor_t {
    return {v.data, v.shape.data(), v.strides, int32_t(v.dtype),
            v.shape.rank()};
  };
  size_t next_state = 0, next_input = 0;
  for (int32_t i = 0; i < m.num_args; ++i) {
    if (m.args[i].role == ETCH_STATE) {
      args.push_back(tensor(*state->states[next_state++]));
      continue;
    }
    if (next_input == inputs.size() || !has_contents(inputs[next_input]))
      throw ValueError("run: input " + std::to_string(next_input) + " ('" +
                           m.args[i].name + "') is missing",
                       l);
    const Variable &input = inputs[next_input++];
    ValueRef v = device < 0 ? dense_value(input)
                            : copy_to(device, *input.node()->value, l);
    // Strides of axes of extent 1 mean nothing to us, but the check reads them.
    ValueRef plain = make_view(*v, v->shape, v->strides);
    dense_strides(v->shape, plain->strides);
    values.push_back(plain);
    args.push_back(tensor(*plain));
  }
  if (next_input != inputs.size())
    throw ValueError("run: expected " + std::to_string(next_input) +
                         " inputs, got " + std::to_string(inputs.size()),
                     l);
  Variables ys;
  for (int32_t i = 0; i < m.num_results; ++i) {
    Shape shape = shape_of(m.results[i]);
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] < 0)
        shape[axis] = extent_of(m, args, shape[axis]);
    ValueRef v = make_dense_on(device, DType(m.results[i].dtype), shape, l);
    results.push_back(tensor(*v));
    ys.push_back(make_variable(v, Node::untracked));
  }
  etch_call_t call = {};
  call.args = args.data();
  call.num_args = int32_t(args.size());
  call.results = results.data();
  call.num_results = int32_t(results.size());
  call.host = etch_default_host();
  uint64_t bytes = m.arena_bytes(&call);
  if (bytes && (!state->arena || state->arena->bytes < bytes))
    state->arena = allocate_on(device, bytes, l);
  if (state->arena) {
    call.arena = state->arena->data;
    call.arena_bytes = state->arena->bytes;
  }
  if (m.prepared_bytes) {
    if (!state->prepared)
      state->prepared = allocate_on(device, m.prepared_bytes, l);
    call.prepared = state->prepared->data;
    call.prepared_bytes = state->prepared->bytes;
    call.is_prepared = state->is_prepared;
  }
  if (etch_status_t status = etch_check_call(&m, &call))
    fail("run", status, l);
  if (!state->has_states)
    throw ValueError("run: the states of '" + state->path +
                         "' are missing: no .state file lay beside it, and "
                         "load() was not called",
                     l);
  etch_status_t status;
  if (device < 0) {
    status = m.run(&call);
  } else {
    std::lock_guard held(graphics(device, l).mutex);
    status = etch_device_program_run(state->kernels.get(), &call);
  }
  if (status == ETCH_ERROR_DEVICE)
    throw_device_error(l);
  std::string which =
      " (operation " + std::to_string(call.error.site) + " of the program)";
  if (status == ETCH_ERROR_VALUE)
    throw ValueError("run: " + explain_value(call.error, call.error.op) + which,
                     l);
  if (status == ETCH_ERROR_INDEX)
    throw ValueError("run: index " + std::to_string(call.error.value) +
                         " is out of range for extent " +
                         std::to_string(call.error.extent) + which,
                     l);
  if (status != ETCH_OK)
    throw RuntimeError(std::string("run: ") + etch_status_name(status), l);
  state->is_prepared = true;
  return ys;
}
