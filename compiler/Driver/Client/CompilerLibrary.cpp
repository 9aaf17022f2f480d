//===- CompilerLibrary.cpp - libEtchCompiler.so, loaded when needed -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/CompilerLibrary.h"
#include "compiler/Driver/Client/NvrtcNames.h"

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace etch::driver {

namespace {

constexpr char libraryName[] = "libEtchCompiler.so";

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// Beside the object that holds this code, beside the program, in their ../lib,
/// or where the build put it.
std::string findLibrary() {
  std::string folders[2];
  Dl_info info;
  char program[PATH_MAX], resolved[PATH_MAX];
  if (dladdr(reinterpret_cast<void *>(&findLibrary), &info) &&
      realpath(info.dli_fname, resolved))
    folders[0] = folderOf(resolved);
  ssize_t n = readlink("/proc/self/exe", program, sizeof(program));
  if (n > 0 && n < ssize_t(sizeof(program)))
    folders[1] = folderOf(std::string(program, size_t(n)));
  for (const std::string &folder : folders)
    for (const char *relative : {"/", "/../lib/"})
      if (!folder.empty()) {
        std::string path = folder + relative + libraryName;
        if (access(path.c_str(), R_OK) == 0)
          return path;
      }
#ifdef ETCH_COMPILER_FOLDER
  std::string path = std::string(ETCH_COMPILER_FOLDER "/") + libraryName;
  if (access(path.c_str(), R_OK) == 0)
    return path;
#endif
  return {};
}

/// The library's functions, or why there are none.
struct Library {
  etch_compiler_compile_fn compile = nullptr;
  etch_compiler_export_fn exportFiles = nullptr;
  etch_compiler_describe_fn describe = nullptr;
  etch_compiler_release_fn release = nullptr;
  std::string error;

  Library() {
    std::string path = compilerLibraryPath();
    if (path.empty()) {
      error = std::string("the compiler is not installed: ") + libraryName +
              " was not found";
      return;
    }
    // Never unloaded: LLVM keeps process-wide state.
    void *handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
      const char *why = dlerror();
      error = "cannot load the compiler: " + std::string(why ? why : path);
      return;
    }
    auto version = reinterpret_cast<etch_compiler_version_fn>(
        dlsym(handle, "etch_compiler_version"));
    if (!version || version() != ETCH_COMPILER_ABI_VERSION) {
      error = "the compiler '" + path + "' belongs to another version of Etch";
      return;
    }
    compile = reinterpret_cast<etch_compiler_compile_fn>(
        dlsym(handle, "etch_compiler_compile"));
    exportFiles = reinterpret_cast<etch_compiler_export_fn>(
        dlsym(handle, "etch_compiler_export"));
    describe = reinterpret_cast<etch_compiler_describe_fn>(
        dlsym(handle, "etch_compiler_describe"));
    release = reinterpret_cast<etch_compiler_release_fn>(
        dlsym(handle, "etch_compiler_release"));
    if (!compile || !exportFiles || !describe || !release)
      error = "the compiler '" + path + "' lacks an entry point";
  }
};

const Library &library() {
  static const Library &loaded = *new Library;
  return loaded;
}

etch_compile_options_t toAbi(const CompileOptions &options, uint64_t hash) {
  etch_compile_options_t out = {};
  out.struct_size = sizeof(out);
  out.mode = uint32_t(options.mode);
  out.effort = uint32_t(options.effort);
  out.check = uint32_t(options.check);
  out.without = options.without.c_str();
  out.memory_budget = options.memoryBudget;
  out.mcpu = options.mcpu.c_str();
  out.name = options.name.c_str();
  out.device = options.device.c_str();
  out.program_hash = hash;
  out.profile = options.profile;
  out.debug = options.debug;
  out.guard = options.guard;
  out.sanitize = wantsSanitizer(options);
  out.precision = uint32_t(options.precision);
  out.libraries = options.libraries;
  out.freeze = options.freeze;
  return out;
}

} // namespace

std::string compilerLibraryPath() {
  static const std::string &path = *new std::string(findLibrary());
  return path;
}

const std::string &compilerIdentity() {
  static const std::string &identity = *new std::string([] {
    std::string path = compilerLibraryPath();
    struct stat status;
    if (path.empty() || stat(path.c_str(), &status))
      return std::string("none");
    std::string out = std::to_string(ETCH_COMPILER_ABI_VERSION);
    for (long long number : {static_cast<long long>(status.st_size),
                             static_cast<long long>(status.st_mtim.tv_sec),
                             static_cast<long long>(status.st_mtim.tv_nsec)})
      out += "," + std::to_string(number);
    return out;
  }());
  return identity;
}

bool wantsSanitizer(const CompileOptions &options) {
  static const bool all = [] {
    const char *value = getenv("ETCH_SANITIZE");
    return value && std::string_view(value) == "address";
  }();
  return options.sanitize || all;
}

const std::string &hostIdentity() {
  static const std::string &identity = *new std::string([] {
    std::string out;
#if defined(__x86_64__)
    unsigned leaves[][2] = {{0, 0}, {1, 0},  {7, 0},
                            {7, 1}, {13, 1}, {0x80000001, 0}};
    for (auto [leaf, sub] : leaves) {
      unsigned a = 0, b = 0, c = 0, d = 0;
      __get_cpuid_count(leaf, sub, &a, &b, &c, &d);
      if (leaf == 1)
        b = 0; // names the core that this runs on
      for (unsigned word : {a, b, c, d})
        out += std::to_string(word) + ",";
      if (leaf == 1 && (c & bit_OSXSAVE)) {
        // What the operating system saves decides what may be used.
        unsigned low, high;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        out += std::to_string(low) + ",";
      }
    }
#endif
    return out;
  }());
  return identity;
}

const std::string &deviceCompilerIdentity() {
  static const std::string &identity = *new std::string([] {
    int major = 0, minor = 0;
    for (const char *name : nvrtcNames)
      if (void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {
        auto version = reinterpret_cast<int (*)(int *, int *)>(
            dlsym(library, "nvrtcVersion"));
        if (version)
          version(&major, &minor);
        break;
      }
    return "nvrtc " + std::to_string(major) + "." + std::to_string(minor);
  }());
  return identity;
}

CompilerOutput::CompilerOutput(std::string_view text,
                               const CompileOptions &options,
                               uint64_t programHash) {
  const Library &compiler = library();
  if (!compiler.error.empty()) {
    messages.push_back({Severity::error, -1, compiler.error});
    return;
  }
  etch_compile_options_t abi = toAbi(options, programHash);
  collect(compiler.compile(text.data(), text.size(), &abi, &result));
}

CompilerOutput::CompilerOutput(std::string_view text,
                               const CompileOptions &options,
                               uint64_t programHash,
                               const std::string &libraryPath,
                               const std::string &headerPath) {
  const Library &compiler = library();
  if (!compiler.error.empty()) {
    messages.push_back({Severity::error, -1, compiler.error});
    return;
  }
  etch_compile_options_t abi = toAbi(options, programHash);
  collect(compiler.exportFiles(
      text.data(), text.size(), &abi, libraryPath.c_str(),
      headerPath.empty() ? nullptr : headerPath.c_str(), &result));
}

CompilerOutput::CompilerOutput(Describe, std::string_view text,
                               const CompileOptions &options,
                               const std::vector<int64_t> &extents) {
  const Library &compiler = library();
  if (!compiler.error.empty()) {
    messages.push_back({Severity::error, -1, compiler.error});
    return;
  }
  etch_compile_options_t abi = toAbi(options, 0);
  abi.extents = extents.data();
  abi.num_extents = extents.size();
  collect(compiler.describe(text.data(), text.size(), &abi, &result));
}

std::vector<PhaseTime> CompilerOutput::phases() const {
  std::vector<PhaseTime> times;
  for (uint64_t i = 0; i < result.num_phases; ++i)
    times.push_back({result.phases[i].name, result.phases[i].milliseconds});
  return times;
}

void CompilerOutput::collect(int status) {
  succeeded = status == 0;
  bool hasError = false;
  for (uint64_t i = 0; i < result.num_diagnostics; ++i) {
    const etch_compile_diagnostic_t &d = result.diagnostics[i];
    messages.push_back({Severity(d.severity), d.site, d.message});
    hasError |= d.severity == uint32_t(Severity::error);
  }
  if (!succeeded && !hasError)
    messages.push_back(
        {Severity::error, -1, "the compiler failed without a message"});
}

CompilerOutput::~CompilerOutput() {
  if (result.owner)
    library().release(&result);
}

} // namespace etch::driver
