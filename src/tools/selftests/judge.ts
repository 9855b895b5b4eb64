/** Selftests of the kernel as tests of ours: what a program's tags say against what comes of it. */
import type { KernelProfile } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import { lineOf, type ObjectFile } from '../../object/index.ts';
import { type VerifierInput, verify, type VerifyResult } from '../../verifier/index.ts';
import {
  PRIVILEGED,
  type SelftestMode,
  type SelftestSpec,
  testSpecs,
  UNPRIVILEGED,
} from './annotations.ts';
import { capabilitiesOf, selftestInput, type SelftestUnit } from './load.ts';
import { firstMissing } from './patterns.ts';

/** What came of one test. */
export interface SelftestResult {
  /** 'verifier_and/invalid_range_check', '@unpriv' behind it without capabilities. */
  readonly name: string;
  readonly file: string;
  readonly program: string;
  readonly mode: SelftestMode;
  readonly description: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** Why it failed or was left out. */
  readonly why?: string;
  /** The source line the verifier stopped at. */
  readonly source?: { readonly file: string; readonly line: number; readonly text: string };
  /** The end of the log, of tests that failed. */
  readonly log?: string;
  /** Instructions the verifier looked at. */
  readonly processed: number;
}

/** A test that passed verification and says what the program returns is asked for that. */
export type RunSelftest = (unit: SelftestUnit) => Promise<string | undefined>;

const LEVEL1 = 1;
/** Bytes of the test driver's log buffer. */
const LOG_BUFFER = 2 << 20;
const SHOWN_LINES = 12;

/** The tests of an object's file, in the order of its programs. */
export function selftestsOf(file: string, object: ObjectFile): SelftestUnit[] {
  const specs = testSpecs(object);
  return object.programs.flatMap((program) => {
    const spec = specs.get(program.name);
    if (!spec || spec.auxiliary) return [];
    const of = (mode: SelftestMode) => ({ file, object, program, spec, mode });
    return [
      ...((spec.modes & PRIVILEGED) === 0 ? [] : [of('privileged')]),
      ...((spec.modes & UNPRIVILEGED) === 0 ? [] : [of('unprivileged')]),
    ];
  });
}

/** How people call a test. */
export const selftestName = ({ file, program, mode }: Omit<SelftestUnit, 'object'>): string =>
  `${file.replace(/(?:\.bpf)?\.o$/, '')}/${program.name}${SUFFIX[mode]}`;

const SUFFIX: Readonly<Record<SelftestMode, string>> = { privileged: '', unprivileged: '@unpriv' };

/** Verifies a program as the kernel's test loader would, and runs it if it says what it returns. */
export async function judgeSelftest(
  unit: SelftestUnit,
  profile: KernelProfile,
  run: RunSelftest,
): Promise<SelftestResult> {
  const { spec } = unit;
  const skip = (why: string) => resultOf(unit, 'skip', undefined, { why });
  if (spec!.skipped) return skip('not for x86-64');
  if (spec!.btfPath) return skip(`types of ${spec!.btfPath}`);
  const attempt = attemptAt(unit, profile);
  if ('refusal' in attempt) {
    const lacks = /not found in kernel|failed to find kernel BTF type/.test(attempt.refusal);
    if (lacks) return skip(`a kernel module is needed: ${attempt.refusal}`);
    return resultOf(unit, 'fail', undefined, { why: `the loader refused it: ${attempt.refusal}` });
  }
  const { result, said, input } = attempt;
  const wrong = wrongVerdict(spec!, unit.mode, result) ?? missing(spec!, unit.mode, said);
  if (wrong !== undefined)
    return resultOf(unit, 'fail', result, { why: wrong, ...where(input, result, said) });
  const returned = result.ok ? await run(unit) : undefined;
  return returned === undefined
    ? resultOf(unit, 'pass', result, {})
    : resultOf(unit, 'fail', result, { why: returned });
}

type Attempt =
  | { readonly refusal: string }
  | { readonly input: VerifierInput; readonly result: VerifyResult; readonly said: string };

function attemptAt(unit: SelftestUnit, profile: KernelProfile): Attempt {
  const { spec, mode, file } = unit;
  try {
    const input = selftestInput(unit, profile);
    const asked = spec!.logLevel;
    // Without a level there is no log; when the load fails, libbpf tries again with level 1.
    const logLevel = asked || LEVEL1;
    const logSize = asked ? LOG_BUFFER : undefined;
    const result = verify(input, profile, {
      logLevel,
      ...(logSize === undefined ? {} : { logSize }),
      capabilities: capabilitiesOf(file, mode),
    });
    return { input, result, said: asked === 0 && result.ok ? '' : result.log };
  } catch (error) {
    if (error instanceof KernelError) return { refusal: error.message };
    throw error;
  }
}

function wrongVerdict(spec: SelftestSpec, mode: SelftestMode, result: VerifyResult) {
  const { failure } = spec[mode];
  if (result.ok !== failure) return undefined;
  if (failure) return 'accepted, and the test says that the verifier rejects it';
  return `rejected (${result.errnoName}), and the test says that the verifier accepts it`;
}

function missing(spec: SelftestSpec, mode: SelftestMode, said: string): string | undefined {
  const { messages } = spec[mode];
  const first = firstMissing(said, messages);
  if (first < 0) return undefined;
  const after = first === 0 ? '' : `, behind ‘${messages[first - 1]}’`;
  return `the log has no ‘${messages[first]}’${after}`;
}

function where(input: VerifierInput, result: VerifyResult, said: string) {
  const line = result.ok ? undefined : lineOf(input.lineInfo, result.insn);
  const log = (said || result.log).trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  const source = line && { file: line.file, line: line.line, text: line.text.trim() };
  return { log, ...(source ? { source } : {}) };
}

function resultOf(
  unit: SelftestUnit,
  status: SelftestResult['status'],
  result: VerifyResult | undefined,
  rest: Pick<SelftestResult, 'why' | 'source' | 'log'>,
): SelftestResult {
  return {
    name: selftestName(unit),
    file: unit.file,
    program: unit.program.name,
    mode: unit.mode,
    description: unit.spec!.description,
    status,
    processed: result?.stats.processed ?? 0,
    ...rest,
  };
}
