import type { CoreRelocationKind } from '../btf/index.ts';
import { type CoreDecision, coreDecisions, type ProgramSpec } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { kernelNamed, type NamedKernel } from './kernels.ts';
import { didYouMean } from './suggest.ts';
import { formatRows } from './table.ts';
import { toJson } from './values.ts';

/** One place of a program, and what it became on each kernel. */
interface Access {
  readonly first: CoreDecision;
  /** In the order of the kernels. */
  readonly decisions: readonly CoreDecision[];
}

interface ProgramAccesses {
  readonly program: ProgramSpec;
  readonly accesses: readonly Access[];
}

/** `beeyard core`: what each compile-once access becomes on kernels, and why. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const words = [...call.list('kernel'), ...call.list('btf')];
  const kernels: NamedKernel[] = [];
  for (const word of words.length > 0 ? words : ['6.12', '6.1']) {
    kernels.push(await kernelNamed(word, io));
  }
  const programs = choose(object.programs, call.list('prog')).map((program) => {
    const perKernel = kernels.map(({ kernel }) => coreDecisions(object, program, kernel));
    const accesses = (perKernel[0] ?? []).map((first, i) => ({
      first,
      decisions: perKernel.map((each) => each[i]!),
    }));
    return { program, accesses };
  });
  if (call.json) io.out(`${toJson(report(kernels, programs), call.flag('pretty'))}\n`);
  else writeText(kernels, programs, io);
  const all = programs.flatMap(({ accesses }) => accesses.flatMap((each) => each.decisions));
  return all.some(({ outcome }) => outcome === 'refused') ? EXIT.finding : EXIT.ok;
}

function choose(programs: readonly ProgramSpec[], names: readonly string[]): ProgramSpec[] {
  const known = programs.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw usageError(`there is no program '${name}'${didYouMean(name, known)}`);
  }
  return programs.filter(({ name }) => names.length === 0 || names.includes(name));
}

// ---------------------------------------------------------------- JSON

function report(kernels: readonly NamedKernel[], programs: readonly ProgramAccesses[]): unknown {
  return {
    kernels: kernels.map(({ name, kernel }) => ({ name, release: kernel.release })),
    programs: programs.map(({ program, accesses }) => ({
      name: program.name,
      section: program.section,
      accesses: accesses.map(({ first, decisions }) => ({
        insn: first.relocation.insn,
        kind: first.relocation.kind,
        access: first.access,
        type_id: first.relocation.type,
        access_str: first.relocation.access,
        same: areSame(decisions),
        kernels: decisions.map((decision, i) => decisionReport(kernels[i]!.name, decision)),
      })),
    })),
  };
}

function decisionReport(kernel: string, decision: CoreDecision): unknown {
  const { outcome, before, after, resized, reason, candidates } = decision;
  return { kernel, outcome, before, after, resized, reason, candidates };
}

// ---------------------------------------------------------------- text

function writeText(
  kernels: readonly NamedKernel[],
  programs: readonly ProgramAccesses[],
  io: CliIo,
): void {
  const style = styleFor(io.color);
  const columns = [
    { head: 'insn', right: true },
    { head: 'kind' },
    { head: 'access' },
    { head: 'built', right: true },
    ...kernels.map(({ name }) => ({ head: name, right: true })),
    { head: '' },
  ];
  for (const { program, accesses } of programs) {
    io.out(`${style.bold(program.name)}  ${style.dim(program.section)}\n`);
    const rows = accesses.map((access) => rowOf(access, style));
    if (rows.length > 0) io.out(formatRows(columns, rows, io.columns, style.dim));
    for (const { first, decisions } of accesses) {
      const why = reasonsOf(decisions, kernels);
      if (why) io.out(`  ${style.dim(`insn ${first.relocation.insn}: ${why}`)}\n`);
    }
    io.out(`  ${style.dim(summary(accesses, kernels))}\n\n`);
  }
  if (programs.length === 0) io.err('the object has no programs\n');
}

function rowOf({ first, decisions }: Access, style: Style): string[] {
  const { insn, kind } = first.relocation;
  return [
    String(insn),
    kind,
    first.access,
    valueText(kind, first.before),
    ...decisions.map((decision) => cellOf(decision, style)),
    areSame(decisions) ? '' : 'differs',
  ];
}

/** How values of a kind are written. */
function valueText(kind: CoreRelocationKind, value: bigint | undefined): string {
  if (value === undefined) return '–';
  switch (kind) {
    case 'byte_off':
      return `+${value}`;
    case 'byte_sz':
    case 'type_size':
      return `${value} B`;
    case 'field_exists':
    case 'type_exists':
    case 'type_matches':
    case 'enumval_exists':
    case 'signed':
      return value === 0n ? 'no' : 'yes';
    case 'local_type_id':
    case 'target_type_id':
      return `#${value}`;
    default:
      return String(value);
  }
}

function cellOf({ relocation, outcome, after, resized }: CoreDecision, style: Style): string {
  if (outcome === 'refused') return style.bad('refused');
  if (outcome === 'poisoned') return style.warn(resized ? 'poisoned' : 'missing: poisoned');
  const size = resized ? `, ${resized.before}→${resized.after} B` : '';
  return valueText(relocation.kind, after) + size;
}

/** Kernels agree when the instruction is the same on all. */
function areSame([first, ...rest]: readonly CoreDecision[]): boolean {
  return rest.every(
    ({ outcome, after, resized }) =>
      (outcome === 'poisoned') === (first!.outcome === 'poisoned') &&
      (outcome === 'refused') === (first!.outcome === 'refused') &&
      after === first!.after &&
      resized?.after === first!.resized?.after,
  );
}

/** What is not plain, for each kernel; once if it is the same on all. */
function reasonsOf(decisions: readonly CoreDecision[], kernels: readonly NamedKernel[]): string {
  const reasons = decisions.map(reasonOf);
  if (new Set(reasons).size === 1) return reasons[0] ?? '';
  const named = reasons.flatMap((why, i) => (why ? [`${kernels[i]!.name}: ${why}`] : []));
  return named.join('; ');
}

/** What is not plain: why it is missing, or that several types have the name. */
function reasonOf({ reason, candidates, outcome }: CoreDecision): string | undefined {
  if (reason) return reason;
  if (outcome === 'absent' && candidates.length === 0) return 'no type of that name';
  const having = candidates.filter(({ access }) => access !== undefined);
  if (outcome === 'absent') return 'no type of that name fits';
  const elsewhere = having.find(({ module }) => module !== undefined);
  if (elsewhere) return `in module ${elsewhere.module}`;
  return candidates.length > 1 ? `${having.length} of ${candidates.length} types fit` : undefined;
}

function summary(accesses: readonly Access[], kernels: readonly NamedKernel[]): string {
  if (accesses.length === 0) return 'nothing in it depends on the layout of kernel types';
  const parts = [accesses.length === 1 ? '1 access' : `${accesses.length} accesses`];
  if (kernels.length > 1) {
    const same = accesses.filter(({ decisions }) => areSame(decisions)).length;
    parts.push(`${same} the same`, `${accesses.length - same} different`);
  }
  kernels.forEach(({ name }, i) => {
    for (const outcome of ['absent', 'poisoned', 'refused'] as const) {
      const count = accesses.filter((each) => each.decisions[i]!.outcome === outcome).length;
      if (count > 0) parts.push(`${count} ${outcome} on ${name}`);
    }
  });
  return parts.join(', ');
}
