"""Times each page to its first byte while opens and clicks come in: pages.py HOST:PORT COOKIE HITS.TXT [RATE [ROUNDS]].

Prints a line a page: median and 99th percentile in milliseconds, octets; then how many hits were answered a second.
"""
import asyncio
import re
import sys
import time

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
CONNECTIONS = 20
HOST = sys.argv[1]


async def request(reader, writer, path, cookie=""):
    """The time to the first byte in seconds, and the answer's status and body."""
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {AGENT}\r\nCookie: {cookie}\r\n\r\n"
    began = time.perf_counter()
    writer.write(head.encode())
    status = await reader.readline()
    first = time.perf_counter() - began
    length = 0
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length)
    return first, int(status.split()[1]), body


async def hits(address, paths, rate, done, counted):
    reader, writer = await asyncio.open_connection(*address)
    due = time.perf_counter()
    while not done.is_set():
        due += CONNECTIONS / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await request(reader, writer, paths[counted[0] % len(paths)])
        counted[0] += 1
    writer.close()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    address, cookie = (host, int(port)), sys.argv[2]
    paths = [line.strip() for line in open(sys.argv[3])]
    rate, rounds = (int(n) for n in (sys.argv[4:] + ["1000", "100"][len(sys.argv) - 4:])[:2])
    reader, writer = await asyncio.open_connection(*address)
    _, status, page = await request(reader, writer, "/campaigns?sort=recipients", cookie)
    assert status == 200, f"/campaigns answers {status}: is the cookie right?"
    largest = re.search(rb'href="(/campaigns/[^/"?.]+)"', page)[1].decode()
    _, _, page = await request(reader, writer, f"{largest}/people", cookie)
    person = re.search(rb'href="(/people/[^"]+)"', page)[1].decode()
    mail = re.search(rb'href="(/messages/[^/"?.]+)"', page)[1].decode()
    done, counted = asyncio.Event(), [0]
    tasks = [asyncio.create_task(hits(address, paths, rate, done, counted)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(1)
    began, before = time.perf_counter(), counted[0]
    for path in ["/", "/?range=24h", "/?range=all", "/campaigns", "/campaigns?sort=opened", largest, f"{largest}/people",
                 f"{largest}/people?did=clicked", f"{largest}/map", person, mail, "/messages", "/queue", "/suppressions"]:
        times, octets = [], 0
        for _ in range(rounds):
            first, status, body = await request(reader, writer, path, cookie)
            assert status == 200, f"{path} answers {status}"
            times.append(first * 1_000)
            octets = len(body)
        times.sort()
        name = path.replace(largest, "/campaigns/ID").split("%40")[0]
        print(f"{name:32} median {times[len(times) // 2]:7.1f} ms  p99 {times[int(len(times) * 0.99) - 1]:7.1f} ms  {octets} octets")
    print(f"{(counted[0] - before) / (time.perf_counter() - began):.0f} hits/s answered meanwhile")
    done.set()
    await asyncio.gather(*tasks)


asyncio.run(main())
