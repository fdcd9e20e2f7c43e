#include "tests/support/invariant_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hawser::test {

using std::chrono::milliseconds;

ModelClient::ModelClient(std::uint64_t number, const ReplyQueue::Parts& parts, std::mt19937& random)
    : id(number), queue(new ReplyQueue(*this, parts)), random_(random) {}

void ModelClient::receive() {
  std::array<iovec, 8> pieces;
  while (!queue->output().empty()) {
    (void)queue->output().describe(pieces.data(), static_cast<int>(pieces.size()));
    received.append(static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len);
    queue->output().consume(pieces[0].iov_len);
  }
}

std::size_t ModelClient::write_through(std::string_view bytes) {
  if (random_() % 2 == 0) return 0;
  receive();
  const std::size_t n = random_() % (bytes.size() + 1);
  received += bytes.substr(0, n);
  return n;
}

InvariantModel::InvariantModel(std::uint32_t seed, Fault fault) : fault_(fault), random_(seed) {
  clock_.now = TimePoint{std::chrono::seconds(1)};
  clients_.resize(kClients);
  for (auto& client : clients_) replace_client(client);
}

void InvariantModel::step() {
  clock_.now += milliseconds(random_() % 3);
  for (auto& client : clients_) {
    if (sending_ && chance(4)) send_requests(*client);
    deliver(*client);
    if (sending_ && chance(500)) replace_client(client);
  }
  run_redis();
  run_lane();
  expire_waiting();
  for (auto& client : clients_) {
    client->receive();
    const bool trusted = checker_.on_received(client->id, client->received);
    if (!trusted || client->broken) replace_client(client);
  }
  checker_.on_time(clock_.now);
}

bool InvariantModel::settle() {
  sending_ = false;
  const TimePoint limit = clock_.now + std::chrono::seconds(10);
  bool settled = false;
  while (!settled && clock_.now < limit) {
    step();
    settled = checker_.owed() == 0 && waiting_.empty() && lane_ != nullptr && lane_->is_at_rest();
  }
  return settled;
}

void InvariantModel::replace_client(std::unique_ptr<ModelClient>& client) {
  if (client != nullptr) {
    ++seen_.departures;
    checker_.on_left(client->id);
    if (lane_ != nullptr) lane_->drop_client(client->id);
  }
  client = std::make_unique<ModelClient>(++last_client_, replies_, random_);
}

void InvariantModel::send_requests(ModelClient& client) {
  for (std::size_t i = random_() % 4; i > 0 && client.queue->size() < 30; --i) {
    const std::uint64_t number = checker_.next_id();
    const std::string id = std::to_string(number);
    const std::string key = "key" + std::to_string(client.id);
    std::string wire;
    switch (random_() % 3) {
      case 0: {
        const std::size_t size = chance(20) ? random_() % 60000 : random_() % 50;
        protocol::append_command(wire, {"SET", key, std::string(size, 'v'), id});
        break;
      }
      case 1:
        protocol::append_command(wire, {"GET", key, id});
        break;
      default:
        protocol::append_command(wire, {"INCR", key, id});
    }
    checker_.on_sent(client.id, number, wire);
    client.unread += wire;
  }
}

void InvariantModel::deliver(ModelClient& client) {
  const std::size_t wanted = chance(3) ? client.unread.size() : random_() % 60;
  const std::size_t n = std::min(client.unread.size(), wanted);
  if (n == 0) return;
  client.input.append(client.unread, 0, n);
  client.unread.erase(0, n);
  while (!client.input.empty()) {
    if (client.parser.parse(client.input) != protocol::RequestParser::Status::complete) break;
    take_request(client);
  }
  if (client.input.empty()) return;
  ++seen_.split_requests;
  if (fault_ == Fault::partial_request_sent && lane_ != nullptr && client.sent_ahead == 0) {
    lane_->send_ahead(client.input);
    client.sent_ahead = client.input.size();
  }
}

void InvariantModel::take_request(ModelClient& client) {
  protocol::RequestParser& parser = client.parser;
  Request request;
  request.raw = parser.raw();
  request.base = parser.base();
  request.args = parser.args();
  request.canonical = parser.canonical();
  request.command = protocol::find_command(request.arg(0));
  request.arrived = clock_.now;
  checker_.on_arrived(std::stoull(std::string(request.arg(request.argc() - 1))), clock_.now);
  std::string scratch;
  ModelEntry entry{client.queue->open(request, false), client.id, clock_.now + kTimeOut,
                   std::string(request.wire(scratch))};
  entry.bytes.erase(0, std::exchange(client.sent_ahead, 0));
  client.input.erase(0, parser.consumed());
  if (fault_ == Fault::reorder_requests && !held_back_ && chance(20)) {
    held_back_ = std::move(entry);
    return;
  }
  submit(std::move(entry));
  if (held_back_) {
    submit(std::move(*held_back_));
    held_back_.reset();
  }
}

void InvariantModel::submit(ModelEntry entry) {
  if (lane_ != nullptr) {
    lane_->submit(std::move(entry));
  } else {
    waiting_.push_back(std::move(entry));
  }
}

void InvariantModel::run_redis() {
  if (sending_ && chance(400)) hangs_until_ = clock_.now + milliseconds(random_() % 200);
  if (clock_.now < hangs_until_) return;
  std::vector<std::uint64_t> ids;
  for (const auto& [id, connection] : redis_.connections()) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    const bool lost = lane_ == nullptr || id != lane_->connection();
    if (lost && !chance(10)) continue;
    const std::size_t count = redis_.run(id, random_() % 8);
    if (lost) seen_.run_after_loss += count;
    if (sending_ && chance(30)) redis_.push(id);
  }
}

void InvariantModel::run_lane() {
  if (lane_ == nullptr) {
    if (clock_.now >= reopens_at_) open_lane();
    return;
  }
  if (!chance(4)) lane_->write();
  if (!lane_->read(clock_.now) || !lane_->expire(clock_.now) || (sending_ && chance(300))) {
    lose_lane();
  }
}

void InvariantModel::open_lane() {
  for (const std::uint64_t id : predecessors_) {
    if (fault_ != Fault::skip_predecessor_kill) redis_.kill(id);
  }
  predecessors_.clear();
  lane_ = std::make_unique<ModelLane>(
      ModelLane::Parts{redis_, checker_, pool_, random_, seen_, fault_, kTimeOut},
      redis_.connect());
  std::deque<ModelEntry> waiting;
  waiting.swap(waiting_);
  for (ModelEntry& entry : waiting) lane_->submit(std::move(entry));
}

void InvariantModel::lose_lane() {
  ++seen_.losses;
  ModelLane::End end = lane_->end();
  if (end.left_unanswered) {
    predecessors_.push_back(lane_->connection());
  } else {
    redis_.kill(lane_->connection());
  }
  lane_.reset();
  reopens_at_ = clock_.now + milliseconds(chance(3) ? random_() % 200 : random_() % 10);
  seen_.put_back += end.unsent.size();
  for (auto it = end.unsent.rbegin(); it != end.unsent.rend(); ++it) {
    waiting_.push_front(std::move(*it));
  }
  for (SlotHandle& slot : end.lost) {
    ++seen_.answered_lost;
    if (fault_ == Fault::invent_ok) {
      slot.complete("+OK\r\n");
    } else {
      slot.fail(fault_ == Fault::claim_not_executed ? Failure::down : Failure::lost);
    }
  }
}

void InvariantModel::expire_waiting() {
  // In order of deadlines, since all may wait equally long.
  while (!waiting_.empty() && waiting_.front().deadline <= clock_.now) {
    SlotHandle slot = std::move(waiting_.front().slot);
    waiting_.pop_front();
    ++seen_.expired_waiting;
    slot.fail(Failure::down);
  }
}

}  // namespace hawser::test
