import {
  BPF_LDX,
  BPF_MEM,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STX,
  classOf,
  Code,
  encodeCode,
} from '../../../isa/index.ts';
import { patchStaticBranch } from '../../../object/index.ts';
import type { VerifierEnv } from '../../env.ts';
import { ARENA_MAP } from '../../load/program-kinds.ts';
import type { VerifierMap, Xlated, XlatedSubprogram } from '../../types.ts';
import type { Draft } from './draft.ts';
import type { Address, Insn } from './insn.ts';
import { BPF_PROBE_MEM, BPF_PROBE_MEM32 } from './probe.ts';

const MODE_BITS = 0xe0;

/**
 * Numbers in the place of names, as BPF_OBJ_GET_INFO_BY_FD shows them (bpf_insn_prepare_dump): maps
 * by id instead of address, loads that may fault as the loads they were.
 */
export function layOut(draft: Draft): Xlated {
  const { insns, env } = draft;
  const code = new Code(insns.length);
  const places = new Places(draft);
  for (const [i, insn] of insns.entries()) {
    const { off, imm } = places.distances(insn, i);
    code.set(i, shownOp(insn.op), insn.dst, insn.src, off, imm);
  }
  for (const [i, { address }] of insns.entries()) {
    if (address) setAddress(code, i, address, env, places);
  }
  const staticBranches = insns.flatMap((insn, i): Xlated['staticBranches'] => {
    const target = insn.branch && places.target(insn);
    return target === undefined
      ? []
      : [{ ...insn.branch!, insn: i, target, key: env.input.maps[insn.branch!.map]!.name }];
  });
  for (const branch of staticBranches) patchStaticBranch(code, branch, false);
  const named = <T>(of: (insn: Insn) => T | undefined): ReadonlyMap<number, T> =>
    new Map(
      insns.flatMap((insn, i): [number, T][] => {
        const name = of(insn);
        return name === undefined ? [] : [[i, name]];
      }),
    );
  return {
    insns: encodeCode(code),
    origin: Int32Array.from(insns, ({ origin }) => origin),
    subprograms: places.subprograms,
    lines: insns.flatMap(({ line }, i) => (line ? [{ ...line, insn: i }] : [])),
    maps: env.maps,
    calls: named(({ symbol }) => symbol),
    addresses: named(({ address }) => address && addressName(address, env)),
    staticBranches,
  };
}

/** Where everything has come to stand. */
class Places {
  readonly #draft: Draft;
  readonly #index: ReadonlyMap<Insn, number>;
  readonly subprograms: readonly XlatedSubprogram[];

  constructor(draft: Draft) {
    this.#draft = draft;
    this.#index = new Map(draft.insns.map((insn, i) => [insn, i]));
    const placed = draft.starts.flatMap((insn, subprog) =>
      insn ? [{ start: this.#at(insn), name: draft.env.subprogs[subprog]?.name ?? '' }] : [],
    );
    this.subprograms = placed.sort((a, b) => a.start - b.start);
  }

  /** What is not there any more stood at the end. */
  #at(insn: Insn): number {
    return this.#index.get(insn) ?? this.#draft.insns.length;
  }

  /** Where a jump goes. */
  target(insn: Insn): number | undefined {
    const target = this.#draft.target(insn);
    return target && this.#at(target);
  }

  distances(insn: Insn, at: number): { readonly off: number; readonly imm: number } {
    if (insn.subprog >= 0) {
      const { distance, number } = this.callee(insn.subprog, at);
      return number === undefined ? { off: 0, imm: distance } : { off: distance, imm: number };
    }
    const target = insn.jumps ? this.#draft.target(insn) : undefined;
    if (!target) return insn;
    const distance = this.#at(target) - at - 1;
    return insn.jumpsFar ? { off: insn.off, imm: distance } : { off: distance, imm: insn.imm };
  }

  /**
   * A function as seen from an instruction. In a program of one function those that are gone have
   * no number, and references to them stay as the compiler wrote them (jit_subprogs).
   */
  callee(subprog: number, at: number): { readonly distance: number; readonly number?: number } {
    const start = this.#at(this.#draft.start(subprog));
    const distance = start - at - 1;
    if (this.subprograms.length === 1) return { distance };
    return { distance, number: this.subprograms.findIndex((one) => one.start === start) };
  }
}

function setAddress(
  code: Code,
  at: number,
  address: Address,
  { maps }: VerifierEnv,
  places: Places,
): void {
  const set = (source: number, imm: number, next: number): void => {
    code.src[at] = source;
    code.imm[at] = imm;
    code.imm[at + 1] = next;
  };
  if (address.kind === 'kernel') set(0, 0, 0);
  else if (address.kind === 'function') {
    const { distance, number } = places.callee(address.subprog, at);
    set(BPF_PSEUDO_FUNC, distance, number ?? 0);
  } else if (!address.value) set(BPF_PSEUDO_MAP_FD, address.map + 1, 0);
  else if (maps[address.map]!.type !== ARENA_MAP) {
    set(BPF_PSEUDO_MAP_VALUE, address.map + 1, address.offset);
  } else {
    const place = arenaAddress(maps[address.map]!, address.offset);
    set(0, Number(place & 0xffff_ffffn) | 0, Number(place >> 32n) | 0);
  }
}

/** Memory of an arena has no name: it is shown by its address, known if it was asked for. */
const arenaAddress = ({ extra }: VerifierMap, offset: number): bigint =>
  extra === 0n ? 0n : extra + BigInt(offset);

function addressName(address: Address, { maps }: VerifierEnv): string | undefined {
  if (address.kind === 'kernel') return address.name;
  if (address.kind !== 'map' || !address.value) return undefined;
  const { type, extra, name } = maps[address.map]!;
  return type === ARENA_MAP && extra === 0n ? `${name}+${address.offset}` : undefined;
}

/** Modes that only tell the compiler what to do about faults are not shown. */
function shownOp(op: number): number {
  const mode = op & MODE_BITS;
  const cls = classOf(op);
  const faults =
    (cls === BPF_LDX && mode === BPF_PROBE_MEM) ||
    ((cls === BPF_LDX || cls === BPF_STX || cls === BPF_ST) && mode === BPF_PROBE_MEM32);
  return faults ? (op & ~MODE_BITS) | BPF_MEM : op;
}
