#include "proxy/admin/endpoints.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hawser {
namespace {

using std::chrono::milliseconds;

class FakeHealth final : public HealthView {
 public:
  milliseconds heartbeat_age() const override { return age; }
  bool listening() const override { return is_listening; }
  bool draining() const override { return is_draining; }
  RedisHealth redis() const override { return state; }

  milliseconds age{0};
  bool is_listening = true;
  bool is_draining = false;
  RedisHealth state{"connected", "idle", "idle", "closed", 0.4, true};
};

class FakeActions final : public OperatorActions {
 public:
  void set_circuit(CircuitOrder order) override { orders.push_back(order); }
  std::vector<CircuitOrder> orders;
};

class EndpointsTest : public testing::Test {
 protected:
  HttpResponse get(std::string_view target, std::string_view method = "GET") {
    return ask({method, target, "127.0.0.1:9380", ""});
  }
  HttpResponse ask(const HttpRequest& request) {
    const Endpoints endpoints(
        health_, actions_, [] { return std::string("metrics page\n"); },
        readiness_follows_upstream_);
    const auto now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + milliseconds(7);
    return endpoints.answer(request, now);
  }

  FakeHealth health_;
  FakeActions actions_;
  bool readiness_follows_upstream_ = false;
};

TEST_F(EndpointsTest, AliveAsLongAsTheDataLoopTurns) {
  health_.age = milliseconds(5000);
  EXPECT_EQ(get("/livez").status, 200U);
  EXPECT_EQ(get("/livez").body, "ok\n");
  EXPECT_EQ(get("/healthz").status, 200U);
  health_.age = milliseconds(5001);
  EXPECT_EQ(get("/livez").status, 503U);
  EXPECT_EQ(get("/livez").body, "the data loop did not turn for 5001 ms\n");
  EXPECT_EQ(get("/healthz").status, 503U);
}

TEST_F(EndpointsTest, AliveWhileDrainingAndWhileRedisIsAway) {
  health_.is_draining = true;
  health_.is_listening = false;
  health_.state.ok = false;
  EXPECT_EQ(get("/livez").status, 200U);
}

TEST_F(EndpointsTest, ReadyOnceListeningAndUntilDraining) {
  EXPECT_EQ(get("/readyz").status, 200U);
  health_.is_listening = false;
  EXPECT_EQ(get("/readyz").status, 503U);
  EXPECT_EQ(get("/readyz").body, "not listening yet\n");
  health_.is_listening = true;
  health_.is_draining = true;
  EXPECT_EQ(get("/readyz").status, 503U);
  EXPECT_EQ(get("/readyz").body, "draining\n");
}

TEST_F(EndpointsTest, ReadinessFollowsRedisOnlyIfToldTo) {
  health_.state.ok = false;
  EXPECT_EQ(get("/readyz").status, 200U);
  readiness_follows_upstream_ = true;
  EXPECT_EQ(get("/readyz").status, 503U);
  health_.state.ok = true;
  EXPECT_EQ(get("/readyz").status, 200U);
}

TEST_F(EndpointsTest, StartedOnceListening) {
  EXPECT_EQ(get("/startupz").status, 200U);
  health_.is_draining = true;
  EXPECT_EQ(get("/startupz").status, 200U);
  health_.is_listening = false;
  EXPECT_EQ(get("/startupz").status, 503U);
}

TEST_F(EndpointsTest, MetricsComeWithTheExactContentType) {
  const HttpResponse response = get("/metrics");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "metrics page\n");
}

TEST_F(EndpointsTest, RedisHealthIsJsonWithItsLanes) {
  const HttpResponse response = get("/health/redis");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body,
            R"({"main":"connected","subscriber":"idle","publisher":"idle","circuit":"closed",)"
            R"("latency_ms":0.4,"timestamp":"2026-11-21T00:00:00.007Z"})"
            "\n");
}

TEST_F(EndpointsTest, RedisHealthIs503WhenRedisIsAway) {
  health_.state = {"down", "idle", "idle", "open", -1, false};
  const HttpResponse response = get("/health/redis");
  EXPECT_EQ(response.status, 503U);
  EXPECT_NE(response.body.find(R"("main":"down")"), std::string::npos);
  EXPECT_NE(response.body.find(R"("circuit":"open","latency_ms":null,)"), std::string::npos);
}

TEST_F(EndpointsTest, LatencyIsRoundedAndNeverAnInvalidNumber) {
  health_.state.latency_ms = 1.23456;
  EXPECT_NE(get("/health/redis").body.find(R"("latency_ms":1.235,)"), std::string::npos);
  health_.state.latency_ms = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(get("/health/redis").body.find(R"("latency_ms":null,)"), std::string::npos);
}

TEST_F(EndpointsTest, HeadIsAnsweredAsGet) {
  EXPECT_EQ(get("/metrics", "HEAD").status, 200U);
  EXPECT_EQ(get("/metrics", "HEAD").body, "metrics page\n");
}

TEST_F(EndpointsTest, QueryIsIgnored) {
  EXPECT_EQ(get("/livez?verbose=1").status, 200U);
}

TEST_F(EndpointsTest, UnknownPathGets404WithThePathsThereAre) {
  for (const std::string_view target : {"/", "", "*", "/livez/", "/metricsx", "/LIVEZ"}) {
    const HttpResponse response = get(target);
    EXPECT_EQ(response.status, 404U) << target;
    for (const std::string_view path :
         {"/livez", "/healthz", "/readyz", "/startupz", "/metrics", "/health/redis"}) {
      EXPECT_NE(response.body.find(std::string(path) + "\n"), std::string::npos) << path;
    }
  }
  EXPECT_EQ(get("/nothing", "POST").status, 404U);
}

TEST_F(EndpointsTest, OtherMethodsGet405WithTheMethodsThereAre) {
  for (const std::string_view method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const HttpResponse response = get("/livez", method);
    EXPECT_EQ(response.status, 405U) << method;
    EXPECT_EQ(response.allow, "GET, HEAD") << method;
  }
  EXPECT_EQ(get("/livez").allow, "");
}

TEST_F(EndpointsTest, TheCircuitIsMovedByPostOnly) {
  for (const std::string_view path : {"/circuit/open", "/circuit/close", "/circuit/auto"}) {
    EXPECT_EQ(get(path).status, 405U) << path;
    EXPECT_EQ(get(path).allow, "POST") << path;
    EXPECT_EQ(get(path, "POST").status, 200U) << path;
  }
  EXPECT_EQ(actions_.orders,
            (std::vector{CircuitOrder::open, CircuitOrder::close, CircuitOrder::automatic}));
}

TEST_F(EndpointsTest, ChangesAreNotTakenFromWebPages) {
  EXPECT_EQ(ask({"POST", "/circuit/open", "127.0.0.1:9380", "http://evil.example"}).status, 403U);
  for (const std::string_view host : {"evil.example", "evil.example:9380", "", "127.0.0.1.evil"}) {
    EXPECT_EQ(ask({"POST", "/circuit/open", host, ""}).status, 403U) << host;
  }
  EXPECT_TRUE(actions_.orders.empty());
  for (const std::string_view host :
       {"localhost:9380", "localhost", "10.0.0.7:9380", "[::1]:9380"}) {
    EXPECT_EQ(ask({"POST", "/circuit/open", host, ""}).status, 200U) << host;
  }
}

}  // namespace
}  // namespace hawser
