"""A CRM with ten Bull queues behind hawser, used as its users do: every job is done as often as it
should, also when Redis or hawser is killed, and Redis has the connections that were promised."""

import json
import unittest

from crm_rig import QUEUES, Crm
from servers import eventually

PAUSE = 0.1  # Of an email after its first failure, seconds.
WINDOW = 3.0  # In which there are at most 20 messages.

PERSISTENT = ("--appendonly", "yes", "--appendfsync", "always")


class CrmCase(unittest.TestCase):
    redis_options = ()
    environment = {}

    @classmethod
    def setUpClass(cls):
        environment = {"EMAIL_PAUSE_MS": PAUSE * 1000, "MESSAGE_WINDOW_MS": WINDOW * 1000,
                       "IMPORT_TIMEOUT_MS": 600, "GUARD_MS": 500, "RETRY_PROCESS_MS": 300,
                       "STALLED_MS": 500}
        environment = {name: str(int(value))
                       for name, value in (environment | cls.environment).items()}
        cls.rig = Crm(cls.redis_options, **environment)
        cls.outside = cls.rig.outside

    @classmethod
    def tearDownClass(cls):
        cls.rig.close()

    def run(self, result=None):
        failed = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failed:
            print(self.rig.written(), self.rig.hawser.log())

    def called(self, kind, subjects):
        """Each of these was called for once, and nothing else with the first one's first word."""
        prefix = subjects[0].split(" ")[0]
        self.assertEqual(sorted(self.outside.subjects(kind, prefix)), sorted(subjects))


class Queues(CrmCase):
    def test_an_email_is_tried_five_times_with_growing_pauses(self):
        self.outside.fail("patient", 4)
        self.outside.fail("hopeless", 5)
        patient, hopeless = (self.rig.add("emails", s) for s in ("patient", "hopeless"))
        self.assertEqual(self.rig.ends("emails", patient)["state"], "completed")
        job = self.rig.ends("emails", hopeless)
        self.assertEqual((job["state"], job["failedReason"]), ("failed", "emails answered 503"))
        for subject in ("patient", "hopeless"):
            times = self.outside.times(subject)
            self.assertEqual(len(times), 5)
            for retry in range(4):
                self.assertGreaterEqual(times[retry + 1] - times[retry], PAUSE * 2 ** retry - 0.005)

    def test_an_import_is_not_tried_again(self):
        self.outside.fail("broken", 1)
        job = self.rig.ends("imports", self.rig.add("imports", "broken"))
        self.assertEqual((job["state"], job["failedReason"]), ("failed", "imports answered 503"))
        with self.outside.holding(1):
            job = self.rig.ends("imports", self.rig.add("imports", "slow"))
        self.assertEqual(job["state"], "failed")
        self.assertIn("timed out", job["failedReason"])
        self.rig.ends("imports", self.rig.add("imports", "next"))
        for subject in ("broken", "slow", "next"):
            self.assertEqual(len(self.outside.times(subject)), 1, subject)

    def test_an_import_tells_how_far_it_is(self):
        job = self.rig.ends("imports", self.rig.add("imports", "contacts", {"parts": 4}))
        self.assertEqual((job["progress"], job["returnvalue"]), (100, {"parts": 4}))
        told = eventually(lambda: self.heard("imports", "completed", job["id"]), "it is told")
        self.assertEqual(told, [{"parts": 4}])
        self.assertEqual(self.heard("imports", "progress", job["id"]), [25, 50, 75, 100])

    def heard(self, queue, event, job):
        """With `event` of this job, in the order told."""
        values = [heard["value"] for heard in self.rig.events(queue, event)
                  if heard["id"] == str(job)]
        # What a job returned is told as JSON.
        return [value if event == "progress" else json.loads(value) for value in values]

    def test_a_paused_queue_rests_and_goes_on_by_priority(self):
        self.rig.ask("POST", "/queues/webhooks/pause")
        self.assertTrue(self.rig.get("/queues/webhooks")["isPaused"])
        jobs = [self.rig.add("webhooks", f"priority {priority}", priority=priority)
                for priority in (3, 1, 4, 2)]
        # What was added later to another queue is done.
        self.rig.ends("analytics", self.rig.add("analytics", "meanwhile"))
        self.assertEqual(self.outside.subjects("webhooks", "priority"), [])
        self.assertEqual(self.rig.held("webhooks")["paused"], 4)
        self.rig.ask("POST", "/queues/webhooks/resume")
        for job in jobs:
            self.assertEqual(self.rig.ends("webhooks", job)["state"], "completed")
        self.assertEqual(self.outside.subjects("webhooks", "priority"),
                         [f"priority {priority}" for priority in (1, 2, 3, 4)])
        self.assertEqual([len(self.rig.events("webhooks", e)) for e in ("paused", "resumed")],
                         [1, 1])

    def test_a_campaign_is_twenty_messages_a_minute(self):
        contacts = list(range(25))
        self.rig.add("campaigns", "campaign", {"contacts": contacts})
        wanted = [f"campaign to {contact}" for contact in contacts]
        eventually(lambda: self.rig.held("messages")["delayed"] == 5, "five have to wait")
        self.assertEqual(len(self.outside.subjects("messages", "campaign")), 20)
        self.assertGreater(self.rig.direct("PTTL", "bull:messages:limiter"), 0)
        eventually(lambda: self.rig.held("messages")["completed"] == 25, "all are sent")
        self.called("messages", wanted)
        times = sorted(when for subject in wanted for when in self.outside.times(subject))
        self.assertGreater(times[20] - times[0], WINDOW * 0.9)

    def test_a_flow_waits_between_its_steps(self):
        self.rig.add("flows", "welcome", {"steps": ["mail", "call", "visit"], "wait": 300})
        steps = [f"welcome: {step}" for step in ("mail", "call", "visit")]
        eventually(lambda: self.outside.subjects("flows", "welcome") == steps, "the last step")
        times = [self.outside.times(step)[0] for step in steps]
        for earlier, later in zip(times, times[1:]):
            self.assertGreaterEqual(later - earlier, 0.295)

    def test_a_hundred_of_the_completed_and_five_hundred_of_the_failed_are_kept(self):
        subjects = [f"figures {number}" for number in range(130)]
        jobs = self.rig.add_all("analytics", subjects)
        self.rig.ends("analytics", jobs[-1])
        self.called("analytics", subjects)
        self.assertEqual(self.rig.held("analytics")["completed"], 100)
        self.assertEqual([self.rig.state("analytics", job) for job in (jobs[0], jobs[29])],
                         ["none", "none"])
        self.assertEqual([self.rig.state("analytics", job) for job in (jobs[30], jobs[129])],
                         ["completed", "completed"])
        self.rig.ends("analytics", self.rig.add_all("analytics", [""] * 510)[-1])
        self.assertEqual(self.rig.held("analytics")["failed"], 500)
        self.assertEqual(self.rig.held("analytics")["completed"], 100)

    def test_a_notification_reaches_the_browser(self):
        for number in range(5):
            self.rig.add("notifications", f"hello {number}", {"user": 7})
        mine = [{"user": "7", "subject": f"hello {number}"} for number in range(5)]
        eventually(lambda: [n for n in self.rig.get("/notifications") if n["user"] == "7"] == mine,
                   "all five, in their order")

    def test_the_board(self):
        self.outside.fail("to be retried", 1)
        job = self.rig.ends("imports", self.rig.add("imports", "to be retried"))
        self.rig.ask("POST", "/queues/exports/pause")
        for number in range(3):
            self.rig.add("exports", f"exported {number}")
        self.rig.add("flows", "later", {"steps": ["first"]}, delay=60_000)
        quiet = ("waiting", "active")
        eventually(lambda: not any(self.rig.held(queue)[state] for queue in QUEUES
                                   for state in quiet), "nothing moves")

        page = self.rig.program.get("/board/")
        self.assertEqual(page.status, 200)
        self.assertIn("<div id=\"root\"", page.value)
        shown = {queue["name"]: queue for queue in self.rig.get("/board/api/queues")["queues"]}
        self.assertEqual(sorted(shown), sorted(QUEUES))
        for queue in QUEUES:
            held = self.rig.held(queue)
            self.assertEqual({state: shown[queue]["counts"][state] for state in held}, held, queue)
            self.assertEqual(shown[queue]["isPaused"], queue == "exports")
        self.assertEqual((shown["exports"]["counts"]["paused"],
                          shown["flows"]["counts"]["delayed"]), (3, 1))
        workers = self.rig.get("/board/api/queues/exports/workers")
        self.assertEqual(len(workers["workers"]), 1, workers)
        version = self.rig.get("/board/api/redis/stats")["version"]
        self.assertIn(f"redis_version:{version}", self.rig.direct("INFO").decode())

        # A click on "retry", and on "resume".
        self.rig.ask("PUT", f"/board/api/queues/imports/{job['id']}/retry", {})
        eventually(lambda: self.rig.state("imports", job["id"]) == "completed", "it was retried")
        self.assertEqual(len(self.outside.times("to be retried")), 2)
        self.rig.ask("PUT", "/board/api/queues/exports/resume", {})
        eventually(lambda: len(self.outside.subjects("exports", "exported")) == 3, "it goes on")


class Connections(CrmCase):
    """At rest, at work, and after a crash in the middle of it."""

    redis_options = PERSISTENT

    def test_connections(self):
        # The shared client and subscriber, and ten workers.
        self.assertEqual(self.rig.hawser.connections(), 12)
        self.assertEqual(self.rig.without_hawser(), 12)
        self.rig.has_connections(main=1, subscriber=1, pinned=10)
        # A worker that does not wait for a job has no connection of its own.
        with self.outside.holding(7) as gate:
            for queue in ("webhooks", "exports", "analytics", "flows"):
                self.rig.add(queue, f"hold {queue}", {"steps": ["first"], "wait": 0})
            for number in range(3):
                self.rig.add("ai", f"hold ai {number}")
            eventually(lambda: gate.held == 7, "five workers work")
            self.rig.has_connections(main=1, subscriber=1, pinned=5)
        eventually(self.rig.idle, "all is done")
        # The first PUBLISH of the program itself.
        self.rig.add("notifications", "one", {"user": 1})
        self.rig.has_connections(main=1, subscriber=1, publisher=1, pinned=10)

    def test_connections_when_bull_makes_them(self):
        # Three for each queue, and the program's own two.
        own = {"BULL_CONNECTIONS": "own"}
        self.assertEqual(self.rig.without_hawser(**own), 32)
        before = self.rig.connections()
        second = self.rig.launch(self.rig.hawser, **own)
        try:
            second.listens()
            self.assertEqual(self.rig.hawser.connections(), 12 + 32)
            self.rig.has_connections(**before | {"pinned": 20})
        finally:
            second.kill()
        self.rig.has_connections(**before)

    def test_hawser_is_killed(self):
        rig = self.rig
        wanted = [f"hawser {number}" for number in range(40)]
        with self.outside.holding(5) as gate:
            rig.add_all("emails", wanted)
            eventually(lambda: gate.held == 5, "five are being sent")
            rig.hawser.process.kill()
            rig.hawser.process.wait()
            waiting = rig.later(rig.add, "webhooks", "meanwhile")
            eventually(lambda: rig.connections().total() == 0, "Redis knows")
            rig.restart_hawser()
            eventually(lambda: rig.hawser.connections() == 12, "all have come back")
        self.assertEqual(rig.ends("webhooks", waiting.result())["state"], "completed")
        eventually(rig.idle, "all are sent")
        self.called("emails", wanted)
        self.assertEqual(len(self.outside.times("meanwhile")), 1)
        rig.has_connections(main=1, subscriber=1, pinned=10)

    def test_redis_is_killed(self):
        rig = self.rig
        wanted = [f"redis {number}" for number in range(40)]
        with self.outside.holding(5) as gate:
            rig.add_all("emails", wanted)
            later = rig.add("flows", "redis later", {"steps": ["first"], "wait": 0}, delay=500)
            eventually(lambda: gate.held == 5, "five are being sent")
            rig.redis.kill()
            eventually(rig.refuses, "hawser knows")
            # What cannot be taken in is refused, not lost.
            refused = rig.program.ask("POST", "/queues/emails/jobs", {"data": {"subject": "lost"}})
            self.assertEqual(refused.status, 503)
            self.assertIn("command not executed", refused.value["error"])
            rig.redis.start()
            eventually(rig.redis_is_seen, "hawser has Redis again")
        self.assertEqual(rig.ends("flows", later)["state"], "completed")
        eventually(rig.idle, "all are sent")
        self.called("emails", wanted)
        self.assertEqual(self.outside.times("lost"), [])
        rig.has_connections(main=1, subscriber=1, pinned=10)
        self.assertEqual(rig.hawser.connections(), 12)


class Stalled(CrmCase):
    """What Bull promises of jobs whose end it could not note: they are done again. Of no others."""

    redis_options = PERSISTENT
    environment = {"LOCK_MS": 1500}

    def again(self, subjects):
        """These were done twice, and no other that was added with them."""
        eventually(lambda: self.rig.held("emails")["completed"] == self.added, "all are sent")
        done = self.outside.subjects("emails", "mail")
        for subject in set(done):
            self.assertEqual(done.count(subject), 2 if subject in subjects else 1, subject)

    def test_a_job_that_ends_while_redis_is_away_and_one_whose_program_is_killed(self):
        rig = self.rig
        self.added = 10
        with self.outside.holding(5) as gate:
            rig.add_all("emails", [f"mail {number}" for number in range(10)])
            eventually(lambda: gate.held == 5, "five are being sent")
            rig.redis.kill()
            eventually(rig.refuses, "hawser knows")
        eventually(lambda: rig.written().count("emails: PROXY") >= 5, "Bull could not note it")
        rig.redis.start()
        self.again([f"mail {number}" for number in range(5)])
        self.added = 12
        with self.outside.holding(1) as gate:
            rig.add("emails", "mail killed")
            eventually(lambda: gate.held == 1, "it is being sent")
            rig.program.kill()
            rig.program = rig.launch(rig.hawser)
            rig.program.listens()
            rig.add("emails", "mail after")
            self.again([f"mail {number}" for number in range(5)] + ["mail killed"])

    def in_full_flow(self, word, crash):
        """`crash` comes while emails are sent; only the five being sent may be sent again."""
        wanted = [f"{word} {number}" for number in range(300)]
        before = self.rig.held("emails")
        self.rig.add_all("emails", wanted)
        eventually(lambda: len(self.outside.subjects("emails", word)) >= 40, "some are sent")
        self.assertLess(len(self.outside.subjects("emails", word)), 280)
        crash()
        eventually(lambda: all(self.rig.held("emails")[state] == 0
                               for state in ("waiting", "active", "delayed")), "all are sent")
        self.assertEqual(self.rig.held("emails")["failed"], before["failed"])
        sent = self.outside.subjects("emails", word)
        self.assertEqual(set(sent), set(wanted))
        self.assertLessEqual(len(sent), 305)

    def test_redis_is_killed_in_full_flow(self):
        def crash():
            self.rig.redis.kill()
            self.rig.redis.start()
        self.in_full_flow("redis", crash)

    def test_hawser_is_killed_in_full_flow(self):
        def crash():
            self.rig.hawser.process.kill()
            self.rig.hawser.process.wait()
            self.rig.restart_hawser()
        self.in_full_flow("hawser", crash)


if __name__ == "__main__":
    unittest.main()
