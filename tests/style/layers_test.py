#!/usr/bin/python3
"""Each rule of scripts/layers.py must fire on a tree that breaks it, and stay silent on one that does not."""

import importlib.util
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("layers", ROOT / "scripts" / "layers.py")
layers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(layers)

GOOD = {
    "routing/CMakeLists.txt": "add_amqmesh_library(routing SOURCES graph.cpp)\n",
    "routing/graph.h": "#pragma once\nstruct Graph {\n    Graph(const Graph&) = delete;\n};\n",
    "routing/graph.cpp": '#include "routing/graph.h"\n\n#include <vector>\n',
    "link/CMakeLists.txt": "add_amqmesh_library(link SOURCES engine.cpp)\n",
    "link/engine.cpp": '#include "routing/graph.h"\n// delete this; std::endl\nauto s = "new Foo";\n',
}


class LayersTest(unittest.TestCase):
    def problems(self, **changed):
        files = dict(GOOD)
        files.update({name.replace("__", "/").replace("_dot_", "."): text for name, text in changed.items()})
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return layers.Checker(Path(root)).run()

    def assert_one(self, expected, **changed):
        problems = self.problems(**changed)
        self.assertEqual(1, len(problems), problems)
        self.assertIn(expected, problems[0])

    def graph(self, line):
        return {"routing__graph_dot_cpp": '#include "routing/graph.h"\n' + line + "\n"}

    def engine(self, line):
        return {"link__engine_dot_cpp": '#include "routing/graph.h"\n' + line + "\n"}

    def test_a_tree_that_obeys_is_clean(self):
        self.assertEqual([], self.problems())

    def test_an_include_against_the_arrow(self):
        self.assert_one("routing/graph.cpp:2: routing/ must not include link/",
                        link__link_dot_h="#pragma once\n", **self.graph('#include "link/link.h"'))

    def test_an_include_relative_to_the_file(self):
        self.assert_one("from the repository's root", **self.graph('#include "graph2.h"'))

    def test_an_include_of_nothing(self):
        self.assert_one("does not exist", **self.graph('#include "routing/absent.h"'))

    def test_foreign_libraries(self):
        problems = self.problems(**self.graph("#include <proton/engine.h>"))
        self.assertTrue(any("must not include <proton/engine.h>" in problem for problem in problems), problems)
        self.assert_one("must not include <spdlog/spdlog.h>", **self.engine("#include <spdlog/spdlog.h>"))

    def test_a_heavy_header_in_a_header(self):
        self.assert_one("in a header", router__a_dot_cpp='#include "router/a.h"\n',
                        router__CMakeLists_dot_txt="a.cpp", router__a_dot_h="#include <spdlog/spdlog.h>\n")

    def test_bans_of_the_pure_core(self):
        for line in ("std::chrono::steady_clock c;", "std::random_device d;", "std::mutex m;",
                     "std::atomic<int> a;", "std::unordered_map<int, int> m;", "getenv(x);",
                     "std::cout << 1;", "int r = rand();"):
            with self.subTest(line):
                self.assert_one("routing/graph.cpp:2: ", **self.graph(line))

    def test_bans_of_all_code(self):
        for line in ("std::this_thread::sleep_for(x);", "using namespace std;", "a << std::endl;",
                     "auto p = new Foo;", "delete p;", "delete[] p;", "std::format(x);",
                     "try { f(); } catch (...) {}", "TEST(A, DISABLED_b)"):
            with self.subTest(line):
                self.assert_one("link/engine.cpp:2: ", **self.engine(line))

    def test_a_catch_all_with_its_reason(self):
        self.assertEqual([], self.problems(**self.engine("} catch (...) {  // C code above must not unwind\n}")))

    def test_digit_separators_do_not_hide_code(self):
        self.assert_one("link/engine.cpp:2: ", **self.engine("int a = 1'000; delete p; int b = 2'000;"))

    def test_sources_outside_cmake_and_headers_nobody_includes(self):
        self.assert_one("is in no CMake target", link__other_dot_cpp="")
        self.assert_one("is included nowhere", link__other_dot_h="#pragma once\n")

    def test_long_files_and_strange_places(self):
        self.assert_one("801 lines", link__engine_dot_cpp='#include "routing/graph.h"\n' + "\n" * 800)
        self.assert_one("top level", extra__notes_dot_md="")

    def test_leftovers_and_paths_of_one_machine(self):
        self.assert_one("banned here", **self.engine("// " + "FIX" + "ME later"))
        self.assert_one("no paths of one machine", tests__a_dot_py="x = '/" + "home/me/x'\n")

    def test_python_and_javascript(self):
        self.assert_one("with a deadline", tests__a_dot_py="import time\ntime" + ".sleep(1)\n")
        self.assert_one("runs or is deleted", tests__a_dot_py="@unittest.s" + "kip('x')\n")
        self.assert_one("runs or is deleted", tests__a_dot_js="it.s" + "kip('x')\n")

    def test_scripts_must_be_executable(self):
        self.assert_one("chmod +x", scripts__run="#!/bin/bash\n")


if __name__ == "__main__":
    unittest.main()
