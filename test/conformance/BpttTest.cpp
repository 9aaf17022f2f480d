//===- BpttTest.cpp - Recurrent trainings against foreign values ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eight windows of thirty steps of a sine curve, each begun anew: the losses of
// a window add up, backward goes through it, a cut, an update by Adam.

#include "etch/etch.h"
#include "test/conformance/Oracles.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Near.h"
#include "test/support/TestedDevice.h"

using namespace etch;
using namespace etch::test;

namespace {

std::string file(const std::string &name) {
  return oracles() + "/goldens/trajectories/" + name + ".npz";
}

template <class L> struct Net : Model {
  L rnn{*this, "rnn", 10};
  Linear fc{*this, "fc", 1};
  Variable forward(const Variable &x) override { return fc(rnn(x)); }

  explicit Net(const std::map<std::string, Variable> &golden) {
    TemporaryFolder folder;
    std::map<std::string, Variable> weights;
    for (auto &[key, value] : golden)
      if (key.starts_with("init/"))
        weights[key.substr(5)] = value;
    save_npz(folder / "init.npz", weights);
    load_weights(folder / "init.npz");
  }
};

template <class L> void expect_training(const char *name, bool compiled) {
  if (!std::filesystem::exists(file(name)))
    GTEST_SKIP() << "no oracle folder: configure with -DETCH_ORACLES=DIR";
  auto golden = load_npz(file(name));
  Net<L> net(golden);
  Adam optimizer;
  optimizer.setup(net);
  auto body = [&](const Variable &x, const Variable &t) {
    net.rnn.reset_state();
    Variable loss;
    for (int64_t i = 0; i < x.len(); ++i) {
      Variable own = mean_squared_error(net(x[i]), t[i]);
      loss = loss.defined() ? loss + own : own;
    }
    net.clear_grads();
    loss.backward();
    loss.unchain_backward();
    optimizer.update();
    return loss;
  };
  auto step = compile(body, on_tested_device());
  std::vector<double> losses;
  for (int64_t i = 0; i < golden["losses"].size(); ++i) {
    const Variable &x = golden["x" + std::to_string(i)],
                   &t = golden["t" + std::to_string(i)];
    losses.push_back((compiled ? step(x, t) : body(x, t)).item());
  }
  EXPECT_TRUE(near(losses, golden["losses"].to_vector(), 1e-7));
  for (const Layer::Named &n : net.named_params())
    EXPECT_TRUE(near(n.parameter->to_vector(),
                     golden["final/" + n.path].to_vector(), 1e-6, 1e-8))
        << n.path;
  if (compiled) {
    EXPECT_EQ(step.compile_count(), 1);
  }
}

TEST(Bptt, C118_C121_C161_RnnEager) { expect_training<RNN>("bptt_rnn", false); }
TEST(Bptt, C118_C121_C161_RnnCompiled) {
  expect_training<RNN>("bptt_rnn", true);
}
TEST(Bptt, C119_C121_C161_LstmEager) {
  expect_training<LSTM>("bptt_lstm", false);
}
TEST(Bptt, C119_C121_C161_LstmCompiled) {
  expect_training<LSTM>("bptt_lstm", true);
}

} // namespace
