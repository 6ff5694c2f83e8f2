#!/usr/bin/python3
"""Checks the rules of the house that a compiler does not know.

Which folder may include which, what is banned where, how long a file may get, that every source is
built, and that nothing speaks of one developer's machine. Every violation is printed as
`file:line: what is wrong (what to do instead)`; the exit status is 1 if there is any.

usage: scripts/layers.py [ROOT]
"""

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

TOP_LEVEL = {
    ".ci", ".clang-format", ".clang-tidy", ".gitignore", "CMakeLists.txt", "CMakePresets.json",
    "LICENSE", "README.md", "link", "mgmt", "router", "routing", "scripts", "tests",
}

# An arrow of the design: a folder sees itself and what is named here.
MAY_INCLUDE = {
    "routing": {"routing"},
    "link": {"routing", "link"},
    "mgmt": {"routing", "link", "mgmt"},
    "router": {"routing", "link", "mgmt", "router"},
    "tests": {"routing", "link", "mgmt", "router", "tests"},
}

# Libraries a folder must not know: (beginning of the included name, files that may, what to do).
FOREIGN_INCLUDES = {
    "routing": [
        ("boost/", (), "routing is pure; the caller brings time and bytes"),
        ("spdlog/", (), "return a note among the effects"),
        ("proton/", (), "routing knows no AMQP library"),
        ("google/protobuf/", ("routing/wire",), "only wire.* translates to protobuf"),
    ],
    "link": [
        ("boost/asio", (), "link owns engines, not sockets or threads"),
        ("spdlog/", (), "report to the owner, who logs"),
        ("sys/socket", (), "link owns engines, not sockets or threads"),
    ],
    "mgmt": [
        ("spdlog/", (), "report to the owner, who logs"),
    ],
}

# Expensive to parse, so they stay in sources.
HEAVY_HEADERS = ("boost/asio", "boost/beast", "spdlog/", "yaml-cpp/", "google/protobuf/", "CLI/")
# Where a socket, a timer or a logger is a member.
HEAVY_HEADER_HOMES = {"router/amqp_socket.h"}

# (pattern, what to do instead)
BANNED_IN_ROUTING = [
    (r"\bsteady_clock\b|\bsystem_clock\b|\bhigh_resolution_clock\b", "time comes in with the event"),
    (r"\brandom_device\b|\brand\s*\(", "randomness is seeded through the constructor"),
    (r"\bstd::j?thread\b|<thread>", "routing has one owner; threads are the caller's"),
    (r"\bmutex\b", "routing has one owner; nothing to lock"),
    (r"\batomic\b", "routing has one owner; share snapshots"),
    (r"\bspdlog\b|\basio\b|\bproton\b", "return an effect; the caller acts"),
    (r"\bgetenv\b", "configuration comes in through the constructor"),
    (r"\bstd::c(out|err)\b", "return a note among the effects"),
]
UNORDERED = (r"\bunordered_", "iteration order must be the same everywhere; use a sorted container")
UNORDERED_HOMES = ("routing/forwarding_table", "routing/address_table")

BANNED_IN_CPP = [
    (r"\bsleep_for\b|\bsleep_until\b|\busleep\s*\(", "wait for the condition, with a deadline"),
    (r"\busing\s+namespace\b", "name what is used"),
    (r"\bstd::endl\b", "write '\\n'"),
    (r"(?<!operator )\bnew\s+[A-Za-z_:(<]", "std::make_unique or a container"),
    (r"(?<!operator )(?<!= )\bdelete(\s*\[\s*\])?\s+[A-Za-z_:(*]", "let an owner's destructor do it"),
    (r"\bstd::format\b|<format>", "fmt::format; g++ 12 has no std::format"),
    (r"\bstd::views::(filter|transform)\b", "a loop; clang 14 cannot parse view pipelines"),
    (r"\bsource_location\b", "clang 14 has none"),
    (r"\bDISABLED_|\bGTEST_SKIP\b", "a test runs or is deleted"),
]
BANNED_IN_PYTHON = [
    (r"\btime\.sleep\b", "wait for the condition, with a deadline"),
    (r"\bskip(If|Unless|Test)?\s*\(|@unittest\.skip|\bexpectedFailure\b", "a test runs or is deleted"),
]
BANNED_IN_JAVASCRIPT = [
    (r"\.(skip|only)\s*\(", "a test runs or is deleted"),
]
# Spelled in pieces, so that this file does not violate its own rules.
BANNED_EVERYWHERE = [
    (r"\b(" + "FIX" + "ME|TO" + "DO|X" + "XX)\\b", "do it now or write an issue"),
    (r"(?<![\w.$}])/(" + "home|root|work|Users" + r")/[\w.]", "no paths of one machine"),
]

LINES_MAX = 800
TEXT_SUFFIXES = {
    ".cpp", ".h", ".c", ".py", ".js", ".sh", ".md", ".txt", ".cmake", ".proto", ".json", ".yaml",
    ".conf", ".supp", "",
}
CPP_SUFFIXES = {".cpp", ".h", ".c"}
GENERATED_INCLUDE = re.compile(r"\.pb\.h$")


def list_files(root):
    """Everything that is or would be committed, as paths relative to `root`."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
        return sorted(name for name in set(listed) if name and (root / name).is_file())
    skipped = {"build", "node_modules", "__pycache__"}
    return sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*")
        if path.is_file() and not skipped & set(path.relative_to(root).parts))


CPP_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<raw>[^()\s\\]*)\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def without_comments(text):
    """C++ with comments and literals blanked out, line numbers kept."""
    def blank(match):
        token = match.group(0)
        if token.startswith("//") or token.startswith("/*"):
            return re.sub(r"[^\n]", " ", token)
        return '"' + re.sub(r"[^\n]", " ", token[1:-1]) + '"'
    return CPP_TOKEN.sub(blank, text)


class Checker:
    def __init__(self, root):
        self.root = root
        self.files = list_files(root)
        self.problems = []

    def report(self, name, line, what, instead):
        self.problems.append(f"{name}:{line}: {what} ({instead})")

    def run(self):
        self.check_top_level()
        texts = {}
        for name in self.files:
            if PurePosixPath(name).suffix in TEXT_SUFFIXES and "/corpus/" not in name:
                texts[name] = (self.root / name).read_text(encoding="utf-8", errors="replace")
        for name, text in texts.items():
            self.check_text(name, text)
            suffix = PurePosixPath(name).suffix
            if suffix in CPP_SUFFIXES:
                self.check_cpp(name, text)
            elif suffix == ".py" and name != "scripts/layers.py":
                self.check_bans(name, text, BANNED_IN_PYTHON)
            elif suffix == ".js":
                self.check_bans(name, text, BANNED_IN_JAVASCRIPT)
        self.check_reachable(texts)
        self.check_scripts_executable(texts)
        return self.problems

    def check_top_level(self):
        for top in sorted({PurePosixPath(name).parts[0] for name in self.files} - TOP_LEVEL):
            self.report(top, 1, "does not belong at the top level", "move it into its folder")

    def check_text(self, name, text):
        lines = text.count("\n")
        if lines > LINES_MAX and PurePosixPath(name).name not in {"package-lock.json"}:
            self.report(name, LINES_MAX, f"has {lines} lines, {LINES_MAX} is the limit", "cut it by responsibility")
        if name != "LICENSE":
            self.check_bans(name, text, BANNED_EVERYWHERE)

    def check_bans(self, name, text, bans):
        for pattern, instead in bans:
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                self.report(name, line, f"'{match.group(0).strip()}' is banned here", instead)

    def check_cpp(self, name, text):
        code = without_comments(text)
        folder = PurePosixPath(name).parts[0]
        self.check_includes(name, folder, text)
        self.check_bans(name, code, BANNED_IN_CPP)
        if folder == "routing":
            self.check_bans(name, code, BANNED_IN_ROUTING)
            if not name.startswith(UNORDERED_HOMES):
                self.check_bans(name, code, [UNORDERED])
        # A swallowed exception needs its reason, in the text beside it.
        lines = text.split("\n")
        for number, line in enumerate(code.split("\n"), 1):
            if re.search(r"\bcatch\s*\(\s*\.\.\.\s*\)", line):
                near = "\n".join(lines[number - 1:number + 1])
                if "//" not in near and "/*" not in near:
                    self.report(name, number, "catch (...) without its reason", "say why in a comment")

    def check_includes(self, name, folder, text):
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            quote, target = match.groups()
            if quote == '"':
                self.check_own_include(name, folder, line, target)
                continue
            for beginning, allowed, instead in FOREIGN_INCLUDES.get(folder, []):
                if target.startswith(beginning) and not (allowed and name.startswith(allowed)):
                    self.report(name, line, f"{folder}/ must not include <{target}>", instead)
            if name.endswith(".h") and folder != "tests" and name not in HEAVY_HEADER_HOMES:
                if target.startswith(HEAVY_HEADERS):
                    self.report(name, line, f"<{target}> in a header", "include it in the source only")

    def check_own_include(self, name, folder, line, target):
        first = PurePosixPath(target).parts[0]
        if first not in MAY_INCLUDE:
            self.report(name, line, f'"{target}"', "include from the repository's root: \"folder/file.h\"")
        elif first not in MAY_INCLUDE.get(folder, set()):
            self.report(name, line, f"{folder}/ must not include {first}/",
                        "the arrow is routing <- link <- mgmt <- router")
        elif not (self.root / target).is_file() and not GENERATED_INCLUDE.search(target):
            self.report(name, line, f'"{target}" does not exist', "correct the name")

    def check_reachable(self, texts):
        """Every source is named by a CMake file of its folder or above, every header included."""
        cmake = [(str(PurePosixPath(name).parent), text) for name, text in texts.items()
                 if PurePosixPath(name).name == "CMakeLists.txt" or name.endswith(".cmake")]
        included = set()
        for name, text in texts.items():
            if PurePosixPath(name).suffix in CPP_SUFFIXES:
                included.update(re.findall(r'#[ \t]*include[ \t]*"([^"]+)"', text))
        for name in texts:
            path = PurePosixPath(name)
            if path.suffix in {".cpp", ".c", ".proto"}:
                word = re.compile(r"(?<![\w.-])(?:[\w.-]+/)*" + re.escape(path.name) + r"(?![\w.-])")
                above = {str(parent) for parent in path.parents}
                if not any(folder in above and word.search(text) for folder, text in cmake):
                    self.report(name, 1, "is in no CMake target", "add it or delete it")
            elif path.suffix == ".h" and name not in included:
                self.report(name, 1, "is included nowhere", "use it or delete it")

    def check_scripts_executable(self, texts):
        for name, text in texts.items():
            if text.startswith("#!") and not (self.root / name).stat().st_mode & 0o100:
                self.report(name, 1, "begins with #! but is not executable", "chmod +x")


def main(arguments):
    if len(arguments) > 2 or "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0 if len(arguments) == 2 else 2
    root = Path(arguments[1]) if len(arguments) == 2 else Path(__file__).resolve().parent.parent
    problems = Checker(root).run()
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} problems" if problems else "layers: clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
