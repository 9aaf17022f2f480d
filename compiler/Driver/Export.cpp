//===- Export.cpp - Library and header reach the disk together ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Artifact.h"
#include "compiler/Driver/KeepSignals.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

using namespace llvm;

namespace {

/// A file under a temporary name beside its target; gone unless kept.
class Pending {
public:
  Error create(StringRef target, StringRef content, unsigned mode) {
    path = target.str();
    auto failed = [&](std::error_code error) {
      return createStringError("cannot write '" + path +
                               "': " + error.message());
    };
    if (sys::fs::is_directory(path))
      return failed(std::make_error_code(std::errc::is_a_directory));
    if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
      return failed(std::make_error_code(std::errc::invalid_argument));
    Expected<sys::fs::TempFile> made =
        sys::fs::TempFile::create(path + ".tmp-%%%%%%%%", mode);
    if (!made)
      return failed(errorToErrorCode(made.takeError()));
    file.emplace(std::move(*made));
    raw_fd_ostream os(file->FD, /*shouldClose=*/false);
    os << content;
    os.flush();
    std::error_code error = os.error();
    os.clear_error(); // an error left there ends the process
    return error ? failed(error) : Error::success();
  }
  Error keep() {
    Error error = file->keep(path);
    if (error)
      error = createStringError("cannot write '" + path +
                                "': " + toString(std::move(error)));
    else
      file.reset();
    return error;
  }
  ~Pending() {
    if (file)
      consumeError(file->discard());
  }

private:
  std::string path;
  std::optional<sys::fs::TempFile> file;
};

} // namespace

Error etch::driver::writeArtifact(StringRef libraryPath, StringRef library,
                                  StringRef headerPath, StringRef header) {
  using namespace sys::fs;
  KeepSignals signals;
  Pending first, second;
  if (Error error = first.create(libraryPath, library, all_all))
    return error;
  if (!headerPath.empty())
    if (Error error = second.create(headerPath, header, all_read | all_write))
      return error;
  bool isNew = !exists(libraryPath);
  if (Error error = first.keep())
    return error;
  if (headerPath.empty())
    return Error::success();
  Error error = second.keep();
  if (error && isNew)
    remove(libraryPath);
  return error;
}
