/** Programs as Linux shows them once they are loaded: rewritten by its verifier. */
import { type KernelProfile, loadKernelProfile } from '../../abi/index.ts';
import { bpfHelperName } from '../../abi/names.ts';
import { KernelError, VerifierError } from '../../base/index.ts';
import { BPF_PSEUDO_CALL, type Code, decodeCode, encodeCode, kernelText } from '../../isa/index.ts';
import {
  type FunctionSpec,
  type ObjectFile,
  patchStaticBranch,
  type ProgramSpec,
} from '../../object/index.ts';
import { verifierInput, verify, type Xlated } from '../../verifier/index.ts';
import { constantText, type Listing, protosOf, signed } from './listing.ts';

/** Loads with all capabilities, or with none. */
export interface Loader {
  readonly unprivileged: boolean;
  /** Static keys that are on. */
  readonly keys?: readonly string[];
  /** Default: the newest one. */
  readonly kernel?: KernelProfile;
}

/**
 * The listing of a program as the kernel keeps it. Throws KernelError where the loader refuses it,
 * VerifierError where the verifier does.
 */
export async function xlatedListing(
  object: ObjectFile,
  program: ProgramSpec,
  loader: Loader,
): Promise<Listing> {
  const xlated = rewritten(object, program, loader.kernel ?? (await loadKernelProfile()), loader);
  const functions = functionsOf(xlated, program);
  const lines = xlated.lines.map((line) => ({ ...line }));
  const shown = { ...program, insns: xlated.insns, functions, lines };
  const code = decodeCode(xlated.insns);
  const on = new Set(loader.keys);
  for (const branch of xlated.staticBranches) patchStaticBranch(code, branch, on.has(branch.key));
  shown.insns = encodeCode(code);
  return {
    program: shown,
    code,
    text: textOf(code, xlated, functions, on),
    proto: protosOf(functions, object.btf),
    lines: new Map(lines.map((one) => [one.insn, one])),
  };
}

const NONE = { bpf: false, perfmon: false, netAdmin: false, sysAdmin: false };

function rewritten(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: KernelProfile,
  { unprivileged }: Loader,
): Xlated {
  const input = verifierInput(object, program, kernel, { withoutBtf: unprivileged });
  const rights = unprivileged ? { capabilities: NONE } : {};
  const result = verify(input, kernel, { xlated: true, logLevel: 1, ...rights });
  if (result.xlated) return result.xlated;
  const { errnoName, errno, reason, log } = result;
  throw new VerifierError({
    program: program.name,
    code: errnoName,
    errno: -errno,
    reason: reason?.text ?? log.trim().split('\n')[0] ?? '',
    log,
    explanation: '--loaded shows it as the loader would hand it to the kernel',
  });
}

/** True of what a program may be refused with. */
export const isRefusal = (error: unknown): error is KernelError | VerifierError =>
  error instanceof KernelError || error instanceof VerifierError;

function functionsOf({ insns, subprograms }: Xlated, program: ProgramSpec): FunctionSpec[] {
  return subprograms.map(({ start, name }, i) => {
    const known = program.functions.find((one) => one.name === (name || program.name));
    const end = subprograms[i + 1]?.start ?? insns.length / 8;
    return { name, btfId: 0, global: false, ...known, start, size: end - start };
  });
}

function textOf(
  code: Code,
  xlated: Xlated,
  functions: readonly FunctionSpec[],
  on: ReadonlySet<string>,
): (insn: number) => string {
  const symbols = {
    // Only tail calls still have a helper's number.
    helper: (id: number) => (id === 0 ? undefined : bpfHelperName(id)),
    callee: (_: unknown, at: number) =>
      code.src[at] === BPF_PSEUDO_CALL ? calledFunction(code, at, functions) : xlated.calls.get(at),
    constant: (_: unknown, at: number) =>
      constantText(code, at, (number) => xlated.maps[number - 1]!.name) ?? xlated.addresses.get(at),
  };
  const keys = new Map(xlated.staticBranches.map(({ insn, key }) => [insn, key]));
  // What has no number of its own has one where the kernel is.
  return (insn) => {
    const text = kernelText(code, insn, symbols);
    const key = keys.get(insn);
    if (key !== undefined) return `${text} ; static key '${key}' is ${on.has(key) ? 'on' : 'off'}`;
    return xlated.calls.has(insn) ? text.replace(/#0$/, '') : text;
  };
}

function calledFunction(code: Code, at: number, functions: readonly FunctionSpec[]): string {
  const name = functions[code.imm[at]!]?.name;
  return signed(code.off[at]!) + (name ? `#${name}` : '');
}
