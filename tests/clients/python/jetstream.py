"""JetStream with nats-py against a running server: `python3 jetstream.py nats://127.0.0.1:4222`.

Prints `ok <name>` for every case that passed, `FAILED <name>` with the reason otherwise, and exits
with 0 only when all passed. Every case works on streams and buckets of its own name.
"""

import asyncio
import hashlib
import io
import random
import sys
import traceback

import nats
from nats.errors import TimeoutError
from nats.js import api
from nats.js.errors import (
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NotFoundError,
    ObjectNotFoundError,
    ServiceUnavailableError,
)

URL = sys.argv[1]
CASES = []


def case(function):
    CASES.append(function)
    return function


async def filled(js, name, count, **config):
    """A stream `name` on `name.>` with `count` messages that say their number, from 1."""
    info = await js.add_stream(name=name, subjects=[f"{name}.>"], **config)
    assert info.did_create
    for n in range(1, count + 1):
        ack = await js.publish(f"{name}.{n % 3}", str(n).encode())
        assert (ack.stream, ack.seq) == (name, n), ack


async def until(probe):
    """Asks until the answer is true; the caller's deadline ends a wait in vain."""
    while not await probe():
        await asyncio.sleep(0.005)


def numbers(messages):
    return [int(msg.data) for msg in messages]


@case
async def streams_are_managed(nc, js):
    await filled(js, "managed", 9)
    assert await js.find_stream_name_by_subject("managed.x") == "managed"
    info = await js.stream_info("managed", subjects_filter=">")
    assert info.state.subjects == {"managed.0": 3, "managed.1": 3, "managed.2": 3}
    info = await js.update_stream(name="managed", subjects=["managed.>"], max_msgs=6)
    assert (info.config.max_msgs, info.state.messages, info.state.first_seq) == (6, 6, 4)
    assert "managed" in [info.config.name for info in await js.streams_info()]
    assert await js.purge_stream("managed", subject="managed.1")
    assert (await js.stream_info("managed")).state.messages == 4
    assert await js.delete_msg("managed", 9)
    assert (await js.account_info()).streams >= 1
    assert await js.delete_stream("managed")
    try:
        await js.stream_info("managed")
    except NotFoundError as error:
        assert error.err_code == 10059
        return
    raise AssertionError("still there")


@case
async def messages_are_read_back(nc, js):
    await filled(js, "read", 6, allow_direct=True)
    for direct in [False, True]:
        msg = await js.get_msg("read", seq=2, direct=direct)
        assert (msg.subject, msg.seq, msg.data) == ("read.2", 2, b"2"), msg
        msg = await js.get_msg("read", seq=3, subject="read.1", next=True, direct=direct)
        assert (msg.seq, msg.data) == (4, b"4"), msg
    assert (await js.get_last_msg("read", "read.0")).seq == 6
    try:
        await js.get_msg("read", seq=99)
    except NotFoundError as error:
        assert error.err_code == 10037
        return
    raise AssertionError("no such message")


@case
async def publishing_is_checked(nc, js):
    await filled(js, "checked", 1)
    headers = {"Nats-Msg-Id": "one"}
    first = await js.publish("checked.a", b"", headers=headers)
    again = await js.publish("checked.a", b"", headers=headers)
    assert (first.seq, first.duplicate, again.seq, again.duplicate) == (2, None, 2, True), again
    for _ in range(50):
        await js.publish_async("checked.async", b"x")
    await js.publish_async_completed()
    assert (await js.stream_info("checked")).state.messages == 52
    try:
        await js.publish("checked.a", b"", headers={"Nats-Expected-Last-Sequence": "7"})
    except nats.js.errors.APIError as error:
        assert (error.err_code, error.description) == (10071, "wrong last sequence: 52")
    else:
        raise AssertionError("no error")
    try:
        await js.publish("nowhere", b"")
    except nats.js.errors.NoStreamResponseError:
        return
    raise AssertionError("no stream")


@case
async def pulling_in_batches(nc, js):
    await filled(js, "pulled", 10)
    sub = await js.pull_subscribe("pulled.>", durable="worker")
    batch = await sub.fetch(4, timeout=5)
    assert numbers(batch) == [1, 2, 3, 4]
    assert [msg.metadata.sequence.consumer for msg in batch] == [1, 2, 3, 4]
    assert [msg.metadata.num_pending for msg in batch] == [9, 8, 7, 6]
    for msg in batch:
        await msg.ack_sync()
    info = await sub.consumer_info()
    assert (info.ack_floor.stream_seq, info.num_ack_pending, info.num_pending) == (4, 0, 6)
    rest = await sub.fetch(100, timeout=0.5)
    assert numbers(rest) == [5, 6, 7, 8, 9, 10]
    try:
        await sub.fetch(1, timeout=0.2, heartbeat=0.05)
    except TimeoutError:
        pass
    else:
        raise AssertionError("more than there is")
    # Another one who knows the name goes on where the first one was.
    other = await js.pull_subscribe_bind("worker", stream="pulled")
    await js.publish("pulled.1", b"11")
    assert numbers(await other.fetch(1)) == [11]
    assert (await other.consumer_info()).num_ack_pending == 7


@case
async def a_waiting_fetch_is_served(nc, js):
    await filled(js, "waited", 0)
    sub = await js.pull_subscribe("waited.>", durable="worker")
    fetch = asyncio.ensure_future(sub.fetch(3, timeout=10))

    async def waits():
        return (await js.consumer_info("waited", "worker")).num_waiting == 1

    await until(waits)
    for n in range(3):
        await js.publish("waited.x", str(n).encode())
    assert len(await fetch) >= 1


@case
async def messages_are_refused_and_ended(nc, js):
    await filled(js, "refused", 3)
    sub = await js.pull_subscribe("refused.>", durable="worker")
    one, two, three = await sub.fetch(3)
    await one.nak()
    await two.term()
    await three.in_progress()
    [again] = await sub.fetch(1)
    assert (again.metadata.sequence.stream, again.metadata.num_delivered) == (1, 2)
    await again.nak(delay=0.2)
    [late] = await sub.fetch(1, timeout=5)
    assert (late.metadata.sequence.stream, late.metadata.num_delivered) == (1, 3)
    await late.ack_sync()
    await three.ack_sync()
    info = await sub.consumer_info()
    assert (info.ack_floor.stream_seq, info.num_ack_pending) == (3, 0), info


@case
async def a_push_consumer_calls_back(nc, js):
    await filled(js, "pushed", 20)
    got = asyncio.Queue()
    await js.subscribe("pushed.>", cb=got.put, durable="pusher")
    assert numbers([await got.get() for _ in range(20)]) == list(range(1, 21))
    # The client has acknowledged each by itself.

    async def acknowledged():
        return (await js.consumer_info("pushed", "pusher")).ack_floor.stream_seq == 20

    await until(acknowledged)
    assert (await js.consumer_info("pushed", "pusher")).push_bound


@case
async def queue_members_share_a_push_consumer(nc, js):
    await filled(js, "shared", 0)
    other = await nats.connect(URL)
    seen = {"a": [], "b": []}
    done = asyncio.Event()

    def member(name):
        async def take(msg):
            seen[name].append(int(msg.data))
            if sum(map(len, seen.values())) == 100:
                done.set()

        return take

    await js.subscribe("shared.>", queue="crew", cb=member("a"))
    await other.jetstream().subscribe("shared.>", queue="crew", cb=member("b"))
    await other.flush()
    for n in range(100):
        await js.publish("shared.x", str(n).encode())
    await done.wait()
    assert sorted(seen["a"] + seen["b"]) == list(range(100))
    assert min(len(seen["a"]), len(seen["b"])) > 10
    await other.close()


@case
async def large_messages_flow_under_control(nc, js):
    await js.add_stream(name="flow", subjects=["flow"])
    payload = b"x" * 100_000
    for _ in range(60):
        await js.publish("flow", payload)
    sub = await js.subscribe("flow", flow_control=True, idle_heartbeat=0.5)
    for n in range(1, 61):
        msg = await sub.next_msg(timeout=5)
        assert (msg.metadata.sequence.stream, len(msg.data)) == (n, len(payload))
        await msg.ack()


@case
async def an_ordered_consumer_survives_its_deletion(nc, js):
    await filled(js, "ordered", 10)
    sub = await js.subscribe("ordered.>", ordered_consumer=True, idle_heartbeat=0.2)
    assert numbers([await sub.next_msg(timeout=5) for _ in range(10)]) == list(range(1, 11))
    [info] = await js.consumers_info("ordered")
    assert await js.delete_consumer("ordered", info.name)
    await js.publish("ordered.1", b"11")
    assert int((await sub.next_msg(timeout=10)).data) == 11
    [after] = await js.consumers_info("ordered")
    assert after.name != info.name


@case
async def consumers_are_managed(nc, js):
    await filled(js, "consumers", 5)
    config = api.ConsumerConfig(
        durable_name="c", filter_subjects=["consumers.0", "consumers.1"], ack_policy=api.AckPolicy.EXPLICIT
    )
    info = await js.add_consumer("consumers", config)
    assert (info.name, info.num_pending, info.config.max_ack_pending) == ("c", 3, 1000), info
    await js.add_consumer("consumers", name="by_start", opt_start_seq=4,
                          deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE)
    assert [info.name for info in await js.consumers_info("consumers")] == ["by_start", "c"]
    paused = await js.pause_consumer("consumers", "c", "2099-01-01T00:00:00Z")
    assert paused.paused and paused.pause_remaining > 0
    assert not (await js.resume_consumer("consumers", "c")).paused
    sub = await js.pull_subscribe_bind("c", stream="consumers")
    assert numbers(await sub.fetch(3)) == [1, 3, 4]
    reset = await js.reset_consumer("consumers", "c", seq=3)
    assert reset.reset_seq == 3, reset
    assert numbers(await sub.fetch(2)) == [3, 4]
    assert await js.delete_consumer("consumers", "c")
    try:
        await sub.fetch(1, timeout=1)
    except ServiceUnavailableError:
        pass
    else:
        raise AssertionError("who answers?")
    try:
        await js.consumer_info("consumers", "c")
    except NotFoundError as error:
        assert error.err_code == 10014
        return
    raise AssertionError("still there")


# === key-value ===


@case
async def keys_and_values(nc, js):
    kv = await js.create_key_value(bucket="values", history=5)
    assert await kv.put("a.b", b"one") == 1
    entry = await kv.get("a.b")
    assert (entry.key, entry.value, entry.revision) == ("a.b", b"one", 1)
    assert await kv.create("c", b"two") == 2
    for bad in [kv.create("c", b"again"), kv.update("a.b", b"no", last=7)]:
        try:
            await bad
        except KeyWrongLastSequenceError:
            continue
        raise AssertionError("no conflict")
    assert await kv.update("a.b", b"three", last=1) == 3
    assert (await kv.get("a.b", revision=1)).value == b"one"
    assert await kv.delete("a.b")
    try:
        await kv.get("a.b")
    except KeyNotFoundError as error:
        assert error.op == "DEL"
    else:
        raise AssertionError("deleted")
    assert await kv.create("a.b", b"four") == 5
    history = await kv.history("a.b")
    assert [(e.revision, e.operation) for e in history] == [(1, None), (3, None), (4, "DEL"), (5, None)]
    assert sorted(await kv.keys()) == ["a.b", "c"]
    await kv.purge("a.b")
    assert [e.operation for e in await kv.history("a.b")] == ["PURGE"]
    assert await kv.keys() == ["c"]
    await kv.purge_deletes(olderthan=-1)
    status = await kv.status()
    assert (status.values, status.history) == (1, 5), status
    assert await js.delete_key_value("values")
    try:
        await js.key_value("values")
    except BucketNotFoundError:
        return
    raise AssertionError("still there")


@case
async def a_bucket_is_watched(nc, js):
    kv = await js.create_key_value(bucket="watched", history=3)
    for n in range(3):
        await kv.put("old", str(n).encode())
    watcher = await kv.watchall()
    assert (await watcher.updates()).value == b"2"
    assert await watcher.updates() is None
    await kv.put("new", b"x")
    await kv.delete("old")
    got = [await watcher.updates() for _ in range(2)]
    assert [(e.key, e.operation, e.revision) for e in got] == [("new", None, 4), ("old", "DEL", 5)]
    await watcher.stop()
    all_of_it = await kv.watch("old", include_history=True)
    assert [(await all_of_it.updates()).revision for _ in range(3)] == [2, 3, 5]
    assert await all_of_it.updates() is None


@case
async def a_key_expires(nc, js):
    kv = await js.create_key_value(bucket="expiring", limit_marker_ttl=60)
    watcher = await kv.watchall()
    assert await watcher.updates() is None
    await kv.create("short", b"x", msg_ttl=1)
    await kv.put("long", b"y")
    assert [(await watcher.updates()).key for _ in range(2)] == ["short", "long"]
    gone = await watcher.updates(timeout=10)
    assert (gone.key, gone.operation) == ("short", "PURGE"), gone
    assert await kv.keys() == ["long"]


# === object store ===


@case
async def objects_come_back_whole(nc, js):
    store = await js.create_object_store("objects")
    data = random.Random(1).randbytes(3_000_000)
    info = await store.put("big", io.BytesIO(data))
    assert (info.size, info.chunks, info.digest[:8]) == (len(data), 23, "SHA-256="), info
    got = await store.get("big")
    assert hashlib.sha256(got.data).digest() == hashlib.sha256(data).digest()
    await store.put("small", b"small")
    await store.put("small", b"smaller")
    assert (await store.get("small")).data == b"smaller"
    assert sorted(info.name for info in await store.list()) == ["big", "small"]
    await store.update_meta("small", api.ObjectMeta(name="small", description="d"))
    assert (await store.get_info("small")).description == "d"
    await store.delete("big")
    try:
        await store.get("big")
    except ObjectNotFoundError:
        pass
    else:
        raise AssertionError("deleted")
    # Chunks of what was overwritten and deleted are gone: "smaller" and the metas are left.
    status = await store.status()
    assert status.size < 2000, status
    await store.seal()
    assert (await store.status()).sealed
    try:
        await store.put("late", b"x")
    except nats.js.errors.APIError as error:
        assert error.err_code == 10109, error
        return
    raise AssertionError("sealed")


@case
async def objects_are_watched(nc, js):
    store = await js.create_object_store("watched")
    await store.put("one", b"1")
    watcher = await store.watch()
    assert (await watcher.updates()).name == "one"
    assert await watcher.updates() is None
    await store.put("two", b"2")
    assert (await watcher.updates()).name == "two"
    await store.delete("one")
    gone = await watcher.updates()
    assert (gone.name, gone.deleted) == ("one", True)
    assert await js.delete_object_store("watched")


async def run(function):
    nc = await nats.connect(URL, name=function.__name__)
    try:
        await asyncio.wait_for(function(nc, nc.jetstream()), 20)
    finally:
        await nc.close()


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
