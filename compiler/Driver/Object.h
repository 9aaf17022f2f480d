//===- Object.h - LLVM IR to object bytes -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_OBJECT_H
#define ETCH_DRIVER_OBJECT_H

#include "compiler/Driver/Client/Client.h"
#include "llvm/ADT/SmallVector.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class Module;
}

namespace etch::driver {

/// The processor that code is made for.
struct TargetInfo {
  std::string triple, cpu, features;
  /// Of a processor named: those of its features that a machine can be asked
  /// for, written as `features`.
  std::string implied;
  /// Bits of the widest vector register that pays: 128, 256 or 512.
  unsigned vectorBits = 128;
  /// Bytes of the second cache of a core.
  int64_t cacheBytes = 1 << 20;
  /// Fused multiply-add is one instruction.
  bool fma = false;
  /// Registers that hold tiles of matrices of bfloat16, by Linux's leave.
  bool amx = false;
  /// Accesses are checked by AddressSanitizer, which the process has.
  bool sanitize = false;

  /// What a module says about itself: "triple cpu features".
  std::string text() const;
};

/// "native" is this machine; otherwise a name as in LLVM ("x86-64-v3"). An
/// unknown name is an error that says so.
llvm::Expected<TargetInfo> resolveTarget(llvm::StringRef mcpu);

/// Optimises and emits. `quick` spends less time. Floating point stays exactly
/// as written: no contraction, no reassociation; no loop is vectorised or
/// unrolled, kernels come scheduled; no call of a library appears by itself
/// other than memcpy, memmove, memset (and fma where the target has none).
/// Sets data layout, triple and function attributes of the module. `times`, if
/// wanted, receives how long `optimise` and `emit` took.
llvm::Error emitObject(llvm::Module &module, const TargetInfo &target,
                       bool quick, llvm::SmallVectorImpl<char> &out,
                       std::vector<PhaseTime> *times = nullptr);

} // namespace etch::driver

#endif // ETCH_DRIVER_OBJECT_H
