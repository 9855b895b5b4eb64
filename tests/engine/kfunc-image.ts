import type { CallContract } from '../../src/abi/index.ts';
import type { ProgramImage } from '../../src/engine/types.ts';
import { BPF_PSEUDO_KFUNC_CALL, decodeCode, encodeCode } from '../../src/isa/index.ts';
import { imageOf } from './harness.ts';

/** A program text with `kfunc NAME` for calls of kernel functions. */
export function imageWithKfuncs(
  text: string,
  contractOf: (name: string) => CallContract,
): ProgramImage {
  const names: string[] = [];
  const calls: number[] = [];
  const plain = text.replace(/kfunc (\w+)/g, (_, name: string) => {
    if (!names.includes(name)) names.push(name);
    calls.push(names.indexOf(name));
    return 'call 7777';
  });
  const image = imageOf(plain);
  const code = decodeCode(image.insns);
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== 0x85 || code.imm[i] !== 7777) continue;
    code.set(i, 0x85, 0, BPF_PSEUDO_KFUNC_CALL, 0, calls.shift()!);
  }
  return { ...image, insns: encodeCode(code), kfuncs: names.map(contractOf) };
}
