//===- etch-run.cpp - Compiles a program and runs it on files -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-run x.mlir --input a.npy --input b.npy --output-dir out --print
//   etch-run x.mlir --input a.npy --bisect
//
// Inputs are taken in the order of main's arguments; a .npz gives its arrays by
// the arguments' names if it has them all, else in its own order. Missing
// arguments are an error, except with --fill, which sets them to that value.
// Results, those that update arguments included, become result_0.npy and so on.
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Bisect.h"
#include "compiler/Driver/Client/Client.h"
#include "compiler/tools/Arguments.h"
#include "etch/host.h"
#include "etch/npy.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace etch::driver;
using etch::io::Array;
using etch::io::Arrays;

namespace {

struct Options {
  std::string program, outputDir, fill;
  std::vector<std::string> inputs;
  CompileOptions compile;
  int threads = 0;
  bool print = false, times = false, bisect = false;
};

constexpr char usage[] =
    "usage: etch-run <program.mlir> [options]\n"
    "  --input <file>       .npy or .npz with the next arguments of main\n"
    "  --fill <number>      value of the arguments that no file gives\n"
    "  --output-dir <dir>   where result_<i>.npy go\n"
    "  --print              print values of small results\n"
    "  --times              print where the program came from, and how long\n"
    "  --threads <n>        workers (default: all processors)\n"
    "  --mcpu <name>        processor (native)\n"
    "  --target <name>      cpu\n"
    "  --fast               mode fast instead of strict\n"
    "  --quick              compile as an eager operation is compiled\n"
    "  --check <what>       none, nan, bounds or all: what is looked for\n"
    "  --without <passes>   leave out optional passes: names, with commas\n"
    "  --bisect             find the first pass that changes a result's bits\n";

int fail(const std::string &message) {
  fprintf(stderr, "etch-run: error: %s\n", message.c_str());
  return 1;
}

std::string parse(int argc, char **argv, Options &options) {
  std::string wrong;
  etch::tools::Arguments arguments;
  arguments.word = [&](const std::string &word) {
    if (!options.program.empty())
      wrong = "unexpected '" + word + "'";
    options.program = word;
  };
  arguments.values = {
      {"--input", [&](const std::string &v) { options.inputs.push_back(v); }},
      {"--fill", [&](const std::string &v) { options.fill = v; }},
      {"--output-dir", [&](const std::string &v) { options.outputDir = v; }},
      {"--threads",
       [&](const std::string &v) { options.threads = atoi(v.c_str()); }},
      {"--mcpu", [&](const std::string &v) { options.compile.mcpu = v; }},
      {"--without", [&](const std::string &v) { options.compile.without = v; }},
      {"--check",
       [&](const std::string &v) {
         if (!parseCheck(v, options.compile.check))
           wrong = "unknown check '" + v + "'; see --help";
       }},
      {"--target",
       [&](const std::string &v) {
         if (v != "cpu")
           wrong = "unknown target '" + v + "'; there is cpu";
       }},
  };
  arguments.flags = {
      {"--print", [&] { options.print = true; }},
      {"--times", [&] { options.times = true; }},
      {"--bisect", [&] { options.bisect = true; }},
      {"--fast", [&] { options.compile.mode = Mode::fast; }},
      {"--quick", [&] { options.compile.effort = Effort::quick; }},
  };
  std::string unknown = arguments.parse(argc, argv);
  if (!unknown.empty())
    return unknown;
  return wrong.empty() && options.program.empty() ? "no program given" : wrong;
}

bool readProgram(const std::string &path, std::string &text) {
  std::stringstream buffer;
  if (path == "-") {
    buffer << std::cin.rdbuf();
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return false;
    buffer << file.rdbuf();
  }
  text = buffer.str();
  return true;
}

void writeNumber(Array &array, int64_t i, double value) {
  switch (array.dtype) {
  case ETCH_BOOL:
    static_cast<uint8_t *>(array.data.get())[i] = value != 0;
    break;
  case ETCH_I32:
    static_cast<int32_t *>(array.data.get())[i] = int32_t(value);
    break;
  case ETCH_I64:
    static_cast<int64_t *>(array.data.get())[i] = int64_t(value);
    break;
  case ETCH_F32:
    static_cast<float *>(array.data.get())[i] = float(value);
    break;
  case ETCH_F64:
    static_cast<double *>(array.data.get())[i] = value;
    break;
  }
}

void printNumber(const Array &array, int64_t i) {
  const void *data = array.data.get();
  switch (array.dtype) {
  case ETCH_BOOL:
    printf("%d", static_cast<const uint8_t *>(data)[i]);
    break;
  case ETCH_I32:
    printf("%d", static_cast<const int32_t *>(data)[i]);
    break;
  case ETCH_I64:
    printf("%" PRId64, static_cast<const int64_t *>(data)[i]);
    break;
  case ETCH_F32:
    printf("%.9g", double(static_cast<const float *>(data)[i]));
    break;
  case ETCH_F64:
    printf("%.17g", static_cast<const double *>(data)[i]);
    break;
  }
}

/// The arguments' arrays, as many as the files hold.
bool readInputs(const Options &options, const etch_module_t &module,
                std::vector<Array> &args, std::string &wrong) {
  for (const std::string &path : options.inputs) {
    Arrays arrays(1);
    bool npz = path.ends_with(".npz");
    etch::io::Error error =
        npz ? readNpz(path, arrays) : readNpy(path, arrays[0].second);
    if (error) {
      wrong = error.message;
      return false;
    }
    std::vector<Array> byName;
    for (int32_t i = int32_t(args.size()); npz && i < module.num_args; ++i)
      for (auto &[name, array] : arrays)
        if (name == module.args[i].name)
          byName.push_back(array);
    bool allNamed =
        byName.size() == size_t(module.num_args) - args.size() && npz;
    if (allNamed)
      args.insert(args.end(), byName.begin(), byName.end());
    else
      for (auto &[name, array] : arrays)
        args.push_back(array);
  }
  return true;
}

bool hasKnownShape(const etch_param_t &param) {
  for (int32_t d = 0; d < param.rank; ++d)
    if (param.extents[d] < 0)
      return false;
  return true;
}

Array arrayLike(const etch_param_t &param, double value) {
  Array array = Array::make(etch_dtype_t(param.dtype),
                            {param.extents, param.extents + param.rank});
  for (int64_t i = 0; array.data && i < array.size(); ++i)
    writeNumber(array, i, value);
  return array;
}

/// Arrays as the ABI wants them.
class Tensors {
public:
  explicit Tensors(const std::vector<Array> &arrays) {
    strides.resize(arrays.size());
    for (size_t i = 0; i < arrays.size(); ++i) {
      const Array &array = arrays[i];
      strides[i].resize(array.extents.size(), 1);
      for (size_t d = array.extents.size(); d-- > 1;)
        strides[i][d - 1] = strides[i][d] * array.extents[d];
      views.push_back({array.data.get(), array.extents.data(),
                       strides[i].data(), array.dtype,
                       int32_t(array.extents.size())});
    }
  }
  const etch_tensor_t *data() const { return views.data(); }
  int32_t size() const { return int32_t(views.size()); }

private:
  std::vector<std::vector<int64_t>> strides;
  std::vector<etch_tensor_t> views;
};

std::string run(const etch_module_t &module, const std::vector<Array> &args,
                const std::vector<Array> &results) {
  Tensors argViews(args), resultViews(results);
  etch_call_t call = {};
  call.args = argViews.data();
  call.num_args = argViews.size();
  call.results = resultViews.data();
  call.num_results = resultViews.size();
  call.host = etch_default_host();
  std::shared_ptr<void> arena;
  if (argViews.size() == module.num_args) {
    call.arena_bytes = module.arena_bytes(&call);
    Array memory = Array::make(ETCH_BOOL, {int64_t(call.arena_bytes)});
    arena = memory.data;
    call.arena = arena.get();
  }
  if (etch_check_call(&module, &call) != ETCH_OK)
    return etch_last_error();
  etch_status_t status = module.run(&call);
  if (status == ETCH_OK)
    return {};
  std::string op = "op " + std::to_string(call.error.site);
  if (status == ETCH_ERROR_VALUE)
    return op + ": " + (call.error.backward ? "in its gradient, " : "") +
           call.error.op + " gives " +
           (call.error.values[0] != call.error.values[0] ? "NaN" : "infinity") +
           " for element " + std::to_string(call.error.value) + " of " +
           std::to_string(call.error.extent);
  return std::string(etch_status_name(status)) + ": " + op + ", value " +
         std::to_string(call.error.value) + ", extent " +
         std::to_string(call.error.extent);
}

void show(const Array &array, size_t i, bool values) {
  printf("result_%zu: %s (", i, etch_dtype_name(array.dtype));
  for (size_t d = 0; d < array.extents.size(); ++d)
    printf(d ? ", %" PRId64 : "%" PRId64, array.extents[d]);
  printf(array.extents.size() == 1 ? ",)" : ")");
  if (values && array.size() <= 1024) {
    printf(" [");
    for (int64_t n = 0; n < array.size(); ++n) {
      printf("%s", n ? " " : "");
      printNumber(array, n);
    }
    printf("]");
  }
  printf("\n");
}

void print(const std::vector<Diagnostic> &diagnostics) {
  for (const Diagnostic &d : diagnostics)
    fprintf(stderr, "%s: %s\n",
            d.severity == Severity::error     ? "error"
            : d.severity == Severity::warning ? "warning"
                                              : "note",
            d.message.c_str());
}

/// Fills in what the files did not give, and runs. `all` becomes the results in
/// main's order: those that update arguments are found there.
std::string runOnce(const Options &options, const etch_module_t &module,
                    std::vector<Array> &all) {
  std::string wrong;
  std::vector<Array> args, results;
  if (!readInputs(options, module, args, wrong))
    return wrong;
  while (!options.fill.empty() && args.size() < size_t(module.num_args) &&
         hasKnownShape(module.args[args.size()]))
    args.push_back(
        arrayLike(module.args[args.size()], atof(options.fill.c_str())));
  for (int32_t i = 0; i < module.num_results; ++i) {
    if (!hasKnownShape(module.results[i]))
      return "result " + std::to_string(i) +
             " has extents known at run time only; write them into the "
             "program";
    results.push_back(arrayLike(module.results[i], 0));
  }
  if (wrong = run(module, args, results); !wrong.empty())
    return wrong;
  size_t next = 0, count = results.size();
  for (int32_t i = 0; i < module.num_args; ++i)
    count += module.args[i].update != ETCH_NO_UPDATE;
  for (size_t i = 0; i < count; ++i) {
    const Array *array = nullptr;
    for (int32_t a = 0; a < module.num_args; ++a)
      if (module.args[a].update == int32_t(i))
        array = &args[size_t(a)];
    if (!array && next < results.size())
      array = &results[next++];
    if (array)
      all.push_back(*array);
  }
  return {};
}

/// Says which pass changes a result, and where first. Gives 1 if one does.
int bisect(const Options &options, const std::string &text) {
  std::vector<Array> last, before;
  std::string wrong;
  ChangingPass pass = findChangingPass([&](const std::string &without) {
    CompileOptions compileOptions = options.compile;
    compileOptions.without = without;
    CompileResult compiled = compile(text, compileOptions);
    before = std::move(last);
    last.clear();
    wrong = compiled ? runOnce(options, compiled.module->module(), last)
                     : compiled.diagnostics.front().message;
    std::string bytes = wrong;
    for (const Array &array : last)
      bytes.append(static_cast<const char *>(array.data.get()),
                   size_t(array.size()) * etch_dtype_size(array.dtype));
    return bytes;
  });
  if (pass.name.empty()) {
    if (!wrong.empty())
      return fail(wrong);
    printf("no optional pass changes the results\n");
    return 0;
  }
  printf("%s changes the results\n", pass.name.c_str());
  for (size_t i = 0; i < last.size() && i < before.size(); ++i) {
    size_t bytes = etch_dtype_size(last[i].dtype);
    for (int64_t n = 0; n < last[i].size(); ++n) {
      auto at = [&](const Array &array) {
        return static_cast<const char *>(array.data.get()) + size_t(n) * bytes;
      };
      if (!memcmp(at(last[i]), at(before[i]), bytes))
        continue;
      printf("result_%zu, element %" PRId64 ": ", i, n);
      printNumber(before[i], n);
      printf(" without it, ");
      printNumber(last[i], n);
      printf(" with it\n");
      return 1;
    }
  }
  printf("with it: %s\n", wrong.c_str());
  return 1;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  std::string wrong, text;
  if (argc == 2 && !strcmp(argv[1], "--help")) {
    fputs(usage, stdout);
    return 0;
  }
  if (wrong = parse(argc, argv, options); !wrong.empty())
    return fail(wrong + "\n" + usage);
  if (!readProgram(options.program, text))
    return fail("cannot read '" + options.program + "'");
  if (etch_set_num_threads(options.threads) != ETCH_OK)
    return fail(etch_last_error());

  if (options.bisect)
    return bisect(options, text);
  CompileResult compiled = compile(text, options.compile);
  print(compiled.diagnostics);
  if (!compiled)
    return 1;
  if (options.times)
    printf("%s in %.2f ms\n",
           compiled.origin == Origin::disk ? "loaded from disk" : "compiled",
           compiled.milliseconds);

  std::vector<Array> all;
  if (wrong = runOnce(options, compiled.module->module(), all); !wrong.empty())
    return fail(wrong);
  if (!options.outputDir.empty()) {
    std::error_code ignored; // the write says what is wrong
    std::filesystem::create_directories(options.outputDir, ignored);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    show(all[i], i, options.print);
    if (options.outputDir.empty())
      continue;
    if (etch::io::Error error = writeNpy(options.outputDir + "/result_" +
                                             std::to_string(i) + ".npy",
                                         all[i]))
      return fail(error.message);
  }
  return 0;
}
