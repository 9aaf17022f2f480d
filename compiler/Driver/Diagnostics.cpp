//===- Diagnostics.cpp - What the compiler says, as data ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

using namespace mlir;
using namespace etch::driver;

static constexpr llvm::StringLiteral siteFile = "site";

int64_t etch::driver::siteOf(Location location) {
  int64_t site = -1;
  location->walk([&](Location part) {
    if (auto file = dyn_cast<FileLineColLoc>(part))
      if (file.getFilename() == siteFile) {
        site = file.getLine();
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return site;
}

/// "x.mlir:3:5: " for a place in a file that is no site.
static std::string placeOf(Location location) {
  auto file = location->findInstanceOf<FileLineColLoc>();
  if (!file || file.getFilename() == siteFile)
    return {};
  std::string text;
  llvm::raw_string_ostream(text)
      << file.getFilename().getValue() << ":" << file.getLine() << ":"
      << file.getColumn() << ": ";
  return text;
}

static Severity severityOf(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return Severity::error;
  case DiagnosticSeverity::Warning:
    return Severity::warning;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    return Severity::note;
  }
  return Severity::note;
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context)
    : handler(context, [this](mlir::Diagnostic &d) { add(d); }) {}

void DiagnosticCollector::add(mlir::Diagnostic &diagnostic) {
  Location location = diagnostic.getLocation();
  messages.push_back({severityOf(diagnostic.getSeverity()), siteOf(location),
                      placeOf(location) + diagnostic.str()});
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    add(note);
}

void DiagnosticCollector::error(const llvm::Twine &message, int64_t site) {
  messages.push_back({Severity::error, site, message.str()});
}

void DiagnosticCollector::error(llvm::Error failure) {
  error(llvm::Twine(llvm::toString(std::move(failure))));
}

bool DiagnosticCollector::hasErrors() const {
  return llvm::any_of(messages, [](const etch::driver::Diagnostic &d) {
    return d.severity == Severity::error;
  });
}
