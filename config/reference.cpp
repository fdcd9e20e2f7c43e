#include "config/reference.hpp"

#include "config/duration.hpp"
#include "config/size.hpp"

namespace hawser::config {
namespace {

constexpr std::size_t kWidth = 98;
constexpr std::size_t kKeyColumn = 28;
constexpr std::size_t kFlagColumn = 28;

constexpr std::string_view kHead =
    "# Everything hawser can be told, at its default. Remove the '#' before a key to change it.\n"
    "#\n"
    "# A flag is stronger than an environment variable, that is stronger than this file. Unknown\n"
    "# keys are errors. Durations are written \"250ms\", \"2s\", \"1m\", \"1h\"; sizes \"512B\", "
    "\"1KiB\",\n"
    "# \"64MiB\", \"2GiB\" or as a number of bytes.\n"
    "#\n"
    "#   hawser check --config FILE    tells whether a file is right\n"
    "#   hawser config --config FILE   tells what is then in effect\n";

constexpr std::string_view kRuleDoc =
    "Tags for keys written by plain SET and its relatives, as if they had been written by "
    "CACHE.SET "
    "with TAGS. Any number of rules; a key gets the tags of all that fit it, at most 32 of at most "
    "256 bytes. In match, * is any run of characters, ? one character, {name} a named part: one or "
    "more characters up to the character that follows it in the pattern, or to the end of the "
    "key. In tags, {name} is what the key has there. A backslash takes the next character as it "
    "is. A rule has no name in the environment.";
constexpr std::string_view kRuleExample =
    "#[[cache.rule]]\n"
    "#match = \"list:orders:{company}:*\"\n"
    "#tags = [\"company:{company}:orders\"]\n";

/// A basic string of TOML.
std::string quote(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quote_list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ", ";
    out += quote(value);
  }
  return out + "]";
}

std::string toml_value(const Setting& setting, const Setting::Values& values) {
  if (setting.type == SettingType::count) return values.front();
  return setting.type == SettingType::text_list ? quote_list(values) : quote(values.front());
}

/// Whether an empty text stands for "not set".
bool is_unset(const Setting& setting, const Setting::Values& values) {
  return values.size() == 1 && values[0].empty() && !setting.may_be_empty;
}

std::string wrap(std::string_view text, std::string_view prefix) {
  std::string out;
  std::string line(prefix);
  while (!text.empty()) {
    const auto end = text.find(' ');
    const auto word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = prefix;
    }
    line += " ";
    line += word;
  }
  return out + line + "\n";
}

/// "Duration, 1ms to 24h".
std::string describe_type(const Setting& setting) {
  const auto range = [](const std::string& from, const std::string& to) {
    return ", " + from + " to " + to;
  };
  switch (setting.type) {
    case SettingType::text:
      return "Text";
    case SettingType::text_list:
      return "List of texts; comma separated in the environment";
    case SettingType::duration:
      return "Duration" + range(format_duration(Milliseconds(setting.min)),
                                format_duration(Milliseconds(setting.max)));
    case SettingType::size:
      return "Size" + range(format_size(static_cast<std::uint64_t>(setting.min)),
                            format_size(static_cast<std::uint64_t>(setting.max)));
    case SettingType::count:
      return "Number" + range(std::to_string(setting.min), std::to_string(setting.max));
    case SettingType::permissions:
      return "Octal digits in quotes";
    case SettingType::choice:
      break;
  }
  std::string out = "One of";
  for (const std::string_view choice : setting.choices) {
    out += (out.back() == 'f' ? " " : ", ") + quote(choice);
  }
  return out;
}

std::string describe_names(const Setting& setting) {
  std::string out = setting.env();
  if (!setting.also_env.empty()) out += " or " + std::string(setting.also_env);
  if (!setting.flag.empty()) out += ", flag " + std::string(setting.flag);
  if (setting.type == SettingType::text_list && !setting.flag.empty()) out += " (repeatable)";
  if (setting.reloadable) out += "; SIGHUP reloads it";
  return out;
}

std::string_view first_sentence(std::string_view doc) {
  const auto end = doc.find(". ");
  const auto sentence = doc.substr(0, end);
  return sentence.ends_with('.') ? sentence.substr(0, sentence.size() - 1) : sentence;
}

std::string padded(std::string text, std::size_t column) {
  text += ' ';
  if (text.size() < column) text.resize(column, ' ');
  return text;
}

}  // namespace

std::string annotated_defaults() {
  const Settings defaults;
  std::string out(kHead);
  std::string_view section;
  for (const Setting& setting : setting_table()) {
    out += "\n";
    if (setting.section() != section) {
      section = setting.section();
      out += "[" + std::string(section) + "]\n\n";
    }
    auto values = setting.get(setting, defaults);
    const bool unset = is_unset(setting, values);
    if (unset) values = {std::string(setting.example)};
    out += wrap(setting.doc, "#");
    out += wrap(describe_type(setting) + (unset ? ", not set by default. " : ". ") +
                    describe_names(setting) + ".",
                "#");
    out += "#" + std::string(setting.name()) + " = " + toml_value(setting, values) + "\n";
  }
  out += "\n" + wrap(kRuleDoc, "#");
  out += kRuleExample;
  return out;
}

std::string effective_configuration(const LoadResult& loaded) {
  std::string out;
  std::string_view section;
  for (const Setting& setting : setting_table()) {
    if (setting.section() != section) {
      if (!section.empty()) out += "\n";
      section = setting.section();
      out += "[" + std::string(section) + "]\n";
    }
    auto values = setting.get(setting, loaded.settings);
    if (setting.key == "upstream.url") values = {loaded.upstream.redacted()};
    const auto origin = loaded.origins.find(setting.key);
    // It cannot be written in a file.
    const std::string_view mark = is_unset(setting, values) ? "#" : "";
    out += std::string(mark) + std::string(setting.name()) + " = " + toml_value(setting, values);
    if (origin != loaded.origins.end()) out += "  # " + origin->second;
    out += "\n";
  }
  const auto& rules = loaded.settings.cache.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    out += "\n[[cache.rule]]";
    const auto origin = loaded.origins.find(cache_rule_key(i));
    if (origin != loaded.origins.end()) out += "  # " + origin->second;
    out += "\nmatch = " + quote(rules[i].match) + "\ntags = " + quote_list(rules[i].tags) + "\n";
  }
  return out;
}

std::string flag_reference() {
  std::string out;
  for (const Setting& setting : setting_table()) {
    if (setting.flag.empty()) continue;
    std::string value = setting.key == "admin.listen" ? "HOST:PORT" : "URL";
    if (setting.type == SettingType::choice) {
      value.clear();
      for (const std::string_view choice : setting.choices) {
        value += (value.empty() ? "" : "|") + std::string(choice);
      }
    }
    std::string left = "  " + std::string(setting.flag) + " " + value;
    if (left.size() >= kFlagColumn) {
      out += left + "\n";
      left.clear();
    }
    out += padded(left, kFlagColumn) + std::string(first_sentence(setting.doc)) +
           (setting.type == SettingType::text_list ? "; repeatable" : "") + "\n";
  }
  return out;
}

std::string key_reference() {
  const Settings defaults;
  std::string out;
  for (const Setting& setting : setting_table()) {
    const auto values = setting.get(setting, defaults);
    std::string left = padded("  " + std::string(setting.key), kKeyColumn) +
                       (is_unset(setting, values) ? "-" : toml_value(setting, values));
    out += left + "\n" + std::string(6, ' ') + std::string(first_sentence(setting.doc)) + "\n";
  }
  out += padded("  cache.rule", kKeyColumn) + "-\n" + std::string(6, ' ') +
         std::string(first_sentence(kRuleDoc)) + "\n";
  return out;
}

}  // namespace hawser::config
