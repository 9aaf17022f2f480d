//===- Dataset.cpp - Samples, transforms, batches -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/datasets.h"

#include "etch/operators.h"
#include "etch/random.h"
#include "frontend/engine/Engine.h"

#include <cstring>
#include <numeric>

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

Variable Compose::operator()(const Variable &x) const {
  Variable y = x;
  for (const Transform &step : steps)
    y = step(y);
  return y;
}

Variable Normalize::operator()(const Variable &x) const {
  return (x - mean) / std;
}

Variable Flatten::operator()(const Variable &x) const { return x.reshape(-1); }

Variable AsType::operator()(const Variable &x) const { return x.astype(dtype); }

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

DataLoader::DataLoader(const Dataset &dataset, int64_t batch_size,
                       const LoaderOptions &options)
    : dataset(&dataset), batch_size(batch_size), shuffle(options.shuffle) {
  if (batch_size < 1)
    throw ValueError("DataLoader: the batch size is " +
                     std::to_string(batch_size));
  reset();
}

int64_t DataLoader::len() const {
  return (dataset->len() + batch_size - 1) / batch_size;
}

void DataLoader::reset() {
  int64_t n = dataset->len();
  position = 0;
  if (shuffle) {
    DataScope scope;
    order = random::permutation(n).to_vector<int64_t>();
  } else {
    order.resize(size_t(n));
    std::iota(order.begin(), order.end(), 0);
  }
}

DataLoader::Iterator DataLoader::begin() {
  if (position > 0)
    reset();
  finished = false;
  next();
  return Iterator(this);
}

void DataLoader::next() {
  int64_t count = std::min(batch_size, int64_t(order.size()) - position);
  if (count <= 0) {
    finished = true;
    current = {};
    reset();
    return;
  }
  current =
      dataset->batch(std::span(order).subspan(size_t(position), size_t(count)));
  position += count;
}

} // namespace etch
