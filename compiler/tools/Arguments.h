//===- Arguments.h - Command lines of the tools -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's own command line library is no use here: it is one table per process,
// in which the linker registers names such as --mcpu when it first runs.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TOOLS_ARGUMENTS_H
#define ETCH_TOOLS_ARGUMENTS_H

#include <functional>
#include <map>
#include <string>

namespace etch::tools {

/// Options that take a value (`--name value` or `--name=value`), those that do
/// not, and what to do with other words.
struct Arguments {
  std::map<std::string, std::function<void(const std::string &)>> values;
  std::map<std::string, std::function<void()>> flags;
  std::function<void(const std::string &)> word;

  /// Empty on success, else what is wrong.
  std::string parse(int argc, char **argv) const {
    for (int i = 1; i < argc; ++i) {
      std::string name = argv[i];
      if (name.size() < 2 || name[0] != '-') {
        word(name);
        continue;
      }
      size_t equals = name.find('=');
      std::string value =
          equals == std::string::npos ? "" : name.substr(equals + 1);
      name = name.substr(0, equals);
      if (auto flag = flags.find(name);
          flag != flags.end() && equals == std::string::npos) {
        flag->second();
        continue;
      }
      auto option = values.find(name);
      if (option == values.end())
        return "unknown option '" + std::string(argv[i]) + "'";
      if (equals == std::string::npos && ++i == argc)
        return name + " needs a value";
      option->second(equals == std::string::npos ? argv[i] : value);
    }
    return {};
  }
};

} // namespace etch::tools

#endif // ETCH_TOOLS_ARGUMENTS_H
