//===- Weights.cpp - Arrays in .npz and .safetensors files ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/layers.h"
#include "etch/safetensors.h"
#include "frontend/engine/Engine.h"

#include <cstring>

namespace etch {

namespace {

void check(const io::Error &error, SourceLocation l) {
  if (error)
    throw IOError(error.message, Location(l));
}

/// A view of x's elements, made dense if need be; `keep` owns them.
io::Array array_of(const Variable &x, std::vector<detail::ValueRef> &keep) {
  keep.push_back(detail::dense_value(x));
  return io::Array::view(etch_dtype_t(x.dtype()),
                         {x.shape().begin(), x.shape().end()},
                         keep.back()->data);
}

Variable variable_of(const io::Array &array, const std::string &path,
                     SourceLocation l) {
  if (array.extents.size() > size_t(Shape::max_rank))
    throw IOError(path + ": an array has " +
                      std::to_string(array.extents.size()) + " axes; at most " +
                      std::to_string(Shape::max_rank) + " are supported",
                  Location(l));
  detail::ValueRef value =
      detail::make_dense(DType(array.dtype), Shape(array.extents));
  if (size_t bytes = array.bytes())
    std::memcpy(value->data, array.data.get(), bytes);
  return detail::make_variable(std::move(value));
}

using Writer = io::Error (*)(const std::string &, const io::Arrays &);
using Reader = io::Error (*)(const std::string &, io::Arrays &);

io::Error write_npz(const std::string &path, const io::Arrays &arrays) {
  return io::writeNpz(path, arrays, /*compress=*/true);
}

bool is_safetensors(const std::string &path) {
  return path.ends_with(".safetensors");
}

void write(Writer writer, const std::string &path,
           const std::vector<std::pair<std::string, Variable>> &arrays,
           SourceLocation l) {
  std::vector<detail::ValueRef> keep;
  io::Arrays list;
  for (const auto &[name, x] : arrays) {
    if (!x.defined())
      throw ValueError("save: '" + name + "' has no contents yet", Location(l));
    list.emplace_back(name, array_of(x, keep));
  }
  check(writer(path, list), l);
}

std::map<std::string, Variable> read(Reader reader, const std::string &path,
                                     SourceLocation l) {
  io::Arrays list;
  check(reader(path, list), l);
  std::map<std::string, Variable> arrays;
  for (const auto &[name, array] : list)
    arrays[name] = variable_of(array, path, l);
  return arrays;
}

} // namespace

void save_npz(const std::string &path,
              const std::map<std::string, Variable> &arrays, SourceLocation l) {
  write(write_npz, path, {arrays.begin(), arrays.end()}, l);
}

std::map<std::string, Variable> load_npz(const std::string &path,
                                         SourceLocation l) {
  return read(io::readNpz, path, l);
}

void save_safetensors(const std::string &path,
                      const std::map<std::string, Variable> &arrays,
                      SourceLocation l) {
  write(io::writeSafetensors, path, {arrays.begin(), arrays.end()}, l);
}

std::map<std::string, Variable> load_safetensors(const std::string &path,
                                                 SourceLocation l) {
  return read(io::readSafetensors, path, l);
}

static std::string with_suffix(const std::string &path) {
  return path.ends_with(".npy") ? path : path + ".npy";
}

void save_npy(const std::string &path, const Variable &x, SourceLocation l) {
  if (!x.defined())
    throw ValueError("save_npy: the array is empty", Location(l));
  std::vector<detail::ValueRef> keep;
  check(io::writeNpy(with_suffix(path), array_of(x, keep)), l);
}

Variable load_npy(const std::string &path, SourceLocation l) {
  io::Array array;
  check(io::readNpy(with_suffix(path), array), l);
  return variable_of(array, path, l);
}

void Layer::save_weights(const std::string &path, SourceLocation l) const {
  std::vector<std::pair<std::string, Variable>> arrays;
  for (const Named &n : named_params())
    arrays.emplace_back(n.path, *n.parameter);
  write(is_safetensors(path) ? io::writeSafetensors : write_npz, path, arrays,
        l);
}

void Layer::load_weights(const std::string &path, SourceLocation l) {
  detail::RecordingScope suspended(nullptr);
  std::map<std::string, Variable> arrays =
      read(is_safetensors(path) ? io::readSafetensors : io::readNpz, path, l);
  std::vector<Named> all = named_params();
  std::string missing;
  for (const Named &n : all) {
    auto found = arrays.find(n.path);
    if (found == arrays.end())
      missing += (missing.empty() ? "" : ", ") + n.path;
    else if (n.parameter->defined() &&
             n.parameter->shape() != found->second.shape())
      throw ShapeError("load_weights: " + n.path + " is " +
                           to_string(n.parameter->shape()) + ", in " + path +
                           " it is " + to_string(found->second.shape()),
                       Location(l));
  }
  if (!missing.empty())
    throw ValueError("load_weights: " + path + " lacks " + missing,
                     Location(l));
  for (const Named &n : all) {
    const Variable &contents = arrays[n.path];
    if (n.parameter->defined())
      n.parameter->assign(contents, l);
    else
      *n.parameter = Parameter(contents);
  }
  set_names();
}

} // namespace etch
