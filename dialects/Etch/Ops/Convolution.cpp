//===- Convolution.cpp - conv2d and its gradients, windows ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Three shapes belong together: images (N, C, H, W), filters (OC, C / groups,
// KH, KW) and outputs (N, OC, OH, OW). Each of the convolutions has two of them
// as operands and the third as its result.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

using namespace etch;

using List = std::vector<int64_t>;

static bool differ(int64_t a, int64_t b) {
  return a != b && a != dynamic_extent && b != dynamic_extent;
}

//===----------------------------------------------------------------------===//
// Windows along the two axes
//===----------------------------------------------------------------------===//

/// "(1, 2)".
static std::string pairText(int64_t a, int64_t b) {
  return to_string(Shape{a, b});
}

/// Whether an attribute is two numbers, none below `least`.
static bool checkPair(const char *name, const List &values, int64_t least,
                      std::string &error) {
  constexpr int64_t most = INT32_MAX;
  if (values.size() == 2 && values[0] >= least && values[1] >= least &&
      values[0] <= most && values[1] <= most)
    return true;
  error = std::string(name) + " is not two " +
          (least ? "positive numbers" : "numbers from 0 on");
  return false;
}

namespace {
/// The attributes that all have.
struct Window {
  const List &stride, &pad, &dilation;

  bool check(std::string &error) const {
    return checkPair("stride", stride, 1, error) &&
           checkPair("pad", pad, 0, error) &&
           checkPair("dilation", dilation, 1, error);
  }
  /// How far a window reaches, its first tap included.
  int64_t reach(int64_t kernel, size_t axis) const {
    return dilation[axis] * (kernel - 1) + 1;
  }
  /// Whether the extents of input, windows and output belong together.
  /// `of_input` names what has the input's extents.
  bool fits(const int64_t *input, const int64_t *kernel, const int64_t *output,
            const char *ofInput, std::string &error) const;
};
} // namespace

bool Window::fits(const int64_t *input, const int64_t *kernel,
                  const int64_t *output, const char *ofInput,
                  std::string &error) const {
  for (size_t axis : {0, 1}) {
    int64_t in = input[axis], k = kernel[axis];
    if (k == dynamic_extent)
      continue;
    if (k < 1) {
      error = "windows of " + pairText(kernel[0], kernel[1]) + " have no taps";
      return false;
    }
    if (in == dynamic_extent)
      continue;
    int64_t room = k > INT32_MAX ? -1 : in + 2 * pad[axis] - reach(k, axis);
    if (room < 0) {
      error = "windows of " + pairText(kernel[0], kernel[1]) +
              (dilation[0] * dilation[1] == 1
                   ? ""
                   : " with dilation " + pairText(dilation[0], dilation[1])) +
              " do not fit into " + ofInput + " of " +
              pairText(input[0], input[1]) + " with pad " +
              pairText(pad[0], pad[1]);
      return false;
    }
    if (differ(output[axis], room / stride[axis] + 1)) {
      error = std::string("the output has ") + std::to_string(output[axis]) +
              " places along " + (axis ? "W" : "H") + ", windows of " +
              pairText(kernel[0], kernel[1]) + " have " +
              std::to_string(room / stride[axis] + 1) + " in " + ofInput +
              " of " + pairText(input[0], input[1]);
      return false;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

namespace {
/// One of the three shapes under the name that messages give it.
struct Part {
  const char *name;
  const Shape &shape;
  std::string text() const {
    return std::string(name) + " is " + to_string(shape);
  }
};
} // namespace

static bool checkConvolution(const Part &images, const Part &filters,
                             const Part &outputs, const Attrs &attrs,
                             std::string &error) {
  Window window = {std::get<List>(attrs[0]), std::get<List>(attrs[1]),
                   std::get<List>(attrs[2])};
  int64_t groups = std::get<int64_t>(attrs[3]);
  const Shape &x = images.shape, &w = filters.shape, &y = outputs.shape;
  if (x.rank() != 4 || w.rank() != 4 || y.rank() != 4) {
    error = "(N, C, H, W), (OC, C / groups, KH, KW) and (N, OC, OH, OW) are "
            "needed: " +
            images.text() + ", " + filters.text() + ", " + outputs.text();
    return false;
  }
  if (!window.check(error))
    return false;
  if (groups < 1 || groups > INT32_MAX) {
    error = "there are " + std::to_string(groups) + " groups";
    return false;
  }
  std::string inGroups =
      groups == 1 ? "" : ", in " + std::to_string(groups) + " groups";
  bool known = x[1] != dynamic_extent && w[1] != dynamic_extent;
  if (known && (x[1] % groups || x[1] / groups != w[1])) {
    error =
        "channels differ: " + images.text() + ", " + filters.text() + inGroups;
    return false;
  }
  if (differ(y[1], w[0]) || differ(x[0], y[0])) {
    error = std::string(differ(x[0], y[0]) ? "batches" : "channels") +
            " differ: " + images.text() + ", " + filters.text() + ", " +
            outputs.text();
    return false;
  }
  if (w[0] != dynamic_extent && w[0] % groups) {
    error = std::to_string(w[0]) + " filters cannot be cut in " +
            std::to_string(groups) + " groups";
    return false;
  }
  return window.fits(x.data() + 2, w.data() + 2, y.data() + 2, images.name,
                     error);
}

/// The result, unless the operands' element types are wrong.
static std::optional<TensorType>
convolutionType(std::span<const TensorType> operands, const Attrs &attrs,
                std::string &error) {
  if (operands[0].dtype != operands[1].dtype) {
    error = std::string("element types: x is ") + name_of(operands[0].dtype) +
            ", w is " + name_of(operands[1].dtype);
    return std::nullopt;
  }
  if (!is_floating(operands[0].dtype)) {
    error = std::string("not defined for ") + name_of(operands[0].dtype);
    return std::nullopt;
  }
  return shapedResult(operands[0].dtype, attrs);
}

std::optional<TensorType>
etch::inferConv2d(std::span<const TensorType> operands, const Attrs &attrs,
                  std::string &error) {
  auto y = convolutionType(operands, attrs, error);
  if (y && !checkConvolution({"x", operands[0].shape}, {"w", operands[1].shape},
                             {"the result", y->shape}, attrs, error))
    return std::nullopt;
  return y;
}

std::optional<TensorType>
etch::inferConv2dInputGrad(std::span<const TensorType> operands,
                           const Attrs &attrs, std::string &error) {
  auto y = convolutionType(operands, attrs, error);
  if (y && !checkConvolution({"the result", y->shape}, {"w", operands[1].shape},
                             {"x", operands[0].shape}, attrs, error))
    return std::nullopt;
  return y;
}

std::optional<TensorType>
etch::inferConv2dWeightGrad(std::span<const TensorType> operands,
                            const Attrs &attrs, std::string &error) {
  auto y = convolutionType(operands, attrs, error);
  if (y && !checkConvolution({"x", operands[0].shape}, {"the result", y->shape},
                             {"w", operands[1].shape}, attrs, error))
    return std::nullopt;
  return y;
}

/// `op` with the attributes of the op at hand and the shape of `like`.
static Expr sibling(OpId op, std::initializer_list<Expr> operands, Expr like,
                    const RuleContext &c) {
  std::vector<GraphBuilder::Handle> handles;
  for (Expr x : operands)
    handles.push_back(x.handle());
  return {c.builder, c.builder->applyShaped(
                         op, handles, Attrs(c.attrs.begin(), c.attrs.end() - 1),
                         extentsOf(like))};
}

std::vector<Expr> etch::vjpConv2d(const RuleContext &c) {
  Expr x = c.x(0), w = c.x(1), gy = c.gy();
  return {sibling(OpId::Conv2dInputGrad, {gy, w}, x, c),
          sibling(OpId::Conv2dWeightGrad, {x, gy}, w, c)};
}

std::vector<Expr> etch::vjpConv2dInputGrad(const RuleContext &c) {
  Expr x = c.x(0), w = c.x(1), gy = c.gy(); // gy is like images
  return {sibling(OpId::Conv2d, {gy, w}, x, c),
          sibling(OpId::Conv2dWeightGrad, {gy, x}, w, c)};
}

std::vector<Expr> etch::vjpConv2dWeightGrad(const RuleContext &c) {
  Expr x = c.x(0), w = c.x(1), gy = c.gy(); // gy is like filters
  return {sibling(OpId::Conv2dInputGrad, {w, gy}, x, c),
          sibling(OpId::Conv2d, {x, gy}, w, c)};
}

//===----------------------------------------------------------------------===//
// Windows as an array
//===----------------------------------------------------------------------===//

static bool checkColumns(const Part &images, const Part &columns,
                         const Attrs &attrs, std::string &error) {
  Window window = {std::get<List>(attrs[0]), std::get<List>(attrs[1]),
                   std::get<List>(attrs[2])};
  const Shape &x = images.shape, &y = columns.shape;
  if (!window.check(error))
    return false;
  if (x.rank() != 4 || y.rank() != 6 || differ(x[0], y[0]) ||
      differ(x[1], y[1])) {
    error =
        "(N, C, H, W) and (N, C, KH, KW, OH, OW) are needed: " + images.text() +
        ", " + columns.text();
    return false;
  }
  return window.fits(x.data() + 2, y.data() + 2, y.data() + 4, images.name,
                     error);
}

static std::optional<TensorType>
windowType(const TensorType &x, const Attrs &attrs, std::string &error) {
  if (x.dtype != boolean)
    return shapedResult(x.dtype, attrs);
  error = "not defined for bool";
  return std::nullopt;
}

std::optional<TensorType>
etch::inferIm2col(std::span<const TensorType> operands, const Attrs &attrs,
                  std::string &error) {
  auto y = windowType(operands[0], attrs, error);
  if (y && !checkColumns({"x", operands[0].shape}, {"the result", y->shape},
                         attrs, error))
    return std::nullopt;
  return y;
}

std::optional<TensorType>
etch::inferCol2im(std::span<const TensorType> operands, const Attrs &attrs,
                  std::string &error) {
  auto y = windowType(operands[0], attrs, error);
  if (y && !checkColumns({"the result", y->shape}, {"x", operands[0].shape},
                         attrs, error))
    return std::nullopt;
  return y;
}

std::vector<Expr> etch::vjpIm2col(const RuleContext &c) {
  return {sibling(OpId::Col2im, {c.gy()}, c.x(), c)};
}

std::vector<Expr> etch::vjpCol2im(const RuleContext &c) {
  return {sibling(OpId::Im2col, {c.gy()}, c.x(), c)};
}

std::optional<TensorType>
etch::inferMaxPoolIndex(std::span<const TensorType> operands,
                        const Attrs &attrs, std::string &error) {
  const Shape &x = operands[0].shape;
  auto y = windowType(operands[0], attrs, error);
  const auto &kernel = std::get<List>(attrs[0]),
             &pad = std::get<List>(attrs[2]);
  static const List dense = {1, 1};
  Window window = {std::get<List>(attrs[1]), pad, dense};
  if (!y || !checkPair("kernel", kernel, 1, error) || !window.check(error))
    return std::nullopt;
  const Shape &s = y->shape;
  if (x.rank() != 4 || s.rank() != 4 || differ(x[0], s[0]) ||
      differ(x[1], s[1])) {
    error = "(N, C, H, W) and (N, C, OH, OW) are needed: x is " + to_string(x) +
            ", the result is " + to_string(s);
    return std::nullopt;
  }
  for (size_t axis : {0, 1})
    if (pad[axis] >= kernel[axis] || x[int(axis) + 2] == 0) {
      error = "windows of " + pairText(kernel[0], kernel[1]) +
              " may lie in the padding of " + pairText(pad[0], pad[1]) +
              " alone";
      return std::nullopt;
    }
  if (!window.fits(x.data() + 2, kernel.data(), s.data() + 2, "x", error))
    return std::nullopt;
  y->dtype = i64;
  return y;
}
