/** From a field of the user's struct to the instructions that get at it in the kernel. */
import type { AfterLoad, KernelContext, KernelField } from '../../../abi/context/kernel/index.ts';
import { structs } from '../../../abi/index.ts';
import { BugError } from '../../../base/index.ts';
import {
  BPF_AND,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JNE,
  BPF_LSH,
  BPF_MOV,
} from '../../../isa/index.ts';
import { alu32Imm, Insn, jumpImm, load, movImm, store } from '../patch/insn.ts';
import { type Access, sizeBits, spareRegister, storeTo } from './access.ts';
import { offsetOf, placeOf } from './members.ts';
import { specialCode } from './special.ts';

/** What an access becomes, and the bytes the value of a load then has. */
export interface Converted {
  readonly code: Insn[];
  readonly bytes: number;
}

/** The kernel's side of the field at `access.off`. */
export function convert(context: KernelContext, access: Access): Converted {
  const { field, within } = findField(context, access.off);
  const special = field.special && specialCode(field, access);
  if (special) return special;
  return access.write ? storeInto(field, within, access) : loadFrom(field, within, access);
}

/** The field at an offset, and how far behind its start that is. */
function findField(context: KernelContext, off: number): { field: KernelField; within: number } {
  const layout = context.layout ?? structs[context.struct]!.fields;
  for (const { name, offset, size } of layout) {
    const odd = context.fields[`${name}+${off - offset}`];
    if (odd) return { field: odd, within: 0 };
    const field = context.fields[name];
    if (field && off === offset) return { field, within: 0 };
    if (field?.inside && off >= offset && off < offset + size) {
      return { field, within: off - offset };
    }
  }
  if (context.others) return { field: context.others, within: off };
  throw new BugError(`struct ${context.struct} has no field at ${off}`);
}

/** One struct on the way to a field. */
interface Step {
  readonly offset: number;
  readonly size: number;
  /** What it holds may be a null pointer. */
  readonly nullable: boolean;
}

function stepsOf({ path, inside }: KernelField, within: number, access: Access): Step[] {
  const parts = path.split(/ (>\??)(?: |$)/);
  const steps: Step[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const place = parts[i] ? placeOf(access.btf, parts[i]!) : { offset: 0, size: access.size };
    steps.push({ ...place, nullable: parts[i + 1] === '>?' });
  }
  const last = steps.pop()!;
  return [...steps, { ...last, offset: last.offset + (inside ? within : 0) }];
}

/** Bytes of the last access on the way. */
function widthOf(field: KernelField, last: Step, access: Access): number {
  if (field.width !== 'asked') return field.width ?? last.size;
  return Math.min(access.size, field.atMost ?? access.size);
}

function loadFrom(field: KernelField, within: number, access: Access): Converted {
  const steps = stepsOf(field, within, access);
  const width = widthOf(field, steps.at(-1)!, access);
  const { dst } = access;
  const code: Insn[] = [];
  for (const [i, { offset, size, nullable }] of steps.entries()) {
    const isLast = i === steps.length - 1;
    code.push(load(sizeBits(isLast ? width : size), dst, i === 0 ? access.src : dst, offset));
    if (nullable) code.push(jumpImm(BPF_JEQ, dst, 0, steps.length - 1 - i));
  }
  for (const after of field.after ?? []) code.push(...afterLoad(after, dst));
  const asked = field.width === 'asked' ? Math.min(steps.at(-1)!.size, field.atMost ?? 8) : width;
  return { code, bytes: field.whole ?? asked };
}

function afterLoad(after: AfterLoad, dst: number): Insn[] {
  switch (after.op) {
    case 'and':
      return [alu32Imm(BPF_AND, dst, after.imm)];
    case 'lsh':
      return [alu32Imm(BPF_LSH, dst, after.imm)];
    case 'flag':
      return [jumpImm(BPF_JEQ, dst, 0, 1), alu32Imm(BPF_MOV, dst, 1)];
    case 'at_least':
      return [jumpImm(BPF_JGE, dst, after.from, 1), movImm(dst, 0)];
    case 'none':
      return [jumpImm(BPF_JNE, dst, after.none, 1), alu32Imm(BPF_MOV, dst, -1)];
  }
}

function storeInto(field: KernelField, within: number, access: Access): Converted {
  const steps = stepsOf(field, within, access);
  const last = steps.pop()!;
  const width = widthOf(field, last, access);
  if (steps.length === 0) {
    return { code: [storeTo(access, width, access.dst, last.offset)], bytes: width };
  }
  const scratch = offsetOf(access.btf, field.scratch!);
  const register = spareRegister(access);
  const way = steps.map(({ offset, size }, i) =>
    load(sizeBits(size), register, i === 0 ? access.dst : register, offset),
  );
  const code = [
    store(BPF_DW, access.dst, register, scratch),
    ...way,
    storeTo(access, width, register, last.offset),
    load(BPF_DW, register, access.dst, scratch),
  ];
  return { code, bytes: width };
}
