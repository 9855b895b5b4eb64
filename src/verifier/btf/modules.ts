import type { KernelModule } from '../../abi/index.ts';
import { BugError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';

/**
 * The module at place `place` (from 1) of those the program names; undefined: it names none there.
 */
export function moduleAt(env: VerifierEnv, place: number): KernelModule | undefined {
  const name = env.input.modules?.[place - 1];
  return name === undefined ? undefined : loadedModule(env, name);
}

/** The module that has what the program attaches to; undefined: the kernel itself. */
export function attachModule(env: VerifierEnv): KernelModule | undefined {
  const name = env.input.attachModule;
  return name === undefined ? undefined : loadedModule(env, name);
}

/** The BTF that the `off` of a call names (find_kfunc_desc_btf); undefined if it names none. */
export function calledBtf(env: VerifierEnv, off: number): Btf | undefined {
  return off === 0 ? env.profile.btf() : moduleAt(env, off)?.btf();
}

/** BTF of what the program attaches to in the kernel or a module. */
export function attachKernelBtf(env: VerifierEnv): Btf {
  return attachModule(env)?.btf() ?? env.profile.btf();
}

function loadedModule(env: VerifierEnv, name: string): KernelModule {
  const module = env.profile.modules.find((each) => each.name === name);
  if (!module) throw new BugError(`the program names module '${name}', which is not loaded`);
  return module;
}

/** `BTF` word of the BTF of a module (undefined: of the kernel), which the program now uses. */
export function btfWord(env: VerifierEnv, module: KernelModule | undefined): number {
  return module ? btfIndex(env, module.btf()) : KERNEL_BTF;
}

/** `BTF` word for a BTF, which the program now uses; undefined stands for the kernel's. */
export function btfIndex(env: VerifierEnv, btf: Btf | undefined): number {
  if (btf === undefined) return KERNEL_BTF;
  const index = env.btfs.indexOf(btf, KERNEL_BTF);
  return (index >= 0 ? index : env.btfs.push(btf) - 1) + 1;
}
