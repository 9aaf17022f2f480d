//===- Dot.cpp - Graphs as DOT text ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/graph.h"
#include "etch/plot.h"
#include "frontend/engine/Node.h"
#include "frontend/io/ImageCodec.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <set>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace etch {

namespace {

std::string quote(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + '"';
}

/// "broadcast_to" as BroadcastTo; names of classes stay.
std::string title(const std::string &name) {
  std::string out;
  bool upper = true;
  for (char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper ? char(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

/// Walks a graph and writes its nodes and edges once each.
class Writer {
public:
  explicit Writer(bool verbose) : verbose(verbose) {}

  std::string write(const Variable &y) {
    variable(y);
    // A list instead of recursion: graphs may be deep.
    while (!pending.empty()) {
      Creator f = std::move(pending.back());
      pending.pop_back();
      function(f);
    }
    return "digraph g {\n" + nodes + edges + "}\n";
  }

private:
  /// Results are known by their function, also those whose Variable is gone.
  using Key = std::pair<const void *, int>;

  Key key(const Variable &x) {
    if (Creator f = x.creator())
      return {f.id(), int(x.node()->output)};
    return {x.node(), -1};
  }

  int variable(const Variable &x) {
    auto [entry, is_new] = variables.try_emplace(key(x), next);
    if (!is_new)
      return entry->second;
    int id = next++;
    // Keeps the address that the key is made of.
    seen.push_back(x);
    std::string label = x.name();
    if (verbose && x.defined())
      label += (label.empty() ? "" : ": ") + to_string(x.shape()) + " " +
               name_of(x.dtype());
    nodes += std::to_string(id) + " [label=" + quote(label) +
             ", color=orange, style=filled]\n";
    if (Creator f = x.creator(); f && functions.insert(f.id()).second)
      pending.push_back(std::move(f));
    return id;
  }

  void function(const Creator &f) {
    int id = next++;
    nodes += std::to_string(id) + " [label=" + quote(title(f.name())) +
             ", color=lightblue, style=filled, shape=box]\n";
    for (const Variable &x : f.inputs())
      edge(variable(x), id);
    for (const Variable &y : f.outputs())
      if (y.defined())
        edge(id, variable(y));
  }

  void edge(int from, int to) {
    edges += std::to_string(from) + " -> " + std::to_string(to) + "\n";
  }

  const bool verbose;
  int next = 0;
  std::string nodes, edges;
  std::map<Key, int> variables;
  std::set<const void *> functions;
  Variables seen;
  std::vector<Creator> pending;
};

/// The program's exit status, 127 if it is not there; `said` is what it wrote
/// to stderr: that would mix with our own messages.
int run_dot(std::vector<std::string> arguments, std::string &said) {
  std::vector<char *> argv;
  for (std::string &a : arguments)
    argv.push_back(a.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return 126;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  pid_t pid;
  int failed =
      posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  char buffer[1024];
  for (ssize_t n; !failed && (n = read(ends[0], buffer, sizeof buffer)) != 0;)
    if (n > 0)
      said.append(buffer, size_t(n));
    else if (errno != EINTR)
      break;
  close(ends[0]);
  if (failed)
    return 127;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

} // namespace

std::string get_dot_graph(const Variable &y, const DotOptions &options) {
  return Writer(options.verbose).write(y);
}

bool has_graphviz() {
  std::string said;
  return run_dot({"dot", "-V"}, said) == 0;
}

void plot_dot_graph(const Variable &y, const std::string &file,
                    const DotOptions &options) {
  plot_dot_text(get_dot_graph(y, options), file);
}

void plot_dot_text(const std::string &dot, const std::string &file) {
  std::string suffix = std::filesystem::path(file).extension().string();
  if (suffix.size() < 2)
    throw ValueError("plot: " + file + " has no suffix that names a format");
  for (char &c : suffix)
    c = char(std::tolower(static_cast<unsigned char>(c)));
  if (suffix == ".dot")
    return detail::write_whole(file, dot);
  std::string part = file + ".part" + std::to_string(getpid());
  std::string text = part + ".dot", said;
  detail::write_whole(text, dot);
  int status =
      run_dot({"dot", text, "-T" + suffix.substr(1), "-o", part}, said);
  std::error_code ignored;
  std::filesystem::remove(text, ignored);
  if (status == 0 && std::rename(part.c_str(), file.c_str()) == 0)
    return;
  std::filesystem::remove(part, ignored);
  if (status == 127)
    throw IOError("plot: Graphviz's program `dot` is not installed; write " +
                  file + " as .dot, or install the package graphviz");
  throw IOError("plot: dot could not write " + file +
                (said.empty() ? "" : ": " + said.substr(0, said.find('\n'))));
}

} // namespace etch
