import type { KernelProfile } from '../abi/index.ts';
import { VerifierError } from '../base/index.ts';
import type { KernelMap, ProgramVerification } from '../kernel/index.ts';
import { type ObjectFile, type ProgramSpec, relocateProgram } from '../object/index.ts';
import { explain, explanationText, verify, verifierInput } from '../verifier/index.ts';

/**
 * Asks the verifier whether Linux would load the program, if there are rules to go by. Throws
 * VerifierError if not.
 */
export function verifyProgram(
  spec: ProgramSpec,
  maps: ReadonlyMap<string, KernelMap>,
  object: ObjectFile,
  rules: KernelProfile | undefined,
): ProgramVerification | undefined {
  if (!rules) return undefined;
  const input = verifierInput(withMaps(object, maps), spec, rules);
  const result = verify(input, rules);
  if (!result.ok) {
    const why = explain(input, rules);
    throw new VerifierError({
      program: spec.name,
      code: result.errnoName,
      errno: -result.errno,
      reason: result.reason?.text ?? 'without a reason given',
      log: verify(input, rules, { logLevel: 1 }).log,
      explanation: why ? explanationText(why) : '',
    });
  }
  return { insns: result.stats.processed, time: result.stats.time };
}

/**
 * True if what runs is what was verified. A program that tests for kernel symbols, which the rules
 * have and this machine has not, takes other ways here.
 */
export function isSameProgram(spec: ProgramSpec): boolean {
  return !spec.relocations.some(({ kind }) => kind === 'extern');
}

/** The object as it is loaded: constants may have been set. */
function withMaps(object: ObjectFile, maps: ReadonlyMap<string, KernelMap>): ObjectFile {
  return { ...object, maps: object.maps.map((map) => maps.get(map.name)?.spec ?? map) };
}

/** The program with what depends on the kernel's types put in; symbols stay for the linker. */
export function adapted(
  spec: ProgramSpec,
  object: ObjectFile,
  rules: KernelProfile | undefined,
): ProgramSpec {
  if (!rules || spec.coreRelocations.length === 0) return spec;
  const isSymbol = spec.relocations.some(({ kind }) => kind === 'extern');
  if (isSymbol) return spec;
  return { ...spec, insns: relocateProgram(object, spec, rules).insns };
}
