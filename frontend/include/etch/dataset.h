//===- dataset.h - Samples and batches of them ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   Dataset data(x, t);
//   DataLoader loader(data, 100, {.prefetch = 2});
//   for (auto &[x, t] : loader) …
//===----------------------------------------------------------------------===//
#ifndef ETCH_DATASET_H
#define ETCH_DATASET_H

#include "etch/transforms.h"

#include <memory>
#include <optional>

namespace etch {

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
  /// Sample i before the transforms. A loader that prefetches calls it on a
  /// thread of its own.
  virtual Sample get(int64_t i) const;

  Variable all_data, all_labels;
  Transform transform, target_transform;
};

/// One file per sample, read on access: for data that do not fit into memory.
class FileDataset : public Dataset {
public:
  /// What is in a file: the sample's data.
  using Reader = std::function<Variable(const std::string &)>;
  /// `labels` is empty, or has one label per file. Without a reader files are
  /// read by their suffix: .npy by load_npy, others by load_image.
  explicit FileDataset(std::vector<std::string> files, Variable labels = {},
                       Reader reader = {}, Transform transform = {},
                       Transform target_transform = {});
  /// The files of a folder that end with `suffix`, by name. IOError.
  static std::vector<std::string> list(const std::string &folder,
                                       const std::string &suffix);

  int64_t len() const override { return int64_t(files.size()); }
  const std::string &file(int64_t i) const { return files.at(size_t(i)); }

protected:
  Sample get(int64_t i) const override;

private:
  std::vector<std::string> files;
  Reader reader;
};

struct LoaderOptions {
  bool shuffle = true; ///< another order in each epoch
  /// So many batches are made in advance, on a thread of the loader's own; 0:
  /// none. The batches are the same.
  int64_t prefetch = 0;
  /// Where batches go. With prefetch their copies are on the way, too, before
  /// they are asked for.
  Device device = cpu();
};

/// Batches of a dataset, which must live as long; a temporary one is kept. A
/// range-for is one epoch. The orders are drawn from the random stream: the
/// first one at construction, the next one at each epoch's end (or at a start,
/// if the last epoch was left early). The last batch may be short.
///
/// Transforms that draw random numbers draw them from a stream of the loader's
/// own, which depends on where the random stream stood when the order was drawn
/// and on the batch: batches do not depend on what else is drawn meanwhile. An
/// exception that a dataset throws comes out where the batch is asked for; the
/// next call tries that batch again.
class DataLoader {
public:
  /// ValueError unless batch_size > 0 and prefetch >= 0.
  DataLoader(const Dataset &dataset, int64_t batch_size,
             const LoaderOptions &options = {});
  template <std::derived_from<Dataset> D>
  DataLoader(D &&dataset, int64_t batch_size, const LoaderOptions &options = {})
      : DataLoader(std::make_shared<const D>(std::move(dataset)), batch_size,
                   options, false) {}
  DataLoader(DataLoader &&) noexcept;
  DataLoader &operator=(DataLoader &&) noexcept;
  ~DataLoader();
  /// Number of batches.
  int64_t len() const;
  /// The next batch; nothing at the epoch's end. The call after that begins
  /// another epoch.
  std::optional<Sample> next(SourceLocation l = SourceLocation::current());

  /// For range-based for: each step makes the next batch.
  struct End {};
  class Iterator {
  public:
    /// The batch; ValueError behind the last one.
    Sample &operator*() { return loader->batch(); }
    Sample *operator->() { return &loader->batch(); }
    /// Stays behind the last batch once it is there.
    Iterator &operator++() {
      loader->step();
      return *this;
    }
    bool operator==(End) const { return loader->finished; }

  private:
    friend class DataLoader;
    explicit Iterator(DataLoader *loader) : loader(loader) {}
    DataLoader *loader;
  };
  /// Starts over, in a new order if it shuffles.
  Iterator begin(SourceLocation l = SourceLocation::current());
  End end() { return {}; }

protected:
  /// `streams`: batches as SeqDataLoader makes them.
  DataLoader(std::shared_ptr<const Dataset> dataset, int64_t batch_size,
             const LoaderOptions &options, bool streams);

private:
  struct Plan;
  class Worker;
  void reset();
  bool fetch();
  void step();
  Sample &batch();

  std::shared_ptr<const Dataset> dataset; ///< often the user's own
  int64_t batch_size;
  LoaderOptions options;
  bool streams;
  std::shared_ptr<const Plan> plan; ///< of this epoch
  std::unique_ptr<Worker> worker;   ///< while it makes this epoch's batches
  int64_t position = 0;             ///< batches given in this epoch
  uint32_t epoch = 0;
  bool finished = false;
  Sample current;
  Location where; ///< the user's loop
};

struct SeqLoaderOptions {
  int64_t prefetch = 0; ///< as LoaderOptions
  Device device = cpu();
};

/// Batches for recurrent networks: row i of all batches is one sequence, which
/// starts at sample i * (len / batch_size) and goes on behind the end at the
/// start. len / batch_size batches, rounded up, all whole; never shuffled.
class SeqDataLoader : public DataLoader {
public:
  SeqDataLoader(const Dataset &dataset, int64_t batch_size,
                const SeqLoaderOptions &options = {});
  template <std::derived_from<Dataset> D>
  SeqDataLoader(D &&dataset, int64_t batch_size,
                const SeqLoaderOptions &options = {})
      : SeqDataLoader(std::make_shared<const D>(std::move(dataset)), batch_size,
                      options) {}

private:
  SeqDataLoader(std::shared_ptr<const Dataset> dataset, int64_t batch_size,
                const SeqLoaderOptions &options);
};

} // namespace etch

#endif // ETCH_DATASET_H
