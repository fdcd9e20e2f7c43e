#include "config/setting_values.hpp"

#include <algorithm>

#include "config/duration.hpp"
#include "config/redaction.hpp"
#include "config/redis_url.hpp"
#include "config/size.hpp"
#include "config/suggestion.hpp"
#include "config/url_parts.hpp"

namespace hawser::config::values {
namespace {

using Problem = Setting::Problem;
using Values = Setting::Values;

/// Names of connections stay readable in CLIENT LIST.
constexpr std::size_t kMaxInstance = 64;
/// It stands in every key of the cache.
constexpr std::size_t kMaxPrefix = 64;
constexpr std::string_view kCommandWanted = "a command, or container|subcommand, as in config|set";

Problem problem(std::string_view what, std::string_view got, std::string_view want) {
  return std::string(what) + " (got " + (got.empty() ? "nothing" : std::string(got)) + ", want " +
         std::string(want) + ")";
}

/// Sources hand over one value for every type but lists.
const std::string& single(const Values& values) {
  static const std::string kNothing;
  return values.empty() ? kNothing : values.front();
}

bool only(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || extra.find(c) != std::string_view::npos;
  });
}

}  // namespace

Problem store(const Setting& setting, const Values& values, std::string& field) {
  const std::string& text = single(values);
  if (setting.check != nullptr) {
    if (auto wrong = setting.check(text)) return wrong;
  }
  field = text;
  return std::nullopt;
}

Problem store(const Setting& setting, const Values& values, std::vector<std::string>& field) {
  if (values.empty() && !setting.may_be_empty)
    return problem("empty list", "", "at least one, such as " + std::string(setting.example));
  for (const std::string& text : values) {
    if (setting.check == nullptr) continue;
    if (auto wrong = setting.check(text)) return wrong;
  }
  field = values;
  return std::nullopt;
}

Problem store(const Setting& setting, const Values& values, Milliseconds& field) {
  const std::string& text = single(values);
  const auto duration = parse_duration(text);
  if (!duration) {
    return problem("bad duration", text, "a number and a unit, as in 250ms, 2s, 1m, 1h");
  }
  if (duration->count() < setting.min) {
    return problem("too short", text, "at least " + format_duration(Milliseconds(setting.min)));
  }
  if (duration->count() > setting.max) {
    return problem("too long", text, "at most " + format_duration(Milliseconds(setting.max)));
  }
  field = *duration;
  return std::nullopt;
}

Problem store(const Setting& setting, const Values& values, std::uint64_t& field) {
  const std::string& text = single(values);
  const bool is_size = setting.type == SettingType::size;
  const auto number = is_size ? parse_size(text) : url::parse_number(text, INT64_MAX);
  const auto written = [is_size](std::int64_t limit) {
    const auto value = static_cast<std::uint64_t>(limit);
    return is_size ? format_size(value) : std::to_string(value);
  };
  if (!number) {
    return is_size ? problem("bad size", text, "bytes, or a number and a unit, as in 1KiB, 64MiB")
                   : problem("bad number", text, "digits only");
  }
  if (*number < static_cast<std::uint64_t>(setting.min)) {
    return problem("too small", text, "at least " + written(setting.min));
  }
  if (*number > static_cast<std::uint64_t>(setting.max)) {
    return problem("too large", text, "at most " + written(setting.max));
  }
  field = *number;
  return std::nullopt;
}

Problem store(const Setting&, const Values& values, std::uint32_t& field) {
  const std::string& text = single(values);
  std::uint32_t bits = 0;
  const bool octal =
      !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), [&bits](char c) {
        bits = bits * 8 + static_cast<std::uint32_t>(c - '0');
        return c >= '0' && c <= '7';
      });
  if (!octal || bits > 0777) {
    return problem("bad permissions", text, "octal digits from 0000 to 0777, as in 0660");
  }
  field = bits;
  return std::nullopt;
}

Problem store_choice(const Setting& setting, const Values& values, std::size_t& index) {
  const std::string& text = single(values);
  const auto found = std::find(setting.choices.begin(), setting.choices.end(), text);
  if (found == setting.choices.end()) {
    std::string want;
    for (std::size_t i = 0; i < setting.choices.size(); ++i) {
      if (i > 0) want += i + 1 == setting.choices.size() ? " or " : ", ";
      want += setting.choices[i];
    }
    return problem("unknown word" + did_you_mean(text, setting.choices), text, want);
  }
  index = static_cast<std::size_t>(found - setting.choices.begin());
  return std::nullopt;
}

Values load(const Setting& setting, const std::string& field) {
  return {setting.check == check_upstream ? redact_url(field) : field};
}

Values load(const Setting&, const std::vector<std::string>& field) {
  return field;
}

Values load(const Setting&, Milliseconds field) {
  return {format_duration(field)};
}

Values load(const Setting& setting, std::uint64_t field) {
  return {setting.type == SettingType::size ? format_size(field) : std::to_string(field)};
}

Values load(const Setting&, std::uint32_t field) {
  std::string text = "0000";
  for (std::size_t i = 4; i-- > 0; field >>= 3) text[i] = static_cast<char>('0' + (field & 7));
  return {text};
}

Problem check_upstream(std::string_view text) {
  const auto url = parse_redis_url(text);
  if (!url) return url.error().message;
  if (url->transport == RedisUrl::Transport::tls) {
    return "TLS is not available yet (got rediss:// or valkeys://, want redis:// or unix://)";
  }
  return std::nullopt;
}

Problem check_pattern(std::string_view text) {
  if (text.empty()) return "must not be empty (got \"\", want a pattern like \"cache:*\")";
  return std::nullopt;
}

Problem check_listener(std::string_view text) {
  const auto url = parse_listen_url(text);
  if (!url) return url.error().message;
  return std::nullopt;
}

Problem check_admin(std::string_view text) {
  if (text == "off") return std::nullopt;
  constexpr std::string_view kWant = "HOST:PORT, as in 127.0.0.1:9380, or off";
  const auto where = url::parse_host_port(text, "127.0.0.1:9380");
  if (!where) return problem("bad address", text, kWant);
  if (!where->port) return problem("no port", text, kWant);
  return std::nullopt;
}

Problem check_version(std::string_view text) {
  constexpr std::string_view kWant = "three numbers, as in 7.0.0";
  std::size_t numbers = 1;
  std::string_view rest = text;
  for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (!url::parse_number(rest.substr(0, dot), 9999)) return problem("bad version", text, kWant);
    rest.remove_prefix(dot + 1);
    ++numbers;
  }
  if (numbers != 3 || !url::parse_number(rest, 9999)) return problem("bad version", text, kWant);
  return std::nullopt;
}

Problem check_instance(std::string_view text) {
  if (!text.empty() && text.size() <= kMaxInstance && only(text, "-._")) return std::nullopt;
  return problem("bad instance name", text, "1 to 64 letters, digits, '-', '.' or '_'");
}

Problem check_prefix(std::string_view text) {
  // It is put into patterns of SCAN too, and must not name a hash slot.
  constexpr std::string_view kSpecial = "{}*?[]\\";
  const bool plain = std::all_of(text.begin(), text.end(), [kSpecial](char c) {
    return c > ' ' && c < '\x7f' && kSpecial.find(c) == std::string_view::npos;
  });
  if (plain && !text.empty() && text.size() <= kMaxPrefix) return std::nullopt;
  return problem("bad prefix", text,
                 "1 to 64 printable characters without spaces and " + std::string(kSpecial));
}

Problem check_file_name(std::string_view text) {
  if (!text.empty() && text.find('\0') == std::string_view::npos) return std::nullopt;
  return problem("bad file name", "", "a path");
}

Problem check_command_name(std::string_view text) {
  if (!text.empty()) return std::nullopt;
  return problem("no command", "", kCommandWanted);
}

Problem check_command(std::string_view text, std::span<const std::string_view> known) {
  std::string name(text);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto is_known = [&](std::string_view one) {
    return std::ranges::find(known, one) != known.end();
  };
  if (is_known(name)) return std::nullopt;
  // Modules bring commands nobody can know here. Redis' own have no dot.
  const std::string container = name.substr(0, name.find('|'));
  if (!is_known(container) && container.find('.') != std::string::npos) return std::nullopt;
  return problem("unknown command" + did_you_mean(name, known), text, kCommandWanted);
}

}  // namespace hawser::config::values
