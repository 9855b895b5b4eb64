import { FormatError, KernelError } from '../../../base/index.ts';
import type { ProgramSpec } from '../../../object/index.ts';
import { verifierInput, verify } from '../../../verifier/index.ts';
import { finding } from '../codes.ts';
import { sectionForm } from '../sections.ts';
import type { Finding } from '../types.ts';
import type { CheckInput } from './check.ts';
import { needsTarget } from './programs.ts';

const OTHER_TARGET = 'name a function this kernel has, or set the target before loading';

/** What the kernel says of the programs libbpf would give it. */
export interface KernelVerdicts {
  readonly findings: readonly Finding[];
  /** Names of the programs it takes. */
  readonly accepted: ReadonlySet<string>;
}

/** Does the kernel have what the programs ask for, and would it take them? */
export function askKernel(input: CheckInput): KernelVerdicts {
  const loaded = input.kernel ? (input.subject.object?.programs ?? []).filter(isLoaded) : [];
  const answers = loaded.map((program) => ({ program, findings: askFor(program, input) }));
  const accepted = answers.filter(({ findings }) => findings.length === 0);
  return {
    findings: answers.flatMap(({ findings }) => findings),
    accepted: new Set(accepted.map(({ program }) => program.name)),
  };
}

/** Not those libbpf leaves out or refuses, nor those whose target is told at run time. */
function isLoaded({ section, type, attachTarget, autoload }: ProgramSpec): boolean {
  if (autoload === false || section === '.text' || !sectionForm(section)) return false;
  return type !== 'ext' && (attachTarget !== undefined || !needsTarget(type));
}

function askFor(program: ProgramSpec, { subject, kernel }: CheckInput): Finding[] {
  const { name } = program;
  if (!kernel || !subject.object) return [];
  try {
    const input = verifierInput(subject.object, program, kernel);
    // As libbpf: the log is written only when there is something to read in it.
    if (verify(input, kernel).ok) return [];
    const { log, errnoName } = verify(input, kernel, { logLevel: 1 });
    const message = `Linux 6.12.117 does not load '${name}' (${errnoName})`;
    return [finding('rejected', name, message, { says: lastWords(log) })];
  } catch (error) {
    if (!(error instanceof KernelError) && !(error instanceof FormatError)) throw error;
    const fix = error.message.includes('BTF type ID of') ? { fix: OTHER_TARGET } : {};
    return [finding('kernel-lacks', name, `'${name}': ${error.message}`, fix)];
  }
}

/** The line of the log that says why. */
function lastWords(log: string): string {
  const lines = log.trimEnd().split('\n');
  return lines.findLast((line) => !/^(processed \d|verification time)/.test(line)) ?? '';
}
