#!/usr/bin/env bash
# A start with a million recipients waiting: how long until it listens, how much memory it takes, how long the overview,
# the queue's page and those of a large and a small campaign take, and what a pause, a cancellation and a retry cost.
# OF_A_CAMPAIGN=1000000 makes the large one of all. Needs curl and a release build
# (cargo build --release --bin postrider --example backlog). FOLDER keeps the filled folder for another run.
set -euo pipefail
cd "$(dirname "$0")/.."
postrider="${POSTRIDER:-$PWD/target/release/postrider}" backlog="$PWD/target/release/examples/backlog"
recipients="${RECIPIENTS:-1000000}" domains="${DOMAINS:-20000}" of_a_campaign="${OF_A_CAMPAIGN:-100000}"
work="$(mktemp -d)"
folder="${FOLDER:-$work/data}"
pid=
finish() { [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT

seconds() { date +%s.%N; }
took() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.2f s", b - a }'; }
cat >"$work/postrider.toml" <<CONF
data_dir = "$folder"
hostname = "relay.own.example"
[submission]
listen = ["127.0.0.1:0"]
[web]
listen = "127.0.0.1:0"
[tracking]
base_url = "https://track.own.example"
[delivery]
mode = "mx"
dns = ["127.0.0.1:9"]
CONF
relay() { "$postrider" "$@" --config "$work/postrider.toml"; }
resident() { awk '/VmRSS|VmHWM/ { printf "%s %d MB  ", $1, $2 / 1024 }' "/proc/$pid/status"; }

if [ ! -e "$folder/postrider.db" ]; then
    began="$(seconds)"
    "$backlog" "$folder" "$recipients" "$domains" "$of_a_campaign"
    echo "filled in $(took "$began"), $(du -m "$folder/postrider.db" | cut -f1) MB"
fi
relay user create bench@own.example --password-stdin <<<"only-a-bench-1" >/dev/null 2>&1 || true
rm -f "$folder/listening.json"
began="$(seconds)"
"$postrider" serve --config "$work/postrider.toml" >"$work/out.log" 2>"$work/err.log" & pid=$!
until [ -e "$folder/listening.json" ]; do sleep 0.01; done
echo "listening after $(took "$began"), $(resident)"
sleep 3
echo "three seconds later $(resident)"
web="$(sed 's/.*"web":\["\([^"]*\)".*/\1/' "$folder/listening.json")"
curl -s -c "$work/jar" -o /dev/null -d 'email=bench@own.example&password=only-a-bench-1' "http://$web/login"
places="$(curl -s -b "$work/jar" "http://$web/campaigns?sort=recipients" | grep -o '/campaigns/[0-9a-f]*"' | tr -d '"')"
large="$(head -1 <<<"$places")" small="$(tail -1 <<<"$places")"
for page in "$large" "$small" /queue / "/messages?state=queued" "/messages?state=queued&domain=d1.example" "/queue/order?act=cancel&kind=all"; do
    for _ in 1 2 3; do
        curl -s -b "$work/jar" -o "$work/page" -w "GET $page %{http_code} %{time_total} s\n" "http://$web$page"
    done | sort -k4 -n | sed -n 2p
done
for order in "pause --campaign 'campaign 0'" "cancel --campaign 'campaign 0'" "cancel --domain d1.example" retry; do
    began="$(seconds)"
    said="$(eval relay queue "$order" | head -1)"
    echo "queue $order: $(took "$began"), $said"
done
echo "at the end $(resident)"
kill "$pid" && wait "$pid" || true
pid=
