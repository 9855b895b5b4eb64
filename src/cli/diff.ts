/** `beeyard diff`: what the simulated kernel and Linux say of the same programs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KernelVersion } from '../abi/index.ts';
import { KernelError, hexBytes } from '../base/index.ts';
import {
  ASPECTS,
  type Comparison,
  compare,
  type DiffObject,
  type DiffPacket,
  type DiffPlan,
  type DiffTarget,
  type Observation,
  observe,
} from '../tools/diff/index.ts';
import type { Accelerator } from '../tools/vm/index.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { linuxTarget, simulatedTarget } from './diff-targets.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes, readObject } from './files.ts';
import { firstFrames } from './frames.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';
import { runInMachine } from './vm-command.ts';

/** Characters of a value that are shown. */
const SHOWN = 60;
const COLUMNS = [
  ...['program', 'what', 'where', 'simulated', 'Linux'].map((head) => ({ head })),
  { head: 'places', right: true },
];

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const given = call.text('plan');
  if (call.flag('observe')) return observeHere(given, io);
  const plan = given === undefined ? await planOf(call, io) : readPlan(given, io);
  const ignored = call.list('ignore');
  checkIgnored(ignored, plan, io);
  const version = (call.text('kernel') ?? '6.12') as KernelVersion;
  const ours = await observeAll(plan, simulatedTarget(version, plan.logLevel), io);
  const linux = await onLinux(plan, version, call, io);
  const results = compare(ours, linux, ignored);
  if (call.json)
    io.out(`${toJson({ ...jsonOf(results, plan, version), ignored }, call.flag('pretty'))}\n`);
  else io.out(textOf(results, plan, version, io.columns) + ignoredText(ignored));
  return results.some(({ differences }) => differences.length > 0) ? EXIT.finding : EXIT.ok;
}

/** A map no object has would hide nothing: a slip of the pen. */
function checkIgnored(ignored: readonly string[], plan: DiffPlan, io: CliIo): void {
  if (ignored.length === 0) return;
  const maps = plan.objects.flatMap(({ path }) => readObject(path, io).maps.map((map) => map.name));
  const missing = ignored.find((name) => !maps.includes(name));
  if (missing === undefined) return;
  const list = [...new Set(maps)].join(', ') || 'none';
  throw usageError(`--ignore ${missing}: no such map (there are: ${list})`);
}

const ignoredText = (ignored: readonly string[]): string =>
  ignored.length === 0 ? '' : `left out of the comparison: ${ignored.join(', ')}\n`;

async function planOf(call: CommandCall, io: CliIo): Promise<DiffPlan> {
  if (call.operands.length === 0)
    throw usageError('which objects?', 'beeyard diff OBJ --pcap FILE');
  const programs = call.list('prog');
  const objects = call.operands.map((path): DiffObject => {
    const globals = parseGlobals(call.list('global'), readObject(path, io));
    return {
      name: basename(path),
      path: resolve(io.cwd, path),
      ...(programs.length > 0 && { programs }),
      ...(Object.keys(globals).length > 0 && { globals }),
    };
  });
  const pcap = call.text('pcap');
  const most = call.count('count', 1000, 1, 1e5);
  return {
    objects,
    packets: pcap === undefined ? [] : await packetsOf(pcap, most, io),
    logLevel: call.count('log-level', 1, 1, 2),
  };
}

async function packetsOf(pcap: string, most: number, io: CliIo): Promise<DiffPacket[]> {
  const capture = new CaptureFile(pcap, io);
  const frames = await firstFrames(capture, most);
  if (frames.length < most && capture.problem) throw capture.problem;
  return frames.map((data) => ({ data: hexBytes(data) }));
}

function readPlan(path: string, io: CliIo): DiffPlan {
  const text = Buffer.from(readBytes(path, io)).toString();
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as DiffPlan;
}

const planText = (plan: DiffPlan): string =>
  JSON.stringify(plan, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

async function observeAll(
  plan: DiffPlan,
  target: () => Promise<DiffTarget>,
  io: CliIo,
): Promise<Observation[]> {
  const found: Observation[] = [];
  for (const asked of plan.objects) {
    const object = readObject(asked.path, io);
    const names = object.programs.map(({ name }) => name);
    const missing = asked.programs?.find((name) => !names.includes(name));
    if (missing !== undefined && plan.objects.length === 1) {
      const list = names.join(', ');
      throw usageError(`${asked.name} has no program '${missing}' (it has: ${list})`);
    }
    found.push(...(await observe(target, object, asked, plan)));
  }
  return found;
}

/** In the machine: answers go into a file beside the plan. */
async function observeHere(path: string | undefined, io: CliIo): Promise<number> {
  if (path === undefined) throw usageError('--observe needs --plan FILE');
  const plan = readPlan(path, io);
  try {
    const target = await linuxTarget(io.env['BEEYARD_LINUX'], plan.logLevel);
    const found = await observeAll(plan, target, io);
    writeFileSync(`${resolve(io.cwd, path)}.out`, JSON.stringify(found));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new CliError(EXIT.privilege, error.message, undefined, { cause: error });
  }
}

async function onLinux(
  plan: DiffPlan,
  kernel: KernelVersion,
  call: CommandCall,
  io: CliIo,
): Promise<Observation[]> {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-diff-'));
  try {
    const path = join(folder, 'plan.json');
    writeFileSync(path, planText(plan));
    const main = join(dirname(fileURLToPath(import.meta.url)), 'main.js');
    await runInMachine(
      {
        kernel,
        folder,
        words: [process.execPath, main, 'diff', '--observe', '--plan', path],
        environment: { PATH: io.env['PATH'] ?? '', BEEYARD_LINUX: 'on' },
        accelerator: (call.text('accel') ?? 'auto') as Accelerator | 'auto',
        cpus: 1,
        timeout: call.count('timeout', 600, 1, 86_400),
      },
      io,
    );
    return JSON.parse(readFileSync(`${path}.out`, 'utf8')) as Observation[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jsonOf(results: readonly Comparison[], { packets }: DiffPlan, kernel: string) {
  const different = results.filter(({ differences }) => differences.length > 0).length;
  return { kernel, packets: packets.length, programs: results, different };
}

function textOf(
  results: readonly Comparison[],
  { packets }: DiffPlan,
  kernel: string,
  width: number,
): string {
  const rows = results.flatMap(({ object, program, differences }) =>
    differences.map(({ aspect, place, simulated, linux, count }) => [
      `${object}:${program}`,
      aspect,
      place,
      shown(simulated),
      shown(linux),
      `${count}`,
    ]),
  );
  const same = results.filter(({ differences }) => differences.length === 0).length;
  const what = ASPECTS.filter((one) => results.some(({ compared }) => compared.includes(one)));
  const summary =
    `${same} of ${results.length} programs are the same on Linux ${kernel}` +
    ` (${what.join(', ')}; ${packets.length} packets)\n`;
  return rows.length === 0 ? summary : `${formatTable(COLUMNS, rows, width)}\n${summary}`;
}

const shown = (text: string): string =>
  text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${text.length})`;
