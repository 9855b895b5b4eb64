import { loadKernelProfile } from '../abi/index.ts';
import { type ExplainedLog, explainLog, explanationText } from '../verifier/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard explain`: a log of a kernel's verifier in plain words, without the object. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const profile = await loadKernelProfile();
  const answers = call.operands.map((file) => {
    const text = new TextDecoder().decode(readBytes(file, io));
    return { file, answer: explainLog(text, profile) };
  });
  if (call.json) {
    const json = answers.map(({ file, answer }) => ({ file, ...jsonOf(answer) }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
  } else {
    io.out(answers.map((one) => textOf(one.file, one.answer, answers.length > 1, io)).join('\n'));
  }
  if (answers.some(({ answer }) => answer.verdict === 'unknown')) return EXIT.input;
  return answers.every(({ answer }) => answer.verdict === 'accepted') ? EXIT.ok : EXIT.finding;
}

function jsonOf({ verdict, explanation, processed, notes }: ExplainedLog) {
  return {
    verdict: verdict.replace(' ', '_'),
    ...(processed === undefined ? {} : { insns: processed }),
    ...(explanation ? { explanation } : {}),
    notes,
  };
}

function textOf(file: string, answer: ExplainedLog, several: boolean, io: CliIo): string {
  const style = styleFor(io.color);
  const lines = several ? [style.bold(file)] : [];
  const { verdict, explanation, processed, notes } = answer;
  if (explanation) lines.push(explanationText(explanation, io.columns), '');
  else if (verdict === 'accepted') {
    lines.push(`The verifier accepted it after ${processed} instructions.`);
  }
  if (explanation && processed !== undefined) {
    lines.push(style.dim(`The verifier looked at ${processed} instructions.`));
  }
  lines.push(...notes.map((note) => style.dim(note)));
  return `${lines.join('\n').trimEnd()}\n`;
}
