#!/usr/bin/env python3
"""The differential test: sequences of random commands, asked of Redis itself and then through hawser,
must have the same answers.

    run.py [--commands 100000] [--seed N] [--length 600]    exit 0: no difference but those in the table
    run.py --differences                                     prints that table

HAWSER_BINARY names the binary; HAWSER_DIFFERENTIAL_SEED the seed, if no option does. A difference is
printed with the seed and reduced to few commands.
"""

import argparse
import os
import random
import sys
import time

import differences

REDIS_OPTIONS = ("--activerehashing", "no", "--slowlog-log-slower-than", "-1")
# As many contexts as there are users, databases and RESP versions.
HAWSER_SETTINGS = {"contexts_max": 200, "log_level": "warn"}

SENT_AS_BYTES = ("quit", "client|reply")  # See sequence.py.


class Rig:
    """One Redis, and a hawser in front of it that can be had anew."""

    def __init__(self):
        from player import Control
        from servers import Hawser, RedisServer
        self.new_hawser = lambda: Hawser(self.redis, **HAWSER_SETTINGS)
        self.redis = RedisServer(*REDIS_OPTIONS)
        self.hawser = self.new_hawser()
        self.control = Control(self.redis.port)
        self.control.make_users()
        self.control.ask([b"FUNCTION", b"LOAD", b"#!lua name=dumped\n"
                          b"redis.register_function('dumped', function() return 'd' end)"],
                         [b"SET", b"s0", b"restored"])
        self.dump, self.functions = [frame[1] for frame in self.control.ask(
            [b"DUMP", b"s0"], [b"FUNCTION", b"DUMP"])]

    def unasked(self):
        """Commands of this Redis that are neither asked nor in the table."""
        from commands import literal_commands
        names = set()
        for entry in self.control.ask([b"COMMAND"])[0][1]:
            subcommands = [sub[1][0][1].decode() for sub in entry[1][9][1]]
            names.update(subcommands or [entry[1][0][1].decode()])
        told = {command.lower().replace(" ", "|") for command in differences.BY_NAME}
        return sorted(names - literal_commands() - told - set(SENT_AS_BYTES))

    def play(self, rounds):
        """Raises player.Difference."""
        import player
        record, digest = player.played_directly(rounds, self.redis.port, self.control)
        player.play_through(rounds, record, digest, self.hawser.port, self.control)

    def difference(self, rounds):
        """Of a hawser that has seen nothing; None if there is none."""
        import player
        self.hawser.stop()
        self.hawser = self.new_hawser()
        try:
            self.play(rounds)
        except player.Difference as difference:
            return difference
        return None

    def stop(self):
        """The exit code of hawser."""
        code = self.hawser.stop()
        self.redis.stop()
        return code


def rebuilt(rounds, kept):
    """The rounds with only those commands, given as (round, part, command)."""
    out = []
    for i, parts in enumerate(rounds):
        left = [part.without([c for k, c in enumerate(part.commands) if (i, j, k) in kept])
                for j, part in enumerate(parts)]
        left = [part for part in left if part.commands]
        if left:
            out.append(left)
    return out


def shrunk(rig, rounds, first, seconds):
    """Few commands that still differ, and how: whole rounds are left out first, then commands."""
    end = time.monotonic() + seconds
    rounds, found = rounds[:first.number + 1], first
    for by_round in (True, False):
        items = [(i, j, k) for i, parts in enumerate(rounds) for j, part in enumerate(parts)
                 for k in range(len(part.commands))]
        if by_round:
            items = [[item for item in items if item[0] == i] for i in range(len(rounds))]
        else:
            items = [[item] for item in items]
        size = max(1, len(items) // 2)
        while size >= 1 and time.monotonic() < end:
            at = 0
            while at < len(items) and time.monotonic() < end:
                candidate = items[:at] + items[at + size:]
                kept = {item for group in candidate for item in group}
                difference = rig.difference(rebuilt(rounds, kept)) if kept else None
                if difference is not None:
                    items, found = candidate, difference
                else:
                    at += size
            size //= 2
        rounds = rebuilt(rounds, {item for group in items for item in group})
    return rounds, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--length", type=int, default=600, help="commands of a sequence")
    parser.add_argument("--keep-going", action="store_true", help="report every sequence that differs")
    parser.add_argument("--shrink", type=float, default=60, help="seconds for making it small")
    parser.add_argument("--differences", action="store_true")
    options = parser.parse_args()
    if options.differences:
        print(differences.printed())
        return 0
    from player import Difference
    from sequence import Generator
    seed = options.seed
    if seed is None:
        seed = int(os.environ.get("HAWSER_DIFFERENTIAL_SEED") or random.randrange(10 ** 9))
    rig = Rig()
    unasked = rig.unasked()
    if unasked:
        print(f"asked by no template, and not in the table: {unasked}")
        return 1
    started, asked, failed = time.monotonic(), 0, 0
    print(f"seeds from {seed}", flush=True)
    while asked < options.commands:
        rounds = Generator(seed, options.length, rig.dump, rig.functions).rounds()
        try:
            rig.play(rounds)
        except Difference as difference:
            failed += 1
            print(f"\nDIFFERENCE in the sequence of seed {seed} (--seed {seed} --commands 1 "
                  f"--length {options.length})\n{difference}", flush=True)
            again = rig.difference(rounds) if options.shrink else difference
            if again is None:
                print("It does not come again when only this sequence is played.")
            elif options.shrink:
                best, found = shrunk(rig, rounds, again, options.shrink)
                print(f"In short, {found}")
                for number, parts in enumerate(best):
                    for part in parts:
                        print(f"  {number:3} connection {part.connection}: {part.commands}")
            if not options.keep_going:
                break
        asked += sum(len(part.commands) for parts in rounds for part in parts)
        seed += 1
    took = time.monotonic() - started
    print(f"{asked} commands in {took:.1f} s, {asked / took:.0f} a second; {failed} sequences differ")
    for row, count in differences.USED.most_common():
        print(f"  {count:7} {', '.join(row.commands)}")
    code = rig.stop()
    if code != 0:
        print(f"hawser ended with {code}")
    return 1 if failed or code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
