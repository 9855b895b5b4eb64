import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { bootMachine } from '../machine/index.ts';
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

async function explore(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.operands[0]!;
  const object = readObject(path, io);
  const spec = chooseProgram(object, call.text('prog'), path);
  if (call.text('gp') !== undefined) throw usageError('--explore tries all policies: no --gp');
  const packets = await firstPackets(call, io);
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
async function firstPackets(call: CommandCall, io: CliIo): Promise<Uint8Array[]> {
  const pcap = call.text('pcap');
  if (pcap === undefined) throw usageError("'beeyard mem' needs a capture: --pcap FILE");
  const count = call.count('packets', 8, 1, 1000);
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
  const globals = parseGlobals(call.list('global'), object);
  const programs = [spec.name];
  const engine = (call.text('engine') ?? 'interpreter') as 'wasm' | 'interpreter';
  if (!call.flag('unverified')) {
    const { machine } = await bootMachine({ engine: 'interpreter' });
    loadObject(machine, object, { globals, programs });
  }
  const settings = { engine, verify: false, seed: seedOf(call), ...memoryModelOf(call) };
  return async (choices) => {
    const { machine } = await bootMachine({
      ...settings,
      gracePeriods: { choices },
      detectReuse: true,
    });
    const { maps, programs: loaded } = loadObject(machine, object, { globals, programs });
    for (const { map, key, value } of parseMapEntries(call.list('map'))) {
      const found = maps.get(map);
      if (!found) throw usageError(`the object has no map '${map}'`);
      new MapOf(found, object.btf, 1).set(key as never, value as never);
    }
    const program = loaded.get(spec.name)!;
    const verdicts = packets.map((data) => program.run({ data }).verdict);
    const contents = [...maps.values()].map((map) => readMap(map, object.btf, 1)?.entries() ?? []);
    return { result: { verdicts, maps: contents }, memory: machine.memory! };
  };
}

const place = ({ reader, inside, kind }: { reader: number; inside: boolean; kind: string }) =>
  `${kind} ${inside ? 'while' : 'after'} ${reader}`;

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
