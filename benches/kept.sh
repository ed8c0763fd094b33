#!/usr/bin/env bash
# What kept connections save, with TLS as mail has it today, turn by turn in one run: to the relay, a connection for each
# message beside kept ones, by examples/flood with STARTTLS and a login; from the relay, messages_per_connection 1 beside
# 100, to examples/sink with STARTTLS, of mail that waited paused. TLS sessions are not resumed.
#
#   benches/kept.sh [MESSAGES [ROUNDS]]      (3000, 5)
#
# Needs what .ci/setup puts in place and a release build. The last lines are the ratios of the medians.
. "$(dirname "$0")/common.sh" curl openssl
messages="${1:-3000}" rounds="${2:-5}" sessions="${SESSIONS:-20}"

certificate="$work/cert.pem" key="$work/key.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$key" -out "$certificate" -days 2 \
    -subj /CN=bench -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE 2>/dev/null
"$PWD/target/release/examples/sink" --tls "$certificate" "$key" >"$work/sink" & pids+=($!)
until_true test -s "$work/sink"

# The configuration with so many messages per connection.
config() {
    cat <<EOF
[submission]
listen = ["127.0.0.1:0"]
tls_cert = "$certificate"
tls_key = "$key"
[web]
listen = "127.0.0.1:0"
[tracking]
base_url = "https://t.bench.example"
[delivery]
mode = "smarthost"
smarthost = "smtp://$(head -1 "$work/sink")"
messages_per_connection = $1
EOF
}

ours() { (cd "$work/ours" && "$postrider" "$@"); }
send() {
    "$flood" --server "$submission" --user "$user" --password "$password" --trust "$certificate" \
        --messages "$messages" --sessions "$sessions" --from news@bench.example --json "$@" |
        sed 's/.*"accepted_per_s":\([0-9.]*\).*/\1/'
}
is_empty() { [ "$(counted queued)" = 0 ]; }
# Sets the rates of a round to and from the relay with so many messages per connection, and its CPU time a message.
round() {
    start_postrider < <(config "$1")
    ours domain add bench.example >/dev/null
    sleep 1
    ours queue pause >/dev/null
    local cpu began; cpu="$(cpu_ms "$relay")"
    in="$(send "${@:2}")"
    in_core="$(calc %.3f "($(cpu_ms "$relay") - $cpu) / $messages")"
    cpu="$(cpu_ms "$relay")" began="$(now)"
    ours queue resume >/dev/null
    until_true is_empty
    out="$(calc %.0f "$messages / ($(now) - $began)")"
    out_core="$(calc %.3f "($(cpu_ms "$relay") - $cpu) / $messages")"
    stop_postrider >/dev/null
    rm -rf "$work/ours"
}
ins=() outs=() in_cores=() out_cores=() kins=() kouts=() kin_cores=() kout_cores=()
for n in $(seq "$rounds"); do
    round 1;          ins+=("$in") outs+=("$out") in_cores+=("$in_core") out_cores+=("$out_core")
    round 100 --keep; kins+=("$in") kouts+=("$out") kin_cores+=("$in_core") kout_cores+=("$out_core")
    echo "round $n: in ${ins[-1]}/s, kept ${kins[-1]}/s; out ${outs[-1]}/s, kept ${kouts[-1]}/s"
done
a="$(median "${ins[@]}")" b="$(median "${kins[@]}")" c="$(median "${in_cores[@]}")" d="$(median "${kin_cores[@]}")"
e="$(median "${outs[@]}")" f="$(median "${kouts[@]}")" g="$(median "${out_cores[@]}")" h="$(median "${kout_cores[@]}")"
echo "core-ms a message: in $c, kept $d; out $g, kept $h"
calc "kept connections to the relay reach %.2f times the rate of a connection each, at %.2f times the CPU" "$b / $a, $d / $c"
calc "kept connections from it reach %.2f times the rate of a connection each, at %.2f times the CPU" "$f / $e, $h / $g"
