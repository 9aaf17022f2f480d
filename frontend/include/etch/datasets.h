//===- datasets.h - Data to learn from --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   MNIST train({.train = true});
//   DataLoader loader(train, 100);
//   for (auto &[x, t] : loader) …
//===----------------------------------------------------------------------===//
#ifndef ETCH_DATASETS_H
#define ETCH_DATASETS_H

#include "etch/operand.h"

#include <functional>
#include <memory>

namespace etch {

/// What happens to each sample's data or label before it is used.
using Transform = std::function<Variable(const Variable &)>;

/// Some transforms, one after the other.
struct Compose {
  std::vector<Transform> steps;
  Compose(std::initializer_list<Transform> steps) : steps(steps) {}
  Variable operator()(const Variable &x) const;
};
/// (x - mean) / std
struct Normalize {
  double mean = 0, std = 1;
  Variable operator()(const Variable &x) const;
};
/// All elements on one axis.
struct Flatten {
  Variable operator()(const Variable &x) const;
};
/// Another element type.
struct AsType {
  DType dtype = f32;
  Variable operator()(const Variable &x) const;
};

/// One sample, or a batch of them: data and label. The label is empty where
/// there is none. No gradient flows to them (see set_requires_grad).
struct Sample {
  Variable x, t;
};

/// Samples by index. Either holds all data in two arrays, whose first axis
/// counts the samples, or overrides len() and get() to read each on access.
class Dataset {
public:
  /// `label` may be empty: then samples have none.
  explicit Dataset(Variable data = {}, Variable label = {},
                   Transform transform = {}, Transform target_transform = {});
  virtual ~Dataset();

  /// Number of samples.
  virtual int64_t len() const;
  /// Sample i after the transforms. ValueError unless 0 <= i < len().
  Sample operator[](int64_t i) const;
  /// These samples, each array stacked on a new first axis. ShapeError or
  /// DTypeError when they differ.
  Sample batch(std::span<const int64_t> indices) const;

  const Variable &data() const { return all_data; }
  const Variable &label() const { return all_labels; }

protected:
  /// Sample i before the transforms.
  virtual Sample get(int64_t i) const;

  Variable all_data, all_labels;
  Transform transform, target_transform;
};

struct LoaderOptions {
  bool shuffle = true; ///< another order in each epoch
};

/// Batches of a dataset, which must live as long. A range-for is one epoch. The
/// orders are drawn from the random stream: the first one at construction, the
/// next one at each epoch's end (or at a start, if the last epoch was left
/// early). The last batch may be short.
class DataLoader {
public:
  DataLoader(const Dataset &dataset, int64_t batch_size,
             const LoaderOptions &options = {});
  /// Number of batches.
  int64_t len() const;

  /// For range-based for: each step makes the next batch.
  struct End {};
  class Iterator {
  public:
    Sample &operator*() { return loader->current; }
    Sample *operator->() { return &loader->current; }
    Iterator &operator++() {
      loader->next();
      return *this;
    }
    bool operator==(End) const { return loader->finished; }

  private:
    friend class DataLoader;
    explicit Iterator(DataLoader *loader) : loader(loader) {}
    DataLoader *loader;
  };
  /// Starts over, in a new order if it shuffles.
  Iterator begin();
  End end() { return {}; }

private:
  void reset();
  void next();

  const Dataset *dataset;
  int64_t batch_size;
  bool shuffle;
  std::vector<int64_t> order;
  int64_t position = 0;
  bool finished = false;
  Sample current;
};

/// Which half of a data set, and what happens to each sample.
struct DatasetOptions {
  bool train = true;
  Transform transform = {};
  Transform target_transform = {};
};

/// 300 points on three arms of a spiral: (2,) float32, labels 0 to 2 int64.
/// Seeds the random stream with 1984 (for testing: 2020).
class Spiral : public Dataset {
public:
  explicit Spiral(const DatasetOptions &options = {});
};

/// A sine curve with noise (for testing: a cosine without) and the same curve
/// one step later: 999 samples of shape (1,), float64.
class SinCurve : public Dataset {
public:
  explicit SinCurve(const DatasetOptions &options = {});
};

struct MNISTOptions {
  bool train = true;
  std::string directory = {}; ///< where the IDX files are; "": see MNIST
  Transform transform = {};   ///< none: (784,), float32, 0 to 1
  Transform target_transform = {};
  bool download = true; ///< fetch what is found nowhere
  bool progress = true; ///< show how far a download is, on stderr
};

/// Handwritten digits: images (1, 28, 28) of int32, 0 to 255, and labels 0 to
/// 9, int64. The IDX files, gzipped or not, are looked for in the directory
/// given, or else in $ETCH_DATA_DIR (and mnist/ in it), the oracle folder that
/// Etch was built with, and the cache, into which they are downloaded. IOError
/// for corrupt files, or when there are none.
class MNIST : public Dataset {
public:
  explicit MNIST(const MNISTOptions &options = {});
  /// Digits drawn by a program, not by hand: strokes, bent, moved and blurred,
  /// with noise. The same ones for each seed.
  static MNIST synthetic(const MNISTOptions &options = {},
                         int64_t count = 10000);
  /// Where the digits are from: a folder, or "synthetic".
  const std::string &source() const { return origin; }

private:
  struct Raw {
    int64_t count = 0;
    std::vector<uint8_t> pixels, labels;
    std::string origin;
  };
  MNIST(const MNISTOptions &options, const Raw &raw);
  static Raw read(const MNISTOptions &options);
  static Raw draw(bool train, int64_t count);
  std::string origin;
};

} // namespace etch

#endif // ETCH_DATASETS_H
