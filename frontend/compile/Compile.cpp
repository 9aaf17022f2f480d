//===- Compile.cpp - compiled functions as users see them -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/compile.h"

#include "etch/random.h"
#include "frontend/compile/Program.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Calls of compiled functions in compiled functions, on this thread.
static thread_local int inline_depth = 0;
static constexpr int max_inline_depth = 1000;

CompiledCall::CompiledCall(Program &program,
                           std::span<const Variable *const> args,
                           Purpose purpose)
    : program(program), purpose(purpose) {
  if (recorder()) {
    if (inline_depth == max_inline_depth)
      throw TraceError("a compiled function calls itself more than " +
                       std::to_string(max_inline_depth) + " levels deep");
    ++inline_depth;
    is_inlined = true;
    return;
  }
  is_ready = program.begin(args, purpose == Purpose::trace);
  is_active = true;
}

CompiledCall::~CompiledCall() {
  if (is_inlined)
    --inline_depth;
  else if (is_active)
    program.abort();
}

bool CompiledCall::pure() const { return program.options.pure; }
const Variable &CompiledCall::arg(size_t i) const { return program.arg(i); }
void CompiledCall::returned(const Variable &y) { program.returned(y); }
Variable CompiledCall::result(size_t i) { return program.result(i); }
const void *CompiledCall::skeleton() const { return program.skeleton(); }
void CompiledCall::set_skeleton(std::shared_ptr<void> value) {
  program.set_skeleton(std::move(value));
}

void CompiledCall::finish() {
  is_active = false;
  program.finish(purpose == Purpose::run, purpose != Purpose::trace);
}

void CompiledCall::export_library(const std::string &path,
                                  const ExportOptions &options,
                                  const Location &where) {
  program.export_library(path, options, where);
}

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

CompiledFunction::CompiledFunction(const CompileOptions &options)
    : impl(std::make_shared<Program>(options)) {}

int CompiledFunction::compile_count() const { return impl->compiles; }
int CompiledFunction::trace_count() const { return impl->traces; }
int CompiledFunction::cache_hits() const { return impl->hits; }
int CompiledFunction::run_count() const { return impl->runs; }
double CompiledFunction::last_compile_ms() const { return impl->milliseconds; }

std::string CompiledFunction::last_origin() const {
  switch (impl->origin) {
  case driver::Origin::memory:
    return "memory";
  case driver::Origin::disk:
    return "disk";
  case driver::Origin::compiled:
    break;
  }
  return "compiled";
}

const Variant &Program::last(const char *what) const {
  if (!present || !present->module.module)
    throw UserError(std::string(what) +
                    ": the function has not been compiled yet: call it, or "
                    "build() it, first");
  return *present;
}

int CompiledFunction::num_kernels() const {
  return impl->last("num_kernels").module.module->num_kernels;
}
int CompiledFunction::num_launches() const {
  return impl->last("num_launches").module.module->num_launches;
}
ProgramMemory CompiledFunction::memory() const {
  const Variant &v = impl->last("memory");
  return {v.arena_bytes(), v.module.module->saved_bytes, v.state_bytes(),
          v.result_bytes()};
}

std::string CompiledFunction::program() const {
  if (!impl->present)
    impl->last("program");
  return impl->present->program.text;
}

std::string CompiledFunction::report() const { return impl->report(); }
std::string CompiledFunction::explain() const { return impl->explain(); }
void CompiledFunction::dump(const std::string &dir) const { impl->dump(dir); }

std::string Program::report() const {
  std::string s = std::to_string(compiles) + " programs compiled, " +
                  std::to_string(traces) + " recordings, " +
                  std::to_string(hits) + " calls from the cache\n";
  if (!present || !present->module.module)
    return s;
  const etch_module_t &m = *present->module.module;
  s += "last program: " + std::to_string(present->trace->events.size()) +
       " events, " + std::to_string(m.num_kernels) + " kernels, " +
       std::to_string(m.num_launches) + " launches per call\n";
  s += "memory: arena " + std::to_string(present->arena_bytes()) +
       " bytes (thereof saved for backward " + std::to_string(m.saved_bytes) +
       "), states " + std::to_string(present->state_bytes()) +
       ", results of a call " + std::to_string(present->result_bytes()) + "\n";
  char line[80];
  std::snprintf(line, sizeof line, "last compilation: %.2f ms\n", milliseconds);
  return s + line;
}

std::string Program::explain() const {
  if (reasons.empty())
    return "every call went as recorded at the first call of its signature\n";
  std::string s;
  for (const std::string &r : reasons)
    s += r + "\n";
  return s;
}

void Program::dump(const std::string &dir) const {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  int number = 0;
  auto write = [&](const std::string &name, const std::string &text) {
    std::filesystem::path path = std::filesystem::path(dir) / name;
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file)
      throw IOError("dump: cannot write '" + path.string() +
                    "': " + std::strerror(errno));
  };
  for (const auto &group : groups)
    for (const auto &v : group->variants) {
      std::string name = "program" + std::to_string(number++);
      write(name + ".mlir", v->program.text);
      std::string lines;
      for (size_t i = 0; i < v->trace->events.size(); ++i)
        lines +=
            "site " + std::to_string(i) + ": " + describe(*v->trace, i) + "\n";
      write(name + ".lines", lines);
    }
}

//===----------------------------------------------------------------------===//
// Compiled beside eager
//===----------------------------------------------------------------------===//

/// A copy of contents, for later comparison; null for none.
static ValueRef snapshot(const Node *n) {
  return n && n->value && n->value->storage ? dense_copy(*n->value)
                                            : ValueRef();
}

static std::string compare_values(const std::string &what, const ValueRef &a,
                                  const ValueRef &b) {
  if (!a || !b)
    return a.get() == b.get() ? ""
                              : what + (a ? " is missing when compiled"
                                          : " is there only when compiled");
  if (a->type() != b->type())
    return what + ": eager " + to_string(a->type()) + ", compiled " +
           to_string(b->type());
  size_t size = size_t(size_of(a->dtype));
  const char *p = static_cast<const char *>(a->data),
             *q = static_cast<const char *>(b->data);
  for (int64_t i = 0; i < a->shape.elements(); ++i, p += size, q += size) {
    if (std::memcmp(p, q, size) == 0)
      continue;
    auto number = [&](const char *at) {
      switch (a->dtype) {
      case f32:
        return double(*reinterpret_cast<const float *>(at));
      case f64:
        return *reinterpret_cast<const double *>(at);
      case i32:
        return double(*reinterpret_cast<const int32_t *>(at));
      case i64:
        return double(*reinterpret_cast<const int64_t *>(at));
      case boolean:
        break;
      }
      return double(*at);
    };
    double x = number(p), y = number(q);
    if (x != x && y != y)
      continue; // NaNs are equal
    char text[120];
    std::snprintf(text, sizeof text,
                  ": element %lld is %.17g eager, %.17g "
                  "compiled",
                  (long long)i, x, y);
    return what + text;
  }
  return "";
}

namespace {
/// The arrays that a call may change.
struct Watched {
  std::string name;
  NodeRef node;
  ValueRef before;
  Variable grad_before;
  ValueRef after, grad_after; ///< of the eager run
};
} // namespace

CheckReport
CompiledFunction::compare(std::span<const Variable *const> args,
                          const std::function<void(Variables &)> &compiled,
                          const std::function<void(Variables &)> &eager) {
  if (recorder())
    throw UserError("check: not inside of a compiled function");
  std::vector<Watched> watched;
  auto watch = [&](const std::string &name, Node *n) {
    if (!n || !n->value->storage)
      return;
    for (const Watched &w : watched)
      if (w.node.get() == n)
        return;
    watched.push_back({name, NodeRef(n), n->value, n->grad, {}, {}});
  };
  for (size_t i = 0; i < args.size(); ++i)
    watch("argument " + std::to_string(i), args[i]->node());
  // A recording tells which arrays are captured; deferred state is made.
  impl->watch_captured = [&](const std::string &name, Node *n) {
    watch(name.empty() ? "a captured array" : "'" + name + "'", n);
  };
  random::State stream = random::get_state();
  auto put_back = [&] {
    for (Watched &w : watched) {
      w.node->value = w.before;
      w.node->grad = w.grad_before;
    }
    random::set_state(stream);
  };
  Variables ignored, expected, got;
  compiled(ignored);
  impl->watch_captured = nullptr;
  // The program may have written into the old memory: it has not, since
  // `before` shares it.
  put_back();
  eager(expected);
  std::vector<ValueRef> results;
  for (const Variable &y : expected)
    results.push_back(snapshot(y.node()));
  for (Watched &w : watched) {
    w.after = snapshot(w.node.get());
    w.grad_after = snapshot(w.node->grad.node());
  }
  put_back();
  compiled(got);
  CheckReport report;
  auto note = [&](const std::string &difference) {
    if (report.difference.empty())
      report.difference = difference;
  };
  if (got.size() != expected.size())
    note("eager gives " + std::to_string(expected.size()) +
         " results, compiled " + std::to_string(got.size()));
  for (size_t i = 0; i < results.size() && i < got.size(); ++i)
    note(compare_values("result " + std::to_string(i), results[i],
                        snapshot(got[i].node())));
  for (Watched &w : watched) {
    note(compare_values("gradient of " + w.name, w.grad_after,
                        snapshot(w.node->grad.node())));
    note(compare_values("new contents of " + w.name, w.after,
                        snapshot(w.node.get())));
  }
  return report;
}
