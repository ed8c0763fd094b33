#!/usr/bin/env bash
# Relaying, with rewriting, a pixel, RSA-2048 and Ed25519 signatures and a sync before each 250, against Postfix with OpenDKIM
# that signs with RSA-2048 alone and rewrites nothing: the same mail, turn by turn in one run, on this machine.
#
#   benches/relay.sh [MESSAGES [ROUNDS]]      (4000, 5)
#
# Needs root (Postfix does), Debian's postfix, opendkim and openssl, what .ci/setup puts in place, and a release build.
# The last line is the ratio of the medians.
. "$(dirname "$0")/common.sh" postfix opendkim openssl curl smtp-source smtp-sink
messages="${1:-4000}" rounds="${2:-5}" sessions="${SESSIONS:-20}"
[ "$(id -u)" -eq 0 ] || { echo "Postfix can only be started by root" >&2; exit 2; }
"$python" -c 'import dkim' 2>/dev/null || { echo "missing: dkimpy (.ci/setup)" >&2; exit 2; }
ulimit -n 8192
chmod 755 "$work"
mail="$work/newsletter.eml"
"$python" "$benches/newsletter.py" make "$mail"

read -r sink_port postfix_port < <("$python" -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
start_sink() {
    smtp-sink -u postfix "$@" "127.0.0.1:$sink_port" 1024 >"$work/sink.log" 2>&1 & sink=$!
    pids+=("$sink")
    until_true bash -c "echo QUIT >/dev/tcp/127.0.0.1/$sink_port"
}
stop_sink() { kill "$sink"; wait "$sink" 2>/dev/null || true; }
# The sink counts on one line, over itself.
arrived() { tail -c 60 "$work/sink.log" | tr '\r' '\n' | sed -n 's/.*mesg=\([0-9]*\).*/\1/p' | tail -1; }
has_arrived() { [ "$(arrived)" -ge "$1" ]; }

# --- Ours
start_postrider <<CONF
hostname = "relay.bench.example"
$open_relay
[delivery]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:$sink_port"
CONF
(cd "$work/ours" && "$postrider" domain add bench.example) |
    grep -B1 '^ *v=DKIM1' | grep -v '^--' | paste -d' ' - - | sed 's/^ *//; s/  */ /' >"$work/ours.record"
sleep 1
ours_empty() { [ "$(counted queued)" = 0 ]; }
ours_cpu() { cpu_ms "$relay"; }

# --- Postfix with OpenDKIM
mkdir "$work/pf" "$work/pf/conf" "$work/pf/queue" "$work/pf/data"
chown postfix "$work/pf/data"
openssl genrsa -out "$work/pf/key.pem" 2048 2>/dev/null
chmod 600 "$work/pf/key.pem"
echo "bench._domainkey.bench.example v=DKIM1; k=rsa; p=$(openssl rsa -in "$work/pf/key.pem" -pubout -outform der 2>/dev/null | base64 -w0)" >"$work/theirs.record"
cat >"$work/pf/opendkim.conf" <<CONF
Syslog no
Mode s
Canonicalization relaxed/relaxed
Domain bench.example
Selector bench
KeyFile $work/pf/key.pem
RequireSafeKeys no
Socket local:$work/pf/milter
UMask 000
CONF
opendkim -f -x "$work/pf/opendkim.conf" >"$work/pf/opendkim.log" 2>&1 & opendkim=$!
pids+=("$opendkim")
until_true test -S "$work/pf/milter"
configure_postfix() {
    cat >"$work/pf/conf/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $work/pf/queue
data_directory = $work/pf/data
myhostname = relay.bench.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
relayhost = [127.0.0.1]:$sink_port
alias_maps =
alias_database =
smtpd_milters = unix:$work/pf/milter
milter_default_action = tempfail
$1
CONF
}
# Debian's services, none of them in a chroot, on a port of our own.
sed -E "s/^smtp +inet/127.0.0.1:$postfix_port inet/; s/^([^# ]+ +(inet|unix) +[^ ]+ +[^ ]+ +)y( )/\\1n\\3/" \
    /usr/share/postfix/master.cf.dist >"$work/pf/conf/master.cf"
start_postfix() {
    configure_postfix "$1"
    postfix -c "$work/pf/conf" start >"$work/pf/start.log" 2>&1 || { cat "$work/pf/start.log" >&2; return 1; }
    master="$(tr -d ' ' <"$work/pf/queue/pid/master.pid")"
    until_true bash -c "echo QUIT >/dev/tcp/127.0.0.1/$postfix_port"
}
stop_postfix() { postfix -c "$work/pf/conf" stop >/dev/null 2>&1; }
at_end+=(stop_postfix)
theirs_empty() { [ -z "$(find "$work"/pf/queue/{maildrop,incoming,active,deferred} -type f -print -quit)" ]; }
theirs_cpu() { cpu_ms all "$master" "$opendkim" $(ps -o pid= --ppid "$master"); }
defaults="" tuned="default_process_limit = 200
in_flow_delay = 0
default_destination_concurrency_limit = 40"

# Sends so many mails and waits until they have arrived and the queue is empty: sets rate and core (ms a message).
# `-N` gives each mail a recipient of its own.
send() { smtp-source -N -s "$sessions" -m "$2" -f news@bench.example -t reader@sink.example -F "$mail" "$1"; }
round() {
    local who="$1" address="$2" count="$3" before cpu began took
    before="$(arrived)" cpu="$("${who}_cpu")" began="$(now)"
    send "$address" "$count"
    for _ in $(seq 6000); do if has_arrived $((before + count)); then break; fi; sleep 0.05; done
    until_true "${who}_empty"
    took="$(calc %.6f "$(now) - $began")"
    [ "$(arrived)" -eq $((before + count)) ] || { echo "$who: sent $count, received $(($(arrived) - before))" >&2; exit 1; }
    rate="$(calc %.0f "$count / $took")" core="$(calc %.2f "($("${who}_cpu") - $cpu) / $count")"
}

# --- The mails themselves, before anything counts
look() {
    local who="$1" address="$2" tracked="$3"
    mkdir "$work/$who.mails" && chown postfix "$work/$who.mails"
    start_sink -d "$work/$who.mails/m."
    send "$address" 100
    until_true bash -c "[ \$(ls '$work/$who.mails' | wc -l) -eq 100 ]"
    until_true "${who}_empty"
    stop_sink
    "$python" "$benches/newsletter.py" check "$work/$who.record" "$tracked" "$work/$who.mails"/m.*
}
look ours "$submission" 12
start_postfix "$defaults"
look theirs "127.0.0.1:$postfix_port" 0
echo "100 mails of each looked at: links, pixel, signature"

# --- The better of Postfix's two settings
start_sink -c
round theirs "127.0.0.1:$postfix_port" "$((messages / 2))"
plain="$rate"
stop_postfix && start_postfix "$tuned"
round theirs "127.0.0.1:$postfix_port" "$((messages / 2))"
echo "Postfix + OpenDKIM: $plain/s by default, $rate/s tuned"
if [ "$plain" -ge "$rate" ]; then stop_postfix && start_postfix "$defaults"; fi

rates=() cores=() peer_rates=() peer_cores=()
for n in $(seq "$rounds"); do
    round theirs "127.0.0.1:$postfix_port" "$messages"
    peer_rates+=("$rate") peer_cores+=("$core")
    round ours "$submission" "$messages"
    rates+=("$rate") cores+=("$core")
    echo "round $n: postrider $rate/s, $core core-ms; peer ${peer_rates[-1]}/s, ${peer_cores[-1]} core-ms"
done
a="$(median "${rates[@]}")" b="$(median "${peer_rates[@]}")"
echo "postrider $a delivered/s, $(median "${cores[@]}") core-ms a message; Postfix + OpenDKIM $b delivered/s, $(median "${peer_cores[@]}") core-ms"
[ "$(counted delivered)" -eq $((100 + rounds * messages)) ]
stop_postrider
calc "ratio %.2f" "$a / $b"
