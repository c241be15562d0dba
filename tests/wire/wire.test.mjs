// Reads Logferry's streams by what proto/wire.md says: plain JetStream, plain
// Arrow, plain protobuf. What is expected here was published by wire_test.go.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { tableFromIPC } from "apache-arrow";
import protobuf from "protobufjs";
import SnappyJS from "snappyjs";

const KEY = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/a b+ü%2F.log.gz";
const LAYOUT = "version account-id srcaddr start";
const NOTIFIED = "2026-11-23T15:04:05.678Z";
const ARROW = "application/vnd.apache.arrow.stream";
const hours = (n) => n * 3600 * 1e9; // JetStream counts in nanoseconds

let nc, js, proto;

before(async () => {
  const url = new URL(process.env.LOGFERRY_BUS);
  nc = await connect({ servers: url.host, user: url.username, pass: url.password });
  js = jetstream(nc);
  proto = await protobuf.load("../../proto/logferry/v1/logferry.proto");
});

after(() => nc?.close());

// read returns the messages of a stream, with an ordered consumer: nothing is
// acknowledged, and the services notice nothing.
async function read(stream, filter, count) {
  const consumer = await js.consumers.get(stream, { filter_subjects: filter });
  const messages = [];
  for await (const m of await consumer.fetch({ max_messages: count, expires: 10_000 })) {
    messages.push(m);
    if (messages.length === count) break;
  }
  assert.equal(messages.length, count, `messages on ${filter}`);
  return messages;
}

// arrow reads the body of a batch: an Arrow IPC stream, compressed if the
// header says so.
function arrow(m) {
  const encoding = m.headers.get("Content-Encoding");
  assert.ok(encoding === "snappy" || encoding === "", `content encoding ${encoding}`);
  return tableFromIPC(encoding === "snappy" ? SnappyJS.uncompress(m.data) : m.data);
}

// headers compares all headers of a message, but those of traces and of the
// publisher's client.
function headers(m, want) {
  const got = {};
  for (const [key, values] of m.headers) got[key] = values[0];
  for (const key of ["traceparent", "tracestate", "Nats-Expected-Stream"]) delete got[key];
  assert.deepEqual(got, want);
}

const field = (f) => [f.name, f.type.toString(), f.nullable, f.metadata.get("logferry.type")];
const column = (table, name) => Array.from(table.getChild(name));

test("streams of work keep what is delivered for the replay window", async () => {
  const manager = await jetstreamManager(nc);
  for (const [stream, subjects] of [
    ["OBJECTS", "logferry.objects.>"],
    ["RAW", "logferry.raw.>"],
    ["ROWS-sentinel", "logferry.rows.sentinel.>"],
    ["HISTORY", "logferry.history.>"],
  ]) {
    const { config } = await manager.streams.info(stream);
    assert.deepEqual(config.subjects, [subjects]);
    assert.equal(config.retention, "limits");
    assert.equal(config.discard, "old");
    assert.equal(config.storage, "file");
    assert.equal(config.duplicate_window, hours(1));
    assert.equal(config.metadata["logferry-layout"], "3");
    assert.ok(config.max_bytes > 0, `${stream} is bounded in bytes`);
    assert.ok(config.max_age > 0, `${stream} is bounded in age`);
  }
  for (const [stream, subjects, age] of [
    ["LEDGER", "logferry.ledger.>", hours(48)],
    ["DEAD", "logferry.dead.>", 0],
  ]) {
    const { config } = await manager.streams.info(stream);
    assert.deepEqual(config.subjects, [subjects]);
    assert.equal(config.discard, "new");
    assert.equal(config.discard_new_per_subject, true);
    assert.equal(config.max_msgs_per_subject, 1);
    assert.equal(config.max_age, age);
    assert.ok(config.max_bytes > 0, `${stream} is bounded in bytes`);
  }
  const durables = async (stream) => (await manager.consumers.list(stream).next()).map((c) => c.name).sort();
  assert.deepEqual(await durables("OBJECTS"), ["fetcher"]);
  assert.deepEqual(await durables("RAW"), ["parser"]);
  assert.deepEqual(await durables("ROWS-sentinel"), ["writer-sentinel-AWSCloudTrail", "writer-sentinel-AWSGuardDuty", "writer-sentinel-AWSVPCFlow"]);
});

test("objects", async () => {
  const [m] = await read("OBJECTS", "logferry.objects.org-trail", 1);
  const o = proto.lookupType("logferry.v1.Object").decode(m.data);
  assert.equal(o.key, KEY);
  assert.equal(o.bucket, "logs");
  assert.equal(o.versionId, "v/1");
  assert.equal(Number(o.size), 2 ** 40);
  assert.equal(new Date(Number(o.notified.seconds) * 1000 + o.notified.nanos / 1e6).toISOString(), NOTIFIED);
  headers(m, {
    "Nats-Msg-Id": `${o.id}@2`,
    "Logferry-Wire": "1",
    "Logferry-Connection": "org-trail",
    "Logferry-Object": o.id,
    "Content-Type": 'application/x-protobuf; messageType="logferry.v1.Object"',
  });
});

test("raw: records as they were, with their offsets", async () => {
  const [m] = await read("RAW", "logferry.raw.org-trail.vpcflow", 1);
  const object = m.headers.get("Logferry-Object");
  assert.match(object, /^[a-z2-7]{26}$/);
  headers(m, {
    "Nats-Msg-Id": `${object}.0@2`,
    "Logferry-Wire": "1",
    "Logferry-Connection": "org-trail",
    "Logferry-Destination": "sentinel",
    "Logferry-Format": "vpcflow",
    "Logferry-Table": "AWSVPCFlow",
    "Logferry-Object": object,
    "Logferry-Part": "0",
    "Logferry-Attempt": "2",
    "Logferry-Bucket": "logs",
    "Logferry-Key": m.headers.get("Logferry-Key"),
    "Logferry-Version": m.headers.get("Logferry-Version"),
    "Logferry-Layout": m.headers.get("Logferry-Layout"),
    "Logferry-Notified": NOTIFIED,
    "Logferry-Rows": "2",
    "Content-Type": ARROW,
    "Content-Encoding": "snappy",
  });
  assert.equal(decodeURIComponent(m.headers.get("Logferry-Key")), KEY);
  assert.equal(decodeURIComponent(m.headers.get("Logferry-Version")), "v/1");
  assert.equal(decodeURIComponent(m.headers.get("Logferry-Layout")), LAYOUT);
  assert.match(m.headers.get("Logferry-Key"), /^[\x21-\x7e]+$/);

  const table = arrow(m);
  assert.deepEqual(table.schema.fields.map((f) => [f.name, f.type.toString()]), [["record", "Binary"], ["offset", "Int64"]]);
  assert.equal(table.batches.length, 1);
  assert.deepEqual(column(table, "record").map((r) => Buffer.from(r).toString()), ["5 123456789012 10.0.0.1 1764000000", "5 123456789012 - 1764000060"]);
  assert.deepEqual(column(table, "offset"), [33n, 68n]);
});

test("rows: numbers and times", async () => {
  const [m] = await read("ROWS-sentinel", "logferry.rows.sentinel.AWSVPCFlow.org-trail", 1);
  assert.equal(m.headers.get("Logferry-Rows"), "2");
  const table = arrow(m);
  assert.equal(table.schema.metadata.get("logferry.table"), "AWSVPCFlow");
  assert.deepEqual(table.schema.fields.map(field), [
    ["TimeGenerated", "Timestamp<MICROSECOND, UTC>", true, "datetime"],
    ["SrcAddr", "Utf8", true, "string"],
    ["Packets", "Int32", true, "int"],
    ["Bytes", "Int64", true, "long"],
  ]);
  assert.deepEqual(column(table, "TimeGenerated").map((v) => v === null ? null : Number(v)), [1_764_000_000_000, null]);
  assert.deepEqual(column(table, "SrcAddr"), ["10.0.0.1", "-"]);
  assert.deepEqual(column(table, "Packets"), [7, null]);
  assert.deepEqual(column(table, "Bytes"), [2n ** 53n + 1n, null]);
});

test("rows: dynamic columns are JSON text, told by their type", async () => {
  const [m] = await read("ROWS-sentinel", "logferry.rows.sentinel.AWSGuardDuty.org-trail", 1);
  const object = m.headers.get("Logferry-Object");
  // No attempt, version or layout: the headers are absent.
  headers(m, {
    "Nats-Msg-Id": `${object}.3`,
    "Logferry-Wire": "1",
    "Logferry-Connection": "org-trail",
    "Logferry-Destination": "sentinel",
    "Logferry-Format": "guardduty",
    "Logferry-Table": "AWSGuardDuty",
    "Logferry-Object": object,
    "Logferry-Part": "3",
    "Logferry-Bucket": "logs",
    "Logferry-Key": m.headers.get("Logferry-Key"),
    "Logferry-Notified": NOTIFIED,
    "Logferry-Rows": "1",
    "Content-Type": ARROW,
    "Content-Encoding": "snappy",
  });
  const table = arrow(m);
  assert.deepEqual(table.schema.fields.map(field), [
    ["Title", "Utf8", true, "string"],
    ["Severity", "Int32", true, "int"],
    ["ServiceDetails", "Utf8", true, "dynamic"],
  ]);
  assert.deepEqual(column(table, "Title"), ["Tor über 🚢"]);
  assert.deepEqual(JSON.parse(column(table, "ServiceDetails")[0]), { count: 3, archived: false });
});

test("rows: true, false and null", async () => {
  const [m] = await read("ROWS-sentinel", "logferry.rows.sentinel.AWSCloudTrail.org-trail", 1);
  const table = arrow(m);
  assert.deepEqual(table.schema.fields.map(field), [
    ["EventName", "Utf8", true, "string"],
    ["ReadOnly", "Bool", true, "bool"],
  ]);
  assert.deepEqual(column(table, "EventName"), ["PutObject", "GetObject", "AssumeRole"]);
  assert.deepEqual(column(table, "ReadOnly"), [false, true, null]);
});

test("dead letters hold the original bytes", async () => {
  const [m] = await read("DEAD", "logferry.dead.parser.org-trail.*", 1);
  const l = proto.lookupType("logferry.v1.DeadLetter").decode(m.data);
  headers(m, {
    "Logferry-Wire": "1",
    "Logferry-Connection": "org-trail",
    "Content-Type": 'application/x-protobuf; messageType="logferry.v1.DeadLetter"',
  });
  assert.equal(l.reason, "bad_record");
  assert.equal(l.key, KEY);
  assert.equal(l.hasPart, true);
  assert.equal(Number(l.offset), 120);
  assert.equal(l.layout, LAYOUT);
  assert.equal(Buffer.from(l.body).toString(), "5 123456789012 10.0.0.1");

  // It was buried twice.
  const manager = await jetstreamManager(nc);
  assert.equal((await manager.streams.info("DEAD")).state.messages, 1);
});

test("the ledger takes an event once", async () => {
  const event = proto.lookupType("logferry.v1.LedgerEvent");
  const messages = await read("LEDGER", "logferry.ledger.org-trail.*.*", 2);
  const [fetched, part] = messages.map((m) => event.decode(m.data));
  assert.equal(fetched.event, "fetched");
  assert.equal(fetched.fetched.parts, 2);
  assert.equal(part.event, "part");
  assert.equal(Number(part.part.delivered), 7); // the second event said 8
  assert.equal(messages[1].subject, `logferry.ledger.org-trail.${part.objectId}.1`);
  assert.equal(messages[1].headers.get("Content-Type"), 'application/x-protobuf; messageType="logferry.v1.LedgerEvent"');
  const manager = await jetstreamManager(nc);
  assert.equal((await manager.streams.info("LEDGER")).state.messages, 2);
});

test("the history names objects by the first 128 bits of their ids", async () => {
  const [m] = await read("HISTORY", "logferry.history.org-trail", 1);
  const h = proto.lookupType("logferry.v1.History").decode(m.data);
  const [ledger] = await read("LEDGER", "logferry.ledger.org-trail.*.fetched", 1);
  const id = ledger.subject.split(".")[3];
  const bits = [...id].map((c) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  assert.equal([...h.objects].map((b) => b.toString(2).padStart(8, "0")).join(""), bits.slice(0, 128));
  assert.deepEqual(h.delivered.map(Number), [7]);
  assert.deepEqual(h.dead.map(Number), [1]);
});
