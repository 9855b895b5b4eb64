import { sha1, hexBytes } from '../../base/index.ts';
import { type Diagnosis, type Explanation, causeMeaning } from '../../verifier/index.ts';
import { fixOf, locationOf, ROOT } from './places.ts';
import type { SarifLog, SarifResult, SarifRule } from './types.ts';

/** A program and what came of it. */
export interface SarifProgram {
  /** Path of the object. */
  readonly file: string;
  readonly name: string;
  readonly diagnosis?: Diagnosis | undefined;
  /** What a loader says that refuses the program before any verifier sees it. */
  readonly refusal?: string | undefined;
  /** What went wrong in here. */
  readonly bug?: string | undefined;
}

/** How a log is written. */
export interface SarifOptions {
  /** Of beeyard. */
  readonly version: string;
  /** Absolute path; files below it are named relative to it. */
  readonly root: string;
}

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const LOADER = 'loader-or-btf';

/**
 * Rejections as SARIF 2.1.0, the format of code scanning: a rule for each cause, a result for each
 * rejection with its source line, the history of the value as a code flow, the line to blame and
 * the verified fixes. Programs that load give no result.
 *
 * @example
 * const log = sarifLog([{ file: 'x.bpf.o', name: 'drop', diagnosis }], { version, root });
 * writeFileSync('x.sarif', JSON.stringify(log));
 */
export function sarifLog(programs: readonly SarifProgram[], options: SarifOptions): SarifLog {
  const rules = new Rules();
  const results = programs.flatMap((program) => resultsOf(program, rules, options.root));
  const bugs = programs.flatMap(({ name, bug }) => (bug === undefined ? [] : [`${name}: ${bug}`]));
  const notes = bugs.map((text) => ({ level: 'error' as const, message: { text } }));
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'beeyard', semanticVersion: options.version, rules: rules.list } },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [ROOT]: { description: { text: 'where beeyard was called' } } },
        invocations: [
          {
            executionSuccessful: bugs.length === 0,
            ...(notes.length > 0 && { toolExecutionNotifications: notes }),
          },
        ],
        results,
      },
    ],
  };
}

/** The rules in use, in the order they come up. */
class Rules {
  readonly list: SarifRule[] = [];

  indexOf(id: Explanation['cause']): number {
    const known = this.list.findIndex((rule) => rule.id === id);
    if (known >= 0) return known;
    const shortDescription = { text: causeMeaning(id) };
    return this.list.push({ id, shortDescription, defaultConfiguration: { level: 'error' } }) - 1;
  }
}

function resultsOf(program: SarifProgram, rules: Rules, root: string): SarifResult[] {
  const { diagnosis, refusal } = program;
  if (refusal !== undefined) return [refused(program, refusal, rules, root)];
  if (!diagnosis) return [];
  const first = resultOf(program, diagnosis.explanation, rules, root);
  const fixes = diagnosis.fixes.flatMap(({ title, source }) =>
    source ? [fixOf(title, source, root)] : [],
  );
  const others = diagnosis.others.map((one): SarifResult => {
    const result = resultOf(program, one, rules, root);
    // What comes after the first rejection is found by going on, not told by the kernel.
    return { ...result, level: 'warning', properties: { ...result.properties, further: true } };
  });
  return [fixes.length > 0 ? { ...first, fixes } : first, ...others];
}

function resultOf(
  { file, name }: SarifProgram,
  explanation: Explanation,
  rules: Rules,
  root: string,
): SarifResult {
  const { cause, problem, advice, at, blame, steps, code, kernel } = explanation;
  const advised = advice.map((one) => `- ${one}`);
  const isElsewhere = blame.line !== undefined && blame.line.line !== at.line?.line;
  return {
    ruleId: cause,
    ruleIndex: rules.indexOf(cause),
    level: 'error',
    message: { text: [problem, ...advised].join('\n') },
    locations: [
      { ...locationOf(at.line, file, root), logicalLocations: [{ name, kind: 'function' }] },
    ],
    ...(isElsewhere && {
      relatedLocations: [{ id: 1, ...locationOf(blame.line, file, root, 'change this') }],
    }),
    ...(steps.length > 0 && { codeFlows: [flowOf(explanation, file, root)] }),
    partialFingerprints: { 'rejection/v1': fingerprint([name, code, at.line?.text.trim() ?? '']) },
    properties: { program: name, code, kernel, insn: at.insn, text: at.text },
  };
}

/** The history, and at its end the instruction that is refused. */
function flowOf({ steps, at, kernel }: Explanation, file: string, root: string) {
  const told = steps.map(({ line, what, value, insn, text }) => {
    const message = `${what}${value ? `: ${value}` : ''} (insn ${insn}: ${text})`;
    return { location: locationOf(line, file, root, message) };
  });
  const end = { location: locationOf(at.line, file, root, `refused: ${kernel}`) };
  return { threadFlows: [{ locations: [...told, end] }] };
}

function refused(
  { file, name }: SarifProgram,
  text: string,
  rules: Rules,
  root: string,
): SarifResult {
  return {
    ruleId: LOADER,
    ruleIndex: rules.indexOf(LOADER),
    level: 'error',
    message: { text: `The loader refuses it: ${text}` },
    locations: [
      { ...locationOf(undefined, file, root), logicalLocations: [{ name, kind: 'function' }] },
    ],
    partialFingerprints: { 'rejection/v1': fingerprint([name, text]) },
    properties: { program: name },
  };
}

function fingerprint(parts: readonly string[]): string {
  const bytes = sha1(new TextEncoder().encode(parts.join('\n')));
  return hexBytes(bytes);
}
