import type { Btf } from '../btf/index.ts';
import { INSN_SIZE } from '../isa/index.ts';
import type { ObjectFunction } from './functions.ts';
import type { Part } from './link.ts';
import type { Source } from './source.ts';
import type { CoreRelocationSpec, FunctionSpec, SourceLine } from './types.ts';

/** What BTF says about instructions, by section and sorted by place. */
export class DebugInfo {
  readonly #btf: Btf | undefined;
  readonly #functions = new Map<string, number>();
  readonly #lines = new Map<string, SourceLine[]>();
  readonly #core = new Map<string, CoreRelocationSpec[]>();

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
    for (const { section, offset, type, access, kind } of ext?.coreRelocations ?? []) {
      const places = this.#core.get(section) ?? [];
      this.#core.set(section, places);
      places.push({ insn: Math.floor(offset / INSN_SIZE), type, access, kind });
    }
    for (const lines of this.#lines.values()) lines.sort((a, b) => a.insn - b.insn);
    for (const places of this.#core.values()) places.sort((a, b) => a.insn - b.insn);
  }

  /** True if every function of a linked program is described. */
  describes(parts: readonly Part[]): boolean {
    return parts.every(({ fn }) =>
      this.#functions.has(`${fn.home.section.name} ${fn.start * INSN_SIZE}`),
    );
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
    return linked(parts, this.#lines);
  }

  /** The compile-once places of a linked program, by its own instruction numbers. */
  coreRelocations(parts: readonly Part[]): CoreRelocationSpec[] {
    return linked(parts, this.#core);
  }
}

/** What lies within the parts of a program, moved to where the parts are. */
function linked<T extends { readonly insn: number }>(
  parts: readonly Part[],
  bySection: ReadonlyMap<string, readonly T[]>,
): T[] {
  const found: T[] = [];
  for (const { fn, start } of parts) {
    const all = bySection.get(fn.home.section.name) ?? [];
    for (let i = firstFrom(all, fn.start); i < all.length; i++) {
      const one = all[i]!;
      if (one.insn >= fn.start + fn.size) break;
      found.push({ ...one, insn: one.insn - fn.start + start });
    }
  }
  return found;
}

/** Index of the first place at or after `insn`. */
function firstFrom(places: readonly { readonly insn: number }[], insn: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle]!.insn < insn) low = middle + 1;
    else high = middle;
  }
  return low;
}
