import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { bootMachine, type MachineOptions } from '../machine/index.ts';
import { loadObject, MapOf } from '../client/index.ts';
import { exploreGracePeriods, type Exploration, type Trial } from '../tools/index.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { parseGlobals, parseMapEntries } from './inputs.ts';
import type { CliIo } from './io.ts';
import { styleFor } from './io.ts';
import { seedOf } from './map-hash.ts';
import { readMap } from './map-contents.ts';
import { memoryJson, memoryText, placeText } from './mem-report.ts';
import { memoryModelOf } from './memory-options.ts';
import { Progress } from './progress.ts';
import { chooseProgram, runOver } from './run.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

/** `beeyard mem`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  if (call.flag('explore')) return explore(call, io);
  if (cpusOf(call) > 1) return atOnce(call, io);
  let reused = 0;
  const code = await runOver(withModel(call), io, ({ machine }) => {
    const memory = machine.machine.memory!;
    reused = memory.reuses.length;
    if (call.json) io.out(`${toJson(memoryJson(memory), call.flag('pretty'))}\n`);
    else io.out(memoryText(memory, io.columns, styleFor(io.color)));
  });
  return code === EXIT.ok && reused > 0 ? EXIT.finding : code;
}

/** The same call, which asks for a policy in any case. */
function withModel(call: CommandCall): CommandCall {
  return call.text('gp') === undefined ? call.with('gp', 'eager') : call;
}

const cpusOf = (call: CommandCall): number => call.count('cpus', 1, 1, 64);

/** Packets run some at once: what is in use afterwards, and what was reused too early. */
async function atOnce(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.operands[0]!;
  const object = readObject(path, io);
  const spec = chooseProgram(object, call.text('prog'), path);
  const packets = await firstPackets(call, io, 10_000);
  const verify = !call.flag('unverified');
  const model = memoryModelOf(withModel(call));
  const { machine, run } = await prepare(call, object, spec, { verify, ...model });
  for (let i = 0; i < packets.length; i += cpusOf(call)) {
    machine.concurrently(packets.slice(i, i + cpusOf(call)).map((data) => () => run(data)));
  }
  const memory = machine.memory!;
  if (call.json) io.out(`${toJson(memoryJson(memory), call.flag('pretty'))}\n`);
  else io.out(memoryText(memory, io.columns, styleFor(io.color)));
  return memory.reuses.length > 0 ? EXIT.finding : EXIT.ok;
}

async function explore(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.operands[0]!;
  const object = readObject(path, io);
  const spec = chooseProgram(object, call.text('prog'), path);
  if (call.text('gp') !== undefined) throw usageError('--explore tries all policies: no --gp');
  const packets = await firstPackets(call, io, 8);
  const progress = new Progress(io);
  const most = call.count('most', 10_000, 1, 1e7);
  const scenario = await scenarioOf(call, object, spec, packets);
  const seen = await exploreGracePeriods(scenario, {
    most,
    onProgress: (runs, known) => progress.update(runs, () => runs / Math.max(1, known)),
  });
  progress.clear();
  if (call.json) io.out(`${toJson(explorationJson(seen), call.flag('pretty'))}\n`);
  else io.out(explorationText(seen, packets.length, io));
  const found = seen.placements.some(({ isFirst, reuse }) => !isFirst || reuse !== undefined);
  return found ? EXIT.finding : EXIT.ok;
}

/** The first packets of the capture. */
async function firstPackets(call: CommandCall, io: CliIo, usual: number): Promise<Uint8Array[]> {
  const pcap = call.text('pcap');
  if (pcap === undefined) throw usageError("'beeyard mem' needs a capture: --pcap FILE");
  const count = call.count('packets', usual, 1, 1e6);
  const packets: Uint8Array[] = [];
  for await (const batch of new CaptureFile(pcap, io).batches()) {
    for (let i = 0; i < batch.count && packets.length < count; i++) {
      packets.push(batch.bytes.slice(batch.start[i]!, batch.start[i]! + batch.length[i]!));
    }
    if (packets.length >= count) break;
  }
  return packets;
}

/** Verified once; the many runs that follow are of the same program, with checks. */
async function scenarioOf(
  call: CommandCall,
  object: ObjectFile,
  spec: ProgramSpec,
  packets: readonly Uint8Array[],
): Promise<(choices: readonly boolean[]) => Promise<Trial>> {
  if (!call.flag('unverified')) {
    const { machine } = await bootMachine({ engine: 'interpreter' });
    const globals = parseGlobals(call.list('global'), object);
    loadObject(machine, object, { globals, programs: [spec.name] });
  }
  const model = memoryModelOf(call);
  const cpus = cpusOf(call);
  return async (choices) => {
    const { machine, maps, run } = await prepare(call, object, spec, {
      ...model,
      verify: false,
      gracePeriods: { choices },
      detectReuse: true,
    });
    const verdicts: string[] = [];
    for (let i = 0; i < packets.length; i += cpus) {
      const works = packets.slice(i, i + cpus).map((data) => () => run(data));
      const seen = cpus > 1 ? machine.concurrently(works) : works.map((work) => work());
      verdicts.push(...seen.map(({ verdict }) => verdict));
    }
    const contents = [...maps.values()].map((map) => readMap(map, object.btf, 1)?.entries() ?? []);
    return { result: { verdicts, maps: contents }, memory: machine.memory! };
  };
}

/** A machine with the program and its maps filled. */
async function prepare(
  call: CommandCall,
  object: ObjectFile,
  spec: ProgramSpec,
  options: MachineOptions,
) {
  const cpus = cpusOf(call);
  const { machine } = await bootMachine({
    engine: (call.text('engine') ?? 'interpreter') as 'wasm' | 'interpreter',
    seed: seedOf(call),
    ...(cpus > 1 ? { cpus, concurrent: true } : {}),
    ...options,
  });
  const globals = parseGlobals(call.list('global'), object);
  const loaded = loadObject(machine, object, { globals, programs: [spec.name] });
  const { maps } = loaded;
  for (const { map, key, value } of parseMapEntries(call.list('map'))) {
    const found = maps.get(map);
    if (!found) throw usageError(`the object has no map '${map}'`);
    new MapOf(found, object.btf, cpus).set(key as never, value as never);
  }
  const program = loaded.programs.get(spec.name)!;
  return { machine, maps, run: (data: Uint8Array) => program.run({ data }) };
}

const place = ({ reader, inside, kind }: { reader: number; inside: boolean; kind: string }) =>
  kind === 'cpu'
    ? `another CPU's ${inside ? 'within' : 'before the next of'} ${reader}`
    : `${kind} ${inside ? 'while' : 'after'} ${reader}`;

function explorationText(seen: Exploration, packets: number, io: CliIo): string {
  const style = styleFor(io.color);
  const { runs, complete, choices, placements } = seen;
  const all = complete ? 'all' : 'the first';
  const placed = `${grouped(runs)} ${runs === 1 ? 'placement' : 'placements'}`;
  const several = placements.length === 1 ? 'one outcome' : `${placements.length} outcomes`;
  const head =
    `${all} ${placed} of grace periods over ${grouped(packets)} packets, ` +
    `at most ${choices} choices: ${style.bold(several)}\n`;
  const columns = [
    { head: '' },
    { head: 'placements', right: true },
    { head: 'shortest schedule (after or while which invocation)' },
  ];
  const rows = placements.map(({ schedule, count }, i) => [
    String(i + 1),
    grouped(count),
    schedule.length === 0 ? 'none ends' : schedule.map(place).join(', '),
  ]);
  const reuses = placements.flatMap(({ reuse }, i) =>
    reuse
      ? `  ${i + 1}: reused: ${reuse.name}, got in ${placeText(reuse.obtained)}, freed in ` +
        `${placeText(reuse.freed)}, reused in ${placeText(reuse.reused)}\n`
      : [],
  );
  return head + formatTable(columns, rows, io.columns, style.dim) + reuses.join('');
}

function explorationJson({ runs, complete, choices, placements }: Exploration): object {
  return {
    runs,
    complete,
    choices,
    outcomes: placements.map(({ isFirst, count, schedule, reuse, result }) => ({
      first: isFirst,
      placements: count,
      schedule,
      reuse,
      result,
    })),
  };
}
