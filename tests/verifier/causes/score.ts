import { readFileSync } from 'node:fs';
import type { KernelProfile } from '../../../src/abi/index.ts';
import { type ObjectFile, parseObject } from '../../../src/object/index.ts';
import type { VerifierCapabilities, VerifierInput } from '../../../src/verifier/index.ts';
import { verifierInput } from '../../../src/verifier/index.ts';
import { folder, labelsOf } from './labels.mjs';

/** What an expert says of a program. */
export type Label = ReturnType<typeof labelsOf>[number];

/** A program of the set, ready to be verified. */
export interface Case {
  readonly label: Label;
  readonly input: VerifierInput;
  readonly capabilities: VerifierCapabilities;
}

const objects = new Map<string, ObjectFile>();

/** The object made of a source of the set. */
export function objectOf(file: string): ObjectFile {
  let object = objects.get(file);
  if (!object) {
    object = parseObject(readFileSync(new URL(`${file}.bpf.o`, folder)));
    objects.set(file, object);
  }
  return object;
}

export function caseOf(label: Label, profile: KernelProfile): Case {
  const object = objectOf(label.file);
  const program = object.programs.find((one) => one.name === label.program);
  if (!program) throw new Error(`${label.file}.bpf.o has no program ${label.program}`);
  const input = verifierInput(object, program, profile, { objectName: label.file });
  return { label, input, capabilities: capabilitiesOf(label.caps) };
}

function capabilitiesOf(caps: string): VerifierCapabilities {
  const names = caps.split(',');
  const has = (name: string) => caps === 'all' || names.includes(name);
  return {
    bpf: has('bpf'),
    perfmon: has('perfmon'),
    netAdmin: has('net_admin'),
    sysAdmin: has('sys_admin'),
  };
}

/** 'packet-bounds/reads_at_once' */
export const nameOf = ({ file, program }: Label): string => `${file}/${program}`;

/** Share of `part` in `all`, in percent. */
export const percent = (part: number, all: number): number => (100 * part) / all;
