//===- Exported.cpp - Running the C program, looking at the libraries -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <cstdio>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace demo;

/// Runs a command; its output, which is shown, too.
static std::string run(const std::vector<std::string> &words, bool show) {
  std::string command, output;
  for (const std::string &word : words)
    command += "'" + word + "' ";
  FILE *pipe = popen(command.c_str(), "r");
  char line[1024];
  while (pipe && std::fgets(line, sizeof line, pipe)) {
    output += line;
    if (show)
      std::cout << "  | " << line;
  }
  if (!pipe || pclose(pipe) != 0)
    throw RuntimeError("this failed: " + command);
  return output;
}

/// The number behind a word of the output.
static double number_after(const std::string &output, const std::string &word) {
  size_t at = output.find(word + " ");
  return at == std::string::npos ? 0
                                 : std::stod(output.substr(at + word.size()));
}

Continued demo::run_exported(const Options &o, const std::string &folder,
                             int64_t steps) {
  std::string program =
      (std::filesystem::path(o.program).parent_path() / "etch-demo-continue")
          .string();
  std::string output =
      run({program, folder, std::to_string(steps)}, /*show=*/true);
  Continued result;
  result.ms_per_step = number_after(output, "ms per step");
  result.accuracy = number_after(output, "accuracy");
  std::ifstream in(folder + "/losses.bin", std::ios::binary);
  for (float loss; in.read(reinterpret_cast<char *>(&loss), sizeof loss);)
    result.losses.push_back(double(loss));
  if (int64_t(result.losses.size()) != steps)
    throw IOError(folder + "/losses.bin: losses are missing");
  return result;
}

std::vector<std::string> demo::needed_libraries(const std::string &file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  std::string bytes = content.str();
  auto at = [&]<class T>(T, uint64_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  };
  auto header = at(Elf64_Ehdr(), 0);
  std::vector<std::string> needed;
  for (int i = 0; i < header.e_shnum; ++i) {
    auto section =
        at(Elf64_Shdr(), header.e_shoff + uint64_t(i) * header.e_shentsize);
    if (section.sh_type != SHT_DYNAMIC)
      continue;
    auto strings = at(Elf64_Shdr(), header.e_shoff + uint64_t(section.sh_link) *
                                                         header.e_shentsize);
    for (uint64_t d = 0; d < section.sh_size; d += sizeof(Elf64_Dyn)) {
      auto entry = at(Elf64_Dyn(), section.sh_offset + d);
      if (entry.d_tag == DT_NEEDED)
        needed.push_back(bytes.data() + strings.sh_offset + entry.d_un.d_val);
    }
  }
  return needed;
}

double demo::compile_time_from_cache(const Options &o) {
  return number_after(run({o.program, "--only-compile", "--out", o.out}, false),
                      "compiled in");
}
