#!/usr/bin/env bash
# What a login and a connection cost: the same newsletter by examples/flood, turn by turn in one run, with a connection
# per message with and without AUTH, and over kept connections. Mail stays in the sandbox.
#
#   benches/login.sh [MESSAGES [ROUNDS]]      (3000, 5)
#
# Needs what .ci/setup puts in place and a release build. The last lines are the ratios of the medians.
. "$(dirname "$0")/common.sh" curl
messages="${1:-3000}" rounds="${2:-5}" sessions="${SESSIONS:-20}"

start_postrider <<<"$open_relay"
(cd "$work/ours" && "$postrider" domain add bench.example) >/dev/null
sleep 1

is_empty() { [ "$(counted queued)" = 0 ]; }
# Sets the rate at which messages were taken, and the relay's CPU time a message until the last was delivered.
round() {
    local cpu; cpu="$(cpu_ms "$relay")"
    rate="$("$flood" --server "$submission" --messages "$messages" --sessions "$sessions" --from news@bench.example --json "$@" |
        sed 's/.*"accepted_per_s":\([0-9.]*\).*/\1/')"
    until_true is_empty
    core="$(calc %.3f "($(cpu_ms "$relay") - $cpu) / $messages")"
}
open=() login=() kept=() open_core=() login_core=() kept_core=()
for n in $(seq "$rounds"); do
    round;                                                open+=("$rate") open_core+=("$core")
    round --user "$user" --password "$password";          login+=("$rate") login_core+=("$core")
    round --user "$user" --password "$password" --keep;   kept+=("$rate") kept_core+=("$core")
    echo "round $n: no login ${open[-1]}/s, login ${login[-1]}/s, login and kept ${kept[-1]}/s"
done
a="$(median "${open[@]}")" b="$(median "${login[@]}")" c="$(median "${kept[@]}")"
d="$(median "${open_core[@]}")" e="$(median "${login_core[@]}")" f="$(median "${kept_core[@]}")"
echo "core-ms a message: no login $d, login $e, login and kept $f"
stop_postrider
calc "a login costs %.2f times no login in time, %.2f times in CPU" "$a / $b, $e / $d"
calc "kept connections reach %.2f times the rate of a connection each, at %.2f times the CPU" "$c / $b, $f / $e"
