/**
 * Lines of BPF programs in vitest's own coverage report, through the store of its istanbul
 * provider: one FileCoverage a source file, made from the line information of the object.
 */
import type { ObjectSource } from '../client/index.ts';
import type { SourceLine } from '../object/types.ts';
import { isConditional } from '../isa/index.ts';
import type { RecordedProgram } from './recorder.ts';

/** Where @vitest/coverage-istanbul 4.1 looks for what ran. */
const STORE = '__VITEST_COVERAGE__';

interface Location {
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

/** The part of istanbul's FileCoverage data that is written here. */
export interface FileCoverage {
  readonly path: string;
  readonly statementMap: Record<string, Location>;
  readonly fnMap: Record<string, { name: string; line: number; decl: Location; loc: Location }>;
  readonly branchMap: Record<string, Branch>;
  readonly s: Record<string, number>;
  readonly f: Record<string, number>;
  readonly b: Record<string, [number, number]>;
}

interface Branch {
  readonly type: 'if';
  readonly line: number;
  readonly loc: Location;
  readonly locations: readonly [Location, Location];
}

/** A loaded object's programs, and what of them the report already has. */
export interface CoveredObject {
  readonly programs: readonly RecordedProgram[];
  /** Path of a source file, as the object names it, on this machine. */
  readonly pathOf: (file: string) => string;
  readonly noted: Map<RecordedProgram, { executions: Float64Array; taken: Float64Array }>;
}

interface ImportMark {
  readonly sources?: Readonly<Record<string, string>>;
}

/** An object whose programs were loaded, to be counted. */
export function coverObject(
  source: ObjectSource,
  programs: readonly RecordedProgram[],
): CoveredObject {
  const mark: unknown = Reflect.get(Object(source), Symbol.for('beeyard.object'));
  const { sources = {} } = (mark ?? {}) as ImportMark;
  const pathOf = (file: string): string => sources[file] ?? absolute(file, source);
  return { programs, pathOf, noted: new Map() };
}

/** Relative to the object's folder, if it was given by path; else to the working directory. */
function absolute(file: string, source: ObjectSource): string {
  if (file.startsWith('/')) return file;
  const here = `${globalThis.process?.cwd() ?? ''}/`;
  const given = source instanceof URL ? source.pathname : typeof source === 'string' ? source : '';
  return new URL(file, new URL(given, `file://${here}`)).pathname;
}

/** Adds to the report what ran since it was last asked to. */
export function noteCoverage(object: CoveredObject): void {
  const global = globalThis as { [STORE]?: Record<string, FileCoverage> };
  const store = (global[STORE] ??= {});
  for (const program of object.programs) {
    const known = object.noted.get(program) ?? {
      executions: new Float64Array(program.code.length),
      taken: new Float64Array(program.code.length),
    };
    addProgram(store, object.pathOf, program, known);
    object.noted.set(program, {
      executions: program.executions.slice(),
      taken: program.taken.slice(),
    });
  }
}

function addProgram(
  store: Record<string, FileCoverage>,
  pathOf: (file: string) => string,
  program: RecordedProgram,
  known: { executions: Float64Array; taken: Float64Array },
): void {
  const { lines, functions } = program.image;
  const ran = (insn: number): number => program.executions[insn]! - known.executions[insn]!;
  const file = (line: SourceLine): FileCoverage => {
    const path = pathOf(line.file);
    return (store[path] ??= emptyFile(path));
  };
  for (const [line, count] of lineCounts(lines, ran)) addStatement(file(line), line, count);
  for (const { name, start } of functions) {
    const line = lines.find(({ insn }) => insn === start);
    if (line) addFunction(file(line), line, name, ran(start));
  }
  lines.forEach((line, k) => {
    const end = lines[k + 1]?.insn ?? program.code.length;
    for (let insn = line.insn; insn < end; insn++) {
      if (!isConditional(program.code.op[insn]!)) continue;
      const jumps = program.taken[insn]! - known.taken[insn]!;
      addBranch(file(line), line, insn, [jumps, ran(insn) - jumps]);
    }
  });
}

/** How often each line ran: as often as the instruction of it that ran most. */
function lineCounts(
  lines: readonly SourceLine[],
  ran: (insn: number) => number,
): Map<SourceLine, number> {
  const first = new Map<string, SourceLine>();
  const counts = new Map<SourceLine, number>();
  for (const line of lines) {
    if (line.line === 0) continue;
    const key = `${line.file}:${line.line}`;
    const one = first.get(key) ?? line;
    first.set(key, one);
    counts.set(one, Math.max(counts.get(one) ?? 0, ran(line.insn)));
  }
  return counts;
}

function emptyFile(path: string): FileCoverage {
  return { path, statementMap: {}, fnMap: {}, branchMap: {}, s: {}, f: {}, b: {} };
}

function locationOf({ line, text }: SourceLine): Location {
  const begin = text.length - text.trimStart().length;
  return { start: { line, column: begin }, end: { line, column: text.length } };
}

function addStatement({ statementMap, s }: FileCoverage, line: SourceLine, count: number): void {
  const key = String(line.line);
  statementMap[key] ??= locationOf(line);
  s[key] = (s[key] ?? 0) + count;
}

function addFunction(coverage: FileCoverage, line: SourceLine, name: string, count: number): void {
  const loc = locationOf(line);
  coverage.fnMap[name] ??= { name, line: line.line, decl: loc, loc };
  coverage.f[name] = (coverage.f[name] ?? 0) + count;
}

/** Both ways of a jump; one line may have several. */
function addBranch(
  { branchMap, b }: FileCoverage,
  line: SourceLine,
  insn: number,
  counts: readonly [number, number],
): void {
  const key = `${line.line}:${insn}`;
  const loc = locationOf(line);
  branchMap[key] ??= { type: 'if', line: line.line, loc, locations: [loc, loc] };
  const old = b[key] ?? [0, 0];
  b[key] = [old[0] + counts[0], old[1] + counts[1]];
}
