//===- Cifar.cpp - Small pictures of ten or a hundred kinds ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/datasets.h"
#include "frontend/data/Formats.h"
#include "frontend/engine/Node.h"
#include "frontend/io/ImageCodec.h"

#include <algorithm>

namespace etch {

namespace {

constexpr int64_t side = 32, values_of_image = 3 * side * side;

std::vector<std::string> files_of(bool train, bool hundred) {
  if (hundred)
    return {train ? "train.bin" : "test.bin"};
  if (!train)
    return {"test_batch.bin"};
  std::vector<std::string> files;
  for (int i = 1; i <= 5; ++i)
    files.push_back("data_batch_" + std::to_string(i) + ".bin");
  return files;
}

/// The folder with the files; downloaded and unpacked if they are nowhere.
std::string locate(const CIFAROptions &options, bool hundred,
                   const std::vector<std::string> &files) {
  const std::string title = hundred ? "CIFAR100" : "CIFAR10",
                    archive =
                        hundred ? "cifar-100-binary" : "cifar-10-batches-bin";
  std::vector<std::string> folders;
  for (const std::string &folder : detail::data_folders(
           options.directory, hundred ? "cifar100" : "cifar10"))
    folders.insert(folders.end(), {folder, folder + "/" + archive});
  std::string found = detail::find_folder(folders, files);
  if (!found.empty())
    return found;
  if (!options.directory.empty())
    throw IOError(options.directory + ": no " + files[0] +
                  (files.size() > 1 ? " and the other batches" : "") + " here");
  if (!options.download)
    throw IOError(title + ": " + files[0] +
                  " is found nowhere: name its folder by $ETCH_DATA_DIR");
  std::string name =
      hundred ? "cifar-100-binary.tar.gz" : "cifar-10-binary.tar.gz";
  std::string cache = detail::cache_folder(hundred ? "cifar100" : "cifar10");
  std::string path = cache + "/" + name;
  detail::download("https://www.cs.toronto.edu/~kriz/" + name, path,
                   options.progress);
  std::vector<uint8_t> unpacked =
      detail::unpack(detail::read_bytes(path), path);
  for (const detail::TarMember &member : detail::parse_tar(unpacked, path))
    if (member.name.ends_with(".bin") || member.name.ends_with(".txt"))
      detail::write_whole(cache + "/" + member.name,
                          {member.content.begin(), member.content.end()});
  found = detail::find_folder({cache}, files);
  if (found.empty())
    throw IOError(path + ": lacks " + files[0]);
  return found;
}

} // namespace

CIFAR::CIFAR(const CIFAROptions &options, bool hundred)
    : Dataset({}, {}, options.transform, options.target_transform) {
  std::vector<std::string> files = files_of(options.train, hundred);
  origin = locate(options, hundred, files);
  detail::Cifar all;
  for (const std::string &file : files) {
    std::string path = detail::find_file(origin, file);
    detail::parse_cifar(detail::unpack(detail::read_bytes(path), path), path,
                        hundred, all);
  }
  pixels = std::move(all.pixels);
  const std::vector<uint8_t> &chosen =
      hundred && options.coarse ? all.coarse : all.labels;
  std::vector<int64_t> labels(chosen.begin(), chosen.end());
  all_labels = from_data(std::span<const int64_t>(labels), {all.count});
}

int64_t CIFAR::len() const { return int64_t(pixels.size()) / values_of_image; }

Sample CIFAR::get(int64_t i) const {
  std::span<const uint8_t> image(pixels.data() + i * values_of_image,
                                 size_t(values_of_image));
  const Shape shape{3, side, side};
  auto label = all_labels.span<const int64_t>()[size_t(i)];
  detail::ValueRef t = detail::make_dense(i64, {}),
                   x = detail::make_dense(transform ? i32 : f32, shape);
  detail::store_scalar(t->data, i64, double(label));
  if (transform)
    std::copy(image.begin(), image.end(), static_cast<int32_t *>(x->data));
  else
    std::transform(image.begin(), image.end(), static_cast<float *>(x->data),
                   [](uint8_t v) { return float(v) / 255.0f; });
  return {detail::make_variable(std::move(x), detail::Node::constant),
          detail::make_variable(std::move(t), detail::Node::constant)};
}

const std::vector<std::string> &CIFAR10::labels() {
  static const std::vector<std::string> names = {
      "airplane", "automobile", "bird",  "cat",  "deer",
      "dog",      "frog",       "horse", "ship", "truck"};
  return names;
}

const std::vector<std::string> &CIFAR100::labels() {
  static const std::vector<std::string> names = {
      "apple",    "aquarium_fish", "baby",       "bear",         "beaver",
      "bed",      "bee",           "beetle",     "bicycle",      "bottle",
      "bowl",     "boy",           "bridge",     "bus",          "butterfly",
      "camel",    "can",           "castle",     "caterpillar",  "cattle",
      "chair",    "chimpanzee",    "clock",      "cloud",        "cockroach",
      "couch",    "crab",          "crocodile",  "cup",          "dinosaur",
      "dolphin",  "elephant",      "flatfish",   "forest",       "fox",
      "girl",     "hamster",       "house",      "kangaroo",     "keyboard",
      "lamp",     "lawn_mower",    "leopard",    "lion",         "lizard",
      "lobster",  "man",           "maple_tree", "motorcycle",   "mountain",
      "mouse",    "mushroom",      "oak_tree",   "orange",       "orchid",
      "otter",    "palm_tree",     "pear",       "pickup_truck", "pine_tree",
      "plain",    "plate",         "poppy",      "porcupine",    "possum",
      "rabbit",   "raccoon",       "ray",        "road",         "rocket",
      "rose",     "sea",           "seal",       "shark",        "shrew",
      "skunk",    "skyscraper",    "snail",      "snake",        "spider",
      "squirrel", "streetcar",     "sunflower",  "sweet_pepper", "table",
      "tank",     "telephone",     "television", "tiger",        "tractor",
      "train",    "trout",         "tulip",      "turtle",       "wardrobe",
      "whale",    "willow_tree",   "wolf",       "woman",        "worm"};
  return names;
}

const std::vector<std::string> &CIFAR100::coarse_labels() {
  static const std::vector<std::string> names = {
      "aquatic_mammals",
      "fish",
      "flowers",
      "food_containers",
      "fruit_and_vegetables",
      "household_electrical_devices",
      "household_furniture",
      "insects",
      "large_carnivores",
      "large_man-made_outdoor_things",
      "large_natural_outdoor_scenes",
      "large_omnivores_and_herbivores",
      "medium_mammals",
      "non-insect_invertebrates",
      "people",
      "reptiles",
      "small_mammals",
      "trees",
      "vehicles_1",
      "vehicles_2"};
  return names;
}

} // namespace etch
