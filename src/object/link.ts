import { FormatError } from '../base/index.ts';
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  Code,
  LD_IMM64,
  CALL,
} from '../isa/index.ts';
import type { ObjectFunction } from './functions.ts';
import type { Target, Targets } from './relocations.ts';
import type { Relocation } from './types.ts';

/** A function's place in the program it was put into. */
export interface Part {
  readonly fn: ObjectFunction;
  readonly start: number;
}

export interface LinkedProgram {
  readonly code: Code;
  readonly parts: readonly Part[];
  readonly relocations: readonly Relocation[];
}

/** Functions by place, and what their instructions refer to. */
export class FunctionIndex {
  readonly #byPlace = new Map<string, ObjectFunction>();
  readonly #targets: ReadonlyMap<number, Targets>;

  constructor(functions: readonly ObjectFunction[], targets: ReadonlyMap<number, Targets>) {
    for (const fn of functions) this.#byPlace.set(`${fn.home.section.index} ${fn.start}`, fn);
    this.#targets = targets;
  }

  /** What relocates instruction `insn` (counted in the function), if anything. */
  target(fn: ObjectFunction, insn: number): Target | undefined {
    return this.#targets.get(fn.home.section.index)?.get(fn.start + insn);
  }

  /** The function that instruction `insn` calls or takes the address of, if it does. */
  callee(fn: ObjectFunction, insn: number): ObjectFunction | undefined {
    const { code, section } = fn.home;
    const at = fn.start + insn;
    const target = this.target(fn, insn);
    if (target?.kind === 'function') return this.#at(fn, insn, target.section, target.start);
    if (target || code.op[at] !== CALL || code.src[at] !== BPF_PSEUDO_CALL) return undefined;
    // Calls of static functions in the same section need no relocation.
    return this.#at(fn, insn, section.index, at + 1 + code.imm[at]!);
  }

  #at(fn: ObjectFunction, insn: number, section: number, start: number): ObjectFunction {
    const callee = this.#byPlace.get(`${section} ${start}`);
    if (callee) return callee;
    const offset = fn.home.section.offset + 8 * (fn.start + insn);
    throw new FormatError('ELF', offset, `'${fn.name}' calls no function at instruction ${start}`);
  }
}

/**
 * Puts a program together: its own instructions, then those of each function it needs, appended
 * when a call or a pointer to it is first met, going into the new function before going on. This is
 * the order of libbpf, so instruction numbers equal those Linux sees. Throws `FormatError` for more
 * than `most` instructions.
 */
export function linkProgram(
  main: ObjectFunction,
  index: FunctionIndex,
  extra: readonly ObjectFunction[],
  most: number,
): LinkedProgram {
  const parts = collectParts(main, index, extra);
  const starts = new Map(parts.map(({ fn, start }) => [fn, start]));
  const last = parts[parts.length - 1]!;
  const size = last.start + last.fn.size;
  if (size > most) throw new FormatError('ELF', 0, 'programs repeat too many instructions');
  const code = new Code(size);
  const relocations: Relocation[] = [];
  for (const { fn, start } of parts) {
    copyInsns(fn, code, start);
    for (let insn = 0; insn < fn.size; insn++) {
      const at = start + insn;
      const callee = index.callee(fn, insn);
      if (callee) {
        code.imm[at] = starts.get(callee)! - at - 1;
        if (code.op[at] === LD_IMM64) markFunctionPointer(code, at);
      } else {
        const target = index.target(fn, insn);
        if (!target || target.kind === 'function') continue;
        relocations.push({ ...target, insn: at });
        markPseudo(code, at, target);
      }
    }
  }
  return { code, parts, relocations };
}

function markFunctionPointer(code: Code, at: number): void {
  code.src[at] = BPF_PSEUDO_FUNC;
  code.imm[at + 1] = 0;
}

/** Says in the source register what the machine is to put in, as Linux expects it. */
function markPseudo(code: Code, at: number, target: Target): void {
  if (target.kind === 'extern') {
    if (target.call) code.set(at, CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0);
    return;
  }
  code.src[at] = target.kind === 'map' ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE;
  code.imm[at] = 0;
  code.imm[at + 1] = target.kind === 'map_value' ? target.offset : 0;
}

function copyInsns(fn: ObjectFunction, into: Code, start: number): void {
  const { code } = fn.home;
  const end = fn.start + fn.size;
  for (const field of ['op', 'dst', 'src', 'off', 'imm'] as const) {
    into[field].set(code[field].subarray(fn.start, end), start);
  }
}

function collectParts(
  main: ObjectFunction,
  index: FunctionIndex,
  extra: readonly ObjectFunction[],
): Part[] {
  const parts: Part[] = [];
  const seen = new Set<ObjectFunction>();
  let size = 0;
  for (const root of [main, ...extra]) {
    const open = [{ fn: root, insn: 0 }];
    while (open.length > 0) {
      const top = open[open.length - 1]!;
      if (top.insn === 0 && !seen.has(top.fn)) {
        seen.add(top.fn);
        parts.push({ fn: top.fn, start: size });
        size += top.fn.size;
      }
      const callee = nextCallee(top, index, seen);
      if (callee) open.push({ fn: callee, insn: 0 });
      else open.pop();
    }
  }
  return parts;
}

/** The next function that is not yet part of the program; moves the cursor past its use. */
function nextCallee(
  cursor: { readonly fn: ObjectFunction; insn: number },
  index: FunctionIndex,
  seen: ReadonlySet<ObjectFunction>,
): ObjectFunction | undefined {
  while (cursor.insn < cursor.fn.size) {
    const callee = index.callee(cursor.fn, cursor.insn++);
    if (callee && !seen.has(callee)) return callee;
  }
  return undefined;
}
