/**
 * Lookups of map types that become a few instructions (map_gen_lookup of struct bpf_map_ops). They
 * find the map in r1 and the key's address in r2.
 */
import { constants, mapTypeId } from '../../../abi/index.ts';
import type { Btf } from '../../../btf/index.ts';
import {
  BPF_ADD,
  BPF_ADDR_PERCPU,
  BPF_ALU64,
  BPF_AND,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JNE,
  BPF_LSH,
  BPF_MOV,
  BPF_MUL,
  BPF_W,
  BPF_X,
} from '../../../isa/index.ts';
import type { VerifierMap } from '../../types.ts';
import { offsetOf } from '../context/members.ts';
import {
  addImm,
  alu32Imm,
  aluImm,
  aluReg,
  callKernel,
  Insn,
  jump,
  jump32Imm,
  jumpImm,
  load,
  movImm,
  storeImm,
} from '../patch/insn.ts';

/** Result, map, key. */
const R0 = 0;
const R1 = 1;
const R2 = 2;

export interface Lookup {
  readonly map: VerifierMap;
  readonly btf: Btf;
  /** The map may be used on paths a processor guesses (!map->bypass_spec_v1). */
  readonly guarded: boolean;
}

/** Turns an offset per CPU into an address. */
export const perCpu = (dst: number, src: number): Insn =>
  new Insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, BPF_ADDR_PERCPU, 0);

/** Every number below the entries, rounded up to a power of 2. */
export const indexMask = ({ maxEntries }: VerifierMap): number =>
  maxEntries <= 1 ? 0 : (0xffff_ffff >>> Math.clz32(maxEntries - 1)) | 0;

/** The code, or undefined where the map's own function is called. */
export function lookupCode(lookup: Lookup): Insn[] | undefined {
  return BY_TYPE.get(lookup.map.type)?.(lookup);
}

type Recipe = (lookup: Lookup) => Insn[] | undefined;

/** Multiplies the index. */
const scaled = (size: number): Insn =>
  (size & (size - 1)) === 0
    ? aluImm(BPF_LSH, R0, 31 - Math.clz32(size))
    : aluImm(BPF_MUL, R0, size);

/** `r0 = *key`, in bounds; `found` makes the result of it. */
function indexed({ map, guarded }: Lookup, base: number, found: readonly Insn[]): Insn[] {
  const mask = guarded ? [alu32Imm(BPF_AND, R0, indexMask(map))] : [];
  const rest = [...mask, ...found, jump(1)];
  return [
    addImm(R1, base),
    load(BPF_W, R0, R2, 0),
    jumpImm(BPF_JGE, R0, map.maxEntries | 0, rest.length),
    ...rest,
    movImm(R0, 0),
  ];
}

const elementSize = ({ valueSize }: VerifierMap): number => Math.ceil(valueSize / 8) * 8;
const isVariable = ({ flags }: VerifierMap): boolean => (flags & constants.BPF_F_INNER_MAP) !== 0;

function array(lookup: Lookup): Insn[] | undefined {
  if (isVariable(lookup.map)) return undefined;
  const found = [scaled(elementSize(lookup.map)), aluReg(BPF_ADD, R0, R1)];
  return indexed(lookup, offsetOf(lookup.btf, 'bpf_array.value'), found);
}

function perCpuArray(lookup: Lookup): Insn[] | undefined {
  if (isVariable(lookup.map)) return undefined;
  const found = [
    aluImm(BPF_LSH, R0, 3),
    aluReg(BPF_ADD, R0, R1),
    load(BPF_DW, R0, R0, 0),
    perCpu(R0, R0),
  ];
  return indexed(lookup, offsetOf(lookup.btf, 'bpf_array.pptrs'), found);
}

function arrayOfMaps(lookup: Lookup): Insn[] {
  const found = [
    scaled(elementSize(lookup.map)),
    aluReg(BPF_ADD, R0, R1),
    load(BPF_DW, R0, R0, 0),
    jumpImm(BPF_JEQ, R0, 0, 1),
  ];
  return indexed(lookup, offsetOf(lookup.btf, 'bpf_array.value'), found);
}

/** Finds the element by a call; `found` makes the result of it, when there is one. */
function hashed(found: readonly Insn[]): Insn[] {
  return [callKernel('__htab_map_lookup_elem'), jumpImm(BPF_JEQ, R0, 0, found.length), ...found];
}

/** The value stands behind the key. */
const toValue = ({ map, btf }: Lookup): Insn =>
  addImm(R0, offsetOf(btf, 'htab_elem.key') + Math.ceil(map.keySize / 8) * 8);

function lruHash(lookup: Lookup): Insn[] {
  const used =
    offsetOf(lookup.btf, 'htab_elem.lru_node') + offsetOf(lookup.btf, 'bpf_lru_node.ref');
  return hashed([
    load(BPF_B, R1, R0, used),
    jumpImm(BPF_JNE, R1, 0, 1),
    storeImm(BPF_B, R0, used, 1),
    toValue(lookup),
  ]);
}

function sockets({ map, btf }: Lookup): Insn[] {
  return [
    load(BPF_W, R0, R2, 0),
    jump32Imm(BPF_JGE, R0, map.maxEntries | 0, 5),
    aluImm(BPF_LSH, R0, 3),
    addImm(R1, offsetOf(btf, 'xsk_map.xsk_map')),
    aluReg(BPF_ADD, R0, R1),
    load(BPF_DW, R0, R0, 0),
    jump(1),
    movImm(R0, 0),
  ];
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  array,
  percpu_array: perCpuArray,
  array_of_maps: arrayOfMaps,
  hash: (lookup) => hashed([toValue(lookup)]),
  lru_hash: lruHash,
  percpu_hash: (lookup) => hashed([toValue(lookup), load(BPF_DW, R0, R0, 0), perCpu(R0, R0)]),
  hash_of_maps: (lookup) => hashed([toValue(lookup), load(BPF_DW, R0, R0, 0)]),
  xskmap: sockets,
};

const BY_TYPE: ReadonlyMap<number, Recipe> = new Map(
  Object.entries(RECIPES).map(([name, recipe]) => [mapTypeId(name)!, recipe]),
);
