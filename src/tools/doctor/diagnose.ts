import { isGplCompatible } from '../../verifier/load/program-kinds.ts';
import {
  checkCode,
  checkMasks,
  checkHelpers,
  checkLicense,
  checkOptimised,
  checkSize,
  gplHelpers,
} from './checks/code.ts';
import type { Check, CheckInput } from './checks/check.ts';
import {
  checkAddresses,
  checkConstants,
  checkDescribed,
  checkDoubled,
  checkStrings,
} from './checks/data.ts';
import { checkFile, checkRelocationTables, checkTypes } from './checks/file.ts';
import { askKernel } from './checks/kernel.ts';
import { checkDefinitions, checkLinkage, checkNames } from './checks/maps.ts';
import { checkCalls, checkLoading, checkSections, checkStatic } from './checks/programs.ts';
import { checkTargets, checkUndefined } from './checks/symbols.ts';
import { cpuLevel, stackDepth } from './code.ts';
import type { FindingCode } from './codes.ts';
import { producerOf } from './producer.ts';
import { countRelocations } from './relocations.ts';
import { sectionReports } from './sections.ts';
import { loadSteps } from './steps.ts';
import { examine, type Subject } from './subject.ts';
import type {
  BtfExtReport,
  BtfReport,
  DoctorOptions,
  DoctorReport,
  Finding,
  ProgramReport,
  Severity,
} from './types.ts';

/** Every question, in the order libbpf would come to it. */
const CHECKS: readonly Check[] = [
  checkFile,
  checkRelocationTables,
  checkTypes,
  checkDefinitions,
  checkLinkage,
  checkSections,
  checkStatic,
  checkUndefined,
  checkTargets,
  checkCalls,
  checkLoading,
  checkAddresses,
  checkDescribed,
  checkConstants,
  checkDoubled,
  checkLicense,
  checkSize,
  checkCode,
  checkMasks,
  checkOptimised,
  checkHelpers,
  checkNames,
  checkStrings,
];

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/**
 * Looks a BPF object over as libbpf 6.12 would, without loading it: who made it, what each section
 * is, what loading does, what breaks and how to mend it. With a kernel, every program is fitted to
 * it and verified too.
 *
 * Throws `FormatError` for what is no ELF64 file; every other mistake is a finding.
 *
 * @example
 * const { findings } = diagnose(await readFile('firewall.bpf.o'));
 * findings.filter(({ severity }) => severity === 'error').map(({ message }) => message);
 */
export function diagnose(bytes: Uint8Array, options: DoctorOptions = {}): DoctorReport {
  const subject = examine(bytes);
  const { elf, object, license } = subject;
  const producer = producerOf(subject);
  return {
    producer,
    littleEndian: elf.littleEndian,
    machine: elf.machine,
    cpu: Math.max(1, ...[...subject.code.values()].map(cpuLevel)) as 1 | 2 | 3 | 4,
    license,
    gplCompatible: isGplCompatible(license),
    sections: sectionReports(subject),
    relocations: countRelocations(subject),
    btf: btfReport(subject),
    btfExt: btfExtReport(subject),
    externs: object?.externs ?? [],
    programs: programReports(subject),
    steps: loadSteps(object),
    findings: findingsOf({ subject, producer, ...options }),
  };
}

/** What the verifier knows better: these are dropped for programs it accepts. */
const VERIFIER_DECIDES: readonly FindingCode[] = [
  'stack-overflow',
  'unknown-helper',
  'helper-not-allowed',
  'needs-gpl',
  'not-optimised',
];

/** Errors that stop no loader: wrong results, and what only the verifier can say. */
const LOADS_ANYWAY: readonly FindingCode[] = [
  ...VERIFIER_DECIDES,
  'doubled-address',
  'lost-zero-extension',
];

/**
 * Worst first. That the object cannot be read is told only where nothing says why, and the kernel
 * is asked only about what libbpf would give it.
 */
function findingsOf(input: CheckInput): Finding[] {
  const { broken } = input.subject;
  const found = CHECKS.flatMap((check) => check(input));
  const explained = found.some(isError);
  const all = [...broken.filter(({ code }) => code !== 'unreadable' || !explained), ...found];
  const refused = all.some((one) => isError(one) && !LOADS_ANYWAY.includes(one.code));
  const { findings, accepted } = askKernel(refused ? { ...input, kernel: undefined } : input);
  const kept = all.filter(({ code, place }) => {
    return !(VERIFIER_DECIDES.includes(code) && accepted.has(place));
  });
  const told = new Set(kept.filter(isError).map(({ place }) => place));
  kept.push(...findings.filter(({ place }) => !told.has(place)));
  return SEVERITIES.flatMap((severity) => kept.filter((one) => one.severity === severity));
}

const isError = ({ severity }: Finding): boolean => severity === 'error';

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
}

function btfReport({ btf }: Subject): BtfReport | undefined {
  return btf && { types: btf.count - 1, kinds: countBy(btf.types.slice(1), ({ kind }) => kind) };
}

function btfExtReport({ ext }: Subject): BtfExtReport | undefined {
  return (
    ext && {
      version: 1,
      functions: ext.functions.length,
      lines: ext.lines.length,
      core: countBy(ext.coreRelocations, ({ kind }) => kind),
    }
  );
}

function programReports({ object }: Subject): ProgramReport[] {
  return (object?.programs ?? []).map((program) => ({
    name: program.name,
    section: program.section,
    type: program.type,
    attachType: program.attachType,
    attachTarget: program.attachTarget,
    autoload: program.autoload !== false,
    insns: program.insns.length / 8,
    subprograms: program.functions.slice(1).map(({ name }) => name),
    stack: stackDepth(program),
    gplHelpers: gplHelpers(program),
  }));
}
