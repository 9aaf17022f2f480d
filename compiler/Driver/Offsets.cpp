//===- Offsets.cpp - Offsets in loops grow by steps -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Offsets.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/PatternMatch.h"

using namespace llvm;
using namespace llvm::PatternMatch;

/// The factor of `product` = counter * factor, if an address cannot scale by
/// it; else null.
static Value *factorOf(Instruction *product, PHINode *counter,
                       const Loop &loop) {
  const APInt *shift;
  if (match(product, m_Shl(m_Specific(counter), m_APInt(shift))))
    return shift->ugt(3) && shift->ult(32)
               ? ConstantInt::get(counter->getType(),
                                  uint64_t(1) << shift->getZExtValue())
               : nullptr;
  Value *factor;
  if (match(product, m_c_Mul(m_Specific(counter), m_Value(factor))) &&
      factor != counter && loop.isLoopInvariant(factor))
    return factor;
  return nullptr;
}

/// Replaces products of a counter that grows by `step`.
static bool stepProducts(PHINode *counter, Value *step, const Loop &loop) {
  BasicBlock *latch = loop.getLoopLatch(), *entry = loop.getLoopPredecessor();
  SmallVector<std::pair<Instruction *, Value *>> products;
  for (User *user : counter->users()) {
    auto *product = cast<Instruction>(user);
    if (loop.contains(product))
      if (Value *factor = factorOf(product, counter, loop))
        products.push_back({product, factor});
  }
  SmallDenseMap<Value *, PHINode *> offsets; // of each factor
  for (auto [product, factor] : products) {
    PHINode *&offset = offsets[factor];
    if (!offset) {
      IRBuilder<> before(entry->getTerminator());
      Value *start =
          before.CreateMul(counter->getIncomingValueForBlock(entry), factor);
      Value *by = before.CreateMul(step, factor);
      offset =
          PHINode::Create(counter->getType(), 2, "", counter->getIterator());
      IRBuilder<> behind(latch->getTerminator());
      offset->addIncoming(start, entry);
      offset->addIncoming(behind.CreateAdd(offset, by), latch);
    }
    product->replaceAllUsesWith(offset);
    product->eraseFromParent();
  }
  return !products.empty();
}

/// Where several addresses have a place that moves with the counter in common
/// and constants between them, a pointer moves. With one register and a
/// constant for its address, an operand in memory costs no further
/// micro-operation.
static bool movePointers(PHINode *counter, Value *step, const Loop &loop) {
  constexpr size_t worthwhile = 3, mostPointers = 3;
  const DataLayout &layout = counter->getDataLayout();
  struct Access {
    GetElementPtrInst *address;
    APInt offset;
  };
  MapVector<std::pair<Value *, uint64_t>, SmallVector<Access>> groups;
  for (User *user : counter->users()) {
    auto *address = dyn_cast<GetElementPtrInst>(user);
    if (!address || !loop.contains(address) || address->getNumIndices() != 1 ||
        address->getOperand(1) != counter || address->getType()->isVectorTy())
      continue;
    Value *base = address->getPointerOperand();
    APInt offset(64, 0);
    base = base->stripAndAccumulateConstantOffsets(layout, offset,
                                                   /*AllowNonInbounds=*/true);
    uint64_t scale = layout.getTypeAllocSize(address->getSourceElementType());
    if (loop.isLoopInvariant(base))
      groups[{base, scale}].push_back({address, offset});
  }
  groups.remove_if([](auto &g) { return g.second.size() < worthwhile; });
  if (groups.empty() || groups.size() > mostPointers)
    return false;
  BasicBlock *latch = loop.getLoopLatch(), *entry = loop.getLoopPredecessor();
  for (auto &[place, accesses] : groups) {
    auto [base, scale] = place;
    IRBuilder<> before(entry->getTerminator()), behind(latch->getTerminator());
    auto bytes = [&](Value *count) {
      return before.CreateMul(count,
                              ConstantInt::get(counter->getType(), scale));
    };
    PHINode *pointer =
        PHINode::Create(base->getType(), 2, "", counter->getIterator());
    pointer->addIncoming(
        before.CreatePtrAdd(base,
                            bytes(counter->getIncomingValueForBlock(entry))),
        entry);
    pointer->addIncoming(behind.CreatePtrAdd(pointer, bytes(step)), latch);
    for (auto &[address, offset] : accesses) {
      IRBuilder<> here(address);
      address->replaceAllUsesWith(
          here.CreatePtrAdd(pointer, here.getInt(offset)));
      address->eraseFromParent();
    }
  }
  return true;
}

/// The integers of a loop's header that grow by what the loop does not change.
static SmallVector<std::pair<PHINode *, Value *>> countersOf(const Loop &loop) {
  SmallVector<std::pair<PHINode *, Value *>> counters;
  for (PHINode &phi : loop.getHeader()->phis()) {
    Value *step;
    if (phi.getType()->isIntegerTy(64) &&
        match(phi.getIncomingValueForBlock(loop.getLoopLatch()),
              m_c_Add(m_Specific(&phi), m_Value(step))) &&
        loop.isLoopInvariant(step))
      counters.push_back({&phi, step});
  }
  return counters;
}

PreservedAnalyses
etch::driver::StepOffsets::run(Function &function,
                               FunctionAnalysisManager &analyses) {
  bool changed = false;
  for (Loop *loop :
       analyses.getResult<LoopAnalysis>(function).getLoopsInPreorder()) {
    BasicBlock *latch = loop->getLoopLatch();
    if (!loop->isInnermost() || !latch || !loop->getLoopPredecessor())
      continue;
    for (auto [counter, step] : countersOf(*loop))
      changed |= stepProducts(counter, step, *loop);
    for (auto [counter, step] : countersOf(*loop))
      changed |= movePointers(counter, step, *loop);
  }
  if (!changed)
    return PreservedAnalyses::all();
  PreservedAnalyses kept;
  kept.preserveSet<CFGAnalyses>();
  return kept;
}
