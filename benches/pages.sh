#!/usr/bin/env bash
# Pages over a long ledger: how fast it is folded, and how long each page takes to its first byte while 1,000 opens and
# clicks a second come in. `EVENTS=100000000 CAMPAIGNS=2000 benches/pages.sh`; FOLDER keeps the ledger for another run.
# Needs curl and a release build.
. "$(dirname "$0")/common.sh" curl
events="${EVENTS:-1000000}" campaigns="${CAMPAIGNS:-200}" folder="${FOLDER:-$work/ledger}"

if ! [ -e "$folder/hits.txt" ]; then
    mkdir -p "$folder"
    cargo bench --quiet --bench history -- "$(realpath "$folder")" "$events" "$campaigns" "${PEOPLE:-500000}"
fi
cd "$folder"
printf 'hostname = "relay.bench.example"\n[submission]\nlisten = ["127.0.0.1:0"]\n[web]\nlisten = "127.0.0.1:0"\n[tracking]\nbase_url = "https://t.bench.example"\nallow_test_base_url = true\n[delivery]\nmode = "mx"\ndns = ["127.0.0.1:9"]\n' >postrider.toml
rm -f postrider-data/listening.json
"$postrider" serve >out.log 2>err.log & pids+=($!)
until_true test -e postrider-data/listening.json
web="$(sed -n 's/.*"web":\["\([^"]*\)".*/\1/p' postrider-data/listening.json)"
cookie="$(sign_in . "$web")"
"$python" "$benches/pages.py" "$web" "$cookie" hits.txt "${RATE:-1000}" "${ROUNDS:-100}"
awk '/VmRSS|VmHWM/ { printf "%s %d MB  ", $1, $2 / 1024 } END { print "" }' "/proc/${pids[-1]}/status"
