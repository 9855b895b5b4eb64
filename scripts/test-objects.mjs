/**
 * `npm run test:objects`: objects nobody here wrote. Takes every BPF object of Debian's xdp-tools
 * (its files and those of libxdp) and those embedded in the binaries of xdp-tools and libbpf-tools;
 * reads each, disassembles each program, verifies it and holds the answer against what Linux 6.12.117
 * said of it (tests/fixtures/oracle), and runs the XDP and tc programs on a packet. Fails when one
 * cannot be read or disassembled or is judged otherwise than by Linux; programs the machine refuses
 * are counted with the reason.
 *
 * --no-build: use dist/ as it is.  --keep FOLDER: write the objects there.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGES, findObjects, installPackages } from './debian-objects.mjs';
import { fail, install, root, run } from './lib.mjs';

const { values: options } = parseArgs({
  options: { 'no-build': { type: 'boolean' }, keep: { type: 'string' } },
});

// ---------------------------------------------------------------- what is done to each

const RUNNABLE = new Set(['xdp', 'sched_cls', 'sched_act']);

const SIZED = new Set(['array', 'percpu_array', 'hash', 'percpu_hash', 'cpumap', 'devmap']);

/** An Ethernet frame with IPv4 and TCP (a SYN to port 80), padded to 128 bytes. */
function packet() {
  const hex =
    '0200000000010200000000020800450000720001000040063c720a0000010a000002' +
    'c00000500000000100000000500220000000000000';
  return Uint8Array.from(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(128)])).slice(0, 128);
}

/** Reads and disassembles; the instruction count, or throws. */
function disassemble(object, isa) {
  let count = 0;
  for (const { insns } of object.programs) {
    const code = isa.decodeCode(insns);
    isa.checkCode(code);
    const lines = isa.kernelListing(code).trimEnd().split('\n');
    if (lines.length === 0) throw new Error('the listing is empty');
    count += code.length;
  }
  return count;
}

const LINUX = JSON.parse(
  readFileSync(join(root, 'tests/fixtures/oracle/debian-objects-6.12.117.json'), 'utf8'),
).objects;

/** Verifies every program as Linux would; which are judged as Linux did, if it was asked. */
function verifyPrograms(object, hash, { verify, verifierInput }, profile) {
  const said = LINUX[hash.slice(0, 16)]?.programs ?? {};
  const judged = object.programs.map((program) => {
    const verdict = judge(object, program, verify, verifierInput, profile);
    return { name: program.name, verdict, linux: said[program.name] };
  });
  return { judged, other: judged.filter(({ verdict, linux }) => linux && verdict !== linux) };
}

/** The five statistics of an accepted program, or why it is none; the words of the record. */
function judge(object, program, verify, verifierInput, profile) {
  let input;
  try {
    input = verifierInput(object, program, profile);
  } catch (error) {
    if (error.name === 'KernelError' || error.name === 'FormatError') return 'refused by libbpf';
    throw error;
  }
  const { ok, errnoName, stats } = verify(input, profile);
  if (!ok) return errnoName;
  const { processed, maxStatesPerInsn, totalStates, peakStates, markRead } = stats;
  return `${processed} ${maxStatesPerInsn} ${totalStates} ${peakStates} ${markRead}`;
}

/** Loads and runs the packet programs, each on a machine of its own. */
async function runPrograms(object, beeyard) {
  const fitting = object.programs.filter(({ type }) => RUNNABLE.has(type));
  const sized = { ...object, maps: object.maps.map(withSize) };
  const results = [];
  for (const { name } of fitting) results.push(await runProgram(sized, name, beeyard));
  return results;
}

/** Maps of xdp-tools that count per CPU have no size in the object: the tool sets it first. */
function withSize(map) {
  return map.maxEntries === 0 && SIZED.has(map.type) ? { ...map, maxEntries: 64 } : map;
}

async function runProgram(object, name, { createMachine, KernelError }) {
  const host = await createMachine({ devices: { eth0: {} } });
  try {
    const { programs } = await host.load(object, { programs: [name] });
    return { verdict: programs[name].run({ data: packet() }).verdict };
  } catch (error) {
    if (error instanceof KernelError) return { name, refused: error.message };
    if (error.name === 'ProgramFault') return { name, fault: error.message };
    throw error;
  } finally {
    host[Symbol.dispose]();
  }
}

function summarize(results) {
  if (results.length === 0) return '';
  const ran = results.filter(({ verdict }) => verdict !== undefined);
  const counts = new Map();
  for (const { verdict } of ran) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const words = [...counts].map(([word, count]) => (count > 1 ? `${word} ×${count}` : word));
  const missed = results.find(({ verdict }) => verdict === undefined);
  const reason = missed && `${missed.fault ? 'fault: ' : ''}${missed.fault ?? missed.refused}`;
  return [`${ran.length}/${results.length} ran`, words.join(' '), reason]
    .filter(Boolean)
    .join(', ');
}

// ---------------------------------------------------------------- the table

installPackages();
install();
if (!options['no-build']) run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
const dist = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
const [beeyard, isa, verifier, { formatTable }] = await Promise.all([
  dist('index.js'),
  dist('isa/index.js'),
  dist('verifier/index.js'),
  dist('cli/table.js'),
]);
const profile = await verifier.loadKernelProfile();

const objects = findObjects();
if (objects.length === 0) fail(`no BPF object in ${PACKAGES.join(', ')}: are the packages whole?`);
if (options.keep) {
  mkdirSync(options.keep, { recursive: true });
  for (const { name, bytes } of objects) {
    const file = name.endsWith('.o') ? name : `${name.replace(' #', '-')}.o`;
    writeFileSync(join(options.keep, file), bytes);
  }
}

const total = { programs: 0, maps: 0, insns: 0, runnable: 0, ran: 0, copies: 0 };
const verdicts = { asked: 0, equal: 0, accepted: 0 };
const rows = [];
const failures = [];
for (const { name, bytes, hash, copies } of objects) {
  if (process.stderr.isTTY)
    process.stderr.write(`\r\u001b[K${rows.length}/${objects.length} ${name}`);
  try {
    const object = beeyard.parseObject(bytes);
    const insns = disassemble(object, isa);
    const { judged, other } = verifyPrograms(object, hash, verifier, profile);
    const accepted = judged.filter(({ verdict }) => /^\d/.test(verdict));
    verdicts.asked += judged.filter(({ linux }) => linux !== undefined).length;
    verdicts.equal += judged.filter(({ verdict, linux }) => linux === verdict).length;
    verdicts.accepted += accepted.length;
    for (const { name: program, verdict, linux } of other) {
      failures.push(`${name} ${program}: '${verdict}', Linux says '${linux}'`);
    }
    const results = await runPrograms(object, beeyard);
    const types = [...new Set(object.programs.map(({ type }) => type ?? '?'))].join(' ');
    const numbers = [object.programs.length, object.maps.length, insns];
    const passed = `${accepted.length}/${judged.length}`;
    rows.push([name, ...numbers.map(String), passed, types, summarize(results)]);
    total.programs += numbers[0];
    total.maps += numbers[1];
    total.insns += insns;
    total.runnable += results.length;
    total.ran += results.filter(({ verdict }) => verdict !== undefined).length;
    total.copies += copies;
  } catch (error) {
    failures.push(name);
    rows.push([name, '', '', '', '', 'FAILED', error.message]);
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');

const columns = [
  { head: 'object' },
  { head: 'programs', right: true },
  { head: 'maps', right: true },
  { head: 'insns', right: true },
  { head: 'verified', right: true },
  { head: 'types' },
  { head: 'xdp and tc on a packet' },
];
const width = process.stdout.columns ?? (Number(process.env.COLUMNS) || 100);
process.stdout.write(`${formatTable(columns, rows, width).trimEnd()}\n\n`);
process.stdout.write(
  `${objects.length} objects (${total.copies} with copies): ${total.programs} programs, ` +
    `${total.maps} maps, ${total.insns} instructions\n` +
    `${verdicts.accepted} programs accepted by the verifier; ${verdicts.equal} of ${verdicts.asked} ` +
    'judged as by Linux 6.12.117, statistics included\n' +
    `${total.ran} of ${total.runnable} XDP and tc programs ran; ${failures.length} failed\n`,
);
for (const name of failures) process.stdout.write(`FAILED: ${name}\n`);
process.exit(failures.length > 0 ? 1 : 0);
