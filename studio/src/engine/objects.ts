/** Objects that are open: their programs as text, and what the verifier says of them. */
import {
  instructionSymbols,
  loadKernelProfile,
  type ObjectFile,
  parseObject,
  type ProgramSpec,
} from 'beeyard';
import { decodeCode, insnSlots, kernelText } from 'beeyard/isa';
import {
  type KernelProfile,
  type VerifiedFix,
  verifierInput,
  type VerifierInput,
  verify,
  type VerifyResult,
  VisitRecorder,
} from 'beeyard/verify';
import { sameSource } from '../model/source.ts';
import type { CodeRow, InsnState, OpenedObject, ProgramCode } from '../protocol.ts';
import { GraphOf } from './graphs.ts';
import { kernelNamed } from './kernels.ts';
import { LogLines } from './log-lines.ts';

/** Registers the facts are about. */
const REGISTERS = 10;

interface Checked {
  readonly code: ProgramCode;
  readonly result: VerifyResult;
  readonly visits: VisitRecorder;
  readonly input: VerifierInput;
  readonly kernel: KernelProfile;
  readonly log: LogLines;
  graph?: GraphOf;
}

/** The types a program needs: the small set first, all of them where that says it is not enough. */
export async function withTypes<T>(use: (kernel: KernelProfile) => T | Promise<T>): Promise<T> {
  try {
    return await use(await loadKernelProfile({ types: 'slim' }));
  } catch (error) {
    if ((error as { code?: string }).code !== 'EOPNOTSUPP') throw error;
    return use(await loadKernelProfile());
  }
}

export class Objects {
  readonly #objects = new Map<string, ObjectFile>();
  readonly #checked = new Map<string, Promise<Checked>>();

  open(name: string, bytes: Uint8Array): OpenedObject {
    const object = parseObject(bytes);
    this.#objects.set(name, object);
    for (const key of this.#checked.keys()) {
      if (key.startsWith(`${name}\n`)) this.#checked.delete(key);
    }
    return {
      programs: object.programs.map(({ name, section, type = 'unknown', insns }) => ({
        name,
        section,
        type,
        insns: insns.length / 8,
      })),
      maps: object.maps.map(({ name, type = 'unknown', keySize, valueSize, maxEntries }) => ({
        name,
        type,
        keySize,
        valueSize,
        maxEntries,
      })),
    };
  }

  object(name: string): ObjectFile {
    const object = this.#objects.get(name);
    if (!object) throw new Error(`${name} is not open`);
    return object;
  }

  program(name: string, program: string): ProgramSpec {
    const found = this.object(name).programs.find((one) => one.name === program);
    if (!found) throw new Error(`${name} has no program ${program}`);
    return found;
  }

  async code(name: string, program: string, kernel?: string): Promise<ProgramCode> {
    return (await this.#check(name, program, kernel)).code;
  }

  async state(name: string, program: string, insn: number, kernel?: string): Promise<InsnState> {
    const { result, visits } = await this.#check(name, program, kernel);
    const { insns } = result.facts;
    const facts = Array.from({ length: REGISTERS }, (_, r) =>
      insns?.reached(insn) ? insns.register(insn, r) : undefined,
    );
    return { facts, visits: visits.states(insn), count: visits.count(insn) };
  }

  async log(
    name: string,
    program: string,
    from: number,
    to: number,
    kernel?: string,
  ): Promise<string[]> {
    const { log } = await this.#check(name, program, kernel);
    return log.slice(from, to);
  }

  /** The kernel whose rules a program was checked by. */
  async kernel(name: string, program: string, version?: string): Promise<KernelProfile> {
    return (await this.#check(name, program, version)).kernel;
  }

  /** Changes with which the verifier accepts a program; `source` helps to word them. */
  async fixes(
    name: string,
    program: string,
    source: { readonly name: string; readonly text: string } | undefined,
    version?: string,
  ): Promise<readonly VerifiedFix[]> {
    const { input, kernel, result } = await this.#check(name, program, version);
    if (result.ok) return [];
    const { fixesFor } = await import('./explaining.ts');
    const sourceText = (file: string) =>
      source && sameSource(file, source.name) ? source.text : undefined;
    return fixesFor(input, kernel, { sourceText });
  }

  /** The graph of a program; walked once more, so that opening it need not wait. */
  async graph(name: string, program: string): Promise<GraphOf> {
    const checked = await this.#check(name, program);
    const { input, kernel } = checked;
    return (checked.graph ??= new GraphOf(this.program(name, program), input, kernel));
  }

  #check(name: string, program: string, version = ''): Promise<Checked> {
    const key = `${name}\n${program}\n${version}`;
    let checked = this.#checked.get(key);
    if (!checked) {
      const checks = (kernel: KernelProfile) =>
        check(this.object(name), this.program(name, program), kernel);
      checked = version === '' ? withTypes(checks) : kernelNamed(version).then(checks);
      this.#checked.set(key, checked);
    }
    return checked;
  }
}

async function check(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: KernelProfile,
): Promise<Checked> {
  const input = verifierInput(object, program, kernel);
  const visits = new VisitRecorder();
  const result = verify(input, kernel, { logLevel: 2 | 4, facts: true, observer: visits });
  const rows = rowsOf(program);
  const log = new LogLines(result.log);
  const verdict = {
    ok: result.ok,
    errno: result.errnoName,
    stats: result.stats,
    explanation: result.ok ? undefined : (await import('./explaining.ts')).explain(input, kernel),
    visits: Uint32Array.from({ length: program.insns.length / 8 }, (_, i) => visits.count(i)),
    logLines: log.length,
    kernel: kernel.version,
  };
  const lines = program.lines.map(({ file, line, text }) => ({ file, line, text }));
  return { code: { rows, lines, verdict }, result, visits, input, kernel, log };
}

function rowsOf(program: ProgramSpec): CodeRow[] {
  const code = decodeCode(program.insns);
  const symbols = instructionSymbols(program, code);
  const functions = new Map(program.functions.map(({ start, name }) => [start, name]));
  const rows: CodeRow[] = [];
  let next = 0;
  let line: CodeRow['line'];
  for (let insn = 0; insn < code.length; insn += insnSlots(code, insn)) {
    for (; (program.lines[next]?.insn ?? Infinity) <= insn; next++) {
      const { file, line: number } = program.lines[next]!;
      line = { file, line: number };
    }
    rows.push({
      insn,
      text: kernelText(code, insn, symbols),
      line,
      function: functions.get(insn),
    });
  }
  return rows;
}
