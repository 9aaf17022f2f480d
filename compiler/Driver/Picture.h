//===- Picture.h - A program as a page to look at ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_PICTURE_H
#define ETCH_DRIVER_PICTURE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

#include <string>

namespace etch::driver {

/// Where the ops stand in the user's source, by site: "mul train.cpp:41".
using Lines = llvm::DenseMap<int64_t, std::string>;

/// Reads the comments `// site 3: mul train.cpp:41` of a program's text.
Lines readLines(llvm::StringRef program);

/// Writes an HTML page that needs nothing else: for each function a graph,
/// drawn by Graphviz where `dot` is installed and the function is not too
/// large, and a list of its ops in layers, each with its operands and its line.
void writePicture(mlir::ModuleOp module, const llvm::Twine &title,
                  const Lines &lines, llvm::raw_ostream &os);

} // namespace etch::driver

#endif // ETCH_DRIVER_PICTURE_H
