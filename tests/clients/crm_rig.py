"""The CRM with its ten Bull queues, behind one hawser."""

import application
from servers import eventually

QUEUES = ("messages", "campaigns", "flows", "emails", "webhooks", "ai", "imports", "exports",
          "analytics", "notifications")


class Crm(application.Rig):
    script = "crm/server.mjs"

    def add(self, queue, subject, data=None, **options):
        """The new job's id."""
        job = {"data": {"subject": subject} | (data or {}), "opts": options}
        return self.ask("POST", f"/queues/{queue}/jobs", job)[0]

    def add_all(self, queue, subjects):
        return self.ask("POST", f"/queues/{queue}/jobs",
                        [{"data": {"subject": subject}} for subject in subjects])

    def ask(self, method, path, body=None):
        answer = self.program.ask(method, path, body)
        if answer.status not in (200, 204):
            raise AssertionError(f"{method} {path}: {answer}")
        return answer.value

    def get(self, path):
        return self.ask("GET", path)

    def state(self, queue, job):
        answer = self.program.get(f"/queues/{queue}/jobs/{job}")
        return "none" if answer.status == 404 else answer.value.get("state")

    def ends(self, queue, job):
        """The job, once it is over."""
        path = f"/queues/{queue}/jobs/{job}"
        eventually(lambda: self.state(queue, job) in ("completed", "failed"),
                   f"the end of {queue} {job}")
        return self.get(path)

    def events(self, queue, event):
        return [heard for heard in self.get("/events")
                if (heard["queue"], heard["event"]) == (queue, event)]

    def held(self, queue):
        """What Redis itself has of it, as Bull keeps it."""
        counts = {}
        for state, key, command in (("waiting", "wait", "LLEN"), ("active", "active", "LLEN"),
                                    ("paused", "paused", "LLEN"), ("delayed", "delayed", "ZCARD"),
                                    ("completed", "completed", "ZCARD"),
                                    ("failed", "failed", "ZCARD")):
            counts[state] = self.direct(command, f"bull:{queue}:{key}")
        return counts

    def idle(self):
        """Whether every queue is done with what it can do now."""
        return all(counts["waiting"] == counts["active"] == counts["delayed"] == 0
                   for counts in map(self.held, QUEUES))
