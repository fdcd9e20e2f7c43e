#!/usr/bin/env python3
"""check_tree.py catches what it is there to catch: each case breaks one rule in a small tree."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import check_tree  # noqa: E402

GOOD = {
    "CMakeLists.txt": "add_library(x protocol/parser.cpp proxy/upstream/lane.cpp)\n",
    "protocol/parser.hpp": "#pragma once\n#include <string>\n",
    "protocol/parser.cpp": '#include "protocol/parser.hpp"\n',
    "proxy/upstream/lane.hpp": '#pragma once\n#include "protocol/parser.hpp"\n',
    "proxy/upstream/lane.cpp": '#include "proxy/upstream/lane.hpp"\n#include <boost/asio.hpp>\n',
}


class CheckTree(unittest.TestCase):
    def found(self, **changes):
        """Violations in the good tree with files replaced or added; '__' stands for '/'."""
        tree = dict(GOOD)
        for name, text in changes.items():
            head, _, suffix = name.replace("__", "/").rpartition("_")
            tree[f"{head}.{suffix}"] = text
        with tempfile.TemporaryDirectory() as folder:
            for path, text in tree.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            return "\n".join(check_tree.violations(Path(folder)))

    def test_good_tree_has_no_violation(self):
        self.assertEqual(self.found(), "")

    def test_arrow_against_the_rules(self):
        self.assertIn("room protocol must not include room upstream", self.found(
            protocol__parser_hpp='#pragma once\n#include "proxy/upstream/lane.hpp"\n'))

    def test_circle_of_rooms(self):
        self.assertIn("protocol -> upstream -> protocol", self.found(
            protocol__parser_hpp='#pragma once\n#include "proxy/upstream/lane.hpp"\n'))

    def test_include_not_from_the_root(self):
        self.assertIn("not a path from the root", self.found(
            protocol__parser_cpp='#include "parser.hpp"\n'))

    def test_library_in_a_foreign_room(self):
        self.assertIn("protocol/parser.cpp:2: <boost/asio.hpp> does not belong here", self.found(
            protocol__parser_cpp='#include "protocol/parser.hpp"\n#include <boost/asio.hpp>\n'))

    def test_unlisted_boost_library(self):
        self.assertIn("<boost/regex.hpp> does not belong here", self.found(
            proxy__upstream__lane_cpp="#include <boost/regex.hpp>\n"))

    def test_system_header_in_a_pure_room(self):
        self.assertIn("standard library only, not <sys/socket.h>", self.found(
            protocol__parser_cpp="#include <sys/socket.h>\n"))

    def test_source_not_listed(self):
        self.assertIn("protocol/framer.cpp: listed in no CMakeLists.txt", self.found(
            protocol__framer_cpp="#include <string>\n"))

    def test_name_that_only_ends_like_a_listed_one(self):
        self.assertIn("protocol/ser.cpp: listed in no", self.found(
            protocol__ser_cpp="#include <string>\n"))

    def test_source_listed_under_another_folder(self):
        self.assertIn("protocol/lane.cpp: listed in no", self.found(
            protocol__lane_cpp="#include <string>\n"))

    def test_source_listed_through_a_variable(self):
        self.assertEqual("", self.found(
            tests__CMakeLists_txt="add_executable(${name} fuzz_${name}.cpp)\n",
            tests__fuzz_parser_cpp="#include <string>\n"))

    def test_header_without_pragma_once(self):
        self.assertIn("begins with #pragma once", self.found(protocol__parser_hpp="\n"))

    def test_file_too_long(self):
        self.assertIn("601 lines", self.found(protocol__parser_cpp="\n" * 601))

    def test_forbidden_word(self):
        for word in check_tree.FORBIDDEN:
            self.assertIn(word, self.found(protocol__parser_cpp=f"// {word}\n"))

    def test_lock_file_with_a_download_address(self):
        self.assertIn("names download addresses", self.found(
            **{"package-lock_json": '{"resolved": "somewhere"}\n'}))

    def test_file_in_no_room(self):
        self.assertIn("in no room", self.found(extras__thing_cpp="\n"))


if __name__ == "__main__":
    unittest.main()
