/**
 * What the real kernel answered to tiny programs (tests/fixtures/oracle, see `about` in each file):
 * reading the records, and the programs they name in terms of `abi`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { enums, loadAttachType, programTypeId } from '../../src/abi/index.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/oracle');

/** The record `name`-6.12.117.json, compressed or not. */
export function readRecord<T>(name: string): T {
  const path = join(FOLDER, `${name}-6.12.117.json`);
  const text = existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`));
  return JSON.parse(text.toString('utf8'));
}

/** Which program was loaded. */
export interface RecordedProgram {
  readonly type: string;
  /** BPF_* name, or for struct_ops the index of the member; null: 0. */
  readonly attach: string | number | null;
  /** Function, tracepoint or struct it attaches to. */
  readonly target?: string;
  /** Of the struct, for struct_ops. */
  readonly member?: string;
  readonly sleepable?: boolean;
}

export const typeOf = ({ type }: { readonly type: string }): number => programTypeId(type)!;

/** The expected attach type after the load's defaults. */
export function attachOf(program: RecordedProgram): number {
  const { attach } = program;
  if (typeof attach === 'number') return attach;
  const types: Readonly<Record<string, number>> = enums.bpf_attach_type;
  return loadAttachType(typeOf(program), attach ? types[attach]! : 0);
}

export const nameOf = ({ type, attach, target, member, sleepable }: RecordedProgram): string =>
  [type, attach, target, member, sleepable ? 'sleepable' : ''].filter(Boolean).join(' ');

/** Numbers and [from, to) ranges. */
export type Ranges = readonly (number | readonly [number, number])[];

export const expand = (ranges: Ranges): number[] =>
  ranges.flatMap((item) =>
    typeof item === 'number'
      ? [item]
      : Array.from({ length: item[1] - item[0] }, (_, i) => item[0] + i),
  );

/** Bits of recorded sets of capabilities. */
export const CAP_BPF = 1;
export const CAP_PERFMON = 2;
export const CAP_NET_ADMIN = 4;
export const CAP_SYS_ADMIN = 8;

/** CAP_SYS_ADMIN stands for the others. */
export const has = (capabilities: number, capability: number): boolean =>
  (capabilities & (capability | CAP_SYS_ADMIN)) !== 0;
