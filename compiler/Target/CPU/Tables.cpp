//===- Tables.cpp - What a module says of itself --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The constants etch_module_t and etch_param_t of etch/runtime.h, and the query
// function, the only exported symbol.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Entry.h"
#include "compiler/Target/CPU/HostCode.h"

#include "dialects/Etch/Extents.h"
#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

static int32_t dtypeOf(Type element) {
  if (element.isInteger(1))
    return ETCH_BOOL;
  if (element.isInteger(32))
    return ETCH_I32;
  if (element.isInteger(64))
    return ETCH_I64;
  return element.isF32() ? ETCH_F32 : ETCH_F64;
}

namespace {

/// Collects strings and extents in two arrays; structs point into them.
class Tables {
public:
  Tables(ModuleOp module) : e(module.getContext(), module.getLoc()) {
    e.setInsertionPointToEnd(module.getBody());
  }

  int64_t string(StringRef text) {
    auto [it, added] = offsets.try_emplace(text, int64_t(strings.size()));
    if (added) {
      strings += text;
      strings.push_back('\0');
    }
    return it->second;
  }
  void param(func::FuncOp main, unsigned i, int32_t role);
  void finish(func::FuncOp main, EntryPoints entry, size_t numKernels,
              const CodegenOptions &options);

  struct Param {
    int64_t name, extents;
    int32_t dtype, rank, role, update;
  };
  SmallVector<Param> args, results;

private:
  LLVM::GlobalOp global(Type type, StringRef name, Attribute value);
  /// A constant built by code that the linker evaluates.
  void global(Type type, StringRef name, function_ref<Value(Value)> build);
  void params(StringRef name, ArrayRef<Param> list);
  void images(ArrayRef<CodegenOptions::Image> list);
  void grids(ArrayRef<EntryPoints::Grid> list, ArrayRef<int64_t> names);
  /// An array of structs with these fields.
  void array(StringRef name, ArrayRef<Type> types, size_t count,
             function_ref<SmallVector<Value>(size_t)> fields);
  Value addressOf(StringRef symbol, int64_t byte = 0) {
    Value base = e.make<LLVM::AddressOfOp>(e.ptrType(), symbol);
    return byte ? Value(e.make<LLVM::GEPOp>(
                      e.ptrType(), e.getI8Type(), base,
                      ArrayRef<LLVM::GEPArg>{int32_t(byte)}))
                : base;
  }
  Value i32(int64_t v) {
    return e.make<LLVM::ConstantOp>(e.getI32Type(), e.getI32IntegerAttr(v));
  }
  Value i64(int64_t v) {
    return e.make<LLVM::ConstantOp>(e.getI64Type(), e.getI64IntegerAttr(v));
  }

  Emit e;
  std::string strings;
  llvm::StringMap<int64_t> offsets;
  SmallVector<int64_t> extents;
};

} // namespace

void Tables::param(func::FuncOp main, unsigned i, int32_t role) {
  auto type = cast<MemRefType>(main.getArgumentTypes()[i]);
  Param p = {0,
             int64_t(8 * extents.size()),
             dtypeOf(type.getElementType()),
             int32_t(type.getRank()),
             role,
             ETCH_NO_UPDATE};
  auto numbers = main.getArgAttrOfType<DenseI64ArrayAttr>(i, kExtentsAttr);
  for (auto [axis, extent] : llvm::enumerate(type.getShape()))
    extents.push_back(!ShapedType::isDynamic(extent) ? extent
                      : numbers ? ETCH_DYNAMIC + 1 + numbers[int64_t(axis)]
                                : ETCH_DYNAMIC);
  auto name = main.getArgAttrOfType<StringAttr>(i, kNameAttr);
  p.name = string(name ? name.getValue() : "");
  if (auto update = main.getArgAttrOfType<IntegerAttr>(i, kUpdateAttr))
    p.update = int32_t(update.getInt());
  if (main.getArgAttr(i, kPreparesAttr))
    p.update = ETCH_PREPARES;
  (role == ETCH_RESULT ? results : args).push_back(p);
}

LLVM::GlobalOp Tables::global(Type type, StringRef name, Attribute value) {
  return e.make<LLVM::GlobalOp>(type, /*isConstant=*/true,
                                LLVM::Linkage::Internal, name, value, 8);
}

void Tables::global(Type type, StringRef name,
                    function_ref<Value(Value)> build) {
  LLVM::GlobalOp op = global(type, name, Attribute());
  OpBuilder::InsertionGuard guard(e);
  e.createBlock(&op.getInitializerRegion());
  e.make<LLVM::ReturnOp>(build(e.make<LLVM::UndefOp>(type)));
}

void Tables::array(StringRef name, ArrayRef<Type> types, size_t count,
                   function_ref<SmallVector<Value>(size_t)> fields) {
  auto type = LLVM::LLVMStructType::getLiteral(e.getContext(), types);
  global(LLVM::LLVMArrayType::get(type, count), name, [&](Value table) {
    for (size_t i = 0; i < count; ++i)
      for (auto [n, field] : llvm::enumerate(fields(i)))
        table = e.make<LLVM::InsertValueOp>(
            table, field, ArrayRef<int64_t>{int64_t(i), int64_t(n)});
    return table;
  });
}

void Tables::params(StringRef name, ArrayRef<Param> list) {
  Type i32Type = e.getI32Type(), ptr = e.ptrType();
  array(name, {ptr, ptr, i32Type, i32Type, i32Type, i32Type}, list.size(),
        [&](size_t i) {
          const Param &p = list[i];
          return SmallVector<Value>{addressOf("etch.strings", p.name),
                                    addressOf("etch.extents", p.extents),
                                    i32(p.dtype),
                                    i32(p.rank),
                                    i32(p.role),
                                    i32(p.update)};
        });
}

void Tables::images(ArrayRef<CodegenOptions::Image> list) {
  for (auto [i, image] : llvm::enumerate(list))
    global(LLVM::LLVMArrayType::get(e.getI8Type(), image.code.size()),
           "etch.image" + std::to_string(i), e.getStringAttr(image.code));
  array("etch.images", {e.ptrType(), e.ptrType(), e.getI64Type()}, list.size(),
        [&](size_t i) {
          return SmallVector<Value>{
              addressOf("etch.strings", string(list[i].architecture)),
              addressOf("etch.image" + std::to_string(i)),
              i64(int64_t(list[i].code.size()))};
        });
}

void Tables::grids(ArrayRef<EntryPoints::Grid> list, ArrayRef<int64_t> names) {
  array("etch.grids", {e.ptrType(), e.getI32Type(), e.getI32Type()},
        list.size(), [&](size_t i) {
          return SmallVector<Value>{addressOf("etch.strings", names[i]),
                                    i32(list[i].threads),
                                    i32(list[i].numArguments)};
        });
}

void Tables::finish(func::FuncOp main, EntryPoints entry, size_t numKernels,
                    const CodegenOptions &options) {
  int64_t name = string(options.name), target = string(options.target);
  SmallVector<int64_t> gridNames;
  for (const EntryPoints::Grid &grid : entry.grids)
    gridNames.push_back(string(grid.function));
  for (const CodegenOptions::Image &image : options.images)
    string(image.architecture);
  global(LLVM::LLVMArrayType::get(e.getI8Type(), strings.size()),
         "etch.strings", e.getStringAttr(strings));
  if (extents.empty())
    extents.push_back(0);
  global(LLVM::LLVMArrayType::get(e.getI64Type(), extents.size()),
         "etch.extents", e.getI64TensorAttr(extents));
  params("etch.args", args);
  params("etch.results", results);
  images(options.images);
  grids(entry.grids, gridNames);

  auto saved = main->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>(
      "etch.saved_bytes");
  Type i32Type = e.getI32Type(), i64Type = e.getI64Type(), ptr = e.ptrType();
  auto type = LLVM::LLVMStructType::getLiteral(
      e.getContext(),
      {i32Type, i32Type, ptr,     ptr,     i64Type, ptr,     ptr,
       i32Type, i32Type, i32Type, i32Type, i64Type, ptr,     ptr,
       ptr,     ptr,     i32Type, i32Type, i32Type, i32Type, i64Type});
  global(type, "etch.module", [&](Value table) {
    Value fields[] = {i32(ETCH_ABI_VERSION),
                      i32(sizeof(etch_module_t)),
                      addressOf("etch.strings", name),
                      addressOf("etch.strings", target),
                      i64(int64_t(options.programHash)),
                      addressOf("etch.args"),
                      addressOf("etch.results"),
                      i32(int64_t(args.size())),
                      i32(int64_t(results.size())),
                      i32(int64_t(numKernels)),
                      i32(entry.numLaunches),
                      i64(saved ? saved.getInt() : 0),
                      addressOf(entry.arenaBytes.getSymName()),
                      addressOf(entry.run.getSymName()),
                      addressOf("etch.images"),
                      addressOf("etch.grids"),
                      i32(int64_t(options.images.size())),
                      i32(int64_t(entry.grids.size())),
                      i32(entry.flags),
                      i32(0),
                      i64(preparedBytes(main->getParentOfType<ModuleOp>()))};
    for (auto [n, field] : llvm::enumerate(fields))
      table = e.make<LLVM::InsertValueOp>(table, field,
                                          ArrayRef<int64_t>{int64_t(n)});
    return table;
  });

  auto query = e.make<LLVM::LLVMFuncOp>(
      options.query, LLVM::LLVMFunctionType::get(ptr, {i32Type}));
  query.setPassthroughAttr(e.getArrayAttr({e.getStringAttr("nounwind")}));
  e.setInsertionPointToStart(query.addEntryBlock(e));
  Value known = e.make<LLVM::ICmpOp>(
      LLVM::ICmpPredicate::eq, query.getArgument(0), i32(ETCH_ABI_VERSION));
  Value module = addressOf("etch.module");
  Value null = e.make<LLVM::ZeroOp>(ptr);
  e.make<LLVM::ReturnOp>(
      ValueRange{e.make<LLVM::SelectOp>(known, module, null)});
}

void etch::cpu::emitTables(ModuleOp module, func::FuncOp main,
                           EntryPoints entry, size_t numKernels,
                           const CodegenOptions &options) {
  Tables tables(module);
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    if (main.getArgAttr(i, kArenaAttr) || main.getArgAttr(i, kPreparedAttr))
      continue;
    int32_t role = ETCH_INPUT;
    if (main.getArgAttr(i, kResultAttr))
      role = ETCH_RESULT;
    else if (main.getArgAttr(i, kStateAttr))
      role = ETCH_STATE;
    else if (main.getArgAttr(i, kLiteralAttr))
      role = ETCH_LITERAL;
    tables.param(main, i, role);
  }
  tables.finish(main, entry, numKernels, options);
}
