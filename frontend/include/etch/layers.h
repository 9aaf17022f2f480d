//===- layers.h - Functions with parameters ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   struct Scale : Layer {
//     Parameter factor{ones({})};
//     Scale(Layer &owner, std::string name) : Layer(owner, std::move(name)) {
//       add_param("factor", factor);
//     }
//     Variable forward(const Variable &x) override { return x * factor; }
//   };
//===----------------------------------------------------------------------===//
#ifndef ETCH_LAYERS_H
#define ETCH_LAYERS_H

#include "etch/functions.h"

#include <map>
#include <memory>

namespace etch {

/// A function with parameters and inner layers. Parameters and layers are
/// registered with their owner once, by name; together the names make paths:
/// "l1/W". Layers stay where they are: they cannot be copied or moved.
class Layer {
public:
  /// A layer without owner, such as a model.
  Layer() = default;
  /// An inner layer: `Linear l1{*this, "l1", 100};`
  Layer(Layer &owner, std::string name);
  Layer(const Layer &) = delete;
  Layer &operator=(const Layer &) = delete;
  virtual ~Layer();

  /// What it computes. UserError "not implemented" unless overridden.
  virtual Variable forward(const Variable &x);
  /// forward(x); operations in it are reported at the caller's line.
  Variable operator()(Operand x);

  /// All parameters that have contents, inner layers' included, in order of
  /// registration, each array once.
  Variables params() const;
  /// A parameter with its path.
  struct Named {
    std::string path;
    Parameter *parameter;
  };
  /// All parameters, also those without contents yet (deferred ones), and the
  /// arrays that belong to the weights without being learned.
  std::vector<Named> named_params() const;
  /// Drops the gradients of all parameters.
  void clear_grads();
  /// Moves all parameters, and their gradients, to `device`.
  Layer &to(Device device, SourceLocation l = SourceLocation::current());

  /// Writes all parameters under their paths to a .npz file, or to one in the
  /// other format if the path ends in ".safetensors"; the file appears whole or
  /// not at all. IOError when it cannot be written, ValueError while a
  /// parameter has no contents yet.
  void save_weights(const std::string &path,
                    SourceLocation l = SourceLocation::current()) const;
  /// Gives all parameters the contents of such a file; deferred ones take shape
  /// and type from it. Names that the layer does not know are ignored. IOError
  /// for a file that cannot be read, ValueError for a missing parameter,
  /// ShapeError for one of another shape; nothing is changed then.
  void load_weights(const std::string &path,
                    SourceLocation l = SourceLocation::current());

  /// Path from the outermost layer: "block/l1"; "" for a layer without owner.
  std::string path() const;

protected:
  /// Makes `p`, a member of this layer, one of its parameters.
  void add_param(std::string name, Parameter &p);
  /// The same for an array that forward() updates, such as running statistics:
  /// saved and loaded with the weights, but not learned.
  void add_state(std::string name, Parameter &p);
  /// Makes `inner`, which lives as long as this layer, one of its layers.
  void add_layer(std::string name, Layer &inner);
  /// Gives a deferred parameter its contents, at the first forward; not part of
  /// the graph, nor of a program that is being recorded.
  void init_param(Parameter &p, const Variable &contents);

private:
  struct Member {
    std::string name;
    Parameter *parameter; ///< null: an inner layer
    Layer *layer;
    bool learned = true;
  };
  void register_member(Member member);
  void collect(const std::string &prefix, std::vector<Named> &out) const;
  void collect(Variables &out) const;
  void set_names() const;

  std::vector<Member> members;
  Layer *owner = nullptr;
  std::string own_name;
};

struct LinearOptions {
  bool nobias = false;
  DType dtype = f32;   ///< of W and b
  int64_t in_size = 0; ///< 0: taken from the first input
};

/// x W + b: (n, in) -> (n, out). W is (in, out), drawn from the random stream
/// with standard deviation sqrt(1 / in); b is (out,), zeros.
class Linear : public Layer {
public:
  explicit Linear(int64_t out_size, const LinearOptions &options = {});
  Linear(Layer &owner, std::string name, int64_t out_size,
         const LinearOptions &options = {});
  Variable forward(const Variable &x) override;

  Parameter W; ///< empty until the input's size is known
  Parameter b; ///< empty with nobias

private:
  void setup();
  void draw(int64_t in_size);

  int64_t out_size;
  LinearOptions options;
};

struct EmbedOptions {
  DType dtype = f32; ///< of W
};

/// Rows of W (words, size) at integers of any shape: shape -> shape + (size,).
/// W is drawn from the random stream with standard deviation 1.
class EmbedID : public Layer {
public:
  EmbedID(int64_t words, int64_t size, const EmbedOptions &options = {});
  EmbedID(Layer &owner, std::string name, int64_t words, int64_t size,
          const EmbedOptions &options = {});
  Variable forward(const Variable &indices) override;

  Parameter W;

private:
  void setup(int64_t words, int64_t size, DType dtype);
};

/// batch_norm() with gamma and beta and the running statistics, which training
/// updates and test mode uses. Sizes and types are those of the first input.
class BatchNorm : public Layer {
public:
  explicit BatchNorm(const BatchNormOptions &options = {});
  BatchNorm(Layer &owner, std::string name,
            const BatchNormOptions &options = {});
  Variable forward(const Variable &x) override;

  Parameter gamma, beta;       ///< (C,), ones and zeros at first
  Parameter avg_mean, avg_var; ///< (C,), zeros and ones at first; not learned

private:
  void setup();

  BatchNormOptions options;
};

struct LayerNormOptions {
  double eps = 1e-5; ///< added to the variance
};
/// layer_norm() over the last axis with gamma and beta. Sizes and types are
/// those of the first input.
class LayerNorm : public Layer {
public:
  explicit LayerNorm(const LayerNormOptions &options = {});
  LayerNorm(Layer &owner, std::string name,
            const LayerNormOptions &options = {});
  Variable forward(const Variable &x) override;

  Parameter gamma, beta; ///< (size,), ones and zeros at first

private:
  void setup();

  LayerNormOptions options;
};

/// dropout(): in training, elements become 0 with probability `ratio`; in test
/// mode the input as it is. The ratio may change from call to call.
class Dropout : public Layer {
public:
  explicit Dropout(double ratio = 0.5) : ratio(ratio) {}
  Dropout(Layer &owner, std::string name, double ratio = 0.5)
      : Layer(owner, std::move(name)), ratio(ratio) {}
  Variable forward(const Variable &x) override;

  double ratio;
};

/// Writes arrays to a .npz file, which NumPy reads, too; it appears whole or
/// not at all. IOError when it cannot be written.
void save_npz(const std::string &path,
              const std::map<std::string, Variable> &arrays,
              SourceLocation l = SourceLocation::current());
/// The arrays of a .npz file by name. IOError for an unreadable or corrupt one.
std::map<std::string, Variable>
load_npz(const std::string &path, SourceLocation l = SourceLocation::current());
/// The same for .safetensors files, which other frameworks read, too. Of their
/// element types float16 and bfloat16 become float32; IOError for those that
/// Etch does not have, and for all that the format forbids.
void save_safetensors(const std::string &path,
                      const std::map<std::string, Variable> &arrays,
                      SourceLocation l = SourceLocation::current());
std::map<std::string, Variable>
load_safetensors(const std::string &path,
                 SourceLocation l = SourceLocation::current());
/// Writes one array to a .npy file; ".npy" is appended if it is missing.
void save_npy(const std::string &path, const Variable &x,
              SourceLocation l = SourceLocation::current());
/// The array of a .npy file.
Variable load_npy(const std::string &path,
                  SourceLocation l = SourceLocation::current());

} // namespace etch

#endif // ETCH_LAYERS_H
