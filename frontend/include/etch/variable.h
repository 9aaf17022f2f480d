//===- variable.h - Arrays that remember how they were made -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Variable is a handle of an n-dimensional array: copies share it. Operations
// on Variables run at once and leave a graph behind, which y.backward() walks;
// inside a compiled function they are recorded instead.
//===----------------------------------------------------------------------===//
#ifndef ETCH_VARIABLE_H
#define ETCH_VARIABLE_H

#include "etch/error.h"
#include "etch/types.h"

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace etch {

class Variable;
class Creator;
class Data;
class Index;
using Variables = std::vector<Variable>;
using SourceLocation = std::source_location;

/// Where an array lives: cpu(), or a graphics processor (see cuda.h).
struct Device {
  enum class Kind : uint8_t { cpu, cuda } kind = Kind::cpu;
  uint8_t index = 0; ///< among those of this kind
  friend bool operator==(const Device &, const Device &) = default;
};
inline Device cpu() { return {}; }
std::string to_string(const Device &device); ///< "cpu", "cuda(0)"

/// What backward() does beside filling the gradients of the leaves.
struct BackwardOptions {
  bool retain_grad = false;  ///< intermediate Variables keep their gradient
  bool create_graph = false; ///< gradients can be differentiated again
};

/// Axes of a reduction: none given means all. Negative ones count from the end.
class Axes {
public:
  Axes() = default;
  Axes(int axis) : Axes({axis}) {}
  Axes(std::initializer_list<int> axes)
      : values(axes.begin(), axes.end()), given(true) {}
  explicit Axes(std::span<const int> axes)
      : values(axes.begin(), axes.end()), given(true) {}
  bool all() const { return !given; }
  std::span<const int> list() const { return values; }

private:
  std::vector<int> values;
  bool given = false;
};

/// Options of sum, mean, max, min and the like.
struct Reduce {
  Axes axis;
  bool keepdims = false; ///< reduced axes stay, with extent 1
};

namespace detail {
struct Node;
void retain(Node *node) noexcept;
void release(Node *node) noexcept;
template <class T>
concept Literal = std::is_arithmetic_v<T>;
template <class T>
concept Unsupported =
    !std::is_arithmetic_v<T> && !std::derived_from<T, Variable>;
template <class> inline constexpr bool always_false = false;
/// An integer with the line it was written on.
struct LocatedInt {
  int64_t value;
  Location location;
  template <std::integral T>
  LocatedInt(T value, SourceLocation l = SourceLocation::current())
      : value(int64_t(value)), location(l) {}
};
} // namespace detail

/// An n-dimensional array with its place in the graph.
class Variable {
public:
  /// Empty: no array. Prints as variable(None).
  Variable() noexcept = default;
  /// A scalar of shape (): float64, float32, int64 or boolean as the literal.
  template <detail::Literal T>
  Variable(T value)
      : Variable(std::is_same_v<T, bool>    ? from_scalar(value, boolean)
                 : std::is_integral_v<T>    ? from_scalar(int64_t(value))
                 : std::is_same_v<T, float> ? from_scalar(value, f32)
                                            : from_scalar(double(value), f64)) {
  }
  template <detail::Unsupported T> explicit Variable(const T &) {
    static_assert(detail::always_false<T>,
                  "this type is not supported: a Variable is made of a number, "
                  "or of arrays by array({...}) or from_data(span, shape)");
  }
  Variable(const Variable &o) noexcept : node_(o.node_) {
    if (node_)
      detail::retain(node_);
  }
  Variable(Variable &&o) noexcept : node_(o.node_) { o.node_ = nullptr; }
  Variable &operator=(Variable o) noexcept {
    std::swap(node_, o.node_);
    return *this;
  }
  ~Variable() {
    if (node_)
      detail::release(node_);
  }

  // Properties. All but name() and node() throw ValueError when empty.
  const Shape &shape() const;
  int64_t shape(int axis) const; ///< one extent; negative axes from the end
  int ndim() const;              ///< number of axes
  int64_t size() const;          ///< number of elements
  int64_t len() const; ///< extent of the first axis; ShapeError for shape ()
  DType dtype() const;
  TensorType type() const;
  Device device() const;
  const std::string &name() const; ///< "" when unnamed
  Variable &set_name(std::string name);
  bool defined() const noexcept { return node_ != nullptr; }
  /// Whether there is an array: `if (x.grad())`. A boolean array of one element
  /// gives its value instead, as in `if (x > 0)`: a host read.
  explicit operator bool() const;
  /// Whether both are handles of one array.
  bool is(const Variable &o) const noexcept { return node_ == o.node_; }

  // Host reads: TraceError while x is a value of a function being compiled.
  /// The only element, converted to T. ValueError unless size() is 1.
  template <class T = double>
  T item(SourceLocation l = SourceLocation::current()) const;
  /// All elements in row-major order, converted to T.
  template <class T = double>
  std::vector<T> to_vector(SourceLocation l = SourceLocation::current()) const;
  /// The elements themselves, row-major. T must be the element type
  /// (DTypeError); `const T` to read. What is written shows in this array only.
  template <class T>
  std::span<T> span(SourceLocation l = SourceLocation::current()) const;

  // State.
  /// Gives this array new contents, type and shape those of `value`: a state
  /// update, outside the graph. Earlier results keep the old contents.
  void assign(const Variable &value,
              SourceLocation l = SourceLocation::current());
  /// The contents without the graph; assigning to it is assign():
  /// `x.data() -= 0.1 * x.grad();`
  Data data(SourceLocation l = SourceLocation::current()) const;
  /// The same contents as a value without history; gradients stop here.
  Variable detach(SourceLocation l = SourceLocation::current()) const;
  /// Itself if it is on device d or being compiled; else a leaf with a copy.
  Variable to(Device d, SourceLocation l = SourceLocation::current()) const;
  /// Whether gradients flow to it; true for floats unless switched off.
  bool requires_grad() const;
  Variable &set_requires_grad(bool on);

  // Gradients.
  /// Fills the gradients of the leaves from d this/d this = 1 (or the gradient
  /// that this Variable has been given), adding to those that are there.
  void backward(BackwardOptions options = {},
                SourceLocation l = SourceLocation::current()) const;
  /// The gradient; an empty Variable when there is none.
  Variable grad() const;
  void set_grad(const Variable &gradient) const;
  void clear_grad() const;
  /// The function that made it; empty for leaves.
  Creator creator() const;
  int64_t generation() const; ///< 0 for leaves
  /// Forgets its creator: it becomes a leaf.
  void unchain(SourceLocation l = SourceLocation::current()) const;
  /// Makes leaves of all Variables from which this one was computed.
  void unchain_backward(SourceLocation l = SourceLocation::current()) const;

  // Conveniences, as the functions of the same names.
  Variable astype(DType dtype,
                  SourceLocation l = SourceLocation::current()) const;
  Variable reshape(const Shape &shape,
                   SourceLocation l = SourceLocation::current()) const;
  template <std::integral... I>
  Variable reshape(detail::LocatedInt first, I... rest) const {
    return reshape_at(Shape{first.value, int64_t(rest)...}, first.location);
  }
  Variable transpose(std::initializer_list<int> axes = {},
                     SourceLocation l = SourceLocation::current()) const;
  Variable T(SourceLocation l = SourceLocation::current()) const;
  Variable sum(const Reduce &options = {},
               SourceLocation l = SourceLocation::current()) const;
  Variable mean(const Reduce &options = {},
                SourceLocation l = SourceLocation::current()) const;
  Variable max(const Reduce &options = {},
               SourceLocation l = SourceLocation::current()) const;
  Variable min(const Reduce &options = {},
               SourceLocation l = SourceLocation::current()) const;
  /// x[1], x[slice(0, 3)], x[index_array] (rows), x[{1, all}].
  Variable operator[](const Index &index) const;
  Variable operator[](std::initializer_list<Index> indices) const;

  /// For Etch's own use.
  detail::Node *node() const noexcept { return node_; }
  static Variable adopt(detail::Node *node) noexcept; ///< takes the reference
  detail::Node *leak() noexcept { return std::exchange(node_, nullptr); }

private:
  static Variable from_scalar(double value, DType dtype);
  static Variable from_scalar(int64_t value);
  Variable reshape_at(const Shape &shape, const Location &l) const;

  detail::Node *node_ = nullptr;
};

/// A Variable that a layer learns. Only Parameters are collected by layers.
class Parameter : public Variable {
public:
  Parameter() = default;
  /// A parameter with these initial contents (copied).
  explicit Parameter(const Variable &initial, std::string name = "");
};
/// Whether the handle's array was made as a Parameter.
bool is_parameter(const Variable &x);

/// x.data(): the contents without history, assignable.
class Data : public Variable {
public:
  Data &operator=(const Variable &value);
  Data &operator=(const Data &value) {
    return *this = static_cast<const Variable &>(value);
  }
  Data(const Data &) = default;

private:
  friend class Variable;
  Data(Variable contents, const Variable &target, const Location &l)
      : Variable(std::move(contents)), target(target), location(l) {}
  Variable target;
  Location location;
};
} // namespace etch
#include "etch/print.h" // IWYU pragma: export
#endif                  // ETCH_VARIABLE_H
