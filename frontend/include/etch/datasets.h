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

#include "etch/dataset.h"

#include <map>
#include <string_view>

namespace etch {

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

struct CIFAROptions {
  bool train = true;
  bool coarse = false;        ///< CIFAR100: the 20 labels instead of the 100
  std::string directory = {}; ///< where the files are; "": as MNIST
  Transform transform = {};   ///< none: (3, 32, 32), float32, 0 to 1
  Transform target_transform = {};
  bool download = true; ///< fetch what is found nowhere
  bool progress = true; ///< show how far a download is, on stderr
};

/// What CIFAR10 and CIFAR100 share: images (3, 32, 32) of int32, 0 to 255, and
/// labels, int64, from the files of the binary version, gzipped or not. Kept as
/// bytes: data() is empty, label() has the labels. IOError for corrupt files,
/// or when there are none.
class CIFAR : public Dataset {
public:
  /// Number of images.
  int64_t len() const override;
  /// Where the images are from: a folder.
  const std::string &source() const { return origin; }

protected:
  CIFAR(const CIFAROptions &options, bool hundred);
  Sample get(int64_t i) const override;

private:
  std::vector<uint8_t> pixels;
  std::string origin;
};

/// 50000 images (10000 for testing) of ten kinds.
class CIFAR10 : public CIFAR {
public:
  explicit CIFAR10(const CIFAROptions &options = {}) : CIFAR(options, false) {}
  /// Names of the labels: "airplane", ….
  static const std::vector<std::string> &labels();
};

/// 50000 images (10000 for testing) of a hundred kinds in twenty groups.
class CIFAR100 : public CIFAR {
public:
  explicit CIFAR100(const CIFAROptions &options = {}) : CIFAR(options, true) {}
  /// Names of the labels: "apple", ….
  static const std::vector<std::string> &labels();
  /// Names of the groups: "aquatic_mammals", ….
  static const std::vector<std::string> &coarse_labels();
};

/// The names of the thousand kinds of ImageNet.
struct ImageNet {
  /// From a file: a Python dictionary or one name per line; without a path it
  /// is looked for as MNIST is, or else downloaded. labels()[340] is "zebra".
  /// IOError.
  static std::vector<std::string> labels(const std::string &path = "");
};

struct TextOptions {
  bool train = true;           ///< the first part, else the rest
  double valid_fraction = 0.1; ///< how much of the text the rest is
  int64_t length = 0; ///< characters of a sample, shape (length,); 0: one, ()
  int64_t stride = 1; ///< from one sample's start to the next one's
  std::string directory = {}; ///< TinyShakespeare: where input.txt is
  bool download = true;       ///< TinyShakespeare: fetch it if it is nowhere
  bool progress = true;       ///< show how far a download is, on stderr
};

/// A text as numbers of its characters, int64: the distinct ones of the whole
/// text in order of their code points. A sample is some characters (x) and the
/// same one place later (t).
class TextDataset : public Dataset {
public:
  /// IOError, naming the text `name`, unless it is UTF-8. ValueError.
  explicit TextDataset(std::string_view text, const TextOptions &options = {},
                       const std::string &name = "text");
  /// The text in a file, gzipped or not. IOError.
  static TextDataset from_file(const std::string &path,
                               const TextOptions &options = {});

  /// How many samples there are: none in a text of fewer characters.
  int64_t len() const override;
  /// How many characters there are.
  int64_t vocabulary() const { return int64_t(names.size()); }
  /// The character of each number, in UTF-8.
  const std::vector<std::string> &characters() const { return names; }
  /// Numbers of a text's characters; ValueError for one that is unknown.
  std::vector<int64_t> encode(std::string_view text) const;
  /// The text that these numbers stand for.
  std::string decode(const Variable &ids) const;

protected:
  Sample get(int64_t i) const override;

private:
  int64_t length, stride;
  std::vector<int64_t> ids;
  std::vector<std::string> names;
  std::map<char32_t, int64_t> numbers;
};

/// About a million characters of Shakespeare: input.txt, looked for as MNIST.
class TinyShakespeare : public TextDataset {
public:
  explicit TinyShakespeare(const TextOptions &options = {});
};

} // namespace etch

#endif // ETCH_DATASETS_H
