//===- FakeNvrtc.cpp - A compiler of kernels for the fake driver *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in the place of libnvrtc.so.13: compiles CUDA C++ behind the emulator,
// as C++ for the host, and gives the path of the shared object for machine code
// (see FakeDriver.cpp). ETCH_FAKE_SCHEDULE chooses the order in which threads
// run. What it made once it finds again.
//===----------------------------------------------------------------------===//

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Program {
  std::string text, log, path;
};

std::string hashOf(const std::string &text) {
  uint64_t a = 14695981039346656037u, b = 0x9e3779b97f4a7c15u;
  for (char c : text) {
    a = (a ^ uint8_t(c)) * 1099511628211u;
    b = (b + uint8_t(c)) * 0xff51afd7ed558ccdu ^ b >> 29;
  }
  char name[40];
  snprintf(name, sizeof name, "%016llx%016llx", (unsigned long long)a,
           (unsigned long long)b);
  return name;
}

/// For each kernel what the driver calls, under the kernel's name.
std::string wrappersOf(const std::string &text) {
  const std::string mark = "\nETCH_KERNEL(";
  std::string out = R"(
#define EXPORTED extern "C" __attribute__((visibility("default")))
__attribute__((constructor)) static void etch_choose_schedule() {
  if (const char *s = getenv("ETCH_FAKE_SCHEDULE"))
    etch_emulator::etch_schedule = atoi(s);
}
template <class... A>
static void etch_run(u64 blocks, int threads, bool barriers,
                     void (*kernel)(A...), const u64 *arguments) {
  etch_emulator::grid(blocks, threads, barriers,
                      [&] { etch_emulator::call(kernel, arguments); });
  if (etch_emulator::etch_emulator_error[0]) {
    fprintf(stderr, "emulated device: %s\n",
            etch_emulator::etch_emulator_error);
    abort();
  }
}
)";
  for (size_t at = text.find(mark); at != std::string::npos;) {
    size_t from = text.find(") ", at) + 2, open = text.find('(', from),
           close = text.find(") {", open), next = text.find(mark, close);
    std::string name = text.substr(from, open - from),
                parameters = text.substr(open + 1, close - open - 1),
                body = text.substr(
                    close, next == std::string::npos ? next : next - close);
    size_t count = parameters.empty() ? 0 : 1;
    for (char c : parameters)
      count += c == ',';
    bool barriers = false;
    for (const char *name : {"etch_barrier(", "etch_sync", "etch_down",
                             "etch_matmul<", "etch_convolve", "etch_correlate"})
      barriers |= body.find(name) != std::string::npos;
    out += "EXPORTED int etch_count_" + name + " asm(\"" + name +
           "_arguments\");\nint etch_count_" + name + " = " +
           std::to_string(count) + ";\nEXPORTED void etch_grid_" + name +
           "(u64, int, const u64 *) asm(\"" + name + "\");\nvoid etch_grid_" +
           name + "(u64 blocks, int threads, const u64 *arguments) {\n" +
           "  etch_run(blocks, threads, " + (barriers ? "true" : "false") +
           ", " + name + ", arguments);\n}\n";
    at = next;
  }
  return out;
}

/// What every compilation begins with: read once, where that is not older.
std::string beginning() {
  struct stat header, read;
  const char *pch = ETCH_FAKE_PCH;
  bool fresh = stat(pch, &read) == 0 && stat(ETCH_EMULATOR, &header) == 0 &&
               read.st_mtime >= header.st_mtime;
  return fresh ? std::string("-include-pch ") + pch
               : std::string("-include ") + ETCH_EMULATOR;
}

int compile(Program &p) {
  std::string stem = std::string(ETCH_FAKE_CODE "/") + hashOf(p.text);
  p.path = stem + ".so";
  if (access(p.path.c_str(), R_OK) == 0)
    return 0;
  stem += "." + std::to_string(getpid()) + "." +
          std::to_string(reinterpret_cast<uintptr_t>(&p));
  std::string source = stem + ".cpp", object = stem + ".so",
              log = stem + ".log";
  std::ofstream(source) << p.text << wrappersOf("\n" + p.text);
  std::string command =
      "clang++-22 -x c++ " ETCH_FAKE_FLAGS " -shared -fuse-ld=lld " +
      beginning() + " " + source + " -o " + object + " 2> " + log;
  // What the kernels are compiled for has its own libraries.
  int status = system(("env -u LD_LIBRARY_PATH " + command).c_str());
  std::ifstream in(log);
  p.log.assign(std::istreambuf_iterator<char>(in), {});
  unlink(log.c_str());
  unlink(source.c_str());
  if (!status)
    status = rename(object.c_str(), p.path.c_str());
  return status ? 6 : 0; // NVRTC_ERROR_COMPILATION
}

} // namespace

EXPORT int nvrtcVersion(int *major, int *minor) {
  *major = 99;
  // Of another emulator, another compiler: its code goes with it.
  struct stat header;
  *minor = stat(ETCH_FAKE_PCH, &header) ? 0 : int(header.st_mtime);
  return 0;
}
EXPORT const char *nvrtcGetErrorString(int) { return "NVRTC_ERROR"; }
EXPORT int nvrtcCreateProgram(Program **out, const char *text, const char *,
                              int, const char *const *, const char *const *) {
  *out = new Program{text, "", ""};
  return 0;
}
EXPORT int nvrtcDestroyProgram(Program **p) {
  delete *p;
  *p = nullptr;
  return 0;
}
EXPORT int nvrtcCompileProgram(Program *p, int, const char *const *) {
  return compile(*p);
}
EXPORT int nvrtcGetProgramLogSize(Program *p, size_t *size) {
  *size = p->log.size() + 1;
  return 0;
}
EXPORT int nvrtcGetProgramLog(Program *p, char *log) {
  strcpy(log, p->log.c_str());
  return 0;
}
EXPORT int nvrtcGetCUBINSize(Program *p, size_t *size) {
  *size = p->path.size() + 1;
  return 0;
}
EXPORT int nvrtcGetCUBIN(Program *p, char *code) {
  strcpy(code, p->path.c_str());
  return 0;
}
EXPORT int nvrtcGetPTXSize(Program *p, size_t *size) {
  return nvrtcGetCUBINSize(p, size);
}
EXPORT int nvrtcGetPTX(Program *p, char *code) {
  return nvrtcGetCUBIN(p, code);
}
