import { sha1, hexBytes } from '../../base/index.ts';
import type { SarifLog, SarifResult } from '../sarif/types.ts';
import { keyOf } from './gates.ts';
import type { CiFinding } from './types.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';

const RULES: Readonly<Record<CiFinding['gate'], string>> = {
  verdict: 'A program does not load where it should.',
  insns: 'The verifier goes through more instructions than allowed.',
  states: 'The verifier keeps more states than allowed.',
  stack: 'A program needs more stack than allowed.',
  not_loaded: 'User space cannot make a program ready that it could.',
  missing: 'A program of the baseline was not judged.',
};
const RULE_IDS = Object.keys(RULES);

/**
 * Findings as SARIF 2.1.0, the format of code scanning: at the source line the verifier stopped at,
 * or at the object where there is none.
 */
export function findingsSarif(found: readonly CiFinding[], version: string): SarifLog {
  const rules = Object.entries(RULES).map(([id, text]) => ({
    id,
    shortDescription: { text },
    defaultConfiguration: { level: 'error' as const },
  }));
  const driver = { name: 'beeyard ci', semanticVersion: version, rules };
  const run = {
    tool: { driver },
    columnKind: 'utf16CodeUnits' as const,
    invocations: [{ executionSuccessful: true }],
    results: found.map(resultOf),
  };
  return { $schema: SCHEMA, version: '2.1.0', runs: [run] };
}

function resultOf({ record, gate, text, denied }: CiFinding): SarifResult {
  const { file, prog, kernel, shape, source } = record;
  const at = source
    ? { artifactLocation: { uri: clean(source.file) }, region: { startLine: source.line } }
    : { artifactLocation: { uri: clean(file) } };
  const where = shape === 'default' ? kernel : `${kernel} ${shape}`;
  const print = sha1(new TextEncoder().encode(`${gate}\0${keyOf(record)}`));
  return {
    ruleId: gate,
    ruleIndex: RULE_IDS.indexOf(gate),
    level: denied === undefined ? 'error' : 'warning',
    message: { text: `${prog} on ${where}: ${text}` },
    locations: [{ physicalLocation: at }],
    partialFingerprints: { 'gate/v1': hexBytes(print) },
    properties: { object: file, program: prog, kernel, shape },
  };
}

const clean = (path: string): string => encodeURI(path.replace(/^\.\//, ''));
