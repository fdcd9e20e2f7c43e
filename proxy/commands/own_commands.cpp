#include "proxy/commands/own_commands.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "protocol/glob.hpp"
#include "protocol/reply_framer.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

using protocol::Command;
using protocol::ReplyWriter;
using protocol::RespVersion;

namespace {

using Rows = std::vector<const Command*>;

struct FlagName {
  std::uint32_t flag;
  std::string_view name;
};

constexpr FlagName kFlagNames[] = {
    {protocol::flag::write, "write"},
    {protocol::flag::readonly, "readonly"},
    {protocol::flag::denyoom, "denyoom"},
    {protocol::flag::admin, "admin"},
    {protocol::flag::pubsub, "pubsub"},
    {protocol::flag::noscript, "noscript"},
    {protocol::flag::blocking, "blocking"},
    {protocol::flag::loading, "loading"},
    {protocol::flag::stale, "stale"},
    {protocol::flag::skip_monitor, "skip_monitor"},
    {protocol::flag::skip_slowlog, "skip_slowlog"},
    {protocol::flag::asking, "asking"},
    {protocol::flag::fast, "fast"},
    {protocol::flag::no_auth, "no_auth"},
    {protocol::flag::movablekeys, "movablekeys"},
    {protocol::flag::no_mandatory_keys, "no_mandatory_keys"},
    {protocol::flag::no_async_loading, "no_async_loading"},
    {protocol::flag::no_multi, "no_multi"},
    {protocol::flag::allow_busy, "allow_busy"},
};

/// What Redis says of the keys of a module's command that tells no more of them.
constexpr std::array<std::string_view, 3> kKeyFlags = {"RW", "access", "update"};

struct Summary {
  std::string_view name;
  std::string_view text;
};

constexpr Summary kSummaries[] = {
    {"cache.get", "Get a cached value, its state and, if wanted, the lease to fill it anew"},
    {"cache.invalidate", "Delete the keys of tags"},
    {"cache.set", "Store a cached value and its tags"},
    {"cache.tag", "Give tags to a key"},
    {"cache.untag", "Take tags from a key"},
    {"proxy", "A container for commands about the proxy itself"},
    {"proxy|health", "The state of the circuit and of the connections to Redis"},
    {"proxy|help", "Show helpful text about the different subcommands"},
};

/// The version of hawser that brought them.
constexpr std::string_view kSince = "0.1.0";
constexpr std::string_view kGroup = "hawser";

bool is_subcommand(const Command& row) {
  return row.name.find('|') != std::string_view::npos;
}

/// All rows of hawser's own, subcommands included.
Rows own_rows() {
  Rows rows;
  for (const Command& row : protocol::all_commands()) {
    if (row.since == protocol::kOwn) rows.push_back(&row);
  }
  return rows;
}

Rows own_commands() {
  Rows rows = own_rows();
  std::erase_if(rows, [](const Command* row) { return is_subcommand(*row); });
  return rows;
}

Rows subcommands_of(const Command& command) {
  Rows rows = own_rows();
  std::erase_if(rows, [&](const Command* row) {
    return !is_subcommand(*row) || row->name.substr(0, row->name.find('|')) != command.name;
  });
  return rows;
}

/// The row of a command, or container|subcommand, of hawser's own; else nullptr.
const Command* find_own(std::string_view name) {
  const std::size_t bar = name.find('|');
  const Command* row = protocol::find_command(name.substr(0, bar));
  if (row == nullptr || row->since != protocol::kOwn) return nullptr;
  if (bar == std::string_view::npos) return row;
  return protocol::find_subcommand(*row, name.substr(bar + 1));
}

/// The rows that a request names, in its order; those of other commands are left out.
Rows asked_for(const Request& request) {
  Rows rows;
  for (std::size_t i = 2; i < request.argc(); ++i) {
    if (const Command* row = find_own(request.arg(i))) rows.push_back(row);
  }
  return rows;
}

/// As Redis derives them from the flags.
std::vector<std::string_view> categories_of(const Command& row) {
  std::vector<std::string_view> names;
  if (row.is(protocol::flag::readonly)) names.emplace_back("@read");
  if (row.is(protocol::flag::write)) names.emplace_back("@write");
  if (row.is(protocol::flag::pubsub)) names.emplace_back("@pubsub");
  if (row.is(protocol::flag::admin)) names.emplace_back("@admin");
  names.emplace_back(row.is(protocol::flag::fast) ? "@fast" : "@slow");
  if (row.is(protocol::flag::blocking)) names.emplace_back("@blocking");
  if (row.is(protocol::flag::admin)) names.emplace_back("@dangerous");
  return names;
}

template <typename Names>
void write_set(ReplyWriter& writer, const Names& names) {
  writer.set(names.size());
  for (const std::string_view name : names) writer.simple(name);
}

void write_key_specs(ReplyWriter& writer, const Command& row) {
  writer.set(row.first_key != 0 ? 1 : 0);
  if (row.first_key == 0) return;
  writer.map(3);
  writer.bulk("flags");
  write_set(writer, kKeyFlags);
  writer.bulk("begin_search");
  writer.map(2);
  writer.bulk("type");
  writer.bulk("index");
  writer.bulk("spec");
  writer.map(1);
  writer.bulk("index");
  writer.integer(row.first_key);
  writer.bulk("find_keys");
  writer.map(2);
  writer.bulk("type");
  writer.bulk("range");
  writer.bulk("spec");
  writer.map(3);
  writer.bulk("lastkey");
  writer.integer(row.last_key < 0 ? row.last_key : row.last_key - row.first_key);
  writer.bulk("keystep");
  writer.integer(row.key_step);
  writer.bulk("limit");
  writer.integer(0);
}

/// How many elements an entry of COMMAND has. 6.0 added the ACL categories; 7.0 tips, key
/// specifications and subcommands.
std::size_t entry_size(std::string_view server_version) {
  const std::int64_t major = to_number(server_version);
  if (major < 0 || major >= 7) return 10;
  return major == 6 ? 7 : 6;
}

/// All of an entry but the subcommands.
void write_fields(ReplyWriter& writer, const Command& row, std::size_t size) {
  writer.array(size);
  writer.bulk(row.name);
  writer.integer(row.arity);
  std::vector<std::string_view> flags;
  for (const FlagName& each : kFlagNames) {
    if (row.is(each.flag)) flags.push_back(each.name);
  }
  write_set(writer, flags);
  writer.integer(row.first_key);
  writer.integer(row.last_key);
  writer.integer(row.key_step);
  if (size > 6) write_set(writer, categories_of(row));
  if (size <= 7) return;
  writer.set(0);  // Tips.
  write_key_specs(writer, row);
}

void write_entry(ReplyWriter& writer, const Command& row, std::size_t size) {
  write_fields(writer, row, size);
  if (size <= 7) return;
  const Rows subcommands = subcommands_of(row);
  // A set if there is none, else an array: so says Redis.
  if (subcommands.empty()) {
    writer.set(0);
    return;
  }
  writer.array(subcommands.size());
  for (const Command* sub : subcommands) {
    write_fields(writer, *sub, size);
    writer.set(0);
  }
}

/// One pair of COMMAND DOCS, all but the subcommands.
void write_summary(ReplyWriter& writer, const Command& row, bool has_subcommands) {
  writer.bulk(row.name);
  writer.map(has_subcommands ? 4 : 3);
  const auto* summary = std::ranges::find(kSummaries, row.name, &Summary::name);
  writer.bulk("summary");
  writer.bulk(summary != std::end(kSummaries) ? summary->text : std::string_view());
  writer.bulk("since");
  writer.bulk(kSince);
  writer.bulk("group");
  writer.bulk(kGroup);
}

void write_docs(ReplyWriter& writer, const Command& row) {
  const Rows subcommands = subcommands_of(row);
  write_summary(writer, row, !subcommands.empty());
  if (subcommands.empty()) return;
  writer.bulk("subcommands");
  writer.map(subcommands.size());
  for (const Command* sub : subcommands) write_summary(writer, *sub, false);
}

/// What COMMAND LIST lists: subcommands too. A filter of another kind is Redis' to refuse.
Rows listed(const Request& request) {
  Rows rows = own_rows();
  if (request.argc() < 5) return rows;
  const std::string_view by = request.arg(3);
  std::string wanted(request.arg(4));
  for (char& c : wanted) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  std::erase_if(rows, [&](const Command* row) {
    if (is_word(by, "pattern")) return !protocol::glob_match(wanted, row->name);
    if (!is_word(by, "aclcat")) return true;
    const auto names = categories_of(*row);
    return std::ranges::find(names, "@" + wanted) == names.end();
  });
  return rows;
}

/// `reply` with `elements` at its end: `more` is added to its length, or to itself if it is a
/// number.
std::string append(std::string_view reply, std::size_t more, std::string_view elements) {
  constexpr std::string_view kTypes = ":*~%";
  const std::size_t end = reply.find('\r');
  std::uint64_t number = 0;
  if (end == std::string_view::npos || kTypes.find(reply.front()) == std::string_view::npos ||
      std::from_chars(reply.data() + 1, reply.data() + end, number).ptr != reply.data() + end) {
    return std::string(reply);
  }
  std::string out;
  out.reserve(reply.size() + elements.size() + 1);
  out += reply.front();
  out += std::to_string(number + more);
  out += reply.substr(end);
  return out += elements;
}

/// Redis' entries, and hawser's where Redis knows nothing.
std::string put_entries(const Request& request, RespVersion resp, std::size_t size,
                        std::string_view reply, const protocol::Limits& limits) {
  protocol::ReplyFramer framer(limits);
  framer.want_elements();
  const bool complete = framer.feed(reply) == protocol::ReplyFramer::Status::complete;
  const auto& offsets = framer.element_offsets();
  if (!complete || offsets.size() != request.argc() - 2 + 1) return std::string(reply);
  std::string out(reply.substr(0, offsets.front()));
  ReplyWriter writer(out, resp);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    if (const Command* row = find_own(request.arg(i + 2))) {
      write_entry(writer, *row, size);
    } else {
      out += reply.substr(offsets[i], offsets[i + 1] - offsets[i]);
    }
  }
  return out;
}

}  // namespace

bool tells_of_own_commands(const Request& request) {
  const std::string_view name = request.command->name;
  if (name == "command" || name == "command|count" || name == "command|list") return true;
  if (name != "command|info" && name != "command|docs") return false;
  return request.argc() == 2 || !asked_for(request).empty();
}

std::string add_own_commands(const Request& request, RespVersion resp,
                             std::string_view server_version, std::string_view reply,
                             const protocol::Limits& limits) {
  const std::string_view name = request.command->name;
  const std::size_t size = entry_size(server_version);
  if (name == "command|info" && request.argc() > 2) {
    return put_entries(request, resp, size, reply, limits);
  }
  std::string elements;
  ReplyWriter writer(elements, resp);
  if (name == "command|list") {
    const Rows rows = listed(request);
    for (const Command* row : rows) writer.bulk(row->name);
    return append(reply, rows.size(), elements);
  }
  if (name == "command|docs") {
    const Rows rows = request.argc() > 2 ? asked_for(request) : own_commands();
    for (const Command* row : rows) write_docs(writer, *row);
    return append(reply, resp == RespVersion::resp3 ? rows.size() : rows.size() * 2, elements);
  }
  // Before 7.0 COMMAND INFO without a name tells of none.
  if (name == "command|info" && reply.starts_with("*0")) return std::string(reply);
  const Rows rows = own_commands();
  if (name != "command|count") {
    for (const Command* row : rows) write_entry(writer, *row, size);
  }
  return append(reply, rows.size(), elements);
}

std::optional<std::string> keys_of_own_command(const Request& request, RespVersion resp) {
  const std::string_view name = request.command->name;
  const bool with_flags = name == "command|getkeysandflags";
  if (!with_flags && name != "command|getkeys") return std::nullopt;
  // Fewer are refused by Redis, whatever they ask for.
  if (!request.command->accepts(request.argc())) return std::nullopt;
  const Command* row = find_own(request.arg(2));
  if (row == nullptr || is_subcommand(*row)) return std::nullopt;
  std::string reply;
  ReplyWriter writer(reply, resp);
  const std::size_t argc = request.argc() - 2;
  if (row->first_key == 0) {
    writer.error("ERR The command has no key arguments");
  } else if (!row->accepts(argc)) {
    writer.error("ERR Invalid number of arguments specified for command");
  } else {
    const auto first = static_cast<std::size_t>(row->first_key);
    const std::size_t last = row->last_key < 0 ? argc - static_cast<std::size_t>(-row->last_key)
                                               : static_cast<std::size_t>(row->last_key);
    const auto step = static_cast<std::size_t>(row->key_step);
    writer.array((last - first) / step + 1);
    for (std::size_t key = first; key <= last; key += step) {
      if (with_flags) writer.array(2);
      writer.bulk(request.arg(key + 2));
      if (with_flags) write_set(writer, kKeyFlags);
    }
  }
  return reply;
}

}  // namespace hawser
