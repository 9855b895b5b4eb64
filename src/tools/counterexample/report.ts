import { hexBytes } from '../../base/index.ts';
import type { Counterexample, RunInput } from './types.ts';

/** A counterexample in words, a line each. */
export function counterexampleText(found: Counterexample): string[] {
  if (found.kind === 'cannot-run') return [`No input was searched for: ${found.why}.`];
  const tried = `${found.tried.toLocaleString('en')} ${found.tried === 1 ? 'run' : 'runs'}`;
  if (found.kind === 'real') {
    const { line, insn, what, there } = found.fault;
    const place = line ? `line ${line.line}` : `insn ${insn}`;
    return [
      `It really goes wrong (found after ${tried}, and again on a fresh machine), at ` +
        `${place}${there ? '' : ', not where the verifier stopped'}:`,
      `    ${what}`,
      ...inputLines(found.input),
    ];
  }
  if (!found.reached) return [`No input was found that goes wrong, or gets there (${tried}).`];
  const lines = [
    `${tried} went by: some executed the instruction, and nothing went wrong (packets had ` +
      '14 bytes or more, as in Linux). The verifier may be imprecise here.',
  ];
  return found.remedy ? [...lines, `What helps then: ${found.remedy}.`] : lines;
}

function inputLines({ packet, context, maps }: RunInput): string[] {
  const lines = [`    packet (${packet.length} bytes): ${hexBytes(packet)}`];
  if (context.some((byte) => byte !== 0)) lines.push(`    context: ${hexBytes(context)}`);
  for (const { map, key, value } of maps.entries) {
    lines.push(`    map ${map}: ${hexBytes(key)} = ${hexBytes(value)}`);
  }
  return lines;
}

/** The same as plain data for JSON: bytes as hexadecimal text. */
export function counterexampleData(found: Counterexample): unknown {
  if (found.kind !== 'real') return found;
  const { packet, context, maps } = found.input;
  const entries = maps.entries.map(({ map, key, value }) => ({
    map,
    key: hexBytes(key),
    value: hexBytes(value),
  }));
  const input = { packet: hexBytes(packet), context: hexBytes(context), maps: entries };
  return { ...found, input };
}
