//===- Compiler.cpp - Program text to code --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Parse into a context that is its own meanwhile.
// 2. Run the phases; with ETCH_DUMP, write the program down after each.
// 3. Translate to LLVM IR, optimise, emit an object.
// 4. Link it, for this process or as an exported library.
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Compiler.h"

#include "compiler/Driver/Debug.h"
#include "compiler/Driver/Diagnostics.h"
#include "compiler/Driver/Dump.h"
#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "compiler/Driver/Parts.h"
#include "compiler/Driver/Picture.h"
#include "compiler/Driver/Reproduce.h"
#include "compiler/Pipelines/Describe.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Target/CPU/CodegenCPU.h"
#include "compiler/Target/CUDA/CodegenCUDA.h"

#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>
#include <mutex>

using namespace mlir;
using namespace etch;
using namespace etch::driver;

namespace {

/// A context with the compiler's dialects. To load them takes a good part of
/// the time of a small program: contexts are lent and given back. What one has
/// seen stays in it, so none serves for ever.
class LentContext {
public:
  LentContext() {
    {
      std::lock_guard lock(mutex);
      if (!idle().empty())
        lent = idle().pop_back_val();
    }
    if (lent.context)
      return;
    static const DialectRegistry &registry = *[] {
      auto *all = new DialectRegistry;
      registerCompilerDialects(*all);
      return all;
    }();
    lent.context = std::make_unique<MLIRContext>(
        registry, MLIRContext::Threading::DISABLED);
    lent.context->loadAllAvailableDialects();
  }
  ~LentContext() {
    if (++lent.uses == mostUses)
      return;
    std::lock_guard lock(mutex);
    idle().push_back(std::move(lent));
  }
  MLIRContext *get() const { return lent.context.get(); }

private:
  static constexpr int mostUses = 64;
  struct Lent {
    std::unique_ptr<MLIRContext> context;
    int uses = 0;
  };
  static SmallVector<Lent> &idle() {
    static SmallVector<Lent> &all = *new SmallVector<Lent>;
    return all;
  }
  static inline std::mutex mutex;
  Lent lent;
};

/// Everything about one compilation, from text to object.
class Compilation {
public:
  explicit Compilation(const Request &request)
      : request(request), quick(request.options.effort == Effort::quick),
        diagnostics(context.get()) {}

  bool parse();
  bool runPhases(Phase upTo, Phase from = Phase::trace);
  bool readSignature();
  /// `inParts`: kernels of a long program become objects of their own, from
  /// here on.
  bool translate(bool inParts = false);
  /// `name` empty: only the query function is visible; else the entry points of
  /// an exported library are added.
  bool emit(StringRef name);

  void print(raw_ostream &os) { module->print(os); }
  void printLLVM(raw_ostream &os) { llvmModule->print(os, nullptr); }

  const Request &request;
  const bool quick;
  PipelineOptions pipeline;
  std::vector<PhaseTime> times;
  ArtifactSignature signature;
  SmallVector<char> object;
  SmallVector<StringRef> parts; ///< further objects

  ModuleOp program() { return *module; }

private:
  bool runPhase(Phase phase);
  bool internalError(const llvm::Twine &what, Phase phase = Phase::trace);

  LentContext context;
  // Declared after the context: handlers go first.
public:
  DiagnosticCollector diagnostics;

private:
  OwningOpRef<ModuleOp> module;
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule;
  TargetInfo target;
  std::unique_ptr<ObjectMakers> makers;
};

/// A failure that nobody explained to the user is ours: the program is kept for
/// a report.
bool Compilation::internalError(const llvm::Twine &what, Phase phase) {
  std::vector<driver::Diagnostic> said = diagnostics.take();
  auto error = llvm::find_if(said, [](const driver::Diagnostic &d) {
    return d.severity == Severity::error;
  });
  bool toUser = error != said.end() && !isAboutOps(error->message);
  for (const driver::Diagnostic &d : said)
    if (toUser)
      diagnostics.add(d);
  if (toUser)
    return false;
  std::string text = what.str();
  if (error != said.end())
    text += ": " + error->message;
  diagnostics.error(text + keepReproducer(request, phase, text),
                    error == said.end() ? -1 : error->site);
  return false;
}

/// Adds the time of a block to a list.
class Timed {
public:
  Timed(std::vector<PhaseTime> &times, const char *name)
      : times(times), name(name) {}
  ~Timed() {
    std::chrono::duration<double, std::milli> ms = Clock::now() - start;
    times.push_back({name, ms.count()});
  }

private:
  using Clock = std::chrono::steady_clock;
  std::vector<PhaseTime> &times;
  const char *name;
  Clock::time_point start = Clock::now();
};

bool Compilation::parse() {
  Timed timed(times, "parse");
  pipeline.fast = request.options.mode == driver::Mode::fast;
  pipeline.memoryBudget = request.options.memoryBudget;
  pipeline.checkValues = uint32_t(request.options.check) & uint32_t(Check::nan);
  pipeline.checkBounds =
      uint32_t(request.options.check) & uint32_t(Check::bounds);
  pipeline.without = request.options.without;
  pipeline.guardPages = request.options.guard;
  pipeline.freeze = request.options.freeze;
  pipeline.rows = true;
  pipeline.joins = !request.options.device.empty();
  // Tensor cores do.
  pipeline.channelsLast = pipeline.joins && pipeline.fast &&
                          request.options.precision != driver::Precision::full;
  pipeline.narrow = pipeline.joins && pipeline.fast &&
                    request.options.precision == driver::Precision::bf16;
  if (llvm::Error error = applyEtchFlags()) {
    diagnostics.error(std::move(error));
    return false;
  }
  if (std::string flag = withoutFlag(); !flag.empty())
    pipeline.without += (pipeline.without.empty() ? "" : ",") + flag;
  if (std::string wrong = unknownPass(pipeline.without); !wrong.empty()) {
    diagnostics.error(wrong);
    return false;
  }
  llvm::Expected<TargetInfo> resolved = resolveTarget(request.options.mcpu);
  if (!resolved) {
    diagnostics.error(resolved.takeError());
    return false;
  }
  target = std::move(*resolved);
  target.sanitize = request.options.sanitize;
  if (!pipeline.joins)
    pipeline.endsInPool = [bits = target.vectorBits](Conv2dOp convolution,
                                                     MaxPoolIndexOp pool) {
      return cpu::endsInPool(convolution, pool, bits);
    };
  llvm::SourceMgr sources;
  // The parser wants text that ends with a NUL.
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(request.text, request.fileName),
      llvm::SMLoc());
  module = parseSourceFile<ModuleOp>(sources, context.get());
  if (!module)
    return internalError("internal error: the program cannot be parsed");
  if (!module->lookupSymbol<func::FuncOp>("main")) {
    diagnostics.error("the program has no function 'main'");
    return false;
  }
  return true;
}

bool Compilation::runPhase(Phase phase) {
  Timed timed(times, phaseInfo(phase).name);
  PassManager passes(context.get(), ModuleOp::getOperationName());
  // What code generation makes is verified as LLVM IR.
  passes.enableVerifier(!quick && phase != Phase::codegen);
  if (phase == Phase::codegen) {
    cpu::CodegenOptions codegen;
    codegen.vectorBits = target.vectorBits;
    codegen.cacheBytes = target.cacheBytes;
    codegen.quick = quick;
    codegen.bf16 =
        pipeline.fast && request.options.precision == driver::Precision::bf16;
    codegen.amx = target.amx;
    codegen.query = queryName.str();
    codegen.name = request.options.name;
    codegen.target = target.text();
    codegen.programHash = request.programHash;
    codegen.descriptiveNames = request.options.debug;
    if (request.options.profile) {
      codegen.profileBytes = ProfileLayout::bytes;
      codegen.profileCapacity = ProfileLayout::capacity;
    }
    if (request.options.device.empty()) {
      passes.addPass(cpu::createCodegenPass(codegen));
    } else {
      SmallVector<StringRef> names;
      StringRef(request.options.device).split(names, ',', -1, false);
      passes.addPass(cuda::createCodegenPass(
          codegen, {{names.begin(), names.end()},
                    request.options.libraries,
                    int32_t(request.options.precision)}));
    }
  } else {
    buildPhasePipeline(passes, pipeline, phase);
  }
  if (passes.empty())
    return true;
  if (failed(prepare(passes,
                     Dump(request.options.name, request.programHash, phase),
                     request.text)) ||
      failed(passes.run(*module)))
    return internalError(llvm::Twine("internal error: the phase ") +
                             phaseInfo(phase).name + " failed",
                         phase);
  return true;
}

bool Compilation::runPhases(Phase upTo, Phase from) {
  for (const PhaseInfo &info : allPhases()) {
    if (info.phase < std::max(from, request.from))
      continue;
    noteProgress(request, info.phase);
    if (info.phase > upTo || info.phase == Phase::object)
      break;
    if (info.phase == Phase::fuse && pipeline.memoryBudget > 0)
      pipeline.rematerialisation = fitToBudget(*module, pipeline);
    if (info.phase != Phase::trace && !runPhase(info.phase))
      return false;
    Dump dump(request.options.name, request.programHash, info.phase);
    if (dump) {
      print(dump.open("mlir"));
      writePicture(*module, request.options.name + ": " + info.name,
                   readLines(request.text), dump.open("html"));
    }
  }
  return true;
}

/// The dtype of an element type; 0 for others.
int dtypeOf(Type type) {
  if (type.isInteger(1))
    return ETCH_BOOL;
  if (type.isInteger(32))
    return ETCH_I32;
  if (type.isInteger(64))
    return ETCH_I64;
  if (type.isF32())
    return ETCH_F32;
  return type.isF64() ? int(ETCH_F64) : 0;
}

bool describe(Type type, DictionaryAttr attributes, ArtifactParam &param) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  int dtype = tensor ? dtypeOf(tensor.getElementType()) : 0;
  if (!dtype)
    return false;
  param.dtype = etch_dtype_t(dtype);
  auto numbers = attributes ? attributes.getAs<DenseI64ArrayAttr>(kExtentsAttr)
                            : DenseI64ArrayAttr();
  for (auto [axis, extent] : llvm::enumerate(tensor.getShape()))
    param.extents.push_back(!ShapedType::isDynamic(extent) ? extent
                            : numbers
                                ? ETCH_DYNAMIC + 1 + numbers[int64_t(axis)]
                                : ETCH_DYNAMIC);
  if (!attributes)
    return true;
  if (auto name = attributes.getAs<StringAttr>("etch.name"))
    param.name = name.str();
  if (attributes.contains("etch.state"))
    param.role = ETCH_STATE;
  else if (attributes.contains("etch.literal"))
    param.role = ETCH_LITERAL;
  return true;
}

bool Compilation::readSignature() {
  auto main = module->lookupSymbol<func::FuncOp>("main");
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
    ArtifactParam param;
    if (!describe(type, main.getArgAttrDict(unsigned(i)), param))
      return internalError("internal error: argument " + llvm::Twine(i) +
                           " is no tensor of a known element type");
    signature.args.push_back(std::move(param));
  }
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    DictionaryAttr attributes = main.getResultAttrDict(unsigned(i));
    if (attributes && attributes.contains("etch.update"))
      continue;
    ArtifactParam param;
    if (!describe(type, attributes, param))
      return internalError("internal error: result " + llvm::Twine(i) +
                           " is no tensor of a known element type");
    param.role = ETCH_RESULT;
    signature.results.push_back(std::move(param));
  }
  return true;
}

bool Compilation::translate(bool inParts) {
  Timed timed(times, "translate");
  if (request.options.debug)
    addDebugInfo(*module);
  // What the environment asks to see is one module's.
  bool watched = getenv("ETCH_DUMP") || getenv("ETCH_FLAGS");
  bool good = true;
  if (inParts && !quick && !watched && !request.options.debug &&
      !target.sanitize) {
    makers = std::make_unique<ObjectMakers>(target);
    for (OwningOpRef<ModuleOp> &part : takeKernels(*module))
      good &= makers->add(*part);
  }
  llvmModule = translateModuleToLLVMIR(*module, llvmContext, "program",
                                       /*disableVerification=*/true);
  if (!good || !llvmModule)
    return internalError(
        "internal error: the program cannot be translated to LLVM IR",
        Phase::codegen);
  if (Dump dump(request.options.name, request.programHash, Phase::codegen);
      dump)
    printLLVM(dump.open("ll"));
  return true;
}

bool Compilation::emit(StringRef name) {
  llvm::Error error = name.empty() ? hideAllButQuery(*llvmModule)
                                   : addArtifactEntryPoints(*llvmModule, name);
  if (!error && makers) {
    // The phases' parts of the time that passes here.
    std::vector<PhaseTime> own;
    double optimise = 0, emitting = 0;
    {
      Timed timed(own, "all");
      error = emitObject(*llvmModule, target, quick, object, &own);
      for (const PhaseTime &time : own)
        (time.name == "emit" ? emitting : optimise) += time.milliseconds;
      if (!error)
        error = makers->finish(optimise, emitting);
    }
    double share =
        own.back().milliseconds / std::max(optimise + emitting, 1e-3);
    times.push_back({"optimise", optimise * share});
    times.push_back({"emit", emitting * share});
    parts = makers->objects();
  } else if (!error) {
    error = emitObject(*llvmModule, target, quick, object, &times);
  }
  if (error)
    return internalError("internal error: " + llvm::toString(std::move(error)),
                         Phase::object);
  if (Dump dump(request.options.name, request.programHash, Phase::object);
      dump) {
    printLLVM(dump.open("ll"));
    Dump bytes(request.options.name, request.programHash, Phase::object);
    bytes.open("o").write(object.data(), object.size());
  }
  return true;
}

StringRef bytesOf(const SmallVectorImpl<char> &bytes) {
  return StringRef(bytes.data(), bytes.size());
}

} // namespace

void etch::driver::registerCompilerDialects(DialectRegistry &registry) {
  registerEtchDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

bool etch::driver::compileLibrary(
    const Request &request, SmallVectorImpl<char> &out,
    std::vector<etch::driver::Diagnostic> &diagnostics,
    std::vector<PhaseTime> *times) {
  Compilation compilation(request);
  bool good = compilation.parse() && compilation.runPhases(Phase::codegen) &&
              compilation.translate(/*inParts=*/true) && compilation.emit("");
  if (good) {
    Timed timed(compilation.times, "link");
    LinkOptions options;
    options.debug = request.options.debug;
    llvm::append_range(options.objects, compilation.parts);
    if (llvm::Error error =
            linkSharedObject(bytesOf(compilation.object), options, out)) {
      compilation.diagnostics.error(std::move(error));
      good = false;
    }
  }
  if (times)
    *times = std::move(compilation.times);
  diagnostics = compilation.diagnostics.take();
  return good;
}

bool etch::driver::describeProgram(
    const Request &request, ArrayRef<int64_t> extents,
    SmallVectorImpl<char> &out,
    std::vector<etch::driver::Diagnostic> &diagnostics) {
  Compilation compilation(request);
  bool good = compilation.parse();
  compilation.pipeline.describe = true;
  if (good && (good = compilation.runPhases(Phase::differentiate))) {
    int64_t everything = bytesOfAllValues(compilation.program());
    good = compilation.runPhases(Phase::bufferize, Phase::simplify);
    llvm::raw_svector_ostream os(out);
    if (good)
      describePlan(compilation.program(), everything, extents, os);
  }
  diagnostics = compilation.diagnostics.take();
  return good;
}

bool etch::driver::compileToPhase(
    const Request &request, Phase upTo, SmallVectorImpl<char> &out,
    std::vector<etch::driver::Diagnostic> &diagnostics) {
  Compilation compilation(request);
  bool good = compilation.parse() && compilation.runPhases(upTo);
  llvm::raw_svector_ostream os(out);
  if (good && upTo < Phase::codegen)
    compilation.print(os);
  if (good && upTo >= Phase::codegen)
    good = compilation.translate();
  if (good && upTo == Phase::codegen)
    compilation.printLLVM(os);
  if (good && upTo == Phase::object) {
    good = compilation.emit("");
    os << bytesOf(compilation.object);
  }
  diagnostics = compilation.diagnostics.take();
  return good;
}

bool etch::driver::exportFiles(
    const Request &request, StringRef libraryPath, StringRef headerPath,
    std::vector<etch::driver::Diagnostic> &diagnostics) {
  Compilation compilation(request);
  auto finish = [&](llvm::Error error) {
    bool good = !error;
    if (error)
      compilation.diagnostics.error(std::move(error));
    diagnostics = compilation.diagnostics.take();
    return good;
  };
  const std::string &name = request.options.name;
  if (llvm::Error error = checkArtifactName(name))
    return finish(std::move(error));
  if (!compilation.parse() || !compilation.readSignature() ||
      !compilation.runPhases(Phase::codegen) ||
      !compilation.translate(/*inParts=*/true) || !compilation.emit(name)) {
    diagnostics = compilation.diagnostics.take();
    return false;
  }
  SmallVector<char> library;
  if (llvm::Error error = linkArtifact(bytesOf(compilation.object), name,
                                       library, compilation.parts))
    return finish(std::move(error));
  return finish(writeArtifact(libraryPath, bytesOf(library), headerPath,
                              artifactHeader(compilation.signature, name)));
}
