#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/redis_url.hpp"
#include "config/settings.hpp"
#include "proxy/traffic/client.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/circuit.hpp"
#include "proxy/upstream/control.hpp"
#include "proxy/upstream/main_lane.hpp"
#include "proxy/upstream/pinned_pool.hpp"
#include "proxy/upstream/reaper.hpp"
#include "proxy/upstream/subscriber_lane.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// The door to Redis: the only way for a handler to send anything there. Owns every upstream
/// connection, the users' credentials and the circuit. Owned by Server; data thread only.
class Upstream final : private CircuitListener, private Restorer, private LaneEvents {
 public:
  Upstream(Loop& loop, Logger& log, const config::Settings& settings, const config::RedisUrl& url,
           std::string version);
  ~Upstream() override;

  /// Opens the main lane of the upstream URL's own context and keeps it open.
  void start();
  /// Closes every connection; what is in flight is answered with an unknown outcome.
  void close();

  void add_listener(LaneEvents& listener) { parts_.listeners.push_back(&listener); }

  /// Sends a request on `lane` (as main_lane() gave it), or fails its slot.
  void forward(MainLane* lane, Request& request, SlotHandle slot);

  /// The same for several requests that must follow each other on the lane; `last` is the last one.
  void forward_block(MainLane* lane, std::string_view bytes, std::vector<SlotHandle> slots,
                     const Request& last);

  /// The main lane of a context, or nullptr if contexts.max lanes are in use.
  MainLane* main_lane(const Context& context);
  /// The main lane of a context if it exists.
  MainLane* find_main_lane(const Context& context);

  /// For PUBLISH of clients of the upstream URL's user, and hawser's own.
  MainLane& publisher() { return publisher_; }
  /// A connection for the subscriptions of one user; opened at first need.
  std::unique_ptr<SubscriberLane> subscriber_lane(UserId user, SubscriberLaneOwner& owner);

  PinnedPool& pinned() { return pinned_; }
  Control& control() { return control_; }
  Users& users() { return parts_.users; }
  ScriptBook& scripts() { return parts_.scripts; }
  ClientScripts& client_scripts() { return parts_.client_scripts; }
  /// A client has sent SCRIPT FLUSH.
  void forget_scripts() {
    parts_.client_scripts.forget();
    parts_.scripts.forget_loaded();
  }
  const config::Settings& settings() const { return parts_.settings; }
  Loop& loop() { return parts_.loop; }
  Logger& log() { return parts_.log; }
  const protocol::Limits& limits() const { return parts_.limits; }
  /// This hawser's own name: upstream.instance, or made of the host's and a random part.
  const std::string& instance() const { return parts_.instance; }
  StatsSource& stats() { return parts_.stats; }
  const UpstreamStats& figures() const { return parts_.stats; }
  Circuit& circuit() { return circuit_; }
  /// See UpstreamParts.
  bool leave_server();
  /// Answers a request that may not be sent because the circuit is not closed.
  void refuse(SlotHandle slot) { slot.fail(Failure::circuit_open, circuit_.retry_in()); }
  std::uint32_t home_database() const { return home_.database; }

  /// The upstream's version as it told, else upstream.assumed_version.
  std::string_view server_version() const;
  bool knows_server_version() const { return !parts_.server_version.empty(); }
  /// Whether the server told by not knowing HELLO that it is older than Redis 6.
  bool lacks_hello() const { return parts_.lacks_hello; }
  /// Of the server's process, as the last main lane was told; empty: not known.
  const std::string& run_id() const { return parts_.run_id; }

  /// When a request that arrived at `arrived` has to be answered, if it is sent now.
  TimePoint deadline_of(CommandClass command_class, TimePoint arrived) const;

 private:
  void on_circuit(const CircuitState& state) override;
  void restore() override;
  bool is_restored() const override;
  bool is_essential() const override { return true; }
  void on_lane_open(const Context& context) override;
  void on_lane_refused(const Context& context) override {
    if (context == home_) circuit_.on_restored();
  }
  void on_lane_lost(const Context& /*context*/) override {}
  void on_push(const Context& /*context*/, std::string_view /*frame*/) override {}

  bool admit(const MainLane* lane, std::size_t bytes, Failure& why);
  void fail(SlotHandle& slot, Failure why);
  void ping_idle();
  TimePoint forward_deadline(const MainLane& lane, CommandClass command_class,
                             TimePoint arrived) const;
  void close_idle();
  void forget_unused();

  UpstreamParts parts_;
  const Context home_;  ///< User and database of the URL, RESP2.
  Control control_;
  Circuit circuit_;
  Reaper reaper_;
  PinnedPool pinned_;
  MainLane publisher_;
  std::vector<std::unique_ptr<MainLane>> mains_;
  MainLane* last_used_ = nullptr;
  bool closed_ = false;
  Timer idle_timer_;
  Timer ping_timer_;
  TimePoint left_at_{};
  Duration leave_interval_{};  ///< Before the server is left again.
  std::vector<SubscriberLane*> subscribers_;
  std::string scratch_;
};

}  // namespace hawser
