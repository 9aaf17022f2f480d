//===- Debug.cpp - Lines of user code in compiled code --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Debug.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/Support/Path.h"

using namespace mlir;

/// The first file and line in a location that is no site and no place in the
/// program's text.
static FileLineColLoc userLine(Location loc) {
  FileLineColLoc found;
  if (!isa<FusedLoc>(loc))
    return found;
  loc->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file || file.getFilename() == "site")
      return WalkResult::advance();
    found = file;
    return WalkResult::interrupt();
  });
  return found;
}

namespace {
class DebugInfo {
public:
  explicit DebugInfo(ModuleOp module)
      : context(module.getContext()), module(module) {}
  void add(LLVM::LLVMFuncOp function);

private:
  LLVM::DIFileAttr fileOf(FileLineColLoc line) {
    StringRef path = line.getFilename().getValue();
    return LLVM::DIFileAttr::get(context, llvm::sys::path::filename(path),
                                 llvm::sys::path::parent_path(path));
  }
  DistinctAttr fresh() { return DistinctAttr::create(UnitAttr::get(context)); }

  MLIRContext *context;
  ModuleOp module;
  LLVM::DICompileUnitAttr unit;
};
} // namespace

void DebugInfo::add(LLVM::LLVMFuncOp function) {
  FileLineColLoc first;
  function.walk([&](Operation *op) {
    if (!first)
      first = userLine(op->getLoc());
  });
  if (!first || function.isExternal())
    return;
  LLVM::DIFileAttr file = fileOf(first);
  if (!unit)
    unit = LLVM::DICompileUnitAttr::get(
        fresh(), llvm::dwarf::DW_LANG_C_plus_plus, file,
        StringAttr::get(context, "Etch"), /*isOptimized=*/true,
        LLVM::DIEmissionKind::LineTablesOnly);
  auto type = LLVM::DISubroutineTypeAttr::get(
      context, llvm::dwarf::DW_CC_normal, ArrayRef<LLVM::DITypeAttr>());
  auto program = LLVM::DISubprogramAttr::get(
      context, fresh(), unit, file, function.getSymNameAttr(),
      function.getSymNameAttr(), file, first.getLine(), first.getLine(),
      LLVM::DISubprogramFlags::Definition | LLVM::DISubprogramFlags::Optimized |
          LLVM::DISubprogramFlags::LocalToUnit,
      type, {}, {});
  // What has no line of its own belongs to the one before.
  FileLineColLoc present = first;
  function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (FileLineColLoc line = userLine(op->getLoc()))
      present = line;
    LLVM::DIFileAttr own = fileOf(present);
    op->setLoc(
        own == file
            ? Location(present)
            : Location(FusedLoc::get(
                  {present}, LLVM::DILexicalBlockFileAttr::get(program, own, 0),
                  context)));
  });
  function->setLoc(FusedLoc::get({first}, program, context));
}

void etch::driver::addDebugInfo(ModuleOp module) {
  DebugInfo info(module);
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    info.add(function);
}
