//===- char_lstm.cpp - Shakespeare, character by character ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An LSTM reads 32 places of the text at once, in windows of 64 characters; its
// state goes from one window to the next. A window with its update is one
// program, whose time is a loop. With --short, a few windows of the text only.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cmath>
#include <cstdio>
#include <cstring>
using namespace etch;

constexpr int64_t streams = 32, window = 64, size = 192;

struct Reader : Model {
  EmbedID embed;
  Linear x2h{*this, "x2h", 4 * size}, out;
  Linear h2h{*this, "h2h", 4 * size, {.nobias = true, .in_size = size}};
  Adam optimizer{{.lr = 2e-3}};
  explicit Reader(int64_t letters)
      : embed(*this, "embed", letters, 64), out(*this, "out", letters) {
    optimizer.setup(*this).add_hook(ClipGrad(5.0));
  }
  /// Loss over x, t (streams, n) from the state {h, c}, and the state after.
  std::pair<Variable, Variables> read(const Variable &x, const Variable &t,
                                      const Variables &state) {
    int64_t n = x.shape(1), rows = x.len();
    // What comes from the letters, for all of the window at once.
    Variable letters = x2h(embed(x.T()).reshape(n * rows, 64));
    auto [last, hs] = scan(
        [&](const Variables &s, const Variable &a) {
          Variables gates = split(a + h2h(s[0]), {size, size, size, size}, 1);
          Variable c =
              sigmoid(gates[0]) * s[1] + sigmoid(gates[1]) * tanh(gates[2]);
          Variable h = sigmoid(gates[3]) * tanh(c);
          return std::pair(Variables{h, c}, h);
        },
        state, letters.reshape(n, rows, 4 * size));
    Variable scores = out(hs.reshape(n * rows, size));
    return {softmax_cross_entropy(scores, t.T().reshape(-1)), last};
  }
  std::pair<Variable, Variables> step(const Variable &x, const Variable &t,
                                      const Variables &state) {
    auto [loss, last] = read(x, t, state);
    clear_grads();
    loss.backward();
    optimizer.update();
    return {loss, {last[0].detach(), last[1].detach()}};
  }
};

int main(int argc, char **argv) {
  bool brief = argc > 1 && !std::strcmp(argv[1], "--short");
  TinyShakespeare text({.length = window, .stride = window});
  TinyShakespeare held_out(
      {.train = false, .length = window, .stride = window});
  random::seed(0);
  Reader reader(text.vocabulary());
  auto step = compile([&](const Variable &x, const Variable &t,
                          const Variables &s) { return reader.step(x, t, s); });
  auto score =
      compile([&](const Variable &x, const Variable &t, const Variables &s) {
        return reader.read(x, t, s);
      });
  /// Reads the text in order; the mean loss.
  auto pass = [&](const Dataset &data, auto &&f, int64_t most) {
    Variables state(2, zeros({streams, size}, {.dtype = f32}));
    double sum = 0;
    int64_t count = 0;
    for (auto &[x, t] : SeqDataLoader(data, streams)) {
      auto [loss, last] = f(x, t, state);
      state = last;
      sum += loss.item();
      if (++count == most)
        break;
    }
    return sum / double(count);
  };
  double before = pass(held_out, score, 10), after = before;
  std::printf("nats per character: %.3f untrained\n", before);
  for (int epoch = 1; epoch <= (brief ? 1 : 4); ++epoch) {
    double loss = pass(text, step, brief ? 40 : INT64_MAX);
    after = pass(held_out, score, brief ? 10 : INT64_MAX);
    std::printf("epoch %d: %.3f, held out %.3f\n", epoch, loss, after);
  }
  return after < (brief ? 3.0 : 2.0) ? 0 : 1;
}
