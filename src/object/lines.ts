import type { Btf } from '../btf/index.ts';
import { INSN_SIZE } from '../isa/index.ts';
import type { ObjectFunction } from './functions.ts';
import type { Part } from './link.ts';
import type { Source } from './source.ts';
import type { FunctionSpec, SourceLine } from './types.ts';

/** What BTF says about instructions, by section and sorted by place. */
export class DebugInfo {
  readonly #btf: Btf | undefined;
  readonly #functions = new Map<string, number>();
  readonly #lines = new Map<string, SourceLine[]>();

  constructor({ ext, btf }: Source) {
    this.#btf = btf;
    for (const { section, offset, type } of ext?.functions ?? []) {
      this.#functions.set(`${section} ${offset}`, type);
    }
    for (const { section, offset, file, line, column, text } of ext?.lines ?? []) {
      const lines = this.#lines.get(section) ?? [];
      this.#lines.set(section, lines);
      lines.push({ insn: Math.floor(offset / INSN_SIZE), file, line, column, text });
    }
    for (const lines of this.#lines.values()) lines.sort((a, b) => a.insn - b.insn);
  }

  /** Id of the function's FUNC, or 0. */
  btfId(fn: ObjectFunction): number {
    const id = this.#functions.get(`${fn.home.section.name} ${fn.start * INSN_SIZE}`);
    // bpf-gcc 12 leaves .BTF.ext empty, but describes the functions.
    return id ?? this.#btf?.find('func', fn.name) ?? 0;
  }

  /** The subprograms of a linked program. */
  functions(parts: readonly Part[]): FunctionSpec[] {
    return parts.map(({ fn, start }) => ({
      name: fn.name,
      start,
      size: fn.size,
      global: fn.global,
      btfId: this.btfId(fn),
    }));
  }

  /** The lines of a linked program, by its own instruction numbers. */
  lines(parts: readonly Part[]): SourceLine[] {
    const lines: SourceLine[] = [];
    for (const { fn, start } of parts) {
      const all = this.#lines.get(fn.home.section.name) ?? [];
      for (let i = firstFrom(all, fn.start); i < all.length; i++) {
        const line = all[i]!;
        if (line.insn >= fn.start + fn.size) break;
        lines.push({ ...line, insn: line.insn - fn.start + start });
      }
    }
    return lines;
  }
}

/** Index of the first line at or after `insn`. */
function firstFrom(lines: readonly SourceLine[], insn: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.insn < insn) low = middle + 1;
    else high = middle;
  }
  return low;
}
