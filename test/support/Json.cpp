//===- Json.cpp - Reading expected values ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/support/Json.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace etch::test {

class JsonParser {
public:
  explicit JsonParser(const std::string &text) : text(text) {}

  Json whole() {
    Json value = any();
    skip();
    if (at != text.size())
      fail("more text after the value");
    return value;
  }

private:
  [[noreturn]] void fail(const std::string &why) {
    throw std::runtime_error("JSON, at byte " + std::to_string(at) + ": " +
                             why);
  }
  void skip() {
    while (at < text.size() &&
           std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
  }
  bool accept(char c) {
    skip();
    if (at >= text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      fail(std::string("expected ") + c);
  }
  bool word(const char *w) {
    if (text.compare(at, std::string(w).size(), w) != 0)
      return false;
    at += std::string(w).size();
    return true;
  }
  std::string quoted() {
    expect('"');
    std::string out;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && ++at < text.size() && text[at] == 'n')
        out += '\n';
      else
        out += text[at];
    }
    expect('"');
    return out;
  }

  Json any() {
    skip();
    Json v;
    if (accept('[')) {
      v.is = Json::Kind::array;
      while (!accept(']')) {
        v.items.push_back(any());
        if (!accept(',')) {
          expect(']');
          break;
        }
      }
    } else if (accept('{')) {
      v.is = Json::Kind::object;
      while (!accept('}')) {
        skip();
        std::string key = quoted();
        expect(':');
        v.members[key] = any();
        if (!accept(',')) {
          expect('}');
          break;
        }
      }
    } else if (at < text.size() && text[at] == '"') {
      v.is = Json::Kind::string;
      v.string = quoted();
    } else if (word("null")) {
    } else if (word("true") || word("false")) {
      v.is = Json::Kind::boolean;
      v.value = text[at - 2] == 'u'; // tr-u-e
    } else {
      v.is = Json::Kind::number;
      char *end = nullptr;
      v.value = std::strtod(text.c_str() + at, &end);
      if (end == text.c_str() + at)
        fail("no value");
      at = size_t(end - text.c_str());
    }
    return v;
  }

  const std::string &text;
  size_t at = 0;
};

Json Json::parse(const std::string &text) { return JsonParser(text).whole(); }

Json Json::read(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error(path + ": cannot be read");
  std::stringstream text;
  text << in.rdbuf();
  return parse(text.str());
}

Json Json::data(const std::string &name) {
  const char *folder = std::getenv("ETCH_TEST_DATA");
  return read(std::string(folder ? folder : ETCH_TEST_DATA) + "/" + name);
}

static const Json &require(const Json &v, Json::Kind kind, const char *what) {
  if (v.kind() != kind)
    throw std::runtime_error(std::string("JSON: this is not ") + what);
  return v;
}

const Json &Json::operator[](const std::string &key) const {
  auto found = members.find(key);
  if (found == members.end())
    throw std::runtime_error("JSON: no member \"" + key + "\"");
  return found->second;
}
const Json &Json::operator[](size_t i) const { return items.at(i); }
const std::vector<Json> &Json::array() const {
  return require(*this, Kind::array, "an array").items;
}
const std::map<std::string, Json> &Json::object() const {
  return require(*this, Kind::object, "an object").members;
}
double Json::number() const {
  return require(*this, Kind::number, "a number").value;
}
bool Json::boolean() const {
  return require(*this, Kind::boolean, "a boolean").value != 0;
}
const std::string &Json::text() const {
  return require(*this, Kind::string, "a string").string;
}

std::vector<double> Json::numbers() const {
  std::vector<double> all;
  if (is == Kind::number)
    all.push_back(value);
  for (const Json &item : items)
    for (double v : item.numbers())
      all.push_back(v);
  return all;
}

} // namespace etch::test
