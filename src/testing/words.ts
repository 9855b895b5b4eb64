import { dissect } from '../packet/index.ts';
import type { SourceLine } from '../object/types.ts';
import { type Decision, decisionOf } from './decision.ts';
import { runsOf } from './machine.ts';

/** Why a result is what it is, line by line: the way of the last program that ran. */
export function explanation(result: unknown): string {
  const runs = runsOf(result);
  if (!runs)
    return "  (why is not known: only machines of beeyard/testing watch, without engine: 'wasm')";
  const last = runs.at(-1);
  return last ? decisionText(decisionOf(last)) : '  no program ran';
}

function decisionText({ program, executed, value, way }: Decision): string {
  const file = value?.line?.file ?? way.at(-1)?.line.file;
  const where = file === undefined ? '' : ` (${file})`;
  const head = `  ${program}${where} returned after ${executed.toLocaleString('en')} instructions:`;
  const lines = way.map(({ line, jumped }) =>
    lineText(line, file, jumped ? '(jumps)' : '(goes on)'),
  );
  if (value?.line) lines.push(lineText(value.line, file, `<- ${value.text}`));
  else if (value) lines.push(`    instruction ${value.insn}: ${value.text}`);
  return [head, ...lines].join('\n');
}

function lineText(line: SourceLine, file: string | undefined, note: string): string {
  const other = line.file === file ? '' : `${line.file}:`;
  return `    ${other}${String(line.line).padStart(4)} | ${line.text.trim()}  ${note}`.trimEnd();
}

/** A packet in one line a header. */
export function packetText(bytes: Uint8Array): string {
  const layers = dissect(bytes).map(({ protocol, fields, problems }) => {
    const shown = fields.map(({ name, text }) => `${name}=${text}`).join(' ');
    const wrong = problems.length > 0 ? `  (${problems.join('; ')})` : '';
    return `    ${protocol}${shown === '' ? '' : ` ${shown}`}${wrong}`;
  });
  return [`  the packet, ${bytes.length} bytes:`, ...layers].join('\n');
}
