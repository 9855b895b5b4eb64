/** The compiled contracts keep the kernel's own rules for prototypes (check_func_proto). */
import { describe, expect, it } from 'vitest';
import { enums, HELPER_COUNT } from '../../src/abi/index.ts';
import * as arg from '../../src/verifier/call/arg-types.ts';
import { type HelperPrototype, helperPrototype } from '../../src/verifier/call/contracts.ts';
import { VerifierEnv } from '../../src/verifier/env.ts';
import { baseType, MEM_FIXED_SIZE, MEM_UNINIT } from '../../src/verifier/state/layout.ts';
import { inputOf, PRIVILEGED, profile } from './programs.ts';

/** Every prototype some plain program type gets. */
function prototypes(): HelperPrototype[] {
  const found = new Map<string, HelperPrototype>();
  for (const type of Object.values(enums.bpf_prog_type)) {
    const env = new VerifierEnv(inputOf('exit', { type }), profile, {
      capabilities: PRIVILEGED,
      observer: undefined,
      logLevel: 0,
    });
    for (let id = 1; id < HELPER_COUNT; id++) {
      const proto = helperPrototype(env, id);
      if (proto) found.set(`${id} ${proto.contract.prototype}`, proto);
    }
  }
  return [...found.values()];
}

const all = prototypes();
const failing = (fits: (proto: HelperPrototype) => boolean): string[] =>
  all.filter((proto) => !fits(proto)).map(({ contract }) => contract.prototype!);

describe('compiled contracts', () => {
  it('are there for more than two hundred prototypes', () => {
    expect(all.length).toBeGreaterThan(200);
  });

  it('have at most one argument that the helper fills', () => {
    expect(failing(({ argTypes }) => argTypes.filter(arg.isRawMem).length <= 1)).toEqual([]);
  });

  it('have a size behind memory, unless its size is fixed, and nowhere else', () => {
    const fits = ({ argTypes, argSizes }: HelperPrototype): boolean =>
      argTypes.every((type, i) => {
        const sized = i < 4 && arg.isMemSize(argTypes[i + 1]!);
        if (baseType(type) !== arg.ARG_PTR_TO_MEM) return !sized;
        const fixed = (type & MEM_FIXED_SIZE) !== 0;
        return fixed !== sized && fixed === argSizes[i]! > 0;
      });
    expect(failing(fits)).toEqual([]);
  });

  it('name a struct the kernel has for every BTF pointer that is not checked otherwise', () => {
    const fits = ({ argTypes, argBtfIds, name }: HelperPrototype): boolean =>
      name === 'bpf_kptr_xchg' ||
      argTypes.every((type, i) => baseType(type) !== arg.ARG_PTR_TO_BTF_ID || argBtfIds[i]! > 0);
    expect(failing(fits)).toEqual([]);
    const returns = ({ retType, retBtfId, name }: HelperPrototype): boolean =>
      name === 'bpf_kptr_xchg' || baseType(retType) !== arg.RET_PTR_TO_BTF_ID || retBtfId > 0;
    expect(failing(returns)).toEqual([]);
  });

  it('make a dynptr only where they say which kind', () => {
    const fits = ({ argTypes }: HelperPrototype): boolean =>
      argTypes.every(
        (type) => !arg.isDynptr(type) || !(type & MEM_UNINIT) || type & arg.DYNPTR_TYPE_FLAG_MASK,
      );
    expect(failing(fits)).toEqual([]);
  });

  it('take the context first when they may move the packet', () => {
    const fits = ({ changesPacket, argTypes }: HelperPrototype): boolean =>
      !changesPacket || argTypes[0] === arg.ARG_PTR_TO_CTX;
    expect(failing(fits)).toEqual([]);
  });
});
