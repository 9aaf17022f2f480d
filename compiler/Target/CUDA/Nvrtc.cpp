//===- Nvrtc.cpp - CUDA C++ to machine code -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Nvrtc.h"

#include "compiler/Driver/Client/Cache.h"
#include "compiler/Driver/Client/NvrtcNames.h"

#include <atomic>
#include <dlfcn.h>
#include <thread>

using namespace llvm;
using namespace etch::cuda;

/// The functions that we use: result, name, parameters.
#define ETCH_NVRTC_FUNCTIONS(F)                                                \
  F(int, nvrtcVersion, (int *, int *))                                         \
  F(const char *, nvrtcGetErrorString, (int))                                  \
  F(int, nvrtcCreateProgram,                                                   \
    (void **, const char *, const char *, int, const char *const *,            \
     const char *const *))                                                     \
  F(int, nvrtcDestroyProgram, (void **))                                       \
  F(int, nvrtcCompileProgram, (void *, int, const char *const *))              \
  F(int, nvrtcGetProgramLogSize, (void *, size_t *))                           \
  F(int, nvrtcGetProgramLog, (void *, char *))                                 \
  F(int, nvrtcGetCUBINSize, (void *, size_t *))                                \
  F(int, nvrtcGetCUBIN, (void *, char *))                                      \
  F(int, nvrtcGetPTXSize, (void *, size_t *))                                  \
  F(int, nvrtcGetPTX, (void *, char *))

namespace {

struct Library {
#define ETCH_MEMBER(Result, name, Parameters)                                  \
  Result(*name) Parameters = nullptr;
  ETCH_NVRTC_FUNCTIONS(ETCH_MEMBER)
#undef ETCH_MEMBER
  std::string problem;

  Library() {
    void *handle = nullptr;
    for (const char *name : etch::nvrtcNames)
      if (!handle && !(handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
        problem += std::string(problem.empty() ? "" : ", ") + name;
    if (!handle) {
      problem = "NVRTC is not installed (looked for " + problem + ")";
      return;
    }
    problem.clear();
#define ETCH_LOOK_UP(Result, name, Parameters)                                 \
  name = reinterpret_cast<Result(*) Parameters>(dlsym(handle, #name));         \
  if (!name && problem.empty())                                                \
    problem = "NVRTC lacks the function " #name;
    ETCH_NVRTC_FUNCTIONS(ETCH_LOOK_UP)
#undef ETCH_LOOK_UP
  }

  static const Library &get() {
    static const Library library;
    return library;
  }
};

} // namespace

Expected<std::string> etch::cuda::nvrtcVersion() {
  const Library &nvrtc = Library::get();
  if (!nvrtc.problem.empty())
    return createStringError(nvrtc.problem);
  int major = 0, minor = 0;
  nvrtc.nvrtcVersion(&major, &minor);
  return std::to_string(major) + "." + std::to_string(minor);
}

/// The number in front of `unit`, with a blank between.
static int64_t numberBefore(StringRef line, StringRef unit) {
  StringRef before = line.split(unit).first;
  if (before.size() == line.size())
    return 0;
  int64_t value = 0;
  before.rtrim().rsplit(' ').second.getAsInteger(10, value);
  return value;
}

std::vector<KernelUsage> etch::cuda::parseUsage(StringRef log) {
  std::vector<KernelUsage> all;
  SmallVector<StringRef> lines;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    if (line.contains("Compiling entry function")) {
      all.push_back({});
      all.back().function =
          line.split("function '").second.split('\'').first.str();
    }
    if (all.empty())
      continue;
    KernelUsage &usage = all.back();
    if (line.contains("bytes stack frame")) {
      usage.stackBytes = numberBefore(line, "bytes stack frame");
      usage.spillBytes = numberBefore(line, "bytes spill stores") +
                         numberBefore(line, "bytes spill loads");
    }
    if (line.contains("Used ")) {
      usage.registers = int(numberBefore(line, "registers"));
      usage.sharedBytes = numberBefore(line, "bytes smem");
    }
  }
  return all;
}

Expected<Cubin> etch::cuda::compileToCubin(StringRef text,
                                           StringRef architecture) {
  const Library &nvrtc = Library::get();
  if (!nvrtc.problem.empty())
    return createStringError(nvrtc.problem);
  std::string source = text.str(),
              arch = "--gpu-architecture=" + architecture.str();
  std::vector<const char *> options = {arch.c_str(), "--std=c++17",
                                       "-fmad=false", "--device-int128"};
  // Text for the driver's compiler: ptxas does not run.
  bool ptx = architecture.starts_with("compute_");
  if (!ptx)
    options.push_back("--ptxas-options=-v");
  // Its own cache looks for a driver; ours needs none.
  int major = 0, minor = 0;
  nvrtc.nvrtcVersion(&major, &minor);
  if (major > 12 || (major == 12 && minor >= 9))
    options.push_back("--no-cache");
  void *program = nullptr;
  int code = nvrtc.nvrtcCreateProgram(&program, source.c_str(), "kernels.cu", 0,
                                      nullptr, nullptr);
  if (!code)
    code =
        nvrtc.nvrtcCompileProgram(program, int(options.size()), options.data());
  std::string log;
  size_t size = 0;
  if (program && !nvrtc.nvrtcGetProgramLogSize(program, &size) && size > 1) {
    log.resize(size);
    nvrtc.nvrtcGetProgramLog(program, log.data());
    log.resize(size - 1);
  }
  Cubin cubin;
  if (!code)
    code = ptx ? nvrtc.nvrtcGetPTXSize(program, &size)
               : nvrtc.nvrtcGetCUBINSize(program, &size);
  if (!code) {
    cubin.bytes.resize(size);
    code = ptx ? nvrtc.nvrtcGetPTX(program, cubin.bytes.data())
               : nvrtc.nvrtcGetCUBIN(program, cubin.bytes.data());
  }
  if (program)
    nvrtc.nvrtcDestroyProgram(&program);
  if (code)
    return createStringError("NVRTC for " + architecture.str() + ": " +
                             nvrtc.nvrtcGetErrorString(code) + "\n" + log);
  cubin.usage = parseUsage(log);
  return cubin;
}

static Expected<std::string> codeOf(const CubinRequest &request) {
  using namespace etch::driver;
  static Cache &cache = *new Cache([] {
    std::string folder = Cache::userDirectory();
    return folder.empty() ? folder : folder + "/kernels";
  }());
  Key key = hashText((request.text + request.architecture).str() +
                     cantFail(nvrtcVersion()));
  std::string code;
  if (cache.read(key, code))
    return code;
  Expected<Cubin> cubin = compileToCubin(request.text, request.architecture);
  if (!cubin)
    return cubin.takeError();
  cache.store(key, cubin->bytes.data(), cubin->bytes.size());
  return std::move(cubin->bytes);
}

std::vector<Expected<std::string>>
etch::cuda::compileToCode(ArrayRef<CubinRequest> requests) {
  std::vector<std::optional<Expected<std::string>>> found(requests.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < requests.size();)
      found[i].emplace(codeOf(requests[i]));
  };
  std::vector<std::thread> threads;
  size_t most = std::max(std::thread::hardware_concurrency(), 1u);
  while (threads.size() + 1 < std::min(most, requests.size()))
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  std::vector<Expected<std::string>> result;
  for (auto &one : found)
    result.push_back(std::move(*one));
  return result;
}
