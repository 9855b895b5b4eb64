/** Contracts by the name a user gives. */
import {
  type CallContract,
  functionContract,
  functionParameter,
  type FunctionReading,
  HELPER_COUNT,
  helperContract,
  helperId,
  helperName,
  isContextType,
  kfuncByName,
  kfuncContract,
  kfuncNames,
  kfuncsByName,
  type KernelProfile,
  programTypeId,
  protoOf,
} from '../abi/index.ts';
import type { Btf, BtfFunc } from '../btf/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';

/** Of a helper, a kfunc of the kernel or one of a module, with or without `bpf_`. */
export function contractByName(name: string, kernel: KernelProfile): CallContract | undefined {
  const id = helperId(name);
  const helper = id === undefined ? undefined : helperContract(id);
  return helper ?? kfuncOf(name, kernel) ?? kfuncOf(`bpf_${name}`, kernel);
}

function kfuncOf(name: string, kernel: KernelProfile): CallContract | undefined {
  const def = kfuncByName(name);
  if (def) return kfuncContract(kernel.btf(), def);
  for (const module of kernel.modules) {
    const own = kfuncsByName(module.kfuncs).get(name);
    if (own) return kfuncContract(module.btf(), own, module.name);
  }
  return undefined;
}

/** The contracts of all helpers, of the kernel's kfuncs, and of those of its modules. */
export function allContracts(kernel: KernelProfile): CallContract[] {
  const helpers = Array.from({ length: HELPER_COUNT }, (_, id) => helperContract(id));
  const own = kfuncNames().map((name) => kfuncContract(kernel.btf(), kfuncByName(name)!));
  const others = kernel.modules.flatMap(({ name, kfuncs, btf }) =>
    [...kfuncsByName(kfuncs).values()].map((def) => kfuncContract(btf(), def, name)),
  );
  return [...helpers.filter((contract) => contract !== undefined), ...own, ...others];
}

/** Every helper and kfunc there is. */
export function allCallNames({ modules }: KernelProfile): string[] {
  const helpers = Array.from({ length: HELPER_COUNT }, (_, id) => `bpf_${helperName(id)}`);
  return [
    ...helpers,
    ...kfuncNames(),
    ...modules.flatMap(({ kfuncs }) => [...kfuncsByName(kfuncs).keys()]),
  ];
}

/** Of a function of an object: what its BTF and the tags of its parameters say. */
export function functionByName(
  path: string,
  name: string,
  kernel: KernelProfile,
  io: CliIo,
): CallContract {
  const object = readObject(path, io);
  const { btf } = object;
  const functions = btf ? functionsOf(btf) : [];
  const func = functions.find((each) => each.name === name);
  if (!btf || !func) {
    const names = functions.map((each) => each.name);
    throw usageError(`${path} has no function '${name}' with types${didYouMean(name, names)}`);
  }
  const reading = readingOf(object, btf, func, kernel);
  const args = protoOf(btf, func.id)!.params.map((param, index) => {
    const arg = functionParameter(btf, func, index, reading);
    if (typeof arg === 'object') return arg;
    throw new CliError(EXIT.finding, `${name}: parameter '${param.name}': ${FAULTS[arg]}`);
  });
  return functionContract(btf, func, args);
}

/** What is wrong with a parameter. */
const FAULTS = {
  tag_in_static: 'only global functions may have tags',
  tag_unknown: 'it has a tag that Linux 6.12 does not know',
  tag_not_pointer: 'only pointers may have tags',
  tag_combination: 'its tags contradict each other or its type',
  tag_arena: 'the tag for arenas stands alone',
  type: 'neither a number nor a pointer that a global function can take',
  size: 'what it points to has no size',
} as const;

const functionsOf = (btf: Btf): BtfFunc[] => btf.types.filter((type) => type.kind === 'func');

/** Which pointers are contexts depends on the caller: that of one of the object's programs. */
function readingOf(
  { programs }: ObjectFile,
  btf: Btf,
  func: BtfFunc,
  kernel: KernelProfile,
): FunctionReading {
  const types = new Set(programs.map(({ type }) => programTypeId(type ?? '')));
  const isContext = (target: number): boolean =>
    [...types].some((type) => type !== undefined && isContextType(kernel, btf, target, type));
  return { global: func.linkage === 'global', tagged: kernel.gates.argTags, isContext };
}
