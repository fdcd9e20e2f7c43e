#include "config/toml_source.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <tuple>

#include "config/suggestion.hpp"

namespace hawser::config {
namespace {

using Values = Setting::Values;

/// The one key that is no value: an array of tables.
constexpr std::string_view kRule = "cache.rule";
constexpr std::string_view kMatch = "match";
constexpr std::string_view kTags = "tags";

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a number without quotes";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

std::string_view wanted(const Setting& setting) {
  switch (setting.type) {
    case SettingType::text_list:
      return "a list of strings";
    case SettingType::duration:
      return "a string with a number and a unit, as in \"250ms\", \"2s\", \"1m\", \"1h\"";
    case SettingType::size:
      return "a size, as in \"64MiB\", or a number of bytes";
    case SettingType::count:
      return "a whole number without quotes";
    case SettingType::permissions:
      return "a string of octal digits, as in \"0660\"";
    default:
      return "a string in quotes";
  }
}

/// Where a value stands. A section has no place of its own; its header names the key.
toml::source_position place_of(const toml::key& key, const toml::node& node) {
  return node.is_table() ? key.source().begin : node.source().begin;
}

/// The value as text, if its type is one that the setting takes.
std::optional<Values> values_of(const Setting& setting, const toml::node& node) {
  const bool takes_number = setting.type == SettingType::count || setting.type == SettingType::size;
  if (const auto* integer = node.as_integer(); integer != nullptr && takes_number) {
    return Values{std::to_string(integer->get())};
  }
  if (const auto* text = node.as_string()) {
    if (setting.type == SettingType::count || setting.type == SettingType::text_list) {
      return std::nullopt;
    }
    return Values{text->get()};
  }
  const auto* list = node.as_array();
  if (list == nullptr || setting.type != SettingType::text_list) return std::nullopt;
  Values values;
  for (const toml::node& element : *list) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    values.push_back(text->get());
  }
  return values;
}

/// One pass over a parsed file. Lives for one call of read_toml.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  void read(const toml::table& root);
  SourceResult finish();

 private:
  struct Found {
    toml::source_position position;
    std::string error;  ///< Empty: the assignment is meant.
    Assignment assignment;
  };

  void read_section(std::string_view section, const toml::table& table);
  void read_rules(const toml::key& key, const toml::node& node);
  void read_rule(toml::source_position position, const toml::table& table);
  std::vector<std::string> read_tags(const toml::key& key, const toml::node& node);
  void unknown_section(const toml::key& key, const toml::node& node);
  void unknown_key(std::string_view section, const toml::key& key);
  void wrong_type(toml::source_position position, std::string_view key, const toml::node& node,
                  std::string_view want);
  void add_error(toml::source_position position, std::string text);
  std::string place(toml::source_position position) const;

  std::string_view file_;
  std::vector<Found> found_;
  std::vector<SourcedRule> rules_;
};

void Reader::read(const toml::table& root) {
  for (const auto& [key, node] : root) {
    const auto rows = setting_table();
    const bool known = std::any_of(rows.begin(), rows.end(), [&key = key](const Setting& row) {
      return row.section() == key.str();
    });
    const auto* table = node.as_table();
    if (known && table != nullptr) {
      read_section(key.str(), *table);
    } else if (known) {
      add_error(key.source().begin, std::string(key.str()) + ": not a section (got " +
                                        std::string(type_name(node)) + ", want [" +
                                        std::string(key.str()) + "])");
    } else {
      unknown_section(key, node);
    }
  }
}

void Reader::read_section(std::string_view section, const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string full = std::string(section) + "." + std::string(key.str());
    if (full == kRule) {
      read_rules(key, node);
      continue;
    }
    const Setting* setting = find_setting(full);
    if (setting == nullptr) {
      unknown_key(section, key);
      continue;
    }
    auto values = values_of(*setting, node);
    if (!values) {
      wrong_type(place_of(key, node), full, node, wanted(*setting));
      continue;
    }
    const auto position = node.source().begin;
    found_.push_back({position, {}, {setting, std::move(*values), place(position)}});
  }
}

void Reader::read_rules(const toml::key& key, const toml::node& node) {
  const auto* list = node.as_array();
  if (list == nullptr) {
    return wrong_type(place_of(key, node), kRule, node, "[[cache.rule]]");
  }
  for (const toml::node& element : *list) {
    const auto position = element.source().begin;
    if (const auto* table = element.as_table()) {
      read_rule(position, *table);
    } else {
      wrong_type(position, kRule, element, "[[cache.rule]]");
    }
  }
}

void Reader::read_rule(toml::source_position position, const toml::table& table) {
  const std::size_t before = found_.size();
  const toml::node* match = nullptr;
  const toml::node* list = nullptr;
  std::vector<std::string> tags;
  for (const auto& [key, node] : table) {
    if (key.str() == kMatch) {
      match = &node;
      if (!node.is_string()) {
        wrong_type(place_of(key, node), "cache.rule.match", node, "a string in quotes");
      }
    } else if (key.str() == kTags) {
      list = &node;
      tags = read_tags(key, node);
    } else {
      static constexpr std::array kKeys = {kMatch, kTags};
      std::string text = "cache.rule." + std::string(key.str()) + ": unknown key";
      if (const auto name = nearest(key.str(), kKeys); !name.empty()) {
        text += ", did you mean cache.rule." + std::string(name) + "?";
      }
      add_error(key.source().begin, std::move(text));
    }
  }
  if (match == nullptr) add_error(position, "cache.rule: no match in this rule");
  if (list == nullptr) add_error(position, "cache.rule: no tags in this rule");
  if (found_.size() != before) return;

  auto rule = parse_cache_rule(match->as_string()->get(), tags);
  if (rule) return rules_.push_back({std::move(*rule), place(position)});
  const CacheRuleProblem& problem = rule.error();
  if (problem.tag) {
    add_error((*list->as_array())[*problem.tag].source().begin,
              "cache.rule.tags: " + problem.message);
  } else {
    add_error(match->source().begin, "cache.rule.match: " + problem.message);
  }
}

std::vector<std::string> Reader::read_tags(const toml::key& key, const toml::node& node) {
  constexpr std::string_view kKey = "cache.rule.tags";
  std::vector<std::string> tags;
  const auto* list = node.as_array();
  if (list == nullptr) {
    wrong_type(place_of(key, node), kKey, node, "a list of strings");
    return tags;
  }
  if (list->empty()) {
    add_error(node.source().begin,
              "cache.rule.tags: empty list (got nothing, want at least one, such as "
              "company:{company}:orders)");
  }
  for (const toml::node& element : *list) {
    if (const auto* text = element.as_string()) {
      tags.push_back(text->get());
    } else {
      wrong_type(element.source().begin, kKey, element, "a string in quotes");
    }
  }
  return tags;
}

void Reader::unknown_section(const toml::key& key, const toml::node& node) {
  const std::string name(key.str());
  std::vector<std::string_view> sections;
  std::vector<std::string_view> same_name;
  for (const Setting& row : setting_table()) {
    if (sections.empty() || sections.back() != row.section()) sections.push_back(row.section());
    if (row.name() == name) same_name.push_back(row.key);
  }
  if (node.is_table()) {
    return add_error(key.source().begin,
                     "[" + name + "]: unknown section" + did_you_mean(name, sections));
  }
  std::string hint;
  if (same_name.size() == 1) hint = ", did you mean " + std::string(same_name.front()) + "?";
  add_error(key.source().begin, name + ": unknown key outside of any section" + hint);
}

void Reader::unknown_key(std::string_view section, const toml::key& key) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> elsewhere;
  for (const Setting& row : setting_table()) {
    if (row.section() == section) names.push_back(row.name());
    if (row.name() == key.str()) elsewhere.push_back(row.key);
  }
  if (kRule.starts_with(std::string(section) + ".")) names.push_back("rule");
  std::string hint;
  if (const auto name = nearest(key.str(), names); !name.empty()) {
    hint = ", did you mean " + std::string(section) + "." + std::string(name) + "?";
  } else if (elsewhere.size() == 1) {
    hint = ", did you mean " + std::string(elsewhere.front()) + "?";
  }
  add_error(key.source().begin,
            std::string(section) + "." + std::string(key.str()) + ": unknown key" + hint);
}

void Reader::wrong_type(toml::source_position position, std::string_view key,
                        const toml::node& node, std::string_view want) {
  add_error(position, std::string(key) + ": wrong type (got " + std::string(type_name(node)) +
                          ", want " + std::string(want) + ")");
}

void Reader::add_error(toml::source_position position, std::string text) {
  found_.push_back({position, place(position) + ": " + std::move(text), {}});
}

std::string Reader::place(toml::source_position position) const {
  return std::string(file_) + ":" + std::to_string(position.line) + ":" +
         std::to_string(position.column);
}

SourceResult Reader::finish() {
  // toml++ hands keys over by name.
  std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return std::tie(a.position.line, a.position.column) <
           std::tie(b.position.line, b.position.column);
  });
  SourceResult result;
  result.cache_rules = std::move(rules_);
  Settings scratch;
  for (Found& found : found_) {
    // Values are tried here too, so that their problems stand among the others in their order.
    if (found.error.empty()) {
      if (apply(found.assignment, scratch, result.errors)) {
        result.assignments.push_back(std::move(found.assignment));
      }
    } else {
      result.errors.push_back(std::move(found.error));
    }
  }
  return result;
}

}  // namespace

SourceResult read_toml(std::string_view text, std::string_view file) {
  Reader reader(file);
  try {
    reader.read(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    SourceResult result;
    result.errors.push_back(std::string(file) + ":" + std::to_string(at.line) + ":" +
                            std::to_string(at.column) +
                            ": syntax error: " + std::string(error.description()));
    return result;
  }
  return reader.finish();
}

}  // namespace hawser::config
