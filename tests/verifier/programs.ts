import { assemble, encodeCode } from '../../src/isa/index.ts';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { VerifierEnv } from '../../src/verifier/env.ts';
import type { VerifierCapabilities, VerifierInput } from '../../src/verifier/types.ts';

export const profile = await loadKernelProfile();

export const PRIVILEGED: VerifierCapabilities = {
  bpf: true,
  perfmon: true,
  netAdmin: true,
  sysAdmin: true,
};
export const UNPRIVILEGED: VerifierCapabilities = {
  bpf: false,
  perfmon: false,
  netAdmin: false,
  sysAdmin: false,
};

/** A socket filter of this assembly text. */
export function inputOf(text: string, more: Partial<VerifierInput> = {}): VerifierInput {
  return {
    name: 'test',
    type: 1,
    expectedAttachType: 0,
    attachBtfId: 0,
    license: 'GPL',
    flags: 0,
    insns: encodeCode(assemble(text).code),
    maps: [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
    ...more,
  };
}

/** An environment before the first pass, and what is said in it. */
export function envOf(text: string, capabilities = PRIVILEGED) {
  const words: string[] = [];
  const env = new VerifierEnv(inputOf(text), profile, {
    capabilities,
    observer: { message: (message) => words.push(message.text) },
    logLevel: 1,
  });
  return { env, words };
}
