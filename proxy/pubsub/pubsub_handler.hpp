#pragma once

#include "proxy/pubsub/hub.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// SUBSCRIBE and its relatives, PUBLISH and PUBSUB.
class PubSubHandler final : public Handler {
 public:
  /// `forward` has the commands that go to the main lane.
  PubSubHandler(Upstream& upstream, Hub& hub, Handler& forward)
      : upstream_(upstream), hub_(hub), forward_(forward) {}
  Taken handle(Client& client, Request& request) override;

 private:
  class NumsubTap;

  Taken subscribe(Client& client, Request& request, TopicKind kind);
  Taken unsubscribe(Client& client, Request& request, TopicKind kind);
  Taken publish(Client& client, Request& request);
  Taken numsub(Client& client, Request& request, TopicKind kind);

  Upstream& upstream_;
  Hub& hub_;
  Handler& forward_;
};

/// All requests of a RESP2 client that is subscribed: only a few are allowed then.
class SubscribedHandler final : public Handler {
 public:
  /// `local` has QUIT and RESET.
  SubscribedHandler(PubSubHandler& pubsub, Handler& local) : pubsub_(pubsub), local_(local) {}
  Taken handle(Client& client, Request& request) override;

 private:
  PubSubHandler& pubsub_;
  Handler& local_;
};

}  // namespace hawser
