//===- Entry.cpp - The host's part of programs for devices ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch fills an array of arguments and asks the call's queue for each grid
// of the kernel. Memory is the device's; what the host must know of it, such as
// the condition of a loop, it asks for. What a library may do it is asked to do
// first; the kernel's own grids are for where it has not.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Entry.h"

#include "compiler/Target/CUDA/Gelu.h"

#include "compiler/Target/CPU/HostCode.h"

#include "etch/runtime.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;
using cpu::View;

namespace {

/// Of each loop's index and condition, and what the host reads.
constexpr int64_t kCellBytes = 16;

class HostPart : public cpu::HostCode {
public:
  HostPart(ModuleOp module, Kernels &kernels, LLVM::LLVMFuncOp function)
      : HostCode(module, function), kernels(kernels) {}

  /// After measuring: bytes behind the planned part of the arena.
  Ix scratchNeeded() { return e.roundUp(scratchBytes, 64); }
  int64_t cellsNeeded() { return kCellBytes * numCells; }
  Ix keptNeeded() { return keptBytes; }
  /// From here on launches are emitted.
  void emitTo(Value scratchMemory, Value cellMemory, Value keptMemory,
              int64_t mostSlots);
  /// Finds what launches of `source` have for one another.
  void pair(func::FuncOp source);
  /// What pairs keep: found by measuring the same function.
  DenseMap<Operation *, Ix> keptAt;

  int64_t numLaunches = 0;
  uint32_t flags = 0;

private:
  LogicalResult launch(device::LaunchOp op) override;
  void mark(device::LaunchOp op);
  void copy(Value to, Value from, Ix bytes) override {
    ask(offsetof(etch_queue_t, copy), {to, from, e.value(bytes)});
  }
  void clear(Value at, Ix bytes) override {
    ask(offsetof(etch_queue_t, clear), {at, e.value(bytes)});
  }
  Ix readNumber(Value at) override {
    return Ix(e.loadRaw(e.getI64Type(), readTo(at, 8), 8));
  }
  Value readFlag(Value at) override {
    return e.load(readTo(at, 1), 1, e.getI1Type(), Lanes());
  }
  void writeNumber(Ix number, Value at) override {
    flags |= ETCH_MODULE_READS; // no graph can hold it
    e.storeRaw(e.value(number), here, 8);
    ask(offsetof(etch_queue_t, write), {at, here, e.value(8)});
  }
  Value cell() override {
    int64_t number = numCells++;
    return measures ? Value(e.make<LLVM::ZeroOp>(e.ptrType()))
                    : e.atByte(cells, kCellBytes * number);
  }
  Value constant(memref::GetGlobalOp op) override;
  Value errorCode() override {
    if (!canFail())
      return Value();
    return e.loadRaw(e.getI32Type(), readTo(error(), 4), 4);
  }
  bool canFail() {
    return llvm::any_of(kernels.entries,
                        [](auto &k) { return k.kernel->canFail; });
  }
  Value queueField(int64_t offset) {
    return e.loadRaw(e.ptrType(), e.atByte(queue, offset), 8);
  }
  Value error() { return queueField(offsetof(etch_queue_t, error)); }
  /// Calls a function of the queue.
  Value ask(int64_t function, ArrayRef<Value> operands, Type result = Type());
  /// The host's copy.
  Value readTo(Value at, int64_t bytes) {
    flags |= ETCH_MODULE_READS;
    ask(offsetof(etch_queue_t, read), {here, at, e.value(bytes)});
    return here;
  }

  size_t numberOf(device::LaunchOp op) {
    return kernels.numbers.lookup(op.getKernel());
  }
  Value number(int64_t v) {
    return e.constant(e.getI32IntegerAttr(int32_t(v)));
  }
  /// A library's descriptor: fields by their places.
  void set(int64_t offset, Value value) {
    e.storeRaw(value, e.atByte(work, offset), 0);
  }
  void set(int64_t offset, Ix value) { set(offset, e.value(value)); }
  /// What a library is asked to make of a product.
  struct Wish {
    Value y, bias, aux, sums; ///< null: none
    int32_t activation = ETCH_NO_ACTIVATION;
    int32_t sumsOf = 1;   ///< as bias_grad_of
    int32_t required = 0; ///< of ETCH_DONE…: all of it, or nothing
    int32_t stored = 0;   ///< of y and the bias: ETCH_Y_BF16…
  };
  Wish wishFor(const LibraryWork &w, ArrayRef<View> operands, Value y,
               device::LaunchOp op);
  void addBias(Wish &wish, const LibraryWork &w, ArrayRef<View> operands,
               device::LaunchOp op);
  Ix product(const LibraryWork &w, ArrayRef<View> operands, const Wish &wish,
             device::LaunchOp op);
  void withGelu(Kernels::Entry &entry, ArrayRef<View> operands,
                device::LaunchOp op, GeluPair pair, function_ref<void()> alone);
  Ix convolution(const LibraryWork &w, ArrayRef<View> operands, Value y,
                 bool whole, device::LaunchOp op);
  void byLibrary(Kernels::Entry &entry, ArrayRef<View> operands,
                 device::LaunchOp op);
  void grids(size_t number, ArrayRef<View> operands, int64_t site);
  Ix scratchOf(const Kernels::Entry &entry, ArrayRef<View> operands);

  Kernels &kernels;
  Value queue, self, here, scratch, cells, kept, work;
  Ix scratchBytes, keptBytes;
  int64_t numCells = 0;
  /// Of a launch whose relu leaves its mask for another one, and the reverse.
  DenseMap<Operation *, Operation *> maskOf, maskFor;
  /// A sum that the product beside it may do, and the reverse.
  DenseMap<Operation *, device::LaunchOp> sumOf;
  DenseMap<Operation *, Operation *> summedBy;
  DenseMap<Operation *, Ix> done; ///< by the library, of launches in main
  /// By the product; the launches that these see to.
  DenseMap<Operation *, GeluPair> gelus;
  DenseSet<Operation *> seenTo;
  DenseMap<Operation *, int64_t> launchNumbers; ///< of profiles
};

} // namespace

void HostPart::emitTo(Value scratchMemory, Value cellMemory, Value keptMemory,
                      int64_t mostSlots) {
  measures = false;
  scratch = scratchMemory;
  cells = cellMemory;
  kept = keptMemory;
  numCells = 0;
  queue = field(offsetof(etch_call_t, queue), e.ptrType(), 8);
  self = queueField(offsetof(etch_queue_t, self));
  slots = e.stack(e.getI64Type(), mostSlots);
  if (kernels.libraries)
    work = e.stack(e.getI64Type(), 32);
  here = e.stack(e.getI64Type(), 2, 16);
  if (canFail())
    flags |= ETCH_MODULE_CAN_FAIL;
}

Value HostPart::ask(int64_t function, ArrayRef<Value> operands, Type result) {
  Type none = LLVM::LLVMVoidType::get(e.getContext());
  SmallVector<Type> types = {e.ptrType()};
  SmallVector<Value> all = {queueField(function), self};
  for (Value operand : operands) {
    types.push_back(operand.getType());
    all.push_back(operand);
  }
  auto type = LLVM::LLVMFunctionType::get(result ? result : none, types);
  auto call = e.make<LLVM::CallOp>(type, all);
  return result ? call.getResult() : Value();
}

Value HostPart::constant(memref::GetGlobalOp op) {
  if (measures)
    return e.make<LLVM::ZeroOp>(e.ptrType());
  auto type = cast<MemRefType>(op.getType());
  Value bytes =
      e.value(type.getNumElements() * e.bytesOf(type.getElementType()));
  Value data = e.make<LLVM::AddressOfOp>(e.ptrType(), op.getName());
  return ask(offsetof(etch_queue_t, constant), {data, bytes}, e.ptrType());
}

//===----------------------------------------------------------------------===//
// What launches have for one another
//===----------------------------------------------------------------------===//

/// The one launch, in front of `op`, that writes a buffer.
static device::LaunchOp makerOf(Value buffer, device::LaunchOp op) {
  device::LaunchOp made;
  for (Operation *user : buffer.getUsers()) {
    auto launch = dyn_cast<device::LaunchOp>(user);
    bool reads = launch && !llvm::is_contained(launch.getOuts(), buffer);
    if (reads || isPure(user))
      continue;
    if (!launch || made || launch->getBlock() != op->getBlock() ||
        !launch->isBeforeInBlock(op))
      return {};
    made = launch;
  }
  return made;
}

void HostPart::pair(func::FuncOp source) {
  auto workOf = [&](device::LaunchOp op) -> LibraryWork * {
    auto found = kernels.numbers.find(op.getKernel());
    if (found == kernels.numbers.end())
      return nullptr;
    auto &w = kernels.entries[found->second].library;
    return w && w->whole && w->isProduct() ? &*w : nullptr;
  };
  if (kernels.libraries)
    for (GeluPair &pair :
         findGelus(source.getBody().front(), [&](device::LaunchOp op) {
           return kernels.entries[numberOf(op)].library
                      ? &*kernels.entries[numberOf(op)].library
                      : nullptr;
         })) {
      seenTo.insert(pair.rest);
      gelus[pair.product] = pair;
    }
  for (auto op : source.getBody().front().getOps<device::LaunchOp>()) {
    LibraryWork *w = workOf(op);
    if (!w || gelus.contains(op))
      continue;
    device::LaunchOp made = w->mask < 0
                                ? device::LaunchOp()
                                : makerOf(op.getIns()[unsigned(w->mask)], op);
    if (LibraryWork *first = made ? workOf(made) : nullptr;
        first && first->activation == ETCH_RELU && !maskFor.contains(made)) {
      maskOf[op] = made;
      maskFor[made] = op;
    }
    // A sum of the operand on the right or, transposed, of the one on the left,
    // or of a masked result.
    if (w->bias >= 0 || w->activation == ETCH_RELU)
      continue;
    bool masked = w->activation == ETCH_RELU_GRAD;
    if (masked && !maskOf.contains(op))
      continue;
    SmallVector<Value> candidates;
    if (masked) {
      candidates.push_back(op.getOuts()[0]);
    } else {
      if (w->right.axes[0] == 0)
        candidates.push_back(op.getIns()[w->right.argument]);
      if (w->left.axes[0] == 1)
        candidates.push_back(op.getIns()[w->left.argument]);
    }
    for (Value summed : candidates) {
      auto type = cast<MemRefType>(summed.getType());
      if (type.getRank() != 2 || !type.getLayout().isIdentity())
        continue;
      auto isSum = [&](device::LaunchOp launch) {
        return !summedBy.contains(launch) &&
               kernels.entries[numberOf(launch)].columnSum;
      };
      device::LaunchOp sum = sumBeside(op, summed, true, isSum);
      if (!sum && !masked)
        sum = sumBeside(op, summed, false, isSum);
      if (!sum)
        continue;
      sumOf[op] = sum;
      summedBy[sum] = op;
      // Where it is has to be known.
      std::function<void(Value)> hoist = [&](Value v) {
        Operation *made = v.getDefiningOp();
        if (!made || made->getBlock() != op->getBlock() ||
            made->isBeforeInBlock(op))
          return;
        llvm::for_each(made->getOperands(), hoist);
        made->moveBefore(op);
      };
      llvm::for_each(sum->getOperands(), hoist);
      break;
    }
  }
}

//===----------------------------------------------------------------------===//
// Libraries
//===----------------------------------------------------------------------===//

/// Where nothing is.
static Value nowhere(Emit &e) { return e.make<LLVM::ZeroOp>(e.ptrType()); }

/// Whether a buffer has bfloat16.
static bool isHalf(Value buffer) {
  return getElementTypeOrSelf(buffer.getType()).isBF16();
}

void HostPart::addBias(Wish &wish, const LibraryWork &w,
                       ArrayRef<View> operands, device::LaunchOp op) {
  if (w.bias < 0)
    return;
  wish.bias = operands[size_t(w.bias)].pointer;
  if (isHalf(op.getIns()[unsigned(w.bias)]))
    wish.stored |= ETCH_BIAS_BF16;
}

/// All of its kernel, and what launches beside it want of it.
HostPart::Wish HostPart::wishFor(const LibraryWork &w, ArrayRef<View> operands,
                                 Value y, device::LaunchOp op) {
  Wish wish;
  wish.y = y;
  wish.activation = w.activation;
  if (isHalf(op.getOuts()[0]))
    wish.stored |= ETCH_Y_BF16;
  addBias(wish, w, operands, op);
  Operation *mask = maskOf.lookup(op);
  if (maskFor.contains(op)) {
    wish.aux = e.atByte(kept, keptAt.lookup(op));
  } else if (mask) {
    // The mask, if the library has left one.
    Value left = e.compare(arith::CmpIPredicate::ne,
                           e.make<arith::AndIOp>(e.value(done.lookup(mask)),
                                                 e.value(ETCH_DONE_AUX))
                               .getResult(),
                           0);
    wish.aux = e.make<LLVM::SelectOp>(left, e.atByte(kept, keptAt.lookup(mask)),
                                      nowhere(e));
  }
  if (device::LaunchOp sum = sumOf.lookup(op)) {
    wish.sumsOf =
        w.activation == ETCH_RELU_GRAD ? 0
        : beginTogether(sum.getIns()[0], op.getIns()[w.right.argument]) &&
                w.right.axes[0] == 0
            ? 1
            : 2;
    // As many rows as the product has, or all that is summed is another thing.
    size_t rank = w.left.axes.size();
    const View &a = operands[w.left.argument];
    Ix rows = a.extents[size_t(w.left.axes[rank - (wish.sumsOf ? 1 : 2)])];
    const View &from = view(sum.getIns()[0]);
    wish.sums = e.make<LLVM::SelectOp>(
        e.compare(arith::CmpIPredicate::eq, from.extents[1], rows),
        view(sum.getOuts()[0]).pointer, nowhere(e));
  }
  return wish;
}

Ix HostPart::product(const LibraryWork &w, ArrayRef<View> operands,
                     const Wish &wish, device::LaunchOp op) {
  const View &a = operands[w.left.argument], &b = operands[w.right.argument];
  size_t rank = w.left.axes.size();
  auto at = [&](const MatrixOperand &m, const View &v, size_t axis,
                bool stride) -> Ix {
    if (axis == 0 && rank == 2)
      return stride ? 0 : 1;
    auto own = size_t(m.axes[axis - (3 - rank)]);
    return stride ? v.strides[own] : v.extents[own];
  };
  auto orNowhere = [&](Value v) { return v ? v : nowhere(e); };
#define ETCH_AT(member) int64_t(offsetof(etch_product_t, member))
  set(ETCH_AT(y), wish.y);
  set(ETCH_AT(a), a.pointer);
  set(ETCH_AT(b), b.pointer);
  set(ETCH_AT(bias), orNowhere(wish.bias));
  set(ETCH_AT(aux), orNowhere(wish.aux));
  set(ETCH_AT(bias_grad), orNowhere(wish.sums));
  set(ETCH_AT(batch), at(w.left, a, 0, false));
  set(ETCH_AT(m), at(w.left, a, 1, false));
  set(ETCH_AT(n), at(w.right, b, 2, false));
  set(ETCH_AT(k), at(w.left, a, 2, false));
  for (size_t axis = 0; axis < 3; ++axis) {
    set(ETCH_AT(a_strides) + 8 * int64_t(axis), at(w.left, a, axis, true));
    set(ETCH_AT(b_strides) + 8 * int64_t(axis), at(w.right, b, axis, true));
  }
  auto type = cast<RankedTensorType>(w.op->getResult(0).getType());
  set(ETCH_AT(dtype), number(libraryType(type.getElementType())));
  set(ETCH_AT(precision), number(kernels.precision));
  set(ETCH_AT(activation), number(wish.activation));
  set(ETCH_AT(bias_grad_of), number(wish.sumsOf));
  set(ETCH_AT(site), number(cpu::siteOf(op->getLoc())));
  set(ETCH_AT(required), number(wish.required));
  auto ofOperand = [&](const MatrixOperand &m, int32_t flag) {
    return isHalf(op.getIns()[m.argument]) ? flag : 0;
  };
  set(ETCH_AT(stored), number(wish.stored | ofOperand(w.left, ETCH_A_BF16) |
                              ofOperand(w.right, ETCH_B_BF16)));
  set(ETCH_AT(reserved), number(0));
#undef ETCH_AT
  return Value(e.make<arith::ExtUIOp>(
      e.getI64Type(),
      ask(offsetof(etch_queue_t, product), {work}, e.getI32Type())));
}

/// A product and the gelu behind it, or the gradient of one: by the library in
/// one, or `alone` and what `rest` says.
void HostPart::withGelu(Kernels::Entry &entry, ArrayRef<View> operands,
                        device::LaunchOp op, GeluPair pair,
                        function_ref<void()> alone) {
  device::LaunchOp rest = pair.rest;
  Wish wish;
  wish.y = view(rest.getOuts()[pair.result]).pointer;
  bool half = isHalf(rest.getOuts()[pair.result]);
  if (half)
    wish.stored |= ETCH_Y_BF16;
  auto launchRest = [&](device::LaunchOp launch, std::optional<unsigned> lost) {
    Kernels::Entry &each = kernels.entries[numberOf(launch)];
    FailureOr<SmallVector<View>> views = operandsOf(launch, *each.kernel);
    if (failed(views))
      return;
    if (lost)
      (*views)[views->size() - launch.getOuts().size() + *lost].pointer =
          scratch;
    forget();
    grids(each.number, *views, cpu::siteOf(launch.getLoc()));
    forget();
  };
  if (!pair.forward) {
    wish.activation = ETCH_GELU;
    addBias(wish, *entry.library, operands, op);
    if (pair.bias >= 0) {
      Value bias = rest.getIns()[unsigned(pair.bias)];
      wish.bias = view(bias).pointer;
      if (isHalf(bias))
        wish.stored |= ETCH_BIAS_BF16;
    }
    // In z's place nobody reads z, nor with a bias that comes behind.
    if (pair.bias < 0 &&
        !beginTogether(rest.getOuts()[pair.result], op.getOuts()[0])) {
      wish.aux = operands.back().pointer;
      wish.required = ETCH_DONE_AUX;
    }
  } else {
    wish.activation = ETCH_GELU_GRAD;
    wish.aux = view(pair.forward.getOuts()[0]).pointer;
    wish.sumsOf = 0;
    if (pair.sum >= 0) {
      wish.sums = view(rest.getOuts()[unsigned(pair.sum)]).pointer;
      wish.required = ETCH_DONE_BIAS_GRAD;
    }
  }
  auto none = [&](Ix what) {
    return e.compare(arith::CmpIPredicate::eq, what, 0);
  };
  auto inTwo = [&] {
    alone();
    if (pair.forward) {
      // What the forward launch has besides, if the library has left it out.
      GeluPair first = gelus.find(pair.forward)->second;
      if (first.rest.getOuts().size() > 1)
        e.when(
            none(done.lookup(pair.forward)), [] {},
            [&] { launchRest(first.rest, first.result); });
    }
    launchRest(rest, std::nullopt);
  };
  Ix what = product(*entry.library, operands, wish, op);
  // The result's memory may be that of an operand, which is not needed behind
  // the product: then it takes a way round.
  Value end = wish.y;
  wish.y = scratch;
  Value slot = e.stack(e.getI64Type(), 1);
  e.storeRaw(e.value(what), slot, 8);
  e.when(none(what), [&] {
    Ix again = product(*entry.library, operands, wish, op);
    e.storeRaw(e.value(again), slot, 8);
    Ix bytes = half ? 2 : 4;
    for (Ix extent : operands.back().extents)
      bytes = e.mul(bytes, extent);
    e.when(none(again), inTwo, [&] { copy(end, scratch, bytes); });
  });
  done[op] = Ix(e.loadRaw(e.getI64Type(), slot, 8));
}

Ix HostPart::convolution(const LibraryWork &w, ArrayRef<View> operands, Value y,
                         bool whole, device::LaunchOp op) {
  // The library has all in one form; what a kernel of the rest reads is, too.
  auto half = [&](unsigned operand) {
    return isHalf(op.getIns()[w.images.arguments[operand]]);
  };
  if (half(0) != half(1) || (whole && isHalf(op.getOuts()[0]) != half(0)) ||
      (whole && w.bias >= 0 &&
       isHalf(op.getIns()[unsigned(w.bias)]) != half(0)))
    return 0;
#define ETCH_AT(member) int64_t(offsetof(etch_convolution_t, member))
  // Which of the three is the result.
  int result = isa<Conv2dOp>(w.op) ? 2 : isa<Conv2dInputGradOp>(w.op) ? 0 : 1;
  auto argument = [&](int i) -> const View & {
    return operands[w.images.arguments[unsigned(i)]];
  };
  // conv2d(x, w), conv2d_input_grad(y, w), conv2d_weight_grad(x, y).
  static constexpr int operandOf[3][3] = {{-1, 1, 0}, {0, -1, 1}, {0, 1, -1}};
  static constexpr int64_t pointers[3] = {ETCH_AT(x), ETCH_AT(w), ETCH_AT(y)},
                           extents[3] = {ETCH_AT(x_extents), ETCH_AT(w_extents),
                                         ETCH_AT(y_extents)};
  const View &last = operands.back();
  for (int i = 0; i < 3; ++i) {
    const View &v = i == result ? last : argument(operandOf[result][i]);
    set(pointers[i], i == result ? y : v.pointer);
    for (auto [axis, extent] : llvm::enumerate(w.images.toOp(v.extents)))
      set(extents[i] + 8 * int64_t(axis), extent);
  }
  set(ETCH_AT(bias),
      whole && w.bias >= 0 ? operands[size_t(w.bias)].pointer : nowhere(e));
  auto list = [&](StringRef name, int64_t offset) {
    auto values = w.op->getAttrOfType<DenseI64ArrayAttr>(name);
    for (int64_t i = 0; i < 2; ++i)
      set(offset + 8 * i, Ix(values[i]));
  };
  list("stride", ETCH_AT(stride));
  list("pad", ETCH_AT(pad));
  list("dilation", ETCH_AT(dilation));
  set(ETCH_AT(groups), Ix(w.op->getAttrOfType<IntegerAttr>("groups").getInt()));
  auto type = cast<RankedTensorType>(w.op->getResult(0).getType());
  set(ETCH_AT(kind), number(result == 2   ? ETCH_CONVOLUTION
                            : result == 0 ? ETCH_CONVOLUTION_OF_DATA
                                          : ETCH_CONVOLUTION_OF_WEIGHTS));
  set(ETCH_AT(dtype), number(libraryType(type.getElementType())));
  set(ETCH_AT(precision), number(kernels.precision));
  set(ETCH_AT(activation), number(whole ? w.activation : 0));
  set(ETCH_AT(site), number(cpu::siteOf(e.loc)));
  set(ETCH_AT(form), number((w.images.last ? ETCH_CHANNELS_LAST : 0) |
                            (half(0) ? ETCH_STORED_BF16 : 0)));
#undef ETCH_AT
  return Value(e.make<arith::ExtUIOp>(
      e.getI64Type(),
      ask(offsetof(etch_queue_t, convolution), {work}, e.getI32Type())));
}

/// Bytes of what the library makes for a kernel of the rest.
Ix HostPart::scratchOf(const Kernels::Entry &entry, ArrayRef<View> operands) {
  Type element =
      getElementTypeOrSelf(entry.library->op->getResult(0).getType());
  // A convolution leaves it as its operands are stored.
  if (!entry.library->isProduct())
    element = entry.kernel->buffers[entry.library->images.arguments[0]].element;
  Ix bytes = e.bytesOf(element);
  for (Ix extent : operands.back().extents)
    bytes = e.mul(bytes, extent);
  return bytes;
}

void HostPart::byLibrary(Kernels::Entry &entry, ArrayRef<View> operands,
                         device::LaunchOp op) {
  const LibraryWork &w = *entry.library;
  int64_t site = cpu::siteOf(op.getLoc());
  auto attempt = [&](Value y, bool whole) {
    if (!w.isProduct())
      return convolution(w, operands, y, whole, op);
    Wish alone;
    alone.y = y;
    return product(w, operands, whole ? wishFor(w, operands, y, op) : alone,
                   op);
  };
  auto own = [&] {
    forget();
    grids(entry.number, operands, site);
    forget();
  };
  auto none = [&](Ix what) {
    return e.compare(arith::CmpIPredicate::eq, what, 0);
  };
  auto rest = [&] {
    if (!entry.rest)
      return own();
    Ix what = attempt(scratch, false);
    e.when(none(what), own, [&] {
      SmallVector<View> further(operands.drop_back());
      View made = operands.back(); // as large, and dense
      made.pointer = scratch;
      further.push_back(made);
      further.push_back(operands.back());
      forget();
      grids(*entry.rest, further, site);
      forget();
    });
  };
  if (auto pair = gelus.find(op); pair != gelus.end()) {
    return withGelu(entry, operands, op, pair->second, [&] {
      Ix what = attempt(operands.back().pointer, true);
      e.when(none(what), rest);
    });
  }
  // Without a mask there is no gradient of a relu.
  if (!w.whole || (w.mask >= 0 && !maskOf.contains(op)))
    return rest();
  Ix what = attempt(operands.back().pointer, true);
  done[op] = what;
  e.when(none(what), rest);
  // A sum that waited.
  if (device::LaunchOp sum = sumOf.lookup(op)) {
    Ix summed =
        e.make<arith::AndIOp>(e.value(what), e.value(ETCH_DONE_BIAS_GRAD))
            .getResult();
    SmallVector<View> its = {view(sum.getIns()[0]), view(sum.getOuts()[0])};
    e.when(none(summed), [&] {
      forget();
      grids(numberOf(sum), its, cpu::siteOf(sum.getLoc()));
      forget();
    });
  }
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

void HostPart::grids(size_t which, ArrayRef<View> operands, int64_t site) {
  Kernels::Entry &entry = kernels.entries[which];
  Kernel &kernel = *entry.kernel;
  SmallVector<Extents> shapes;
  for (const View &operand : operands)
    shapes.push_back(operand.extents);
  fillSlots(kernel, operands, 0);
  auto count = int64_t(kernel.slots.size());
  put(count, kernel.canFail ? error() : e.value(0));
  int64_t mine = kernel.isCheck ? entry.firstGrid + 1 : 0;
  put(count + 1, e.value(int64_t(uint32_t(site)) | mine << 32));
  put(count + 2, kernel.scratchBytes ? scratch : e.value(0));
  for (auto [n, stage] : llvm::enumerate(kernel.stages)) {
    Ix blocks = stage.blocks(e, shapes);
    if (blocks.is(0))
      continue;
    ++numLaunches;
    ask(offsetof(etch_queue_t, launch),
        {number(entry.firstGrid + int64_t(n)), e.value(blocks), slots,
         number(count + 3), number(site)});
  }
}

/// Tells the queue which launch begins, by its place in the module.
void HostPart::mark(device::LaunchOp op) {
  if (launchNumbers.empty())
    for (auto source : module.getOps<func::FuncOp>())
      source.walk([&](device::LaunchOp each) {
        launchNumbers[each] = int64_t(launchNumbers.size());
      });
  ask(offsetof(etch_queue_t, launch),
      {number(-1), e.value(launchNumbers.lookup(op)), nowhere(e), number(0),
       number(cpu::siteOf(op.getLoc()))});
}

LogicalResult HostPart::launch(device::LaunchOp op) {
  auto found = kernels.numbers.find(op.getKernel());
  if (found == kernels.numbers.end())
    return op.emitError("no kernel of this name");
  Kernels::Entry &entry = kernels.entries[found->second];
  FailureOr<SmallVector<View>> operands = operandsOf(op, *entry.kernel);
  if (failed(operands))
    return failure();
  if (measures) {
    SmallVector<Extents> shapes;
    for (const View &operand : *operands)
      shapes.push_back(operand.extents);
    if (entry.kernel->scratchBytes)
      scratchBytes = e.max(scratchBytes, entry.kernel->scratchBytes(e, shapes));
    if (entry.rest)
      scratchBytes = e.max(scratchBytes, scratchOf(entry, *operands));
    if (auto pair = gelus.find(op); pair != gelus.end()) {
      // A gelu that only comes along (see withGelu()).
      Ix bytes = 4;
      for (Ix extent : operands->back().extents)
        bytes = e.mul(bytes, extent);
      scratchBytes = e.max(scratchBytes, bytes);
    }
    if (maskFor.contains(op)) {
      // A bit for each element, of rows of whole 16 bytes.
      const Extents &y = operands->back().extents;
      keptAt[op] = keptBytes;
      keptBytes = e.roundUp(
          e.add(keptBytes, e.mul(e.mul(e.ceilDiv(y[1], 128), 16), y[0])), 64);
    }
    return success();
  }
  if (summedBy.contains(op) || seenTo.contains(op))
    return success(); // its product sees to it
  if (kernels.profile)
    mark(op);
  if (entry.library)
    byLibrary(entry, *operands, op);
  else
    grids(entry.number, *operands, cpu::siteOf(op.getLoc()));
  return success();
}

FailureOr<cpu::EntryPoints> etch::cuda::emitEntryPoints(ModuleOp module,
                                                        Kernels &kernels) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  auto bytes = module.lookupSymbol<func::FuncOp>("arena_bytes");
  if (!main)
    return module.emitError("no function main"), failure();
  main.setSymName("description.main");
  if (bytes)
    bytes.setSymName("description.arena_bytes");

  Emit e(module.getContext(), UnknownLoc::get(module.getContext()));
  e.setInsertionPointToEnd(module.getBody());
  cpu::EntryPoints entry;
  int64_t mostSlots = 3;
  for (Kernels::Entry &each : kernels.entries) {
    each.firstGrid = int64_t(entry.grids.size());
    auto count = int64_t(each.kernel->slots.size()) + 3;
    mostSlots = std::max(mostSlots, count);
    for (Stage &stage : each.kernel->stages)
      entry.grids.push_back(
          {stage.function.getName().str(), stage.threads, count});
  }
  entry.arenaBytes =
      cpu::makeFunction(e, "etch.arena_bytes", e.getI64Type(), {e.ptrType()});
  entry.run = cpu::makeFunction(e, "etch.run", e.getI32Type(), {e.ptrType()});

  // The planned part of the arena, scratch memory, cells, what pairs keep.
  struct Sizes {
    Ix planned, cells, kept, total;
    DenseMap<Operation *, Ix> keptAt;
  };
  auto measure = [&](LLVM::LLVMFuncOp function) -> FailureOr<Sizes> {
    Sizes sizes;
    HostPart in(module, kernels, function);
    in.setArena(in.e.make<LLVM::ZeroOp>(in.e.ptrType()));
    if (bytes) {
      if (failed(in.body(bytes, sizes.planned)))
        return failure();
    } else if (auto attr =
                   module->getAttrOfType<IntegerAttr>("etch.arena_bytes")) {
      sizes.planned = attr.getInt();
    }
    Ix unused;
    in.pair(main);
    if (failed(in.body(main, unused)))
      return failure();
    sizes.planned = in.e.roundUp(sizes.planned, 64);
    sizes.cells = in.e.add(sizes.planned, in.scratchNeeded());
    sizes.kept = in.e.roundUp(in.e.add(sizes.cells, in.cellsNeeded()), 64);
    sizes.total = in.e.add(sizes.kept, in.keptNeeded());
    sizes.keptAt = in.keptAt;
    return sizes;
  };
  FailureOr<Sizes> sizes = measure(entry.arenaBytes);
  if (failed(sizes))
    return failure();
  e.setInsertionPointToEnd(&entry.arenaBytes.getBody().front());
  e.make<LLVM::ReturnOp>(ValueRange{e.value(sizes->total)});

  sizes = measure(entry.run);
  HostPart in(module, kernels, entry.run);
  Emit &r = in.e;
  Value error = r.atByte(in.call, offsetof(etch_call_t, error));
  auto setCode = [&](int32_t code) {
    r.storeRaw(r.constant(r.getI32IntegerAttr(code)), error, 4);
  };
  setCode(ETCH_ERROR_ARGUMENT);
  r.storeRaw(r.constant(r.getI32IntegerAttr(-1)),
             r.atByte(error, offsetof(etch_error_t, site)), 4);
  Value queue = in.field(offsetof(etch_call_t, queue), r.ptrType(), 8);
  Value null = r.make<LLVM::ZeroOp>(r.ptrType());
  Value there = r.make<LLVM::ICmpOp>(LLVM::ICmpPredicate::ne, queue, null);
  Value given = in.field(offsetof(etch_call_t, arena_bytes), r.getI64Type(), 8);
  Value enough = r.compare(arith::CmpIPredicate::uge, Ix(given), sizes->total);
  if (int64_t bytes = cpu::preparedBytes(module)) {
    Value kept =
        in.field(offsetof(etch_call_t, prepared_bytes), r.getI64Type(), 8);
    enough = r.make<arith::AndIOp>(
        enough, r.compare(arith::CmpIPredicate::uge, Ix(kept), Ix(bytes)));
  }
  auto outer = r.make<scf::IfOp>(TypeRange(), there, false);
  r.setInsertionPointToStart(outer.thenBlock());
  auto branch = r.make<scf::IfOp>(TypeRange(), enough, true);
  r.setInsertionPointToStart(branch.elseBlock());
  setCode(ETCH_ERROR_MEMORY);
  r.setInsertionPointToStart(branch.thenBlock());
  setCode(ETCH_OK);
  Value arena = in.field(offsetof(etch_call_t, arena), r.ptrType(), 8);
  in.setArena(arena);
  in.pair(main);
  in.keptAt = sizes->keptAt;
  in.emitTo(r.atByte(arena, sizes->planned), r.atByte(arena, sizes->cells),
            r.atByte(arena, sizes->kept), mostSlots);
  Ix unused;
  if (failed(in.body(main, unused)))
    return failure();
  r.setInsertionPointAfter(outer);
  r.make<LLVM::ReturnOp>(ValueRange{r.loadRaw(r.getI32Type(), error, 4)});
  entry.numLaunches = in.numLaunches;
  entry.flags = in.flags;
  return entry;
}
