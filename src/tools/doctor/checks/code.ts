import {
  HELPER_COUNT,
  helperAvailability,
  helperContract,
  helperName,
} from '../../../abi/index.ts';
import { programTypeId } from '../../../abi/index.ts';
import { EM_BPF } from '../../../elf/index.ts';
import { INSN_SIZE } from '../../../isa/index.ts';
import type { ProgramSpec } from '../../../object/index.ts';
import { isGplCompatible } from '../../../verifier/load/program-kinds.ts';
import { emptyMasks, helpersCalled, looksUnoptimised, oddInsn, stackDepth } from '../code.ts';
import { finding } from '../codes.ts';
import type { Finding } from '../types.ts';
import type { Check } from './check.ts';

const STACK_SIZE = 512;
const MAX_INSNS = 1_000_000;
/** Types whose helpers depend on what they attach to. */
const BY_TARGET: readonly string[] = ['ext', 'struct_ops', 'tracing', 'lsm'];
const GPL_TYPES: readonly string[] = ['lsm', 'struct_ops'];

/** Programs that are too long, or whose calls together need more stack than there is. */
export const checkSize: Check = ({ subject: { object } }) =>
  (object?.programs ?? []).flatMap((program): Finding[] => {
    const { name, insns } = program;
    const found: Finding[] = [];
    const length = insns.length / INSN_SIZE;
    if (length > MAX_INSNS) found.push(finding('too-many-insns', name, `${length} instructions`));
    const depth = stackDepth(program);
    if (depth > STACK_SIZE) {
      const message = `'${name}' needs at least ${depth} bytes of stack, of ${STACK_SIZE}`;
      const says = 'combined stack size of … calls is …. Too large';
      found.push(finding('stack-overflow', name, message, { says }));
    }
    return found;
  });

/** Functions as they come out of -O0. */
export const checkOptimised: Check = ({ subject: { symbols, code } }) =>
  symbols.flatMap(({ name, type, section, value, size }): Finding[] => {
    const own = code.get(section);
    if (type !== 'function' || !own) return [];
    const start = Math.floor(value / INSN_SIZE);
    const end = Math.min(own.length, start + Math.floor(size / INSN_SIZE));
    if (!looksUnoptimised(own, start, end)) return [];
    const message = `'${name}' puts nearly every value on the stack, as with -O0`;
    return [finding('not-optimised', name, message)];
  });

/** What bpf-gcc 12 gets wrong without 32-bit arithmetic (-mcpu=v1 and v2). */
export const checkMasks: Check = ({ subject: { elf, code }, producer }) =>
  [...code].flatMap(([index, own]): Finding[] => {
    const count = producer.name === 'gcc' ? emptyMasks(own) : 0;
    if (count === 0) return [];
    const { name } = elf.sections[index]!;
    const message = `${count} times r &= -1, which does nothing: upper halves stay`;
    return [finding('lost-zero-extension', name, message)];
  });

/** Instructions Linux 6.12 does not have. */
export const checkCode: Check = ({ subject: { elf, code } }) =>
  [...code].flatMap(([index, own]): Finding[] => {
    const odd = oddInsn(own);
    if (!odd) return [];
    const { name } = elf.sections[index]!;
    const opcode = own.op[odd.insn]!.toString(16).padStart(2, '0');
    const says = `unknown opcode ${opcode}`;
    return odd.indirect
      ? [finding('indirect-call', name, `call through a register at ${odd.insn}`, { says })]
      : [finding('bad-instruction', name, `opcode 0x${opcode} at ${odd.insn}`, { says })];
  });

/** Does the licence allow what the programs call? */
export const checkLicense: Check = ({ subject: { elf, object, license } }) => {
  if (elf.machine !== EM_BPF || isGplCompatible(license)) return [];
  const needy = (object?.programs ?? []).flatMap((program): Finding[] => {
    const helpers = gplHelpers(program);
    const { name, type } = program;
    if (GPL_TYPES.includes(type ?? '')) {
      const kind = type === 'lsm' ? 'LSM' : 'struct ops';
      const says = `${kind} programs must have a GPL compatible license`;
      return [finding('needs-gpl', name, `'${name}' is a program of type ${type}`, { says })];
    }
    if (helpers.length === 0) return [];
    const says = 'cannot call GPL-restricted function from non-GPL compatible program';
    return [finding('needs-gpl', name, `'${name}' calls ${helpers.join(', ')}`, { says })];
  });
  if (license !== '') return needy;
  return [...needy, finding('no-license', '', 'no licence: counts as one that is not the GPL')];
};

/** Helpers a program calls that are for GPL-compatible programs only. */
export function gplHelpers(program: ProgramSpec): string[] {
  const type = program.type === undefined ? undefined : programTypeId(program.type);
  return helpersCalled(program).flatMap((id) =>
    helperContract(id, type)?.gplOnly ? [`bpf_${helperName(id)}`] : [],
  );
}

/** Are the helpers there, and for programs of this type? */
export const checkHelpers: Check = ({ subject: { object } }) =>
  (object?.programs ?? []).flatMap((program) => {
    const { name } = program;
    const type = program.type === undefined ? undefined : programTypeId(program.type);
    return helpersCalled(program).flatMap((id): Finding[] => {
      if (id < 0) return [];
      if (id === 0 || id >= HELPER_COUNT) {
        const says = `invalid func unknown#${id}`;
        return [finding('unknown-helper', name, `'${name}' calls helper ${id}`, { says })];
      }
      if (type === undefined || BY_TARGET.includes(program.type!)) return [];
      if (helperAvailability(type, id)) return [];
      const helper = `bpf_${helperName(id)}`;
      const says = `program of this type cannot use helper ${helper}#${id}`;
      const message = `programs of type ${program.type} may not call ${helper}`;
      return [finding('helper-not-allowed', name, message, { says })];
    });
  });
