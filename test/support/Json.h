//===- Json.h - Reading expected values -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_SUPPORT_JSON_H
#define ETCH_TEST_SUPPORT_JSON_H

#include <map>
#include <string>
#include <vector>

namespace etch::test {

/// A JSON value. Whatever is not there or of another kind throws
/// std::runtime_error.
class Json {
public:
  enum class Kind { null, boolean, number, string, array, object };

  static Json parse(const std::string &text);
  static Json read(const std::string &path);
  /// A file of test/data.
  static Json data(const std::string &name);

  Kind kind() const { return is; }
  bool is_null() const { return is == Kind::null; }
  bool has(const std::string &key) const { return members.count(key) != 0; }
  const Json &operator[](const std::string &key) const;
  const Json &operator[](size_t i) const;
  size_t size() const { return items.size(); }
  const std::vector<Json> &array() const;
  const std::map<std::string, Json> &object() const;
  double number() const;
  bool boolean() const;
  const std::string &text() const;
  /// All numbers in it, however nested.
  std::vector<double> numbers() const;

private:
  friend class JsonParser;
  Kind is = Kind::null;
  double value = 0;
  std::string string;
  std::vector<Json> items;
  std::map<std::string, Json> members;
};

} // namespace etch::test

#endif // ETCH_TEST_SUPPORT_JSON_H
