import { wrapText } from '../../base/index.ts';
import type { LineInfo } from '../types.ts';
import type {
  Diagnosis,
  ExplainedInsn,
  Explanation,
  FixPart,
  MissingFact,
  VerifiedFix,
} from './types.ts';
import { valueText } from './value-text.ts';

/** Steps of the history shown in text; the data has them all. */
const SHOWN_STEPS = 8;

const DEEP = ' '.repeat(8);

/**
 * An explanation as text for a terminal of `width` columns: the sentence, the source line, the
 * value's history, the advice.
 */
export function explanationText(explanation: Explanation, width = 100): string {
  const lines = [...wrapText(explanation.problem, width), ''];
  const { at, blame, subject } = explanation;
  lines.push(...placeLines(at, width));
  if (subject?.value) {
    const value = `${subject.name} is ${valueText(subject.value)} here`;
    lines.push(...wrapText(value, width, DEEP, DEEP));
  }
  const isTold = explanation.steps.some(({ insn }) => insn === blame.insn);
  if (!isTold && isElsewhere(blame, at)) lines.push('', 'Look here:', ...placeLines(blame, width));
  if (explanation.steps.length > 0) {
    lines.push('', headOf(explanation));
    lines.push(...historyLines(explanation, width));
  }
  if (explanation.advice.length > 0) {
    lines.push('', 'What would make it pass:');
    for (const one of explanation.advice) {
      lines.push(...wrapText(one, width, '  - ', '    '));
    }
  }
  return lines.join('\n');
}

/** As `explanationText`, with the missing fact and the further errors. */
export function diagnosisText(diagnosis: Diagnosis, width = 100): string {
  const { explanation, missing, others } = diagnosis;
  const lines = [explanationText(explanation, width)];
  if (missing) lines.push('', ...missingLines(missing, explanation, width));
  if (others.length > 0) {
    lines.push('', others.length === 1 ? 'One more error:' : `${others.length} more errors:`);
    for (const one of others) lines.push(...otherLines(one, width));
  }
  for (const [i, fix] of diagnosis.fixes.entries()) lines.push('', ...fixLines(fix, i, width));
  return lines.join('\n');
}

/** A fix: as lines of C where that is possible, else as instructions. */
function fixLines(fix: VerifiedFix, index: number, width: number): string[] {
  const parts = [fix, ...fix.also];
  const lines = parts.flatMap((part, i) => {
    const head = i > 0 ? '  and: ' : `Fix ${index + 1} (tried on the instructions: it passes): `;
    return [...wrapText(`${head}${part.title}`, width), ...changeLines(part)];
  });
  return lines;
}

const PLACES = { before: 'before', after: 'behind', instead: 'in the place of' };

function changeLines({ source, insns, at }: FixPart): string[] {
  if (source) {
    const { file, line, insert, lines } = source;
    return [
      `    ${PLACES[insert]} ${baseName(file)}:${line}`,
      ...lines.map((one) => `    +${one}`),
    ];
  }
  if (insns.length === 0) return [];
  return [`    at insn ${at.insn}${lineText(at)}`, ...insns.map((one) => `    + ${one}`)];
}

function missingLines(missing: MissingFact, explanation: Explanation, width: number): string[] {
  const { at, needs, known, enough } = missing;
  const place = at.insn === explanation.at.insn ? '' : ` before insn ${at.insn}${lineText(at)}`;
  const now = known ? ` (known: ${known})` : '';
  const rest = enough ? 'with it the program passes' : 'it lets the walk go on, to other errors';
  return wrapText(`Missing: ${needs}${place}${now}. Tried: ${rest}.`, width);
}

function otherLines(one: Explanation, width: number): string[] {
  const { at, problem } = one;
  const place = at.line ? `${baseName(at.line.file)}:${at.line.line}` : `insn ${at.insn}`;
  return wrapText(`${place}: ${problem}`, width, '  - ', '    ');
}

function headOf({ subject, steps }: Explanation): string {
  const isWay = !subject || steps.every(({ kind }) => kind === 'tested');
  return isWay ? 'How it came to that:' : `How ${subject.name} came to be:`;
}

/** True if another line than that of the rejected instruction is to blame. */
function isElsewhere(blame: ExplainedInsn, at: ExplainedInsn): boolean {
  return blame.insn !== at.insn && blame.line?.line !== at.line?.line;
}

const lineText = ({ line }: ExplainedInsn) => (line ? `, line ${line.line}` : '');

function placeLines(at: ExplainedInsn, width: number): string[] {
  const insn = at.text ? [`    ${at.insn}: ${at.text}`] : [];
  return at.line ? [sourceLine(at.line, width), ...insn] : insn;
}

/** '  net.bpf.c:12  if (i < 10)', cut to the width; old logs do not tell file and line. */
function sourceLine({ file, line, text }: LineInfo, width: number): string {
  const place = line > 0 ? `${baseName(file)}:${line}  ` : '';
  const whole = `  ${place}${text.trim().replace(/\s+/g, ' ')}`;
  return whole.length > width ? `${whole.slice(0, width - 1)}…` : whole;
}

/** The steps by source line; `>` marks the one to blame. */
function historyLines({ steps, blame }: Explanation, width: number): string[] {
  const left = steps.length - SHOWN_STEPS;
  const shown = left > 0 ? [steps[0]!, ...steps.slice(left + 1)] : steps;
  const lines: string[] = [];
  let last = '';
  shown.forEach((step, i) => {
    if (i === 1 && left > 0) lines.push(`    … ${left} more`);
    const source = step.line ? sourceLine(step.line, width) : '';
    if (source && source !== last) lines.push(source);
    last = source;
    lines.push(`  ${step.insn === blame.insn ? '>' : ' '} ${step.insn}: ${step.text}`);
    const value = step.value ? `: ${valueText(step.value)}` : '';
    lines.push(...wrapText(`${step.what}${value}`, width, DEEP, DEEP));
  });
  return lines;
}

const baseName = (file: string) => file.slice(file.lastIndexOf('/') + 1);
