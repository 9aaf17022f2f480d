//===- ChannelCut.h - conv2d, how channels along the lanes are cut -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ConvolutionChannels.cpp.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_CHANNELCUT_H
#define ETCH_COMPILER_TARGET_CPU_CHANNELCUT_H

#include "compiler/Target/CPU/Convolution.h"

#include "llvm/Support/MathExtras.h"

namespace etch::cpu {

/// How the work is cut; the bits of the result do not depend on it.
struct ChannelCut {
  int64_t filters, channels, taps[2], source[2], result[2];
  int64_t stride[2], pad[2], dilation[2];
  int64_t bytes, lanes;            ///< of an element; of a vector
  int64_t chain;                   ///< multiply-adds of a sum
  int64_t places = 1, vectors = 1; ///< of a register tile
  int64_t pieces, tail;            ///< of a row; places of the last one
  int64_t stripRows, stripPieces;  ///< of a unit
  int64_t rowStrips, pieceStrips;  ///< one of them is 1
  int64_t images = 1;              ///< of a unit, if there are so many
  int64_t atLeast = 1;             ///< images of a batch
  int64_t channelTile;             ///< channels of one, of many images
  int64_t sharedTile = 0;          ///< …and if there are several threads
  bool isReady;                    ///< filters are packed
  bool onePlace; ///< windows are: tiles read panels of their places…
  bool direct;   ///< …or images where they lie
  int64_t stagedRows, pitch, plane; ///< of what they read otherwise
  int64_t window[2] = {1, 1};       ///< of a pool of the result
  ExtentRef batch;

  /// For vectors of so many bits, where filters may be packed already, and a
  /// pool of the result (or null) follows. False if lanes along places are
  /// better, if extents of an image are open, or if the pool must stay apart.
  bool choose(Conv2dOp op, MaxPoolIndexOp pool, int64_t vectorBits,
              bool isReady);
  /// Few places: worth it only if filters are packed already.
  bool isSmall() const { return result[0] * result[1] < 100; }
  int64_t width() const { return vectors * lanes; }
  int64_t strips() const { return rowStrips * pieceStrips; }
  int64_t blocks() const { return llvm::divideCeil(chain, kGemmBlock); }
  int64_t panel() const {
    return width() * int64_t(llvm::alignTo(std::min(chain, kGemmBlock), 16));
  }
  /// Of the places of a tile, for a block of the chain.
  int64_t placePanel() const {
    int64_t wide = int64_t(llvm::PowerOf2Ceil(places));
    return (std::min(chain, kGemmBlock) + 64 / bytes / wide) * wide;
  }
  Ix groups(Emit &e, Ix batch) const { return e.ceilDiv(batch, images); }
  int64_t tiles() const { return images * stripRows * stripPieces; }
  int64_t panelsOfUnit() const {
    return std::max<int64_t>(std::min(channelTile, filters) / width(), 1);
  }
  /// Of the window's taps those of a channel follow one another.
  int64_t allTaps() const { return taps[0] * taps[1]; }
  /// Channels that a block of the chain meets, at most.
  int64_t channelsOfBlock() const {
    return std::min(channels, (allTaps() + kGemmBlock - 2) / allTaps() + 1);
  }
  /// `several`: whether there are several threads; null: it does not matter.
  Ix channelsOfUnit(Emit &e, Ix groups, mlir::Value several) const {
    if (isReady)
      return several ? e.select(several, sharedTile, channelTile)
                     : Ix(channelTile);
    int64_t halves = llvm::alignTo(llvm::divideCeil(filters, 2), width());
    if (strips() > 1)
      return channelTile;
    return e.select(e.compare(mlir::arith::CmpIPredicate::sle, groups, 1),
                    halves, channelTile);
  }
  /// Filters are packed as they are used: nobody else asks for them.
  Ix packedPanels(Emit &e, Ix groups) const {
    int64_t all = channelTile / width() * blocks();
    if (strips() > 1)
      return all;
    return e.select(e.compare(mlir::arith::CmpIPredicate::sle, groups, 1), 1,
                    all);
  }
  // Scratch memory: a table, a turned tile, a row of a pool, the source, sums,
  // packed filters.
  int64_t tableBytes() const {
    return !onePlace ? int64_t(llvm::alignTo(chain * 8, 64)) : 0;
  }
  int64_t turnedBytes() const { return width() * lanes * bytes; }
  int64_t pooledBytes() const {
    return window[0] > 1 ? result[1] / window[1] * width() * bytes : 0;
  }
  int64_t stagedImage() const {
    if (direct)
      return 0;
    return onePlace ? stripRows * stripPieces * placePanel()
                    : channelsOfBlock() * plane;
  }
  int64_t stagedBytes() const {
    int64_t size = images * stagedImage() + lanes;
    return int64_t(llvm::alignTo(size * bytes, 64));
  }
  Ix sumsBytes(Emit &e, Ix groups) const {
    if (chain <= kGemmBlock)
      return 0;
    Ix panels = e.ceilDiv(channelsOfUnit(e, groups, {}), width());
    return e.mul(panels, tiles() * places * width() * bytes);
  }
  Ix packedBytes(Emit &e, Ix groups) const {
    return e.mul(packedPanels(e, groups), panel() * bytes);
  }

private:
  bool chooseTile();
  void chooseUnits();
};

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_CHANNELCUT_H
