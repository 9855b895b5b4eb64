#!/usr/bin/env node
// What `npm start` shows: the firewall loaded, its rules set, a minute of traffic run through it.
// Needs a build (`npm run build`).
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { processIo, styleFor } from '../../dist/cli/io.js';
import { byteSize, duration, formatTable, grouped, percent, short } from '../../dist/cli/table.js';
import { formatAddress } from '../../dist/client/index.js';
import { createMachine } from '../../dist/index.js';
import { applyRules, parseRules } from './rules.mjs';
import { runCapture } from './run-capture.mjs';

/** Passes over the capture before its speed is told. */
const WARM_PASSES = 6;

// A reader that has seen enough, `| head`, is no error.
process.stdout.on('error', () => process.exit(0));

const here = (name) => new URL(name, import.meta.url);
const io = processIo(process.stdout, process.stderr, process.env, process.cwd());
const style = styleFor(io.color);
/** A terminal's width, up to 100 columns; 100 where there is none. */
const WIDTH = process.stdout.isTTY ? Math.min(100, io.columns) : 100;

const say = (text = '') => io.out(`${text}\n`);
const heading = (text, more = '') => say(`\n${style.bold(style.accent(text))}  ${style.dim(more)}`);
const show = (columns, rows) => io.out(formatTable(columns, rows, WIDTH, style.dim));
const right = (head) => ({ head, right: true });

/** A bar of up to `cells` cells for `part` of `whole`. */
function bar(part, whole, cells = 28) {
  const eighths = Math.round((part / whole) * cells * 8);
  const rest = eighths % 8;
  return '█'.repeat(eighths >> 3) + (rest ? '▏▎▍▌▋▊▉'[rest - 1] : '');
}

/** A machine with the firewall loaded and its rules set. */
async function boot(rules, options) {
  const machine = await createMachine({ devices: { eth0: {} }, ...options });
  const loaded = await machine.load(here('firewall.bpf.o'));
  applyRules(rules, loaded.maps);
  return { machine, loaded, program: loaded.programs.firewall.kernelProgram };
}

function introduce({ loaded, program }, rules, loadMs) {
  const blocks = rules.filter((rule) => rule.block).length;
  say(
    style.bold('beeyard') + style.dim('  the BPF subsystem of Linux, in userspace, in TypeScript'),
  );
  say();
  const { object } = loaded;
  const maps = object.maps.filter((map) => !map.dataSection).length;
  const insns = grouped(program.spec.insns.length / 8);
  say(
    `  examples/firewall/firewall.bpf.o: XDP program ${style.bold('firewall')}, ${insns} instructions, ${maps} maps`,
  );
  const { insns: walked, time } = program.verification;
  say(
    `  verified by the rules of Linux 6.12: ${grouped(walked)} instructions walked in ${duration(time / 1000)}`,
  );
  const compiling = duration(loadMs - time / 1000);
  say(`  loaded and compiled to WebAssembly in ${compiling}: it needs no checks while it runs`);
  say(`  firewall.rules: ${blocks} prefixes blocked, ${rules.length - blocks} ports closed`);
}

function showVerdicts({ packets, bytes, verdicts, ms }, warm, reasons) {
  const rate = `${short(packets / (ms / 1000))} packets/s`;
  const later = style.bold(`${short(warm)} packets/s`);
  heading('Verdicts', 'of examples/firewall/capture.pcap.gz, one minute of traffic');
  const first = `${grouped(packets)} packets, ${byteSize(bytes)}, in ${duration(ms)}: ${rate}`;
  say(`  ${first}; once V8 has optimised it: ${later}\n`);
  const paint = { pass: style.good, drop: style.bad };
  const rows = verdicts.map(({ name, count }) => [
    (paint[name] ?? style.warn)(name),
    grouped(count),
    percent(count, packets),
    bar(count, packets),
  ]);
  const whys = reasons
    .filter(([name, count]) => count > 0n && name !== 'PASSED')
    .map(([name, count]) => [
      `  ${name}`,
      grouped(count),
      percent(Number(count), packets),
      style.dim(bar(Number(count), packets)),
    ]);
  show([{ head: '' }, right(''), right(''), { head: '' }], [...rows, ...whys]);
}

function reasonCounts({ loaded }) {
  return [...loaded.maps.reasons].map(([reason, perCpu]) => [
    String(reason),
    perCpu.reduce((sum, count) => sum + count, 0n),
  ]);
}

const byMost = (count) => (a, b) => Number(count(b) - count(a));
const seconds = (ns) => `${(Number(ns) / 1e9).toFixed(2)} s`;

function showSources(map) {
  const all = [...map].sort(byMost(([, value]) => value.packets));
  heading(
    'sources',
    `hash, ${grouped(all.length)} of ${grouped(map.spec.maxEntries)} entries: who sends most`,
  );
  const columns = [
    { head: 'address' },
    right('packets'),
    right('bytes'),
    right('dropped'),
    right('last_seen'),
  ];
  const rows = all
    .slice(0, 6)
    .map(([key, value]) => [
      formatAddress(key.address),
      grouped(value.packets),
      grouped(value.bytes),
      value.dropped > 0n ? style.bad(grouped(value.dropped)) : '0',
      seconds(value.last_seen),
    ]);
  show(columns, rows);
}

function showTries({ blocked_v4, blocked_v6 }) {
  const entries = [blocked_v4, blocked_v6].flatMap((map) => [...map]);
  const hit = entries
    .filter(([, value]) => value.packets > 0n)
    .sort(byMost(([, { packets }]) => packets));
  heading(
    'blocked_v4, blocked_v6',
    `LPM tries, ${hit.length} of ${entries.length} prefixes were hit`,
  );
  const columns = [{ head: 'prefix' }, right('packets'), right('bytes'), right('rule')];
  const rows = hit
    .slice(0, 6)
    .map(([key, value]) => [
      `${formatAddress(key.address)}/${key.length}`,
      grouped(value.packets),
      grouped(value.bytes),
      `line ${value.rule} of firewall.rules`,
    ]);
  show(columns, rows);
}

function showPorts(map) {
  const used = [...map].filter(([, value]) => value.packets > 0n);
  heading('ports', `array of ${grouped(map.spec.maxEntries)}, ${grouped(used.length)} in use`);
  const busiest = used.toSorted(byMost(([, { packets }]) => packets)).slice(0, 4);
  const closed = used
    .filter(([, { dropped }]) => dropped > 0n)
    .sort(byMost(([, { dropped }]) => dropped));
  const columns = [{ head: 'port' }, { head: 'policy' }, right('packets'), right('dropped')];
  const rows = [...busiest, ...closed.slice(0, 3)].map(([port, value]) => [
    String(port),
    value.policy === 'PORT_CLOSED' ? style.bad(value.policy) : value.policy,
    grouped(value.packets),
    grouped(value.dropped),
  ]);
  show(columns, rows);
}

function showDrops(map) {
  const records = map.drain('event');
  heading('drops', `ring buffer, ${grouped(records.length)} records: the first three`);
  const columns = ['time', 'reason', 'source', 'target', 'protocol', 'length', 'rule'];
  const rows = records
    .slice(0, 3)
    .map(({ value: event }) => [
      seconds(event.time),
      style.bad(String(event.reason)),
      `${formatAddress(event.source)} :${event.source_port}`,
      `${formatAddress(event.target)} :${event.target_port}`,
      { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }[event.protocol] ?? String(event.protocol),
      String(event.length),
      event.rule ? `line ${event.rule}` : '–',
    ]);
  show(
    columns.map((head) => ({ head })),
    rows,
  );
}

/** Instructions run by source line, most first. */
function hottestLines({ program }) {
  const counts = program.code.counts();
  const lines = new Map();
  const list = program.spec.lines;
  list.forEach((line, i) => {
    const end = list[i + 1]?.insn ?? counts.length;
    let sum = 0;
    for (let insn = line.insn; insn < end; insn++) sum += counts[insn];
    const key = `${line.file}:${line.line}`;
    const known = lines.get(key);
    lines.set(key, { line, count: (known?.count ?? 0) + sum });
  });
  return [...lines.values()].sort((a, b) => b.count - a.count);
}

function showHottest(lines) {
  const total = lines.reduce((sum, { count }) => sum + count, 0);
  heading('Hottest source lines', 'BPF instructions run, from a second run that counts them');
  const columns = [right('instructions'), right('share'), { head: 'line' }, { head: 'source' }];
  const rows = lines
    .slice(0, 5)
    .map(({ line, count }) => [
      grouped(count),
      percent(count, total),
      `${basename(line.file)}:${line.line}`,
      line.text.trim(),
    ]);
  show(columns, rows);
}

function suggest() {
  heading('Try next');
  const object = 'examples/firewall/firewall.bpf.o';
  const run = `npx beeyard run ${object} --pcap examples/firewall/capture.pcap.gz`;
  const ideas = [
    [`${run} --top`, 'the same from the command line, without rules'],
    [
      `${run} \\\n    --map 'blocked_v4:10.0.0.0/8={"rule": 1}' --out passed.pcap.gz`,
      'with a rule, and what passes it as a capture',
    ],
    [`npx beeyard prog dump xlated ${object}`, 'its instructions between its source lines'],
    ['npx beeyard --help', 'everything else it can do'],
    ['npm run bench', 'how fast it is against native code (needs clang-19)'],
  ];
  for (const [command, why] of ideas) say(`  ${style.dim(`# ${why}`)}\n  ${command}`);
}

/** Packets per second once V8 has optimised: the best of a few passes on a machine of its own. */
async function warmRate(rules, capture) {
  const { machine, program } = await boot(rules, {});
  let best = 0;
  for (let pass = 0; pass < WARM_PASSES; pass++) {
    const { packets, ms } = await runCapture(machine.kernel, program, capture);
    best = Math.max(best, packets / (ms / 1000));
  }
  return best;
}

async function main() {
  const rules = parseRules(readFileSync(here('firewall.rules'), 'utf8'));
  const capture = gunzipSync(readFileSync(here('capture.pcap.gz')));
  const start = performance.now();
  const booted = await boot(rules, {});
  introduce(booted, rules, performance.now() - start);
  const result = await runCapture(booted.machine.kernel, booted.program, capture);
  showVerdicts(result, await warmRate(rules, capture), reasonCounts(booted));
  const { maps } = booted.loaded;
  showSources(maps.sources);
  showTries(maps);
  showPorts(maps.ports);
  showDrops(maps.drops);
  const profiled = await boot(rules, { profile: true });
  await runCapture(profiled.machine.kernel, profiled.program, capture);
  showHottest(hottestLines(profiled));
  suggest();
}

await main();
