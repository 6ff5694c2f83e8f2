# Shared by the scripts of this folder; sourced, not run.
# Progress goes to stderr as one line per step, so that a script's own output stays usable.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [ -t 2 ]; then
    BOLD=$'\033[1m' RED=$'\033[31m' PLAIN=$'\033[0m'
else
    BOLD='' RED='' PLAIN=''
fi

# step TEXT: what happens now, with the time since the script began.
step() {
    printf '%s==> [%3ds] %s%s\n' "$BOLD" "$SECONDS" "$*" "$PLAIN" >&2
}

# fail TEXT: says why and ends the script.
fail() {
    printf '%serror: %s%s\n' "$RED" "$*" "$PLAIN" >&2
    exit 1
}

# How many compilers run at once: one per core, but no more than memory allows at 1.5 GB each.
build_jobs() {
    local cores memory_kib by_memory
    cores="$(nproc)"
    memory_kib="$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)"
    by_memory=$((memory_kib / 1572864))
    [ "$by_memory" -ge 1 ] || by_memory=1
    echo $((cores < by_memory ? cores : by_memory))
}

# configure PRESET [CMAKE OPTIONS…]: the compiler cache is used where there is one.
configure() {
    local preset="$1"
    shift
    local launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
    fi
    (cd "$ROOT" && cmake --preset "$preset" "${launcher[@]}" "$@" >"$ROOT/build/configure-$preset.log" 2>&1) ||
        { tail -n 40 "$ROOT/build/configure-$preset.log" >&2; fail "cmake could not configure '$preset'"; }
}

# build PRESET [TARGETS…]: Ninja's own progress line is shown, as one line on a terminal.
build() {
    local preset="$1"
    shift
    local targets=()
    [ $# -eq 0 ] || targets=(--target "$@")
    NINJA_STATUS='    [%f/%t] ' cmake --build "$ROOT/build/$preset" -j "$(build_jobs)" "${targets[@]}" >&2 ||
        fail "the '$preset' build failed; see above"
}
