import { FormatError } from '../base/index.ts';
import type { Btf, BtfExt, CoreRelocation } from '../btf/index.ts';
import { INSN_SIZE } from '../isa/index.ts';
import type { ObjectFunction } from './functions.ts';
import type { Part } from './link.ts';
import type { Source } from './source.ts';
import type { CoreRelocationSpec, FunctionSpec, SourceLine } from './types.ts';

/** What BTF says about instructions, by section and sorted by place. */
export class DebugInfo {
  readonly #btf: Btf | undefined;
  readonly #functions = new Map<string, number>();
  readonly #lines: BySection<ExtLine>;
  readonly #core: BySection<CoreRelocation>;

  constructor({ ext, btf }: Source) {
    this.#btf = btf;
    for (const { section, offset, type } of ext?.functions ?? []) {
      this.#functions.set(`${section} ${offset}`, type);
    }
    this.#lines = bySection(ext?.lines ?? []);
    this.#core = bySection(ext?.coreRelocations ?? []);
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
  functions(parts: readonly Part[], exceptionCallback?: ObjectFunction): FunctionSpec[] {
    return parts.map(({ fn, start }) => ({
      name: fn.name,
      start,
      size: fn.size,
      global: fn.global,
      btfId: this.btfId(fn),
      ...(fn === exceptionCallback && { catches: true as const }),
    }));
  }

  /** The lines of a linked program, by its own instruction numbers; at most `most`. */
  lines(parts: readonly Part[], most: number): SourceLine[] {
    return linked(parts, this.#lines, most, ({ file, line, column, text }, insn) => ({
      insn,
      file,
      line,
      column,
      text,
    }));
  }

  /** The compile-once places of a linked program, numbered alike; at most `most`. */
  coreRelocations(parts: readonly Part[], most: number): CoreRelocationSpec[] {
    return linked(parts, this.#core, most, ({ type, access, kind }, insn) => ({
      insn,
      type,
      access,
      kind,
    }));
  }
}

interface Placed {
  readonly section: string;
  readonly offset: number;
}

type ExtLine = BtfExt['lines'][number];
type BySection<T extends Placed> = ReadonlyMap<string, readonly T[]>;

/** The records of each section, by place. */
function bySection<T extends Placed>(records: readonly T[]): BySection<T> {
  const found = new Map<string, T[]>();
  for (const record of records) {
    const list = found.get(record.section);
    if (list) list.push(record);
    else found.set(record.section, [record]);
  }
  for (const list of found.values()) list.sort((a, b) => a.offset - b.offset);
  return found;
}

/** What lies within the parts of a program, with the instructions where the parts are. */
function linked<T extends Placed, U>(
  parts: readonly Part[],
  records: BySection<T>,
  most: number,
  place: (record: T, insn: number) => U,
): U[] {
  const found: U[] = [];
  for (const { fn, start } of parts) {
    const all = records.get(fn.home.section.name) ?? [];
    const end = (fn.start + fn.size) * INSN_SIZE;
    for (let i = firstFrom(all, fn.start * INSN_SIZE); i < all.length; i++) {
      const one = all[i]!;
      if (one.offset >= end) break;
      if (found.length === most) throw new FormatError('BTF.ext', 0, 'programs repeat too much');
      found.push(place(one, Math.floor(one.offset / INSN_SIZE) - fn.start + start));
    }
  }
  return found;
}

/** Index of the first record at or after `offset`. */
function firstFrom(records: readonly Placed[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
