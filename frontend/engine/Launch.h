//===- Launch.h - What all calls of kernels have in common ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_LAUNCH_H
#define ETCH_ENGINE_LAUNCH_H

#include "compiler/Driver/Client/Client.h"
#include "etch/host.h"
#include "frontend/engine/KernelText.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

/// Compiles the program of a kernel, quickly; `name` is what fails otherwise.
std::shared_ptr<const driver::LoadedModule>
compile_text(const std::string &text, const std::string &architecture,
             const char *name, const Location &where);

/// Runs a kernel on the host. `work`: about how many simple operations it is.
void run_on_host(const etch_module_t &module, etch_call_t &call, int64_t work,
                 const char *name, const Location &where);

/// What is known of the innermost stride when a kernel is compiled.
inline Inner inner_of(int64_t extent, int64_t stride) {
  return extent == 1 || stride == 1 ? Inner::contiguous
         : stride == 0              ? Inner::repeated
                                    : Inner::unknown;
}

/// Operands of a pointwise kernel with as few axes as they allow: `strides[i]`
/// of operand i become `own[i]`, and own[n] those of a dense result. Gives the
/// rank.
using Strides = int64_t[Shape::max_rank];
int collapse(std::span<const int64_t *const> strides, const Shape &shape,
             int64_t *extents, Strides *own);

} // namespace etch::detail

#endif // ETCH_ENGINE_LAUNCH_H
