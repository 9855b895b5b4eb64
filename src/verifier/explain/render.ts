import { wrapText } from '../../base/index.ts';
import type { Diagnosis, Explanation, ExplainedInsn, ExplainedStep, MissingFact } from './types.ts';

/** Steps of the history shown in text; the data has them all. */
const SHOWN_STEPS = 8;

/**
 * An explanation as text for a terminal of `width` columns: the sentence, the source line, the
 * value's history, the advice.
 */
export function explanationText(explanation: Explanation, width = 100): string {
  const lines = [...wrapText(explanation.problem, width), ''];
  lines.push(...placeLines(explanation.at));
  const { subject } = explanation;
  if (subject?.value) lines.push(`    ${subject.name} is ${subject.value} here`);
  if (explanation.steps.length > 0) {
    lines.push('', subject ? `How ${subject.name} came to be:` : 'How it came to that:');
    lines.push(...historyLines(explanation.steps));
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
  return lines.join('\n');
}

function missingLines(missing: MissingFact, explanation: Explanation, width: number): string[] {
  const { at, needs, known, enough } = missing;
  const place = at.insn === explanation.at.insn ? '' : ` before insn ${at.insn}${lineText(at)}`;
  const now = known ? ` (known: ${known})` : '';
  const rest = enough ? 'With that the program passes.' : 'That alone is not enough.';
  return wrapText(`Tried: it needs ${needs}${now}${place}. ${rest}`, width);
}

function otherLines(one: Explanation, width: number): string[] {
  const { at, problem } = one;
  const place = at.line ? `${baseName(at.line.file)}:${at.line.line}` : `insn ${at.insn}`;
  return wrapText(`${place}: ${problem}`, width, '  - ', '    ');
}

const lineText = ({ line }: ExplainedInsn) => (line ? `, line ${line.line}` : '');

function placeLines(at: ExplainedInsn): string[] {
  const insn = `    insn ${at.insn}: ${at.text}`;
  if (!at.line) return [insn];
  const { file, line, text } = at.line;
  return [`  ${baseName(file)}:${line}`, `    ${text.trim()}`, insn];
}

function historyLines(steps: readonly ExplainedStep[]): string[] {
  const left = steps.length - SHOWN_STEPS;
  const shown = left > 0 ? [steps[0]!, ...steps.slice(left + 1)] : steps;
  const lines: string[] = [];
  let last = '';
  shown.forEach((step, i) => {
    if (i === 1 && left > 0) lines.push(`     … ${left} more`);
    const place = step.line ? `${baseName(step.line.file)}:${step.line.line}` : '';
    const value = step.value ? ` → ${step.value}` : '';
    lines.push(`  ${i + 1}. insn ${step.insn} ${step.text}: ${step.what}${value}`);
    const source = step.line ? `${place}  ${step.line.text.trim()}` : '';
    if (source && source !== last) lines.push(`       ${source}`);
    last = source;
  });
  return lines;
}

const baseName = (file: string) => file.slice(file.lastIndexOf('/') + 1);
