/** `beeyard codemem`: which WebAssembly modules the programs of objects are in. */
import type { CodePack, Recompaction } from '../abi/index.ts';
import type { VerifierError, KernelError } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import type { KernelProgram } from '../kernel/index.ts';
import { bootMachine, type Machine } from '../machine/index.ts';
import { packBar } from './codemem-bar.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { didYouMean } from './suggest.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

/** Rows of programs shown unless all are asked for. */
const FEW = 16;

interface Loaded {
  readonly machine: Machine;
  readonly programs: readonly KernelProgram[];
  readonly refused: readonly (readonly [name: string, why: KernelError | VerifierError])[];
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const loaded = await loadAll(call, io);
  unload(call, loaded.programs);
  const { codeMemory } = loaded.machine;
  const moved = call.flag('recompact') ? codeMemory!.recompact({ waste: 0 }) : undefined;
  const packs = codeMemory!.packs();
  if (call.json) io.out(`${toJson(jsonOf(loaded, packs, moved), call.flag('pretty'))}\n`);
  else report(call, loaded, packs, moved, io);
  return loaded.refused.length > 0 ? EXIT.finding : EXIT.ok;
}

async function loadAll(call: CommandCall, io: CliIo): Promise<Loaded> {
  const objects = call.operands.map((path) => readObject(path, io));
  const { machine } = await bootMachine({
    verify: !call.flag('unverified'),
    codePack: call.count('pack', 16, 1, 4096),
  });
  const all = machine.together(() => objects.map((object) => loadObject(machine, object)));
  return {
    machine,
    programs: all.flatMap(({ programs }) => [...programs.values()]),
    refused: all.flatMap(({ refused }) => [...refused]),
  };
}

function unload(call: CommandCall, programs: readonly KernelProgram[]): void {
  const names = programs.map(({ spec }) => spec.name);
  for (const name of call.list('unload')) {
    if (!names.includes(name)) {
      throw usageError(`there is no program '${name}'${didYouMean(name, names)}`);
    }
    for (const program of programs) if (program.spec.name === name) program.close();
  }
}

function totals(packs: readonly CodePack[]) {
  const sum = (of: (pack: CodePack) => number) => packs.reduce((all, pack) => all + of(pack), 0);
  const bytes = sum((pack) => pack.bytes);
  const live = sum((pack) => pack.live);
  const dead = sum((pack) => pack.dead);
  return {
    packs: packs.length,
    programs: sum(({ chunks }) => chunks.filter((chunk) => chunk.live).length),
    bytes,
    live,
    dead,
    shared: bytes - live - dead,
    compile: sum((pack) => pack.compile),
    instantiate: sum((pack) => pack.instantiate),
  };
}

function jsonOf(loaded: Loaded, packs: readonly CodePack[], recompaction?: Recompaction) {
  const { used, free } = loaded.machine.runtime.functions;
  return {
    packs,
    totals: totals(packs),
    slots: { used, free },
    ...(recompaction && { recompaction }),
    refused: loaded.refused.map(([name, error]) => ({ name, reason: error.message })),
  };
}

const right = (head: string) => ({ head, right: true });
const PACK_COLUMNS = ['pack', 'gen', 'programs', 'bytes', 'live', 'dead', 'shared']
  .concat('compile ms', 'link ms')
  .map(right);
const CHUNK_COLUMNS = [
  { head: 'program' },
  right('pack'),
  right('offset'),
  right('bytes'),
  { head: '' },
];

/** The cells of some packs together. */
function cells(id: string, generation: string, packs: readonly CodePack[]): string[] {
  const { programs, bytes, live, dead, shared, compile, instantiate } = totals(packs);
  const numbers = [programs, bytes, live, dead, shared].map(grouped);
  return [id, generation, ...numbers, compile.toFixed(1), instantiate.toFixed(1)];
}

function report(
  call: CommandCall,
  { machine, refused }: Loaded,
  packs: readonly CodePack[],
  moved: Recompaction | undefined,
  io: CliIo,
): void {
  const style = styleFor(io.color);
  const rows = packs.map((pack) => cells(String(pack.id), String(pack.generation), [pack]));
  if (packs.length !== 1) rows.push(cells('all', '', packs));
  io.out(formatTable(PACK_COLUMNS, rows, io.columns, style.dim, 0));
  io.out('\n');
  for (const pack of packs) io.out(`${packBar(pack, io.columns, style)}\n`);
  io.out(style.dim('█▓ programs  · gone  ░ imports, types and names\n\n'));
  chunks(packs, call.flag('programs') ? Number.POSITIVE_INFINITY : FEW, io);
  const { used, free } = machine.runtime.functions;
  io.out(`\n${grouped(used)} slots of the function table in use, ${grouped(free)} free\n`);
  if (moved) {
    const { before, after, freed } = moved;
    const change = `${grouped(Math.abs(freed))} bytes ${freed < 0 ? 'more' : 'less'}`;
    io.out(`packed anew: ${moved.moved} programs, ${before} packs → ${after}, ${change}\n`);
  }
  for (const [name, { message }] of refused) io.err(`${name}: not loaded: ${message}\n`);
}

function chunks(packs: readonly CodePack[], most: number, io: CliIo): void {
  const all = packs.flatMap((pack) => pack.chunks.map((chunk) => ({ pack, chunk })));
  const largest = all.toSorted((a, b) => b.chunk.bytes - a.chunk.bytes).slice(0, most);
  const rows = largest.map(({ pack, chunk }) => [
    chunk.name,
    String(pack.id),
    grouped(chunk.offset),
    grouped(chunk.bytes),
    chunk.live ? '' : 'gone',
  ]);
  if (rows.length > 0)
    io.out(formatTable(CHUNK_COLUMNS, rows, io.columns, styleFor(io.color).dim, 0));
  const rest = all.length - rows.length;
  if (rest > 0) io.out(`${grouped(rest)} smaller ones: --programs shows them\n`);
}
