import type { KernelProfile } from '../abi/index.ts';
import { KernelError, VerifierError } from '../base/index.ts';
import { INSN_SIZE } from '../isa/index.ts';
import type { KernelMap, ProgramVerification } from '../kernel/index.ts';
import {
  essentialName,
  type ExternSpec,
  type MapSpec,
  type ObjectFile,
  type ProgramSpec,
  type RelocatedProgram,
  relocateProgram,
} from '../object/index.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  explain,
  explanationText,
  type VerifierCapabilities,
  type VerifierInput,
  verify,
  verifierInput,
} from '../verifier/index.ts';

/** Which of the kernel's functions and variables a machine has: programs see no others. */
export type Offers = (symbol: ExternSpec) => boolean;

/** Kernel functions with a body, and no variables. The same function for all its programs. */
export function offersOf(runtime: Runtime): Offers {
  return ({ kind, name }) =>
    kind === 'ksym_function' && runtime.kfuncFunction(essentialName(name)) !== undefined;
}

/**
 * The program as this machine runs it: adapted to the types and the configuration of the kernel
 * whose rules hold. What is verified and what runs are made from this one.
 */
export function relocated(
  spec: ProgramSpec,
  object: ObjectFile,
  rules: KernelProfile | undefined,
  offers: Offers,
): RelocatedProgram {
  try {
    return relocateProgram(object, spec, rules, { offers });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const reason = error.message.slice(0, -` (${error.code})`.length);
    const text = `program '${spec.name}': ${reason}`;
    throw new KernelError(error.code, error.errno, text, { cause: error });
  }
}

/** Who loads the program: root if nothing is said. */
interface VerifierUser {
  /** The loader may not load BTF. */
  readonly withoutBtf: boolean;
  /** What the program may do. Throws KernelError if it is not for this loader. */
  admit(program: {
    readonly type: number;
    readonly expectedAttachType: number;
    readonly length: number;
  }): VerifierCapabilities;
}

/** A program that Linux would load. */
interface Verified {
  readonly input: VerifierInput;
  readonly verification: ProgramVerification;
}

/**
 * Asks the verifier whether Linux would load the program, if there are rules to go by. `flags`:
 * BPF_F_* beside those of its section; `target`: the program it attaches to. Throws VerifierError
 * if not.
 */
export function verifyProgram(
  spec: ProgramSpec,
  relocated: RelocatedProgram,
  maps: ReadonlyMap<string, KernelMap>,
  object: ObjectFile,
  rules: KernelProfile | undefined,
  { flags = 0, target }: { flags?: number; target?: VerifierInput | undefined } = {},
  by?: VerifierUser,
): Verified | undefined {
  if (!rules) return undefined;
  const { withoutBtf = false } = by ?? {};
  const loaded = withMaps(object, maps);
  const aimed = target ? { target } : {};
  const options = { relocated, flags, withoutBtf, ...aimed };
  const input = verifierInput(loaded, spec, rules, options);
  const length = input.insns.length / INSN_SIZE;
  const rights = by ? { capabilities: by.admit({ ...input, length }) } : {};
  const result = verify(input, rules, rights);
  if (!result.ok) {
    const why = explain(input, rules);
    throw new VerifierError({
      program: spec.name,
      code: result.errnoName,
      errno: -result.errno,
      reason: result.reason?.text ?? 'without a reason given',
      log: verify(input, rules, { ...rights, logLevel: 1 }).log,
      explanation: why ? explanationText(why) : '',
    });
  }
  const { processed, time } = result.stats;
  return { input, verification: { insns: processed, time } };
}

/** For each instruction as Linux's verifier leaves it, the one of the program it was made for. */
export function rewrittenOrigins(
  spec: ProgramSpec,
  relocated: RelocatedProgram,
  maps: ReadonlyMap<string, KernelMap>,
  object: ObjectFile,
  rules: KernelProfile,
): Int32Array {
  const input = verifierInput(withMaps(object, maps), spec, rules, { relocated });
  return verify(input, rules, { xlated: true }).xlated!.origin;
}

/**
 * The object as it is loaded: constants may have been set, and maps may be those of others, which
 * have the types of this object here.
 */
function withMaps(object: ObjectFile, maps: ReadonlyMap<string, KernelMap>): ObjectFile {
  const loaded = (written: MapSpec): MapSpec => {
    const spec = maps.get(written.name)?.spec ?? written;
    const { name, keyTypeId, valueTypeId } = written;
    const own = spec.keyTypeId === keyTypeId && spec.valueTypeId === valueTypeId;
    return own && spec.name === name ? spec : { ...spec, name, keyTypeId, valueTypeId };
  };
  return { ...object, maps: object.maps.map(loaded) };
}
