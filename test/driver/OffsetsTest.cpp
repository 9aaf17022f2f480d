//===- OffsetsTest.cpp - offsets in loops grow by steps -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Offsets.h"
#include "test/driver/Emit.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"

using namespace llvm;
using namespace etch::test;

namespace {
/// sum of x[64i] * (y[7i] + y[7i+1] + y[7i+2]) + z[si], for begin <= i < end.
const char *text = R"(
define i64 @f(ptr %x, ptr %y, ptr %z, i64 %s, i64 %begin, i64 %end) {
entry:
  %y1 = getelementptr i8, ptr %y, i64 8
  %y2 = getelementptr i8, ptr %y1, i64 8
  %some = icmp slt i64 %begin, %end
  br i1 %some, label %loop, label %done
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %sum = phi i64 [ 0, %entry ], [ %more, %loop ]
  %i64 = shl i64 %i, 6
  %px = getelementptr i64, ptr %x, i64 %i64
  %vx = load i64, ptr %px
  %i7 = mul i64 %i, 7
  %p0 = getelementptr i64, ptr %y, i64 %i7
  %p1 = getelementptr i64, ptr %y1, i64 %i7
  %p2 = getelementptr i64, ptr %y2, i64 %i7
  %v0 = load i64, ptr %p0
  %v1 = load i64, ptr %p1
  %v2 = load i64, ptr %p2
  %v01 = add i64 %v0, %v1
  %v012 = add i64 %v01, %v2
  %is = mul i64 %s, %i
  %pz = getelementptr i64, ptr %z, i64 %is
  %vz = load i64, ptr %pz
  %product = mul i64 %vx, %v012
  %term = add i64 %product, %vz
  %more = add i64 %sum, %term
  %next = add nuw nsw i64 %i, 2
  %again = icmp slt i64 %next, %end
  br i1 %again, label %loop, label %done
done:
  %result = phi i64 [ 0, %entry ], [ %more, %loop ]
  ret i64 %result
}
)";

TEST(StepOffsets, ProductsBecomeSums) {
  LLVMContext context;
  SMDiagnostic diagnostic;
  auto module = parseAssemblyString(text, diagnostic, context);
  ASSERT_TRUE(module) << diagnostic.getMessage().str();
  FunctionAnalysisManager analyses;
  PassBuilder().registerFunctionAnalyses(analyses);
  Function &f = *module->getFunction("f");
  etch::driver::StepOffsets().run(f, analyses);
  EXPECT_FALSE(verifyModule(*module, &errs()));
  int products = 0, pointers = 0;
  for (Instruction &i : instructions(f)) {
    bool inLoop = i.getParent()->getName() == "loop";
    products += inLoop && (i.getOpcode() == Instruction::Shl ||
                           i.getOpcode() == Instruction::Mul);
    pointers += isa<PHINode>(i) && i.getType()->isPointerTy();
  }
  EXPECT_EQ(products, 1); // that of values
  EXPECT_EQ(pointers, 1); // the three neighbours'
}

TEST(StepOffsets, ResultsStay) {
  Loaded library(linkText(emitText(text, "native", /*quick=*/false)));
  auto *f =
      library.function<int64_t(const int64_t *, const int64_t *,
                               const int64_t *, int64_t, int64_t, int64_t)>(
          "f");
  ASSERT_TRUE(f);
  std::vector<int64_t> v(1000);
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = int64_t(i * i % 97);
  for (int64_t begin : {0, 3, 9})
    for (int64_t end : {0, 4, 13}) {
      int64_t expected = 0;
      for (int64_t i = begin; i < end; i += 2) {
        auto at = [&](int64_t n) { return v[size_t(n)]; };
        expected += at(64 * i) * (at(7 * i) + at(7 * i + 1) + at(7 * i + 2)) +
                    at(5 * i);
      }
      EXPECT_EQ(f(v.data(), v.data(), v.data(), 5, begin, end), expected)
          << begin << " " << end;
    }
}
} // namespace
