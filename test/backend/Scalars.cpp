//===- Scalars.cpp - Bodies of pointwise ops ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PointwiseOpInterface::emitScalar writes a body in ops of arith and math, each
// of which is one exactly rounded operation: so bits agree by themselves. Sine
// and cosine have an scf.if.
//===----------------------------------------------------------------------===//

#include "test/backend/Arrays.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace etch::backend;

namespace {
class Scalars {
public:
  explicit Scalars(std::string &error) : error(error) {}

  DenseMap<Value, Bits> values;
  void run(Block &block) {
    for (Operation &op : block)
      if (error.empty())
        run(op);
  }

private:
  void run(Operation &op);
  Bits operand(Operation &op, unsigned i) {
    return values.lookup(op.getOperand(i));
  }
  /// f of the operands, as numbers of the first one's type.
  template <class F> void number(Operation &op, F f) {
    Type type = op.getOperand(0).getType();
    values[op.getResult(0)] = dispatch(type, [&](auto z) {
      using T = decltype(z);
      T x = as<T>(operand(op, 0));
      T y = op.getNumOperands() > 1 ? as<T>(operand(op, 1)) : x;
      return bitsOf(T(f(x, y)));
    });
  }
  /// The same, for floats only: integers have no such operation.
  template <class F> void real(Operation &op, F f) {
    number(op, [&](auto x, auto y) {
      if constexpr (std::is_floating_point_v<decltype(x)>)
        return f(x, y);
      else
        return x;
    });
  }
  /// The same on the bits as an unsigned number of the type's width.
  template <class F> void bits(Operation &op, F f) {
    unsigned width = op.getOperand(0).getType().getIntOrFloatBitWidth();
    Bits y = op.getNumOperands() > 1 ? operand(op, 1) : 0;
    Bits all = width == 64 ? ~Bits(0) : (Bits(1) << width) - 1;
    values[op.getResult(0)] = f(operand(op, 0), y) & all;
  }
  /// To the result's type.
  template <class From> void convert(Operation &op, From x) {
    values[op.getResult(0)] = dispatch(op.getResult(0).getType(), [&](auto z) {
      return bitsOf(decltype(z)(x));
    });
  }
  void compare(arith::CmpFOp op);
  void compare(arith::CmpIOp op);

  std::string &error;
};
} // namespace

void Scalars::compare(arith::CmpFOp op) {
  using P = arith::CmpFPredicate;
  bool result = dispatch(op.getLhs().getType(), [&](auto z) {
    auto x = as<decltype(z)>(operand(*op, 0)),
         y = as<decltype(z)>(operand(*op, 1));
    bool unordered = x != x || y != y;
    switch (op.getPredicate()) {
    case P::OEQ:
      return x == y;
    case P::OGT:
      return x > y;
    case P::OGE:
      return x >= y;
    case P::OLT:
      return x < y;
    case P::OLE:
      return x <= y;
    case P::ONE:
      return !unordered && x != y;
    case P::ORD:
      return !unordered;
    case P::UEQ:
      return unordered || x == y;
    case P::UGT:
      return unordered || x > y;
    case P::UGE:
      return unordered || x >= y;
    case P::ULT:
      return unordered || x < y;
    case P::ULE:
      return unordered || x <= y;
    case P::UNE:
      return x != y;
    case P::UNO:
      return unordered;
    default:
      return op.getPredicate() == P::AlwaysTrue;
    }
  });
  values[op] = result;
}

void Scalars::compare(arith::CmpIOp op) {
  using P = arith::CmpIPredicate;
  Bits a = operand(*op, 0), b = operand(*op, 1);
  values[op] = dispatch(op.getLhs().getType(), [&](auto z) {
    auto x = as<decltype(z)>(a), y = as<decltype(z)>(b);
    switch (op.getPredicate()) {
    case P::eq:
      return a == b;
    case P::ne:
      return a != b;
    case P::slt:
      return x < y;
    case P::sle:
      return x <= y;
    case P::sgt:
      return x > y;
    case P::sge:
      return x >= y;
    case P::ult:
      return a < b;
    case P::ule:
      return a <= b;
    case P::ugt:
      return a > b;
    case P::uge:
      return a >= b;
    }
    return false;
  });
}

void Scalars::run(Operation &op) {
  auto as_number = [&](auto f) {
    dispatch(op.getOperand(0).getType(),
             [&](auto z) { f(as<decltype(z)>(operand(op, 0))); });
  };
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](arith::ConstantOp c) {
        if (auto real = dyn_cast<FloatAttr>(c.getValue()))
          values[c] = real.getValue().bitcastToAPInt().getZExtValue();
        else
          values[c] = cast<IntegerAttr>(c.getValue()).getValue().getZExtValue();
      })
      .Case([&](arith::AddFOp) {
        real(op, [](auto x, auto y) { return x + y; });
      })
      .Case([&](arith::SubFOp) {
        real(op, [](auto x, auto y) { return x - y; });
      })
      .Case([&](arith::MulFOp) {
        real(op, [](auto x, auto y) { return x * y; });
      })
      .Case([&](arith::DivFOp) {
        real(op, [](auto x, auto y) { return x / y; });
      })
      .Case([&](arith::NegFOp) { real(op, [](auto x, auto) { return -x; }); })
      .Case([&](math::FmaOp) {
        dispatch(op.getResult(0).getType(), [&](auto z) {
          if constexpr (std::is_floating_point_v<decltype(z)>)
            values[op.getResult(0)] =
                bitsOf(std::fma(as<decltype(z)>(operand(op, 0)),
                                as<decltype(z)>(operand(op, 1)),
                                as<decltype(z)>(operand(op, 2))));
        });
      })
      .Case([&](math::SqrtOp) {
        real(op, [](auto x, auto) { return std::sqrt(x); });
      })
      .Case([&](math::FloorOp) {
        real(op, [](auto x, auto) { return std::floor(x); });
      })
      .Case([&](math::AbsFOp) {
        real(op, [](auto x, auto) { return std::fabs(x); });
      })
      .Case([&](math::RoundEvenOp) {
        real(op, [](auto x, auto) { return std::nearbyint(x); });
      })
      .Case([&](math::CopySignOp) {
        real(op, [](auto x, auto y) { return std::copysign(x, y); });
      })
      .Case([&](arith::AddIOp) {
        bits(op, [](Bits x, Bits y) { return x + y; });
      })
      .Case([&](arith::SubIOp) {
        bits(op, [](Bits x, Bits y) { return x - y; });
      })
      .Case([&](arith::MulIOp) {
        bits(op, [](Bits x, Bits y) { return x * y; });
      })
      .Case([&](arith::AndIOp) {
        bits(op, [](Bits x, Bits y) { return x & y; });
      })
      .Case(
          [&](arith::OrIOp) { bits(op, [](Bits x, Bits y) { return x | y; }); })
      .Case([&](arith::XOrIOp) {
        bits(op, [](Bits x, Bits y) { return x ^ y; });
      })
      .Case([&](arith::ShLIOp) {
        bits(op, [](Bits x, Bits y) { return x << y; });
      })
      .Case([&](arith::ShRUIOp) {
        bits(op, [](Bits x, Bits y) { return x >> y; });
      })
      .Case([&](arith::ShRSIOp) {
        number(op, [](auto x, auto y) {
          return decltype(x)(int64_t(x) >> int64_t(y));
        });
      })
      .Case([&](arith::MaxSIOp) {
        number(op, [](auto x, auto y) { return x > y ? x : y; });
      })
      .Case([&](arith::MinSIOp) {
        number(op, [](auto x, auto y) { return x < y ? x : y; });
      })
      .Case<arith::BitcastOp, arith::ExtUIOp>(
          [&](auto) { values[op.getResult(0)] = operand(op, 0); })
      .Case([&](arith::TruncIOp) {
        unsigned width = op.getResult(0).getType().getIntOrFloatBitWidth();
        values[op.getResult(0)] = operand(op, 0) & ((Bits(1) << width) - 1);
      })
      .Case([&](arith::ExtSIOp) {
        if (op.getOperand(0).getType().isInteger(1))
          convert(op, -int64_t(operand(op, 0)));
        else
          as_number([&](auto x) { convert(op, x); });
      })
      .Case<arith::SIToFPOp, arith::FPToSIOp, arith::ExtFOp, arith::TruncFOp>(
          [&](auto) { as_number([&](auto x) { convert(op, x); }); })
      .Case([&](arith::UIToFPOp) { convert(op, operand(op, 0)); })
      .Case([&](arith::SelectOp) {
        values[op.getResult(0)] = operand(op, operand(op, 0) ? 1 : 2);
      })
      .Case<arith::CmpFOp, arith::CmpIOp>([&](auto c) { compare(c); })
      .Case([&](scf::IfOp choice) {
        Block *taken = operand(op, 0) ? choice.thenBlock() : choice.elseBlock();
        run(*taken);
        for (auto [result, y] : llvm::zip(
                 choice.getResults(), taken->getTerminator()->getOperands()))
          values[result] = values.lookup(y);
      })
      .Case([](scf::YieldOp) {})
      .Default([&](Operation *) {
        error = "no scalar operation " + op.getName().getStringRef().str();
      });
}

Bits etch::backend::evaluateScalar(Block &body, Value result,
                                   ArrayRef<Bits> args, std::string &error) {
  Scalars scalars(error);
  for (auto [argument, x] : llvm::zip_equal(body.getArguments(), args))
    scalars.values[argument] = x;
  scalars.run(body);
  return scalars.values.lookup(result);
}
