#include "proxy/transactions/block_scan.hpp"

#include "protocol/command_table.hpp"
#include "protocol/request_parser.hpp"

namespace hawser {

BlockScan scan_block(std::string_view following, const protocol::Limits& limits,
                     std::size_t most_bytes, const DeniedCommands& denied) {
  using Status = protocol::RequestParser::Status;
  protocol::RequestParser parser(limits);
  BlockScan scan;
  std::size_t at = 0;
  while (at < following.size() && at <= most_bytes) {
    const Status status = parser.parse(following.substr(at));
    if (status == Status::incomplete || status == Status::error) return scan;
    at += parser.consumed();
    if (status == Status::empty) continue;
    ++scan.requests;
    const protocol::Command* row = protocol::find_command(parser.arg(0));
    if (row == nullptr) return scan;
    // DISCARD may be refused to the user, EXEC ends the transaction even then.
    if (row->name == "discard") return scan;
    if (row->name == "exec") {
      if (denied.denies(row, {}, {})) return scan;
      scan.can_be_shared = row->accepts(parser.argc()) && at <= most_bytes;
      return scan;
    }
    if (protocol::has_subcommands(*row) && parser.argc() > 1) {
      row = protocol::find_subcommand(*row, parser.arg(1));
      if (row == nullptr) return scan;
    }
    if (denied.denies(row, {}, {})) return scan;
    const bool passes = row->name == "ping" || row->name == "info" || row->name == "unwatch";
    if (row->treatment != protocol::Treatment::shared && !passes) return scan;
    if (row->name == "script|flush") return scan;  // A stay sees to what hawser itself forgets.
  }
  return scan;
}

}  // namespace hawser
