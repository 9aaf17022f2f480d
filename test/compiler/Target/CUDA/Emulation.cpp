//===- Emulation.cpp - A program with emulated kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Emulation.h"
#include "test/compiler/Target/CUDA/Model.h"

#include "compiler/Driver/Artifact.h"
#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Target/CPU/CodegenCPU.h"
#include "compiler/Target/CPU/Kernel.h"
#include "compiler/Target/CUDA/Prelude.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"
#include "etch/device.h"
#include "etch/host.h"
#include "etch/operations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
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

/// A kernel on images with channels last, of which the CPU knows nothing,
/// becomes one that does nothing.
static bool empty(func::FuncOp kernel) {
  Block &body = kernel.getBody().front();
  bool isLast = false;
  for (Operation &op : body)
    if (isa<Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp, MaxPoolIndexOp>(
            op))
      isLast |= bool(op.getOperand(0).getDefiningOp<TransposeOp>());
  if (!isLast)
    return true;
  OpBuilder b(body.getTerminator());
  for (OpOperand &use : body.getTerminator()->getOpOperands()) {
    auto type = cast<RankedTensorType>(use.get().getType());
    if (!type.hasStaticShape())
      return false;
    Value nothing = ConstantOp::create(
        b, kernel.getLoc(),
        DenseElementsAttr::get(type, b.getZeroAttr(type.getElementType())));
    use.set(StopGradientOp::create(b, kernel.getLoc(), type, nothing));
  }
  for (Operation *op = body.getTerminator()->getPrevNode(); op;) {
    Operation *before = op->getPrevNode();
    if (op->use_empty())
      op->erase();
    op = before;
  }
  return true;
}

std::unique_ptr<Program> Program::compile(StringRef text, std::string name,
                                          int number, bool joins,
                                          int32_t precision,
                                          std::string &problem) {
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
  auto parsed = [&] {
    return parseSourceString<ModuleOp>(text, ParserConfig(&context));
  };
  auto bufferized = [&](OwningOpRef<ModuleOp> module, bool own,
                        Phase phase = Phase::bufferize) {
    PassManager passes(&context, ModuleOp::getOperationName());
    PipelineOptions pipeline;
    pipeline.rows = true;
    pipeline.narrow = own && precision == ETCH_PRECISION_BF16;
    pipeline.channelsLast = own && precision;
    buildPipeline(passes, pipeline, phase);
    if (!module || mlir::failed(passes.run(*module)))
      module = nullptr;
    return module;
  };
  OwningOpRef<ModuleOp> module = bufferized(parsed(), true);
  if (!module)
    return failed("cannot be parsed, or not be bufferized");
  module->walk([&](Operation *op) {
    program->readsOnHost |=
        isa<memref::CopyOp, device::LoopOp, device::BranchOp>(op);
  });
  for (func::FuncOp function : module->getOps<func::FuncOp>())
    if (function->hasAttr(kKernelAttr))
      for (Operation &op : function.getBody().front())
        if (isa<EtchDialect>(op.getDialect()))
          program->operators.push_back(op.getName().stripDialect().str());
  FailureOr<cuda::Source> source = cuda::emitSource(*module, joins, precision);
  program->precision = precision;
  if (mlir::failed(source))
    return failed("has no text");
  program->source = std::move(*source);
  for (const cuda::KernelDescription &kernel : program->source.kernels)
    program->usesScratch |= kernel.usesScratch;
  if (joins)
    return program; // the CPU knows no such kernels

  auto target = driver::resolveTarget("x86-64-v3");
  if (!target)
    return failed(llvm::toString(target.takeError()));
  cpu::CodegenOptions options;
  options.vectorBits = target->vectorBits;
  llvm::LLVMContext llvmContext;
  auto translated = [&](ModuleOp module) -> std::unique_ptr<llvm::Module> {
    PassManager codegen(&context, ModuleOp::getOperationName());
    codegen.addPass(cpu::createCodegenPass(options));
    if (mlir::failed(codegen.run(module)))
      return nullptr;
    return translateModuleToLLVMIR(module, llvmContext);
  };
  // The CPU's kernels know numbers as they are; those that are run instead need
  // only be called.
  for (func::FuncOp function : module->getOps<func::FuncOp>()) {
    if (function->hasAttr(kKernelAttr) && !empty(function))
      return failed("extents of images are open");
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.removeArgAttr(i, kernel::kStoredAttr);
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      function.removeResultAttr(i,
                                StringAttr::get(&context, kernel::kStoredAttr));
  }
  std::unique_ptr<llvm::Module> open = translated(*module), cpu;
  OwningOpRef<ModuleOp> plain;
  if (precision) {
    if (precision == ETCH_PRECISION_TF32) {
      plain = bufferized(parsed(), false, Phase::simplify);
      program->hasBounds =
          plain &&
          succeeded(modelTf32(plain->lookupSymbol<func::FuncOp>("main")));
    }
    plain = bufferized(program->hasBounds ? std::move(plain) : parsed(), false);
    if (!plain)
      return failed("the CPU's program cannot be bufferized");
    cpu = translated(*plain);
  } else if (open) {
    cpu = llvm::CloneModule(*open);
  }
  if (!open || !cpu)
    return failed("no code for the CPU");
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

/// The kernels of a program. For each, what the program calls: it launches the
/// stages with the slots of the closure. For each stage, what the driver calls.
static void printProgram(llvm::raw_ostream &os, const Program &program,
                         const EmulationOptions &options) {
  std::string text = program.source.text;
  size_t at = 0;
  auto find = [&](int number, const char *pattern) {
    llvm::Regex regex(pattern);
    SmallVector<StringRef> found;
    StringRef rest = text;
    for (int i = 0; i < number; ++i) {
      if (!regex.match(rest, &found))
        return false;
      at = size_t(found[0].data() - text.data());
      rest = StringRef(text).drop_front(at + found[0].size());
    }
    return number > 0;
  };
  if (find(options.missingBarrier, "etch_(barrier|sync16|sync32)\\(\\)"))
    text.replace(at, text.find(';', at) - at, "");
  if (find(options.missingShuffle, "etch_down16\\("))
    text.replace(at, strlen("etch_down16("), "etch_own(");
  if (find(options.partialShuffle, "etch_down16\\("))
    text.replace(at, strlen("etch_down16("),
                 "etch_thread() % 16 == 5 ? 0 : etch_down16(");
  if (find(options.missingWait, " etch_copied\\(\\);"))
    text.replace(at, strlen(" etch_copied();"), ";");
  if (options.ignoreAlignment)
    for (at = 0; (at = text.find("= etch_aligned(", at)) != std::string::npos;)
      text.replace(at, 2, "= true | ");
  os << "namespace " << program.prefix << " {\n"
     << text << program.source.host << "}\n#undef ETCH_PRODUCT\n";
  const char *exported =
      "extern \"C\" __attribute__((visibility(\"default\"))) ";
  for (const cuda::KernelDescription &kernel : program.source.kernels) {
    int64_t count = kernel.numSlots + 3;
    for (const auto &stage : kernel.stages) {
      // What the text of the stage says.
      size_t from = program.source.text.find(" " + stage.function + "(");
      size_t to = program.source.text.find("\n}\n", from);
      bool barriers =
          llvm::Regex(
              "etch_(barrier|sync16|sync32|down16|matmul|convolve[a-z_]*|"
              "correlate[a-z_]*)[(<]")
              .match(StringRef(program.source.text).slice(from, to));
      std::string grid = program.prefix + stage.function + "_grid";
      os << exported << "int " << grid << "_arguments = " << count << ";\n"
         << exported << "void " << grid
         << "(u64 blocks, int threads, const u64 *arguments) {\n"
         << "  etch_emulator::grid(blocks, threads, "
         << (barriers ? "true" : "false") << ", [&] { etch_emulator::call("
         << program.prefix << "::" << stage.function
         << ", arguments); });\n}\n";
    }
    os << exported << "void " << program.prefix << kernel.name
       << "(u64 *closure, i64, i64, i32) {\n"
       << "  using namespace " << program.prefix << ";\n"
       << "  u64 *slots = closure + " << cpu::kFirstSlot << ", all[" << count
       << "];\n"
       << "  for (int i = 0; i < " << kernel.numSlots
       << "; ++i) all[i] = slots[i];\n"
       << "  all[" << count - 3 << "] = closure[" << cpu::kErrorSlot << "];\n"
       << "  all[" << count - 2 << "] = closure[" << cpu::kSiteSlot << "];\n"
       << "  all[" << count - 1
       << "] = (u64)etch_emulator::etch_emulator_host->scratch(" << kernel.name
       << "_scratch((u8 *)slots));\n";
    for (auto [n, stage] : llvm::enumerate(kernel.stages)) {
      std::string grid = program.prefix + stage.function + "_grid";
      os << "  etch_emulator::etch_emulator_host->launch(\"" << grid << "\", &"
         << grid << ", " << kernel.name << "_blocks" << n << "((u8 *)slots), "
         << stage.threads << ", all, " << count << ", "
         << (kernel.canFail
                 ? "int(closure[" + std::to_string(cpu::kSiteSlot) + "])"
                 : "-1")
         << ");\n";
    }
    os << "}\n";
  }
}

namespace {

/// A file that goes when it is no longer needed. A library in it is closed
/// first: the loader knows libraries by name, and takes the next file of that
/// name for the one it has.
struct Scratch {
  SmallString<128> path;
  void *library = nullptr;
  explicit Scratch(StringRef suffix) {
    (void)llvm::sys::fs::createTemporaryFile("etch-cuda", suffix, path);
  }
  ~Scratch() {
    if (library)
      dlclose(library);
    llvm::sys::fs::remove(path);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;
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
  size_t start = 0; ///< of the elements; all behind them is out of bounds

  /// Elements that lie at no more than a multiple of their own size.
  void skew(size_t by) {
    bytes.insert(bytes.begin(), by, 0);
    bytes.shrink_to_fit();
    start = by;
  }
  etch_tensor_t describe() {
    return {bytes.data() + start, extents.data(), strides.data(), dtype,
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
  array.bytes.assign(size_t(std::max<int64_t>(1, count * sizeOf(param.dtype))),
                     0);
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

/// Of the largest element: how far others may be off.
static double errorOf(int32_t precision) {
  return precision == ETCH_PRECISION_TF32   ? 0x1p-10
         : precision == ETCH_PRECISION_BF16 ? 0x1p-7
                                            : 0;
}

/// Whether elements are no further apart than `bounds` says of each.
static bool withinBounds(const Array &a, const Array &b, const Array &bounds,
                         std::string &where) {
  auto element = [](const Array &array, size_t i) {
    float v;
    std::memcpy(&v, &array.bytes[array.start + 4 * i], 4);
    return double(v);
  };
  for (size_t i = 0; 4 * (i + 1) <= a.bytes.size(); ++i) {
    double x = element(a, i), y = element(b, i), bound = element(bounds, i);
    // Bounds are rounded, too.
    if (std::fabs(x - y) <= bound * (1 + 0x1p-10))
      continue;
    char text[128];
    snprintf(text, sizeof text, "element %zu: %a (model) and %a, bound %a", i,
             x, y, bound);
    where = text;
    return false;
  }
  return true;
}

/// The same bits, NaN payloads aside, or near enough.
static bool sameValues(const Array &a, const Array &b, int32_t precision,
                       std::string &where) {
  int64_t size = sizeOf(a.dtype);
  double allowed = 0;
  if (precision && a.dtype == ETCH_F32)
    for (size_t i = 0; i + 4 <= a.bytes.size(); i += 4) {
      float s;
      std::memcpy(&s, &a.bytes[i], 4);
      if (std::isfinite(s))
        allowed = std::max(allowed, std::fabs(double(s)));
    }
  allowed *= errorOf(precision);
  for (size_t i = 0; i + size_t(size) <= a.bytes.size(); i += size_t(size)) {
    const char *p = &a.bytes[i], *q = &b.bytes[b.start + i];
    if (!std::memcmp(p, q, size_t(size)))
      continue;
    double x = 0, y = 0;
    if (a.dtype == ETCH_F32) {
      float s, t;
      std::memcpy(&s, p, 4);
      std::memcpy(&t, q, 4);
      x = s;
      y = t;
    } else if (a.dtype == ETCH_F64) {
      std::memcpy(&x, p, 8);
      std::memcpy(&y, q, 8);
    } else {
      int64_t s = 0, t = 0;
      std::memcpy(&s, p, size_t(size));
      std::memcpy(&t, q, size_t(size));
      x = double(s);
      y = double(t);
    }
    if ((std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= allowed)
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

using GridFunction = void (*)(unsigned long long, int,
                              const unsigned long long *);

/// What launches do; the emulator has the same struct.
struct HostFunctions {
  void *(*scratch)(unsigned long long bytes);
  void (*launch)(const char *name, GridFunction grid, unsigned long long blocks,
                 int threads, const unsigned long long *arguments, int count,
                 int site);
};

/// A device with the kernels at hand.
struct Device {
  etch_device_t *device = nullptr;
  etch_device_module_t *module = nullptr;
  bool waits = false; ///< after each launch
  std::string problem;

  void check(etch_status_t status) {
    if (status != ETCH_OK && problem.empty())
      problem = etch_last_error();
  }
  void *alloc(uint64_t bytes) {
    void *memory = nullptr;
    check(etch_device_alloc(device, bytes, &memory));
    return memory;
  }
};

std::vector<char> scratchMemory;
Device *currentDevice = nullptr;

const HostFunctions directly = {
    [](unsigned long long bytes) {
      scratchMemory.resize(bytes + 64);
      uintptr_t start = uintptr_t(scratchMemory.data()) + 63;
      return reinterpret_cast<void *>(start & ~uintptr_t(63));
    },
    [](const char *, GridFunction grid, unsigned long long blocks, int threads,
       const unsigned long long *arguments, int,
       int) { grid(blocks, threads, arguments); }};

const HostFunctions throughDriver = {
    [](unsigned long long bytes) -> void * {
      // Given back with the device.
      return bytes ? currentDevice->alloc(bytes) : nullptr;
    },
    [](const char *name, GridFunction, unsigned long long blocks, int threads,
       const unsigned long long *arguments, int count, int site) {
      Device &d = *currentDevice;
      etch_device_function_t *function = nullptr;
      d.check(etch_device_find(d.module, name, &function));
      if (!function)
        return;
      std::vector<uint64_t> values(arguments, arguments + count);
      d.check(etch_device_launch(d.device, function, int64_t(blocks), threads,
                                 values.data(), count, site));
      if (d.waits)
        d.check(etch_device_wait(d.device));
    }};

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
  }
  /// No array at a multiple of 16 bytes.
  void skew() {
    for (std::vector<Array> *arrays : {&args, &results})
      for (Array &a : *arrays)
        a.skew(size_t(sizeOf(a.dtype)));
  }
  /// On the host.
  void run(const etch_module_t &module) {
    std::vector<etch_tensor_t> in, out;
    for (Array &a : args)
      in.push_back(a.describe());
    for (Array &a : results)
      out.push_back(a.describe());
    etch_call_t call = describe(in, out);
    call.arena_bytes = module.arena_bytes(&call);
    std::vector<char> arena(call.arena_bytes + 64);
    call.arena = (void *)((uintptr_t(arena.data()) + 63) & ~uintptr_t(63));
    module.run(&call);
    error = call.error;
  }
  /// With all arrays on a device. `graph`: captured, then launched.
  void run(const etch_module_t &module, Device &d, bool graph) {
    std::vector<etch_tensor_t> in, out;
    auto place = [&](Array &a) {
      etch_tensor_t tensor = a.describe();
      tensor.data = d.alloc(a.bytes.size());
      d.check(etch_device_copy_in(d.device, tensor.data, a.bytes.data(),
                                  a.bytes.size()));
      return tensor;
    };
    for (Array &a : args)
      in.push_back(place(a));
    for (Array &a : results)
      out.push_back(place(a));
    etch_call_t call = describe(in, out);
    call.arena_bytes = module.arena_bytes(&call);
    call.arena = d.alloc(call.arena_bytes);
    // What host code reads must be there.
    d.check(etch_device_wait(d.device));
    etch_device_graph_t *made = nullptr;
    if (graph)
      d.check(etch_device_capture_begin(d.device));
    module.run(&call);
    if (graph) {
      d.check(etch_device_capture_end(d.device, &made));
      if (made)
        d.check(etch_device_graph_launch(d.device, made));
    }
    for (size_t i = 0; i < args.size(); ++i)
      d.check(etch_device_copy_out(d.device, args[i].bytes.data(), in[i].data,
                                   args[i].bytes.size()));
    for (size_t i = 0; i < results.size(); ++i)
      d.check(etch_device_copy_out(d.device, results[i].bytes.data(),
                                   out[i].data, results[i].bytes.size()));
    error = call.error;
    etch_device_graph_destroy(made);
    for (etch_tensor_t &tensor : in)
      d.check(etch_device_free(d.device, tensor.data));
    for (etch_tensor_t &tensor : out)
      d.check(etch_device_free(d.device, tensor.data));
    d.check(etch_device_free(d.device, call.arena));
  }

private:
  etch_call_t describe(std::vector<etch_tensor_t> &in,
                       std::vector<etch_tensor_t> &out) {
    etch_call_t call = {};
    call.args = in.data();
    call.results = out.data();
    call.num_args = int32_t(in.size());
    call.num_results = int32_t(out.size());
    return call;
  }
};

} // namespace

static std::string compareRuns(const Run &cpu, const Run &cuda,
                               const Program &program) {
  int32_t precision = program.precision;
  if (cpu.error.code != cuda.error.code ||
      (cpu.error.code && cpu.error.site != cuda.error.site))
    return "errors differ: " + std::to_string(cpu.error.code) + " and " +
           std::to_string(cuda.error.code);
  std::string where;
  size_t count = cuda.results.size();
  for (size_t i = 0; i < count; ++i)
    if (program.hasBounds
            ? !withinBounds(cpu.results[i], cuda.results[i],
                            cpu.results[count + i], where)
            : !sameValues(cpu.results[i], cuda.results[i], precision, where))
      return "result " + std::to_string(i) + ", " + where;
  for (size_t i = 0; i < cpu.args.size(); ++i)
    if (!sameValues(cpu.args[i], cuda.args[i], precision, where))
      return "argument " + std::to_string(i) + ", " + where;
  return "";
}

static const etch_module_t *load(const SmallVectorImpl<char> &bytes,
                                 Scratch &file, std::string &problem) {
  file.write(StringRef(bytes.data(), bytes.size()));
  file.library = dlopen(file.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!file.library) {
    problem = dlerror();
    return nullptr;
  }
  auto query = etch_query_fn(dlsym(file.library, "etch_query"));
  return query ? query(ETCH_ABI_VERSION) : nullptr;
}

/// All runs of a program; what differs, or "".
static std::string runAll(const Program &program, const etch_module_t &cpu,
                          const etch_module_t &open, void *kernels,
                          Device *device) {
  int &schedule = *static_cast<int *>(dlsym(kernels, "etch_schedule"));
  char *fault = static_cast<char *>(dlsym(kernels, "etch_emulator_error"));
  bool dynamic = false;
  for (int32_t i = 0; i < cpu.num_args; ++i)
    for (int32_t axis = 0; axis < cpu.args[i].rank; ++axis)
      dynamic |= cpu.args[i].extents[axis] == ETCH_DYNAMIC;
  std::vector<int64_t> extents = {1};
  if (dynamic)
    extents = {1, 13};
  for (int64_t extent : extents) {
    Run expected(cpu, extent);
    expected.run(cpu);
    for (int s = 0; s < 4; ++s) {
      schedule = s;
      fault[0] = 0;
      Run run(open, extent);
      if (!device) {
        // Every other time vectors do not lie where they can move whole.
        if (s % 2)
          run.skew();
        run.run(open);
      } else {
        // A graph knows nothing of what the host does between launches, nor
        // of memory that a launch asks for.
        bool graph = s % 2 && !program.readsOnHost && !program.usesScratch;
        device->waits = program.readsOnHost;
        device->problem.clear();
        run.run(open, *device, graph);
      }
      std::string difference = fault;
      if (difference.empty() && device)
        difference = device->problem;
      if (difference.empty())
        difference = compareRuns(expected, run, program);
      if (!difference.empty())
        return "schedule " + std::to_string(s) + ", extents " +
               std::to_string(extent) + ": " + difference;
    }
  }
  return "";
}

std::vector<Outcome>
etch::test::emulate(ArrayRef<std::unique_ptr<Program>> programs,
                    const EmulationOptions &options) {
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
    printProgram(os, *program, options);
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
                                      options.header,
                                      source.path,
                                      "-o",
                                      object.path};
  if (options.sanitize)
    arguments.push_back("-fsanitize=address");
  auto compiler = llvm::sys::findProgramByName("clang++-22");
  if (!compiler)
    return all("clang++-22 is not installed");
  if (llvm::sys::ExecuteAndWait(*compiler, arguments))
    return all("the kernels do not compile as C++");
  void *kernels = dlopen(object.path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!kernels)
    return all(dlerror());
  auto **host =
      static_cast<const HostFunctions **>(dlsym(kernels, "etch_emulator_host"));
  if (!host)
    return all("no emulator in the kernels");
  *host = options.device ? &throughDriver : &directly;
  Device device;
  if (options.device) {
    device.check(etch_device_open(0, &device.device));
    if (device.device)
      device.check(etch_device_load(device.device, object.path.c_str(),
                                    object.path.size() + 1, &device.module));
    if (!device.problem.empty())
      return all(device.problem);
    currentDevice = &device;
  }
  for (auto &program : programs) {
    Outcome outcome{program->name, true, ""};
    Scratch cpuFile("so"), openFile("so");
    const etch_module_t *cpu = load(program->cpu, cpuFile, outcome.text),
                        *open = load(program->open, openFile, outcome.text);
    if (cpu && open)
      outcome.text = runAll(*program, *cpu, *open, kernels,
                            options.device ? &device : nullptr);
    outcome.same = cpu && open && outcome.text.empty();
    if (outcome.same)
      outcome.text = "same";
    outcomes.push_back(outcome);
  }
  etch_device_unload(device.module);
  etch_device_close(device.device);
  return outcomes;
}
