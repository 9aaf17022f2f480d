//===- Printer.cpp - Code of kernels as CUDA C++ --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Printer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace etch::cuda;
using llvm::Twine;

static int64_t lanesIn(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

std::string Printer::typeName(Type type) {
  type = getElementTypeOrSelf(type);
  if (isa<LLVM::LLVMPointerType>(type))
    return "u8 *";
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (type.isBF16())
    return "u16"; // its bits
  if (type.isInteger(1))
    return "bool";
  if (type.isIndex())
    return "u64";
  return "u" + std::to_string(type.getIntOrFloatBitWidth());
}

static std::string signedName(Type type) {
  type = getElementTypeOrSelf(type);
  return "i" +
         std::to_string(type.isIndex() ? 64 : type.getIntOrFloatBitWidth());
}

std::string Printer::freshName(StringRef stem) {
  return (stem + Twine(numNames++)).str();
}

//===----------------------------------------------------------------------===//
// Literals
//===----------------------------------------------------------------------===//

/// All bits as they are: a float is a hexadecimal literal, or its bits.
std::string Printer::literal(Attribute attr) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (auto number = dyn_cast<FloatAttr>(attr)) {
    APFloat value = number.getValue();
    bool single = number.getType().isF32();
    if (!value.isFinite()) {
      uint64_t bits = value.bitcastToAPInt().getZExtValue();
      out << (single ? "etch_f32(0x" : "etch_f64(0x") << llvm::utohexstr(bits)
          << (single ? "u)" : "ull)");
      return text;
    }
    char digits[64];
    value.convertToHexString(digits, 0, false, APFloat::rmNearestTiesToEven);
    out << (value.isNegative() ? "(" : "") << digits << (single ? "f" : "")
        << (value.isNegative() ? ")" : "");
    return text;
  }
  auto integer = cast<IntegerAttr>(attr);
  APInt value = integer.getValue();
  if (integer.getType().isInteger(1))
    return value.isZero() ? "false" : "true";
  if (value.getActiveBits() > 64)
    out << "(u128(" << value.extractBitsAsZExtValue(64, 64) << "ull) << 64 | "
        << value.extractBitsAsZExtValue(64, 0) << "ull)";
  else
    out << value.getZExtValue() << (value.getBitWidth() > 32 ? "ull" : "u");
  return text;
}

std::string Printer::tableOf(DenseElementsAttr data) {
  std::string &name = tableNames[data];
  if (!name.empty())
    return name;
  name = (functionName + "_table" + Twine(tableNames.size())).str();
  llvm::raw_string_ostream out(tables);
  out << "static __device__ const " << typeName(data.getElementType()) << " "
      << name << "[" << data.getNumElements() << "] = {";
  for (auto [i, value] : llvm::enumerate(data.getValues<Attribute>()))
    out << (i % 4 ? ", " : i ? ",\n  " : "\n  ") << literal(value);
  out << "};\n";
  return name;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

const Printer::Lanes &Printer::lanesOf(Value v) {
  if (auto it = names.find(v); it != names.end())
    return it->second;
  Lanes lanes;
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  assert(constant && "a value is printed before its uses");
  if (auto data = dyn_cast<DenseElementsAttr>(constant.getValue()))
    for (Attribute value : data.getValues<Attribute>())
      lanes.push_back(literal(value));
  else
    lanes.push_back(literal(constant.getValue()));
  return names[v] = lanes;
}

void Printer::define(Value v, ArrayRef<std::string> texts) {
  std::string name = freshName(), type = typeOf(v);
  Lanes lanes;
  for (auto [i, text] : llvm::enumerate(texts)) {
    lanes.push_back(texts.size() == 1 ? name
                                      : (Twine(name) + "_" + Twine(i)).str());
    // Not const: a compiler may look for constants through all of a long chain,
    // once for each use.
    line() << type << " " << lanes.back() << " = " << text << ";\n";
  }
  names[v] = lanes;
}

void Printer::declare(Value v) {
  std::string name = freshName(), type = typeOf(v);
  Lanes lanes;
  int64_t count = lanesIn(v.getType());
  for (int64_t i = 0; i < count; ++i) {
    lanes.push_back(count == 1 ? name : (Twine(name) + "_" + Twine(i)).str());
    line() << type << " " << lanes.back() << ";\n";
  }
  names[v] = lanes;
}

/// All at once: what one target is assigned may be another one.
void Printer::assign(ValueRange targets, ValueRange values) {
  SmallVector<std::pair<std::string, std::string>> moves;
  llvm::StringSet<> assigned;
  for (auto [target, value] : llvm::zip_equal(targets, values)) {
    Lanes to = lanesOf(target), from = lanesOf(value);
    for (auto [t, f] : llvm::zip_equal(to, from))
      if (t != f)
        moves.push_back({t, f});
    for (std::string &t : to)
      assigned.insert(t);
  }
  for (auto &[to, from] : moves)
    if (assigned.contains(from)) {
      std::string copy = freshName("t");
      line() << "auto " << copy << " = " << from << ";\n";
      from = copy;
    }
  for (auto &[to, from] : moves)
    line() << to << " = " << from << ";\n";
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static std::string infix(ArrayRef<std::string> x, StringRef symbol) {
  return (x[0] + " " + symbol + " " + x[1]).str();
}

static std::string called(StringRef function, ArrayRef<std::string> x) {
  return (function + "(" + llvm::join(x, ", ") + ")").str();
}

static std::string compareFloats(arith::CmpFPredicate predicate,
                                 ArrayRef<std::string> x) {
  using P = arith::CmpFPredicate;
  auto is = [&](StringRef symbol) { return infix(x, symbol); };
  auto isNot = [&](StringRef symbol) { return "!(" + infix(x, symbol) + ")"; };
  std::string apart = "(" + is("<") + " || " + is(">") + ")";
  std::string numbers =
      "(" + x[0] + " == " + x[0] + " && " + x[1] + " == " + x[1] + ")";
  switch (predicate) {
  case P::AlwaysFalse:
    return "false";
  case P::AlwaysTrue:
    return "true";
  case P::OEQ:
    return is("==");
  case P::OGT:
    return is(">");
  case P::OGE:
    return is(">=");
  case P::OLT:
    return is("<");
  case P::OLE:
    return is("<=");
  case P::ONE:
    return apart;
  case P::ORD:
    return numbers;
  case P::UEQ:
    return "!" + apart;
  case P::UGT:
    return isNot("<=");
  case P::UGE:
    return isNot("<");
  case P::ULT:
    return isNot(">=");
  case P::ULE:
    return isNot(">");
  case P::UNE:
    return is("!=");
  case P::UNO:
    return "!" + numbers;
  }
  return "";
}

/// `narrow`: neither is negative.
static std::string compareIntegers(arith::CmpIPredicate predicate, Type type,
                                   ArrayRef<std::string> x, bool narrow) {
  using P = arith::CmpIPredicate;
  auto unsignedly = [&](StringRef symbol) { return infix(x, symbol); };
  auto signedly = [&](StringRef symbol) {
    std::string name = signedName(type);
    return name + "(" + x[0] + ") " + symbol.str() + " " + name + "(" + x[1] +
           ")";
  };
  switch (predicate) {
  case P::eq:
    return unsignedly("==");
  case P::ne:
    return unsignedly("!=");
  case P::slt:
    return narrow ? unsignedly("<") : signedly("<");
  case P::sle:
    return narrow ? unsignedly("<=") : signedly("<=");
  case P::sgt:
    return narrow ? unsignedly(">") : signedly(">");
  case P::sge:
    return narrow ? unsignedly(">=") : signedly(">=");
  case P::ult:
    return unsignedly("<");
  case P::ule:
    return unsignedly("<=");
  case P::ugt:
    return unsignedly(">");
  case P::uge:
    return unsignedly(">=");
  }
  return "";
}

std::string Printer::scalar(Operation &op, ArrayRef<std::string> x) {
  Type from = op.getNumOperands() ? op.getOperand(0).getType() : Type();
  Type to = op.getResult(0).getType();
  auto with = [&](StringRef symbol) { return infix(x, symbol); };
  auto call = [&](StringRef name) { return called(name, x); };
  auto asSigned = [&](size_t i) { return signedName(from) + "(" + x[i] + ")"; };
  auto converted = [&](const std::string &text) {
    return typeName(to) + "(" + text + ")";
  };
  // Division by what is no constant goes in 32 bits where it can.
  auto divided = [&](StringRef symbol, StringRef function) {
    bool constant =
        isa_and_nonnull<arith::ConstantOp>(op.getOperand(1).getDefiningOp());
    return constant ? with(symbol) : call(function);
  };
  return llvm::TypeSwitch<Operation *, std::string>(&op)
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) { return with("+"); })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) { return with("-"); })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) { return with("*"); })
      .Case<arith::DivFOp>([&](auto) { return with("/"); })
      .Case<arith::NegFOp>([&](auto) { return "-" + x[0]; })
      .Case<arith::DivUIOp>([&](auto) { return divided("/", "etch_div"); })
      .Case<arith::RemUIOp>([&](auto) { return divided("%", "etch_rem"); })
      .Case<arith::AndIOp>([&](auto) { return with("&"); })
      .Case<arith::OrIOp>([&](auto) { return with("|"); })
      .Case<arith::XOrIOp>([&](auto) { return with("^"); })
      .Case<arith::ShLIOp>([&](auto) { return with("<<"); })
      .Case<arith::ShRUIOp>([&](auto) { return with(">>"); })
      .Case<arith::ShRSIOp>(
          [&](auto) { return converted(asSigned(0) + " >> " + x[1]); })
      .Case<arith::MinSIOp>([&](auto) {
        return asSigned(0) + " < " + asSigned(1) + " ? " + x[0] + " : " + x[1];
      })
      .Case<arith::MaxSIOp>([&](auto) {
        return asSigned(0) + " > " + asSigned(1) + " ? " + x[0] + " : " + x[1];
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp c) {
        return compareIntegers(c.getPredicate(), from, x,
                               isNarrow(c.getLhs()) && isNarrow(c.getRhs()));
      })
      .Case<arith::CmpFOp>(
          [&](arith::CmpFOp c) { return compareFloats(c.getPredicate(), x); })
      .Case<arith::SelectOp, LLVM::SelectOp>(
          [&](auto) { return x[0] + " ? " + x[1] + " : " + x[2]; })
      .Case<arith::BitcastOp, LLVM::BitcastOp>(
          [&](auto) { return "etch_bits<" + typeName(to) + ">(" + x[0] + ")"; })
      .Case<arith::ExtFOp, arith::TruncFOp, arith::ExtUIOp, arith::TruncIOp,
            arith::UIToFPOp, arith::IndexCastUIOp>([&](auto) {
        if (getElementTypeOrSelf(from).isBF16())
          return "etch_f32(u32(" + x[0] + ") << 16)";
        if (getElementTypeOrSelf(to).isBF16())
          return call("etch_bf16");
        // Of a number to i1, the last bit.
        if (getElementTypeOrSelf(to).isInteger(1))
          return "(" + x[0] + " & 1u) != 0";
        return converted(x[0]);
      })
      .Case<arith::ExtSIOp, arith::IndexCastOp>([&](auto) {
        if (getElementTypeOrSelf(from).isInteger(1))
          return x[0] + " ? ~" + converted("0") + " : " + converted("0");
        return converted(signedName(to) + "(" + asSigned(0) + ")");
      })
      .Case<arith::SIToFPOp>([&](auto) { return converted(asSigned(0)); })
      .Case<arith::FPToSIOp>(
          [&](auto) { return converted(signedName(to) + "(" + x[0] + ")"); })
      .Case<math::FmaOp>([&](auto) { return call("etch_fma"); })
      .Case<math::SqrtOp>([&](auto) { return call("etch_sqrt"); })
      .Case<math::AbsFOp>([&](auto) { return call("etch_abs"); })
      .Case<math::FloorOp>([&](auto) { return call("etch_floor"); })
      .Case<math::RoundEvenOp>([&](auto) { return call("etch_rint"); })
      .Case<math::CopySignOp>([&](auto) { return call("etch_copysign"); })
      .Default([](Operation *) { return std::string(); });
}

/// Where a number of 32 bits meets one of 64, or is a part of one, it becomes
/// one first: it would wrap around.
std::string Printer::operandText(Value v, const std::string &lane,
                                 bool narrow) {
  if (!isNarrow(v))
    return lane;
  APInt number;
  if (matchPattern(v, m_ConstantInt(&number)))
    return narrow ? std::to_string(number.getZExtValue()) : lane;
  return narrow ? lane : "u64(" + lane + ")";
}

LogicalResult Printer::lanewise(Operation &op) {
  SmallVector<std::string> texts;
  auto isIndex = [](Value v) { return v.getType().isInteger(64); };
  bool narrow =
      llvm::all_of(op.getOperands(),
                   [&](Value x) { return !isIndex(x) || isNarrow(x); }) &&
      (isa<arith::CmpIOp>(op) || isNarrow(op.getResult(0)));
  for (int64_t lane = 0; lane < lanesIn(op.getResult(0).getType()); ++lane) {
    SmallVector<std::string> x;
    // A division that knows no sign is a shorter one.
    bool divides = narrow && isa<arith::DivUIOp, arith::RemUIOp>(op);
    for (Value operand : op.getOperands()) {
      const Lanes &lanes = lanesOf(operand);
      x.push_back(operandText(
          operand, lanes[lanes.size() == 1 ? 0 : size_t(lane)], narrow));
      if (divides)
        x.back() = "u32(" + x.back() + ")";
    }
    texts.push_back(scalar(op, x));
    if (texts.back().empty())
      return op.emitError("no text for this operation");
  }
  define(op.getResult(0), texts);
  return success();
}

/// Rearrangements of lanes are other names; what is left is arithmetic.
LogicalResult Printer::arithmetic(Operation &op) {
  Value result = op.getResult(0);
  if (isa<vector::BroadcastOp>(op)) {
    std::string lane =
        operandText(op.getOperand(0), one(op.getOperand(0)), false);
    names[result] = Lanes(size_t(lanesIn(result.getType())), lane);
    return success();
  }
  if (auto shuffle = dyn_cast<LLVM::ShuffleVectorOp>(op)) {
    Lanes all = lanesOf(shuffle.getV1()), lanes;
    llvm::append_range(all, lanesOf(shuffle.getV2()));
    for (int32_t lane : shuffle.getMask())
      lanes.push_back(all[size_t(lane)]);
    names[result] = lanes;
    return success();
  }
  if (auto extract = dyn_cast<vector::ExtractOp>(op)) {
    if (extract.getDynamicPosition().empty()) {
      std::string lane =
          lanesOf(extract.getSource())[size_t(extract.getStaticPosition()[0])];
      names[result] = {lane};
      return success();
    }
    auto table = extract.getSource().getDefiningOp<arith::ConstantOp>();
    std::string position = one(extract.getDynamicPosition()[0]);
    if (!table) {
      Lanes lanes = lanesOf(extract.getSource());
      std::string text = lanes.back();
      for (size_t i = lanes.size() - 1; i-- > 0;)
        text = position + " == " + std::to_string(i) + " ? " + lanes[i] +
               " : " + text;
      define(result, {text});
      return success();
    }
    define(result, {tableOf(cast<DenseElementsAttr>(table.getValue())) + "[" +
                    position + "]"});
    return success();
  }
  if (auto extract = dyn_cast<LLVM::ExtractElementOp>(op)) {
    APInt position;
    if (!matchPattern(extract.getPosition(), m_ConstantInt(&position)))
      return op.emitError("an element of a computed vector");
    std::string lane =
        lanesOf(extract.getVector())[size_t(position.getZExtValue())];
    names[result] = {lane};
    return success();
  }
  if (auto insert = dyn_cast<vector::InsertOp>(op)) {
    if (insert.getDynamicPosition().empty())
      return op.emitError("no text for this operation");
    std::string position = one(insert.getDynamicPosition()[0]);
    std::string value = operandText(insert.getValueToStore(),
                                    one(insert.getValueToStore()), false);
    SmallVector<std::string> texts;
    for (auto [i, lane] : llvm::enumerate(lanesOf(insert.getDest())))
      texts.push_back(position + " == " + std::to_string(i) + " ? " + value +
                      " : " + lane);
    define(result, texts);
    return success();
  }
  if (auto reduction = dyn_cast<vector::ReductionOp>(op)) {
    if (reduction.getKind() != vector::CombiningKind::OR)
      return op.emitError("no text for this reduction");
    define(result, {llvm::join(lanesOf(reduction.getVector()), " | ")});
    return success();
  }
  return lanewise(op);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Where a scalar is read or not: `base` holds when the address may be.
static Value conditionOf(Value address, Value &base) {
  auto select = address.getDefiningOp<LLVM::SelectOp>();
  if (!select || !select.getFalseValue().getDefiningOp<LLVM::AllocaOp>())
    return {};
  base = select.getTrueValue();
  return select.getCondition();
}

LogicalResult Printer::memory(Operation &op) {
  auto bytesOf = [](Type type) {
    return int64_t(getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8);
  };
  auto loaded = [&](Type type, const std::string &address) {
    return "etch_load<" + typeName(type) + ">(" + address + ")";
  };
  auto offset = [](const std::string &base, int64_t bytes) {
    return bytes ? base + " + " + std::to_string(bytes) : base;
  };
  if (auto alloca = dyn_cast<LLVM::AllocaOp>(op)) {
    if (llvm::all_of(op.getUsers(),
                     [](Operation *user) { return isa<LLVM::SelectOp>(user); }))
      return success(); // stands for no memory at all
    APInt count;
    if (!matchPattern(alloca.getArraySize(), m_ConstantInt(&count)))
      return op.emitError("memory of unknown size");
    std::string array = freshName("m");
    line() << "alignas(16) " << (op.hasAttr(kSharedAttr) ? "__shared__ " : "")
           << typeName(alloca.getElemType()) << " " << array << "["
           << count.getZExtValue() << "];\n";
    define(alloca, {"(u8 *)" + array});
    return success();
  }
  if (auto select = dyn_cast<LLVM::SelectOp>(op)) {
    Value base;
    if (conditionOf(select, base))
      return success(); // part of the loads from it
    return lanewise(op);
  }
  if (auto gep = dyn_cast<LLVM::GEPOp>(op)) {
    int64_t size = bytesOf(gep.getElemType());
    SmallVector<std::string> texts;
    if (gep.getDynamicIndices().empty()) {
      int64_t index = cast<IntegerAttr>(gep.getIndices()[0]).getInt();
      define(gep, {one(gep.getBase()) + " + " + std::to_string(index * size)});
      return success();
    }
    for (const std::string &lane : lanesOf(gep.getDynamicIndices()[0]))
      texts.push_back(one(gep.getBase()) + " + " +
                      (size == 1
                           ? "i64(" + lane + ")"
                           : "i64(" + lane + ") * " + std::to_string(size)));
    define(gep, texts);
    return success();
  }
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    Type type = load.getType();
    int64_t count = lanesIn(type), bytes = bytesOf(type);
    Value base;
    if (Value condition = conditionOf(load.getAddr(), base)) {
      define(load, {one(condition) + " ? " + loaded(type, one(base)) + " : " +
                    typeName(type) + "(0)"});
      return success();
    }
    const std::string address = one(load.getAddr());
    if (count > 1 &&
        int64_t(load.getAlignment().value_or(0)) >= count * bytes) {
      std::string name = freshName();
      std::string vector =
          "<" + typeName(type) + ", " + std::to_string(count) + ">";
      line() << "const etch_vec" << vector << " " << name << " = etch_load_vec"
             << vector << "(" << address << ");\n";
      Lanes lanes;
      for (int64_t i = 0; i < count; ++i)
        lanes.push_back(name + ".v[" + std::to_string(i) + "]");
      names[load] = lanes;
      return success();
    }
    SmallVector<std::string> texts;
    for (int64_t i = 0; i < count; ++i)
      texts.push_back(loaded(type, offset(address, i * bytes)));
    define(load, texts);
    return success();
  }
  if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    Type type = store.getValue().getType();
    int64_t count = lanesIn(type), bytes = bytesOf(type);
    const std::string address = one(store.getAddr());
    const Lanes &values = lanesOf(store.getValue());
    if (count > 1 &&
        int64_t(store.getAlignment().value_or(0)) >= count * bytes) {
      line() << "etch_store_vec(" << address << ", etch_vec<" << typeName(type)
             << ", " << count << ">{{" << llvm::join(values, ", ") << "}});\n";
      return success();
    }
    for (int64_t i = 0; i < count; ++i)
      line() << "etch_store<" << typeName(type) << ">("
             << offset(address, i * bytes) << ", " << values[size_t(i)]
             << ");\n";
    return success();
  }
  auto maskedLoad = dyn_cast<LLVM::MaskedLoadOp>(op);
  auto gather = dyn_cast<LLVM::masked_gather>(op);
  if (!maskedLoad && !gather)
    return op.emitError("no text for this operation");
  Type type = op.getResult(0).getType();
  const Lanes mask =
      lanesOf(maskedLoad ? maskedLoad.getMask() : gather.getMask());
  const Lanes addresses =
      maskedLoad ? lanesOf(maskedLoad.getData()) : lanesOf(gather.getPtrs());
  SmallVector<std::string> texts;
  for (size_t i = 0; i < mask.size(); ++i) {
    std::string from = loaded(
        type, maskedLoad ? offset(addresses[0], int64_t(i) * bytesOf(type))
                         : addresses[i]);
    texts.push_back(mask[i] == "true" ? from
                                      : mask[i] + " ? " + from + " : " +
                                            typeName(type) + "(0)");
  }
  define(op.getResult(0), texts);
  return success();
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

LogicalResult Printer::region(Region &body) {
  ++depth;
  for (Operation &op : body.front().without_terminator())
    if (failed(operation(op)))
      return failure();
  --depth;
  return success();
}

LogicalResult Printer::control(Operation &op) {
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    for (Value result : branch.getResults())
      declare(result);
    auto part = [&](Region &body) {
      if (failed(region(body)))
        return failure();
      ++depth;
      assign(branch.getResults(), body.front().getTerminator()->getOperands());
      --depth;
      return success();
    };
    line() << "if (" << one(branch.getCondition()) << ") {\n";
    if (failed(part(branch.getThenRegion())))
      return failure();
    if (!branch.getElseRegion().empty()) {
      line() << "} else {\n";
      if (failed(part(branch.getElseRegion())))
        return failure();
    }
    line() << "}\n";
    return success();
  }
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    for (auto [result, argument] :
         llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs())) {
      declare(result);
      Lanes lanes = lanesOf(result);
      names[argument] = lanes;
    }
    assign(loop.getResults(), loop.getInitArgs());
    std::string i = freshName("n");
    names[loop.getInductionVar()] = {i};
    if (auto unroll = op.getAttrOfType<IntegerAttr>("etch.unroll"))
      line() << "#pragma unroll " << unroll.getInt() << "\n";
    Value lower = loop.getLowerBound(), upper = loop.getUpperBound();
    if (isNarrow(loop.getInductionVar()))
      line() << "for (i32 " << i << " = "
             << operandText(lower, one(lower), true) << "; " << i << " < "
             << operandText(upper, one(upper), true) << "; " << i
             << " += " << operandText(loop.getStep(), one(loop.getStep()), true)
             << ") {\n";
    else
      line() << "for (u64 " << i << " = " << one(lower) << "; i64(" << i
             << ") < i64(" << one(upper) << "); " << i
             << " += " << one(loop.getStep()) << ") {\n";
    if (failed(region(loop.getRegion())))
      return failure();
    ++depth;
    assign(loop.getRegionIterArgs(),
           loop.getBody()->getTerminator()->getOperands());
    --depth;
    line() << "}\n";
    return success();
  }
  auto call = cast<LLVM::CallOp>(op);
  SmallVector<std::string> operands;
  for (Value operand : call.getArgOperands())
    operands.push_back(one(operand));
  std::string text = called(*call.getCallee(), operands);
  if (call.getNumResults())
    define(call.getResult(), {text});
  else
    line() << text << ";\n";
  return success();
}

LogicalResult Printer::operation(Operation &op) {
  if (isa<arith::ConstantOp>(op))
    return success(); // printed where it is used
  if (isOpTriviallyDead(&op))
    return success();
  if (isa<scf::IfOp, scf::ForOp, LLVM::CallOp>(op))
    return control(op);
  if (isa<LLVM::AllocaOp, LLVM::GEPOp, LLVM::LoadOp, LLVM::StoreOp,
          LLVM::MaskedLoadOp, LLVM::masked_gather, LLVM::SelectOp>(op))
    return memory(op);
  return arithmetic(op);
}

LogicalResult Printer::print(LLVM::LLVMFuncOp function, StringRef prefix) {
  names.clear();
  tableNames.clear();
  tables.clear();
  numNames = depth = 0;
  functionName = function.getName();
  std::string text;
  llvm::raw_string_ostream out(text);
  Printer body(out);
  body.functionName = functionName;
  if (function->hasAttr(kThreadsAttr))
    body.ranges.emplace(function);
  out << prefix << " " << function.getName() << "(";
  Block &block = function.getBody().front();
  auto exclusive = function->getAttrOfType<DenseI64ArrayAttr>(kRestrictAttr);
  for (BlockArgument arg : block.getArguments()) {
    std::string name = "a" + std::to_string(arg.getArgNumber());
    body.names[arg] = {name};
    std::string type = typeName(arg.getType());
    bool restricts = exclusive && llvm::is_contained(exclusive.asArrayRef(),
                                                     arg.getArgNumber());
    out << (arg.getArgNumber() ? ", " : "")
        << (type != "u8 *" ? "const " + type + " "
            : restricts    ? type + "__restrict__ "
                           : type)
        << name;
  }
  out << ") {\n";
  if (failed(body.region(function.getBody())))
    return failure();
  if (auto ret = dyn_cast<LLVM::ReturnOp>(block.getTerminator()))
    if (ret.getNumOperands())
      out << "  return " << body.one(ret.getOperand(0)) << ";\n";
  out << "}\n";
  os << body.tables << text;
  return success();
}
