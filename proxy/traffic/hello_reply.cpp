#include "proxy/traffic/hello_reply.hpp"

#include "protocol/reply_writer.hpp"

namespace hawser {

std::string hello_reply(RespVersion resp, std::string_view server_version,
                        std::uint64_t client_id) {
  std::string reply;
  protocol::ReplyWriter writer(reply, resp);
  writer.map(7);
  writer.bulk("server");
  writer.bulk("redis");
  writer.bulk("version");
  writer.bulk(server_version);
  writer.bulk("proto");
  writer.integer(static_cast<int>(resp));
  writer.bulk("id");
  writer.integer(static_cast<std::int64_t>(client_id));
  writer.bulk("mode");
  writer.bulk("standalone");
  writer.bulk("role");
  writer.bulk("master");
  writer.bulk("modules");
  writer.array(0);
  return reply;
}

}  // namespace hawser
