//===- Client.cpp - Memory, disk, compiler, in this order -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/Client.h"

#include "compiler/Driver/Client/Cache.h"
#include "compiler/Driver/Client/CompilerLibrary.h"
#include "etch/host.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace etch::driver {

LoadedModule::~LoadedModule() {
  etch_library_release(static_cast<etch_library_t *>(library));
  if (descriptor >= 0)
    close(descriptor);
}

namespace {

using Clock = std::chrono::steady_clock;

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

/// With these set, the compiler is wanted for what it says on the way.
bool wantsCompiler() {
  for (const char *name : {"ETCH_DUMP", "ETCH_FLAGS"})
    if (const char *value = getenv(name); value && *value)
      return true;
  return false;
}

/// What names a program: text and options; the result's bits depend on no more.
Key programKey(std::string_view text, const CompileOptions &options) {
  std::string name;
  for (const std::string &part :
       {std::to_string(uint32_t(options.mode)),
        std::to_string(uint32_t(options.effort)),
        std::to_string(uint32_t(options.check)), options.without,
        std::to_string(options.memoryBudget),
        std::to_string(options.profile + 2 * options.debug + 4 * options.guard +
                       8 * wantsSanitizer(options) + 16 * options.libraries +
                       32 * uint32_t(options.precision) + 128 * options.freeze),
        options.mcpu, options.device, options.name})
    name.append(part).push_back('\0');
  return hashText(name.append(text));
}

/// What names its code: also who compiled it, and for which processor.
Key codeKey(const Key &program, const CompileOptions &options) {
  std::string name = program.text() + compilerIdentity();
  if (options.mcpu == "native")
    name += hostIdentity();
  if (!options.device.empty())
    name += deviceCompilerIdentity();
  return hashText(name);
}

/// Programs for machines that have no compiler: the folder ETCH_BUNDLE. Where
/// there is a compiler, what is missing is added, for any newer processor.
struct Bundle {
  std::string folder = [] {
    const char *value = getenv("ETCH_BUNDLE");
    return std::string(value ? value : "");
  }();
  Cache files{folder, uint64_t(1) << 40};

  bool isThere() const { return !folder.empty(); }
  static void generalise(CompileOptions &options) {
    if (options.mcpu == "native")
      options.mcpu = "x86-64-v3";
    if (!options.device.empty())
      options.device = "sm_80,sm_90,compute_90";
  }
};

} // namespace

/// The state behind compile(); one per process, never destroyed, because a
/// program may be compiled from destructors of static objects.
class Client {
public:
  static Client &instance() {
    static Client &client = *new Client;
    return client;
  }

  CompileResult compile(std::string_view text, const CompileOptions &options);
  CacheStatistics statistics();
  void release();

private:
  /// One program: asked for once, waited for by everyone else.
  struct Entry {
    bool done = false;
    CompileResult result;
  };

  CompileResult make(std::string_view text, CompileOptions options,
                     const Key &program);
  std::shared_ptr<LoadedModule> loadFile(const std::string &path,
                                         std::string &why);
  std::shared_ptr<LoadedModule> loadPrivately(const void *bytes, size_t count,
                                              std::string &why);

  std::mutex mutex;
  std::condition_variable finished;
  std::map<Key, std::shared_ptr<Entry>> entries;
  CacheStatistics counters;
  Cache cache{Cache::userDirectory()};
  Bundle bundle;
};

CompileResult Client::compile(std::string_view text,
                              const CompileOptions &options) {
  Clock::time_point start = Clock::now();
  Key program = programKey(text, options);
  std::unique_lock lock(mutex);
  auto [position, isNew] = entries.try_emplace(program);
  if (!isNew) {
    std::shared_ptr<Entry> entry = position->second;
    finished.wait(lock, [&] { return entry->done; });
    CompileResult result = entry->result;
    if (result) {
      ++counters.memoryHits;
      result.origin = Origin::memory;
      result.diagnostics.clear();
      result.phases.clear();
    }
    result.milliseconds = millisecondsSince(start);
    return result;
  }
  std::shared_ptr<Entry> entry = std::make_shared<Entry>();
  position->second = entry;
  lock.unlock();
  CompileResult result = make(text, options, program);
  result.milliseconds = millisecondsSince(start);
  lock.lock();
  entry->result = result;
  entry->done = true;
  if (!result) {
    // Whoever asks next may have more luck (memory, disk, compiler).
    ++counters.failed;
    if (auto it = entries.find(program);
        it != entries.end() && it->second == entry)
      entries.erase(it);
  } else {
    ++(result.origin == Origin::disk ? counters.diskHits : counters.compiled);
  }
  finished.notify_all();
  return result;
}

CompileResult Client::make(std::string_view text, CompileOptions options,
                           const Key &program) {
  CompileResult result;
  std::string why;
  bool general = bundle.isThere();
  if (general)
    Bundle::generalise(options);
  Cache &files = general ? bundle.files : cache;
  Key code = general ? programKey(text, options) : codeKey(program, options);
  bool stored = general || !wantsCompiler();
  if (stored)
    if (std::string path = files.find(code); !path.empty()) {
      result.module = loadFile(path, why);
      result.origin = Origin::disk;
      if (result.module)
        return result;
      if (!general)
        files.discard(code);
    }
  CompilerOutput output(text, options, program.low);
  result.origin = Origin::compiled;
  result.diagnostics = output.diagnostics();
  result.phases = output.phases();
  if (!output.ok())
    return result;
  if (stored)
    if (std::string path = files.store(code, output.bytes(), output.size());
        !path.empty())
      result.module = loadFile(path, why);
  if (!result.module) {
    // The folder may be read-only, full, or forbid execution.
    result.module = loadPrivately(output.bytes(), output.size(), why);
    std::lock_guard lock(mutex);
    ++counters.fallbacks;
  }
  if (!result.module)
    result.diagnostics.push_back(
        {Severity::error, -1, "cannot load the compiled program: " + why});
  return result;
}

std::shared_ptr<LoadedModule> Client::loadFile(const std::string &path,
                                               std::string &why) {
  etch_library_t *library;
  if (etch_module_load(path.c_str(), "etch_query", &library) != ETCH_OK) {
    why = etch_last_error();
    return nullptr;
  }
  std::shared_ptr<LoadedModule> module(new LoadedModule);
  module->library = library;
  module->description = etch_library_module(library);
  return module;
}

/// Loads from an anonymous file, or from a temporary one that is removed at
/// once. The anonymous file stays open: the loader knows libraries by name, and
/// the name is the descriptor's number.
std::shared_ptr<LoadedModule>
Client::loadPrivately(const void *bytes, size_t count, std::string &why) {
  auto write = [&](int descriptor) {
    const char *at = static_cast<const char *>(bytes);
    for (size_t left = count; left;) {
      ssize_t n = ::write(descriptor, at, left);
      if (n <= 0)
        return false;
      at += n;
      left -= size_t(n);
    }
    return true;
  };
  int descriptor = memfd_create("etch", MFD_CLOEXEC);
  if (descriptor >= 0) {
    std::shared_ptr<LoadedModule> module;
    if (write(descriptor))
      module = loadFile("/proc/self/fd/" + std::to_string(descriptor), why);
    if (module) {
      module->descriptor = descriptor;
      return module;
    }
    close(descriptor);
  }
  const char *chosen = getenv("TMPDIR");
  for (std::string folder : {chosen ? chosen : "", "/tmp", "/var/tmp"}) {
    if (folder.empty())
      continue;
    std::string path = folder + "/etch-XXXXXX";
    descriptor = mkstemp(path.data());
    if (descriptor < 0) {
      if (why.empty())
        why = "no folder for temporary files";
      continue;
    }
    std::shared_ptr<LoadedModule> module;
    if (write(descriptor))
      module = loadFile(path, why);
    close(descriptor);
    unlink(path.c_str());
    if (module)
      return module;
  }
  return nullptr;
}

CacheStatistics Client::statistics() {
  std::lock_guard lock(mutex);
  counters.discarded = cache.discarded();
  counters.evicted = cache.evicted();
  return counters;
}

void Client::release() {
  std::map<Key, std::shared_ptr<Entry>> gone;
  std::lock_guard lock(mutex);
  for (auto it = entries.begin(); it != entries.end();)
    it = it->second->done ? (gone.insert(*it), entries.erase(it)) : ++it;
}

CompileResult compile(std::string_view programText,
                      const CompileOptions &options) {
  return Client::instance().compile(programText, options);
}

ExportResult exportLibrary(std::string_view programText,
                           const CompileOptions &options,
                           const std::string &libraryPath,
                           const std::string &headerPath) {
  CompilerOutput output(programText, options,
                        programKey(programText, options).low, libraryPath,
                        headerPath);
  return {output.ok(), output.diagnostics()};
}

DescribeResult describe(std::string_view programText,
                        const CompileOptions &options,
                        const std::vector<int64_t> &extents) {
  CompilerOutput output(CompilerOutput::Describe(), programText, options,
                        extents);
  DescribeResult result{output.ok(), {}, output.diagnostics()};
  if (output.bytes())
    result.text.assign(static_cast<const char *>(output.bytes()),
                       output.size());
  return result;
}

CacheStatistics cacheStatistics() { return Client::instance().statistics(); }

void releaseModules() { Client::instance().release(); }

std::string cacheDirectory() { return Cache::userDirectory(); }

} // namespace etch::driver
