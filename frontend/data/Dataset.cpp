//===- Dataset.cpp - Samples and batches of them -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/dataset.h"

#include "etch/image.h"
#include "etch/layers.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Shapes.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace etch {

namespace {

/// Samples are made outside graphs and outside recorded programs.
struct DataScope {
  NoGrad no_grad;
  detail::RecordingScope suspended{nullptr};
};

Shape row_shape(const Variable &all) {
  Shape shape;
  for (int i = 1; i < all.ndim(); ++i)
    shape.push_back(all.shape(i));
  return shape;
}

/// Data are no parameters: no gradient is computed for them.
Variable constant(detail::ValueRef value) {
  return detail::make_variable(std::move(value), detail::Node::constant);
}

/// Rows of a dense array, copied into one.
Variable take_rows(const Variable &all, std::span<const int64_t> rows) {
  Shape shape = row_shape(all);
  size_t bytes = size_t(shape.elements() * size_of(all.dtype()));
  shape.insert(0, int64_t(rows.size()));
  detail::ValueRef from = detail::dense_value(all);
  detail::ValueRef to = detail::make_dense(all.dtype(), shape);
  for (size_t i = 0; i < rows.size() && bytes; ++i)
    std::memcpy(static_cast<char *>(to->data) + i * bytes,
                static_cast<const char *>(from->data) + size_t(rows[i]) * bytes,
                bytes);
  return constant(std::move(to));
}

Variable take_row(const Variable &all, int64_t row) {
  Variable one = take_rows(all, std::span(&row, 1));
  detail::ValueRef value = detail::make_dense(all.dtype(), row_shape(all));
  if (size_t bytes = size_t(value->shape.elements() * size_of(all.dtype())))
    std::memcpy(value->data, one.node()->value->data, bytes);
  return constant(std::move(value));
}

/// Arrays of one type on a new first axis; empty if they are.
Variable stack_rows(const std::vector<Variable> &rows) {
  if (rows.empty() || !rows[0].defined())
    return {};
  Shape shape = rows[0].shape();
  detail::check_rank(shape.rank() + 1, "batch", {});
  size_t bytes = size_t(shape.elements() * size_of(rows[0].dtype()));
  shape.insert(0, int64_t(rows.size()));
  detail::ValueRef to = detail::make_dense(rows[0].dtype(), shape);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].defined() || rows[i].shape() != rows[0].shape())
      throw ShapeError(
          "batch: samples differ in shape: " + to_string(rows[0].shape()) +
          " and " + (rows[i].defined() ? to_string(rows[i].shape()) : "none"));
    if (rows[i].dtype() != rows[0].dtype())
      throw DTypeError(std::string("batch: samples differ in type: ") +
                       name_of(rows[0].dtype()) + " and " +
                       name_of(rows[i].dtype()));
    detail::ValueRef from = detail::dense_value(rows[i]);
    if (bytes)
      std::memcpy(static_cast<char *>(to->data) + i * bytes, from->data, bytes);
  }
  return constant(std::move(to));
}

} // namespace

Dataset::Dataset(Variable data, Variable label, Transform transform,
                 Transform target_transform)
    : all_data(std::move(data)), all_labels(std::move(label)),
      transform(std::move(transform)),
      target_transform(std::move(target_transform)) {
  if (all_labels.defined() && all_labels.len() != all_data.len())
    throw ShapeError("Dataset: " + std::to_string(all_data.len()) +
                     " samples, but " + std::to_string(all_labels.len()) +
                     " labels");
}

Dataset::~Dataset() = default;

int64_t Dataset::len() const { return all_data.defined() ? all_data.len() : 0; }

Sample Dataset::get(int64_t i) const {
  return {take_row(all_data, i),
          all_labels.defined() ? take_row(all_labels, i) : Variable()};
}

Sample Dataset::operator[](int64_t i) const {
  if (i < 0 || i >= len())
    throw ValueError("Dataset: index " + std::to_string(i) +
                     " is out of range, there are " + std::to_string(len()) +
                     " samples");
  DataScope scope;
  Sample sample = get(i);
  if (transform)
    sample.x = transform(sample.x);
  if (target_transform && sample.t.defined())
    sample.t = target_transform(sample.t);
  return sample;
}

Sample Dataset::batch(std::span<const int64_t> indices) const {
  DataScope scope;
  // Without transforms whole rows are copied; a dataset that reads its samples
  // itself has no arrays.
  if (all_data.defined() && !transform && !target_transform) {
    for (int64_t i : indices)
      if (i < 0 || i >= len())
        (void)(*this)[i];
    return {take_rows(all_data, indices),
            all_labels.defined() ? take_rows(all_labels, indices) : Variable()};
  }
  std::vector<Variable> xs, ts;
  for (int64_t i : indices) {
    Sample sample = (*this)[i];
    xs.push_back(std::move(sample.x));
    ts.push_back(std::move(sample.t));
  }
  return {stack_rows(xs), stack_rows(ts)};
}

FileDataset::FileDataset(std::vector<std::string> files, Variable labels,
                         Reader reader, Transform transform,
                         Transform target_transform)
    : Dataset({}, {}, std::move(transform), std::move(target_transform)),
      files(std::move(files)), reader(std::move(reader)) {
  if (labels.defined() && labels.len() != len())
    throw ShapeError("FileDataset: " + std::to_string(len()) + " files, but " +
                     std::to_string(labels.len()) + " labels");
  all_labels = std::move(labels);
}

std::vector<std::string> FileDataset::list(const std::string &folder,
                                           const std::string &suffix) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error))
    if (at->path().filename().string().ends_with(suffix))
      files.push_back(at->path().string());
  if (error)
    throw IOError(folder + ": cannot be read: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

Sample FileDataset::get(int64_t i) const {
  const std::string &path = file(i);
  Variable x = reader                   ? reader(path)
               : path.ends_with(".npy") ? load_npy(path)
                                        : load_image(path);
  return {std::move(x),
          all_labels.defined() ? take_row(all_labels, i) : Variable()};
}

} // namespace etch
