//===- Prepack.cpp - operands are packed when the program is prepared -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels have been emitted, and have said what they could read packed. For a
// launch whose operand is frozen, the kernel is emitted once more with one more
// argument, the packed operand, in memory behind what is prepared so far. A
// kernel with an etch.pack is made for each kind of packing; the program of
// device.prepare launches it at its end.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Prepack.h"

#include "dialects/Device/DeviceDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Tells which operand has which form.
static std::string nameOf(unsigned operand, StringRef form) {
  return (form + llvm::Twine(operand)).str();
}

static std::optional<unsigned> packedArgument(func::FuncOp kernel,
                                              StringRef name) {
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i)
    if (auto of = kernel.getArgAttrOfType<StringAttr>(i, kPackedAttr))
      if (of.getValue() == name)
        return i;
  return std::nullopt;
}

const kernel::Buffer *Kernel::packed(unsigned operand, StringRef form) {
  std::optional<unsigned> i = packedArgument(source, nameOf(operand, form));
  if (!i)
    return nullptr;
  packedRead.push_back(*i);
  return &buffers[*i];
}

bool Kernel::hasPacked(unsigned operand, StringRef form) {
  return packedArgument(source, nameOf(operand, form)).has_value();
}

LogicalResult etch::cpu::emitPacking(Kernel &k) {
  const Packing &packing = *k.packing;
  k.e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    packing.emit(k, unit, k.buffers[0], k.buffers[1].pointer);
  });
  Work work = {packing.units, packing.grain, packing.cost};
  k.work = [work](Emit &, ArrayRef<Extents>) { return work; };
  return success();
}

namespace {
class Prepacker {
public:
  Prepacker(ModuleOp module, Kernels &kernels, const CodegenOptions &options)
      : module(module), kernels(kernels), options(options),
        b(module.getContext()) {}
  LogicalResult run();

private:
  bool isFrozen(Value memory);
  LogicalResult visit(device::LaunchOp launch);
  Value packedOf(Value from, StringRef kernel, const Packing &packing);
  StringRef packingKernel(StringRef kernel, const Packing &packing);
  StringRef packedKernel(StringRef kernel, ArrayRef<const Packing *> packings);
  Value viewAt(int64_t offset);
  Value inFront(Value memory);
  BlockArgument capture(Value memory);
  bool emit(func::FuncOp source, const Packing *packing);

  ModuleOp module;
  Kernels &kernels;
  const CodegenOptions &options;
  OpBuilder b;
  func::FuncOp main, program;
  device::PrepareOp prepare;
  Value memory; ///< main's, of what is prepared
  int64_t bytes = 0;
  bool good = true;
  IRMapping front; ///< values of main that stand in front of `prepare`
  /// By memory and kind of packing.
  llvm::DenseMap<std::pair<Value, StringRef>, int64_t> places;
  llvm::StringMap<std::unique_ptr<Packing>> kinds;
};
} // namespace

/// Of packed operands: the first number. Nobody looks at the type.
static RankedTensorType packedType(OpBuilder &b) {
  return RankedTensorType::get({1}, b.getF32Type());
}

/// What a dense view of all of some memory shows.
static Value rootOf(Value memory) {
  while (auto cast = memory.getDefiningOp<memref::ReinterpretCastOp>())
    memory = cast.getSource();
  return memory;
}

bool Prepacker::isFrozen(Value memory) {
  Value root = rootOf(memory);
  if (auto argument = dyn_cast<BlockArgument>(root))
    return main.getArgAttr(argument.getArgNumber(), kStateAttr) != Attribute();
  if (auto view = root.getDefiningOp<memref::ViewOp>())
    return view.getSource() == this->memory;
  return isa<memref::GetGlobalOp>(root.getDefiningOp());
}

/// The same in front of the op that prepares.
Value Prepacker::inFront(Value memory) {
  Operation *op = memory.getDefiningOp();
  if (!op || op->isBeforeInBlock(prepare))
    return memory;
  if (Value known = front.lookupOrNull(memory))
    return known;
  for (Value x : op->getOperands())
    if (Value before = inFront(x); before != x)
      front.map(x, before);
  b.setInsertionPoint(prepare);
  return b.clone(*op, front)->getResult(0);
}

/// Memory of main as an argument of the program that prepares.
BlockArgument Prepacker::capture(Value memory) {
  auto captures = unsigned(prepare.getCaptures().size());
  prepare.getCapturesMutable().append(memory);
  (void)program.insertArgument(captures, memory.getType(), {}, memory.getLoc());
  return program.getArgument(captures);
}

bool Prepacker::emit(func::FuncOp source, const Packing *packing) {
  std::string name = source.getSymName().str();
  auto kernel = std::make_unique<Kernel>(source, options);
  kernel->packing = packing;
  bool emitted = succeeded(kernel->emit());
  kernels[name] = std::move(kernel);
  return emitted;
}

/// The kernel that packs an operand as another one wants it.
StringRef Prepacker::packingKernel(StringRef kernel, const Packing &packing) {
  std::string name =
      (kernel + ".from" + nameOf(packing.operand, packing.form)).str();
  auto [it, isNew] = kinds.try_emplace(name);
  if (!isNew)
    return it->first();
  it->second = std::make_unique<Packing>(packing);
  func::FuncOp reader = kernels[kernel]->source;
  Type from = reader.getArgumentTypes()[packing.operand], to = packedType(b);
  b.setInsertionPoint(reader);
  Location loc = reader.getLoc();
  auto source = func::FuncOp::create(b, loc, name, b.getFunctionType(from, to));
  source.setPrivate();
  source->setAttr(kKernelAttr, b.getUnitAttr());
  Block *body = source.addEntryBlock();
  b.setInsertionPointToEnd(body);
  Value packed = PackOp::create(b, loc, to, body->getArgument(0),
                                FlatSymbolRefAttr::get(b.getContext(), kernel),
                                b.getI64IntegerAttr(packing.operand));
  func::ReturnOp::create(b, loc, packed);
  good &= emit(source, it->second.get());
  return it->first();
}

/// The kernel with these operands packed: they are its last arguments.
StringRef Prepacker::packedKernel(StringRef kernel,
                                  ArrayRef<const Packing *> packings) {
  std::string name = (kernel + ".packed").str();
  for (const Packing *packing : packings)
    name += "." + nameOf(packing->operand, packing->form);
  if (auto known = kernels.find(name); known != kernels.end())
    return known->first();
  func::FuncOp plain = kernels[kernel]->source;
  b.setInsertionPoint(plain);
  auto source = cast<func::FuncOp>(b.clone(*plain));
  source.setSymName(name);
  for (const Packing *packing : packings) {
    unsigned i = source.getNumArguments();
    (void)source.insertArgument(
        i, packedType(b),
        b.getDictionaryAttr(b.getNamedAttr(
            kPackedAttr,
            b.getStringAttr(nameOf(packing->operand, packing->form)))),
        source.getLoc());
  }
  good &= emit(source, nullptr);
  return kernels.find(name)->first();
}

Value Prepacker::viewAt(int64_t offset) {
  Location loc = main.getLoc();
  auto type = MemRefType::get({1}, b.getF32Type());
  Value at = arith::ConstantIndexOp::create(b, loc, offset);
  return memref::ViewOp::create(b, loc, type, memory, at, ValueRange());
}

/// An operand as this kernel has packed it; what packs it is added where it is
/// the first.
Value Prepacker::packedOf(Value from, StringRef kernel,
                          const Packing &packing) {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.getInsertionBlock();
  Block::iterator point = b.getInsertionPoint();
  StringRef kind = packingKernel(kernel, packing);
  // What is at one place is one value.
  Value root = rootOf(from);
  if (root.getDefiningOp<memref::ViewOp>())
    root = inFront(root);
  auto [it, isNew] = places.try_emplace({root, kind}, bytes);
  int64_t offset = it->second;
  b.setInsertionPoint(block, point);
  if (!isNew)
    return viewAt(offset);
  bytes += (packing.bytes + 63) / 64 * 64;
  Value source = inFront(from);
  b.setInsertionPoint(prepare);
  Value ready = viewAt(offset), in = capture(source), out = capture(ready);
  b.setInsertionPoint(program.getBody().front().getTerminator());
  auto packs = device::LaunchOp::create(b, main.getLoc(), kind, in, out);
  packs->setAttr(kPackedAttr, b.getUnitAttr());
  return ready;
}

LogicalResult Prepacker::visit(device::LaunchOp launch) {
  auto found = kernels.find(launch.getKernel());
  if (found == kernels.end())
    return success();
  SmallVector<const Packing *> chosen;
  for (const Packing &packing : found->second->offers)
    if (isFrozen(launch.getIns()[packing.operand]))
      chosen.push_back(&packing);
  if (chosen.empty())
    return success();
  StringRef name = packedKernel(launch.getKernel(), chosen);
  Kernel &kernel = *kernels[name];
  if (kernel.packedRead.empty())
    return success(good);
  SmallVector<Value> ins = llvm::to_vector(launch.getIns());
  b.setInsertionPoint(launch);
  for (const Packing *wanted : chosen) {
    const Packing *packing = llvm::find_if(kernel.offers, [&](Packing &p) {
      return p.operand == wanted->operand && p.form == wanted->form;
    });
    bool isRead = packing != kernel.offers.end() &&
                  llvm::is_contained(kernel.packedRead, unsigned(ins.size()));
    ins.push_back(
        isRead ? packedOf(launch.getIns()[packing->operand], name, *packing)
               : viewAt(0));
  }
  auto now =
      device::LaunchOp::create(b, launch.getLoc(), name, ins, launch.getOuts());
  now->setDiscardableAttrs(launch->getDiscardableAttrDictionary());
  launch.erase();
  return success(good);
}

LogicalResult Prepacker::run() {
  main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return success();
  for (BlockArgument arg : main.getArguments())
    if (main.getArgAttr(arg.getArgNumber(), kPreparedAttr))
      memory = arg;
  if (!memory)
    return success();
  prepare = *main.getBody().front().getOps<device::PrepareOp>().begin();
  program = module.lookupSymbol<func::FuncOp>(prepare.getProgram());
  auto attr = module->getAttrOfType<IntegerAttr>(kPreparedBytesAttr);
  bytes = attr ? attr.getInt() : 0;
  for (auto launch :
       llvm::to_vector(main.getBody().front().getOps<device::LaunchOp>()))
    if (failed(visit(launch)))
      return failure();
  module->setAttr(kPreparedBytesAttr, b.getI64IntegerAttr(bytes));
  // Kernels that only launches without packed operands would use.
  llvm::StringSet<> used;
  module.walk(
      [&](device::LaunchOp launch) { used.insert(launch.getKernel()); });
  SmallVector<std::string> unused;
  for (auto &kernel : kernels)
    if (!used.contains(kernel.first()))
      unused.push_back(kernel.first().str());
  for (const std::string &name : unused) {
    kernels[name]->function.erase();
    kernels.erase(name);
  }
  return success();
}

LogicalResult etch::cpu::prepackOperands(ModuleOp module, Kernels &kernels,
                                         const CodegenOptions &options) {
  return Prepacker(module, kernels, options).run();
}
