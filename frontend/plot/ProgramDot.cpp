//===- ProgramDot.cpp - Compiled programs as DOT text ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/plot.h"

#include <map>
#include <sstream>

namespace etch {

namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' ||
         c == '$';
}

/// The words that begin with `mark`: "%arg0", "@k3".
std::vector<std::string> marked(const std::string &text, char mark) {
  std::vector<std::string> all;
  for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
    size_t end = at + 1;
    while (end < text.size() && is_word(text[end]))
      ++end;
    all.push_back(text.substr(at, end - at));
    at = end;
  }
  return all;
}

std::string between(const std::string &text, const std::string &from,
                    const std::string &to) {
  size_t begin = text.find(from);
  if (begin == std::string::npos)
    return "";
  begin += from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

/// Reads the lines of one function and draws its operations.
class ProgramWriter {
public:
  std::string write(const std::string &program) {
    std::istringstream in(program);
    bool inside = false;
    std::string head;
    for (std::string line; std::getline(in, line);) {
      if (!inside && line.find("func.func @main(") == std::string::npos &&
          head.empty())
        continue;
      if (!inside) {
        // The head may take several lines; its end opens the body.
        head += line + "\n";
        inside = line.ends_with("{");
        if (inside)
          arguments(head);
        continue;
      }
      size_t start = line.find_first_not_of(' ');
      if (start == std::string::npos)
        continue;
      if (line[start] == '}')
        break;
      operation(line.substr(start));
    }
    return "digraph g {\n" + nodes + edges + "}\n";
  }

private:
  int node(const std::string &label, const std::string &color, bool box) {
    nodes += std::to_string(next) + " [label=\"" + label +
             "\", color=" + color + ", style=filled" +
             (box ? ", shape=box]\n" : "]\n");
    return next++;
  }

  /// "%arg0: tensor<2x3xf32> {etch.name = \"x\"}, …" up to the results.
  void arguments(const std::string &head) {
    size_t end = head.find("->");
    std::string list = head.substr(0, end);
    for (size_t at = 0; (at = list.find('%', at)) != std::string::npos;) {
      size_t stop = list.find('%', at + 1);
      std::string one = list.substr(at, stop - at);
      std::string name = between(one, "etch.name = \"", "\"");
      std::string id = marked(one, '%')[0];
      values[id] = node((name.empty() ? id.substr(1) : name) + ": " +
                            between(one, "tensor<", ">"),
                        "orange", false);
      at = stop == std::string::npos ? list.size() : stop;
    }
  }

  void operation(const std::string &line) {
    // "%3, %4 = name %a, %b#1 {attributes} : types"
    size_t equals = line.find(" = ");
    bool has_results = line[0] == '%' && equals != std::string::npos;
    std::string rest = has_results ? line.substr(equals + 3) : line;
    std::string name = rest.substr(0, rest.find_first_of(" ("));
    std::erase(name, '"');
    std::vector<std::string> callee =
        marked(rest.substr(0, rest.find('(')), '@');
    std::string label = callee.empty() ? name : callee[0].substr(1);
    if (label.starts_with("etch."))
      label = label.substr(5);
    bool is_return = name == "return" || name == "func.return";
    int id = is_return ? node("result", "orange", false)
                       : node(label, "lightblue", true);
    for (const std::string &operand : marked(rest, '%'))
      if (auto from = values.find(operand); from != values.end())
        edges +=
            std::to_string(from->second) + " -> " + std::to_string(id) + "\n";
    if (has_results)
      for (const std::string &result : marked(line.substr(0, equals), '%'))
        values[result] = id;
  }

  int next = 0;
  std::string nodes, edges;
  std::map<std::string, int> values;
};

} // namespace

std::string get_dot_program(const std::string &program) {
  return ProgramWriter().write(program);
}

} // namespace etch
