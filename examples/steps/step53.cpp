//===- step53.cpp - Saving and loading ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters go to an .npz file under their paths, as NumPy reads and writes
// it. The file appears whole or not at all.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Block : Layer {
  Parameter p1{ones({2})};
  Block(Layer &owner, std::string name) : Layer(owner, name) {
    add_param("p1", p1);
  }
};
struct Net : Layer {
  Parameter p1{zeros({3})}, p2{full({}, 7.0)};
  Block l1{*this, "l1"};
  Net() {
    add_param("p1", p1);
    add_param("p2", p2);
  }
};

int main() {
  return run([] {
    std::string file = folder() + "/my.npz", keys;
    Net().save_weights(file);
    for (auto &[key, value] : load_npz(file))
      keys += (keys.empty() ? "" : " ") + key;
    report("keys", keys);

    save_npy(folder() + "/test", arange(3.0));
    report("test.npy", load_npy(folder() + "/test.npy"));

    Spiral data;
    auto trained = train<Classifier>([&](auto &&step) {
      std::vector<double> losses;
      for (int epoch = 0; epoch < 3; ++epoch)
        for (auto &[x, t] : DataLoader(data, 100))
          losses.push_back(step(x, t).item());
      return losses;
    });
    trained->model.save_weights(file);
    MLP loaded({10, 3}); // no data yet: shapes come from the file
    loaded.load_weights(file);
    Variable x = data.data();
    report("same bits", same_bits(trained->model(x), loaded(x)));

    try {
      Net().load_weights(file); // has other parameters
    } catch (const ValueError &e) {
      report("what is missing is said", true);
    }
    try {
      loaded.save_weights(folder() + "/no/such/folder.npz");
    } catch (const IOError &e) {
      report("a failing save leaves no file",
             !std::filesystem::exists(folder() + "/no"));
    }
  });
}
