import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { KernelError } from '../base/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import {
  type CostProfile,
  type Diagnosis,
  diagnose,
  type KernelProfile,
  profileCost,
  type VerifierCapabilities,
  type VerifierInput,
  verifierInput,
  verify,
  type VerifyResult,
} from '../verifier/index.ts';
import type { Counterexample } from '../tools/counterexample/index.ts';
import type { CommandCall } from './command.ts';
import { choosePrograms } from './choose-programs.ts';
import { EXIT, usageError } from './exit.ts';
import { kernelWithKfuncs } from './kernel-parts.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';
import { writeCsv, writeJson, writeText } from './verify-report.ts';
import { writeSarif } from './verify-sarif.ts';

/** What came of one program. */
export interface VerifiedProgram {
  readonly file: string;
  readonly program: ProgramSpec;
  /** Undefined when the loader had to refuse it before any verifier saw it, or on a bug. */
  readonly result?: VerifyResult;
  readonly input?: VerifierInput;
  readonly refusal?: KernelError;
  readonly bug?: Error;
  /** With --explain, of what was rejected. */
  readonly diagnosis?: Diagnosis;
  /** With --counterexample, of what was rejected. */
  readonly counterexample?: Counterexample;
  /** With --profile. */
  readonly profile?: CostProfile;
}

/** How programs are verified. */
interface Settings {
  readonly logLevel: number;
  readonly capabilities: VerifierCapabilities;
  readonly portable: boolean;
  readonly explain: boolean;
  readonly counterexample: boolean;
  readonly profile: boolean;
  readonly strictOps: boolean;
}

/** What `--caps` takes: Linux's names without CAP_. */
const CAPABILITIES: Readonly<Record<string, keyof VerifierCapabilities>> = {
  bpf: 'bpf',
  perfmon: 'perfmon',
  net_admin: 'netAdmin',
  sys_admin: 'sysAdmin',
};

/** `beeyard verify`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const settings: Settings = {
    logLevel: call.count('log-level', 0, 0, 7),
    capabilities: capabilitiesOf(call),
    portable: call.flag('portable'),
    explain: ['explain', 'counterexample', 'sarif'].some((one) => call.flag(one)),
    counterexample: call.flag('counterexample'),
    profile: call.flag('profile'),
    strictOps: call.flag('strict-ops'),
  };
  const chosen = choosePrograms(call, io);
  const profile = await kernelWithKfuncs(call, io);
  const programs: VerifiedProgram[] = [];
  for (const { file, object, program } of chosen) {
    if (io.interrupt?.aborted) break;
    const one = verifyProgram(file, object, program, profile, settings);
    programs.push(settings.counterexample ? await withInput(one, object) : one);
  }
  await writeFound(programs, call.text('out'), io);
  if (call.flag('sarif')) writeSarif(programs, io, call.flag('pretty'));
  else if (call.json) writeJson(programs, io, call.flag('pretty'));
  else if (call.flag('csv')) writeCsv(programs, io);
  else writeText(programs, io, settings.logLevel > 0);
  return exitCode(programs, io);
}

function exitCode(programs: readonly VerifiedProgram[], io: CliIo): number {
  if (programs.some(({ bug }) => bug)) return EXIT.bug;
  if (io.interrupt?.aborted) return EXIT.interrupted;
  return programs.every(({ result }) => result?.ok) ? EXIT.ok : EXIT.finding;
}

/** --caps and --unpriv as the privileges of the loader. */
function capabilitiesOf(call: CommandCall): VerifierCapabilities {
  const text = call.text('caps');
  if (call.flag('unpriv')) {
    if (text !== undefined) throw usageError('--unpriv and --caps exclude each other');
    return capabilities([]);
  }
  if (text === undefined || text === 'all') return capabilities(Object.keys(CAPABILITIES));
  const words = text === 'none' ? [] : text.toLowerCase().split(',');
  return capabilities(words.map((word) => word.trim().replace(/^cap_/, '')));
}

function capabilities(names: readonly string[]): VerifierCapabilities {
  const known = Object.keys(CAPABILITIES);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    const hint = didYouMean(wrong, known);
    throw usageError(
      `--caps takes all, none, or some of ${known.join(', ')}, not '${wrong}'${hint}`,
    );
  }
  const has = (name: string) => names.includes(name);
  return {
    bpf: has('bpf'),
    perfmon: has('perfmon'),
    netAdmin: has('net_admin'),
    sysAdmin: has('sys_admin'),
  };
}

/** Adds the input that makes a rejected program go wrong, or what the search for it showed. */
async function withInput(one: VerifiedProgram, object: ObjectFile): Promise<VerifiedProgram> {
  const { diagnosis, input, program } = one;
  if (!diagnosis || !input) return one;
  const { searchInput } = await import('./counterexample.ts');
  const counterexample = await searchInput(object, program, input, diagnosis.explanation);
  return { ...one, counterexample };
}

/** --out: the packets that were found, as a capture. */
async function writeFound(
  programs: readonly VerifiedProgram[],
  path: string | undefined,
  io: CliIo,
): Promise<void> {
  if (path === undefined) return;
  const found = programs.flatMap((one) => one.counterexample ?? []);
  const { captureOf } = await import('./counterexample.ts');
  writeFileSync(resolve(io.cwd, path), captureOf(found));
}

/** Sources named by line info, if they lie where it says, or beside the object. */
function sourceBeside(object: string): (file: string) => string | undefined {
  return (file) => {
    const places = [file, join(dirname(object), basename(file))];
    for (const place of places) {
      try {
        return readFileSync(place, 'utf8');
      } catch {
        // It may have been compiled elsewhere.
      }
    }
    return undefined;
  };
}

/** As libbpf does: without a log first, and again with one when it is rejected. */
function verifyProgram(
  file: string,
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
  settings: Settings,
): VerifiedProgram {
  const { logLevel, capabilities, portable, strictOps } = settings;
  try {
    const objectName = basename(file).split('.')[0]!;
    const input = verifierInput(object, program, profile, { objectName });
    const rules = { capabilities, portable, strictOps };
    const first = verify(input, profile, { ...rules, logLevel });
    const cost = settings.profile && { profile: profileCost(input, profile, rules) };
    if (first.ok) return { file, program, input, result: first, ...cost };
    const result = logLevel === 0 ? verify(input, profile, { ...rules, logLevel: 1 }) : first;
    if (!settings.explain) return { file, program, input, result, ...cost };
    const diagnosis = diagnose(input, profile, { ...rules, sourceText: sourceBeside(file) });
    return { file, program, input, result, ...cost, ...(diagnosis ? { diagnosis } : {}) };
  } catch (error) {
    if (error instanceof KernelError) return { file, program, refusal: error };
    return { file, program, bug: error instanceof Error ? error : new Error(String(error)) };
  }
}
