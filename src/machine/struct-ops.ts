import type { KernelProfile } from '../abi/index.ts';
import type { Btf, BtfComposite } from '../btf/index.ts';
import type { MapSpec } from '../object/index.ts';
import type { KernelStruct } from '../runtime/index.ts';

/** The struct that is the value of a map of such tables: common fields, then the table. */
const WRAPPER = 'bpf_struct_ops_';

/**
 * The kernel's struct behind a struct_ops map: its size, and which of its bytes are members'.
 * 'unknown' if the kernel has no such table, or there is none to ask.
 */
export function kernelStructOf(
  { kernelStruct }: MapSpec,
  rules: KernelProfile | undefined,
): KernelStruct | 'unknown' {
  const btf = rules?.btf();
  const id = kernelStruct && btf?.find('struct', WRAPPER + kernelStruct);
  const struct = id ? btf!.type(id) : undefined;
  if (struct?.kind !== 'struct') return 'unknown';
  const members = new Uint8Array(struct.size);
  for (const { type, bitOffset } of struct.members) {
    const inner = btf!.resolved(type);
    if (inner.kind === 'struct') mark(btf!, inner, members, bitOffset / 8);
    else members.fill(1, bitOffset / 8, bitOffset / 8 + btf!.sizeOf(type));
  }
  return { size: struct.size, members };
}

function mark(btf: Btf, struct: BtfComposite, members: Uint8Array, at: number): void {
  for (const { type, bitOffset } of struct.members) {
    const start = at + (bitOffset >> 3);
    members.fill(1, start, start + btf.sizeOf(type));
  }
}
