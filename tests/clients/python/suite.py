"""nats-py against a running server: `python3 suite.py nats://127.0.0.1:4222`.

Prints `ok <name>` for every case that passed, `FAILED <name>` with the reason otherwise, and exits
with 0 only when all passed.
"""

import asyncio
import json
import sys
import traceback

import nats
from nats.errors import MaxPayloadError, NoRespondersError, TimeoutError
from nats.micro import ServiceConfig, add_service

URL = sys.argv[1]
CASES = []


def case(function):
    CASES.append(function)
    return function


async def settle(nc):
    """A round trip: what was sent before is done at the server, what it sent before has arrived.

    `flush` does not promise that: its PING may overtake what is still buffered.
    """
    inbox = nc.new_inbox()
    sub = await nc.subscribe(inbox)
    await nc.publish(inbox, b"")
    await sub.next_msg(timeout=10)
    await sub.unsubscribe()


@case
async def publish_and_subscribe(nc, other):
    sub = await nc.subscribe("py.greet.*")
    await settle(nc)
    for n in range(500):
        await other.publish(f"py.greet.{n}", str(n).encode())
    for n in range(500):
        msg = await sub.next_msg()
        assert (msg.subject, msg.data) == (f"py.greet.{n}", str(n).encode())


@case
async def callbacks_with_wildcards(nc, other):
    got = asyncio.Queue()
    await nc.subscribe("py.>", cb=got.put)
    await settle(nc)
    await other.publish("py.a.b.c", b"x")
    assert (await got.get()).subject == "py.a.b.c"


@case
async def request_and_reply(nc, other):
    async def double(msg):
        await msg.respond(msg.data * 2)

    await nc.subscribe("py.double", cb=double)
    await settle(nc)
    for n in range(100):
        answer = await other.request("py.double", str(n).encode())
        assert answer.data == str(n).encode() * 2


@case
async def old_style_requests(nc, other):
    async def answer(msg):
        await msg.respond(b"old")

    await nc.subscribe("py.old", cb=answer)
    await settle(nc)
    assert (await other.request("py.old", b"", old_style=True)).data == b"old"


@case
async def a_request_to_nobody_fails_at_once(nc, other):
    try:
        await nc.request("py.nobody", b"", timeout=5)
    except NoRespondersError:
        return
    raise AssertionError("no error")


@case
async def a_request_without_an_answer_times_out(nc, other):
    await other.subscribe("py.silent")
    await settle(other)
    try:
        await nc.request("py.silent", b"", timeout=0.1)
    except NoRespondersError:
        raise AssertionError("there was a responder")
    except TimeoutError:
        return
    raise AssertionError("no error")


@case
async def queue_members_share(nc, other):
    seen = {}
    done = asyncio.Event()

    def member(name):
        async def take(msg):
            seen.setdefault(name, []).append(int(msg.data))
            if sum(map(len, seen.values())) == 200:
                done.set()

        return take

    await nc.subscribe("py.work", queue="crew", cb=member("a"))
    await nc.subscribe("py.work", queue="crew", cb=member("b"))
    await settle(nc)
    for n in range(200):
        await other.publish("py.work", str(n).encode())
    await asyncio.wait_for(done.wait(), 10)
    assert sorted(seen["a"] + seen["b"]) == list(range(200))
    assert min(len(seen["a"]), len(seen["b"])) > 30


@case
async def headers_arrive(nc, other):
    sub = await nc.subscribe("py.headers")
    await settle(nc)
    await other.publish("py.headers", b"body", headers={"Colour": "red", "Size": "7"})
    msg = await sub.next_msg()
    assert (msg.headers, msg.data) == ({"Colour": "red", "Size": "7"}, b"body")


@case
async def unsubscribe_after_a_number(nc, other):
    sub = await nc.subscribe("py.few")
    await sub.unsubscribe(2)
    await settle(nc)
    for n in range(5):
        await other.publish("py.few", str(n).encode())
    await settle(other)
    await settle(nc)
    assert [(await sub.next_msg()).data for _ in range(2)] == [b"0", b"1"]


@case
async def the_payload_limit_is_known(nc, other):
    limit = nc.max_payload
    try:
        await nc.publish("py.big", b"x" * (limit + 1))
    except MaxPayloadError:
        pass
    else:
        raise AssertionError("no error")
    sub = await other.subscribe("py.big")
    await settle(other)
    await nc.publish("py.big", b"x" * limit)
    assert len((await sub.next_msg(timeout=5)).data) == limit


@case
async def drain_hands_over_what_is_under_way(nc, other):
    got = []

    async def take(msg):
        got.append(msg.data)

    third = await nats.connect(URL)
    await third.subscribe("py.drain", cb=take)
    await settle(third)
    for n in range(300):
        await other.publish("py.drain", str(n).encode())
    await settle(other)
    await settle(third)
    await third.drain()
    assert len(got) == 300 and third.is_closed


@case
async def round_trips_are_measured(nc, other):
    assert 0 < await nc.rtt() < 5


@case
async def services_are_discovered_and_answer(nc, other):
    service = await add_service(nc, ServiceConfig(name="adder", version="1.2.3"))

    async def add(request):
        await request.respond(b"2")

    await service.add_endpoint(name="add", handler=add)
    await settle(nc)
    for verb in ["PING", "INFO", "STATS"]:
        page = json.loads((await other.request(f"$SRV.{verb}.adder", b"")).data)
        assert (page["name"], page["version"]) == ("adder", "1.2.3"), page
    assert (await other.request("add", b"1")).data == b"2"
    await service.stop()


async def run(function):
    nc = await nats.connect(URL, name=function.__name__)
    other = await nats.connect(URL)
    try:
        await asyncio.wait_for(function(nc, other), 20)
    finally:
        await nc.close()
        await other.close()


async def main():
    failed = 0
    for function in CASES:
        try:
            await run(function)
            print(f"ok {function.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED {function.__name__}\n{traceback.format_exc()}")
    print(f"{len(CASES) - failed} of {len(CASES)} passed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
