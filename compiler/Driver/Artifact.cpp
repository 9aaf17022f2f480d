//===- Artifact.cpp - What makes a module an exported library -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Artifact.h"

#include "compiler/Driver/Embedded.h"
#include "compiler/Driver/Link.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace etch::driver;

namespace {

Error textError(const Twine &text) { return createStringError(text); }

/// Gives every definition but `exported` local meaning.
void hideAllBut(Module &module, ArrayRef<Function *> exported) {
  for (GlobalValue &value : module.global_values()) {
    if (value.isDeclaration() || value.hasLocalLinkage())
      continue;
    if (is_contained(exported, &value)) {
      value.setLinkage(GlobalValue::ExternalLinkage);
      value.setVisibility(GlobalValue::DefaultVisibility);
    } else {
      value.setLinkage(GlobalValue::InternalLinkage);
      value.setVisibility(GlobalValue::DefaultVisibility);
      value.setDSOLocal(true);
    }
  }
}

Expected<Function *> findQuery(Module &module) {
  Function *query = module.getFunction(queryName);
  if (!query || query->isDeclaration())
    return textError("the module does not define '" + Twine(queryName) + "'");
  return query;
}

/// A function of the convenience API: `results` are 's' status, 'v' nothing or
/// 'p' pointer; `params` 'p' pointer or 'i' 32-bit integer. What needs no
/// instance is given the module first.
struct EntryPoint {
  StringLiteral suffix;
  char result;
  StringLiteral params;
  bool module = false;
};

constexpr EntryPoint entryPoints[] = {
    {"init", 's', "p", true}, {"free", 'v', "p"},        {"run", 's', "ppipi"},
    {"save", 's', "pp"},      {"load", 's', "pp"},       {"state", 's', "ppp"},
    {"set_host", 's', "pp"},  {"error", 'p', "p", true},
};

Type *typeOf(char kind, LLVMContext &context) {
  switch (kind) {
  case 'p':
    return PointerType::getUnqual(context);
  case 'v':
    return Type::getVoidTy(context);
  default: // 's', 'i'
    return Type::getInt32Ty(context);
  }
}

FunctionType *typeOf(char result, StringRef params, LLVMContext &context) {
  SmallVector<Type *> types;
  for (char kind : params)
    types.push_back(typeOf(kind, context));
  return FunctionType::get(typeOf(result, context), types, false);
}

Function *declareHidden(Module &module, const Twine &name, FunctionType *type) {
  auto *function =
      Function::Create(type, GlobalValue::ExternalLinkage, name, module);
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDSOLocal(true);
  return function;
}

/// The code that tells a processor that it cannot run the rest.
void runsAnywhere(Function &function) {
  function.addFnAttr("target-cpu", "");
  function.addFnAttr("target-features", "");
}

/// define <type> @name(args) { tail call @target(first?, args) }
Function *forward(Module &module, const Twine &name, FunctionType *type,
                  Function *target, Function *first) {
  auto *function =
      Function::Create(type, GlobalValue::ExternalLinkage, name, module);
  runsAnywhere(*function);
  IRBuilder<> builder(BasicBlock::Create(module.getContext(), "", function));
  SmallVector<Value *> arguments;
  if (first)
    arguments.push_back(
        builder.CreateCall(first, builder.getInt32(ETCH_ABI_VERSION)));
  for (Argument &argument : function->args())
    arguments.push_back(&argument);
  CallInst *call = builder.CreateCall(target, arguments);
  call->setTailCall();
  if (type->getReturnType()->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
  return function;
}

//===--- The header ---===//

StringRef cType(etch_dtype_t dtype) {
  switch (dtype) {
  case ETCH_BOOL:
    return "uint8_t";
  case ETCH_I32:
    return "int32_t";
  case ETCH_I64:
    return "int64_t";
  case ETCH_F32:
    return "float";
  case ETCH_F64:
    return "double";
  }
  return "void";
}

bool isStatic(const ArtifactParam &param) {
  return all_of(param.extents, [](int64_t extent) { return extent >= 0; });
}

/// Of the names n, m, k, n1, m1, … of extents.
std::string suffixOf(int64_t extent) {
  int64_t round = (extent - ETCH_DYNAMIC - 1) / 3;
  return round ? std::to_string(round) : "";
}

std::string shapeText(const ArtifactParam &param) {
  std::string text;
  raw_string_ostream os(text);
  os << cType(param.dtype) << " (";
  for (auto [i, extent] : enumerate(param.extents)) {
    os << (i ? ", " : "");
    if (extent >= 0)
      os << extent;
    else if (extent == ETCH_DYNAMIC)
      os << "?";
    else
      os << "nmk"[(extent - ETCH_DYNAMIC - 1) % 3] << suffixOf(extent);
  }
  os << (param.extents.size() == 1 ? ",)" : ")");
  return text;
}

/// A parameter's name as a C identifier, unique among `used`.
std::string identifier(const ArtifactParam &param, StringRef prefix, size_t i,
                       SmallVectorImpl<std::string> &used) {
  std::string name;
  for (char c : param.name)
    name += isAlnum(c) ? c : '_';
  // A leading word keeps clear of keywords and digits.
  name = (prefix + (name.empty() ? std::to_string(i) : name)).str();
  while (is_contained(used, name))
    name += "_" + std::to_string(i);
  used.push_back(name);
  return name;
}

/// Text that cannot end a comment.
std::string commentText(StringRef text) {
  std::string out;
  for (char c : text)
    out += isPrint(c) && c != '/' && c != '*' && c != '\\'  ? c
           : c == '/' && (out.empty() || out.back() != '*') ? '/'
                                                            : '.';
  return out;
}

void listParams(raw_ostream &os, StringRef title,
                ArrayRef<const ArtifactParam *> params) {
  if (params.empty())
    return;
  os << "|*\n|* " << title << ":\n";
  for (auto [i, param] : enumerate(params)) {
    os << "|*   " << i << "  " << shapeText(*param);
    if (!param->name.empty())
      os << "  " << commentText(param->name);
    os << "\n";
  }
}

/// `static inline` wrapper with plain pointers, for programs whose extents are
/// all known.
void typedRun(raw_ostream &os, ArrayRef<const ArtifactParam *> inputs,
              ArrayRef<ArtifactParam> results, StringRef name) {
  SmallVector<std::string> used = {"self"}, inputNames, resultNames;
  os << "/* " << name
     << "_run with plain pointers to dense row-major arrays. */\n"
     << "static inline etch_status_t " << name << "_call(" << name
     << "_t *self";
  for (auto [i, param] : enumerate(inputs)) {
    inputNames.push_back(identifier(*param, "in_", i, used));
    os << ",\n    const " << cType(param->dtype) << " *" << inputNames.back();
  }
  for (auto [i, param] : enumerate(results)) {
    resultNames.push_back(identifier(param, "out_", i, used));
    os << ",\n    " << cType(param.dtype) << " *" << resultNames.back();
  }
  os << ") {\n";
  auto list = [&](auto &&values) {
    os << "{";
    for (int64_t value : values)
      os << value << ", ";
    os << "0}"; // never an empty array; the rank says how many count
  };
  auto shapes = [&](StringRef kind, size_t i, const ArtifactParam &param) {
    SmallVector<int64_t> strides(param.extents.size(), 1);
    for (size_t d = strides.size(); d-- > 1;)
      strides[d - 1] = strides[d] * param.extents[d];
    os << "  static const int64_t " << kind << i << "_extents[] = ";
    list(param.extents);
    os << ", " << kind << i << "_strides[] = ";
    list(strides);
    os << ";\n";
  };
  for (auto [i, param] : enumerate(inputs))
    shapes("in", i, *param);
  for (auto [i, param] : enumerate(results))
    shapes("out", i, param);
  auto tensors = [&](StringRef array, StringRef kind, size_t count,
                     auto &&paramAt, ArrayRef<std::string> names) {
    os << "  etch_tensor_t " << array << "[" << count + 1 << "];\n";
    for (size_t i = 0; i < count; ++i) {
      const ArtifactParam &param = paramAt(i);
      std::string at = (array + "[" + Twine(i) + "]").str();
      os << "  " << at << ".data = (void *)" << names[i] << ";\n  " << at
         << ".extents = " << kind << i << "_extents;\n  " << at
         << ".strides = " << kind << i << "_strides;\n  " << at
         << ".dtype = " << int(param.dtype) << ";\n  " << at
         << ".rank = " << param.extents.size() << ";\n";
    }
  };
  tensors(
      "inputs", "in", inputs.size(),
      [&](size_t i) -> const ArtifactParam & { return *inputs[i]; },
      inputNames);
  tensors(
      "results", "out", results.size(),
      [&](size_t i) -> const ArtifactParam & { return results[i]; },
      resultNames);
  os << "  return " << name << "_run(self, inputs, " << inputs.size()
     << ", results, " << results.size() << ");\n}\n\n";
}

constexpr StringLiteral prototypes =
    R"(/* One instance: the program's states and its working memory. */
typedef struct @_instance @_t;

/* Makes an instance; every state is zero until @_load or @_state fills
   it. *out is NULL on failure. ETCH_ERROR_MEMORY: there is not enough;
   ETCH_ERROR_DEVICE: the processor cannot run the library's code, and
   @_error(NULL) says what it lacks. */
etch_status_t @_init(@_t **out);

/* Frees an instance; NULL is allowed. */
void @_free(@_t *self);

/* Runs the program once on dense row-major arrays, in the order listed above;
   results are written into the caller's storage and states are updated. One
   thread at a time per instance: a second one gets ETCH_ERROR_BUSY at once. */
etch_status_t @_run(@_t *self, const etch_tensor_t *inputs,
                    int32_t num_inputs, const etch_tensor_t *results,
                    int32_t num_results);

/* Writes all states to a file: it appears whole or not at all. */
etch_status_t @_save(@_t *self, const char *path);

/* Reads such a file. A file that is missing, corrupt or of another program is an
   error and leaves the states as they were. */
etch_status_t @_load(@_t *self, const char *path);

/* A state by name, for reading and writing between runs. The tensor stays valid
   as long as the instance. A library that keeps what it computes from states
   (freeze) does so anew after @_load and @_state: who writes through an older
   tensor calls @_state again. */
etch_status_t @_state(@_t *self, const char *name, etch_tensor_t *out);

/* Lends a pool of threads to the instance; *host is copied. NULL: run in the
   calling thread, as at first. The results do not depend on it. */
etch_status_t @_set_host(@_t *self, const etch_host_t *host);

/* The text of the last failure ("" after a success), valid until the next call.
   ETCH_ERROR_BUSY leaves none. */
const char *@_error(const @_t *self);

/* The program's description and raw entry point; NULL for another version than
   ETCH_ABI_VERSION. */
const etch_module_t *@_query(uint32_t abi_version);

)";

} // namespace

Error etch::driver::checkArtifactName(StringRef name) {
  bool good = !name.empty() && !isDigit(name.front()) && name.size() <= 128;
  for (char c : name)
    good &= isAlnum(c) || c == '_';
  if (good)
    return Error::success();
  return textError("'" + name +
                   "' cannot name a library: letters, digits and _ only");
}

Error etch::driver::hideAllButQuery(Module &module) {
  Expected<Function *> query = findQuery(module);
  if (!query)
    return query.takeError();
  hideAllBut(module, *query);
  return Error::success();
}

Error etch::driver::addArtifactEntryPoints(Module &module, StringRef name) {
  if (Error error = checkArtifactName(name))
    return error;
  Expected<Function *> query = findQuery(module);
  if (!query)
    return query.takeError();
  LLVMContext &context = module.getContext();
  (*query)->setName(name + "_query");
  runsAnywhere(**query);
  SmallVector<Function *> exported = {*query};
  for (const EntryPoint &entry : entryPoints) {
    std::string params = (entry.module ? "p" : "") + entry.params.str();
    Function *target = declareHidden(module, "etch_artifact_" + entry.suffix,
                                     typeOf(entry.result, params, context));
    exported.push_back(forward(module, name + "_" + entry.suffix,
                               typeOf(entry.result, entry.params, context),
                               target, entry.module ? *query : nullptr));
  }
  hideAllBut(module, exported);
  return Error::success();
}

std::string etch::driver::artifactHeader(const ArtifactSignature &signature,
                                         StringRef name) {
  SmallVector<const ArtifactParam *> inputs, states, results;
  bool allStatic = true;
  for (const ArtifactParam &param : signature.args) {
    (param.role == ETCH_STATE ? states : inputs).push_back(&param);
    allStatic &= isStatic(param);
  }
  for (const ArtifactParam &param : signature.results) {
    results.push_back(&param);
    allStatic &= isStatic(param);
  }
  std::string text;
  raw_string_ostream os(text);
  std::string guard = "ETCH_EXPORTED_" + name.upper() + "_H";
  os << "/*===- " << name << ".h - exported by Etch ---===*\\\n|*\n"
     << "|* Link with lib" << name << ".so; it needs the C library only.\n";
  listParams(os, "Inputs", inputs);
  listParams(os, "Results", results);
  listParams(os, "States", states);
  if (!allStatic)
    os << "|*\n|* Extents with a name are those of each call: equal names, "
          "equal "
          "extents.\n";
  os << "\\*===---===*/\n#ifndef " << guard << "\n#define " << guard << "\n\n"
     << embeddedRuntimeHeader() << "\n#ifdef __cplusplus\nextern \"C\" {\n"
     << "#endif\n\n";
  for (char c : prototypes)
    c == '@' ? os << name : os << c;
  if (allStatic)
    typedRun(os, inputs, signature.results, name);
  os << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}

Error etch::driver::linkArtifact(StringRef object, StringRef name,
                                 SmallVectorImpl<char> &out,
                                 ArrayRef<StringRef> parts) {
  LinkOptions options;
  options.soname = ("lib" + name + ".so").str();
  options.closed = true;
  options.objects = {embeddedArtifactObject()};
  append_range(options.objects, parts);
  options.libraries = {embeddedLibc(), embeddedLibm()};
  return linkSharedObject(object, options, out);
}
