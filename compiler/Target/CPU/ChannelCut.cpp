//===- ChannelCut.cpp - conv2d, how channels along the lanes are cut ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/ChannelCut.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Registers for sums; most places of a tile; what a step takes beside its
/// multiply-adds, in these.
static constexpr int64_t kRegisters = 31, kMostPlaces = 14, kStep = 2;
/// Places of an image whose channels lie near each other.
static constexpr int64_t kFewPlaces = 256;
/// The least chain that is worth turning what it sums up to; and the least use
/// of the multiply-adds, of a hundred.
static constexpr int64_t kLeastChain = 128, kLeastUse = 82;
/// Images of fewer places are not worth it; places that use a panel of filters
/// before the next one comes.
static constexpr int64_t kLeastPlaces = 36, kPlaces = 196;
/// Packed filters that stay in the second cache while images pass by, and what
/// a strip has of sums and of the source there, in bytes.
static constexpr int64_t kFilters = 1 << 20, kStrip = 3 << 17;
/// The same if filters pass by instead; and units that are enough for several
/// threads.
static constexpr int64_t kUnit = 1 << 20, kUnits = 16;

bool ChannelCut::choose(Conv2dOp op, MaxPoolIndexOp pool, int64_t vectorBits,
                        bool isReady) {
  auto images = cast<RankedTensorType>(op.getX().getType()),
       filter = cast<RankedTensorType>(op.getW().getType()),
       outputs = cast<RankedTensorType>(op.getY().getType());
  Type element = images.getElementType();
  if (!filter.hasStaticShape() || vectorBits < 512 || op.getGroups() != 1 ||
      !isa<FloatType>(element) || element != filter.getElementType() ||
      outputs.getElementType() != element)
    return false;
  filters = filter.getDimSize(0);
  channels = filter.getDimSize(1);
  for (unsigned i = 0; i < 2; ++i) {
    if (images.isDynamicDim(2 + i) || outputs.isDynamicDim(2 + i))
      return false;
    taps[i] = filter.getDimSize(2 + i);
    source[i] = images.getDimSize(2 + i);
    result[i] = outputs.getDimSize(2 + i);
    stride[i] = op.getStride()[i];
    pad[i] = op.getPad()[i];
    dilation[i] = op.getDilation()[i];
    if (pad[i] < 0 || result[i] < 1)
      return false;
  }
  // Windows of a pool share nothing; what they do not read is not computed.
  for (unsigned i = 0; pool && i < 2; ++i) {
    window[i] = pool.getKernel()[i];
    if (window[i] < 2 || pool.getStride()[i] != window[i] ||
        pool.getPad()[i] != 0)
      return false;
    result[i] -= result[i] % window[i];
  }
  // What follows reads the same numbers at each place then.
  auto isMet = [&](BlockArgument x) {
    return x.getType() == outputs && (x != op.getX() || !x.hasOneUse());
  };
  if (pool && llvm::any_of(op->getBlock()->getArguments(), isMet))
    return false;
  if (!images.isDynamicDim(0))
    atLeast = std::max<int64_t>(images.getDimSize(0), 1);
  this->isReady = isReady;
  bytes = element.getIntOrFloatBitWidth() / 8;
  lanes = vectorBits / 8 / bytes;
  chain = channels * taps[0] * taps[1];
  if (chain < kLeastChain || result[0] * result[1] < kLeastPlaces ||
      !chooseTile())
    return false;
  chooseUnits();
  return true;
}

/// Places and vectors of a register tile. False if lanes along places are
/// better.
bool ChannelCut::chooseTile() {
  int64_t row = result[1];
  double best = 0;
  for (int64_t v = 1; v <= 4; ++v) {
    int64_t most = std::min((kRegisters - v) / v, kMostPlaces);
    int64_t count = llvm::divideCeil(row, most);
    int64_t p = llvm::alignTo(llvm::divideCeil(row, count), window[1]),
            last = row - (count - 1) * p;
    if (last < 1 || p > most)
      continue;
    // Multiply-adds, loads, or one multiply-add after the other.
    auto step = [&](int64_t p) {
      return std::max({p * v, p + 2 * v + 3, int64_t(8)}) + kStep;
    };
    int64_t steps = ((count - 1) * step(p) + step(last)) *
                    int64_t(llvm::divideCeil(filters, v * lanes));
    double use = double(row * filters) / double(steps * lanes);
    if (use <= best)
      continue;
    best = use;
    places = p, vectors = v, pieces = count, tail = last;
  }
  if (100 * best < kLeastUse)
    return false;
  onePlace = taps[0] * taps[1] == 1 && pad[0] + pad[1] == 0;
  direct = onePlace && stride[0] * stride[1] == 1;
  // What is far from place to place is better copied once for all filters.
  if (direct && result[0] * result[1] > kFewPlaces)
    return false;
  return true;
}

/// Strips, and channels of a unit.
void ChannelCut::chooseUnits() {
  int64_t row = result[1], panels = llvm::divideCeil(filters, width());
  auto inPanels = [&](int64_t most) { // as equal as may be
    return width() *
           int64_t(llvm::divideCeil(panels, llvm::divideCeil(panels, most)));
  };
  // Filters that pass by are used by some places at least.
  channelTile = filters;
  if (isReady && chain > kGemmBlock)
    channelTile =
        inPanels(std::max<int64_t>(kUnit / (bytes * kPlaces) / width(), 1));
  int64_t sum = 0, budget = isReady ? kUnit : kStrip;
  if (chain > kGemmBlock)
    sum = std::min(filters, isReady ? channelTile : 256);
  auto strip = [&](int64_t total, int64_t each) {
    int64_t most = std::max<int64_t>(budget / each, 1);
    return int64_t(llvm::divideCeil(total, llvm::divideCeil(total, most)));
  };
  stripRows = 1, stripPieces = pieces;
  // Of a place of a strip.
  int64_t read = onePlace ? std::min(chain, kGemmBlock)
                          : channelsOfBlock() * stride[0] * stride[1];
  int64_t each = bytes * (isReady ? read + sum : std::max(read, sum));
  if (result[0] > 1)
    stripRows =
        window[0] * strip(result[0] / window[0], each * row * window[0]);
  else if (onePlace)
    stripPieces = strip(pieces, each * places);
  rowStrips = llvm::divideCeil(result[0], stripRows);
  pieceStrips = llvm::divideCeil(pieces, stripPieces);
  stagedRows = (stripRows - 1) * stride[0] + (taps[0] - 1) * dilation[0] + 1;
  pitch = (row - 1) * stride[1] + (taps[1] - 1) * dilation[1] + 1;
  // An odd number of cache lines from channel to channel.
  int64_t line = 64 / bytes;
  plane = llvm::alignTo(stagedRows * pitch, 2 * line) + line;
  // Several small images use a panel of filters before the next one comes.
  if (strips() == 1) {
    int64_t one = std::max<int64_t>(
        bytes * std::max(stagedImage(), sum * result[0] * row), 1);
    images = std::min<int64_t>(llvm::divideCeil(kPlaces, result[0] * row),
                               std::max<int64_t>(2 * kStrip / one, 1));
  }
  if (isReady) {
    int64_t units = strips() * int64_t(llvm::divideCeil(atLeast, images));
    int64_t parts = llvm::divideCeil(kUnits, units);
    sharedTile =
        std::min(channelTile, inPanels(std::max<int64_t>(panels / parts, 2)));
    return;
  }
  int64_t most = std::max<int64_t>(kFilters / (chain * bytes) / width(), 1);
  if (images > 1) // read by each group: for two threads
    most = llvm::divideCeil(panels, 2);
  channelTile = inPanels(most);
}
