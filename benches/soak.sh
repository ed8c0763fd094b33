#!/usr/bin/env bash
# A soak: many messages over many domains on sites of loopback that take, refuse, defer, cut off and slow down, each
# recipient by its own word (examples/receivers). At its end each delivery has to be in its right final state by what the
# receivers wrote down, no site may have seen more sessions than its limit, the ledger has to replay, memory has to have
# stayed flat, and every number of JSON, CSV and pages has to be what a count of the export finds.
#
#   benches/soak.sh [MESSAGES [DOMAINS [SITES]]]      (200000, 500, 50)
#
# Needs what .ci/setup puts in place and a release build. Ends with 1 where anything is not as it has to be.
. "$(dirname "$0")/common.sh" curl
messages="${1:-200000}" domains="${2:-500}" sites="${3:-50}" connections=8

"$PWD/target/release/examples/receivers" --sites "$sites" --domains "$domains" --sessions-max "$connections" \
    --list "$work/taken" >"$work/receivers" & pids+=($!)
receivers=$!
until_true test -s "$work/receivers"
read -r dns port <"$work/receivers"

# Each word as often as its weight says; the words are those of examples/sink.
"$python" - "$messages" "$domains" >"$work/to" <<'PY'
import random, sys

messages, domains = int(sys.argv[1]), int(sys.argv[2])
words = {"ok": 7900, "greylist": 600, "twice": 300, "permfail": 400, "spam": 200, "full": 100, "overquota": 100,
         "lost": 100, "drop": 50, "tempfail": 100, "slow1": 100, "f421": 1}
chance = random.Random(7)
for n, word in enumerate(chance.choices(list(words), words.values(), k=messages)):
    print(f"{word}-{n}@d{chance.randrange(domains)}.example")
PY

start_postrider <<EOF
hostname = "relay.bench.example"
[submission]
listen = ["127.0.0.1:0"]
trusted_networks = ["127.0.0.0/8"]
[web]
listen = "127.0.0.1:0"
[tracking]
base_url = "https://t.bench.example"
allow_test_base_url = true
[delivery]
mode = "mx"
dns = ["$dns"]
port = $port
allow_private_mx = true
connections_per_site = $connections
retry = ["2s", "10s", "30s"]
expire = "4m"
bounce_messages = false
EOF
(cd "$work/ours" && "$postrider" domain add bench.example) >/dev/null
rss() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$relay/status"; }

began="$(now)"
"$flood" --server "$submission" --messages "$messages" --sessions 20 --from news@bench.example --size 4096 --keep \
    --to "$work/to" --json
echo "submitted after $(calc "%.0f s" "$(now) - $began")"
memory=()
while :; do
    memory+=("$(rss)")
    left="$(counted queued)"
    if [ "$left" = 0 ]; then break; fi
    if [ "$(calc %d "$(now) - $began")" -gt 3000 ]; then echo "$left still wait"; exit 1; fi
    sleep 5
done
echo "all ended after $(calc "%.0f s" "$(now) - $began"); resident $(calc %d "${memory[0]} / 1024") MB when all was submitted," \
    "at most $(calc %d "$(printf '%s\n' "${memory[@]}" | sort -n | tail -1) / 1024") MB, $(calc %d "${memory[-1]} / 1024") MB at the end"
kill "$receivers"; wait "$receivers" || true
(cd "$work/ours" && "$postrider" export) >"$work/export"
cookie="$(sign_in "$work/ours" "$web")"
began="$(now)"
"$python" "$benches/../tests/relay/checks/recount.py" "$work/export" "http://$web" "$user:$password" "$cookie"
echo "every number counted again in $(calc "%.0f s" "$(now) - $began")"
stop_postrider
"$python" - "$work" "$connections" <<'PY'
import collections, json, pathlib, sys

work, connections = pathlib.Path(sys.argv[1]), int(sys.argv[2])
wanted = (work / "to").read_text().split()
taken = collections.Counter((work / "taken").read_text().split())
ends = {}
suppressed = set()
for line in (work / "export").open():
    event = json.loads(line)
    if event["type"] in ("delivered", "bounced", "expired"):
        assert event["recipient"] not in ends, f"two ends: {event}"
        ends[event["recipient"]] = event["type"]
right = {"permfail": "bounced", "spam": "bounced", "overquota": "bounced",
         "full": "expired", "drop": "expired", "tempfail": "expired", "f421": "expired"}
wrong, twice, counts = [], 0, collections.Counter()
for to in wanted:
    word = to.split("-")[0]
    end = ends.get(to)
    counts[end] += 1
    # A mail whose 250 is lost on the way is sent once more: SMTP cannot avoid that.
    copies = {"delivered": (1, 2) if word == "lost" else (1,)}.get(end, (0,))
    if end != right.get(word, "delivered") or taken[to] not in copies:
        wrong.append((to, end, taken[to]))
    twice += taken[to] > 1
print(f"{len(wanted)} deliveries: {dict(counts)}; {twice} twice, all of them where the 250 was lost; {len(wrong)} wrong {wrong[:5]}")
most = 0
for line in (work / "receivers").read_text().splitlines()[1:]:
    figures = dict(pair.split("=") for pair in line.split()[1:])
    most = max(most, int(figures["open_max"]))
    if int(figures["turned_away"]) or int(figures["open_max"]) > connections:
        wrong.append(line)
        print("over its limit:", line)
print(f"at most {most} sessions open at a site whose limit is {connections}")
sys.exit(1 if wrong else 0)
PY
