//===- Main.cpp - etch-demo -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

using namespace demo;
namespace fs = std::filesystem;

constexpr char usage[] =
    "usage: etch-demo [options]\n"
    "  --data DIR    IDX files of MNIST, gzipped or not\n"
    "  --json FILE   write the figures as JSON\n"
    "  --out DIR     pictures, graphs, libraries (beside the program: demo)\n"
    "  --epochs N    epochs of training (5)\n";

static int fail(const std::string &message) {
  std::cerr << "etch-demo: " << message << "\n";
  return 1;
}

static int run(const Options &options, bool only_compile) {
  if (only_compile) {
    print_compile_time(options);
    return 0;
  }
  fs::create_directories(options.out);
  Digits data = load_data(options);
  Figures figures;
  figures.source = data.train.source();
  std::cout << data.train.len() << " + " << data.test.len()
            << (figures.source == "synthetic"
                    ? " SYNTHETIC digits (drawn by a program, not by hand)"
                    : " handwritten digits from " + figures.source)
            << "\n";
  // A cache of its own, empty at first, so that compile times mean something.
  fs::remove_all(options.out + "/cache");
  setenv("XDG_CACHE_HOME", (options.out + "/cache").c_str(), 1);

  compare_modes(options, data, figures);
  train(options, data, figures);
  draw_graphs(options, data);
  print_table(options, figures);
  if (!options.json.empty())
    write_json(options.json, figures);
  return figures.bit_equal ? 0 : fail("the three modes differ");
}

int main(int argc, char **argv) {
  Options options;
  options.program = fs::read_symlink("/proc/self/exe").string();
  options.out =
      (fs::path(options.program).parent_path().parent_path() / "demo").string();
  bool only_compile = false;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--only-compile") {
      only_compile = true;
      continue;
    }
    if (name == "--help") {
      std::cout << usage;
      return 0;
    }
    if (i + 1 == argc)
      return fail(name + " is unknown or lacks its value\n" + usage);
    std::string value = argv[++i];
    if (name == "--data")
      options.data = value;
    else if (name == "--json")
      options.json = value;
    else if (name == "--out")
      options.out = fs::absolute(value).string();
    else if (name == "--epochs")
      options.epochs = std::atoll(value.c_str());
    else
      return fail("unknown option " + name + "\n" + usage);
  }
  if (options.epochs < 1)
    return fail("--epochs: at least 1");
  try {
    return run(options, only_compile);
  } catch (const std::exception &e) {
    return fail(e.what());
  }
}
