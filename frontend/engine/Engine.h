//===- Engine.h - The one door of all operations ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation of the front end passes apply(): type inference, then either
// the recorder of the function being compiled, or eager execution and, where
// gradients are wanted, an entry of the tape.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_ENGINE_H
#define ETCH_ENGINE_ENGINE_H

#include "dialects/Etch/OpTable.h"
#include "etch/autograd.h"
#include "etch/config.h"
#include "etch/control_flow.h"
#include "etch/function.h"
#include "etch/operand.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

/// Runs `op` on operands whose types already fit (no promotion, no
/// broadcasting). ShapeError and DTypeError name the op, the types and the
/// line.
Variable apply(OpId op, std::span<const Variable> operands, Attrs attrs,
               const Location &where);
inline Variable apply(OpId op, std::initializer_list<Variable> operands,
                      Attrs attrs, const Location &where) {
  return apply(op, std::span(operands.begin(), operands.size()),
               std::move(attrs), where);
}
/// The same when the type of the result is known.
Variable apply_typed(const OpInfo &op, std::span<const Variable> operands,
                     Attrs &&attrs, const TensorType &type,
                     const Location &where);
/// The same for a result that is a view: `view` shares x's storage. In a
/// recording the operation itself is recorded instead.
Variable apply_view(OpId op, std::span<const Variable> operands, Attrs attrs,
                    ValueRef view, const Location &where);

/// A tensor of this type with all elements equal to `value`: a host number in
/// an operation. No gradient flows to it.
Variable make_literal(double value, const TensorType &type,
                      const Location &where);
/// Whether there are elements to read (not so: values of a trace).
inline bool has_contents(const Variable &x) {
  return x.defined() && x.node()->value->storage;
}
/// For host reads: throws if x is empty or a value of a trace. What is on a
/// device is copied.
const ValueRef &contents(const Variable &x, const char *what,
                         const Location &where);
/// The same wherever they are.
const ValueRef &held_contents(const Variable &x, const char *what,
                              const Location &where);

/// The result of an operation that the function being compiled is known to ask
/// for next, with these operands: what would be checked and converted is so
/// already. Else empty.
Variable known(OpId op, std::span<const Operand> operands, const Attrs &attrs);

/// A pointwise op on operands of any types and shapes: promotes, broadcasts,
/// casts integers to float64 where the op takes floats only.
Variable apply_pointwise(OpId op, std::initializer_list<Operand> operands,
                         Attrs attrs = {});

/// The two halves of a user's Function: the first without a graph, the second
/// with what inputs() and outputs() shall be.
Variables call_forward(Function &f, const Variables &xs);
Variables call_backward(Function &f, const Variables &xs, const Variables &ys,
                        const Variables &gys);

/// Receives the operations of a function that is being compiled. While one is
/// active on a thread, apply() calls it instead of executing, and the Variables
/// it returns have a type but no contents (make_traced). Types are inferred and
/// checked before; user errors are thrown as in eager mode. Grad mode and test
/// mode are those of config.h when a hook is called.
class Recorder {
public:
  virtual ~Recorder();

  /// An operation. Operands are values of this trace, or arrays with contents
  /// (captured ones, literals: see Node::flags), which become inputs. `where`
  /// is a line of user code.
  virtual Variable apply(const OpInfo &op, std::span<const Variable> operands,
                         Attrs &&attrs, const TensorType &result,
                         const Location &where) = 0;
  /// The result of an operation that is the next one of a known trace, whose
  /// types were inferred and checked when it was recorded; else empty. `where`
  /// need not be in user code.
  virtual Variable known(const OpInfo &op, std::span<const Variable> operands,
                         const Attrs &attrs, const Location &where) {
    (void)op, (void)operands, (void)attrs, (void)where;
    return {};
  }
  /// The same for operands that are not converted yet: found where they only
  /// have to be broadcast, and numbers to become floats.
  virtual Variable known(const OpInfo &op, std::span<const Operand> operands,
                         const Attrs &attrs, const Location &where) {
    (void)op, (void)operands, (void)attrs, (void)where;
    return {};
  }
  /// y.backward(): gives the leaves on which y depends their gradients, by
  /// set_grad, adding to those that are there.
  virtual void backward(const Variable &y, const BackwardOptions &options,
                        const Location &where) = 0;
  /// grad(y, xs): an empty Variable where y does not depend on x.
  virtual Variables grad(const Variable &y, std::span<const Variable> xs,
                         const GradOptions &options, const Location &where) = 0;
  /// x.assign(value): types may differ.
  virtual void assign(const Variable &target, const Variable &value,
                      const Location &where) = 0;
  /// A host read (`what` is "item()", "to_vector()", …) of a value of the
  /// trace.
  [[noreturn]] virtual void host_read(const Variable &x, const char *what,
                                      const Location &where) = 0;
  /// The host is about to write into an array with contents. TraceError if an
  /// operation has read it already: what was recorded would see the change.
  virtual void host_write(const Variable &x, const Location &where) {
    (void)x, (void)where;
  }
  /// Whether slices taken there began elsewhere in other calls: then where this
  /// one begins shall be a number in an operation.
  virtual bool varies(const Location &where) {
    (void)where;
    return false;
  }
  /// A host number in an operation: `dtype` is the type that it takes, `shape`
  /// that of the other operand. Must give a Variable of that type.
  virtual Variable literal(double value, const TensorType &type,
                           const Location &where) = 0;
  /// An array that user code makes while recording: array({1.0, 2.0}),
  /// zeros(…), random draws. It has contents and stays as it is, or becomes an
  /// input.
  virtual void host_array(const Variable &x, const Location &where) = 0;
  /// A call of a user's Function: call_forward and call_backward run
  /// its two halves on values of the trace.
  virtual Variables call(Function &function, std::span<const Variable> inputs,
                         const Location &where) = 0;
  /// A loop, whose states have been checked to be there, and a cond: their
  /// functions are called on values of the trace, once.
  virtual LoopResults loop(const LoopSpec &spec, const Location &where) = 0;
  virtual Variables branch(const Variable &pred, const BranchFunction &then,
                           const BranchFunction &otherwise,
                           const Location &where) = 0;
  /// x as a value of its own, to which gradients flow whatever x is.
  virtual Variable leaf(const Variable &x, const Location &where) = 0;
  /// The host's random stream is about to be drawn from.
  virtual void host_draw(const Location &where) { (void)where; }
  /// Whether x is a value of the call that is being recorded.
  virtual bool knows(const Variable &x) const = 0;
  /// x.unchain() and, with `all`, x.unchain_backward().
  virtual void unchain(const Variable &x, bool all, const Location &where) = 0;
};

/// The recorder of this thread; null while nothing is being compiled.
Recorder *recorder();

/// Makes `r` this thread's recorder (null: suspends recording) while it lives.
class RecordingScope {
public:
  explicit RecordingScope(Recorder *r);
  ~RecordingScope();
  RecordingScope(const RecordingScope &) = delete;
  RecordingScope &operator=(const RecordingScope &) = delete;

private:
  Recorder *outer;
};

} // namespace etch::detail

#endif // ETCH_ENGINE_ENGINE_H
