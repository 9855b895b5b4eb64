import { FormatError } from '../base/index.ts';
import {
  attachPointOf,
  type Resolution,
  resolveFunction,
  SymbolTable,
  type Traceable,
} from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes, readObject } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { kernelNamed, type NamedKernel } from './kernels.ts';
import { formatRows } from './table.ts';
import { toJson } from './values.ts';

/** A name to look up, who asks for it, and how Linux will look. */
interface Wanted {
  readonly program: string | undefined;
  readonly name: string;
  readonly by: 'fentry' | 'kprobe' | undefined;
}

interface Found extends Wanted {
  readonly kernel: string;
  readonly resolution: Resolution;
}

/** `beeyard resolve`: what names of functions stand for, and whether programs can attach there. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const kernels: NamedKernel[] = [];
  const words = call.list('kernel');
  for (const word of words.length > 0 ? words : ['6.12']) kernels.push(await kernelNamed(word, io));
  const symbols = readSymbols(call.text('syms'), io);
  const found: Found[] = [];
  for (const wanted of call.operands.flatMap((operand) => wantedBy(operand, io))) {
    for (const { name, kernel } of kernels) {
      const resolution = resolveFunction(wanted.name, kernel, symbols);
      found.push({ ...wanted, kernel: name, resolution });
    }
  }
  if (call.json) io.out(`${toJson(report(found, symbols), call.flag('pretty'))}\n`);
  else writeText(found, symbols, io);
  return found.every(isFine) ? EXIT.ok : EXIT.finding;
}

/** An object's attach points, or the name itself. */
function wantedBy(operand: string, io: CliIo): Wanted[] {
  if (!/\.o$|\.bpf\.(c|ts)$/.test(operand)) {
    return [{ program: undefined, name: operand, by: undefined }];
  }
  const points = readObject(operand, io).programs.flatMap((each) => attachPointOf(each) ?? []);
  if (points.length > 0) return points;
  throw usageError(`${operand} has no program for a function of the kernel`);
}

function readSymbols(path: string | undefined, io: CliIo): SymbolTable | undefined {
  if (path === undefined) return undefined;
  try {
    return new SymbolTable(new TextDecoder().decode(readBytes(path, io)));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}

/** A name of no program is fine if it means one function that can be traced somehow. */
function isFine({ by, resolution: { fentry, kprobe } }: Found): boolean {
  const verdicts = by === 'fentry' ? [fentry] : by === 'kprobe' ? [kprobe] : [fentry, kprobe];
  if (verdicts.some(({ verdict }) => verdict === 'ambiguous')) return false;
  return by === 'kprobe'
    ? kprobe.verdict !== 'no'
    : verdicts.some(({ verdict }) => verdict === 'yes');
}

function report(found: readonly Found[], symbols: SymbolTable | undefined): unknown {
  return {
    ...(symbols ? { functions: symbols.size, ambiguous_names: symbols.ambiguous.length } : {}),
    names: found.map(({ program, name, by, kernel, resolution }) => ({
      ...(program === undefined ? {} : { program, attach: by }),
      name,
      kernel,
      btf: resolution.functions,
      symbols: resolution.symbols?.map(({ address, module }) => ({
        address: hex(address),
        module,
      })),
      fentry: resolution.fentry,
      kprobe: resolution.kprobe,
    })),
  };
}

const hex = (address: bigint): string => `0x${address.toString(16)}`;

function writeText(found: readonly Found[], symbols: SymbolTable | undefined, io: CliIo): void {
  const style = styleFor(io.color);
  const several = new Set(found.map(({ kernel }) => kernel)).size > 1;
  const columns = [
    { head: 'name' },
    ...(several ? [{ head: 'kernel' }] : []),
    { head: 'BTF', right: true },
    { head: 'addresses', right: true },
    { head: 'fentry' },
    { head: 'kprobe' },
  ];
  const rows = found.map(({ name, kernel, by, resolution }) => [
    name,
    ...(several ? [kernel] : []),
    resolution.functions
      .map(({ id, module }) => (module ? `${module} #${id}` : `#${id}`))
      .join(' '),
    String(resolution.symbols?.length ?? '?'),
    by === 'kprobe' ? '' : word(resolution.fentry, style),
    by === 'fentry' ? '' : word(resolution.kprobe, style),
  ]);
  io.out(formatRows(columns, rows, io.columns, style.dim));
  for (const one of found) {
    if (one.program === undefined || !isFine(one)) writeDetails(one, io, style);
  }
  if (!symbols) return;
  const { size, ambiguous } = symbols;
  const line = `${size} functions in the symbol table, ${ambiguous.length} names of several`;
  io.out(`  ${style.dim(line)}\n`);
}

function word({ verdict }: Traceable, style: Style): string {
  if (verdict === 'yes') return style.good(verdict);
  return verdict === 'unknown' ? style.dim('?') : style.bad(verdict);
}

function writeDetails({ name, program, by, resolution }: Found, io: CliIo, style: Style): void {
  const { functions, symbols, fentry, kprobe } = resolution;
  const lines = functions.map(({ prototype }) => prototype);
  if (symbols && symbols.length > 1) {
    for (const { address, module } of symbols) lines.push(`${hex(address)} ${module ?? 'vmlinux'}`);
  }
  const reasons = by === 'kprobe' ? [] : [`fentry: ${fentry.why}`];
  if (by !== 'fentry') reasons.push(`kprobe: ${kprobe.why}`);
  lines.push(...reasons.filter((line) => !line.endsWith(': ')));
  io.out(`  ${program === undefined ? name : `${program} (${name})`}\n`);
  for (const line of lines) io.out(`    ${style.dim(line)}\n`);
}
