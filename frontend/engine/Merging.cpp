//===- Merging.cpp - What gradients make twice is one ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Merging.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Kernels.h"
#include "frontend/engine/Tape.h"

#include <mutex>
#include <unordered_map>

using namespace etch;
using namespace etch::detail;

namespace etch::detail {

/// What one thread's sweeps have made. It lives as long as an entry of theirs,
/// on whatever thread that goes.
struct SweepMemory : Counted {
  std::mutex mutex;
  std::unordered_map<std::string, Made> made;
  int64_t alive = 0; ///< entries

  void clean();
};
static void destroy(SweepMemory *memory) noexcept { delete memory; }

struct Made {
  SweepMemory *memory;
  Entry *entry = nullptr; ///< while it lives
  /// Its place in the order of creation, which a successor takes over.
  uint64_t order = 0;
  Variable constant; ///< a result to which no gradient flows
  /// Keep contents of leaves from being written in place: the key names them by
  /// address.
  std::vector<ValueRef> leaves;
};

} // namespace etch::detail

static Ref<SweepMemory> &own_memory() {
  static thread_local Ref<SweepMemory> memory(new SweepMemory);
  return memory;
}

/// Without entries nothing can be met again. A graph that lives long must not
/// keep what graphs before it have left.
void SweepMemory::clean() {
  constexpr size_t few = 4096;
  if (alive == 0)
    made.clear();
  else if (made.size() > few + 4 * size_t(alive))
    std::erase_if(made, [](const auto &item) { return !item.second.entry; });
}

MergeScope::MergeScope(uint32_t order)
    : outer(std::exchange(thread_state().sweep_order, order)) {}

MergeScope::~MergeScope() {
  thread_state().sweep_order = outer;
  SweepMemory &memory = *own_memory();
  std::lock_guard lock(memory.mutex);
  memory.clean();
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

template <class T> static void put(std::string &key, const T &x) {
  key.append(reinterpret_cast<const char *>(&x), sizeof x);
}

static void put(std::string &key, const TensorType &type) {
  put(key, type.dtype);
  put(key, type.shape.rank());
  for (int64_t n : type.shape)
    put(key, n);
}

static void put_attribute(std::string &key, const AttrValue &attribute) {
  put(key, attribute.index());
  std::visit(
      [&](const auto &x) {
        if constexpr (requires { x.data(); }) {
          put(key, x.size());
          key.append(reinterpret_cast<const char *>(x.data()),
                     x.size() * sizeof *x.data());
        } else {
          put(key, x);
        }
      },
      attribute);
}

/// A host number is known by what it is, a result by its operation, any other
/// array by its node and contents.
static void put_operand(std::string &key, std::vector<ValueRef> &leaves,
                        const Node &n) {
  enum class Kind : uint8_t { number, result, leaf };
  const Value &v = *n.value;
  bool is_number = n.flags & (Node::literal | Node::seed) && v.storage &&
                   !v.on_device() &&
                   v.storage->bytes == size_t(size_of(v.dtype));
  if (is_number) {
    put(key, Kind::number);
    put(key, v.type());
    key.append(static_cast<const char *>(v.data), v.storage->bytes);
  } else if (!n.is_leaf()) {
    put(key, Kind::result);
    put(key, n.creator->order);
    put(key, n.output);
  } else {
    put(key, Kind::leaf);
    put(key, n.serial);
    put(key, &v);
    leaves.push_back(n.value);
  }
}

//===----------------------------------------------------------------------===//
// Meeting again
//===----------------------------------------------------------------------===//

/// A further reference to something that may be on its way out.
static bool try_add_ref(const Counted *c) {
  uint32_t refs = __atomic_load_n(&c->refs, __ATOMIC_RELAXED);
  while (refs)
    if (__atomic_compare_exchange_n(&c->refs, &refs, refs + 1, true,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return true;
  return false;
}

void detail::forget_made(Made *made) noexcept {
  Ref<SweepMemory> memory(made->memory);
  {
    std::lock_guard lock(memory->mutex);
    made->entry = nullptr;
    --memory->alive;
    if (memory->alive == 0 && !thread_state().sweep_order)
      memory->made.clear();
  }
  drop_ref(memory.get()); // the entry's; `memory` has one more
}

void detail::forget_result(Made *made, Node *n, Node *&place) noexcept {
  std::lock_guard lock(made->memory->mutex);
  if (place == n)
    place = nullptr;
}

/// The result if it is still there, with contents; else its entry, if that is.
static Variable meet(const Made &made, Ref<Entry> &entry) {
  if (made.constant.defined())
    return made.constant;
  if (!made.entry || made.entry->outputs()[0].cut || !try_add_ref(made.entry))
    return {};
  entry = Ref<Entry>(made.entry);
  drop_ref(made.entry);
  Node *n = entry->outputs()[0].node;
  if (!n || !n->value->storage || !try_add_ref(n))
    return {};
  add_ref(&n->handles);
  return Variable::adopt(n);
}

Variable detail::apply_merged(const OpInfo &op, std::span<const Variable> xs,
                              Attrs &&attrs, const TensorType &type,
                              ValueRef view, const Location &where) {
  std::string key;
  std::vector<ValueRef> leaves;
  put(key, op.id);
  put(key, type);
  for (const AttrValue &attribute : attrs)
    put_attribute(key, attribute);
  for (const Variable &x : xs)
    put_operand(key, leaves, *x.node());

  SweepMemory &memory = *own_memory();
  uint32_t sweep_order = thread_state().sweep_order;
  Ref<Entry> entry;
  uint64_t order = 0;
  {
    std::lock_guard lock(memory.mutex);
    auto known = memory.made.find(key);
    if (known != memory.made.end() && sweep_order > 1) {
      if (Variable y = meet(known->second, entry); y.defined())
        return y;
      order = known->second.entry ? 0 : known->second.order;
    }
  }
  ValueRef value = view ? view : execute(op, xs, attrs, type, where);
  Variable y = make_variable(std::move(value));
  if (entry) { // which had lost its contents only
    entry->adopt_output(0, y);
    return y;
  }
  record_on_tape(op, xs, std::move(attrs), y, where.in_user_code(), order);
  const Node &n = *y.node();
  std::lock_guard lock(memory.mutex);
  auto [at, is_new] = memory.made.try_emplace(std::move(key));
  Made &made = at->second;
  if (!is_new && (sweep_order == 1 || made.entry))
    return y;
  made.memory = &memory;
  made.leaves = std::move(leaves);
  if (!n.creator) {
    made.constant = y;
    return y;
  }
  made.entry = n.creator.get();
  made.order = made.entry->order;
  made.entry->made = &made;
  add_ref(&memory);
  ++memory.alive;
  return y;
}
