import { describe, expect, it } from 'vitest';
import { checkCfg } from '../../src/verifier/cfg/cfg.ts';
import {
  addSubprogs,
  checkSubprogs,
  findContainingSubprog,
  findSubprog,
} from '../../src/verifier/cfg/subprograms.ts';
import {
  AUX_CALLS_CALLBACK,
  AUX_FORCE_CHECKPOINT,
  AUX_JMP_POINT,
  AUX_JUMP_TARGET,
  AUX_PRUNE_POINT,
} from '../../src/verifier/env.ts';
import { envOf, PRIVILEGED, UNPRIVILEGED } from './programs.ts';

function flowOf(text: string, capabilities = PRIVILEGED) {
  const { env, words } = envOf(text, capabilities);
  try {
    addSubprogs(env);
    checkSubprogs(env);
    checkCfg(env);
  } catch (error) {
    return { env, words, error: String(error) };
  }
  return { env, words, error: '' };
}

const insnsWith = (flags: Int32Array, bit: number): number[] =>
  [...flags.keys()].filter((i) => flags[i]! & bit);

describe('control flow', () => {
  it('finds functions and the one an instruction is in', () => {
    const { env } = flowOf('call f; exit\n f: r0 = 0; exit');
    expect(env.subprogs.map((subprog) => subprog.start)).toEqual([0, 2]);
    expect(findSubprog(env, 2)).toBe(1);
    expect(findSubprog(env, 3)).toBe(-1);
    expect(findContainingSubprog(env, 3)).toBe(1);
    expect(findContainingSubprog(env, 4)).toBe(-1);
  });

  it('marks where paths meet and where they part', () => {
    const { env } = flowOf('r0 = 0\n if r1 == 0 goto end\n r0 = 1\n end: exit');
    const { flags } = env.aux;
    expect(insnsWith(flags, AUX_PRUNE_POINT)).toEqual([1, 3]);
    expect(insnsWith(flags, AUX_JMP_POINT)).toEqual([3]);
    expect(insnsWith(flags, AUX_JUMP_TARGET)).toEqual([3]);
  });

  it('keeps states before calls that call back', () => {
    const { env } = flowOf(
      'r1 = 1; r2 = f ll; r3 = 0; r4 = 0; call 181; r0 = 0; exit\n f: r0 = 0; exit',
    );
    expect(insnsWith(env.aux.flags, AUX_CALLS_CALLBACK)).toEqual([5]);
    expect(insnsWith(env.aux.flags, AUX_FORCE_CHECKPOINT)).toEqual([5]);
  });

  it('rejects what is never reached', () => {
    expect(flowOf('r0 = 0\n goto end\n r0 = 1\n end: exit').words).toEqual(['unreachable insn 2']);
  });

  it('rejects jumps out of the function and functions without an end', () => {
    expect(flowOf('r0 = 0; goto +5; exit').words).toEqual(['jump out of range from insn 1 to 7']);
    expect(flowOf('r0 = 0').words).toEqual(['last insn is not an exit or jmp']);
    const { env, words } = envOf('r0 = 0; exit');
    env.code.set(0, 0x85, 0, 1, 0, 9);
    expect(() => addSubprogs(env)).toThrow('EINVAL');
    expect(words).toEqual(['call to invalid destination']);
  });

  it('allows loops only to the privileged', () => {
    const loop = 'r0 = 0\n again: r0 += 1\n if r0 < 4 goto again\n exit';
    expect(flowOf(loop).error).toBe('');
    expect(flowOf(loop, UNPRIVILEGED).words).toEqual(['back-edge from insn 2 to 1']);
  });

  it('allows functions only to the privileged', () => {
    const { words, error } = flowOf('call f; exit\n f: r0 = 0; exit', UNPRIVILEGED);
    expect(words).toEqual([
      'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    ]);
    expect(error).toContain('EPERM');
  });

  it('rejects a jump into a wide load', () => {
    expect(flowOf('if r1 == 0 goto +1; r0 = 1 ll; exit').words).toEqual([
      'jump into the middle of ldimm64 insn 1',
    ]);
  });

  it('knows which functions move the packet, through calls', () => {
    const { env } = flowOf('call f; exit\n f: call g; exit\n g: r0 = 0; call 44; exit');
    expect(env.subprogs.map((subprog) => subprog.changesPacket)).toEqual([true, true, true]);
  });
});
