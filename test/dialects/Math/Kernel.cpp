//===- Kernel.cpp - a compiled loop around a scalar expression ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/dialects/Math/Kernel.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace etch::test {

struct Kernel::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*function)(const void *const *, void *, int64_t) = nullptr;
  std::vector<std::string> undefined, calls;
};

static Type typeOf(MLIRContext *context, Element element) {
  switch (element) {
  case Element::Bool:
    return IntegerType::get(context, 1);
  case Element::I32:
    return IntegerType::get(context, 32);
  case Element::I64:
    return IntegerType::get(context, 64);
  case Element::F32:
    return Float32Type::get(context);
  case Element::F64:
    return Float64Type::get(context);
  }
  llvm_unreachable("all elements are listed");
}

/// How an element lies in memory.
static Type stored(OpBuilder &b, Type type) {
  return type.isInteger(1) ? b.getI8Type() : type;
}

static Type wide(Type element, unsigned width) {
  return width == 1 ? element : VectorType::get(width, element);
}

/// func.func @kernel(%inputs: !llvm.ptr to pointers, %output, %count: i64)
static void build(OpBuilder &b, Location loc, ArrayRef<Element> inputs,
                  Element output, unsigned width, const Body &body) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  auto function = func::FuncOp::create(
      b, loc, "kernel", b.getFunctionType({pointer, pointer, i64}, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
  Value pointers = function.getArgument(0), out = function.getArgument(1);
  SmallVector<Value> bases;
  for (unsigned k = 0; k != inputs.size(); ++k) {
    Value at = LLVM::GEPOp::create(b, loc, pointer, pointer, pointers,
                                   ArrayRef<LLVM::GEPArg>{int32_t(k)});
    bases.push_back(LLVM::LoadOp::create(b, loc, pointer, at));
  }
  Value zero = arith::ConstantIntOp::create(b, loc, i64, 0);
  Value step = arith::ConstantIntOp::create(b, loc, i64, width);
  auto loop = scf::ForOp::create(b, loc, zero, function.getArgument(2), step);
  func::ReturnOp::create(b, loc);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  SmallVector<ScalarExpr> operands;
  for (auto [element, base] : llvm::zip(inputs, bases)) {
    Type type = typeOf(b.getContext(), element);
    Type memory = stored(b, type);
    Value at = LLVM::GEPOp::create(b, loc, pointer, memory, base, i);
    ScalarExpr value(b, loc,
                     LLVM::LoadOp::create(b, loc, wide(memory, width), at,
                                          /*alignment=*/1));
    operands.push_back(type == memory ? value : cast(value, type));
  }
  ScalarExpr result = body(operands);
  Type type = typeOf(b.getContext(), output), memory = stored(b, type);
  Value value = result.v;
  if (type != memory)
    value = arith::ExtUIOp::create(b, loc, wide(memory, width), value);
  Value at = LLVM::GEPOp::create(b, loc, pointer, memory, out, i);
  LLVM::StoreOp::create(b, loc, value, at, /*alignment=*/1);
}

static void require(bool ok, const char *what) {
  if (!ok)
    llvm::report_fatal_error(what);
}

Kernel::Kernel(std::vector<Element> inputs, Element output, unsigned width,
               const Body &body)
    : impl(std::make_unique<Impl>()) {
  static bool initialised = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialised;

  MLIRContext context(MLIRContext::Threading::DISABLED);
  context
      .loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                   math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  build(b, loc, inputs, output, width, body);
  require(succeeded(verify(*module)), "the expression does not verify");

  PassManager passes(&context);
  passes.addPass(createCSEPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  require(succeeded(passes.run(*module)), "lowering failed");

  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  llvm::LLVMContext llvmContext;
  auto ir = translateModuleToLLVMIR(*module, llvmContext);
  require(ir != nullptr, "translation failed");
  for (llvm::Function &f : *ir)
    for (llvm::Instruction &instruction : llvm::instructions(f))
      if (auto *call = dyn_cast<llvm::CallBase>(&instruction))
        if (!call->getCalledFunction() ||
            !call->getCalledFunction()->isIntrinsic())
          impl->calls.push_back(call->getCalledFunction()
                                    ? call->getCalledFunction()->getName().str()
                                    : "a pointer");

  auto host = llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost());
  // No call of a library function may come from the optimiser either, and the
  // widest registers are used where the vectors are that wide.
  host.setRelocationModel(llvm::Reloc::PIC_);
  host.setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
  auto machine = llvm::cantFail(host.createTargetMachine());
  ir->setTargetTriple(machine->getTargetTriple());
  ir->setDataLayout(machine->createDataLayout());
  for (llvm::Function &f : *ir)
    if (!f.isDeclaration()) {
      f.addFnAttr("prefer-vector-width", "512");
      f.addFnAttr("min-legal-vector-width", "512");
    }

  // The scalar loop stays scalar, to be compared with the vector ones.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  llvm::PassBuilder builder(machine.get(), tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1)
      .run(*ir, modules);

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  require(!machine->addPassesToEmitFile(codegen, stream, nullptr,
                                        llvm::CodeGenFileType::ObjectFile),
          "no object code for this machine");
  codegen.run(*ir);
  auto object = llvm::MemoryBuffer::getMemBufferCopy(
      llvm::StringRef(bytes.data(), bytes.size()), "kernel");
  auto file = llvm::cantFail(
      llvm::object::ObjectFile::createObjectFile(object->getMemBufferRef()));
  for (const llvm::object::SymbolRef &symbol : file->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    llvm::StringRef name = llvm::cantFail(symbol.getName());
    // (The offset table's own name comes with position-independent code.)
    if (flags & llvm::object::SymbolRef::SF_Undefined && !name.empty() &&
        name != "_GLOBAL_OFFSET_TABLE_")
      impl->undefined.push_back(name.str());
  }

  impl->jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(impl->jit->addObjectFile(std::move(object)));
  impl->function = llvm::cantFail(impl->jit->lookup("kernel"))
                       .toPtr<void (*)(const void *const *, void *, int64_t)>();
}

Kernel::~Kernel() = default;

// Generated code has no signature before its first byte, where the sanitizer
// would look for one, perhaps on a page that is not there.
__attribute__((no_sanitize("function"))) void
Kernel::run(std::vector<const void *> inputs, void *output,
            size_t count) const {
  impl->function(inputs.data(), output, static_cast<int64_t>(count));
}

const std::vector<std::string> &Kernel::undefinedSymbols() const {
  return impl->undefined;
}

const std::vector<std::string> &Kernel::calls() const { return impl->calls; }

} // namespace etch::test
