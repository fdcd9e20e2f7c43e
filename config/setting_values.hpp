#pragma once

#include <span>
#include <type_traits>

#include "config/setting_table.hpp"

/// How each type of setting is read from text and written as text. For the rows of the table only.
namespace hawser::config::values {

Setting::Problem store(const Setting&, const Setting::Values&, std::string&);
Setting::Problem store(const Setting&, const Setting::Values&, std::vector<std::string>&);
Setting::Problem store(const Setting&, const Setting::Values&, Milliseconds&);
Setting::Problem store(const Setting&, const Setting::Values&, std::uint64_t&);
/// Permission bits.
Setting::Problem store(const Setting&, const Setting::Values&, std::uint32_t&);
/// The place of the word among the choices.
Setting::Problem store_choice(const Setting&, const Setting::Values&, std::size_t&);

Setting::Values load(const Setting&, const std::string&);
Setting::Values load(const Setting&, const std::vector<std::string>&);
Setting::Values load(const Setting&, Milliseconds);
Setting::Values load(const Setting&, std::uint64_t);
Setting::Values load(const Setting&, std::uint32_t);

/// A row that reads and writes `Settings::*Section.*Member`.
template <auto Section, auto Member>
constexpr Setting bind(Setting row) {
  row.get = [](const Setting& setting, const Settings& settings) -> Setting::Values {
    const auto& field = settings.*Section.*Member;
    if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(field)>>) {
      return {std::string(setting.choices[static_cast<std::size_t>(field)])};
    } else {
      return load(setting, field);
    }
  };
  row.set = [](const Setting& setting, Settings& settings, const Setting::Values& values) {
    auto& field = settings.*Section.*Member;
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_enum_v<Field>) {
      auto index = static_cast<std::size_t>(field);
      auto problem = store_choice(setting, values, index);
      field = static_cast<Field>(index);
      return problem;
    } else {
      return store(setting, values, field);
    }
  };
  return row;
}

/// Checks of single texts, for Setting::check.
Setting::Problem check_upstream(std::string_view text);
Setting::Problem check_pattern(std::string_view text);
Setting::Problem check_listener(std::string_view text);
Setting::Problem check_admin(std::string_view text);
Setting::Problem check_version(std::string_view text);
Setting::Problem check_instance(std::string_view text);
Setting::Problem check_prefix(std::string_view text);
Setting::Problem check_file_name(std::string_view text);
Setting::Problem check_command_name(std::string_view text);
/// Whether there is such a command. `known`: what commands there are, in lower case.
Setting::Problem check_command(std::string_view text, std::span<const std::string_view> known);

}  // namespace hawser::config::values
