//===- Report.h - What the compiler says of a program -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_REPORT_H
#define ETCH_COMPILE_REPORT_H

#include "compiler/Driver/Client/Client.h"
#include "etch/report.h"
#include "frontend/compile/Variant.h"

namespace etch::detail {

/// A program's buffers and launches, at the user's lines.
struct Description {
  MemoryPlan plan;
  std::vector<LaunchInfo> launches; ///< by number
};
/// Asks the compiler. CompileError when it does not get that far.
Description describe_program(const Variant &v,
                             const driver::CompileOptions &options);

/// Text in quotes, as JSON has it.
std::string json_string(const std::string &text);
/// "1,234,567".
std::string grouped(int64_t number);
/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string formatted(const char *format, ...);

} // namespace etch::detail

#endif // ETCH_COMPILE_REPORT_H
