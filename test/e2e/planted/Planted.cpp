//===- Planted.cpp - a compiler with a fault ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of a compiler library that only the test of random programs loads. The
// environment's ETCH_PLANT names the fault: each is one that compilers have
// had, made in the program behind the pass where it belongs. One-op programs,
// those of eager mode, are left alone.
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Pipelines.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

#include <cstdlib>

using namespace mlir;
using namespace etch;

namespace {
struct Fault {
  const char *name;
  const char *pass; ///< behind which it is made
  void (*make)(ModuleOp);
};
} // namespace

/// Visits all ops of one kind; they may be replaced.
template <class OpT>
static void each(ModuleOp module, llvm::function_ref<void(OpT)> visit) {
  SmallVector<OpT> ops;
  module.walk([&](OpT op) { ops.push_back(op); });
  llvm::for_each(ops, visit);
}

static void swapOperands(Operation *op) {
  Value a = op->getOperand(0), b = op->getOperand(1);
  if (a.getType() != b.getType())
    return;
  op->setOperand(0, b);
  op->setOperand(1, a);
}

static RankedTensorType typeOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType());
}

static Value splat(OpBuilder &b, Value like, double value) {
  return buildSplat(b, like.getLoc(), value, like);
}

/// Behind `op`, which gives way to what `make` gives.
template <class OpT>
static void rewrite(ModuleOp module,
                    llvm::function_ref<Value(OpBuilder &, OpT)> make) {
  each<OpT>(module, [&](OpT op) {
    OpBuilder b(op);
    b.setInsertionPointAfter(op);
    // What is made may read `op` itself.
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : op->getResult(0).getUses())
      uses.push_back(&use);
    Value y = make(b, op);
    if (y && y.getType() == op->getResult(0).getType())
      for (OpOperand *use : uses)
        use->set(y);
  });
}

static bool isBackward(Operation *op) { return op->hasAttr(kBackwardAttr); }

static const Fault faults[] = {
    // Rules of gradients and of algebra.
    {"sub-swapped", "etch-recompute-kept",
     [](ModuleOp m) { each<SubOp>(m, [](SubOp op) { swapOperands(op); }); }},
    {"div-swapped", "etch-recompute-kept",
     [](ModuleOp m) { each<DivOp>(m, [](DivOp op) { swapOperands(op); }); }},
    {"gradient-term-dropped", "etch-hoist",
     [](ModuleOp m) {
       rewrite<AddOp>(m, [](OpBuilder &, AddOp op) -> Value {
         return isBackward(op) ? op.getLhs() : Value();
       });
     }},
    {"last-use-dropped", "etch-hoist",
     [](ModuleOp m) {
       rewrite<AddOp>(m, [](OpBuilder &, AddOp op) -> Value {
         return isBackward(op) ? op.getRhs() : Value();
       });
     }},
    {"sign-of-zero", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<NegOp>(m, [](OpBuilder &b, NegOp op) -> Value {
         return SubOp::create(b, op.getLoc(), splat(b, op.getX(), 0),
                              op.getX());
       });
     }},
    {"reassociated", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<AddOp>(m, [](OpBuilder &b, AddOp op) -> Value {
         auto inner = op.getLhs().getDefiningOp<AddOp>();
         if (!inner)
           inner = op.getRhs().getDefiningOp<AddOp>();
         if (!inner)
           return {};
         Value c =
             inner == op.getLhs().getDefiningOp() ? op.getRhs() : op.getLhs();
         Value sum = AddOp::create(b, op.getLoc(), inner.getRhs(), c);
         return AddOp::create(b, op.getLoc(), inner.getLhs(), sum);
       });
     }},
    {"division-by-reciprocal", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<DivOp>(m, [](OpBuilder &b, DivOp op) -> Value {
         Value one = splat(b, op.getRhs(), 1);
         Value r = DivOp::create(b, op.getLoc(), one, op.getRhs());
         return MulOp::create(b, op.getLoc(), op.getLhs(), r);
       });
     }},
    {"fma-contraction", "etch-recompute-kept",
     [](ModuleOp m) {
       // As if a*b were not rounded: for f32, computed in f64.
       rewrite<AddOp>(m, [](OpBuilder &b, AddOp op) -> Value {
         auto product = op.getLhs().getDefiningOp<MulOp>();
         if (!product || !typeOf(op).getElementType().isF32())
           return {};
         auto wide =
             RankedTensorType::get(typeOf(op).getShape(), b.getF64Type());
         auto widen = [&](Value x) -> Value {
           return CastOp::create(b, op.getLoc(), wide, x, "f64");
         };
         Value ab = MulOp::create(b, op.getLoc(), widen(product.getLhs()),
                                  widen(product.getRhs()));
         Value y = AddOp::create(b, op.getLoc(), ab, widen(op.getRhs()));
         return CastOp::create(b, op.getLoc(), op.getType(), y, "f32");
       });
     }},
    {"lost-mask", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<SelectOp>(
           m, [](OpBuilder &, SelectOp op) -> Value { return op.getLhs(); });
     }},
    {"ties-lost", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<LessEqualOp>(m, [](OpBuilder &b, LessEqualOp op) -> Value {
         return LessOp::create(b, op.getLoc(), op.getType(), op.getLhs(),
                               op.getRhs());
       });
       rewrite<EqualOp>(m, [](OpBuilder &b, EqualOp op) -> Value {
         return LessOp::create(b, op.getLoc(), op.getType(), op.getLhs(),
                               op.getRhs());
       });
     }},
    {"wrong-init-of-max", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<MaxOp>(m, [](OpBuilder &b, MaxOp op) -> Value {
         return MaximumOp::create(b, op.getLoc(), op, splat(b, op, 0));
       });
     }},
    // Merging and literals.
    {"attributes-ignored-in-merging", "etch-recompute-kept",
     [](ModuleOp m) {
       m.walk([](Block *block) {
         SmallVector<Operation *> seen;
         for (Operation &op : *block) {
           if (op.getNumOperands() == 0 || op.getNumResults() != 1 ||
               op.getNumRegions())
             continue;
           for (Operation *other : seen)
             if (other->getName() == op.getName() &&
                 llvm::equal(other->getOperands(), op.getOperands()) &&
                 other->getResultTypes() == op.getResultTypes())
               op.replaceAllUsesWith(other);
           seen.push_back(&op);
         }
       });
     }},
    {"literals-mixed-up", "etch-recompute-kept",
     [](ModuleOp m) {
       auto main = m.lookupSymbol<func::FuncOp>("main");
       Value first;
       for (unsigned i = 0; i < main.getNumArguments(); ++i) {
         if (!main.getArgAttr(i, kLiteralAttr))
           continue;
         Value x = main.getArgument(i);
         if (first && first.getType() == x.getType())
           x.replaceAllUsesWith(first);
         else if (!first)
           first = x;
       }
     }},
    // Views.
    {"slice-off-by-one", "etch-recompute-kept",
     [](ModuleOp m) {
       each<SliceOp>(m, [](SliceOp op) {
         SmallVector<int64_t> starts(op.getStarts());
         for (auto [s, step] : llvm::zip_equal(starts, op.getSteps()))
           s = s > 0 && step > 0 ? s - 1 : s;
         op.setStarts(starts);
       });
     }},
    {"transpose-lost", "etch-recompute-kept",
     [](ModuleOp m) {
       rewrite<TransposeOp>(m, [](OpBuilder &b, TransposeOp op) -> Value {
         if (!op.getType().hasStaticShape())
           return {};
         return ReshapeOp::create(b, op.getLoc(), op.getType(), op.getX(),
                                  ValueRange(), op.getType().getShape());
       });
     }},
    {"product-swapped", "etch-recompute-kept",
     [](ModuleOp m) {
       each<MatmulOp>(m, [](MatmulOp op) { swapOperands(op); });
     }},
    // Loops and branches.
    {"last-iteration-dropped", "etch-recompute-kept",
     [](ModuleOp m) {
       each<LoopOp>(m, [](LoopOp op) {
         if (op.getXs().empty() && op.getYs().empty() &&
             op.getBound().value_or(0) > 1)
           op.setMaxIterations(uint64_t(*op.getBound() - 1));
       });
     }},
    {"wrong-way-round", "etch-recompute-kept",
     [](ModuleOp m) {
       each<LoopOp>(m, [](LoopOp op) {
         if (!op.hasCondition())
           op.setReverse(!op.getReverse());
       });
     }},
    {"branches-swapped", "etch-recompute-kept",
     [](ModuleOp m) {
       each<CondOp>(m, [](CondOp op) {
         Region kept;
         kept.takeBody(op.getThen());
         op.getThen().takeBody(op.getOtherwise());
         op.getOtherwise().takeBody(kept);
       });
     }},
    {"variant-hoisted", "etch-recompute-kept",
     [](ModuleOp m) {
       // The first op on a state is computed with its initial value.
       each<LoopOp>(m, [](LoopOp op) {
         if (op.hasCondition() || op.getInits().empty())
           return;
         Value state = op.getStates()[0];
         op.getCapturesMutable().append(op.getInits()[0]);
         Value stale = op.getBody().addArgument(state.getType(), op.getLoc());
         for (Operation &part : op.getBodyBlock().without_terminator())
           if (llvm::is_contained(part.getOperands(), state)) {
             part.replaceUsesOfWith(state, stale);
             return;
           }
       });
     }},
    // The plan of memory.
    {"lives-overlap", "etch-bufferize",
     [](ModuleOp m) {
       auto main = m.lookupSymbol<func::FuncOp>("main");
       SmallVector<memref::ViewOp> views;
       main.walk([&](memref::ViewOp view) {
         if (view.getType().getElementType().isF32() ||
             view.getType().getElementType().isF64())
           views.push_back(view);
       });
       for (size_t i = 1; i < views.size(); ++i)
         if (views[i].getByteShift().getDefiningOp() &&
             views[0]->getBlock() == views[i]->getBlock())
           views[i].getByteShiftMutable().assign(views[0].getByteShift());
     }},
    {"copy-dropped", "etch-bufferize",
     [](ModuleOp m) {
       each<memref::CopyOp>(m, [](memref::CopyOp op) { op.erase(); });
     }},
    {"launches-swapped", "etch-bufferize",
     [](ModuleOp m) {
       device::LaunchOp first;
       m.walk([&](device::LaunchOp op) {
         if (first && first->getBlock() == op->getBlock()) {
           first->moveAfter(op);
           first = nullptr;
         } else {
           first = op;
         }
       });
     }},
    {"kernel-arguments-swapped", "etch-bufferize",
     [](ModuleOp m) {
       each<device::LaunchOp>(m, [](device::LaunchOp op) {
         if (op.getIns().size() > 1)
           swapOperands(op);
       });
     }},
    // Accesses beside a buffer: AddressSanitizer finds them (see ../address).
    {"buffer-too-far-address", "etch-bufferize",
     [](ModuleOp m) {
       memref::ViewOp last;
       m.lookupSymbol<func::FuncOp>("main").walk([&](memref::ViewOp view) {
         if (view.getType().getElementType().isF32() ||
             view.getType().getElementType().isF64())
           last = view;
       });
       if (!last)
         return;
       OpBuilder b(last);
       Value size = arith::ConstantIndexOp::create(
           b, last.getLoc(), last.getType().getElementTypeBitWidth() / 8);
       last.getByteShiftMutable().assign(
           arith::AddIOp::create(b, last.getLoc(), last.getByteShift(), size));
     }},
    {"arena-too-small-address", "etch-bufferize",
     [](ModuleOp m) {
       auto size = m.lookupSymbol<func::FuncOp>("arena_bytes");
       Operation *end = size.getBody().front().getTerminator();
       OpBuilder b(end);
       Value bytes = end->getOperand(0);
       auto constant = [&](int64_t n) -> Value {
         return arith::ConstantOp::create(b, end->getLoc(),
                                          b.getIntegerAttr(bytes.getType(), n));
       };
       Value less =
           arith::SubIOp::create(b, end->getLoc(), bytes, constant(64));
       end->setOperand(
           0, arith::MaxSIOp::create(b, end->getLoc(), less, constant(0)));
     }},
};

namespace {
struct Plant : PassWrapper<Plant, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Plant)
  explicit Plant(const Fault &fault) : fault(fault) {}
  StringRef getArgument() const override { return "plant"; }
  void runOnOperation() override {
    int size = 0;
    getOperation().walk([&](Operation *op) {
      size += op->getDialect() && op->getDialect()->getNamespace() == "etch" &&
              !op->hasTrait<OpTrait::ConstantLike>();
    });
    if (size > 6)
      fault.make(getOperation());
  }
  const Fault &fault;
};

} // namespace

static void plant() {
  const char *name = std::getenv("ETCH_PLANT");
  for (const Fault &fault : faults)
    if (name && StringRef(name) == fault.name)
      behindOptionalPass = [&fault](OpPassManager &pm, StringRef pass) {
        if (pass == fault.pass)
          pm.addPass(std::make_unique<Plant>(fault));
      };
}

// Entry.cpp gives it under this name here: the client asks for the version
// before anything else.
extern "C" uint32_t etch_planted_version(void);
#undef etch_compiler_version
extern "C" __attribute__((visibility("default")))
uint32_t etch_compiler_version(void) {
  plant();
  return etch_planted_version();
}
