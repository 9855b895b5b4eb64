/** The programs and packets of tests/fixtures/oracle/packets-*.json.gz, run by the machine. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createMachine, type Host } from '../../src/index.ts';
import type { KernelMap, ProgTestRunAttr } from '../../src/kernel/index.ts';
import { type BpfSyscall, bpfSyscall, Process } from '../../src/machine/bpf/index.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineProgram } from '../../src/machine/program.ts';
import { mapLines } from '../../src/tools/diff/index.ts';

export interface Asked {
  /** A context, hexadecimal. */
  readonly input?: string;
  /** It is asked for afterwards. */
  readonly output: boolean;
}

export interface HostilePacket {
  readonly data: string;
  readonly xdp: Asked;
  readonly skb: Asked;
}

/** A program, how its maps are filled, what Linux said. */
export interface Case {
  readonly name: string;
  readonly file: string;
  readonly program: string;
  readonly selftest?: true;
  readonly before?: readonly string[];
  readonly maps?: Readonly<Record<string, readonly (readonly [string, string])[]>>;
}

export interface Answers {
  readonly errno?: number;
  readonly runs?: readonly string[];
  readonly maps?: Readonly<Record<string, string>>;
}

const ORACLE = join(import.meta.dirname, '..', 'fixtures', 'oracle');

export interface Recording {
  readonly packets: readonly HostilePacket[];
  readonly cases: readonly (Case & { readonly answers: Answers })[];
}

/** The fixture: runs are kept by packet. */
interface Recorded {
  readonly packets: readonly (HostilePacket & { readonly runs: readonly string[] })[];
  readonly programs: readonly (Case & {
    readonly errno?: number;
    readonly contents?: Readonly<Record<string, string>>;
  })[];
}

/** What Linux said: when the fixture was made, or now (`npm run test:vm`). */
export function recording(): Recording {
  const path = process.env['BEEYARD_PACKETS'] ?? join(ORACLE, 'packets-6.12.117.json.gz');
  const file = gunzipSync(readFileSync(path));
  const { packets, programs } = JSON.parse(file.toString()) as Recorded;
  const cases = programs.map(({ errno, contents: maps, ...one }, k) => {
    if (errno !== undefined) return { ...one, answers: { errno } };
    return { ...one, answers: { runs: packets.map(({ runs }) => runs[k]!), maps: maps! } };
  });
  return { packets, cases };
}

/** Reasons why a program's answers differ: by name, which of them. */
export const knownDifferences = (): Record<string, string> =>
  JSON.parse(readFileSync(join(ORACLE, 'packets-known.json'), 'utf8'));

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const ROOM = 1 << 16;
const HASH_LENGTH = 10;
const SHORT = 100;

/** What the machine says of a program on an engine. */
export async function replay(
  one: Case,
  object: Uint8Array,
  packets: readonly HostilePacket[],
  engine: 'wasm' | 'interpreter',
): Promise<Answers> {
  // As on a fresh Linux, where nothing is forwarded.
  const host = await createMachine({ engine, devices: { lo: { forwarding: false } } });
  try {
    return await runAll(host, one, object, packets);
  } finally {
    host[Symbol.dispose]();
  }
}

async function runAll(
  host: Host,
  one: Case,
  object: Uint8Array,
  packets: readonly HostilePacket[],
): Promise<Answers> {
  const loaded = await loadAll(host, one, object);
  if (typeof loaded === 'number') return { errno: loaded };
  const { programs, maps } = loaded;
  for (const [name, entries] of Object.entries(one.maps ?? {})) {
    for (const [key, value] of entries) maps[name]?.update(fromHex(key), fromHex(value), 0);
  }
  const machine = host.kernel as Machine;
  const process = new Process(machine);
  const bpf = bpfSyscall(process);
  const run = (program: MachineProgram, packet: HostilePacket, asked: Asked) =>
    testRun(bpf, process, program, packet, asked);
  for (const name of one.before ?? []) run(programs[name]!, packets[0]!, { output: false });
  const program = programs[one.program]!;
  const which = program.spec.type === 'xdp' ? 'xdp' : 'skb';
  const runs = packets.map((packet) => run(program, packet, packet[which]));
  process.exit();
  return { runs, maps: contents(maps) };
}

async function loadAll(host: Host, one: Case, object: Uint8Array) {
  try {
    const names = [one.program, ...(one.before ?? [])];
    const { programs, maps } = await host.load(object, { programs: names });
    return {
      programs: mapValues(programs, ({ kernelProgram }) => kernelProgram as MachineProgram),
      maps: mapValues(maps, ({ kernelMap }) => kernelMap),
    };
  } catch (error) {
    if (error instanceof Error && 'errno' in error) return error.errno as number;
    throw error;
  }
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (one: From) => To) {
  const pairs = Object.entries(record).map(([name, one]) => [name, change(one)] as const);
  return Object.fromEntries(pairs) as Record<string, To>;
}

const SIZES = { xdp: 24, skb: 192 };

/** A run in the fixture's words (scripts/vm/packet-questions.mjs says which). */
function testRun(
  bpf: BpfSyscall,
  process: Process,
  program: MachineProgram,
  packet: HostilePacket,
  asked: Asked,
): string {
  const data = fromHex(packet.data);
  const size = SIZES[program.spec.type === 'xdp' ? 'xdp' : 'skb'];
  const context = new Uint8Array(size);
  const out = new Uint8Array(ROOM);
  const attr: ProgTestRunAttr = {
    progFd: fdOf(bpf, program),
    dataIn: data,
    dataSizeIn: data.length,
    dataOut: out,
    dataSizeOut: ROOM,
    repeat: 1,
    ...(asked.input !== undefined && { ctxIn: fromHex(asked.input), ctxSizeIn: size }),
    ...(asked.output && { ctxOut: context, ctxSizeOut: size }),
  };
  const result = bpf.progTestRun(attr);
  process.close(attr.progFd);
  if (result < 0) return `E${-result}`;
  const after = Buffer.from(out.subarray(0, attr.dataSizeOut));
  const text = after.equals(data) ? '=' : `${after.length}:${hash(after)}`;
  return `${attr.retval! | 0} ${text}${asked.output ? ` ${contextText(asked, context)}` : ''}`;
}

const fdOf = (bpf: BpfSyscall, { id }: MachineProgram) => bpf.progGetFdById({ progId: id });

function contextText({ input = '' }: Asked, context: Uint8Array): string {
  const after = Buffer.from(context).toString('hex');
  return after === input.padEnd(after.length, '0') ? '=' : after.replace(/(00)+$/, '');
}

const hash = (bytes: Uint8Array | string) =>
  createHash('sha1').update(bytes).digest('hex').slice(0, HASH_LENGTH);

/** Every map whose contents can be compared, as text. */
function contents(maps: Readonly<Record<string, KernelMap>>): Record<string, string> {
  const found = Object.entries(maps).filter(
    ([, { spec }]) => spec.dataSection !== 'rodata' && spec.dataSection !== 'kconfig',
  );
  const texts = found.flatMap(([name, map]) => {
    const lines = mapLines(map);
    if (!lines) return [];
    const text = lines.join('\n');
    return [[name, text.length <= SHORT ? text : `${lines.length}:${hash(text)}`]];
  });
  return Object.fromEntries(texts);
}

/** What differs: `runs`, `map NAME`, with the first place. */
export function differences(ours: Answers, linux: Answers): Record<string, string> {
  if (ours.errno !== linux.errno) {
    return { errno: `${ours.errno} instead of ${linux.errno}` };
  }
  const found: Record<string, string> = {};
  const runs = linux.runs ?? [];
  const wrong = runs.flatMap((text, i) => (text === ours.runs![i] ? [] : [i]));
  if (wrong.length > 0) {
    const some = wrong
      .slice(0, 4)
      .map((i) => `packet ${i}: ${ours.runs![i]} instead of ${runs[i]}`);
    found['runs'] = `${wrong.length} runs; ${some.join('; ')}`;
  }
  for (const [name, text] of Object.entries(linux.maps ?? {})) {
    const mine = ours.maps![name];
    if (mine !== text) found[`map ${name}`] = `${mine} instead of ${text}`;
  }
  return found;
}

/** Differences of a program that the list does not know, and listed ones that are none any more. */
export function unlisted(
  name: string,
  found: Readonly<Record<string, string>>,
  known: Readonly<Record<string, string>>,
): string[] {
  const wrong = Object.entries(found).filter(([what]) => !known[`${name} ${what}`]);
  const gone = Object.keys(known).filter(
    (key) => key.startsWith(`${name} `) && !(key.slice(name.length + 1) in found),
  );
  return [
    ...wrong.map(([what, text]) => `${what}: ${text}`),
    ...gone.map((key) => `listed as different, but the same: ${key}`),
  ];
}
