"""The shipping service with its nineteen connections, behind one hawser."""

import application
from servers import eventually

STEPS = ("new", "labelled", "picked up", "arrived")


class User:
    """Of a shipping service, with a cookie once logged in."""

    def __init__(self, rig, name):
        self.rig, self.name, self.cookie = rig, name, None

    def ask(self, method, path, body=None):
        headers = {"Cookie": self.cookie} if self.cookie else {}
        answer = self.rig.program.ask(method, path, body, headers)
        if answer.headers["Set-Cookie"]:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer

    def login(self):
        answer = self.ask("POST", "/login", {"user": self.name})
        return answer.status

    def ship(self, subject, **options):
        """The new shipment's id."""
        answer = self.ask("POST", "/shipments", {"subject": subject, "opts": options})
        if answer.status != 200:
            raise AssertionError(f"{subject} is not shipped: {answer}")
        return answer.value


class Shipping(application.Rig):
    script = "shipping/server.mjs"

    def user(self, name):
        """One who is logged in."""
        user = User(self, name)
        if user.login() != 200:
            raise AssertionError(f"{name} cannot log in")
        return user

    def get(self, path):
        answer = self.program.get(path)
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer}")
        return answer.value

    def news(self, shipment):
        """What the subscriber heard of it."""
        return tuple(told["status"] for told in self.get("/news")
                     if told["channel"] == f"shipments:{shipment}")

    def status(self, shipment):
        return (self.direct("HGET", f"shipment:{shipment}", "status") or b"none").decode()

    def arrives(self, *shipments):
        for shipment in shipments:
            eventually(lambda: self.status(shipment) == "arrived", f"{shipment} arrives")

    def events(self, queue, event):
        return [told for told in self.get("/events")
                if (told["queue"], told["event"]) == (queue, event)]
