//===- Programs.cpp - Planned programs ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After the phase `bufferize` a program is a list of launches over places in
// memory. Here places are pointers, and the arena is allocated as the plan
// says.
//===----------------------------------------------------------------------===//

#include "test/backend/Arrays.h"
#include "test/backend/Interpreter.h"

#include "compiler/Pipelines/Pipelines.h"
#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace etch;
using namespace etch::backend;

namespace {
class Programs {
public:
  Programs(ModuleOp module, std::string &error)
      : module(module), error(error) {}
  /// A function of memrefs: main, or a region of a loop or a branch.
  void run(func::FuncOp program, ArrayRef<char *> arguments);

private:
  /// Where the values of one running program are, and what its indices are.
  struct Frame {
    DenseMap<Value, char *> places;
    DenseMap<Value, int64_t> indices;
    SmallVector<char *> of(ValueRange memrefs) const {
      return llvm::map_to_vector(memrefs,
                                 [&](Value v) { return places.lookup(v); });
    }
  };
  void run(Operation &op, Frame &frame);
  void launch(device::LaunchOp op, Frame &frame);
  void loop(device::LoopOp op, Frame &frame);
  void call(FlatSymbolRefAttr name, ArrayRef<char *> arguments) {
    run(module.lookupSymbol<func::FuncOp>(name.getAttr()), arguments);
  }
  static size_t sizeOf(Type type) {
    auto memref = cast<MemRefType>(type);
    return size_t(memref.getNumElements()) * bytesOf(memref.getElementType());
  }

  ModuleOp module;
  std::string &error;
};
} // namespace

void Programs::run(func::FuncOp program, ArrayRef<char *> arguments) {
  Frame frame;
  for (auto [argument, place] :
       llvm::zip_equal(program.getArguments(), arguments))
    frame.places[argument] = place;
  for (Operation &op : program.getBody().front())
    if (error.empty())
      run(op, frame);
}

void Programs::run(Operation &op, Frame &frame) {
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](arith::ConstantOp c) {
        frame.indices[c] = cast<IntegerAttr>(c.getValue()).getInt();
      })
      .Case([&](memref::ViewOp view) { // a piece of the arena
        frame.places[view] = frame.places.lookup(view.getSource()) +
                             frame.indices.lookup(view.getByteShift());
      })
      .Case([&](memref::ReinterpretCastOp cast) { // another shape
        frame.places[cast] = frame.places.lookup(cast.getSource());
      })
      .Case([&](memref::CopyOp copy) {
        std::memmove(frame.places.lookup(copy.getTarget()),
                     frame.places.lookup(copy.getSource()),
                     sizeOf(copy.getSource().getType()));
      })
      .Case([&](device::LaunchOp l) { launch(l, frame); })
      .Case([&](device::LoopOp l) { loop(l, frame); })
      .Case([&](device::BranchOp branch) {
        SmallVector<char *> arguments = frame.of(branch.getCaptures());
        llvm::append_range(arguments, frame.of(branch.getYs()));
        arguments.push_back(frame.places.lookup(branch.getArena()));
        bool taken = *frame.places.lookup(branch.getPredicate());
        call(taken ? branch.getThenAttr() : branch.getOtherwiseAttr(),
             arguments);
      })
      .Case([](func::ReturnOp) {})
      .Default([&](Operation *) {
        error = "no operation " + op.getName().getStringRef().str();
      });
}

void Programs::launch(device::LaunchOp op, Frame &frame) {
  auto kernel = module.lookupSymbol<func::FuncOp>(op.getKernelAttr().getAttr());
  std::vector<Array> args;
  for (auto [in, argument] :
       llvm::zip_equal(op.getIns(), kernel.getArguments())) {
    Array x(argument.getType());
    size_t size = bytesOf(x.element);
    for (size_t i = 0; i < x.values.size(); ++i)
      std::memcpy(&x.values[i], frame.places.lookup(in) + i * size, size);
    args.push_back(std::move(x));
  }
  std::vector<Array> results = evaluateKernel(kernel, std::move(args), error);
  for (auto [out, y] : llvm::zip(op.getOuts(), results)) {
    size_t size = bytesOf(y.element);
    for (size_t i = 0; i < y.values.size(); ++i)
      std::memcpy(frame.places.lookup(out) + i * size, &y.values[i], size);
  }
}

void Programs::loop(device::LoopOp op, Frame &frame) {
  int64_t bound = INT64_MAX;
  auto atMost = [&](int64_t n) { bound = std::min(bound, n); };
  for (ValueRange sequences : {ValueRange(op.getXs()), ValueRange(op.getYs())})
    for (Value sequence : sequences)
      atMost(cast<MemRefType>(sequence.getType()).getDimSize(0));
  if (auto most = int64_t(op.getMaxIterations()); most >= 0)
    atMost(most);
  if (op.getLimit())
    atMost(as<int64_t>(
        *reinterpret_cast<Bits *>(frame.places.lookup(op.getLimit()))));
  char *arena = frame.places.lookup(op.getArena());
  int64_t done = 0;
  for (; done < bound && error.empty(); ++done) {
    if (op.getConditionAttr()) {
      char holds = 0;
      SmallVector<char *> arguments = frame.of(op.getStates());
      llvm::append_range(arguments, frame.of(op.getCaptures()));
      arguments.append({&holds, arena});
      call(op.getConditionAttr(), arguments);
      if (!holds)
        break;
    }
    int64_t i = op.getReverse() ? bound - 1 - done : done;
    auto slices = [&](ValueRange sequences) {
      return llvm::map_to_vector(sequences, [&](Value v) {
        auto extent = size_t(cast<MemRefType>(v.getType()).getDimSize(0));
        return frame.places.lookup(v) +
               size_t(i) * (sizeOf(v.getType()) / extent);
      });
    };
    SmallVector<char *> arguments = {reinterpret_cast<char *>(&i)};
    llvm::append_range(arguments, frame.of(op.getStates()));
    llvm::append_range(arguments, slices(op.getXs()));
    llvm::append_range(arguments, frame.of(op.getCaptures()));
    llvm::append_range(arguments, slices(op.getYs()));
    arguments.push_back(arena);
    call(op.getBodyAttr(), arguments);
  }
  std::memcpy(frame.places.lookup(op.getCount()), &done, sizeof done);
}

std::string etch::backend::interpret(std::string_view program,
                                     const std::vector<void *> &arguments,
                                     const std::vector<void *> &results,
                                     void (*addDialects)(DialectRegistry &)) {
  // 1. Everything that is the same for all targets.
  DialectRegistry registry;
  registerEtchDialects(registry);
  if (addDialects)
    addDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects(); // emitScalar writes ops of several
  std::string error;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &d) { error += error.empty() ? d.str() : ""; });
  auto module = parseSourceString<ModuleOp>(program, &context);
  PassManager passes(&context);
  buildPipeline(passes, PipelineOptions(), Phase::bufferize);
  if (!module || failed(passes.run(*module)))
    return error.empty() ? "the phases failed" : error;

  // 2. Main's arguments: those of the program, results, the arena.
  auto main = module->lookupSymbol<func::FuncOp>("main");
  auto bytes = (*module)->getAttrOfType<IntegerAttr>("etch.arena_bytes");
  if (!bytes)
    return "the program's extents are not known";
  std::vector<char> arena(size_t(bytes.getInt()) + 1);
  SmallVector<char *> places;
  size_t argument = 0, result = 0;
  for (BlockArgument place : main.getArguments()) {
    unsigned i = place.getArgNumber();
    if (main.getArgAttr(i, kArenaAttr))
      places.push_back(arena.data());
    else if (main.getArgAttr(i, kResultAttr))
      places.push_back(static_cast<char *>(results[result++]));
    else
      places.push_back(static_cast<char *>(arguments[argument++]));
  }
  Programs(*module, error).run(main, places);
  return error;
}
