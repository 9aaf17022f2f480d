//===- Emulation.cpp - A program with emulated kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Emulation.h"

#include "compiler/Driver/Artifact.h"
#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Target/CPU/CodegenCPU.h"
#include "compiler/Target/CUDA/Prelude.h"

#include "etch/runtime.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <random>

using namespace mlir;
using namespace etch;
using namespace etch::test;

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

static bool link(llvm::Module &module, const driver::TargetInfo &target,
                 SmallVectorImpl<char> &out, std::string &problem) {
  SmallVector<char> object;
  llvm::Error error = driver::hideAllButQuery(module);
  if (!error)
    error = driver::emitObject(module, target, /*quick=*/true, object);
  if (!error)
    error = driver::linkSharedObject(StringRef(object.data(), object.size()),
                                     {}, out);
  if (!error)
    return true;
  problem = llvm::toString(std::move(error));
  return false;
}

std::unique_ptr<Program> Program::compile(StringRef text, std::string name,
                                          int number, std::string &problem) {
  DialectRegistry registry;
  registerEtchDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    problem += diagnostic.str() + "; ";
    return success();
  });
  auto failed = [&](StringRef what) {
    problem += what;
    return nullptr;
  };
  auto program = std::make_unique<Program>();
  program->name = std::move(name);
  program->prefix = "etch_p" + std::to_string(number) + "_";
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module)
    return failed("cannot be parsed");
  PassManager passes(&context, ModuleOp::getOperationName());
  buildPipeline(passes, PipelineOptions(), Phase::bufferize);
  if (mlir::failed(passes.run(*module)))
    return failed("cannot be bufferized");
  FailureOr<cuda::Source> source = cuda::emitSource(*module);
  if (mlir::failed(source))
    return failed("has no text");
  program->source = std::move(*source);

  auto target = driver::resolveTarget("x86-64-v3");
  if (!target)
    return failed(llvm::toString(target.takeError()));
  cpu::CodegenOptions options;
  options.vectorBits = target->vectorBits;
  PassManager codegen(&context, ModuleOp::getOperationName());
  codegen.addPass(cpu::createCodegenPass(options));
  if (mlir::failed(codegen.run(*module)))
    return failed("no code for the CPU");
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> cpu =
      translateModuleToLLVMIR(*module, llvmContext);
  if (!cpu)
    return failed("no LLVM IR");
  std::unique_ptr<llvm::Module> open = llvm::CloneModule(*cpu);
  for (const cuda::KernelDescription &kernel : program->source.kernels)
    if (llvm::Function *function = open->getFunction(kernel.name)) {
      function->deleteBody();
      function->setLinkage(llvm::GlobalValue::ExternalLinkage);
      function->setDSOLocal(false);
      function->setName(program->prefix + kernel.name);
    }
  if (!link(*cpu, *target, program->cpu, problem) ||
      !link(*open, *target, program->open, problem))
    return nullptr;
  return program;
}

//===----------------------------------------------------------------------===//
// Kernels as C++
//===----------------------------------------------------------------------===//

/// The kernels of a program, and for each a function that the program calls: it
/// launches the stages with the slots of the closure.
static void printProgram(llvm::raw_ostream &os, const Program &program) {
  os << "namespace " << program.prefix << " {\n"
     << program.source.text << program.source.host << "}\n";
  for (const cuda::KernelDescription &kernel : program.source.kernels) {
    os << "extern \"C\" __attribute__((visibility(\"default\"))) void "
       << program.prefix << kernel.name << "(u64 *closure, i64, i64, i32) {\n"
       << "  using namespace " << program.prefix << ";\n"
       << "  u64 *slots = closure + 5, all[" << kernel.numSlots + 3 << "];\n"
       << "  for (int i = 0; i < " << kernel.numSlots
       << "; ++i) all[i] = slots[i];\n"
       << "  std::vector<char> scratch(" << kernel.name
       << "_scratch((u8 *)slots) + 64);\n"
       << "  all[" << kernel.numSlots << "] = closure[2];\n"
       << "  all[" << kernel.numSlots + 1 << "] = closure[3];\n"
       << "  all[" << kernel.numSlots + 2
       << "] = ((u64)scratch.data() + 63) & ~63ull;\n";
    for (auto [n, stage] : llvm::enumerate(kernel.stages)) {
      // What the text of the stage says.
      size_t from = program.source.text.find(" " + stage.function + "(");
      size_t to = program.source.text.find("\n}\n", from);
      bool barriers =
          program.source.text.substr(from, to - from).find("etch_barrier(") !=
          std::string::npos;
      os << "  etch_emulator::grid(" << kernel.name << "_blocks" << n
         << "((u8 *)slots), " << stage.threads << ", "
         << (barriers ? "true" : "false") << ", [&] { etch_emulator::call("
         << program.prefix << "::" << stage.function << ", all); });\n";
    }
    os << "}\n";
  }
}

namespace {

/// A file that goes when it is no longer needed.
struct Scratch {
  SmallString<128> path;
  explicit Scratch(StringRef suffix) {
    (void)llvm::sys::fs::createTemporaryFile("etch-cuda", suffix, path);
  }
  ~Scratch() { llvm::sys::fs::remove(path); }
  void write(StringRef bytes) {
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << bytes;
  }
};

/// One argument or result: values, and how the call describes them.
struct Array {
  std::vector<int64_t> extents, strides;
  std::vector<char> bytes;
  int32_t dtype = 0;

  etch_tensor_t describe() {
    return {bytes.data(), extents.data(), strides.data(), dtype,
            int32_t(extents.size())};
  }
};

} // namespace

static int64_t sizeOf(int32_t dtype) {
  return dtype == ETCH_BOOL                       ? 1
         : dtype == ETCH_F32 || dtype == ETCH_I32 ? 4
                                                  : 8;
}

static Array makeArray(const etch_param_t &param, int64_t dynamic,
                       unsigned seed) {
  Array array;
  array.dtype = param.dtype;
  int64_t count = 1;
  bool unknown = false;
  for (int32_t axis = 0; axis < param.rank; ++axis) {
    unknown |= param.extents[axis] == ETCH_DYNAMIC;
    array.extents.push_back(
        param.extents[axis] == ETCH_DYNAMIC ? dynamic : param.extents[axis]);
    count *= array.extents.back();
  }
  array.strides.assign(array.extents.size(), 1);
  for (size_t axis = array.extents.size(); axis-- > 1;)
    array.strides[axis - 1] = array.strides[axis] * array.extents[axis];
  if (unknown) // it may turn out larger than guessed
    count *= dynamic;
  array.bytes.assign(size_t(count * sizeOf(param.dtype)) + 64, 0);
  std::mt19937 generator(seed);
  auto small = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(generator);
  };
  for (int64_t i = 0; i < count; ++i) {
    char *at = array.bytes.data() + i * sizeOf(param.dtype);
    double real = std::normal_distribution<double>()(generator);
    if (small(0, 9) == 0)
      real = small(-2, 2); // ties, zeros
    auto put = [&](auto v) { std::memcpy(at, &v, sizeof v); };
    switch (param.dtype) {
    case ETCH_BOOL:
      put(uint8_t(small(0, 1)));
      break;
    case ETCH_I32:
      put(int32_t(small(-4, 9)));
      break;
    case ETCH_I64:
      put(int64_t(small(0, 3)));
      break;
    case ETCH_F32:
      put(float(real));
      break;
    default:
      put(real);
    }
  }
  return array;
}

/// The same bits, NaN payloads aside.
static bool sameValues(const Array &a, const Array &b, std::string &where) {
  int64_t size = sizeOf(a.dtype);
  for (size_t i = 0; i + size_t(size) + 64 <= a.bytes.size() + 0;
       i += size_t(size)) {
    if (!std::memcmp(&a.bytes[i], &b.bytes[i], size_t(size)))
      continue;
    double x = 0, y = 0;
    if (a.dtype == ETCH_F32) {
      float s, t;
      std::memcpy(&s, &a.bytes[i], 4);
      std::memcpy(&t, &b.bytes[i], 4);
      x = s;
      y = t;
    } else if (a.dtype == ETCH_F64) {
      std::memcpy(&x, &a.bytes[i], 8);
      std::memcpy(&y, &b.bytes[i], 8);
    } else {
      int64_t s = 0, t = 0;
      std::memcpy(&s, &a.bytes[i], size_t(size));
      std::memcpy(&t, &b.bytes[i], size_t(size));
      x = double(s);
      y = double(t);
    }
    if (std::isnan(x) && std::isnan(y))
      continue;
    char text[128];
    snprintf(text, sizeof text, "element %zu: %a (CPU) and %a",
             i / size_t(size), x, y);
    where = text;
    return false;
  }
  return true;
}

namespace {

/// One run of a module.
struct Run {
  std::vector<Array> args, results;
  etch_error_t error = {};

  Run(const etch_module_t &module, int64_t dynamic) {
    for (int32_t i = 0; i < module.num_args; ++i)
      args.push_back(makeArray(module.args[i], dynamic, unsigned(i) + 1));
    for (int32_t i = 0; i < module.num_results; ++i) {
      results.push_back(makeArray(module.results[i], dynamic, 0));
      std::fill(results.back().bytes.begin(), results.back().bytes.end(), 0);
    }
    std::vector<etch_tensor_t> in, out;
    for (Array &a : args)
      in.push_back(a.describe());
    for (Array &a : results)
      out.push_back(a.describe());
    etch_call_t call = {};
    call.args = in.data();
    call.results = out.data();
    call.num_args = module.num_args;
    call.num_results = module.num_results;
    call.arena_bytes = module.arena_bytes(&call);
    std::vector<char> arena(call.arena_bytes + 64);
    call.arena = (void *)((uintptr_t(arena.data()) + 63) & ~uintptr_t(63));
    module.run(&call);
    error = call.error;
  }
};

} // namespace

static std::string compareRuns(const Run &cpu, const Run &cuda) {
  if (cpu.error.code != cuda.error.code ||
      (cpu.error.code && cpu.error.site != cuda.error.site))
    return "errors differ: " + std::to_string(cpu.error.code) + " and " +
           std::to_string(cuda.error.code);
  std::string where;
  for (size_t i = 0; i < cpu.results.size(); ++i)
    if (!sameValues(cpu.results[i], cuda.results[i], where))
      return "result " + std::to_string(i) + ", " + where;
  for (size_t i = 0; i < cpu.args.size(); ++i)
    if (!sameValues(cpu.args[i], cuda.args[i], where))
      return "argument " + std::to_string(i) + ", " + where;
  return "";
}

static const etch_module_t *load(const SmallVectorImpl<char> &bytes,
                                 Scratch &file, std::string &problem) {
  file.write(StringRef(bytes.data(), bytes.size()));
  void *library = dlopen(file.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    problem = dlerror();
    return nullptr;
  }
  auto query = etch_query_fn(dlsym(library, "etch_query"));
  return query ? query(ETCH_ABI_VERSION) : nullptr;
}

std::vector<Outcome>
etch::test::emulate(ArrayRef<std::unique_ptr<Program>> programs,
                    const std::string &header, bool sanitize) {
  std::vector<Outcome> outcomes;
  auto all = [&](const std::string &text) {
    for (auto &program : programs)
      outcomes.push_back({program->name, false, text});
    return outcomes;
  };
  std::string text;
  llvm::raw_string_ostream os(text);
  os << cuda::preludeText();
  for (auto &program : programs)
    printProgram(os, *program);
  Scratch source("cpp"), object("so");
  source.write(text);
  std::vector<StringRef> arguments = {"clang++-22",
                                      "-x",
                                      "c++",
                                      "-std=c++17",
                                      "-O1",
                                      "-march=x86-64-v3",
                                      "-ffp-contract=off",
                                      "-fno-math-errno",
                                      "-fno-strict-aliasing",
                                      "-fPIC",
                                      "-shared",
                                      "-fvisibility=hidden",
                                      "-w",
                                      "-include",
                                      header,
                                      source.path,
                                      "-o",
                                      object.path};
  if (sanitize)
    arguments.push_back("-fsanitize=address");
  auto compiler = llvm::sys::findProgramByName("clang++-22");
  if (!compiler)
    return all("clang++-22 is not installed");
  if (llvm::sys::ExecuteAndWait(*compiler, arguments)) {
    llvm::sys::fs::copy_file(source.path, "/tmp/etch-cuda-failed.cpp");
    return all("the kernels do not compile as C++");
  }
  void *kernels = dlopen(object.path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!kernels)
    return all(dlerror());
  int *schedule = (int *)dlsym(kernels, "etch_schedule");
  char *fault = (char *)dlsym(kernels, "etch_emulator_error");
  if (!schedule || !fault)
    return all("no emulator in the kernels");

  for (auto &program : programs) {
    Outcome outcome{program->name, true, "same"};
    Scratch cpuFile("so"), openFile("so");
    const etch_module_t *cpu = load(program->cpu, cpuFile, outcome.text),
                        *open = load(program->open, openFile, outcome.text);
    outcome.same = cpu && open;
    bool dynamic = false;
    if (cpu)
      for (int32_t i = 0; i < cpu->num_args; ++i)
        for (int32_t axis = 0; axis < cpu->args[i].rank; ++axis)
          dynamic |= cpu->args[i].extents[axis] == ETCH_DYNAMIC;
    std::vector<int64_t> extents = {1};
    if (dynamic)
      extents = {1, 13};
    for (int64_t extent : extents) {
      if (!outcome.same)
        break;
      Run expected(*cpu, extent);
      for (int s = 0; s < 4 && outcome.same; ++s) {
        *schedule = s;
        fault[0] = 0;
        Run run(*open, extent);
        std::string difference = fault[0] ? fault : compareRuns(expected, run);
        if (difference.empty())
          continue;
        outcome.same = false;
        outcome.text = "schedule " + std::to_string(s) + ", " + difference;
        if (dynamic)
          outcome.text += " (extents " + std::to_string(extent) + ")";
      }
    }
    outcomes.push_back(outcome);
  }
  return outcomes;
}
