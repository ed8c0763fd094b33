#!/usr/bin/env bash
# The pixel endpoint, its event committed, against nginx that serves a GIF of the same size from memory: both in one run,
# turn by turn, on this machine. Needs nginx, wrk, what .ci/setup puts in place, and a release build. The last line is the ratio of the medians.
. "$(dirname "$0")/common.sh" nginx wrk swaks curl
seconds="${SECONDS_EACH:-5}" rounds="${ROUNDS:-3}" connections="${CONNECTIONS:-64}"

start_postrider < <(printf '[submission]\nlisten = ["127.0.0.1:0"]\n[web]\nlisten = "127.0.0.1:0"\n')
cd "$work"
eval "$(grep '^  swaks' ours/postrider-data/first-run.txt)" >/dev/null
sleep 0.5
welcome="$(grep -o '/welcome/.*' ours/postrider-data/first-run.txt)"
curl -s -c jar -o /dev/null -d 'email=bench@example.org&password=only-a-bench-1' "http://$web$welcome"
path="$(curl -s -b jar "http://$web/inbox" | grep -o '/o/[A-Za-z0-9_-]*\.gif' | head -1)"

port="$("$python" -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')"
mkdir www && curl -s -o www/pixel.gif "http://$web/o/none.gif"
cat >nginx.conf <<CONF
worker_processes 2; pid $work/nginx.pid; error_log $work/nginx.err; daemon off;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; open_file_cache max=10; client_body_temp_path $work/t1; proxy_temp_path $work/t2;
  fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  server { listen 127.0.0.1:$port; root $work/www; add_header Cache-Control no-store; } }
CONF
nginx -c "$work/nginx.conf" & pids+=($!)
sleep 1

rate() { wrk -t1 -c"$connections" -d"${seconds}s" -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 Safari/537.36' "$1" | awk '/Requests\/sec/{print $2}'; }
ours=() theirs=()
for _ in $(seq "$rounds"); do
    theirs+=("$(rate "http://127.0.0.1:$port/pixel.gif")")
    ours+=("$(rate "http://$web$path")")
done
a="$(median "${ours[@]}")" b="$(median "${theirs[@]}")"
echo "postrider $a requests/s, nginx $b requests/s"
stop_postrider
calc "ratio %.3f" "$a / $b"
