# What the benches share: a folder that is gone afterwards, processes that end with it, the relay, its CPU time, medians.
# Sourced, with the bench's own needs as arguments: `. benches/common.sh PROGRAM…`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/usr/local/sbin"
postrider="${POSTRIDER:-$PWD/target/release/postrider}" flood="$PWD/target/release/examples/flood" benches="$PWD/benches"
python="$PWD/target/test-venv/bin/python3"

missing=()
for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "missing: ${missing[*]} (on Debian: apt-get install ${missing[*]})" >&2
    exit 2
fi
if ! [ -x "$postrider" ] || ! [ -x "$flood" ]; then
    echo "missing: a release build (cargo build --release --locked --bin postrider --examples)" >&2
    exit 2
fi

# On the disk that the build is on: a folder in memory would not be synced.
work="$(mktemp -d -p "$PWD/target" bench.XXXXXX)"
pids=() at_end=()
finish() {
    for command in "${at_end[@]}"; do $command || true; done
    [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Runs a command until it succeeds, for ten seconds at most.
until_true() {
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.05
    done
    echo "it never came true: $*" >&2
    return 1
}

# A configuration whose clients need no login; what else a bench says of [delivery] comes after it.
open_relay='[submission]
listen = ["127.0.0.1:0"]
trusted_networks = ["127.0.0.0/8"]
[web]
listen = "127.0.0.1:0"
[tracking]
base_url = "https://t.bench.example"'

# Starts the relay in $work/ours by the configuration on standard input; sets its pid, and where it listens.
start_postrider() {
    mkdir "$work/ours"
    cat >"$work/ours/postrider.toml"
    (cd "$work/ours" && exec "$postrider" serve >out.log 2>err.log) & pids+=($!)
    relay=$!
    if ! until_true test -e "$work/ours/postrider-data/listening.json"; then cat "$work/ours/err.log" >&2; return 1; fi
    submission="$(listens submission)" web="$(listens web)"
    user="$(sed -n 's/^  user *//p' "$work/ours/postrider-data/first-run.txt")"
    password="$(sed -n 's/^  password *//p' "$work/ours/postrider-data/first-run.txt")"
}
listens() { sed "s/.*\"$1\":\\[\"\\([^\"]*\\)\".*/\\1/" "$work/ours/postrider-data/listening.json"; }

# Makes a login in a folder whose relay's pages are at the second argument, unless it is there; prints a session's cookie.
sign_in() {
    (cd "$1" && "$postrider" user create bench@example.org --password-stdin <<<"only-a-bench-1") >/dev/null 2>&1 || true
    curl -s -c - -o /dev/null -d 'email=bench@example.org&password=only-a-bench-1' "http://$2/login" |
        awk '$6 == "postrider" { print $6 "=" $7 }'
}

# Stops the relay and compares its ledger with its views.
stop_postrider() {
    kill "$relay"
    wait "$relay" || true
    (cd "$work/ours" && "$postrider" verify)
}

# A number of the campaign of mail that names none.
counted() { curl -s -u "$user:$password" "http://$web/api/v1/campaigns/%28none%29" | sed "s/.*\"$1\":\\([0-9]*\\).*/\\1/"; }

# User and system time of processes, in milliseconds; with `all`, that of their ended children too.
cpu_ms() {
    local fields=14,15 pid
    if [ "$1" = all ]; then fields=14,15,16,17; shift; fi
    # The command's name may hold blanks: it is cut away, and the fields behind it keep their numbers.
    for pid in "$@"; do sed 's/(.*)/()/' "/proc/$pid/stat" 2>/dev/null || true; done |
        cut -d' ' -f"$fields" | tr ' ' '\n' | awk -v hz="$(getconf CLK_TCK)" '{ n += $1 } END { printf "%d\n", n * 1000 / hz }'
}

now() { printf '%s\n' "$EPOCHREALTIME"; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
calc() { awk "BEGIN { printf \"$1\\n\", $2 }"; }
