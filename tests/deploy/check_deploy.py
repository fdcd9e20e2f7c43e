#!/usr/bin/env python3
"""Flags, ports, paths and environment names used in deploy/, held against the built binary.

    check_deploy.py HAWSER_BINARY
"""

import http.client
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HAWSER = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build/release/hawser"
EX_USAGE = 64


def hawser(*arguments):
    """Runs the binary to its end, in an environment that configures nothing."""
    return subprocess.run([HAWSER, *arguments], env={"PATH": os.environ["PATH"]}, text=True,
                          capture_output=True, timeout=20, check=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def flag_values(arguments, flag):
    """Values of `--flag=value` and `--flag value`."""
    found = []
    for index, word in enumerate(arguments):
        if word.startswith(flag + "="):
            found.append(word[len(flag) + 1:])
        elif word == flag:
            found.append(arguments[index + 1])
    return found


def settings_of(text):
    """{"section.key": value as written} of a configuration file, with what is commented out."""
    settings = {}
    for line in text.splitlines():
        if section := re.fullmatch(r"\[(\w+)\]", line):
            prefix = section[1]
        elif setting := re.fullmatch(r"#?(\w+) = (.*)", line):
            settings[f"{prefix}.{setting[1]}"] = setting[2]
    return settings


class Binary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.help = hawser("--help").stdout
        cls.defaults = settings_of(hawser("config", "--defaults").stdout)

    def assert_flags_known(self, arguments):
        for word in arguments:
            if word.startswith("--"):
                flag = word.split("=")[0]
                self.assertRegex(self.help, rf"(?<![\w-]){re.escape(flag)}(?![\w-])")

    def assert_environment_known(self, name):
        if name == "HAWSER_UPSTREAM":
            self.assertIn(name, self.help)
            return
        section, _, key = name.removeprefix("HAWSER_").lower().partition("_")
        self.assertIn(f"{section}.{key}", self.defaults)


class Kubernetes(Binary):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/sidecar.yaml").read_text()))
        cls.secret = next(d for d in documents if d["kind"] == "Secret")
        deployment = next(d for d in documents if d["kind"] == "Deployment")
        cls.pod = deployment["spec"]["template"]["spec"]
        cls.sidecar = next(c for c in cls.pod["initContainers"] if c["name"] == "hawser")
        cls.application = cls.pod["containers"][0]
        cls.arguments = cls.sidecar["args"]

    def test_flags_and_environment_are_known(self):
        self.assert_flags_known(self.arguments)
        for variable in self.sidecar["env"]:
            self.assert_environment_known(variable["name"])

    def test_it_is_a_native_sidecar_without_readiness(self):
        self.assertEqual(self.sidecar["restartPolicy"], "Always")
        self.assertNotIn("readinessProbe", self.sidecar)

    def test_it_meets_the_restricted_standard(self):
        self.assertIs(self.pod["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(self.pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
        context = self.sidecar["securityContext"]
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertEqual(context["capabilities"]["drop"], ["ALL"])
        user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.M)
        self.assertEqual([str(context["runAsUser"]), str(context["runAsGroup"])],
                         list(user.groups()))

    def test_probes_ask_the_admin_port(self):
        named = {p["name"]: p["containerPort"] for p in self.sidecar["ports"]}
        host, _, port = flag_values(self.arguments, "--admin")[0].rpartition(":")
        self.assertEqual(host, "0.0.0.0", "the kubelet comes from outside of the Pod")
        for probe in ("startupProbe", "livenessProbe"):
            self.assertEqual(named[self.sidecar[probe]["httpGet"]["port"]], int(port))

    def test_application_goes_where_hawser_listens(self):
        environment = {e["name"]: e["value"] for e in self.application["env"]}
        url = urlsplit(environment["REDIS_URL"])
        listen = [urlsplit(u) for u in flag_values(self.arguments, "--listen")]
        self.assertIn((url.hostname, url.port), [(u.hostname, u.port) for u in listen])

    def test_socket_lies_in_the_shared_volume(self):
        path = next(urlsplit(u).path for u in flag_values(self.arguments, "--listen")
                    if u.startswith("unix:"))
        for container in (self.sidecar, self.application):
            mount = container["volumeMounts"][0]
            self.assertEqual(mount["mountPath"], os.path.dirname(path))
            volume = next(v for v in self.pod["volumes"] if v["name"] == mount["name"])
            self.assertEqual(volume["emptyDir"]["medium"], "Memory")

    def test_upstream_of_the_secret_is_understood(self):
        variable = self.sidecar["env"][0]
        key = variable["valueFrom"]["secretKeyRef"]
        self.assertEqual(key["name"], self.secret["metadata"]["name"])
        result = hawser("config", "--upstream", self.secret["stringData"][key["key"]])
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_it_starts_with_these_arguments_and_answers_its_probes(self):
        """On free ports and in a folder of its own. No Redis is there; it starts all the same."""
        with tempfile.TemporaryDirectory() as folder:
            admin_port, listen_port, dead_port = free_port(), free_port(), free_port()
            arguments = []
            for word in self.arguments:
                word = word.replace("/run/hawser/", folder + "/")
                word = re.sub(r"(--listen=tcp://.*:)\d+", rf"\g<1>{listen_port}", word)
                arguments.append(re.sub(r"(--admin=.*:)\d+", rf"\g<1>{admin_port}", word))
            with open(folder + "/log", "w+", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [HAWSER, *arguments], stderr=log, stdout=log,
                    env={"HAWSER_UPSTREAM": f"redis://127.0.0.1:{dead_port}/0"})
                try:
                    for probe in ("startupProbe", "livenessProbe"):
                        path = self.sidecar[probe]["httpGet"]["path"]
                        self.assertEqual(self.get(process, admin_port, path), 200, path)
                    with socket.create_connection(("127.0.0.1", listen_port), 5) as client:
                        client.sendall(b"ECHO hi\r\n")
                        self.assertEqual(client.recv(100), b"$2\r\nhi\r\n")
                    self.assertTrue(Path(folder, "redis.sock").is_socket())
                finally:
                    process.terminate()
                    code = process.wait(15)
                log.seek(0)
                self.assertEqual(code, 0, log.read())

    def get(self, process, port, path):
        """The status of a GET, tried for 10 s at most until somebody listens."""
        deadline = time.monotonic() + 10
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except ConnectionRefusedError:
                self.assertIsNone(process.poll(), "hawser ended")
                self.assertLess(time.monotonic(), deadline, "nobody listens")
                time.sleep(0.02)
            finally:
                connection.close()


class Readme(Binary):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = (ROOT / "README.md").read_text()

    def test_its_sidecar_is_the_one_of_the_manifest(self):
        block = re.search(r"(?s)```yaml\n(.*?)```", self.text)[1]
        short = yaml.safe_load(block)["initContainers"][0]
        whole = next(d for d in yaml.safe_load_all((DEPLOY / "kubernetes/sidecar.yaml").read_text())
                     if d["kind"] == "Deployment")["spec"]["template"]["spec"]["initContainers"][0]
        for key in ("image", "restartPolicy", "env"):
            self.assertEqual(short[key], whole[key])
        self.assertLessEqual(set(short["args"]), set(whole["args"]))
        for probe in ("startupProbe", "livenessProbe"):
            self.assertEqual(short[probe]["httpGet"]["path"], whole[probe]["httpGet"]["path"])

    def test_flags_of_the_command_line_section_are_known(self):
        section = re.search(r"(?s)## Command line\n(.*?)\n## ", self.text)[1]
        flags = re.findall(r"--[a-z][a-z-]*", section)
        self.assertIn("--listen", flags)
        self.assert_flags_known(flags)

    def test_settings_named_there_exist(self):
        named = set(re.findall(r"`([a-z]+\.[a-z_]+)[` =]", self.text))
        named -= {"hawser.toml", "section.key"}
        self.assertIn("timeout.total", named)
        self.assertLessEqual(named, set(self.defaults))

    def test_values_told_there_are_the_defaults(self):
        for key, told in re.findall(r"`([a-z]+\.[a-z_]+)` \((\d+(?: m?s)?)\)", self.text):
            self.assertEqual(self.defaults[key].strip('"'), told.replace(" ", ""), key)

    def test_links_lead_somewhere(self):
        for path in re.findall(r"\]\(([^):]+)\)", self.text):
            self.assertTrue((ROOT / path).exists(), path)


class Dockerfile(Binary):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = (DEPLOY / "Dockerfile").read_text()

    def test_copied_paths_exist(self):
        copies = re.findall(r"^COPY (?!--from)(.+)$", self.text, re.M)
        self.assertTrue(copies)
        for line in copies:
            for path in line.split()[:-1]:
                self.assertTrue((ROOT / path).exists(), path)

    def test_build_uses_a_preset_that_exists(self):
        preset = re.search(r"cmake --preset (\w+)", self.text)[1]
        self.assertIn(f'"name": "{preset}"', (ROOT / "CMakePresets.json").read_text())
        self.assertIn(f"build/{preset}/hawser", self.text)

    def test_exposed_ports_are_the_defaults(self):
        exposed = re.search(r"^EXPOSE (.+)$", self.text, re.M)[1].split()
        listen, admin = (re.search(r":(\d+)\"", self.defaults[key])[1]
                         for key in ("listen.urls", "admin.listen"))
        self.assertEqual(exposed, [listen, admin])

    def test_entrypoint_needs_no_shell(self):
        self.assertRegex(self.text, r'(?m)^ENTRYPOINT \["/usr/bin/hawser"\]$')
        self.assertRegex(self.text, r"(?m)^STOPSIGNAL SIGTERM$")

    def test_library_filter_keeps_what_the_base_image_lacks(self):
        """The grep in the build stage leaves none of the base's libraries and all of ours."""
        base = re.search(r"grep -Ev '([^']+)'", self.text)[1]
        loaded = re.findall(r"^\t(\S+) => (\S+)", subprocess.run(
            ["ldd", HAWSER], text=True, capture_output=True, check=True).stdout, re.M)
        self.assertTrue(loaded)
        for name, path in loaded:
            self.assertTrue(Path(path).is_file(), f"{name} not found")
            owner = subprocess.run(
                ["dpkg-query", "-S", "*-linux-gnu/" + os.path.basename(path)], text=True,
                capture_output=True, check=True).stdout.split(":")[0]
            of_base = owner in ("libc6", "libstdc++6", "libgcc-s1")
            self.assertEqual(bool(re.search(base, name)), of_base, f"{name} of {owner}")


class Systemd(Binary):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = DEPLOY / "systemd/hawser.service"
        cls.text = cls.path.read_text()

    def values(self, key):
        return re.findall(rf"^{key}=(.*)$", self.text, re.M)

    def test_commands_and_flags_are_known(self):
        for line in self.values("ExecStart") + self.values("ExecReload")[:1]:
            program, *arguments = shlex.split(line)
            self.assertEqual(program, "/usr/bin/hawser")
            self.assert_flags_known(arguments)

    def test_reload_checks_first(self):
        self.assertRegex(self.values("ExecReload")[0], r"^/usr/bin/hawser check ")

    def test_socket_folder_of_the_comment_is_the_runtime_directory(self):
        folder = re.search(r"unix:///run/(\w+)/redis\.sock", self.text)[1]
        self.assertEqual(self.values("RuntimeDirectory"), [folder])

    def test_minimal_configuration_named_there_is_accepted(self):
        name = re.search(r"config/\S+\.toml", self.text)[0]
        result = hawser("check", "--config", str(ROOT / name))
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_exit_codes_that_prevent_a_restart_are_hawsers(self):
        codes = [int(code) for code in self.values("RestartPreventExitStatus")[0].split()]
        self.assertEqual(codes[0], hawser("--no-such-flag").returncode)
        self.assertEqual(codes[0], EX_USAGE)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as wrong:
            wrong.write("[nonsense]\n")
            wrong.flush()
            self.assertEqual(codes[1], hawser("check", "--config", wrong.name).returncode)

    def test_stopping_outlasts_the_drain(self):
        drain = int(self.defaults["drain.max"].strip('"').removesuffix("s"))
        self.assertGreater(int(self.values("TimeoutStopSec")[0].removesuffix("s")), drain)

    def test_user_is_the_one_of_sysusers(self):
        users = (DEPLOY / "systemd/hawser.sysusers.conf").read_text()
        self.assertIn(f"\nu {self.values('User')[0]} ", users)

    def test_systemd_finds_nothing_wrong(self):
        """The unit with the built binary in its place, for /usr/bin/hawser need not exist here."""
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder, "hawser.service")
            unit.write_text(self.text.replace("/usr/bin/hawser", str(HAWSER)))
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True,
                                    capture_output=True, timeout=60, check=False)
        complaints = [line for line in result.stderr.splitlines() if "hawser" in line]
        self.assertEqual((result.returncode, complaints), (0, []), result.stderr)

    def test_notification_is_sent(self):
        """Type=notify would wait for it for ever."""
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(folder + "/notify")
            manager.settimeout(10)
            process = subprocess.Popen(
                [HAWSER, "--listen", f"unix://{folder}/redis.sock",
                 "--admin", f"127.0.0.1:{free_port()}",
                 "--upstream", f"redis://127.0.0.1:{free_port()}"],
                env={"NOTIFY_SOCKET": folder + "/notify"}, stderr=subprocess.DEVNULL)
            try:
                self.assertIn(b"READY=1", self.receive(manager, b"READY=1"))
                process.terminate()
                self.assertIn(b"STOPPING=1", self.receive(manager, b"STOPPING=1"))
            finally:
                process.terminate()
                process.wait(15)

    def receive(self, manager, wanted):
        while True:
            message = manager.recv(4096)
            if wanted in message:
                return message


if __name__ == "__main__":
    unittest.main(verbosity=1)
