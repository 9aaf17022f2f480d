//===- EtchTblgen.cpp - text tables from the op records -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What mlir-tblgen does not make: the MLIR-free op table with its rules, the
// eager functions, the documentation and the list of gradient checks. Text
// only: a rule's expression is copied, never understood.
//===----------------------------------------------------------------------===//

#include "mlir/TableGen/GenInfo.h"
#include "mlir/TableGen/Operator.h"
#include "mlir/Tools/mlir-tblgen/MlirTblgenMain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TableGen/Error.h"
#include "llvm/TableGen/Record.h"

using namespace mlir;
using llvm::formatv;
using llvm::raw_ostream;
using llvm::Record;
using llvm::RecordKeeper;

namespace {

struct Attr {
  std::string name, kind, cppType;
};

/// What the back ends below read of one record.
struct OpRecord {
  const Record *def;
  tblgen::Operator op;
  std::string id; ///< "Add"
  StringRef mnemonic;
  std::vector<std::string> operands;
  std::vector<Attr> attrs;
  bool pointwise, shaped, expands, commutative;
  std::string vjp; ///< a rule, or one of the two words; empty: in Ops/

  explicit OpRecord(const Record *def)
      : def(def), op(*def), id(def->getName().drop_back(2).str()),
        mnemonic(def->getValueAsString("opName")),
        pointwise(def->isSubClassOf("Etch_Pointwise")),
        shaped(def->getValueAsBit("shaped")),
        expands(def->getValueAsBit("expands")),
        commutative(def->getValueAsBit("commutative")) {
    if (!def->getName().ends_with("Op"))
      llvm::PrintFatalError(def->getLoc(), "an op's record is named FooOp");
    for (int i = 0, e = op.getNumOperands(); i != e; ++i)
      if (!op.getOperand(i).isVariadic())
        operands.push_back(op.getOperand(i).name.str());
    for (const tblgen::NamedAttribute &a : op.getAttributes()) {
      static const std::pair<StringRef, std::pair<const char *, const char *>>
          kinds[] = {{"I64Attr", {"i64", "int64_t"}},
                     {"F64Attr", {"f64", "double"}},
                     {"BoolAttr", {"boolean", "bool"}},
                     {"StrAttr", {"string", "std::string"}},
                     {"DenseI64ArrayAttr", {"i64s", "std::vector<int64_t>"}}};
      StringRef type = a.attr.getAttrDefName();
      auto *found =
          llvm::find_if(kinds, [&](auto &k) { return k.first == type; });
      if (found == std::end(kinds))
        llvm::PrintFatalError(def->getLoc(), "no such attribute kind in the "
                                             "table: " +
                                                 type.str());
      attrs.push_back(
          {a.name.str(), found->second.first, found->second.second});
    }
    if (auto text = def->getValueAsOptionalString("vjp"))
      vjp = text->trim().str();
    if (StringRef(vjp).contains(';'))
      llvm::PrintFatalError(def->getLoc(), "a rule is one list of expressions; "
                                           "longer ones go to Ops/");
  }

  bool hasRule() const {
    return vjp != "Inactive" && vjp != "NotDifferentiable";
  }
  StringRef gradient() const {
    return vjp == "Inactive"            ? "inactive"
           : vjp == "NotDifferentiable" ? "none"
                                        : "rule";
  }
};

std::vector<OpRecord> allOps(const RecordKeeper &records) {
  std::vector<const Record *> defs =
      records.getAllDerivedDefinitions("Etch_Op").vec();
  // In the order of the file, so that a new op at the end renumbers none.
  llvm::sort(defs, [](const Record *a, const Record *b) {
    return a->getID() < b->getID();
  });
  return {defs.begin(), defs.end()};
}

void header(raw_ostream &os, StringRef what) {
  os << "// " << what << ". Generated from EtchOps.td: do not edit.\n";
}

bool emitIds(const RecordKeeper &records, raw_ostream &os) {
  header(os, "ETCH_OP(Id, mnemonic) for every op");
  for (const OpRecord &op : allOps(records))
    os << formatv("ETCH_OP({0}, \"{1}\")\n", op.id, op.mnemonic);
  return false;
}

/// "Expr x, double exponent"
std::string exprParams(const OpRecord &op) {
  std::vector<std::string> params;
  for (const std::string &x : op.operands)
    params.push_back("Expr " + x);
  for (const Attr &a : op.attrs)
    params.push_back(a.cppType + " " + a.name);
  return llvm::join(params, ", ");
}

bool emitExprOps(const RecordKeeper &records, raw_ostream &os) {
  header(os, "Rule functions, one per op that is not shaped");
  std::string defs;
  for (const OpRecord &op : allOps(records)) {
    if (op.shaped)
      continue;
    std::string head =
        formatv("Expr {0}({1})", op.mnemonic, exprParams(op)).str();
    os << "#ifdef ETCH_EXPR_DECLS\n" << head << ";\n#endif\n";
    std::vector<std::string> attrs;
    for (const Attr &a : op.attrs)
      attrs.push_back("std::move(" + a.name + ")");
    defs +=
        formatv("{0} {{ return apply(OpId::{1}, {{{2}}, {{{3}}); }\n", head,
                op.id, llvm::join(op.operands, ", "), llvm::join(attrs, ", "))
            .str();
  }
  os << "#ifdef ETCH_EXPR_DEFS\n" << defs << "#endif\n";
  return false;
}

void emitRule(const OpRecord &op, raw_ostream &os) {
  os << formatv("static std::vector<Expr> vjp{0}(const RuleContext &c) {{\n",
                op.id);
  for (auto [i, x] : llvm::enumerate(op.operands))
    os << formatv("  [[maybe_unused]] Expr {0} = c.x({1});\n", x, i);
  for (auto [i, a] : llvm::enumerate(op.attrs))
    os << formatv("  [[maybe_unused]] const auto &{0} = c.attr<{1}>({2});\n",
                  a.name, a.cppType, i);
  os << "  [[maybe_unused]] Expr y = c.y(), gy = c.gy();\n"
     << formatv("  return {{{0}};\n}\n", op.vjp);
}

bool emitRuleDecls(const RecordKeeper &records, raw_ostream &os) {
  header(os, "What Ops/ defines for the structured ops");
  for (const OpRecord &op : allOps(records)) {
    if (!op.pointwise)
      os << formatv("std::optional<TensorType> infer{0}(std::span<const "
                    "TensorType>, const Attrs &, std::string &);\n",
                    op.id);
    if (op.hasRule() && op.vjp.empty())
      os << formatv("std::vector<Expr> vjp{0}(const RuleContext &);\n", op.id);
    if (op.expands)
      os << formatv("Expr expand{0}(const RuleContext &);\n", op.id);
  }
  return false;
}

bool emitOpTable(const RecordKeeper &records, raw_ostream &os) {
  header(os, "The table of all ops");
  std::vector<OpRecord> ops = allOps(records);
  for (const OpRecord &op : ops) {
    if (op.pointwise)
      os << formatv(
          "static std::optional<TensorType> infer{0}(\n    std::span<"
          "const TensorType> operands, const Attrs &attrs,\n    "
          "std::string &error) {{\n  return inferPointwise(operands, "
          "attrs, Elements::{1}, ResultType::{2}, error);\n}\n",
          op.id, op.def->getValueAsDef("elements")->getValueAsString("cppName"),
          op.def->getValueAsString("result"));
    if (op.hasRule() && !op.vjp.empty())
      emitRule(op, os);
    if (!op.attrs.empty()) {
      os << formatv("static const char *const attrNames{0}[] = {{", op.id);
      for (const Attr &a : op.attrs)
        os << '"' << a.name << "\", ";
      os << formatv("};\nstatic const AttrKind attrKinds{0}[] = {{", op.id);
      for (const Attr &a : op.attrs)
        os << "AttrKind::" << a.kind << ", ";
      os << "};\n";
    }
  }
  os << "static const OpInfo table[] = {\n";
  for (const OpRecord &op : ops) {
    std::string names = op.attrs.empty() ? "{}" : "attrNames" + op.id;
    std::string kinds = op.attrs.empty() ? "{}" : "attrKinds" + op.id;
    os << formatv("  {{OpId::{0}, \"{1}\", OpKind::{2}, Gradient::{3}, {4}, "
                  "{5}, {6}, {7}, {8}, infer{0}, {9}, {10}},\n",
                  op.id, op.mnemonic, op.def->getValueAsString("kind"),
                  op.gradient(), op.commutative ? "true" : "false",
                  op.operands.size(), op.shaped ? "true" : "false", names,
                  kinds, op.hasRule() ? "vjp" + op.id : "nullptr",
                  op.expands ? "expand" + op.id : "nullptr");
  }
  os << "};\n";
  return false;
}

/// Eager functions exist for pointwise ops; those of structured ops have
/// options and conveniences and are written in the front end.
bool isEager(const OpRecord &op) {
  return op.pointwise &&
         llvm::none_of(op.attrs, [](auto &a) { return a.kind == "string"; });
}

std::string eagerHead(const OpRecord &op) {
  std::vector<std::string> params;
  for (const std::string &x : op.operands)
    params.push_back("Operand " + x);
  for (const Attr &a : op.attrs)
    params.push_back(a.cppType + " " + a.name);
  return formatv("Variable {0}({1})", op.mnemonic, llvm::join(params, ", "))
      .str();
}

bool emitEagerDecls(const RecordKeeper &records, raw_ostream &os) {
  header(os, "Eager functions of the pointwise ops");
  for (const OpRecord &op : allOps(records))
    if (isEager(op))
      os << "/// " << op.def->getValueAsString("summary") << "\n"
         << eagerHead(op) << ";\n";
  return false;
}

bool emitEagerDefs(const RecordKeeper &records, raw_ostream &os) {
  header(os, "Eager functions: apply_pointwise(id, operands, attributes)");
  for (const OpRecord &op : allOps(records)) {
    if (!isEager(op))
      continue;
    std::vector<std::string> attrs;
    for (const Attr &a : op.attrs)
      attrs.push_back(a.name);
    os << eagerHead(op)
       << formatv(" {{ return apply_pointwise(OpId::{0}, {{{1}}, {{{2}}); }\n",
                  op.id, llvm::join(op.operands, ", "),
                  llvm::join(attrs, ", "));
  }
  return false;
}

bool emitDocs(const RecordKeeper &records, raw_ostream &os) {
  os << "# Operators\n\n| op | meaning | operands | attributes | kind | "
        "gradient "
        "|\n|---|---|---|---|---|---|\n";
  for (const OpRecord &op : allOps(records)) {
    std::vector<std::string> attrs;
    for (const Attr &a : op.attrs)
      attrs.push_back(a.name);
    std::string rule = !op.hasRule()    ? op.gradient().str()
                       : op.vjp.empty() ? "in Ops/"
                                        : "`" + op.vjp + "`";
    os << formatv("| `{0}` | {1} | {2} | {3} | {4} | {5} |\n", op.mnemonic,
                  op.def->getValueAsString("summary"),
                  llvm::join(op.operands, ", "), llvm::join(attrs, ", "),
                  op.def->getValueAsString("kind"), rule);
  }
  return false;
}

bool emitGradientChecks(const RecordKeeper &records, raw_ostream &os) {
  header(os, "ETCH_GRADIENT_CHECK(Id, mnemonic, kind, applications...) for "
             "differentiable ops");
  for (const OpRecord &op : allOps(records))
    if (op.hasRule())
      os << formatv("ETCH_GRADIENT_CHECK({0}, \"{1}\", {2}, {3})\n", op.id,
                    op.mnemonic, op.def->getValueAsString("kind"),
                    op.def->getValueAsString("gradientCheck").trim());
  return false;
}

GenRegistration ids("gen-op-ids", "Number the ops", emitIds);
GenRegistration exprs("gen-expr-ops", "The rules' functions", emitExprOps);
GenRegistration decls("gen-rule-decls", "What Ops/ defines", emitRuleDecls);
GenRegistration table("gen-op-table", "The MLIR-free op table", emitOpTable);
GenRegistration eagerDecls("gen-eager-decls", "Eager functions",
                           emitEagerDecls);
GenRegistration eagerDefs("gen-eager-defs", "Their bodies", emitEagerDefs);
GenRegistration docs("gen-op-table-doc", "The table of ops, in Markdown",
                     emitDocs);
GenRegistration checks("gen-gradient-checks", "Ops that have a gradient",
                       emitGradientChecks);

} // namespace

int main(int argc, char **argv) { return MlirTblgenMain(argc, argv); }
