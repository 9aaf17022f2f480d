//===- ShapedExtents.cpp - extents that attributes say
//---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/FindExtents.h"

#include <algorithm>
#include <functional>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Operations that say in attributes what they make
//===----------------------------------------------------------------------===//

/// Gives each factor of a product to one of the axes that it consists of.
bool Finder::spread(const Term &product, std::span<const int> axes, int32_t y,
                    Terms &out) {
  std::vector<int64_t> left;
  for (int axis : axes) {
    left.push_back(shape(y)[axis]);
    out[size_t(axis)] = number(1);
  }
  auto finish = [&] {
    bool fits = true;
    for (size_t i = 0; i < axes.size(); ++i) {
      Term &term = out[size_t(axes[i])];
      term.times = left[i];
      std::sort(term.factors.begin(), term.factors.end());
      fits &= agrees(term, y, axes[i]);
    }
    return fits;
  };
  auto place = [&](auto &self, size_t k) -> bool {
    if (k == product.factors.size())
      return finish();
    const Term::Factor &f = product.factors[k];
    int64_t extent = symbols[size_t(f.symbol)].extent + f.offset;
    for (bool exact : {true, false})
      for (size_t i = 0; i < axes.size(); ++i) {
        if (extent == 0 || left[i] % extent ||
            exact != (shape(y)[axes[i]] == extent))
          continue;
        Terms before = out;
        left[i] /= extent;
        out[size_t(axes[i])].factors.push_back(f);
        if (self(self, k + 1))
          return true;
        left[i] *= extent;
        out = std::move(before);
      }
    return false;
  };
  return place(place, 0);
}

Terms Finder::reshape(const Event &e) {
  int32_t y = e.first_value;
  Terms from = terms[size_t(t.uses_of(e)[0].value)], out = numbers(y);
  resolve(from);
  // The finest groups of axes of equal products. An open extent of 1 belongs to
  // the axis of extent 1 that it meets, else to its neighbours.
  size_t i = 0;
  int j = 0;
  while (i < from.size() || j < shape(y).rank()) {
    Term product = number(1);
    std::vector<int> axes;
    int64_t p = 1, q = 1;
    auto take_from = [&] {
      p *= evaluate(from[i]);
      product.times *= from[i].times;
      product.factors.insert(product.factors.end(), from[i].factors.begin(),
                             from[i].factors.end());
      ++i;
    };
    auto take_to = [&] {
      q *= shape(y)[j];
      axes.push_back(j++);
    };
    if (i < from.size())
      take_from();
    if (j < shape(y).rank())
      take_to();
    for (;;)
      if (p < q && i < from.size())
        take_from();
      else if (q < p && j < shape(y).rank())
        take_to();
      else
        break;
    // What is left on this side alone has extent 1.
    while (j == shape(y).rank() && i < from.size())
      take_from();
    // Nothing is said of extents whose product is always 0.
    if (product.factors.empty() || product.times == 0)
      continue;
    if (is_plain(product) && axes.size() > 1 &&
        !symbols[size_t(product.factors[0].symbol)].argument) {
      // Unclear by now: as are the axes that it becomes.
      Term made = number(1);
      for (int axis : axes) {
        out[size_t(axis)] = fresh(y, axis, false);
        made.factors.push_back(out[size_t(axis)].factors[0]);
      }
      symbols[size_t(product.factors[0].symbol)].is = made;
    } else if (!spread(product, axes, y, out)) {
      fix(product);
      for (int axis : axes)
        out[size_t(axis)] = number(shape(y)[axis]);
    }
  }
  return out;
}

/// Whether an axis stands between two of those that `summed` says: their sum is
/// one if it is summed too, and it is not where its extent is 1. So it must be
/// clear which.
static bool joins(int axis, int rank, const std::function<bool(int)> &summed) {
  return axis > 0 && axis + 1 < rank && summed(axis - 1) && summed(axis + 1);
}

Terms Finder::broadcast(const Event &e) {
  int32_t x = t.uses_of(e)[0].value, y = e.first_value;
  const Shape &from = shape(x), &to = shape(y);
  int lead = to.rank() - from.rank();
  auto spread = [&](int axis) {
    return axis < lead || (from[axis - lead] == 1 &&
                           is_number(terms[size_t(x)][size_t(axis - lead)]));
  };
  Terms out;
  for (int axis = 0; axis < to.rank(); ++axis) {
    const Term *term =
        axis < lead ? nullptr : &terms[size_t(x)][size_t(axis - lead)];
    if (term && !is_number(*term) && from[axis - lead] != to[axis])
      fix(*term);
    if (term && from[axis - lead] == to[axis] &&
        (to[axis] != 1 || !is_number(*term)))
      out.push_back(*term);
    else if (term && joins(axis, to.rank(), spread))
      out.push_back(number(to[axis])); // its gradient is such a sum
    else
      out.push_back(fresh(y, axis, false));
  }
  return out;
}

Terms Finder::sum_to(const Event &e) {
  int32_t x = t.uses_of(e)[0].value, y = e.first_value;
  const Shape &from = shape(x), &to = shape(y);
  int lead = from.rank() - to.rank();
  auto summed = [&](int axis) { return axis < lead || to[axis - lead] == 1; };
  Terms out;
  for (int axis = 0; axis < to.rank(); ++axis) {
    const Term &term = terms[size_t(x)][size_t(axis + lead)];
    if (to[axis] == 1 && !is_number(term) &&
        joins(axis + lead, from.rank(), summed))
      fix(term);
    bool kept = from[axis + lead] == to[axis] && agrees(term, y, axis);
    out.push_back(kept ? term : number(to[axis]));
  }
  return out;
}

/// A part of an open axis reaches to its end, or lacks its last element, or is
/// as long as it is.
Terms Finder::slice(const Event &e, int32_t event) {
  int32_t x = t.uses_of(e)[0].value, y = e.first_value;
  const auto &steps = std::get<std::vector<int64_t>>(e.attrs[1]);
  Terms out;
  starts.push_back({event, {}});
  for (int axis = 0; axis < shape(y).rank(); ++axis) {
    Term whole = resolve(terms[size_t(x)][size_t(axis)]);
    int64_t extent = shape(x)[axis], count = shape(y)[axis],
            step = steps[size_t(axis)], start = start_of(t, e, size_t(axis));
    struct Choice {
      Term count;
      int64_t start;
    };
    std::vector<Choice> choices;
    bool reaches_end = step == 1 && start + count == extent && start > 0;
    if (!whole.factors.empty()) {
      if (count == extent)
        choices.push_back({whole, step < 0 ? -1 : 0});
      if (step < 0 && start == extent - 1)
        choices.push_back({number(count), -1});
      if (reaches_end && count <= start)
        choices.push_back({number(count), start - extent});
      if (step == 1 && is_plain(whole) && (reaches_end || start == 0) &&
          count < extent) {
        Term rest = whole;
        rest.factors[0].offset = count - extent;
        Choice choice = {rest, start};
        if (reaches_end || count == extent - 1)
          choices.push_back(choice);
        choices.push_back({number(count), start});
        choices.push_back(choice);
      }
      choices.push_back({number(count), start - extent});
    }
    choices.push_back({number(count), start});
    auto fits = [&](const Choice &c) {
      if (!agrees(c.count, y, axis))
        return false;
      if (!other)
        return true;
      const Event &twin = other->events[size_t(event)];
      int64_t there = start_of(*other, twin, size_t(axis));
      return there ==
             (c.start < 0 ? c.start + whole_of(*other, twin)[axis] : c.start);
    };
    // Without another trace a start from the end needs a reason.
    auto found = std::find_if(choices.begin(), choices.end(), fits);
    if (found == choices.end() ||
        (!other && found->start == start - extent && !reaches_end && step > 0))
      found = choices.end() - 1;
    out.push_back(found->count);
    starts.back().starts.push_back(found->start);
  }
  return out;
}

Terms Finder::place(const Event &e, int32_t event) {
  int32_t x = t.uses_of(e)[0].value, y = e.first_value;
  const auto &steps = std::get<std::vector<int64_t>>(e.attrs[1]);
  Terms out;
  starts.push_back({event, {}});
  for (int axis = 0; axis < shape(y).rank(); ++axis) {
    Term part = resolve(terms[size_t(x)][size_t(axis)]);
    int64_t extent = shape(y)[axis], count = shape(x)[axis],
            step = steps[size_t(axis)], start = start_of(t, e, size_t(axis));
    Term whole = number(extent);
    bool elsewhere = other && start_of(*other, other->events[size_t(event)],
                                       size_t(axis)) != start;
    if (!elsewhere && is_plain(part) && (step == 1 || count == extent))
      part.factors[0].offset = extent - count, whole = part;
    else if (!part.factors.empty())
      fix(part);
    else if (extent != count)
      whole = fresh(y, axis, false);
    out.push_back(whole);
    starts.back().starts.push_back(step < 0 && start == extent - 1 ? -1
                                                                   : start);
  }
  return out;
}
