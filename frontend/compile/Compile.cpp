//===- Compile.cpp - compiled functions as users see them -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/compile.h"

#include "etch/cuda.h"
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
std::string CompiledFunction::program() const {
  if (!impl->present)
    impl->last("program");
  return impl->present->program.text;
}

void CompiledFunction::refreeze() { impl->refreeze(); }

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
  s += "extents of its arguments: " +
       describe_extents(*present->trace, present->open.get()) + "\n";
  s += "memory: arena " + std::to_string(present->arena_bytes()) +
       " bytes (thereof saved for backward " + std::to_string(saved_bytes()) +
       "), states " + std::to_string(present->state_bytes()) +
       ", results of a call " + std::to_string(present->result_bytes()) +
       (options.freeze
            ? ", kept between calls " + std::to_string(m.prepared_bytes)
            : "") +
       "\n";
  if (options.device.kind == Device::Kind::cuda) {
    DeviceStatistics d = cuda::statistics(options.device.index);
    s += to_string(options.device) + ", " + d.name + " (" + d.architecture +
         "), of all programs: " + std::to_string(d.launches) + " launches, " +
         std::to_string(d.graph_launches) + " of whole graphs, " +
         std::to_string(d.library_calls) + " by libraries; copied in " +
         std::to_string(d.copies_in) + " times " + std::to_string(d.bytes_in) +
         " bytes in all, out " + std::to_string(d.copies_out) + " times " +
         std::to_string(d.bytes_out) + " bytes in all\n";
  }
  CompileTimes t = {trace_milliseconds,
                    milliseconds,
                    origin == driver::Origin::compiled ? "compiled"
                    : origin == driver::Origin::disk   ? "disk"
                                                       : "memory",
                    {}};
  for (const driver::PhaseTime &phase : phases)
    t.phases.emplace_back(phase.name, phase.milliseconds);
  return s + "last compilation: " + t.text();
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
