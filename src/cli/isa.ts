/** `beeyard isa`: the instruction set, from its table. */
import {
  CONFORMANCE_GROUPS,
  type ConformanceGroup,
  INSN_TABLE,
  insnByName,
  type InsnInfo,
  insnRows,
} from '../isa/index.ts';
import { exampleOf, groupInstructions, instructionShape, instructionText } from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { didYouMean } from './suggest.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [word] = call.operands;
  const { rows, list } = chosen(word);
  if (call.json) io.out(`${toJson(rows.map(jsonOf), call.flag('pretty'))}\n`);
  else if (list) writeList(rows, io);
  else io.out(`${rows.map(instructionText).join('\n\n')}\n`);
  return EXIT.ok;
}

function chosen(word: string | undefined): { rows: readonly InsnInfo[]; list: boolean } {
  if (word === undefined) return { rows: INSN_TABLE, list: true };
  if ((CONFORMANCE_GROUPS as readonly string[]).includes(word)) {
    return { rows: groupInstructions(word as ConformanceGroup), list: true };
  }
  const named = insnByName(word);
  if (named) return { rows: [named], list: false };
  const isOpcode = /^0x[0-9a-f]{1,2}$/i.test(word);
  const rows = isOpcode ? insnRows(Number(word)) : [];
  if (rows.length > 0) return { rows, list: false };
  if (isOpcode) throw usageError(`no instruction has the opcode ${word}`);
  const known = [...CONFORMANCE_GROUPS, ...INSN_TABLE.map(({ name }) => name)];
  throw usageError(`there is no instruction and no group '${word}'${didYouMean(word, known)}`);
}

const opcode = ({ op }: InsnInfo) => `0x${op.toString(16).padStart(2, '0')}`;

function writeList(rows: readonly InsnInfo[], io: CliIo): void {
  const columns = [{ head: 'opcode' }, { head: 'name' }, { head: 'group' }, { head: 'text' }];
  const cells = rows.map((info) => [opcode(info), info.name, info.group, instructionShape(info)]);
  io.out(formatTable(columns, cells, io.columns, styleFor(io.color).dim, 0));
}

function jsonOf(info: InsnInfo) {
  const example = exampleOf(info);
  return { ...info, example: typeof example === 'string' ? null : example };
}
