//===- Link.cpp - lld in process ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lld takes names of files. Inputs are anonymous files in memory; the output is
// a file in a private folder, because lld renames a temporary one into place.
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Link.h"
#include "compiler/Driver/KeepSignals.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace {

Error textError(const Twine &text) { return createStringError(text); }

/// A file in memory with a name that lld can open.
class MemoryFile {
public:
  explicit MemoryFile(StringRef content) {
    descriptor = memfd_create("etch-link", MFD_CLOEXEC);
    while (descriptor >= 0 && !content.empty()) {
      ssize_t n = write(descriptor, content.data(), content.size());
      if (n <= 0) {
        close(descriptor);
        descriptor = -1;
        return;
      }
      content = content.drop_front(size_t(n));
    }
  }
  MemoryFile(MemoryFile &&other) : descriptor(other.descriptor) {
    other.descriptor = -1;
  }
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  bool ok() const { return descriptor >= 0; }
  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

/// A folder of our own: the system's temporary one, or the one in memory.
std::error_code makeFolder(SmallVectorImpl<char> &path) {
  std::error_code error = sys::fs::createUniqueDirectory("etch-link", path);
  if (!error)
    return error;
  path.clear();
  return sys::fs::createUniqueDirectory("/dev/shm/etch-link", path);
}

/// After a crash inside lld its globals are lost, and linking with them.
std::mutex linkMutex;
bool linkerLost = false;

} // namespace

Error etch::driver::linkSharedObject(StringRef object,
                                     const LinkOptions &options,
                                     SmallVectorImpl<char> &out) {
  SmallString<128> folder;
  if (std::error_code error = makeFolder(folder))
    return textError("no folder for temporary files: " + error.message());
  std::string path = (folder + "/out.so").str();
  scope_exit cleanUp([&] {
    sys::fs::remove(path);
    sys::fs::remove(folder);
  });

  SmallVector<MemoryFile, 4> files;
  files.emplace_back(object);
  for (StringRef content : options.objects)
    files.emplace_back(content);
  for (StringRef content : options.libraries)
    files.emplace_back(content);
  std::vector<std::string> words = {
      "ld.lld", "-shared", "-o", path, "--threads=1", "-z", "now",
      "--gc-sections", "--hash-style=gnu", "--build-id=none",
      // No dependency on the loader's search paths, none on what is unused.
      "--as-needed", "-nostdlib"};
  if (!options.debug)
    words.push_back("-s");
  if (options.closed)
    words.insert(words.end(), {"-z", "defs"});
  if (!options.soname.empty())
    words.push_back("--soname=" + options.soname);
  for (const MemoryFile &file : files) {
    if (!file.ok())
      return textError("no memory for the linker's input");
    words.push_back(file.path());
  }
  std::vector<const char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(word.c_str());

  std::string text;
  {
    raw_string_ostream stream(text);
    std::lock_guard lock(linkMutex);
    if (linkerLost)
      return textError("the linker failed before in this process");
    KeepSignals signals;
    lld::Result result =
        lld::lldMain(arguments, nulls(), stream, {{lld::Gnu, &lld::elf::link}});
    linkerLost = !result.canRunAgain;
    if (result.retCode || linkerLost)
      return textError(text.empty() ? "the linker failed"
                                    : StringRef(text).rtrim());
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(path, false, false, /*IsVolatile=*/true);
  if (!file)
    return textError("the linker's output: " + file.getError().message());
  out.assign((*file)->getBufferStart(), (*file)->getBufferEnd());
  return Error::success();
}
