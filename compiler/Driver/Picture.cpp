//===- Picture.cpp - A program as a page to look at -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that come from outside are orange ellipses, ops are light-blue boxes,
// as in the pictures of eager graphs.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Picture.h"

#include "compiler/Driver/Diagnostics.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace etch::driver;

/// Graphviz takes too long for more, and nobody can read it.
static constexpr size_t maxDrawn = 400, maxListed = 4000;

Lines etch::driver::readLines(StringRef program) {
  Lines lines;
  while (!program.empty()) {
    auto [line, rest] = program.split('\n');
    program = rest;
    int64_t site;
    if (!line.consume_front("// site ") || line.consumeInteger(10, site) ||
        !line.consume_front(": "))
      continue;
    lines[site] = line.trim().str();
  }
  return lines;
}

static std::string escaped(StringRef text) {
  std::string s;
  llvm::raw_string_ostream os(s);
  llvm::printHTMLEscaped(text, os);
  return s;
}

static std::string textOf(Type type) {
  std::string s;
  llvm::raw_string_ostream(s) << type;
  StringRef view = s;
  if (view.consume_front("tensor<") || view.consume_front("memref<"))
    view.consume_back(">");
  return view.str();
}

namespace {
/// One function on the page.
class Page {
public:
  Page(const Lines &lines, llvm::raw_ostream &os) : lines(lines), os(os) {}
  void function(FunctionOpInterface function);

private:
  void number(Region &region);
  std::string placeOf(Operation *op) const;
  std::string nameOf(Value value) const;
  std::string labelOf(Operation *op) const;
  void dot(Region &region, llvm::raw_ostream &out, int depth);
  bool draw(FunctionOpInterface function);
  void list(Region &region, int depth);

  const Lines &lines;
  llvm::raw_ostream &os;
  std::string prefix;
  DenseMap<Operation *, size_t> numbers;
  DenseMap<Value, size_t> arguments;
  DenseMap<Operation *, size_t> layers;
  size_t listed = 0;
};
} // namespace

void Page::number(Region &region) {
  for (Block &block : region) {
    for (BlockArgument x : block.getArguments())
      arguments.try_emplace(x, arguments.size());
    for (Operation &op : block) {
      numbers.try_emplace(&op, numbers.size());
      size_t layer = 0;
      for (Value x : op.getOperands())
        if (Operation *from = x.getDefiningOp())
          layer = std::max(layer, layers.lookup(from) + 1);
      layers[&op] = layer;
      for (Region &inner : op.getRegions())
        number(inner);
    }
  }
}

/// "train.cpp:41", or what is known instead.
std::string Page::placeOf(Operation *op) const {
  int64_t site = siteOf(op->getLoc());
  std::string s;
  if (site >= 0) {
    auto it = lines.find(site);
    s = it == lines.end() ? "site " + std::to_string(site) : it->second;
  } else if (auto file = op->getLoc()->findInstanceOf<FileLineColLoc>()) {
    s = (file.getFilename().getValue() + ":" + Twine(file.getLine())).str();
  }
  if (op->hasAttr("etch.backward"))
    s = "backward of " + s;
  return s;
}

std::string Page::nameOf(Value value) const {
  if (Operation *op = value.getDefiningOp())
    return prefix + "o" + std::to_string(numbers.lookup(op));
  return prefix + "a" + std::to_string(arguments.lookup(value));
}

std::string Page::labelOf(Operation *op) const {
  std::string s = op->getName().stripDialect().str();
  if (auto symbol = op->getAttrOfType<FlatSymbolRefAttr>("callee"))
    s += " " + symbol.getValue().str();
  else if (auto symbol = op->getAttrOfType<FlatSymbolRefAttr>("kernel"))
    s += " " + symbol.getValue().str();
  return s;
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

static std::string quoted(StringRef text) {
  std::string s;
  llvm::raw_string_ostream os(s);
  os << '"';
  for (char c : text) {
    if (c == '"' || c == '\\')
      os << '\\';
    os << (c == '\n' ? 'n' : c);
  }
  os << '"';
  return s;
}

void Page::dot(Region &region, llvm::raw_ostream &out, int depth) {
  for (Block &block : region) {
    for (BlockArgument x : block.getArguments())
      out << nameOf(x) << " [label=" << quoted(textOf(x.getType()))
          << ",shape=ellipse,style=filled,color=orange];\n";
    for (Operation &op : block) {
      std::string name = prefix + "o" + std::to_string(numbers.lookup(&op));
      std::string label = labelOf(&op);
      if (op.getNumResults() == 1)
        label += "\\n" + textOf(op.getResult(0).getType());
      std::string place = placeOf(&op);
      if (!place.empty())
        label += "\\n" + place;
      out << name << " [label=\"";
      for (char c : label)
        out << (c == '"' ? "\\\"" : std::string(1, c));
      out << "\",shape=box,style=filled,color=lightblue,href=\"#" << name
          << "\"];\n";
      for (Value x : op.getOperands())
        out << nameOf(x) << " -> " << name << ";\n";
      for (auto [i, inner] : llvm::enumerate(op.getRegions())) {
        if (inner.empty())
          continue;
        out << "subgraph cluster_" << name << "_" << i
            << " { style=rounded; color=gray; label=" << quoted(labelOf(&op))
            << ";\n";
        dot(inner, out, depth + 1);
        out << "}\n";
      }
    }
  }
}

/// Has Graphviz draw it; false where that is not possible.
bool Page::draw(FunctionOpInterface function) {
  auto program = llvm::sys::findProgramByName("dot");
  if (!program || numbers.size() > maxDrawn)
    return false;
  SmallString<128> in, out;
  int descriptor;
  if (llvm::sys::fs::createTemporaryFile("etch", "dot", descriptor, in))
    return false;
  {
    llvm::raw_fd_ostream file(descriptor, /*shouldClose=*/true);
    file << "digraph g {\nnode [fontname=sans,fontsize=10];\n";
    dot(function->getRegion(0), file, 0);
    file << "}\n";
  }
  bool good = false;
  if (!llvm::sys::fs::createTemporaryFile("etch", "svg", out)) {
    StringRef words[] = {*program, "-Tsvg", in, "-o", out};
    std::optional<StringRef> nowhere[] = {StringRef(), StringRef(),
                                          StringRef()};
    int status = llvm::sys::ExecuteAndWait(*program, words, std::nullopt,
                                           nowhere, /*SecondsToWait=*/20);
    auto svg = llvm::MemoryBuffer::getFile(out);
    if (status == 0 && svg) {
      StringRef text = (*svg)->getBuffer();
      size_t start = text.find("<svg");
      good = start != StringRef::npos;
      if (good)
        os << text.drop_front(start);
    }
    llvm::sys::fs::remove(out);
  }
  llvm::sys::fs::remove(in);
  return good;
}

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

void Page::list(Region &region, int depth) {
  for (Block &block : region)
    for (Operation &op : block) {
      if (++listed > maxListed)
        return;
      std::string name = prefix + "o" + std::to_string(numbers.lookup(&op));
      os << "<tr id=\"" << name << "\"><td>" << layers.lookup(&op)
         << "</td><td class=op style=\"padding-left:" << 6 + 16 * depth
         << "px\">" << escaped(labelOf(&op)) << "</td><td>";
      for (auto [i, x] : llvm::enumerate(op.getOperands()))
        os << (i ? ", " : "") << "<a href=\"#" << nameOf(x) << "\">"
           << nameOf(x).substr(prefix.size()) << "</a>";
      os << "</td><td>" << name.substr(prefix.size());
      for (Type type : op.getResultTypes())
        os << " " << escaped(textOf(type));
      os << "</td><td>" << escaped(placeOf(&op)) << "</td></tr>\n";
      for (Region &inner : op.getRegions())
        list(inner, depth + 1);
    }
}

void Page::function(FunctionOpInterface function) {
  if (function.isExternal())
    return;
  numbers.clear();
  arguments.clear();
  layers.clear();
  StringRef name = function.getName();
  prefix = llvm::join(llvm::split(name, '.'), "_") + "_";
  number(function->getRegion(0));
  os << "<h2 id=\"" << escaped(name) << "\">" << escaped(name) << "</h2>\n<p>"
     << numbers.size() << " ops</p>\n";
  if (!draw(function))
    os << "<p>Not drawn: Graphviz is not here, or the graph is too "
          "large.</p>\n";
  os << "<table><tr><th>layer</th><th>op</th><th>operands</th><th>results"
        "</th><th>where</th></tr>\n";
  for (BlockArgument x : function.getFunctionBody().front().getArguments())
    os << "<tr id=\"" << nameOf(x)
       << "\"><td></td><td class=value>argument</td><td></td><td>"
       << nameOf(x).substr(prefix.size()) << " " << escaped(textOf(x.getType()))
       << "</td><td></td></tr>\n";
  listed = 0;
  list(function->getRegion(0), 0);
  os << "</table>\n";
  if (listed > maxListed)
    os << "<p>… and more.</p>\n";
}

void etch::driver::writePicture(ModuleOp module, const llvm::Twine &title,
                                const Lines &lines, llvm::raw_ostream &os) {
  std::string name = escaped(title.str());
  os << "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>" << name
     << "</title>\n<style>body{font-family:sans-serif;margin:1em}"
        "table{border-collapse:collapse;font-size:13px}"
        "td,th{padding:2px 6px;text-align:left;border-bottom:1px solid #ddd}"
        ".op{background:lightblue}.value{background:orange}"
        "tr:target{outline:2px solid red}svg{max-width:100%;height:auto}"
        "</style></head><body>\n<h1>"
     << name << "</h1>\n<p>";
  for (auto function : module.getOps<FunctionOpInterface>())
    if (!function.isExternal())
      os << "<a href=\"#" << escaped(function.getName()) << "\">"
         << escaped(function.getName()) << "</a> ";
  os << "</p>\n";
  Page page(lines, os);
  for (auto function : module.getOps<FunctionOpInterface>())
    page.function(function);
  os << "</body></html>\n";
}
